/** What a domain showed when a snapshot was taken: its screen as a PNG (ISO/IEC 15948), or the end of its console as text. */
import { crc32, deflateSync } from "node:zlib";
import { writeWhole } from "../../files/whole.ts";
import type { CheckpointResult } from "../../toolstack/messages.ts";
import type { Snapshot } from "./tree.ts";
import type { Trees } from "./trees.ts";

const SIGNATURE = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
const BITS = 8;
const TRUE_COLOUR = 2;

export async function keepPicture(
  trees: Trees,
  uuid: string,
  id: string,
  { screen, console }: CheckpointResult,
): Promise<Snapshot["picture"]> {
  if (screen) {
    await writeWhole(trees.part(uuid, id, "screen"), pngOf(screen));
    return "screen";
  }
  if (console.length === 0) return null;
  await writeWhole(trees.part(uuid, id, "console"), console);
  return "console";
}

/** `pixels` has four bytes a pixel, row by row: red, green, blue and one that is not used. */
export function pngOf({ width, height, pixels }: { width: number; height: number; pixels: Uint8Array }): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = BITS;
  header[9] = TRUE_COLOUR;
  // Each row begins with the number of its filter; 0 means none.
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0, from = 0, to = 0; y < height; y++) {
    to++;
    for (let x = 0; x < width; x++, from += 4) {
      rows[to++] = pixels[from]!;
      rows[to++] = pixels[from + 1]!;
      rows[to++] = pixels[from + 2]!;
    }
  }
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, "latin1");
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}
