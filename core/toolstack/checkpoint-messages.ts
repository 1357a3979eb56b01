/** What is said of the images of disks under running domains: arguments and results of the requests that snapshots are made with. Types only. */

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
  /** With memory the guest must be able to suspend; without, the disks are as after a loss of power. */
  memory: boolean;
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
