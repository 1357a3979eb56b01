/** The disk of an OVA: only VMDK can be one here, and what else it is its user is told before it is taken, however large it is. */
import { SNIFF_BYTES, sniffDisk } from "../../dom0/storage/sniff.ts";
import { Refusal } from "../../toolstack/error.ts";
import { packing, type Member } from "./archive.ts";

/** A sparse file of VMware's hosted products, a text that names other files, and a sparse file of older ESX servers. */
const VMDK = ["KDMV", "# Disk DescriptorFile", "COWD"];

/** Returns the member with the same bytes, of which the first are looked at when they come. Reading it throws Refusal EINVAL for what is no VMDK. */
export function vmdkIn(member: Member): Member {
  return { ...member, bytes: checked(member) };
}

async function* checked({ name, bytes }: Member): AsyncGenerator<Buffer> {
  let head: Buffer[] | null = [];
  let length = 0;
  for await (const chunk of bytes) {
    if (head === null) {
      yield chunk;
      continue;
    }
    head.push(chunk);
    length += chunk.length;
    if (length < SNIFF_BYTES) continue;
    yield check(name, Buffer.concat(head));
    head = null;
  }
  if (head !== null) yield check(name, Buffer.concat(head));
}

function check(name: string, head: Buffer): Buffer {
  const text = head.toString("latin1", 0, 64);
  if (VMDK.some((mark) => text.startsWith(mark))) return head;
  const packed = packing(text);
  const summary = sniffDisk(head, name)?.summary ?? (packed === null ? null : `file that is packed with ${packed}`);
  throw new Refusal(
    "EINVAL",
    `The disk ${name} of its machine is ${summary === null ? "no disk image that is known here" : `${article(summary)} ${summary}`}, and not a VMDK image. Of an OVA only VMDK can be imported: convert the disk, or import it alone as a disk image.`,
  );
}

const article = (noun: string): string => (/^[aeiou]/i.test(noun) ? "an" : "a");
