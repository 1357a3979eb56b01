/**
 * A process of its own that writes numbered blocks to an image, several at once, flushes, reports that, and goes on until it is killed. Arguments:
 * file, format.
 */
import { writeSync } from "node:fs";
import { openStore } from "../../../core/dom0/storage/open.ts";
import { blockOf, placeOf } from "../../guests/crash/pattern.ts";

const [file, format] = process.argv.slice(2);
const store = await openStore(file!, format!, "read-write");
const blocks = store.size / 4096;
const AT_ONCE = 16;
for (let number = 1; ;) {
  // Two blocks of a turn may have the same place. The later one waits for the earlier one, as a driver would.
  const places = new Map<number, Promise<void>>();
  for (let i = 0; i < AT_ONCE; i++, number++) {
    const place = placeOf(number, blocks);
    const block = blockOf(number, blocks);
    const write = (): Promise<void> => store.write(place * 4096, [block.subarray(0, 1536), block.subarray(1536)]);
    places.set(place, places.get(place)?.then(write) ?? write());
  }
  await Promise.all(places.values());
  if ((number / AT_ONCE) % 4 >= 1) continue;
  await store.flush();
  writeSync(1, `F ${number - 1}\n`);
}
