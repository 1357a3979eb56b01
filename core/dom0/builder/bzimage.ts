/** Linux's bzImage: the real-mode setup header (Documentation/arch/x86/boot.rst) and the compressed ELF payload. */
import { ImageError } from "./elf.ts";

export interface BzImage {
  /** Such as "6.1.0-… (…) #1 SMP …", or null. */
  version: string | null;
  /** Version of the boot protocol, such as 0x20f for 2.15. */
  protocol: number;
  /** The payload, compressed or plain ELF, without the size word that Linux's build appends (gzip ends with that word itself). */
  payload: Uint8Array;
}

export function isBzImage(bytes: Uint8Array): boolean {
  return (
    bytes.length > 0x260 &&
    bytes[0x1fe] === 0x55 &&
    bytes[0x1ff] === 0xaa &&
    Buffer.from(bytes.buffer, bytes.byteOffset + 0x202, 4).toString("latin1") === "HdrS"
  );
}

/** Throws ImageError for a header without a payload, or with one that lies beyond the end. */
export function parseBzImage(input: Uint8Array): BzImage {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  const protocol = bytes.readUInt16LE(0x206);
  const setupSectors = bytes[0x1f1] || 4;
  const versionAt = bytes.readUInt16LE(0x20e);
  let version: string | null = null;
  if (versionAt > 0 && versionAt + 0x200 < Math.min(bytes.length, (setupSectors + 1) * 512)) {
    const end = bytes.indexOf(0, versionAt + 0x200);
    version = bytes.toString("latin1", versionAt + 0x200, Math.min(end < 0 ? bytes.length : end, versionAt + 0x400));
  }
  if (protocol < 0x208)
    throw new ImageError(
      `This Linux kernel uses boot protocol 2.${protocol & 0xff}, older than the 2.08 (Linux 2.6.26) that says where its payload is.`,
    );
  const start = (setupSectors + 1) * 512 + bytes.readUInt32LE(0x248);
  const length = bytes.readUInt32LE(0x24c);
  if (length < 4 || start + length > bytes.length)
    throw new ImageError(
      `This Linux kernel is cut short: it should be at least ${start + length} bytes long and has ${bytes.length}.`,
    );
  const gzip = bytes[start] === 0x1f && bytes[start + 1] === 0x8b;
  return { version, protocol, payload: bytes.subarray(start, start + length - (gzip ? 0 : 4)) };
}
