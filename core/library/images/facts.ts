/** Reads what an image is from the beginning of its file. The image it is based on is not opened, and no table is read. */
import { lstat, stat } from "node:fs/promises";
import path from "node:path";
import { StoreError } from "../../dom0/storage/block-store.ts";
import { HostFile } from "../../dom0/storage/host-file.ts";
import { openStore } from "../../dom0/storage/open.ts";
import { readHeader } from "../../dom0/storage/qcow2/header.ts";
import { SNIFF_BYTES, sniffDisk } from "../../dom0/storage/sniff.ts";

export interface ImageFacts {
  format: string;
  /** Size of the disk in bytes. */
  size: number;
  /** Bytes that the file takes on this computer. */
  allocated: number;
  /** Absolute path of the image that it says it is based on, and that image's format according to the header; null where it is based on none. */
  basedOn: { file: string; format: string | null } | null;
}

/** Facts are remembered for so many files that have not changed. */
const MOST_KNOWN = 1000;

export class KnownFacts {
  readonly #known = new Map<string, ImageFacts>();

  /**
   * `named` is the format in the configuration that uses the image; null where nobody uses it, and the file's beginning decides. Throws StoreError
   * that says what is wrong with the image, a sentence without its full stop.
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
    // Windows does not count blocks.
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
  // Images of these formats are based on nothing.
  const store = await openStore(file, named ?? formatOf(head, file), "read");
  try {
    return { format: store.format, size: store.size, basedOn: null };
  } finally {
    await store.close();
  }
}

/**
 * The format of an image that no configuration names. A guest can write the first bytes of its raw disk and so make it look like an overlay that
 * shows another image. Therefore an image that claims to be based on something is believed only if its file name has the ending of that format too.
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

/** Returns the same string for the same file, whatever links lead to it; null where there is no file. */
export async function identityOf(file: string): Promise<string | null> {
  const facts = await stat(file, { bigint: true }).catch(() => null);
  return facts && `${facts.dev}:${facts.ino}`;
}

/** Identifies when the file was last written, to find out whether it was written meanwhile. */
export async function writtenAt(file: string): Promise<string> {
  const facts = await stat(file, { bigint: true }).catch(() => null);
  return facts ? `${facts.mtimeNs}:${facts.size}` : "";
}

/** Whether something has that name, be it a link that leads nowhere. */
export async function isThere(file: string): Promise<boolean> {
  return (await lstat(file).catch(() => null)) !== null;
}
