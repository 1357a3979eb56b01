/** What an image is, by its file's beginning: nothing that it is based on is opened, and no table is read. */
import { lstat, stat } from "node:fs/promises";
import path from "node:path";
import { StoreError } from "../../dom0/storage/block-store.ts";
import { HostFile } from "../../dom0/storage/host-file.ts";
import { openStore } from "../../dom0/storage/open.ts";
import { readHeader } from "../../dom0/storage/qcow2/header.ts";
import { SNIFF_BYTES, sniffDisk } from "../../dom0/storage/sniff.ts";

export interface ImageFacts {
  format: string;
  /** Bytes of the disk. */
  size: number;
  /** On this computer. */
  allocated: number;
  /** Whole path of what it says it is based on, and its format by its header; null: nothing. */
  basedOn: { file: string; format: string | null } | null;
}

/** Facts of files that have not changed since. */
const MOST_KNOWN = 1000;

export class KnownFacts {
  readonly #known = new Map<string, ImageFacts>();

  /**
   * `named`: the format that who uses it names; null: nobody does, and the beginning says what it is. Throws StoreError with what is wrong with it,
   * a sentence without its full stop.
   */
  async of(file: string, named: string | null): Promise<ImageFacts> {
    const facts = await stat(file, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
      throw new StoreError(error.code ?? "EIO", error.code === "ENOENT" ? "it is not there" : error.message);
    });
    const { dev, ino, mtimeNs, size, blocks } = facts;
    const key = [file, named, dev, ino, mtimeNs, size, blocks].join(":");
    const known = this.#known.get(key);
    if (known) return known;
    const found = await look(file, named);
    // Windows counts no blocks.
    const allocated = blocks ? Math.min(Number(size), Number(blocks) * 512) : Number(size);
    if (this.#known.size >= MOST_KNOWN) this.#known.delete(this.#known.keys().next().value!);
    const result = { ...found, allocated };
    this.#known.set(key, result);
    return result;
  }
}

async function look(file: string, named: string | null): Promise<Omit<ImageFacts, "allocated">> {
  const handle = await HostFile.open(file, "read");
  const head = new Uint8Array(Math.min(SNIFF_BYTES, handle.end));
  try {
    await handle.read(0, [head]);
    const format = named ?? formatOf(head, file);
    if (format === "raw") return { format, size: handle.end - (handle.end % 512), basedOn: null };
    if (format === "qcow2") {
      const { size, backingFile, backingFormat } = readHeader(head, file);
      const basedOn = backingFile === null ? null : path.resolve(path.dirname(file), backingFile);
      return { format, size, basedOn: basedOn === null ? null : { file: basedOn, format: backingFormat } };
    }
  } finally {
    await handle.close();
  }
  // These are based on nothing.
  const store = await openStore(file, named ?? formatOf(head, file), "read");
  try {
    return { format: store.format, size: store.size, basedOn: null };
  } finally {
    await store.close();
  }
}

/**
 * Of an image that nobody names. A guest writes the first bytes of its raw disk, and could make of it an overlay that shows another image: so one
 * that says it is based on something is believed only where its name says the same.
 */
function formatOf(head: Uint8Array, file: string): string {
  const format = sniffDisk(head, file)?.format ?? "raw";
  if (format !== "qcow2" || /\.qcow2?$/i.test(file)) return format;
  try {
    if (readHeader(head, file).backingFile === null) return format;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return format;
  }
  return "raw";
}

/** The same file always, whatever links lead to it; null where there is none. */
export async function identityOf(file: string): Promise<string | null> {
  const facts = await stat(file, { bigint: true }).catch(() => null);
  return facts && `${facts.dev}:${facts.ino}`;
}

/** When it was last written, to know whether it was meanwhile. */
export async function writtenAt(file: string): Promise<string> {
  const facts = await stat(file, { bigint: true }).catch(() => null);
  return facts ? `${facts.mtimeNs}:${facts.size}` : "";
}

/** Whether something has that name, a link that leads nowhere too. */
export async function isThere(file: string): Promise<boolean> {
  return (await lstat(file).catch(() => null)) !== null;
}
