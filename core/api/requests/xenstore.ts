/** xenstore as dom0 sees it, which may do everything. */
import { z } from "zod";
import type { XenstoreAccounts, XenstoreMatches, XenstoreNode } from "../../toolstack/messages.ts";
import { takes } from "./request.ts";
import { nothing } from "./values.ts";

const storePath = z
  .string()
  .max(3072)
  .regex(/^\/[^\n]*$/, "must be a path of xenstore, from / on");
const storePaths = z
  .string()
  .max(128 * 1024)
  .transform((text) => text.split("\n"))
  .pipe(z.array(storePath).max(256));
const storeValue = z
  .string()
  .max(4096)

  .regex(/^[\0-\xff]*$/, "must have a byte in each character");
const storePermissions = z
  .string()
  .max(512)
  .regex(/^[nrwb]\d{1,5}( [nrwb]\d{1,5})*$/, "must be letters n, r, w, b with a domid, as n0 r5")
  .transform((text) => text.split(" "));

export const XENSTORE_REQUESTS = {
  xenstoreRead: takes(z.strictObject({ path: storePath })).gives<XenstoreNode>(),
  xenstoreList: takes(z.strictObject({ path: storePath })).gives<string[]>(),
  /** Requests have no arrays, so this is a path on each line, at most 256. */
  xenstoreNodes: takes(z.strictObject({ paths: storePaths })).gives<{ nodes: (XenstoreNode | null)[] }>(),
  /** Part of a name or value or, with a slash, of a path. Each character is a byte, as in values. */
  xenstoreSearch: takes(
    z.strictObject({ text: z.string().min(1).max(256), below: storePath }),
  ).gives<XenstoreMatches>(),
  xenstoreAccounts: takes(nothing).gives<XenstoreAccounts>(),
  /** Writes as dom0, which may do everything. Each character of a value is a byte. */
  xenstoreWrite: takes(z.strictObject({ path: storePath, value: storeValue })).gives<null>(),
  xenstoreMkdir: takes(z.strictObject({ path: storePath })).gives<null>(),
  /** Removes the node and all below it. */
  xenstoreRemove: takes(z.strictObject({ path: storePath })).gives<null>(),
  /** Such as "n0 r5": the first one names the owner, and what others may do. */
  xenstoreSetPermissions: takes(z.strictObject({ path: storePath, permissions: storePermissions })).gives<null>(),
  /** A watch of xenstored: changes at and below the path come as `xenstoreChanged` events until it is ended. */
  xenstoreWatch: takes(z.strictObject({ path: storePath })).gives<{ watch: string }>(),
  xenstoreUnwatch: takes(z.strictObject({ watch: z.string().max(32) })).gives<null>(),
};
