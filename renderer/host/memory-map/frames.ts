/** The host's frame map in the form that the canvas needs: an index into the palette for each frame. */
import type { FrameKind, FrameMap } from "../../../core/api/schema.ts";

export type PaletteEntry = FrameMap["palette"][number];

export const DOMID_XEN = 0x7ff2;
const DOMID_COW = 0x7ff3;
export const DOMID_NOBODY = 0x7ff4;
export const FRAMES_PER_MIB = 256;

/** Describes each kind in a few words, and says how strongly its owner's colour is shown, from 0 to 1. */
export const KINDS: Record<FrameKind, { title: string; strength: number }> = {
  machine: { title: "The machine’s own", strength: 0.55 },
  root: { title: "Hypervisor’s root", strength: 1 },
  "frame-table": { title: "Frame table", strength: 0.9 },
  m2p: { title: "Machine-to-physical table", strength: 0.75 },
  "xen-heap": { title: "Xen heap", strength: 1 },
  shared: { title: "Xen heap, shared with it", strength: 0.9 },
  "grant-table": { title: "Grant table", strength: 0.9 },
  free: { title: "Free", strength: 1 },
  broken: { title: "Broken", strength: 1 },
  granted: { title: "Granted, in use", strength: 1 },
  none: { title: "No type (PGT_none)", strength: 0.4 },
  l1: { title: "L1 page table", strength: 1 },
  l2: { title: "L2 page table", strength: 1 },
  l3: { title: "L3 page table", strength: 1 },
  l4: { title: "L4 page table", strength: 1 },
  "seg-desc": { title: "Descriptors (GDT, LDT)", strength: 1 },
  writable: { title: "Writable", strength: 0.7 },
  "copy-on-write": { title: "Shared until written to", strength: 0.7 },
  other: { title: "Between owners", strength: 1 },
};
const KIND_ORDER = Object.keys(KINDS);

export function ownerName(domid: number, nameOf: (domid: number) => string | undefined): string {
  if (domid === DOMID_XEN) return "Xen";
  if (domid === DOMID_COW) return "Copies of domains";
  if (domid === DOMID_NOBODY) return "Nobody";
  return nameOf(domid) ?? `domain ${domid}`;
}

/** `into` is reused if it has the right length. */
export function indicesOf({ frames, runs }: FrameMap, into: Uint8Array | null): Uint8Array {
  const indices = into?.length === frames ? into : new Uint8Array(frames);
  let mfn = 0;
  for (let at = 0; at < runs.length;) {
    const index = runs[at++]!;
    let length = 0;
    for (let shift = 0; at < runs.length; shift += 7) {
      const byte = runs[at++]!;
      length += (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    indices.fill(index, mfn, mfn + length);
    mfn += length;
  }
  return indices;
}

export interface OwnerTotals {
  domid: number;
  frames: number;
  kinds: { kind: FrameKind; frames: number }[];
}

/** Xen comes first, then the domains in order, and at the end what belongs to nobody. */
export function totalsOf(palette: readonly PaletteEntry[]): OwnerTotals[] {
  const owners = new Map<number, OwnerTotals>();
  for (const { domid, kind, frames } of palette) {
    let owner = owners.get(domid);
    if (!owner) owners.set(domid, (owner = { domid, frames: 0, kinds: [] }));
    owner.frames += frames;
    owner.kinds.push({ kind, frames });
  }
  for (const { kinds } of owners.values())
    kinds.sort((a, b) => KIND_ORDER.indexOf(a.kind) - KIND_ORDER.indexOf(b.kind));
  const rank = (domid: number): number => (domid === DOMID_XEN ? -1 : domid);
  return [...owners.values()].sort((a, b) => rank(a.domid) - rank(b.domid));
}

/** "12.3 MiB", "48 KiB". */
export function sizeText(frames: number): string {
  const mib = frames / FRAMES_PER_MIB;
  return mib >= 100 ? `${Math.round(mib)} MiB` : mib >= 1 ? `${mib.toFixed(1)} MiB` : `${frames * 4} KiB`;
}
