/** The boot menu for `run` and `serve`: reads the file and finds the entry. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { BootConfigError, DEFAULT_BOOT_CONFIG, parseBootConfig, type BootConfig } from "../toolstack/boot-config.ts";
import { UsageError, type HostArguments } from "./arguments.ts";

export interface BootMenu {
  boot: BootConfig;
  bootEntry: number;
}

/** Throws UsageError with a sentence that names the file, or the existing entries. */
export async function bootMenu({
  bootConfig,
  bootEntry,
}: Pick<HostArguments, "bootConfig" | "bootEntry">): Promise<BootMenu> {
  const boot = bootConfig === null ? DEFAULT_BOOT_CONFIG : await readBootConfig(bootConfig);
  return { boot, bootEntry: bootEntry === null ? boot.defaultEntry : entryNumber(boot, bootEntry) };
}

async function readBootConfig(file: string): Promise<BootConfig> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`${file} can't be read: ${(error as Error).message}`);
  }
  try {
    const boot = parseBootConfig(text);
    const folder = path.dirname(path.resolve(file));
    return { ...boot, autostart: boot.autostart.map((config) => path.resolve(folder, config)) };
  } catch (error) {
    throw error instanceof BootConfigError ? new UsageError(`${file}: ${error.message}`) : error;
  }
}

function entryNumber({ entries }: BootConfig, wanted: string): number {
  const titled = entries.findIndex(({ title }) => title === wanted);
  const number = titled < 0 && /^\d+$/.test(wanted) ? Number(wanted) : titled;
  if (entries[number]) return number;
  const allowed = entries.map(({ title }, i) => `${i} or "${title}"`).join(", ");
  throw new UsageError(`--boot-entry is "${wanted}"; allowed: ${allowed}`);
}
