/** A disk whose content is a number, in blocks all over it, by which to judge what a killed process leaves behind. */
import { openStore } from "../../../core/dom0/storage/open.ts";
import { readFileSync } from "node:fs";
import { writeWholeSync } from "../../../core/files/whole.ts";
import { disksOf, type Definition, type Definitions } from "../../../core/library/snapshots/parts.ts";
import { DISK_BYTES } from "./library.ts";

const BLOCKS = Array.from({ length: 9 }, (_, i) => 512 * Math.floor((i * (DISK_BYTES - 512)) / 8 / 512));

export async function writeVersion(image: { file: string; format: string }, version: number): Promise<void> {
  const store = await openStore(image.file, image.format, "read-write");
  try {
    for (const at of BLOCKS) await store.write(at, [Buffer.alloc(512, String(version).padEnd(8))]);
    await store.flush();
  } finally {
    await store.close();
  }
}

/** Returns the numbers in its blocks. */
export async function versionsOf(image: { file: string; format: string }): Promise<number[]> {
  const store = await openStore(image.file, image.format, "read");
  try {
    const found: number[] = [];
    for (const at of BLOCKS) {
      const block = Buffer.alloc(512);
      await store.read(at, [block]);
      const text = block.toString("latin1", 0, 8);
      found.push(Number(text.replace(/\0/g, "")));
    }
    return found;
  } finally {
    await store.close();
  }
}

/** The definitions of one domain, in a file that is whole at any time. */
export class FileDefinitions implements Definitions {
  readonly #file: string;
  constructor(file: string) {
    this.#file = file;
  }
  read(): Definition {
    const kept = JSON.parse(readFileSync(this.#file, "utf8")) as Definition;
    return { ...kept, files: () => Promise.resolve({}) };
  }
  write(definition: Definition): void {
    writeWholeSync(this.#file, JSON.stringify(definition));
  }
  all(): readonly never[] {
    return [];
  }
  away(): Promise<never[]> {
    return Promise.resolve([]);
  }
  find(): Promise<Definition | null> {
    return Promise.resolve(this.read());
  }
  change(_uuid: string, config: string): Promise<void> {
    this.write({ ...this.read(), config });
    return Promise.resolve();
  }
  add(): Promise<void> {
    return Promise.reject(new Error("one domain is enough"));
  }
  remove(): Promise<void> {
    return Promise.resolve();
  }
}

export const imageOf = (config: string): { file: string; format: string } => disksOf({ config, configName: null })[0]!;
