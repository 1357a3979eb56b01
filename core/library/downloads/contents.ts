/** What may not come into the library from the web, whatever its name says. */
import { SNIFF_BYTES, sniffDisk } from "../../dom0/storage/sniff.ts";
import { Refusal } from "../../toolstack/error.ts";
import type { Part } from "./part.ts";

/** Of qcow2's header, in both versions: where the name of the image lies that it is based on; 0: there is none. */
const BACKING_OFFSET = 8;

/**
 * An image that says it is based on another would show a guest whichever image of that name lies in the library: nothing of it came
 * along. Throws Refusal ENOEXEC.
 */
export async function checkContents(part: Pick<Part, "read">, name: string): Promise<void> {
  const head = await part.read(0, SNIFF_BYTES);
  if (sniffDisk(head, name)?.format !== "qcow2" || head.length < BACKING_OFFSET + 8) return;
  if (new DataView(head.buffer, head.byteOffset).getBigUint64(BACKING_OFFSET) === 0n) return;
  throw new Refusal("ENOEXEC", `${name} is based on another image, which does not come with it: it was thrown away.`);
}
