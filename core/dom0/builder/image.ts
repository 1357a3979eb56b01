/** Recognises what a file is and how to start it: ELF kernels, bzImages, and a sentence for everything else. */
import type { GuestTypeName } from "../kernel/hypercalls.ts";
import { compressionOf } from "./decompress.ts";
import { isBzImage, parseBzImage } from "./bzimage.ts";
import { EM_386, EM_X86_64, ImageError, isElf, parseElf, type ElfImage } from "./elf.ts";
import { describeNotes, hasPvhNote, hasPvNotes, pvParameters } from "./notes.ts";
import { unpack } from "./unpack.ts";

export type ImageKind =
  | "elf-pv64"
  | "elf-pv32"
  | "elf-pvh"
  | "elf-plain"
  | "elf-foreign"
  | "bzimage"
  | "initrd"
  | "xl-config"
  | "script"
  | "pe"
  | "iso9660"
  | "qcow2"
  | "disk"
  | "archive"
  | "text"
  | "empty"
  | "unknown";

export interface ImageReport {
  kind: ImageKind;
  bootable: boolean;
  ramdisk: boolean;
  summary: string;
  reason: string | null;
  version: string | null;
  size: number;
  notes: { name: string; value: string }[];
  /** The kernel to load, when `bootable` or for a PVH domain. */
  elf: ElfImage | null;
}

/** Files that are dropped by mistake, by their first bytes. */
const NO_KERNELS = [
  ["a picture (PNG)", "\x89PNG"],
  ["a picture (JPEG)", "\xff\xd8\xff"],
  ["a picture (GIF)", "GIF8"],
  ["a document (PDF)", "%PDF-"],
] as const;
const AS_DISK = "Give it as a disk of the domain (`disk`), not as its kernel.";
const WOULD_DO = "A PV kernel is an x86-64 ELF file with Xen notes or a Linux bzImage with CONFIG_XEN_PV.";

function report(kind: ImageKind, summary: string, size: number, rest: Partial<ImageReport> = {}): ImageReport {
  return {
    kind,
    bootable: false,
    ramdisk: false,
    summary,
    reason: null,
    version: null,
    size,
    notes: [],
    elf: null,
    ...rest,
  };
}

/**
 * Looks at a whole file. Never throws because of the file's content; `reason` says what is wrong. Throws the reason of `wanted` once that is aborted.
 */
export async function identifyImage(bytes: Uint8Array, wanted?: AbortSignal): Promise<ImageReport> {
  try {
    return await identify(bytes, 0, wanted);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return report("unknown", "damaged kernel image", bytes.length, { reason: error.message });
  }
}

/** Returns the kernel in a file that is to be started as a domain of that type. Throws ImageError with a sentence otherwise. */
export async function loadKernel(
  bytes: Uint8Array,
  name: string,
  wanted?: AbortSignal,
  type: GuestTypeName = "pv",
): Promise<ElfImage> {
  const { elf, bootable, reason, summary } = await identifyImage(bytes, wanted);
  if (type === "pvh") {
    if (elf && hasPvhNote(elf)) return elf;
    if (bootable)
      throw new ImageError(
        `${name}: This is ${summary}, which has no PVH entry (note PHYS32_ENTRY). Give type = "pv".`,
      );
  } else if (bootable && elf) return elf;
  throw new ImageError(`${name}: ${reason ?? `This is ${summary}. ${WOULD_DO}`}`);
}

