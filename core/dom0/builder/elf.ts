/** ELF files, and the notes by which a kernel tells Xen how to start it (public/elfnote.h). */

export const EM_386 = 3;
export const EM_X86_64 = 62;
const MACHINES: Record<number, string> = {
  [EM_386]: "32-bit x86",
  8: "MIPS",
  20: "PowerPC",
  21: "64-bit PowerPC",
  22: "S/390",
  40: "32-bit ARM",
  50: "Itanium",
  [EM_X86_64]: "x86-64",
  183: "64-bit ARM",
  243: "RISC-V",
  258: "LoongArch",
};
const PT_LOAD = 1;
const PT_NOTE = 4;
const PF_WX = 3;
const SHT_NOTE = 7;

export interface ElfSegment {
  offset: number;
  virtualAddress: bigint;
  physicalAddress: bigint;
  fileSize: number;
  memorySize: bigint;
}

export interface XenNote {
  type: number;
  data: Buffer;
}

export interface ElfImage {
  bytes: Buffer;
  is64: boolean;
  machine: number;
  machineName: string;
  entry: bigint;
  /** PT_LOAD segments that are writable or executable, which are what Xen's loader takes. */
  segments: ElfSegment[];
  /** The notes with the name "Xen". */
  notes: XenNote[];
  /** Text of a __xen_guest section, by which kernels before the notes said the same. */
  legacy: string | null;
}

export class ImageError extends Error {
  override readonly name = "ImageError";
}

export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 20 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/** Reads headers and Xen notes. Throws ImageError for a file that is cut short or contradicts itself. */
export function parseElf(input: Uint8Array): ElfImage {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  if (!isElf(bytes)) throw new ImageError("This is not an ELF file.");
  if (bytes[5] !== 1) throw new ImageError("This is a big-endian ELF file; an x86-64 kernel is little-endian.");
  const is64 = bytes[4] === 2;
  const machine = bytes.readUInt16LE(18);
  const machineName = MACHINES[machine] ?? `machine ${machine}`;
  try {
    return { bytes, is64, machine, machineName, ...(is64 ? parse64(bytes) : parse32(bytes)) };
  } catch (error) {
    if (error instanceof RangeError)
      throw new ImageError("This ELF file is cut short: its headers point past its end.");
    throw error;
  }
}

type Parsed = Pick<ElfImage, "entry" | "segments" | "notes" | "legacy">;

function parse64(bytes: Buffer): Parsed {
  const offset64 = (at: number): number => Number(bytes.readBigUInt64LE(at));
  const programs = table(bytes, offset64(32), bytes.readUInt16LE(54), bytes.readUInt16LE(56), 56, (at) => ({
    type: bytes.readUInt32LE(at),
    flags: bytes.readUInt32LE(at + 4),
    offset: offset64(at + 8),
    virtualAddress: bytes.readBigUInt64LE(at + 16),
    physicalAddress: bytes.readBigUInt64LE(at + 24),
    fileSize: offset64(at + 32),
    memorySize: bytes.readBigUInt64LE(at + 40),
  }));
  const sections = table(bytes, offset64(40), bytes.readUInt16LE(58), bytes.readUInt16LE(60), 64, (at) => ({
    name: bytes.readUInt32LE(at),
    type: bytes.readUInt32LE(at + 4),
    offset: offset64(at + 24),
    size: offset64(at + 32),
  }));
  return collect(bytes, bytes.readBigUInt64LE(24), programs, sections, bytes.readUInt16LE(62));
}

function parse32(bytes: Buffer): Parsed {
  const programs = table(bytes, bytes.readUInt32LE(28), bytes.readUInt16LE(42), bytes.readUInt16LE(44), 32, (at) => ({
    type: bytes.readUInt32LE(at),
    flags: bytes.readUInt32LE(at + 24),
    offset: bytes.readUInt32LE(at + 4),
    virtualAddress: BigInt(bytes.readUInt32LE(at + 8)),
    physicalAddress: BigInt(bytes.readUInt32LE(at + 12)),
    fileSize: bytes.readUInt32LE(at + 16),
    memorySize: BigInt(bytes.readUInt32LE(at + 20)),
  }));
  const sections = table(bytes, bytes.readUInt32LE(32), bytes.readUInt16LE(46), bytes.readUInt16LE(48), 40, (at) => ({
    name: bytes.readUInt32LE(at),
    type: bytes.readUInt32LE(at + 4),
    offset: bytes.readUInt32LE(at + 16),
    size: bytes.readUInt32LE(at + 20),
  }));
  return collect(bytes, BigInt(bytes.readUInt32LE(24)), programs, sections, bytes.readUInt16LE(50));
}

function table<T>(bytes: Buffer, start: number, size: number, count: number, least: number, read: (at: number) => T) {
  if (start === 0 || count === 0) return [];
  if (size < least || start + size * count > bytes.length) throw new RangeError();
  return Array.from({ length: count }, (_, i) => read(start + i * size));
}

function collect(
  bytes: Buffer,
  entry: bigint,
  programs: (ElfSegment & { type: number; flags: number })[],
  sections: { name: number; type: number; offset: number; size: number }[],
  namesIndex: number,
): Parsed {
  const segments = programs
    .filter(({ type, flags }) => type === PT_LOAD && (flags & PF_WX) !== 0)
    .map(({ offset, virtualAddress, physicalAddress, fileSize, memorySize }) => {
      if (offset + fileSize > bytes.length) throw new RangeError();
      if (memorySize < BigInt(fileSize))
        throw new ImageError("This ELF file has a segment larger in the file than in memory.");
      return { offset, virtualAddress, physicalAddress, fileSize, memorySize };
    });
  let notes = programs.filter(({ type }) => type === PT_NOTE).flatMap((p) => readNotes(bytes, p.offset, p.fileSize));
  if (notes.length === 0)
    notes = sections.filter(({ type }) => type === SHT_NOTE).flatMap((s) => readNotes(bytes, s.offset, s.size));
  const names = sections[namesIndex];
  const legacy = sections.find(({ name }) => names && readString(bytes, names.offset + name) === "__xen_guest");
  return { entry, segments, notes, legacy: legacy ? readString(bytes, legacy.offset) : null };
}

function readString(bytes: Buffer, at: number): string {
  const end = bytes.indexOf(0, at);
  return bytes.toString("latin1", at, end < 0 ? bytes.length : end);
}

/** Returns the notes with the name "Xen". As in Xen, a malformed tail is ignored. */
function readNotes(bytes: Buffer, start: number, size: number): XenNote[] {
  const notes: XenNote[] = [];
  const end = Math.min(start + size, bytes.length);
  for (let at = start; at + 12 <= end;) {
    const nameSize = bytes.readUInt32LE(at);
    const dataSize = bytes.readUInt32LE(at + 4);
    const dataAt = at + 12 + ((nameSize + 3) & ~3);
    const next = dataAt + ((dataSize + 3) & ~3);
    if (nameSize > size || dataSize > size || next > end + 3) break;
    if (bytes.toString("latin1", at + 12, at + 12 + nameSize) === "Xen\0")
      notes.push({ type: bytes.readUInt32LE(at + 8), data: bytes.subarray(dataAt, dataAt + dataSize) });
    at = next;
  }
  return notes;
}
