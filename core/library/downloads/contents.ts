/** Refuses content that may not come into the library from the web, whatever its name says it is. */
import { SNIFF_BYTES, sniffDisk } from "../../dom0/storage/sniff.ts";
import { Refusal } from "../../toolstack/error.ts";
import type { Part } from "./part.ts";

/** Offset in the header of a qcow2 image, in both versions, of the offset of its backing file's name; the latter is 0 where there is none. */
const BACKING_OFFSET = 8;

/**
 * Throws Refusal ENOEXEC for an image that is based on another one. The other image did not come with it, so a guest would be shown whichever image
 * of that name lies in the library.
 */
export async function checkContents(part: Pick<Part, "read">, name: string): Promise<void> {
  const head = await part.read(0, SNIFF_BYTES);
  if (sniffDisk(head, name)?.format !== "qcow2" || head.length < BACKING_OFFSET + 8) return;
  if (new DataView(head.buffer, head.byteOffset).getBigUint64(BACKING_OFFSET) === 0n) return;
  throw new Refusal("ENOEXEC", `${name} is based on another image, which does not come with it: it was thrown away.`);
}