async function identify(bytes: Uint8Array, depth: number, wanted?: AbortSignal): Promise<ImageReport> {
  const size = bytes.length;
  if (size === 0) return report("empty", "an empty file", 0, { reason: `This file is empty. ${WOULD_DO}` });
  if (isElf(bytes)) return identifyElf(parseElf(bytes), size, "ELF kernel");
  if (isBzImage(bytes)) return identifyBzImage(bytes, wanted);
  const ascii = (at: number, length: number): string =>
    Buffer.from(bytes.buffer, bytes.byteOffset + Math.min(at, size), Math.max(0, Math.min(length, size - at))).toString(
      "latin1",
    );
  const wrong = (kind: ImageKind, what: string, advice = WOULD_DO): ImageReport =>
    report(kind, what, size, { reason: `This is ${what}, not a kernel. ${advice}` });

  if (/^07070[12]$/.test(ascii(0, 6)))
    return report("initrd", "initial ramdisk (cpio archive)", size, {
      ramdisk: true,
      reason: "This is an initial ramdisk, not a kernel: give it as the ramdisk of a kernel.",
    });
  const compression = compressionOf(bytes);
  if (compression && depth === 0) {
    let inner: ImageReport;
    try {
      inner = await identify(await unpack(bytes, compression, wanted), depth + 1, wanted);
    } catch (error) {
      wanted?.throwIfAborted();
      if (error instanceof ImageError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      return wrong("archive", `a ${compression} file that can't be unpacked (${why})`);
    }
    if (inner.kind === "initrd") return { ...inner, summary: `initial ramdisk (cpio archive, ${compression})`, size };
    if (inner.bootable) return { ...inner, summary: `${inner.summary}, ${compression}`, size };
    return { ...wrong("archive", `${compression}-compressed data holding ${inner.summary}`), notes: inner.notes };
  }
  if (ascii(0, 2) === "#!") return wrong("script", `a script (${ascii(2, 80).split("\n")[0]!.trim()})`);
  if (ascii(0, 4) === "QFI\xfb") return wrong("qcow2", "a qcow2 disk image", AS_DISK);
  if (ascii(0, 4) === "KDMV" || ascii(0, 8) === "conectix" || ascii(0, 8) === "vhdxfile")
    return wrong("disk", "a virtual disk image", AS_DISK);
  if (ascii(32769, 5) === "CD001")
    return wrong("iso9660", "a CD image (ISO 9660)", `Take the kernel and initrd out of it. ${WOULD_DO}`);
  const other = NO_KERNELS.find(([, start]) => ascii(0, start.length) === start)?.[0];
  if (other) return wrong("unknown", other);
  if (ascii(0, 2) === "MZ")
    return wrong(
      "pe",
      "a Windows or EFI program (PE)",
      `A unified kernel image has its kernel inside as .linux. ${WOULD_DO}`,
    );
  if (ascii(0, 8) === "!<arch>\n")
    return wrong("archive", "a Debian package or ar archive", `Unpack it: the kernel is in boot/. ${WOULD_DO}`);
  if (ascii(0, 4) === "PK\x03\x04" || ascii(257, 5) === "ustar" || ascii(0, 4) === "\xed\xab\xee\xdb")
    return wrong("archive", "an archive", `Unpack it first. ${WOULD_DO}`);
  if (looksLikeText(bytes)) {
    if (looksLikeConfig(ascii(0, 65536)))
      return report("xl-config", "xl domain config", size, {
        reason: "This is an xl.cfg, not a kernel: create a domain from it.",
      });
    return wrong("text", "a text file");
  }
  if (size >= 512 && bytes[510] === 0x55 && bytes[511] === 0xaa)
    return wrong("disk", "a disk image or boot sector", AS_DISK);
  const start = Buffer.from(bytes.subarray(0, 8))
    .toString("hex")
    .replace(/..(?=.)/g, "$& ");
  return wrong("unknown", `a file of a kind that is not known here (it begins with ${start})`);
}

/** Other texts may have one in them, but do not begin with it. */
function looksLikeConfig(text: string): boolean {
  const first = text.split("\n").find((line) => /^\s*[^\s#]/.test(line));
  const hasKey = /^\s*(kernel|ramdisk|memory|vcpus|type|name|builder|bootloader)\s*=/m.test(text);
  return hasKey && first !== undefined && /^\s*\w+\s*=/.test(first);
}

function looksLikeText(bytes: Uint8Array): boolean {
  const sample = bytes.subarray(0, 4096);
  let odd = 0;
  for (const byte of sample) {
    if (byte === 0) return false;
    if (byte < 9 || (byte > 13 && byte < 32)) odd++;
  }
  return odd * 50 <= sample.length;
}

function identifyElf(elf: ElfImage, size: number, what: string): ImageReport {
  const notes = describeNotes(elf);
  const version = linuxVersion(elf);
  const refuse = (kind: ImageKind, summary: string, reason: string): ImageReport =>
    report(kind, summary, size, { reason, notes, version });
  const pvhOnly = (): ImageReport => ({
    ...refuse("elf-pvh", `PVH ${what}`, 'This kernel has only a PVH entry: give type = "pvh".'),
    elf,
  });
  if (elf.machine !== EM_X86_64 && elf.machine !== EM_386)
    return refuse(
      "elf-foreign",
      `${what} for ${elf.machineName}`,
      `This ELF file is for ${elf.machineName}; this host is x86-64. ${WOULD_DO}`,
    );
  if (!elf.is64 || elf.machine === EM_386) {
    if (hasPvNotes(elf))
      return refuse(
        "elf-pv32",
        `32-bit PV ${what}`,
        "This is a 32-bit PV kernel; this host starts 64-bit PV kernels. Take its x86-64 build.",
      );
    if (hasPvhNote(elf)) return pvhOnly();
    return refuse("elf-plain", "32-bit ELF file", `This is a 32-bit ELF file without Xen notes. ${WOULD_DO}`);
  }
  if (!hasPvNotes(elf)) {
    if (hasPvhNote(elf)) return pvhOnly();
    return refuse(
      "elf-plain",
      `${what} without Xen notes`,
      `This ELF file has no Xen notes, so nothing says how to start it as a PV domain. ${WOULD_DO}`,
    );
  }
  const { guestOs } = pvParameters(elf);
  const summary = `64-bit PV ${what}${guestOs ? ` (${guestOs})` : ""}`;
  return report("elf-pv64", summary, size, { bootable: true, notes, version, elf });
}

/** Returns the banner "Linux version 6.1.0 (…)", which every Linux has in its read-only data; null if the ELF file has none. */
export function linuxVersion(elf: ElfImage): string | null {
  const at = elf.bytes.indexOf("Linux version ");
  if (at < 0) return null;
  const text = elf.bytes.toString("latin1", at + 14, at + 270);
  return /^[\x20-\x7e]+/.exec(text)?.[0].trim() ?? null;
}

async function identifyBzImage(bytes: Uint8Array, wanted?: AbortSignal): Promise<ImageReport> {
  const image = parseBzImage(bytes);
  const release = image.version?.split(" ")[0] ?? "of unknown version";
  const compression = compressionOf(image.payload);
  let kernel = image.payload;
  if (compression) {
    try {
      kernel = await unpack(image.payload, compression, wanted);
    } catch (error) {
      wanted?.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      throw new ImageError(`This Linux kernel's ${compression} payload can't be unpacked: ${why}.`);
    }
  } else if (!isElf(kernel)) {
    const start = Buffer.from(kernel.subarray(0, 6)).toString("hex");
    throw new ImageError(
      `This Linux kernel's payload is compressed in a way that is not known here (it begins with ${start}); gzip, xz, lzma, lz4, zstd and bzip2 are.`,
    );
  }
  const inner = identifyElf(parseElf(kernel), bytes.length, "Linux kernel");
  const summary = `Linux ${release}, bzImage${compression ? `, ${compression} payload` : ""}`;
  const reason =
    inner.kind === "elf-plain" || inner.kind === "elf-pvh"
      ? `This is Linux ${release} built without CONFIG_XEN_PV, so it can't start as a PV domain. Debian's and Alpine's stock kernels can.`
      : inner.reason;
  return {
    ...inner,
    kind: inner.bootable ? "bzimage" : inner.kind,
    summary,
    reason,
    version: image.version ?? inner.version,
  };
}
