/** What kind of disk image a file is, by its first bytes. Nothing of Node's here: windows ask it of what is dropped on them. */

/** As many of a file's first bytes as tell what it is. */
export const SNIFF_BYTES = 64 * 1024;

export interface SniffedDisk {
  /** As xl-disk-configuration(5) calls it: "raw", "qcow2", "vhd", "vmdk". */
  format: string;
  /** It holds an ISO 9660 file system: a CD or DVD. */
  isCd: boolean;
  /** What it is, for people. */
  summary: string;
}

/** Formats by what their files begin with. */
const FORMATS: readonly [magic: string, format: string, summary: string][] = [
  ["QFI\xfb", "qcow2", "qcow2 image"],
  ["conectix", "vhd", "VHD image"],
  ["KDMV", "vmdk", "VMDK image"],
];
/** What shows that a raw image is a disk: where its signature lies, and what stands there. */
const SIGNATURES: readonly [offset: number, magic: string, summary: string][] = [
  [32769, "CD001", "ISO 9660 image"],
  [512, "EFI PART", "raw disk image with a GPT"],
  [1080, "\x53\xef", "raw disk image with an ext2, ext3 or ext4 file system"],
  [0, "XFSB", "raw disk image with an XFS file system"],
  [0, "LUKS\xba\xbe", "raw disk image that is encrypted (LUKS)"],
  [536, "LVM2 001", "raw disk image with an LVM volume"],
  [510, "\x55\xaa", "raw disk image with a boot sector"],
];
/** Compressed files and archives whose names say that they are images: they must be unpacked first. */
const PACKED = ["\x1f\x8b", "\xfd7zXZ\0", "\x28\xb5\x2f\xfd", "BZh", "PK\x03\x04", "070701", "070702"];
const BZIMAGE = [514, "HdrS"] as const;

/** null for what is no disk image: a kernel, a RAM disk, a text. A raw image without a signature is one by its name alone. */
export function sniffDisk(head: Uint8Array, name: string): SniffedDisk | null {
  const holds = (offset: number, magic: string): boolean =>
    offset + magic.length <= head.length && [...magic].every((each, i) => head[offset + i] === each.charCodeAt(0));
  for (const [magic, format, summary] of FORMATS) if (holds(0, magic)) return { format, isCd: false, summary };
  // A Linux kernel begins with a boot sector too.
  if (holds(...BZIMAGE) || holds(0, "\x7fELF") || PACKED.some((magic) => holds(0, magic))) return null;
  for (const [offset, magic, summary] of SIGNATURES)
    if (holds(offset, magic)) return { format: "raw", isCd: magic === "CD001", summary };
  const isNamedSo = /\.(raw|img|iso|dd|ext[234])$/i.test(name) && head.length >= 512;
  return isNamedSo ? { format: "raw", isCd: false, summary: "raw image without a partition table" } : null;
}
