/**
 * A PV guest's page tables and its P2M hold machine frame numbers, which are others wherever the domain is restored: in an image they are
 * pfns ("canonical"), made frame numbers again ("localised") there.
 */
import { PAGE_SIZE } from "../kernel/memory.ts";

const PRESENT = 1n;
const FRAME_MASK = 0x000ffffffffff000n;
/** L4 slots that are Xen's in every address space of a PV guest: 256 to 271. */
const XEN_FIRST_SLOT = 256;
const XEN_LAST_SLOT = 271;

/** Pfns of a domain that has as much as a host may have. */
export const MOST_PFNS = 1 << 20;

/** No pfn, or no frame. */
export const NONE = 0xffffffff;

/** Thrown with the entry that can't be converted. */
export class TableError extends Error {
  override readonly name = "TableError";
}

/** Changes the frame of every present entry of the table in `page`; `convert` gives NONE where there is none. */
export function convertTable(page: Uint8Array, level: number, convert: (frame: number) => number): void {
  const view = new DataView(page.buffer, page.byteOffset, PAGE_SIZE);
  for (let i = 0; i < 512; i++) {
    const entry = view.getBigUint64(8 * i, true);
    if (level === 4 && i >= XEN_FIRST_SLOT && i <= XEN_LAST_SLOT) view.setBigUint64(8 * i, 0n, true);
    else if (entry & PRESENT) {
      const frame = Number((entry & FRAME_MASK) >> 12n);
      const other = convert(frame);
      if (other === NONE)
        throw new TableError(
          `entry ${i} of an L${level} page table has frame 0x${frame.toString(16)}, which is not the domain's`,
        );
      view.setBigUint64(8 * i, (entry & ~FRAME_MASK) | (BigInt(other) << 12n), true);
    }
  }
}

/** Of an entry of a guest's P2M: a frame number, not the mark of a missing, identity or foreign one. */
export function isFrame(entry: bigint): boolean {
  return entry < 0xffffffffn;
}
