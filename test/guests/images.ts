/**
 * Real guests for the tests, from Debian's packages, cached in .cache/guests: a kernel, GRUB for Xen, busybox initial RAM disks. With CI=true
 * whatever is missing is an error; elsewhere the tests that need it say so and are skipped.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { guestBench } from "./programs.ts";

const root = path.resolve(import.meta.dirname, "../..");
const cache = path.join(root, ".cache/guests");

let listsUpdated = false;

/** Downloads a Debian package (without installing it) and returns the folder of its files. */
export function debianPackage(name: string): string {
  const folder = path.join(cache, name);
  const isComplete = () => existsSync(path.join(folder, ".complete"));
  if (!isComplete())
    alone(() => {
      if (!isComplete()) download(name, folder);
    });
  return folder;
}

/** Two runs of vitest are under way at once (../run.mjs). While one uses apt, the other waits. */
function alone<T>(action: () => T): T {
  mkdirSync(cache, { recursive: true });
  const lock = path.join(cache, ".lock");
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      // The process that held the lock may have been ended.
      if (!isRunning(Number(safely(() => readFileSync(lock, "utf8")) ?? process.pid))) rmSync(lock, { force: true });
      Atomics.wait(pause, 0, 0, 200);
    }
  }
  try {
    return action();
  } finally {
    rmSync(lock);
  }
}

const isRunning = (pid: number): boolean => pid === 0 || safely(() => process.kill(pid, 0)) === true;

function download(name: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  try {
    run("apt-get", "-qq", "download", name);
  } catch (error) {
    if (listsUpdated) throw error;
    run("apt-get", "-qq", "update");
    listsUpdated = true;
    run("apt-get", "-qq", "download", name);
  }
  const file = readdirSync(folder).find((entry) => entry.endsWith(".deb"));
  if (!file) throw new Error(`apt-get downloaded no file for ${name}`);
  run("dpkg", "-x", file, ".");
  rmSync(path.join(folder, file));
  writeFileSync(path.join(folder, ".complete"), "");
}

/** The kernel that linux-image-amd64 depends on. Returns the path of its vmlinuz. */
export function debianKernel(): string {
  const found = existsSync(cache) && readdirSync(cache).find((entry) => /^linux-image-6\.1.*-amd64$/.test(entry));
  const name = found || alone(newestKernelPackage);
  const boot = path.join(debianPackage(name), "boot");
  return path.join(
    boot,
    readdirSync(boot).find((entry) => entry.startsWith("vmlinuz-"))!,
  );
}

