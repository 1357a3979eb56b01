/** The xl.cfg that `run` starts: the given one with the command line's options after it, so that they win. */
import path from "node:path";
import type { RunArguments } from "./arguments.ts";

const DEFAULT_MEMORY_MIB = 256;

function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

/** `base`: text of the config file, or null without one. Paths from the command line are taken from `folder`. */
export function runConfig(base: string | null, options: RunArguments, folder: string): string {
  const lines = base === null ? ['name = "guest"', `memory = ${DEFAULT_MEMORY_MIB}`] : [base];
  if (options.kernel !== null) lines.push(`kernel = ${quote(path.resolve(folder, options.kernel))}`);
  if (options.ramdisk !== null) lines.push(`ramdisk = ${quote(path.resolve(folder, options.ramdisk))}`);
  if (options.cmdline !== null) lines.push(`cmdline = ${quote(options.cmdline)}`);
  if (options.memory !== null) lines.push(`memory = ${options.memory}`, `maxmem = ${options.memory}`);
  if (options.vcpus !== null) lines.push(`vcpus = ${options.vcpus}`, `maxvcpus = ${options.vcpus}`);
  if (options.name !== null) lines.push(`name = ${quote(options.name)}`);
  return `${lines.join("\n")}\n`;
}
