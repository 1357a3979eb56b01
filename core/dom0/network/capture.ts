/**
 * Writes captures in the pcap file format (draft-ietf-opsawg-pcap), which Wireshark and tshark read. GSO frames are written as they travel, up to 64
 * KiB long. A checksum that was left to the receiver is written as it is.
 */
import type { Frame } from "./frame.ts";

const MAGIC_NANOSECONDS = 0xa1b23c4d;
const SNAPSHOT_LENGTH = 0x40000;
const LINKTYPE_ETHERNET = 1;

/** Returns the 24 bytes at the beginning of a file. */
export function captureHeader(): Uint8Array {
  const header = new DataView(new ArrayBuffer(24));
  header.setUint32(0, MAGIC_NANOSECONDS, true);
  header.setUint16(4, 2, true);
  header.setUint16(6, 4, true);
  header.setUint32(16, SNAPSHOT_LENGTH, true);
  header.setUint32(20, LINKTYPE_ETHERNET, true);
  return new Uint8Array(header.buffer);
}

/** Returns the record of a frame. `milliseconds` is the time since 1970, with fractions. */
export function captureRecord(frame: Frame, milliseconds: number): Uint8Array {
  const { bytes } = frame;
  const record = new Uint8Array(16 + bytes.length);
  const header = new DataView(record.buffer);
  const seconds = Math.floor(milliseconds / 1000);
  header.setUint32(0, seconds, true);
  header.setUint32(4, Math.floor((milliseconds - seconds * 1000) * 1e6), true);
  header.setUint32(8, bytes.length, true);
  header.setUint32(12, bytes.length, true);
  record.set(bytes, 16);
  return record;
}