function newestKernelPackage(): string {
  const ask = () =>
    execFileSync("apt-cache", ["depends", "linux-image-amd64"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  const pattern = /Depends: (linux-image-6\.1\S*-amd64)/;
  let name = pattern.exec(safely(ask) ?? "")?.[1];
  if (!name) {
    execFileSync("apt-get", ["-qq", "update"], { stdio: "ignore" });
    listsUpdated = true;
    name = pattern.exec(ask())?.[1];
  }
  if (!name) throw new Error("apt knows no linux-image-6.1 package");
  return name;
}

/** The paths of modules of that kernel, and of those that they need, in the order in which they must be loaded. */
export function kernelModules(...names: string[]): string[] {
  const modules = path.join(path.dirname(debianKernel()), "../lib/modules");
  const files = new Map<string, string>();
  for (const entry of readdirSync(modules, { recursive: true, encoding: "utf8" }))
    if (entry.endsWith(".ko")) files.set(path.basename(entry, ".ko").replaceAll("-", "_"), path.join(modules, entry));
  const ordered: string[] = [];
  const add = (name: string): void => {
    const file = files.get(name.replaceAll("-", "_"));
    if (!file) throw new Error(`Debian's kernel has no module ${name}`);
    // From the module's .modinfo section.
    const needs = /\0depends=([^\0]*)\0/.exec(readFileSync(file, "latin1"))?.[1] ?? "";
    for (const need of needs.split(",").filter(Boolean)) add(need);
    if (!ordered.includes(file)) ordered.push(file);
  };
  names.forEach(add);
  return ordered;
}

export function grubForXen(): string {
  return path.join(debianPackage("grub-xen-host"), "usr/lib/grub-xen/grub-x86_64-xen.bin");
}

/** Real Xen, unpacked as a multiboot loader needs it. */
export function xenHypervisor(): string {
  const unpacked = path.join(cache, "xen-4.17");
  if (!existsSync(unpacked)) {
    const boot = path.join(debianPackage("xen-hypervisor-4.17-amd64"), "boot");
    const packed = readdirSync(boot).find((entry) => /^xen-4\.17.*\.gz$/.test(entry))!;
    const partial = `${unpacked}.${process.pid}`;
    writeFileSync(partial, gunzipSync(readFileSync(path.join(boot, packed))));
    renameSync(partial, unpacked);
  }
  return unpacked;
}

function safely<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}

/** Says why the Debian guests are not available here, or returns null. */
export function guestsMissing(): string | null {
  return whyMissing("Debian's kernel", () => {
    debianKernel();
    grubForXen();
    debianPackage("busybox-static");
  });
}

/** Says why a package of Debian's is not available here, or returns null. */
export function packageMissing(name: string): string | null {
  return whyMissing(`Debian's package ${name}`, () => void debianPackage(name));
}

function whyMissing(what: string, get: () => void): string | null {
  try {
    get();
    return null;
  } catch (error) {
    const reason = `${what} could not be downloaded: ${(error as Error).message}`;
    if (process.env.CI) throw new Error(reason);
    return reason;
  }
}

export interface CpioEntry {
  name: string;
  mode: number;
  data: Uint8Array;
}

/** Makes an archive in the "newc" format, which Linux unpacks as its initial RAM disk (Documentation/driver-api/early-userspace). */
export function newc(entries: CpioEntry[]): Buffer {
  const chunks: Buffer[] = [];
  const pad = (length: number) => Buffer.alloc((4 - (length % 4)) % 4);
  [...entries, { name: "TRAILER!!!", mode: 0, data: new Uint8Array() }].forEach(({ name, mode, data }, inode) => {
    const fields = [inode + 1, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length + 1, 0];
    const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}${name}\0`);
    chunks.push(header, pad(header.length), Buffer.from(data), pad(data.length));
  });
  return Buffer.concat(chunks);
}

const TOOLS = [
  ..."sh mount cat echo poweroff reboot uname ls dd free ps top mkdir sleep dmesg sync md5sum nproc".split(" "),
  ..."setsid seq yes head wc grep sort sha256sum gzip taskset stty".split(" "),
  ..."insmod rmmod umount blockdev cmp fstrim sed tail tr usleep mknod cut".split(" "),
];

export type InitramfsKind = "ready" | "bench" | "shell";

/**
 * A busybox initial RAM disk. `ready` prints GUEST-READY and powers off, `bench` runs guest-bench between the two, and `shell` leaves a root shell on
 * the console. `script` replaces what follows GUEST-READY; `programs` are the paths of further files for /bin, by name; `modules` are loaded in their
 * order before that.
 */
export function initramfs(
  kind: InitramfsKind,
  script?: string,
  programs: Record<string, string> = {},
  modules: readonly string[] = [],
): string {
  mkdirSync(cache, { recursive: true });
  const busybox = readFileSync(path.join(debianPackage("busybox-static"), "bin/busybox"));
  const entries: CpioEntry[] = ["bin", "proc", "sys", "dev", "tmp", "mnt", ...(modules.length ? ["lib"] : [])].map(
    (name) => ({
      name,
      mode: 0o40755,
      data: new Uint8Array(),
    }),
  );
  entries.push({ name: "bin/busybox", mode: 0o100755, data: busybox });
  for (const tool of TOOLS) entries.push({ name: `bin/${tool}`, mode: 0o120777, data: Buffer.from("busybox") });
  if (kind === "bench") entries.push({ name: "bin/guest-bench", mode: 0o100755, data: readFileSync(guestBench()) });
  for (const [name, from] of Object.entries(programs))
    entries.push({ name: `bin/${name}`, mode: 0o100755, data: readFileSync(from) });
  for (const module of modules)
    entries.push({ name: `lib/${path.basename(module)}`, mode: 0o100644, data: readFileSync(module) });
  const body =
    script ??
    {
      ready: "poweroff -f",
      bench: '/bin/guest-bench\necho "GUEST-DONE uptime=$(cat /proc/uptime)"\npoweroff -f',
      shell: "exec setsid -c sh",
    }[kind];
  const init = [
    "#!/bin/sh",
    "mount -t proc proc /proc",
    "mount -t sysfs sysfs /sys",
    "mount -t devtmpfs devtmpfs /dev",
    'echo "GUEST-READY uptime=$(cat /proc/uptime)"',
    'echo "GUEST-INFO hypervisor=$(cat /sys/hypervisor/type 2>/dev/null) type=$(cat /sys/hypervisor/guest_type 2>/dev/null) cpus=$(nproc)"',
    ...modules.map((module) => `insmod /lib/${path.basename(module)}`),
    body,
    "",
  ].join("\n");
  entries.push({ name: "init", mode: 0o100755, data: Buffer.from(init) });
  const archive = newc(entries);
  const digest = createHash("sha256").update(archive).digest("hex").slice(0, 16);
  const file = path.join(cache, `initramfs-${kind}-${digest}.cpio.gz`);
  if (!existsSync(file)) {
    const partial = `${file}.${process.pid}`;
    writeFileSync(partial, gzipSync(archive, { level: 9 }));
    renameSync(partial, file);
  }
  return file;
}
