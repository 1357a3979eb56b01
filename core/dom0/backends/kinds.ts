/** The kinds of devices that exist, a row for each. Whoever needs to know about kinds takes this table. */
import type { DeviceKind } from "../xenbus/kind.ts";
import { NINEP } from "./9p/kind.ts";
import { BLK } from "./blk/kind.ts";
import { CONSOLE } from "./console/kind.ts";
import { FB } from "./fb/kind.ts";
import { KBD } from "./kbd/kind.ts";
import { NET } from "./net/kind.ts";

export const DEVICE_KINDS: readonly DeviceKind[] = [CONSOLE, BLK, NET, FB, KBD, NINEP];

/** Names of devices that guests and other domains may have and that have no row. */
const OTHERS = { xenstore: "xenstore" };

/** Returns the names of kinds for people. */
export function titlesOf(kinds: readonly DeviceKind[]): ReadonlyMap<string, string> {
  return new Map([...Object.entries(OTHERS), ...kinds.map(({ kind, title }) => [kind, title] as const)]);
}
