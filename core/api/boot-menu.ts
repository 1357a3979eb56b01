/** The boot menu. Its entries can be changed while the application runs, and are kept in a file if it has one. */
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { moveWholeSync, privateFolderSync, writeWholeSync } from "../files/whole.ts";
import {
  BootConfigError,
  DEFAULT_BOOT_CONFIG,
  checkedEntry,
  entryFor,
  formatBootConfig,
  parseBootConfig,
  type BootConfig,
} from "../toolstack/boot-config.ts";
import { ApiFailure } from "./failure.ts";

const MOST_ENTRIES = 32;

export class BootMenu {
  #config: BootConfig;
  readonly #file: string | null;

  /** A menu that was given is not kept, because its file belongs to the user. `tell` is called with a sentence about a file that can't be used. */
  constructor(given: BootConfig | undefined, file: string | undefined, tell: (message: string) => void) {
    this.#file = given || file === undefined ? null : file;
    this.#config = given ?? (this.#file === null ? null : read(this.#file, tell)) ?? DEFAULT_BOOT_CONFIG;
  }

  get config(): BootConfig {
    return this.#config;
  }

  /** Throws ApiFailure EINVAL that names the existing entries. */
  check(entry: number): void {
    try {
      checkedEntry(this.#config, entry);
    } catch (error) {
      throw refusal(error);
    }
  }

  /** Changes an entry, or adds one after the last. Throws ApiFailure EINVAL, and EIO if it can't be kept. */
  set(entry: number, title: string, cmdline: string): void {
    const { entries } = this.#config;
    if (entry !== entries.length) this.check(entry);
    if (entry >= MOST_ENTRIES) throw new ApiFailure("EINVAL", `A boot menu has at most ${MOST_ENTRIES} entries.`);
    try {
      const changed = [...entries];
      changed[entry] = entryFor(title, cmdline);
      this.#keep({ ...this.#config, entries: changed });
    } catch (error) {
      throw refusal(error);
    }
  }

  remove(entry: number): void {
    this.check(entry);
    const { entries, defaultEntry } = this.#config;
    if (entries.length === 1) throw new ApiFailure("EINVAL", "A boot menu has at least one entry.");
    this.#keep({
      ...this.#config,
      entries: entries.filter((_, i) => i !== entry),
      defaultEntry: afterRemoval(defaultEntry, entry),
    });
  }

  #keep(config: BootConfig): void {
    if (this.#file !== null)
      try {
        privateFolderSync(path.dirname(this.#file));
        writeWholeSync(this.#file, formatBootConfig(config));
      } catch (error) {
        throw new ApiFailure("EIO", `The boot menu can't be kept: ${(error as Error).message}.`);
      }
    this.#config = config;
  }
}

/** Returns the new number of entry `number` once entry `removed` is gone; if it is that entry, the number of the one in its place. */
export function afterRemoval(number: number, removed: number): number {
  return number > removed || (number === removed && number > 0) ? number - 1 : number;
}

function refusal(error: unknown): unknown {
  return error instanceof BootConfigError ? new ApiFailure("EINVAL", error.message) : error;
}

function read(file: string, tell: (message: string) => void): BootConfig | null {
  try {
    return parseBootConfig(readFileSync(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    const why = error instanceof Error ? error.message : String(error);
    const aside = `${file}.spoiled`;
    try {
      rmSync(aside, { force: true, recursive: true });
      moveWholeSync(file, aside);
      tell(`${file} can't be used: ${why}. It was put aside as ${path.basename(aside)}.`);
    } catch {
      tell(`${file} can't be used: ${why}.`);
    }
    return null;
  }
}
