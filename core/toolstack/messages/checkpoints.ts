/** What is said of the images of disks under running domains: what snapshots are made with. */
import type { CreateResult, RestoreAs } from "./domains.ts";
import type { FrozenImage } from "../../dom0/backends/blk/image-register.ts";

/** An image of a disk, and how it is to be read. */
export interface ImageFile {
  file: string;
  format: string;
}

/** A file that is written whole or not at all. */
export interface RecordFile {
  file: string;
  text: string;
}

/** A disk that its domain may write, and keeps. */
export interface KeptDisk extends ImageFile {
  /** Of the device. */
  id: string;
  /** As the configuration calls it. */
  vdev: string;
}

export interface CheckpointArguments {
  domid: number;
  /**
   * With memory the guest must be able to suspend; without ("none"), the disks are as after a loss of power. "file": into the file. "held": dom0
   * holds it, for domains that are made of it at once (heldContinue), until heldForget.
   */
  memory: "none" | "file" | "held";
  /** What is held is called so. */
  held?: string;
  /** Domains that are to be made of what is held. */
  copies?: number;
  /** Where the domain is written: as a saved one, without memory if that is not wanted; null: nowhere. */
  file: string | null;
  /** Of every disk that the domain may write: its device's id, the image that it has, and the new one in qcow2, which is based on that. */
  disks: { id: string; from: string; file: string }[];
  record: RecordFile;
}
export interface CheckpointResult {
  /** Of the file; null where none was written. */
  bytes: number | null;
  memoryMiB: number;
  /** Why the file was not written although the disks were exchanged; null where all is well. */
  problem: { code: string; message: string } | null;
  /** Milliseconds that the domain stood still. */
  stood: number;
  /** What its screen showed: bytes red, green, blue and 255, row by row; null where it has none or nobody draws on it. */
  screen: { width: number; height: number; pixels: Uint8Array } | null;
  /** The last bytes of its console. */
  console: Uint8Array;
}

export interface AbsorbArguments {
  task: string;
  base: ImageFile;
  top: ImageFile;
}
export interface DiskChainArguments {
  domid: number;
  device: string;
  /** The image that the disk has. */
  from: string;
  base: ImageFile;
  record: RecordFile;
}

/** Requests: name → arguments and result. */
export interface CheckpointRequests {
  /** The disks of a running domain that it may write, and keeps. */
  keptDisks: { args: { domid: number }; result: KeptDisk[] };
  /** Images that nobody may write from now on; those of the time before may be written again. */
  imagesFreeze: { args: { images: FrozenImage[] }; result: null };
  /**
   * The disks of a running domain, and its memory if wanted, as they are at one moment: from then on it writes to `disks`, new images that are based
   * on those that it had, which change no more. `record` is written before anything is written to them, whole or not at all.
   */
  checkpoint: { args: CheckpointArguments; result: CheckpointResult };
  /** Another domain of memory that is held; it is paused. */
  heldContinue: { args: { held: string; as: Required<RestoreAs> }; result: CreateResult };
  /** It is there no more. */
  heldForget: { args: { held: string }; result: null };
  /**
   * `base` takes in what `top` has, which is based on it, and which nobody writes; domains may read both meanwhile. `absorbing` events
   * by `task` tell the bytes; ECANCELED after absorbCancel, with nothing lost.
   */
  imageAbsorb: { args: AbsorbArguments; result: { bytes: number } };
  absorbCancel: { args: { task: string }; result: null };
  /** A running domain's disk is based on `base` from now on, whose content the image in between has: `record` is written then. */
  diskRebase: { args: DiskChainArguments; result: null };
  /** A running domain's disk becomes `base`, which takes in what it has beyond that; the domain's requests wait. */
  diskFold: { args: DiskChainArguments; result: null };
}
