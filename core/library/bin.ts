/** What was deleted lies in a bin for a time, and can be restored until it is gone for good. */

/** How long it lies there. */
export const BIN_MS = 24 * 3600_000;
/** A clock may be wrong when a computer starts: what has been in the bin for a day goes when that is so an hour later still. */
export const SURE_MS = 3600_000;

/** A definition that was deleted, and can be restored until it is gone for good. */
export interface BinEntry {
  id: string;
  uuid: string;
  name: string;
  /** Milliseconds since 1970. */
  deletedAt: number;
  /** The same; after that it can't be restored. */
  goneAt: number;
  /** Bytes that become free when it is gone. */
  bytes: number;
}

/**
 * When it was first found to have lain there for a day; null: it was not. A note with a time in the future was made by a wrong clock and counts for
 * nothing.
 */
export function overSince({ deletedAt, over }: { deletedAt: number; over: number | null }, now: number): number | null {
  if (deletedAt + BIN_MS > now) return null;
  return over !== null && over <= now ? over : now;
}
