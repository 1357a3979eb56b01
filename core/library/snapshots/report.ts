/** What clients are told of snapshots. Types only. */
export interface SnapshotReport {
  id: string;
  name: string;
  /** The snapshot that the domain was continuing from when this one was taken; null for none. */
  parent: string | null;
  /** Milliseconds since 1970. */
  takenAt: number;
  /** With memory the domain continues where it was; without, it boots from the snapshot's disks. */
  hasMemory: boolean;
  memoryMiB: number;
  picture: "screen" | "console" | null;
  /** Bytes that it takes on this computer: its memory, and the part of its disks that no other snapshot shares. */
  bytes: number;
  /** Domains that were made from it and need its disks. */
  clones: string[];
}

/** A snapshot in the bin. */
export interface BinnedSnapshot {
  id: string;
  name: string;
  /** UUID and name of its domain. */
  uuid: string;
  domain: string;
  hasMemory: boolean;
  /** Milliseconds since 1970: when it was deleted, and when it is gone; after that it can't be put back. */
  deletedAt: number;
  goneAt: number;
  /** Bytes that become free when it is gone: at most so many, where images are merged. */
  bytes: number;
}

/** Work that is under way on a domain's snapshots. */
export interface SnapshotWork {
  what: "take" | "revert" | "delete" | "restore" | "purge" | "merge" | "clone" | "fork" | "rename";
  /** The share that is done, up to 1; null where that is not known. */
  share: number | null;
}

export interface SnapshotTree {
  uuid: string;
  name: string;
  /** The snapshot that the domain continues from. */
  current: string | null;
  snapshots: SnapshotReport[];
  work: SnapshotWork | null;
  /** Number of images that are still to be merged because a merge was cancelled or interrupted. */
  unmerged: number;
}

/** What goes with a domain that is deleted. */
export interface GoesWith {
  /** How many snapshots it has. */
  snapshots: number;
  /**
   * The disk images that were made for its snapshots, or for the domain from a snapshot of another one, and that no other domain needs. They have what was
   * written since, and are removed when the domain is gone for good.
   */
  images: string[];
  /** Whether it was made from a snapshot of another domain, on which its disks are based: no image of its own takes in what was written to those. */
  isLinked: boolean;
  /** The images with which its disks began that take in what was written to those, before that. */
  mergedInto: string[];
  /** Whether something was written to those that none of them takes in, as where another domain has the image. */
  isWritingLost: boolean;
  /** Bytes that these images take on this computer. */
  bytes: number;
  /** A sentence that says why it can't be deleted now; null: it can be. */
  refused: string | null;
}
