/** What is told of snapshots. Types only. */
export interface SnapshotReport {
  id: string;
  name: string;
  /** The snapshot that the domain went on from when this one was taken; null for none. */
  parent: string | null;
  /** Milliseconds since 1970. */
  takenAt: number;
  /** With memory the domain goes on where it was; without, it starts from its disks. */
  hasMemory: boolean;
  memoryMiB: number;
  picture: "screen" | "console" | null;
  /** On this computer's disk: its memory, and its disks as far as they are its own. */
  bytes: number;
  /** Domains that were made from it and need its disks. */
  clones: string[];
}

/** What is being done with a domain's snapshots. */
export interface SnapshotWork {
  what: "take" | "revert" | "delete" | "merge" | "clone" | "fork" | "rename";
  /** What is done of it, up to 1; null where that is not known. */
  share: number | null;
}

export interface SnapshotTree {
  uuid: string;
  name: string;
  /** What the domain goes on from. */
  current: string | null;
  snapshots: SnapshotReport[];
  work: SnapshotWork | null;
  /** Images that are still to be merged, because that was cancelled or broken off. */
  unmerged: number;
}
