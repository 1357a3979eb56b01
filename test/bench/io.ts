/** Measures disks: what a Debian guest reads and writes on a raw image here and under QEMU's TCG, and what Node does with the same file. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import path from "node:path";
import { debianKernel, initramfs, kernelModules } from "../guests/images.ts";
import { program } from "../guests/programs.ts";
import { runGuest } from "../guests/run.ts";
import { emulate, hasQemu, OURS, QEMU } from "./machines.ts";

const IMAGE_BYTES = 512 << 20;
const CHUNK = 1 << 20;
const BLOCK = 4096;
const DEPTH = 32;
const NODE_SECONDS = 4;
const NODE = "Node";

/** io-bench.c has the same numbers. */
const PASSES = 3;

/** Bytes and operations per second. "Settled" is the last pass, when a machine has translated what it executes. */
interface Figures {
  read: number;
  write: number;
  readSettled: number;
  writeSettled: number;
  random: number;
}
export interface InOut {
  /** By name of the machine. */
  machines: Map<string, Figures>;
  /** The load of the operating system when the measurement began. */
  load: number;
}

export async function measureInOut(): Promise<InOut> {
  const folder = mkdtempSync(path.join(tmpdir(), "xenarium-io-"));
  const load = loadavg()[0]!;
  try {
    const image = path.join(folder, "disk.img");
    writeFileSync(image, Buffer.alloc(IMAGE_BYTES, "What lies on the disk. "));
    const machines = new Map([[NODE, await node(image)]]);
    machines.set(OURS, await ours(image));
    if (hasQemu()) machines.set(QEMU, await qemu(image));
    return { machines, load };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function node(image: string): Promise<Figures> {
  const file = await open(image, "r+");
  try {
    const buffer = new Uint8Array(new SharedArrayBuffer(CHUNK)).fill(7);
    const whole = async (move: (at: number) => Promise<unknown>): Promise<number> => {
      const start = performance.now();
      for (let at = 0; at < IMAGE_BYTES; at += CHUNK) await move(at);
      await file.datasync();
      return IMAGE_BYTES / ((performance.now() - start) / 1000);
    };
    const passes: { read: number; write: number }[] = [];
    for (let pass = 0; pass < PASSES; pass++)
      passes.push({
        read: await whole((at) => file.read(buffer, 0, CHUNK, at)),
        write: await whole((at) => file.write(buffer, 0, CHUNK, at)),
      });
    const last = passes.at(-1)!;
    let done = 0;
    const start = performance.now();
    const seconds = (): number => (performance.now() - start) / 1000;
    const reader = async (view: Uint8Array): Promise<void> => {
      for (; seconds() < NODE_SECONDS; done++)
        await file.read(view, 0, BLOCK, Math.floor(Math.random() * (IMAGE_BYTES / BLOCK)) * BLOCK);
    };
    await Promise.all(Array.from({ length: DEPTH }, (_, i) => reader(buffer.subarray(i * BLOCK, (i + 1) * BLOCK))));
    return { ...passes[0]!, readSettled: last.read, writeSettled: last.write, random: done / seconds() };
  } finally {
    await file.close();
  }
}

const ramdisk = (device: string, modules: string[]): string =>
  initramfs(
    "ready",
    `io-bench /dev/${device}\necho "GUEST-DONE uptime=$(cat /proc/uptime)"\npoweroff -f`,
    { "io-bench": program("test/bench/io-bench.c") },
    kernelModules(...modules),
  );

async function ours(image: string): Promise<Figures> {
  const folder = path.dirname(image);
  const config = path.join(folder, "io.cfg");
  writeFileSync(
    config,
    [
      `name = "io"`,
      `kernel = "${debianKernel()}"`,
      `ramdisk = "${ramdisk("xvda", ["xen-blkfront"])}"`,
      `cmdline = "console=hvc0 quiet"`,
      `memory = 256`,
      `disk = ["${image},raw,xvda,rw"]`,
    ].join("\n"),
  );
  const { stdout, stderr, status } = await runGuest([config, "--pcpus", "1", "--host-memory", "512"]);
  if (status !== 0) throw new Error(`the guest ended with status ${status}\n${stdout}\n${stderr}`);
  return figures(stdout);
}

async function qemu(image: string): Promise<Figures> {
  const disk = ["-drive", `file=${image},format=raw,if=virtio,cache=writeback`];
  const boot = ["-kernel", debianKernel(), "-initrd", ramdisk("vda", ["virtio_pci", "virtio_blk"])];
  const { text } = await emulate([
    "-cpu",
    "max",
    "-m",
    "256",
    "-nodefaults",
    ...boot,
    "-append",
    "console=ttyS0 quiet",
    ...disk,
  ]);
  return figures(text);
}

function figures(console: string): Figures {
  const found: Record<string, [number, number, number]> = {};
  for (const [, name, ...numbers] of console.matchAll(/^IO (\w+) (\d+) (\d+) ([\d.]+)\r?$/gm))
    found[name!] = numbers.map(Number) as [number, number, number];
  const bytes = (name: string): number => {
    const numbers = found[name];
    if (!numbers) throw new Error(`the guest did not come to its end:\n${console.slice(-2000)}`);
    return numbers[0] / numbers[2];
  };
  return {
    read: bytes("read"),
    write: bytes("write"),
    readSettled: bytes("readSettled"),
    writeSettled: bytes("writeSettled"),
    random: bytes("random") / BLOCK,
  };
}

export function inOutReport(all: InOut[], median: (numbers: number[]) => number): string {
  const names = [...all[0]!.machines.keys()];
  const of = (name: string, pick: (figures: Figures) => number): number =>
    median(all.map(({ machines }) => pick(machines.get(name)!)));
  const mebibytes = (value: number): string => (value / 2 ** 20).toFixed(0);
  const rows: [string, (figures: Figures) => number, (value: number) => string][] = [
    ["sequential read, MiB/s", ({ read }) => read, mebibytes],
    ["sequential write and flush, MiB/s", ({ write }) => write, mebibytes],
    ["the third read, MiB/s", ({ readSettled }) => readSettled, mebibytes],
    ["the third write and flush, MiB/s", ({ writeSettled }) => writeSettled, mebibytes],
    [
      `random read of ${BLOCK / 1024} KiB, ${DEPTH} under way, per s`,
      ({ random }) => random,
      (value) => value.toFixed(0),
    ],
  ];
  const head = ["", ...names, ...names.filter((name) => name !== OURS).map((name) => `${OURS} / ${name}`)];
  const lines = rows.map(([title, pick, show]) => {
    const others = names.filter((name) => name !== OURS).map((name) => (of(OURS, pick) / of(name, pick)).toFixed(2));
    return [title, ...names.map((name) => show(of(name, pick))), ...others];
  });
  const table = [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  return [
    `A raw image of ${IMAGE_BYTES >> 20} MiB that the operating system has in its cache, as a Debian guest's disk (xen-blkfront here, virtio-blk in`,
    `QEMU), past the guest's own cache, a mebibyte at a time; Node reads and writes the same file in the same pieces. 1 vCPU.`,
    `The machine's load when it began: ${all.map(({ load }) => load.toFixed(1)).join(", ")}.`,
    "",
    table,
  ].join("\n");
}

/** Says why it cannot be measured here, or returns null. */
export function inOutMissing(): string | null {
  return spawnSync("gcc", ["--version"], { stdio: "ignore" }).error ? "--io needs gcc." : null;
}
