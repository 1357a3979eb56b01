/** Domains that the host keeps, whether they run or not, and the bin of those that were deleted. */
import { z } from "zod";
import type { ConfigDiagnostic, CreateResult } from "../../toolstack/messages.ts";
import type { BinEntry, KeptDomain } from "../host-state.ts";
import { MOST_CONFIG_CHARACTERS } from "../limits.ts";
import { takes } from "./request.ts";
import { fileId, nothing, uuid } from "./values.ts";

const one = z.strictObject({ uuid });
const name = z.string().min(1).max(1024);
/** Of the bin: when it was deleted and what it was. */
const binId = z.string().regex(/^\d{13}-[\da-f-]{36}$/, "must be an id of the bin");

export const KEPT_REQUESTS = {
  /** In the order in which they were created; `kept` events tell when they have changed. */
  keptDomains: takes(nothing).gives<KeptDomain[]>(),
  /** From its definition; one that is saved goes on where it was. `paused`: leave it so. */
  keptStart: takes(z.strictObject({ uuid, paused: z.boolean().optional() })).gives<CreateResult>(),
  /** Its xl.cfg; the folder of `configName` is what relative paths are taken from. `files`: names in it of files that were given with it. */
  keptConfig: takes(one).gives<{ config: string; configName: string | null; files: string[] }>(),
  /**
   * Another xl.cfg for it; while it runs, it is restarted from that. Files that were given with it and that the text names stay; `files`: more
   * of them, names to files given before.
   */
  keptEdit: takes(
    z.strictObject({
      uuid,
      config: z.string().max(MOST_CONFIG_CHARACTERS),
      files: z.record(z.string().max(1024), fileId).optional(),
    }),
  ).gives<{ warnings: ConfigDiagnostic[] }>(),
  keptRename: takes(z.strictObject({ uuid, name })).gives<null>(),
  /** What is left out stays. */
  keptSettings: takes(
    z.strictObject({ uuid, autostart: z.boolean().optional(), template: z.boolean().optional() }),
  ).gives<null>(),
  /**
   * Another domain that is like it, halted: with a UUID and MAC addresses of its own, and copies of the disks that it may write, beside these.
   * EBUSY while it runs and has such disks.
   */
  keptClone: takes(z.strictObject({ uuid, name })).gives<KeptDomain>(),
  /** Into the bin, for a day. Its disks stay where they are. */
  keptDelete: takes(one).gives<null>(),
  /** The latest first. */
  binList: takes(nothing).gives<BinEntry[]>(),
  binRestore: takes(z.strictObject({ id: binId })).gives<KeptDomain>(),
  /** One of the bin goes for good, or all that lies there. */
  binPurge: takes(z.strictObject({ id: binId.optional() })).gives<null>(),
};
