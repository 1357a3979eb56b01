/** Who may do what with a node: docs/misc/xenstore.txt, "Permissions". */
import { XenstoreError } from "./wire.ts";

export const PERM_NONE = 0;
export const PERM_READ = 1;
export const PERM_WRITE = 2;
export const PERM_OWNER = 4;

export interface Permission {
  readonly domid: number;
  /** PERM_NONE, PERM_READ, PERM_WRITE or both. */
  readonly access: number;
}
/** The first entry names the owner, and its access is what everybody has who is not listed. Never empty. */
export type Permissions = readonly Permission[];

/** The domain on whose behalf something is asked. */
export interface Caller {
  readonly domid: number;
  /** The domain it acts for (a device model's guest), as set by SET_TARGET. */
  readonly target: number | null;
  /** Whether it is dom0, which has every permission and no quota. */
  readonly privileged: boolean;
}

const LETTERS = "nrwb";

export function accessOf(permissions: Permissions, caller: Caller): number {
  const owner = permissions[0]!;
  if (caller.privileged || owner.domid === caller.domid || owner.domid === caller.target)
    return PERM_READ | PERM_WRITE | PERM_OWNER;
  let access = owner.access;
  for (const entry of permissions.slice(1)) {
    if (entry.domid === caller.domid || entry.domid === caller.target) {
      access = entry.access;
      break;
    }
  }
  return access;
}

/** Parses "r5" and the like. EINVAL for anything else. */
export function parsePermission(text: string): Permission {
  const access = LETTERS.indexOf(text.charAt(0));
  if (!/^[nrwb]\d{1,5}$/.test(text) || access < 0) throw new XenstoreError("EINVAL");
  const domid = Number(text.slice(1));
  if (domid > 0xffff) throw new XenstoreError("EINVAL");
  return { domid, access };
}

export function formatPermission({ domid, access }: Permission): string {
  return `${LETTERS[access]}${domid}`;
}
