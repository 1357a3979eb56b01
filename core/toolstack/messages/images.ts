/** Messages about files before a domain is made of them: kernels, RAM disks and disks. */
import type { DiskPart } from "../../dom0/bootloader/contents.ts";
import type { ImageKind } from "../../dom0/builder/image.ts";

/** What a file is, found out without starting it. */
export interface ImageDescription {
  kind: ImageKind;
  /** Whether it may be given as `kernel` of a PV domain. */
  bootable: boolean;
  /** Whether it may be given as `ramdisk`. */
  ramdisk: boolean;
  /** What it is in a few words, such as "Linux 6.1.0-… bzImage, zstd payload". */
  summary: string;
  /** If it can't be started: a sentence that says what it is and what could be used instead. Otherwise null. */
  reason: string | null;
  /** The kernel's version string, if the file has one. */
  version: string | null;
  size: number;
  /** The Xen ELF notes, as names and printable values, in the order of the file. */
  notes: { name: string; value: string }[];
}

/** What an image is and what is on it, before anything is made of it. */
export interface DiskReport {
  /** The format as disk specifications have it, "raw" or "qcow2", and in words. */
  format: string;
  summary: string;
  isCd: boolean;
  /** The bytes of the disk that a guest sees, and those that the file takes on this computer. */
  size: number;
  allocated: number;
  parts: DiskPart[];
  /** What could be booted from it, or a sentence that says why there is nothing. */
  boot: DiskBootReport | null;
  bootProblem: string | null;
}

/** What a disk offers for booting. A path such as "(1)/boot/vmlinuz" is on partition 1. It has no number if the disk has no partitions. */
export interface DiskBootReport {
  /** The path of the configuration that was found. */
  source: string;
  entries: { title: string; kernel: string; initrds: string[]; cmdline: string }[];
  /** An index of `entries`. */
  default: number;
  /** The seconds for which the menu is shown; null if the configuration does not say. */
  timeout: number | null;
}

/** Requests: name → arguments and result. */
export interface ImageRequests {
  /** `by`: any name, by which inspectCancel can end the request. */
  inspect: { args: { path?: string; name?: string; bytes?: Uint8Array; by?: string }; result: ImageDescription };
  /** Ends every `inspect` of that name that is under way. They are refused with ECANCELED. */
  inspectCancel: { args: { by: string }; result: null };
  /** What is on an image of the host's computer. If the format is not given, the first bytes decide. */
  inspectDisk: { args: { path: string; format?: string }; result: DiskReport };
}
