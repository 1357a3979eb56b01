/** Snapshots of domains, by UUID, whether they run or not. */
import { z } from "zod";
import { SNAPSHOT_NAME } from "../../library/snapshots/snapshot-name.ts";
import type { BinnedSnapshot, SnapshotTree } from "../../library/snapshots/report.ts";
import { takes } from "./request.ts";
import { nothing } from "./values.ts";

const uuid = z.string().regex(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/, "must be a UUID");
const snapshot = z.string().regex(/^[\da-f]{8}$/, "must be a snapshot's id");
/** As many as anybody can look at; the host's memory is exhausted before. */
const MOST_COPIES = 16;
const domainName = z.string().min(1).max(1024);

export const SNAPSHOT_REQUESTS = {
  /** All snapshots of a domain; null where it has none. `snapshots` events say when they, or the work on them, have changed. */
  snapshots: takes(z.strictObject({ uuid })).gives<SnapshotTree | null>(),
  /** Domains that have snapshots. */
  snapshotDomains: takes(nothing).gives<{ uuid: string; name: string; snapshots: number }[]>(),
  /** What the domain showed then: its screen as a PNG, or the end of its console; null where it showed nothing. */
  snapshotPicture: takes(z.strictObject({ uuid, snapshot })).gives<{
    kind: "screen" | "console";
    bytes: Uint8Array;
  } | null>(),
  /**
   * Takes a snapshot of the domain as it is now. With `memory`, a running guest must be able to suspend, and a revert continues where it was;
   * without, its disks are as after a loss of power. `stood` is how many milliseconds it stood still.
   */
  snapshotTake: takes(z.strictObject({ uuid, name: SNAPSHOT_NAME, memory: z.boolean() })).gives<{
    snapshot: string;
    stood: number;
  }>(),
  /**
   * Makes the domain what it was then: it continues from there, or is halted if the snapshot has no memory (`domid` is null). `keepNow`: the present
   * state becomes a snapshot of that name first; otherwise it is lost.
   */
  snapshotRevert: takes(z.strictObject({ uuid, snapshot, keepNow: SNAPSHOT_NAME.optional() })).gives<{
    domid: number | null;
  }>(),
  /** Goes to the bin, for a day. EBUSY while domains that were made from it need it. */
  snapshotDelete: takes(z.strictObject({ uuid, snapshot })).gives<null>(),
  /** Those of all kept domains that were deleted, the latest first: each for a day. */
  snapshotBin: takes(nothing).gives<BinnedSnapshot[]>(),
  /** Back where it was in the tree, under its name or, if another has that now, one made of it. */
  snapshotRestore: takes(z.strictObject({ uuid, snapshot })).gives<{ name: string }>(),
  /** One of them goes for good, or all of a domain, or all: their disks are merged into what came after them. EBUSY while the domain is saved. */
  snapshotPurge: takes(
    z
      .strictObject({ uuid: uuid.optional(), snapshot: snapshot.optional() })
      .refine((given) => given.snapshot === undefined || given.uuid !== undefined, "needs the UUID of its domain too"),
  ).gives<null>(),
  /** Continues merging that was cancelled or interrupted. */
  snapshotMerge: takes(z.strictObject({ uuid })).gives<null>(),
  /** Cancels what is under way, with nothing lost: `snapshotTake`, `snapshotDelete`, `snapshotPurge`, `snapshotMerge` or `domainFork` is refused with ECANCELED. */
  snapshotCancel: takes(z.strictObject({ uuid })).gives<null>(),
  snapshotRename: takes(z.strictObject({ uuid, snapshot, name: SNAPSHOT_NAME })).gives<null>(),
  /**
   * Forks a running domain, which goes on, into so many copies: with other names (NAME-fork-1 and so on), UUIDs and MAC addresses, and with disks
   * based on those of the domain. All are made before the first one runs, or none. `snapshot`: the one on which their disks are based; null without
   * disks. `stood`: how many milliseconds the domain stood still. ENOMEM: there is no room for them; ECANCELED after snapshotCancel.
   */
  domainFork: takes(z.strictObject({ uuid, copies: z.int().min(1).max(MOST_COPIES) })).gives<{
    copies: { uuid: string; name: string; domid: number }[];
    snapshot: string | null;
    stood: number;
  }>(),
  /** Makes another domain that is what the first was then. It is started if the snapshot has no memory and the host runs. */
  snapshotClone: takes(z.strictObject({ uuid, snapshot, name: domainName })).gives<{
    uuid: string;
    name: string;
    domid: number | null;
  }>(),
};
