/** Domains that the host keeps, whether they run or not, and the bin of those that were deleted. */
import { z } from "zod";
import type { ConfigDiagnostic, CreateResult } from "../../toolstack/messages.ts";
import type { GoesWith } from "../../library/snapshots/report.ts";
import type { BinnedDomain, KeptDomain } from "../host-state.ts";
import { MOST_CONFIG_CHARACTERS } from "../limits.ts";
import { takes } from "./request.ts";
import { fileId, nothing, uuid } from "./values.ts";

const one = z.strictObject({ uuid });
const name = z.string().min(1).max(1024);
/** An entry of the bin: when it was deleted, and its UUID. */
const binId = z.string().regex(/^\d{13}-[\da-f-]{36}$/, "must be an id of the bin");

export const KEPT_REQUESTS = {
  /** In the order of their creation; `kept` events say when they have changed. */
  keptDomains: takes(nothing).gives<KeptDomain[]>(),
  /** Starts it from its definition; a saved one continues where it was. `paused`: leaves it paused. */
  keptStart: takes(z.strictObject({ uuid, paused: z.boolean().optional() })).gives<CreateResult>(),
  /** Its xl.cfg. Relative paths are taken from the folder of `configName`. `files`: the names in it of files that were given with it. */
  keptConfig: takes(one).gives<{ config: string; configName: string | null; files: string[] }>(),
  /**
   * Replaces its xl.cfg; if it runs, it is later restarted from that. Files that were given with it stay if the text names them. `files`: more of
   * them, from names to files given before.
   */
  keptEdit: takes(
    z.strictObject({
      uuid,
      config: z.string().max(MOST_CONFIG_CHARACTERS),
      files: z.record(z.string().max(1024), fileId).optional(),
    }),
  ).gives<{ warnings: ConfigDiagnostic[] }>(),
  keptRename: takes(z.strictObject({ uuid, name })).gives<null>(),
  /** What is left out stays as it was. */
  keptSettings: takes(
    z.strictObject({ uuid, autostart: z.boolean().optional(), template: z.boolean().optional() }),
  ).gives<null>(),
  /**
   * Makes another domain that is like it, halted, with its own UUID and MAC addresses, and with copies of the disks that it may write, beside these.
   * EBUSY while it runs and has such disks.
   */
  keptClone: takes(z.strictObject({ uuid, name })).gives<KeptDomain>(),
  /** Moves it to the bin for a day, with its snapshots. The files that its user gave it as disks stay; images that were made for it go with it (keptGoesWith). */
  keptDelete: takes(one).gives<null>(),
  /** What goes with it when it is deleted. */
  keptGoesWith: takes(one).gives<GoesWith>(),
  /** The latest first. */
  binList: takes(nothing).gives<BinnedDomain[]>(),
  binRestore: takes(z.strictObject({ id: binId })).gives<KeptDomain>(),
  /** Deletes one entry of the bin for good, or all that lie there now. */
  binPurge: takes(z.strictObject({ id: binId.optional() })).gives<null>(),
};
