/** Messages about the images of disks under running domains, by which snapshots are made. */
import type { CreateResult, RestoreAs } from "./domains.ts";
import type { FrozenImage } from "../../dom0/backends/blk/disks.ts";

/** An image of a disk, and its format. */
export interface ImageFile {
  file: string;
  format: string;
}

/** A file that is written whole or not at all. */
export interface RecordFile {
  file: string;
  text: string;
}

/** A disk that its domain may write and that keeps what is written. */
export interface KeptDisk extends ImageFile {
  /** The id of the device. */
  id: string;
  /** Its name in the configuration. */
  vdev: string;
}

export interface CheckpointArguments {
  domid: number;
  /**
   * If memory is wanted, the guest must be able to suspend. Without it ("none"), the disks are as after a loss of power. "file": the memory is
   * written into the file. "held": dom0 holds it for domains that are made of it at once (heldContinue), until heldForget.
   */
  memory: "none" | "file" | "held";
  /** The name of what is held. */
  held?: string;
  /** The number of domains that are to be made of what is held. */
  copies?: number;
  /** The file to which the domain is written: as a saved one, or without memory if that is not wanted. null: it is written nowhere. */
  file: string | null;
  /** For every disk that the domain may write: the id of its device, the image that it has, and the new qcow2 image that is based on that one. */
  disks: { id: string; from: string; file: string }[];
  record: RecordFile;
}
export interface CheckpointResult {
  /** The size of the file; null if none was written. */
  bytes: number | null;
  memoryMiB: number;
  /** Why the file was not written although the disks were exchanged; null if all is well. */
  problem: { code: string; message: string } | null;
  /** The milliseconds for which the domain stood still. */
  stood: number;
  /** What its screen showed: bytes red, green, blue and 255, row by row. null if it has no screen or nobody draws on it. */
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
  /** The disks of a running domain that it may write and that keep what is written. */
  keptDisks: { args: { domid: number }; result: KeptDisk[] };
  /** The images that nobody may write from now on. Those that were frozen before and are not named here may be written again. */
  imagesFreeze: { args: { images: FrozenImage[] }; result: null };
  /**
   * Fixes the disks of a running domain, and its memory if wanted, as they are at one moment. From then on the domain writes to `disks`, which are
   * new images based on those it had, and those change no more. Before anything is written to the new images, `record` is written, whole or not at
   * all.
   */
  checkpoint: { args: CheckpointArguments; result: CheckpointResult };
  /** Makes another domain of memory that is held. It is paused. */
  heldContinue: { args: { held: string; as: Required<RestoreAs> }; result: CreateResult };
  /** The held memory is freed. */
  heldForget: { args: { held: string }; result: null };
  /**
   * `base` takes in what `top` contains. `top` is based on it, and nobody writes to it; domains may read both meanwhile. `absorbing` events with
   * `task` report the bytes. After absorbCancel the answer is ECANCELED, and nothing is lost.
   */
  imageAbsorb: { args: AbsorbArguments; result: { bytes: number } };
  absorbCancel: { args: { task: string }; result: null };
  /** From now on the disk of a running domain is based on `base`, which contains what the image in between contains. Then `record` is written. */
  diskRebase: { args: DiskChainArguments; result: null };
  /** The disk of a running domain becomes `base`, which takes in what the disk has beyond that. The domain's requests wait meanwhile. */
  diskFold: { args: DiskChainArguments; result: null };
}
