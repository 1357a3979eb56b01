/** The machines on which guest-bench is timed. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { loadKernel } from "../../core/dom0/builder/image.ts";
import type { GuestTypeName } from "../../core/dom0/kernel/hypercalls.ts";
import { debianKernel, initramfs, xenHypervisor } from "../guests/images.ts";
import { guestBench } from "../guests/programs.ts";
import { runGuest } from "../guests/run.ts";

export const NATIVE = "native";
export const OURS = "Xenarium";
export const QEMU = "QEMU TCG";
export const XEN = "Xen in QEMU";

export interface Run {
  text: string;
  /** The guest's own clock at GUEST-READY in seconds; NaN for the native run. */
  ready: number;
}
export type Machine = [name: string, run: () => Run | Promise<Run>];

const MEMORY_MIB = "512";
const LIMIT_MS = 600_000;

let made: string | null = null;
/** A folder of this run for the files that machines are started with. It is removed when the process ends. */
function folder(): string {
  if (made !== null) return made;
  const fresh = mkdtempSync(path.join(tmpdir(), "xenarium-bench-"));
  process.on("exit", () => rmSync(fresh, { recursive: true, force: true }));
  return (made = fresh);
}

/**
 * Returns the machines that are available here: here with a guest of this type, and QEMU with the same way into the kernel. `xen` adds real Xen.
 * `missing` has one sentence for each of the others that says what to install.
 */
export function machines(xen: boolean, type: GuestTypeName): { machines: Machine[]; missing: string[] } {
  const found: Machine[] = [
    [NATIVE, native],
    [OURS, () => ours(type)],
  ];
  if (!hasQemu()) return { machines: found, missing: ["QEMU was not measured: apt-get install qemu-system-x86."] };
  found.push([QEMU, () => qemu(type)]);
  if (!xen) return { machines: found, missing: [] };
  try {
    xenHypervisor();
  } catch {
    return {
      machines: found,
      missing: ["Xen was not measured: apt-get knows no package xen-hypervisor-4.17-amd64 (Debian 12 has it)."],
    };
  }
  found.push([XEN, xenInQemu]);
  return { machines: found, missing: [] };
}

export function hasQemu(): boolean {
  return spawnSync("qemu-system-x86_64", ["--version"], { stdio: "ignore" }).status === 0;
}

function native(): Run {
  return { text: execFileSync(guestBench(), { encoding: "utf8" }), ready: NaN };
}

async function ours(type: GuestTypeName): Promise<Run> {
  const config = path.join(folder(), "guest.cfg");
  writeFileSync(
    config,
    `name = "bench"\ntype = "${type}"\nkernel = "${debianKernel()}"\nramdisk = "${initramfs("bench")}"\n` +
      `memory = ${MEMORY_MIB}\nextra = "console=hvc0 quiet"\n`,
  );
  const { stdout, stderr, status } = await runGuest([config, "--pcpus", "1"]);
  if (status !== 0) throw new Error(`the guest ended with status ${status}\n${stdout}\n${stderr}`);
  return finished(stdout);
}

async function qemu(type: GuestTypeName): Promise<Run> {
  const kernel = type === "pvh" ? await unpackedKernel() : debianKernel();
  const boot = ["-kernel", kernel, "-initrd", initramfs("bench"), "-append", "console=ttyS0 quiet"];
  return emulate(["-cpu", "max", "-m", MEMORY_MIB, "-nodefaults", ...boot]);
}

/** Returns the ELF file inside Debian's kernel, which QEMU enters by its PVH note. */
export async function unpackedKernel(): Promise<string> {
  const { bytes } = await loadKernel(readFileSync(debianKernel()), "Debian's kernel", undefined, "pvh");
  const file = path.join(folder(), "vmlinux");
  writeFileSync(file, bytes);
  return file;
}

/** The kernel is dom0 there, which is a PV guest like others. `-cpu max` makes it crash. */
function xenInQemu(): Promise<Run> {
  const modules = `${debianKernel()} console=hvc0 quiet,${initramfs("bench")}`;
  const xen = ["-kernel", xenHypervisor(), "-append", "dom0_mem=384M noreboot com1=115200,8n1 console=com1"];
  return emulate(["-cpu", "qemu64", "-m", "1024", ...xen, "-initrd", modules]);
}

/** Runs QEMU until the guest is done, since some guests cannot power it off. */
export async function emulate(args: string[]): Promise<Run> {
  const all = ["-accel", "tcg", "-display", "none", "-monitor", "none", "-no-reboot", "-serial", "stdio", ...args];
  const child = spawn("qemu-system-x86_64", all, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    if (/^GUEST-DONE.*\n/m.test(text)) child.kill("SIGKILL");
  });
  await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(timer);
  return finished(text);
}

function finished(console: string): Run {
  const text = console.replaceAll("\r", "");
  if (!/^GUEST-DONE/m.test(text)) throw new Error(`the guest did not come to its end:\n${text.slice(-3000)}`);
  return { text, ready: Number(/GUEST-READY uptime=([\d.]+)/.exec(text)?.[1] ?? NaN) };
}
