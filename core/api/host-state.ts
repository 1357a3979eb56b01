/** What the API says of the host as a whole: state, boot, log lines, what there is to start. */
import type { Foreseen } from "../library/downloads/downloads.ts";
import type { GuestRole } from "../library/downloads/guests.ts";
import type { CheckReport } from "../dom0/storage/qcow2/check.ts";
import type { ImageUser } from "../library/images/uses.ts";
import type { Look } from "../library/transfer/intake.ts";
import type { ArchiveKind } from "../library/transfer/look.ts";
import type { KeptFile } from "../library/kept-folder.ts";
import type { BootHandover } from "../toolstack/power.ts";
import type { BootBuilt } from "../toolstack/messages.ts";

export type { DownloadReport, Fetched } from "../library/downloads/downloads.ts";
export type { ArchiveKind } from "../library/transfer/look.ts";
export type { ImageUser } from "../library/images/uses.ts";
export type { KeptFile } from "../library/kept-folder.ts";

export type HostPower = "off" | "starting" | "running" | "stopping" | "crashed";

/** The host as a whole. Stages are in order of their end; milliseconds are measured. */
export interface HostState {
  power: HostPower;
  /** Another at each power-on, of each server: domids and offsets of consoles mean something within one. null before the first. */
  cycle: string | null;
  stages: { name: string; milliseconds: number }[];
  /** Why it crashed or could not start: a sentence; else null. */
  reason: string | null;
  /** What it has, or had at its last power-on; before the first what it will have. */
  memoryMiB: number;
  pcpus: number;
  /** What it will have at its next power-on. */
  next: { memoryMiB: number; pcpus: number };
  /** The computer that it runs on. */
  computer: { memoryMiB: number; cores: number };
  /** The boot menu, with Xen's command lines, and the number of the entry that was booted last or is next. */
  bootEntries: { title: string; cmdline: string }[];
  bootEntry: number;
  /** Name of the bundled guest that was started with the application's first power-on, until the next one; else null. */
  firstGuest: string | null;
}

/** Kernels of the computer that Xenarium runs on, the newest first. */
export interface ImageSources {
  /** Where they lie; null when this client may not have them. */
  folder: string | null;
  /** Sizes in bytes; null where no RAM disk belongs to it. */
  kernels: { release: string; size: number; ramdiskSize: number | null }[];
  /** Why there are none: a sentence; else null. */
  reason: string | null;
}
export interface TakenImage {
  name: string;
  /** Its id among the session's files. */
  file: string;
  size: number;
}

/**
 * A line of the Xen log without its end, each character a byte. The level is Xen's for the message (XENLOG_*), null where Xen gives none
 * or the words are dom0's. `origin`: Xen about itself; Xen about what a guest caused (XENLOG_GUEST); or a domain's own words, by
 * console_io. Level and origin do not come from the text. `time`: nanoseconds since power-on.
 */
export interface XenLogLine {
  text: string;
  level: "error" | "warning" | "info" | "debug" | null;
  origin: "xen" | "guest" | "domain";
  time: number;
}

/** Stages in order; `log` is what the hypervisor printed in each. */
export interface BootReport {
  stages: { name: string; milliseconds: number; log: string; parts: { name: string; end: number }[] }[];
  /** null while the host does not run. */
  handover: BootHandover | null;
  built: BootBuilt | null;
}

/** A disk image that the host keeps for its clients. */
export type DiskImage = KeptFile;
/** An image that the host keeps, or that a domain names, and what it is based on. */
export interface ImageReport {
  path: string;
  /** Of the file. */
  name: string;
  /** It lies among those that the host keeps; others are their user's own. */
  isKept: boolean;
  /** As who uses it names it, or its beginning says; null where that can't be told. */
  format: string | null;
  /** Bytes of the disk; null where that can't be told. */
  size: number | null;
  /** Bytes on this computer. */
  allocated: number;
  /** The image that it says it is based on. */
  basedOn: string | null;
  users: ImageUser[];
  /** Why it can't be used, and what is being done with it: sentences, the second without its full stop; else null. */
  problem: string | null;
  work: string | null;
}
export interface ImageList {
  /** Where those lie that the host keeps; null: it keeps none. */
  folder: string | null;
  images: ImageReport[];
}
/** `tables`: what has been found in them, null for formats that have none; `unreadable`: why it can't be read to its end, null where it can. */
export interface ImageCheck {
  tables: CheckReport | null;
  unreadable: string | null;
}
/** What an archive says that it holds: a domain of this or another host. */
export type ArchiveLook = Look & { kind: ArchiveKind };
/** Captured traffic that the host keeps; `at`: when it last grew, in milliseconds since 1970. */
export interface KeptCapture {
  name: string;
  path: string;
  bytes: number;
  at: number;
}

/** A domain that the host keeps, whether it runs or not. */
export interface KeptDomain {
  uuid: string;
  name: string;
  state: "running" | "saved" | "halted";
  /** While it runs; else null. */
  domid: number | null;
  /** What is kept of its memory; it goes on there when it is started. `savedAt`: milliseconds since 1970; `bytes`: on disk. */
  saved: { savedAt: number; memoryMiB: number; bytes: number } | null;
  /** As its configuration says; null where that is not understood. */
  memoryMiB: number | null;
  vcpus: number | null;
  /** Milliseconds since 1970; null: it has never run. */
  createdAt: number;
  lastRunAt: number | null;
  /** It starts with the host. */
  autostart: boolean;
  /** It is cloned, not started. */
  template: boolean;
  /** Files of the host's computer that its devices have, its disks: they stay when it is deleted. */
  files: string[];
}
/** A definition that was deleted. It can be restored until `goneAt`; then so many bytes are free. Milliseconds since 1970. */
export interface BinEntry {
  id: string;
  uuid: string;
  name: string;
  deletedAt: number;
  goneAt: number;
  bytes: number;
}
/** A disk image that was deleted: the same. */
export type BinnedImage = Omit<BinEntry, "uuid">;
/** A guest of the list. Bytes: as the list says; null where it does not. */
export interface OfferedGuest {
  id: string;
  name: string;
  description: string;
  memoryMiB: number;
  vcpus: number;
  files: { role: GuestRole; url: string; bytes: number | null }[];
}
export interface OfferedGuests {
  /** Where the list lies; null: there is none to edit. */
  file: string | null;
  /** Why it can't be used, and what is shown instead: sentences; else null. */
  problem: string | null;
  guests: OfferedGuest[];
}
/** What its servers say of a guest's files, in the list's order. */
export interface GuestLook {
  files: ({ role: GuestRole; url: string } & Foreseen)[];
}
