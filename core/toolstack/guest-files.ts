/** The files with which a domain begins, which its configuration names. They come from whoever asked for the domain, or from the host's disk. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Module } from "../dom0/builder/build.ts";
import { ImageError, type ElfImage } from "../dom0/builder/elf.ts";
import { identifyImage, linuxVersion, loadKernel } from "../dom0/builder/image.ts";
import { Refusal } from "./error.ts";
import type { CreateOptions, DomainConfig } from "./messages.ts";

/** What a domain begins with, wherever it came from, and how long it took to get it. */
export interface GuestImage {
  kernel: ElfImage;
  modules: readonly Module[];
  cmdline: string;
  timings: { name: string; milliseconds: number }[];
}

/** Returns the kernel and the RAM disk that a configuration names. Throws Refusal, ImageError, or the reason with which `wanted` was aborted. */
export async function guestFiles(
  config: DomainConfig,
  options: CreateOptions,
  wanted: AbortSignal,
): Promise<GuestImage> {
  const began = performance.now();
  const kernelBytes = await givenFile(config.kernel, options, "kernel");
  const ramdisk = config.ramdisk === null ? null : await givenFile(config.ramdisk, options, "ramdisk");
  const image = await imageOf(config, options, wanted, { ...kernelOf(config), bytes: kernelBytes, ramdisk });
  wanted.throwIfAborted();
  return { ...image, timings: [{ name: "files", milliseconds: performance.now() - began }] };
}

const kernelOf = ({ kernel, cmdline }: DomainConfig): { name: string; cmdline: string } => ({
  name: path.basename(kernel),
  cmdline,
});

/**
 * Returns what is found out about a kernel, wherever it came from. It may be the domain's own kernel, or the one that its shim is given. Throws like
 * guestFiles().
 */
export async function imageOf(
  config: DomainConfig,
  options: CreateOptions,
  wanted: AbortSignal,
  found: { name: string; bytes: Uint8Array; ramdisk: Uint8Array | null; cmdline: string },
): Promise<Omit<GuestImage, "timings">> {
  const { name, bytes, ramdisk, cmdline } = found;
  const disk = ramdisk ? [{ bytes: ramdisk, cmdline: null }] : [];
  if (!config.shim) {
    const kernel = await loadKernel(bytes, name, wanted, config.type);
    // A PVH kernel other than Linux may take anything as its module, as xen-shim takes a kernel.
    if (ramdisk && (config.type === "pv" || linuxVersion(kernel)))
      await checkRamdisk(ramdisk, config.ramdisk ?? "ramdisk", wanted);
    return { kernel, modules: disk, cmdline };
  }
  // The shim unpacks the kernel again. If it is no PV kernel, that is reported here.
  await loadKernel(bytes, name, wanted, "pv");
  if (ramdisk) await checkRamdisk(ramdisk, config.ramdisk ?? "ramdisk", wanted);
  const shim = await givenFile(config.shim.path, options, "pvshim_path");
  const kernel = await loadKernel(shim, path.basename(config.shim.path), wanted, "pvh");
  return { kernel, modules: [{ bytes, cmdline }, ...disk], cmdline: config.shim.cmdline };
}

async function givenFile(name: string, options: CreateOptions, key: string): Promise<Uint8Array> {
  const given = options.files?.[name];
  if (given) return given;
  const file = path.resolve(options.configName ? path.dirname(path.resolve(options.configName)) : ".", name);
  try {
    return await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "EIO";
    const why = { ENOENT: "there is no such file", EISDIR: "it is a folder", EACCES: "it may not be read" }[code];
    throw new Refusal(code, `The ${key} ${file} can't be read: ${why ?? (error as Error).message}.`);
  }
}

/** A kernel given as RAM disk is a mistake, which is worth a sentence. Anything else concerns only the guest. */
async function checkRamdisk(bytes: Uint8Array, name: string, wanted: AbortSignal): Promise<void> {
  const isKernel = bytes[0] === 0x7f && bytes[1] === 0x45;
  if (bytes.length === 0) throw new ImageError(`${path.basename(name)}: the ramdisk is an empty file.`);
  if (!isKernel && !(bytes.length > 0x206 && Buffer.from(bytes.subarray(0x202, 0x206)).toString() === "HdrS")) return;
  const { summary } = await identifyImage(bytes, wanted);
  throw new ImageError(`${path.basename(name)}: this is a kernel (${summary}), not a ramdisk. Are the two swapped?`);
}
