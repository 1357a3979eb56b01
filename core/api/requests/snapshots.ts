/** Snapshots of domains, whether they run or not: by their UUID. */
import { z } from "zod";
import { SNAPSHOT_NAME } from "../../library/snapshots/snapshot-name.ts";
import type { SnapshotTree } from "../../library/snapshots/report.ts";
import { takes } from "./request.ts";
import { nothing } from "./values.ts";

const uuid = z.string().regex(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/, "must be a UUID");
const snapshot = z.string().regex(/^[\da-f]{8}$/, "must be a snapshot's id");
/** As many as anybody looks at; the host's memory ends before. */
const MOST_COPIES = 16;
const domainName = z.string().min(1).max(1024);

export const SNAPSHOT_REQUESTS = {
  /** All of a domain's; null where it has none. `snapshots` events tell when they, or what is done with them, have changed. */
  snapshots: takes(z.strictObject({ uuid })).gives<SnapshotTree | null>(),
  /** Domains that have some. */
  snapshotDomains: takes(nothing).gives<{ uuid: string; name: string; snapshots: number }[]>(),
  /** What the domain showed then: its screen as a PNG, or the end of its console; null where it showed nothing. */
  snapshotPicture: takes(z.strictObject({ uuid, snapshot })).gives<{
    kind: "screen" | "console";
    bytes: Uint8Array;
  } | null>(),
  /**
   * The domain as it is now. With `memory` a running guest must be able to suspend, and goes on where it was; without, its disks are as after a
   * loss of power. `stood`: milliseconds that it stood still.
   */
  snapshotTake: takes(z.strictObject({ uuid, name: SNAPSHOT_NAME, memory: z.boolean() })).gives<{
    snapshot: string;
    stood: number;
  }>(),
  /**
   * The domain is as it was then: it goes on from there, or is halted where the snapshot has no memory (`domid` is null). `keepNow`: what it is
   * now becomes a snapshot of that name first; else it is gone.
   */
  snapshotRevert: takes(z.strictObject({ uuid, snapshot, keepNow: SNAPSHOT_NAME.optional() })).gives<{
    domid: number | null;
  }>(),
  /** What it had is merged into what came after it. EBUSY while domains that were made from it need it. */
  snapshotDelete: takes(z.strictObject({ uuid, snapshot })).gives<null>(),
  /** Goes on with merging that was cancelled or broken off. */
  snapshotMerge: takes(z.strictObject({ uuid })).gives<null>(),
  /** Ends what is done, with nothing lost: `snapshotTake`, `snapshotDelete`, `snapshotMerge` or `domainFork` is refused with ECANCELED. */
  snapshotCancel: takes(z.strictObject({ uuid })).gives<null>(),
  snapshotRename: takes(z.strictObject({ uuid, snapshot, name: SNAPSHOT_NAME })).gives<null>(),
  /**
   * A domain that runs, and goes on, goes on in so many copies too: with other names (NAME-fork-1 and so on), UUIDs and MAC addresses, and disks based
   * on what its own were. All are made before the first runs, or none. `snapshot`: what their disks are based on; null without disks. `stood`:
   * milliseconds that the domain stood still. ENOMEM: there is no room for them; ECANCELED after snapshotCancel.
   */
  domainFork: takes(z.strictObject({ uuid, copies: z.int().min(1).max(MOST_COPIES) })).gives<{
    copies: { uuid: string; name: string; domid: number }[];
    snapshot: string | null;
    stood: number;
  }>(),
  /** Another domain, as that one was then; it is started where the snapshot has no memory and the host runs. */
  snapshotClone: takes(z.strictObject({ uuid, snapshot, name: domainName })).gives<{
    uuid: string;
    name: string;
    domid: number | null;
  }>(),
};
