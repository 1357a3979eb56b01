/**
 * A PV guest's page tables and its P2M hold machine frame numbers, which differ wherever the domain is restored. In an image they are replaced by
 * pfns ("canonical"); when it is restored they become frame numbers again ("localised").
 */
import { PAGE_SIZE } from "../kernel/memory.ts";

const PRESENT = 1;
/** Of an entry's upper half; of the lower one the frame has all but 12 bits. */
const HIGH_FRAME_MASK = 0xfffff;
/** L4 slots 256 to 271 are Xen's in every address space of a PV guest. */
const XEN_FIRST_SLOT = 256;
const XEN_LAST_SLOT = 271;

/** The number of pfns of a domain that has as much memory as a host can have. */
export const MOST_PFNS = 1 << 20;

/** Of an entry of a guest's P2M, or of the lists of its frames: where the upper half stands. */
export const ENTRY_HIGH = 4;

/** Stands for no pfn, or no frame. */
export const NONE = 0xffffffff;

/** Thrown for an entry that can't be converted, which the message contains. */
export class TableError extends Error {
  override readonly name = "TableError";
}

/** Converts the frame in every present entry of the table in `page`. `convert` returns NONE where there is no such frame. */
export function convertTable(page: Uint8Array, level: number, convert: (frame: number) => number): void {
  const words = new Uint32Array(page.buffer, page.byteOffset, PAGE_SIZE / 4);
  for (let i = 0; i < 512; i++) {
    const [low, high] = [words[2 * i]!, words[2 * i + 1]!];
    if (level === 4 && i >= XEN_FIRST_SLOT && i <= XEN_LAST_SLOT) words[2 * i] = words[2 * i + 1] = 0;
    else if (low & PRESENT) {
      const frame = (high & HIGH_FRAME_MASK) * 2 ** 20 + (low >>> 12);
      const other = convert(frame);
      if (other === NONE)
        throw new TableError(
          `entry ${i} of an L${level} page table has frame 0x${frame.toString(16)}, which is not the domain's`,
        );
      words[2 * i] = (low & 0xfff) | (other << 12);
      words[2 * i + 1] = (high & ~HIGH_FRAME_MASK) | (other >>> 20);
    }
  }
}

/** Returns whether an entry of a guest's P2M is a frame number, and not the mark of a missing, identity or foreign frame. */
export function isFrame(entry: bigint): boolean {
  return entry < 0xffffffffn;
}
