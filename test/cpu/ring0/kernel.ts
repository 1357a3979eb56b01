/**
 * The kernel that prints what ring 0 sees (kernel.c, entry.S). It is built here with gcc and run by QEMU's TCG. The records of both are kernel.bin.gz
 * and qemu.txt, whose first line names the sources that they were made from. `npx vite-node test/cpu/ring0/record.ts` makes them again.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";

const here = import.meta.dirname;
const SOURCES = ["kernel.c", "entry.S", "kernel.ld"];
export const IMAGE = path.join(here, "kernel.bin.gz");
export const RECORD = path.join(here, "qemu.txt");
const COMPILER = "-m32 -march=i686 -mno-sse -mno-mmx -O1 -ffreestanding -fno-pic -fno-pie -fno-stack-protector";
const QEMU_TIME = 60_000;

export function sourcesHash(): string {
  const hash = createHash("sha256");
  for (const name of SOURCES) hash.update(readFileSync(path.join(here, name)));
  return hash.digest("hex");
}

/** Builds the flat image from its sources. Needs gcc and binutils for x86. */
export function buildKernel(folder: string): Uint8Array {
  mkdirSync(folder, { recursive: true });
  const at = (name: string): string => path.join(folder, name);
  const run = (command: string, ...args: string[]): unknown =>
    execFileSync(command, args, { cwd: here, stdio: ["ignore", "pipe", "pipe"] });
  run("gcc", ...COMPILER.split(" "), "-fno-asynchronous-unwind-tables", "-c", "kernel.c", "-o", at("kernel.o"));
  run("gcc", "-m32", "-c", "entry.S", "-o", at("entry.o"));
  run("ld", "-m", "elf_i386", "-T", "kernel.ld", "-o", at("kernel.elf"), at("entry.o"), at("kernel.o"));
  run("objcopy", "-O", "binary", at("kernel.elf"), at("kernel.bin"));
  return readFileSync(at("kernel.bin"));
}

/** Returns what the kernel in `folder` prints in QEMU's TCG. */
export function runInQemu(folder: string): string {
  const output = path.join(folder, "qemu.txt");
  const machine = "-M pc -accel tcg -cpu max -m 64 -nographic -nodefaults -no-reboot".split(" ");
  const devices = ["-debugcon", `file:${output}`, "-device", "isa-debug-exit,iobase=0xf4,iosize=4"];
  const kernel = ["-kernel", path.join(folder, "kernel.bin")];
  // Its exit status is what the kernel wrote to port F4.
  const { error } = spawnSync("qemu-system-x86_64", [...machine, ...kernel, ...devices], { timeout: QEMU_TIME });
  if (error) throw error;
  return readFileSync(output, "latin1");
}

export function recorded(): { sources: string; image: Uint8Array; text: string } {
  const [first, ...rest] = readFileSync(RECORD, "utf8").split("\n");
  return { sources: first!.replace("sources ", ""), image: gunzipSync(readFileSync(IMAGE)), text: rest.join("\n") };
}
