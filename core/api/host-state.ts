/** What the API says of the host as a whole: state, boot, log lines, what can be started. */
import type { Foreseen } from "../library/downloads/downloads.ts";
import type { GuestRole } from "../library/downloads/guests.ts";
import type { CheckReport } from "../dom0/storage/qcow2/check.ts";
import type { ImageUser } from "../library/images/uses.ts";
import type { BinEntry } from "../library/bin.ts";
import type { GoesWith } from "../library/snapshots/report.ts";
import type { Look } from "../library/transfer/intake.ts";
import type { ArchiveKind } from "../library/transfer/first-member.ts";
import type { KeptFile } from "../library/kept-folder.ts";
import type { BootHandover } from "../toolstack/power.ts";
import type { BootBuilt } from "../toolstack/messages.ts";

export type { DownloadReport, Fetched } from "../library/downloads/downloads.ts";
export type { BinEntry } from "../library/bin.ts";
export type { BinnedSnapshot } from "../library/snapshots/report.ts";
export type { ArchiveKind } from "../library/transfer/first-member.ts";
export type { ImageUser } from "../library/images/uses.ts";
export type { KeptFile } from "../library/kept-folder.ts";

export type HostPower = "off" | "starting" | "running" | "stopping" | "crashed";

/** The host as a whole. Stages are in the order in which they ended; milliseconds are measured. */
export interface HostState {
  power: HostPower;
  /**
   * Identifies the power cycle: it differs for each power-on of each server. Domids, and offsets in consoles, are valid within one. null before the
   * first.
   */
  cycle: string | null;
  stages: { name: string; milliseconds: number }[];
  /** A sentence that says why it crashed or could not start; else null. */
  reason: string | null;
  /** What it has, or had since its last power-on; before the first, what it will have. */
  memoryMiB: number;
  pcpus: number;
  /** What it will have at its next power-on. */
  next: { memoryMiB: number; pcpus: number };
  /** The computer on which it runs. */
  computer: { memoryMiB: number; cores: number };
  /** The boot menu with Xen's command lines, and the number of the entry that was booted last or is next. */
  bootEntries: { title: string; cmdline: string }[];
  bootEntry: number;
  /** Name of the bundled guest that was started with the application's first power-on, until the next power-on; else null. */
  firstGuest: string | null;
}

/** Kernels of the computer on which Xenarium runs, the newest first. */
export interface ImageSources {
  /** The folder in which they lie; null when this client may not have them. */
  folder: string | null;
  /** Sizes are in bytes; null where there is no RAM disk for the kernel. */
  kernels: { release: string; size: number; ramdiskSize: number | null }[];
  /** A sentence that says why there are none; else null. */
  reason: string | null;
}
export interface TakenImage {
  name: string;
  /** The file's id in the session. */
  file: string;
  size: number;
}

/**
 * A line of the Xen log without its end, with one byte in each character. The level is Xen's for the message (XENLOG_*), or null where Xen gives none
 * or dom0 has written it. `origin`: Xen about itself; Xen about what a guest caused (XENLOG_GUEST); or a domain's own words, by console_io. Level and
 * origin are not derived from the text. `time` is in nanoseconds since power-on.
 */
export interface XenLogLine {
  text: string;
  level: "error" | "warning" | "info" | "debug" | null;
  origin: "xen" | "guest" | "domain";
  time: number;
}

/** The stages in order; `log` is what the hypervisor printed in each. */
export interface BootReport {
  stages: { name: string; milliseconds: number; log: string; parts: { name: string; end: number }[] }[];
  /** null while the host does not run. */
  handover: BootHandover | null;
  built: BootBuilt | null;
}

/** A disk image that the host keeps for its clients. */
export type DiskImage = KeptFile;
/** An image that the host keeps or that a domain names, and what it is based on. */
export interface ImageReport {
  path: string;
  /** Name of the file. */
  name: string;
  /** Whether it lies among those that the host keeps; others belong to the user. */
  isKept: boolean;
  /** The format that its user names, or its beginning shows; null where that can't be told. */
  format: string | null;
  /** Size of the disk in bytes; null where that can't be told. */
  size: number | null;
  /** Bytes that it takes on this computer. */
  allocated: number;
  /** The image that it says it is based on. */
  basedOn: string | null;
  users: ImageUser[];
  /** Sentences: why it can't be used, and, without the full stop, what is being done with it; else null. */
  problem: string | null;
  work: string | null;
}
export interface ImageList {
  /** Folder of those that the host keeps; null if it keeps none. */
  folder: string | null;
  images: ImageReport[];
}
/**
 * `tables` is what was found in its tables, null for formats that have none. `unreadable` says why it can't be read to its end, null where it can.
 */
export interface ImageCheck {
  tables: CheckReport | null;
  unreadable: string | null;
}
/** What an archive says that it contains: a domain of this host or another one. */
export type ArchiveLook = Look & { kind: ArchiveKind };
/** Captured traffic that the host keeps. `at` is when it last grew, in milliseconds since 1970. */
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
  /** Its domid while it runs; else null. */
  domid: number | null;
  /** Its saved memory, from which it continues when it is started. `savedAt` is in milliseconds since 1970, `bytes` on disk. */
  saved: { savedAt: number; memoryMiB: number; bytes: number } | null;
  /** As in its configuration; null where that is not understood. */
  memoryMiB: number | null;
  vcpus: number | null;
  /** Milliseconds since 1970; null where it has never run. */
  createdAt: number;
  lastRunAt: number | null;
  /** Whether it starts with the host. */
  autostart: boolean;
  /** Whether it is a template, which is cloned and not started. */
  template: boolean;
  /** Files of the host's computer that its devices have, such as its disks. They stay when it is deleted, but for those that `keptGoesWith` names. */
  files: string[];
}
/** A domain that was deleted. `bytes`: with those of the images that go with it. */
export interface BinnedDomain extends BinEntry, Omit<GoesWith, "refused"> {
  /** Files of the host's computer that its devices have, and that stay. */
  files: string[];
}
/** A disk image, kernel or RAM disk that was deleted. */
export type BinnedFile = Omit<BinEntry, "uuid">;
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
  /** File of the list; null where there is none to edit. */
  file: string | null;
  /** Sentences that say why it can't be used, and what is shown instead; else null. */
  problem: string | null;
  guests: OfferedGuest[];
}
/** What the servers say of a guest's files, in the list's order. */
export interface GuestLook {
  files: ({ role: GuestRole; url: string } & Foreseen)[];
}
