/** What is said of files before a domain is made of them: kernels, RAM disks and disks. */
import type { DiskPart } from "../../dom0/bootloader/contents.ts";
import type { ImageKind } from "../../dom0/builder/image.ts";

/** What a file is, without starting it. */
export interface ImageDescription {
  kind: ImageKind;
  /** May be given as `kernel` of a PV domain. */
  bootable: boolean;
  /** May be given as `ramdisk`. */
  ramdisk: boolean;
  /** "Linux 6.1.0-… bzImage, zstd payload": what it is in a few words. */
  summary: string;
  /** When it can't be started: a sentence saying what it is and what would do; else null. */
  reason: string | null;
  /** Kernel version string, when the file has one. */
  version: string | null;
  size: number;
  /** Xen ELF notes as name and printable value, in file order. */
  notes: { name: string; value: string }[];
}

/** What an image is and what is on it, before anything is made of it. */
export interface DiskReport {
  /** As disk specifications have it: "raw", "qcow2"; and in words. */
  format: string;
  summary: string;
  isCd: boolean;
  /** Bytes of the disk that a guest sees, and that the file takes on this computer. */
  size: number;
  allocated: number;
  parts: DiskPart[];
  /** What could be booted from it; or a sentence why nothing. */
  boot: DiskBootReport | null;
  bootProblem: string | null;
}

/** What a disk offers to boot. Paths as "(1)/boot/vmlinuz": of partition 1; without a number of a disk that has none. */
export interface DiskBootReport {
  /** Path of the configuration that was found. */
  source: string;
  entries: { title: string; kernel: string; initrds: string[]; cmdline: string }[];
  /** Index in `entries`. */
  default: number;
  /** Seconds that the menu is shown; null when the configuration does not say. */
  timeout: number | null;
}

/** Requests: name → arguments and result. */
export interface ImageRequests {
  /** `by`: any name by which inspectCancel ends it. */
  inspect: { args: { path?: string; name?: string; bytes?: Uint8Array; by?: string }; result: ImageDescription };
  /** Ends every `inspect` of that name that is under way: refused with ECANCELED. */
  inspectCancel: { args: { by: string }; result: null };
  /** What is on an image of the host's computer; its format is told by its first bytes where it is not given. */
  inspectDisk: { args: { path: string; format?: string }; result: DiskReport };
}
