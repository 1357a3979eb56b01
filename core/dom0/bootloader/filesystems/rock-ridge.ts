/** Reads the system use area of a directory record by the SUSP (IEEE P1281) and Rock Ridge (IEEE P1282): long names, links, relocations. */
import type { Region } from "../region.ts";

export interface SystemUse {
  /** The long name; null where the record's own name counts. */
  name: string | null;
  /** Target of a symbolic link. */
  target: string | null;
  /** Block of a directory that had to be put elsewhere. */
  child: number | null;
  /** Whether such a directory lies in this place, so that it is not shown here. */
  isRelocated: boolean;
}

const MOST_CONTINUATIONS = 32;

/** Returns the bytes to skip in other records; null when the area of the root's first record does not begin as the SUSP requires. */
export function suspSkip(area: Buffer): number | null {
  const isSusp = area.length >= 7 && area.toString("latin1", 0, 2) === "SP" && area[4] === 0xbe && area[5] === 0xef;
  return isSusp ? area[6]! : null;
}

export async function readSystemUse(region: Region, blockSize: number, area: Buffer): Promise<SystemUse> {
  const use: SystemUse = { name: null, target: null, child: null, isRelocated: false };
  const link = new LinkText();
  let left: Buffer | null = area;
  for (let continued = 0; left && continued <= MOST_CONTINUATIONS; continued++) {
    let next: [number, number] | null = null;
    for (let at = 0; at + 4 <= left.length;) {
      const length: number = left[at + 2]!;
      if (length < 4 || at + length > left.length) break;
      const field: Buffer = left.subarray(at, at + length);
      at += length;
      const signature = field.toString("latin1", 0, 2);
      if (signature === "ST") break;
      if (signature === "NM" && length >= 5 && !(field[4]! & 6))
        use.name = (use.name ?? "") + field.toString("utf8", 5);
      else if (signature === "SL" && length >= 5) use.target = link.add(field.subarray(5));
      else if (signature === "CL" && length >= 12) use.child = field.readUInt32LE(4);
      else if (signature === "RE") use.isRelocated = true;
      else if (signature === "CE" && length >= 28)
        next = [field.readUInt32LE(4) * blockSize + field.readUInt32LE(12), Math.min(field.readUInt32LE(20), 4096)];
    }
    left = next && Buffer.from((await region.read(...next)).buffer);
  }
  return use;
}

/** Collects the components of a symbolic link, which may be cut into pieces. */
class LinkText {
  #text = "";
  #isOpen = true;

  /** Returns the text so far. */
  add(components: Buffer): string {
    for (let at = 0; at + 2 <= components.length;) {
      const flags = components[at]!;
      const length = components[at + 1]!;
      const piece = components.toString("utf8", at + 2, at + 2 + length);
      at += 2 + length;
      if (!this.#isOpen) this.#text += "/";
      if (flags & 8) this.#text = "/";
      else this.#text += flags & 2 ? "." : flags & 4 ? ".." : piece;
      // The next component follows without a separator after the root, and after a piece that continues.
      this.#isOpen = (flags & 9) !== 0;
    }
    return this.#text;
  }
}
