/** Recognises the kind of a disk image from its first bytes. Nothing here needs Node, because windows use it for files that are dropped on them. */

/** How many of a file's first bytes are needed to recognise it. */
export const SNIFF_BYTES = 64 * 1024;

export interface SniffedDisk {
  /** The format's name in xl-disk-configuration(5): "raw", "qcow2", "vhd", "vmdk". */
  format: string;
  /** Whether it holds an ISO 9660 file system, so that it is a CD or DVD. */
  isCd: boolean;
  /** A description for people. */
  summary: string;
}

/** Formats by the first bytes of their files. */
const FORMATS: readonly [magic: string, format: string, summary: string][] = [
  ["QFI\xfb", "qcow2", "qcow2 image"],
  ["conectix", "vhd", "VHD image"],
  ["KDMV", "vmdk", "VMDK image"],
];
/** Signatures that show that a raw image is a disk: the offset, and what stands there. */
const SIGNATURES: readonly [offset: number, magic: string, summary: string][] = [
  [32769, "CD001", "ISO 9660 image"],
  [512, "EFI PART", "raw disk image with a GPT"],
  [1080, "\x53\xef", "raw disk image with an ext2, ext3 or ext4 file system"],
  [0, "XFSB", "raw disk image with an XFS file system"],
  [0, "LUKS\xba\xbe", "raw disk image that is encrypted (LUKS)"],
  [536, "LVM2 001", "raw disk image with an LVM volume"],
  [510, "\x55\xaa", "raw disk image with a boot sector"],
];
/** Compressed files and archives, which have to be unpacked first even if their names say that they are images. */
const PACKED = ["\x1f\x8b", "\xfd7zXZ\0", "\x28\xb5\x2f\xfd", "BZh", "PK\x03\x04", "070701", "070702"];
const BZIMAGE = [514, "HdrS"] as const;

/**
 * Returns null for what is no disk image, such as a kernel, a RAM disk or a text. A raw image without a signature is recognised by its name alone.
 */
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
