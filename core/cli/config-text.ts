/** Makes the xl.cfg that `run` starts: the given one followed by the command line's options, so that these win. */
import path from "node:path";
import { DISKS, diskText, parseDisk } from "../dom0/backends/blk/config.ts";
import { SpecError } from "../dom0/xenbus/kind.ts";
import { UsageError, type RunArguments } from "./arguments.ts";

const DEFAULT_MEMORY_MIB = 256;

/**
 * Returns what the host is told that a config file is called. As xl takes relative paths in it from the folder that the command runs in, wherever the
 * file itself lies, so does the host from the folder of this name.
 */
export function configNameOf(file: string): string {
  return path.resolve(path.basename(file));
}

function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

/** Returns the same disk with an absolute path, wherever the config is. Throws UsageError. */
function diskWithin(text: string, folder: string): string {
  try {
    return diskText(DISKS.within!(parseDisk(text, []), folder));
  } catch (error) {
    throw error instanceof SpecError ? new UsageError(`--disk "${text}": ${error.message}`) : error;
  }
}

/** `base` is the text of the config file, or null without one. Paths on the command line are taken from `folder`. */
export function runConfig(base: string | null, options: RunArguments, folder: string): string {
  const lines = base === null ? ['name = "guest"', `memory = ${DEFAULT_MEMORY_MIB}`] : [base];
  if (options.kernel !== null) lines.push(`kernel = ${quote(path.resolve(folder, options.kernel))}`);
  if (options.ramdisk !== null) lines.push(`ramdisk = ${quote(path.resolve(folder, options.ramdisk))}`);
  if (options.cmdline !== null) lines.push(`cmdline = ${quote(options.cmdline)}`);
  if (options.memory !== null) lines.push(`memory = ${options.memory}`, `maxmem = ${options.memory}`);
  if (options.vcpus !== null) lines.push(`vcpus = ${options.vcpus}`, `maxvcpus = ${options.vcpus}`);
  for (const disk of options.disks) lines.push(`disk += [ ${quote(diskWithin(disk, folder))} ]`);
  if (options.name !== null) lines.push(`name = ${quote(options.name)}`);
  return `${lines.join("\n")}\n`;
}
