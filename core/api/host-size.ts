/** The size of the host at its next power-on: chosen by the user and kept, or else what fits the computer. */
import { mkdirSync, readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import path from "node:path";
import { z } from "zod";
import { writeWholeSync } from "../files/whole.ts";
import { ApiFailure } from "./failure.ts";
import { HOST_MEMORY_MIB, MOST_PCPUS } from "./schema.ts";

export interface Size {
  memoryMiB: number;
  pcpus: number;
}
export interface Computer {
  memoryMiB: number;
  cores: number;
}

export function thisComputer(): Computer {
  return { memoryMiB: Math.round(totalmem() / 2 ** 20), cores: availableParallelism() };
}

/** The smallest size that is used unless somebody chooses another; a few guests fit in it. */
const LEAST_USUAL_MIB = 512;
const STEP_MIB = 128;

/**
 * Returns a quarter of the computer's memory, up to the most that a host can have, and a pCPU for each core. The computer keeps most of its memory,
 * and gives the quarter as guests use it, not at once.
 */
export function sizeFor({ memoryMiB, cores }: Computer): Size {
  const quarter = Math.floor(memoryMiB / 4 / STEP_MIB) * STEP_MIB;
  return {
    memoryMiB: Math.min(HOST_MEMORY_MIB.most, Math.max(LEAST_USUAL_MIB, quarter)),
    pcpus: Math.min(MOST_PCPUS, Math.max(1, cores)),
  };
}

const KEPT = z.object({
  memoryMiB: z.int().min(HOST_MEMORY_MIB.least).max(HOST_MEMORY_MIB.most),
  pcpus: z.int().min(1).max(MOST_PCPUS),
});

export class HostSize {
  #size: Size;
  readonly #file: string | null;

  /**
   * `given` is set by whoever starts the server, for this time, and has precedence over what is kept. `tell` is called with a sentence about a file
   * that can't be used.
   */
  constructor(given: Partial<Size>, file: string | null, computer: Computer, tell: (message: string) => void) {
    this.#file = file;
    this.#size = { ...sizeFor(computer), ...(file !== null && read(file, tell)), ...given };
  }

  get next(): Size {
    return this.#size;
  }

  /** Holds from the next power-on on. Throws ApiFailure EIO if it can't be kept; then it stays as it was. */
  set(size: Size): void {
    if (this.#file !== null)
      try {
        mkdirSync(path.dirname(this.#file), { recursive: true, mode: 0o700 });
        writeWholeSync(this.#file, `${JSON.stringify(size)}\n`);
      } catch (error) {
        throw new ApiFailure("EIO", `The host's size can't be kept: ${(error as Error).message}.`);
      }
    this.#size = size;
  }

  /** A power-on has chosen this size; it holds until the server ends. */
  chosen(size: Size): void {
    this.#size = size;
  }
}

/** Returns {} where nothing is kept. */
function read(file: string, tell: (message: string) => void): Partial<Size> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      tell(`The host's size (${file}) can't be read: ${(error as Error).message}. It is as it fits this computer.`);
    return {};
  }
  try {
    return KEPT.parse(JSON.parse(text));
  } catch {
    tell(`The host's size (${file}) is spoiled: it is as it fits this computer.`);
    return {};
  }
}
