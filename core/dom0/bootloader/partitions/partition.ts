/** A part of a disk that may hold a file system. */
import type { Region } from "../region.ts";

export interface Partition {
  /** The number as in xvda1; 0 is the whole disk. */
  number: number;
  /** Whether it is marked as the one to boot from. */
  active: boolean;
  region: Region;
}
