/** A file that is too large to be given; its beginning is enough to say what it is. */
import { compressionOf } from "../dom0/builder/decompress.ts";
import type { ImageDescription } from "../toolstack/messages.ts";
import { MOST_FILE_BYTES } from "./schema.ts";

const GIB = 2 ** 30;
const MIB = 2 ** 20;

function sizeText(bytes: number): string {
  return bytes >= GIB ? `${(bytes / GIB).toFixed(1)} GiB` : `${Math.ceil(bytes / MIB)} MiB`;
}

/**
 * Returns the sentence that refuses it. `inspect` looks into the first bytes as if they were the file; if that fails because the file is cut, only
 * its form is named.
 */
export async function oversized(
  name: string,
  size: number,
  head: Uint8Array,
  inspect: (file: { name: string; bytes: Uint8Array }) => Promise<ImageDescription>,
): Promise<string> {
  const limit = `${name} has ${sizeText(size)}; up to ${sizeText(MOST_FILE_BYTES)} can be given.`;
  return `${limit} ${await formOf(name, head, inspect)}`;
}

async function formOf(
  name: string,
  head: Uint8Array,
  inspect: (file: { name: string; bytes: Uint8Array }) => Promise<ImageDescription>,
): Promise<string> {
  const magic = Buffer.from(head.subarray(0, 4)).toString("latin1");
  if (magic === "\x7fELF")
    return "It is an ELF file: strip its debug information (strip --strip-debug) if it is a kernel.";
  const compression = compressionOf(head);
  if (compression) return `It is a ${compression} file.`;
  try {
    const { reason, summary } = await inspect({ name, bytes: head });
    return reason ?? `It is ${summary}.`;
  } catch {
    return "What it is can't be told from its beginning.";
  }
}
