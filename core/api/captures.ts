/**
 * Captured traffic that the host keeps for its clients: files in pcap format in a folder of its state, there until they are removed, and in the bin for a day
 * from then on.
 */
import { open, readdir, stat } from "node:fs/promises";
import path from "node:path";
import { privateFolder } from "../files/whole.ts";
import { BinnedFolder } from "../library/binned-folder.ts";
import type { FileBin } from "../library/file-bin.ts";
import { ApiFailure } from "./failure.ts";
import type { KeptCapture } from "./host-state.ts";

const NAME = /^[\w.-]{1,120}\.pcap$/;

export class Captures {
  /** null where nothing is kept. */
  readonly folder: string | null;
  readonly #files: BinnedFolder;

  constructor(folder: string | null) {
    this.folder = folder;
    this.#files = new BinnedFolder(folder, "capture");
  }

  get bin(): FileBin {
    return this.#files.bin;
  }

  /** Returns a free path for a capture of that network that begins now. Throws ApiFailure. */
  async place(what: string): Promise<string> {
    const folder = this.#need();
    await privateFolder(folder);
    const taken = new Set(await readdir(folder));
    const base = `${what.replace(/[^\w.-]/g, "-")}-${new Date().toISOString().slice(0, 19).replace(/[:T]/g, "-")}`;
    let name = `${base}.pcap`;
    for (let n = 2; taken.has(name); n++) name = `${base}-${n}.pcap`;
    return path.join(folder, name);
  }

  /** The latest first. */
  async all(): Promise<KeptCapture[]> {
    const found: KeptCapture[] = [];
    for (const { name, path: file } of await this.#files.all()) {
      if (!NAME.test(name)) continue;
      const facts = await stat(file).catch(() => null);
      if (facts) found.push({ name, path: file, bytes: facts.size, at: facts.mtimeMs });
    }
    return found.sort((a, b) => b.at - a.at);
  }

  /** Returns bytes of a capture from `offset` on; fewer at its end. Throws ApiFailure ENOENT. */
  async read(name: string, offset: number, most: number): Promise<Uint8Array> {
    const handle = await open(this.#file(name), "r").catch(() => {
      throw new ApiFailure("ENOENT", `There is no capture ${name}.`);
    });
    try {
      const { bytesRead, buffer } = await handle.read(new Uint8Array(most), 0, most, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  }

  /** Into the bin. Throws ApiFailure ENOENT; Refusal. */
  async remove(name: string): Promise<void> {
    this.#file(name);
    await this.#files.remove(name);
  }

  /** For good: one of the bin, or all (null). Throws Refusal ESRCH. */
  async purge(id: string | null): Promise<void> {
    for (const each of id === null ? await this.bin.all() : [{ id }]) await this.bin.purge(each.id);
  }

  /** For good: what has lain in the bin for a day. */
  async purgeOld(now = Date.now()): Promise<void> {
    for (const id of await this.bin.overdue(now)) await this.bin.purge(id).catch(() => {});
  }

  #file(name: string): string {
    if (!NAME.test(name)) throw new ApiFailure("ENOENT", `There is no capture ${name}.`);
    return path.join(this.#need(), name);
  }

  #need(): string {
    if (this.folder !== null) return this.folder;
    throw new ApiFailure("EROFS", "This host keeps nothing on disk: name a file to capture to.");
  }
}
