/** `--profile FILE`: the profile of a run, with those names of its kernel's functions that are available. */
import { readFile, writeFile } from "node:fs/promises";
import { ImageError } from "../dom0/builder/elf.ts";
import { loadKernel } from "../dom0/builder/image.ts";
import { kallsyms } from "../toolstack/profile/kallsyms.ts";
import type { Profiler } from "../toolstack/profile/profiler.ts";
import { profileReport, type ReportContext } from "../toolstack/profile/report.ts";
import { elfSymbols, systemMapSymbols } from "../toolstack/profile/symbols.ts";
import { UsageError } from "./arguments.ts";

/** `symbols`: a System.map, the content of /proc/kallsyms, or an ELF file with symbols. */
export async function checkedSymbols(symbols: string | null): Promise<ReportContext["symbols"]> {
  if (symbols === null) return null;
  let bytes: Buffer;
  try {
    bytes = await readFile(symbols);
  } catch (error) {
    throw new UsageError(`${symbols} can't be read: ${(error as Error).message}`);
  }
  const found = elfSymbols(bytes) ?? systemMapSymbols(bytes.toString("latin1"));
  if (!found)
    throw new UsageError(`${symbols} has no symbols; allowed: a System.map, a copy of /proc/kallsyms, an ELF file`);
  return found;
}

/** To be called while the host is on. */
export async function writeProfile(
  profiler: Profiler,
  file: string,
  kernel: string,
  given: ReportContext["symbols"],
): Promise<void> {
  const profile = await profiler.stop();
  const symbols = given ?? (await kernelSymbols(kernel));
  const symbolsMissing = symbols
    ? null
    : "The kernel's file has no symbols. Give --symbols FILE (a System.map, or its ELF file before it was stripped) for names.";
  await writeFile(file, profileReport(profile, { symbols, symbolsMissing }));
}

async function kernelSymbols(kernel: string): Promise<ReportContext["symbols"]> {
  try {
    const { bytes } = await loadKernel(await readFile(kernel), kernel);
    return elfSymbols(bytes) ?? kallsyms(bytes);
  } catch (error) {
    // It was no kernel, which the creation of the domain has reported.
    if (error instanceof ImageError) return null;
    throw error;
  }
}
