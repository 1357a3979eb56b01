/**
 * A process of its own that deletes files of a folder, puts them back and lets them go for good, until it is killed. It reports what it is about to do and
 * what is done. Arguments: folder, seed.
 */
import { writeFileSync, writeSync } from "node:fs";
import path from "node:path";
import { BinnedFolder } from "../../core/library/binned-folder.ts";
import { seeded } from "../random.ts";

const [folder, seed] = process.argv.slice(2) as [string, string];
const random = seeded(Number(seed));
const say = (text: string): void => void writeSync(1, `${text}\n`);
const files = new BinnedFolder(folder, "kernel");
const one = <T>(all: readonly T[]): T | undefined => all[Math.floor(random() * all.length)];

for (let n = 0; ; n++) {
  const kept = await files.all();
  const binned = await files.bin.all();
  const [file, entry] = [one(kept), one(binned)];
  const deed = Math.floor(random() * 4);
  if (!file || (deed === 0 && kept.length < 12)) {
    // It has its name in it, and is there whole before it is reported.
    const name = `vmlinuz-${seed}.${n}`;
    writeFileSync(path.join(folder, name), name);
    say(`did make ${name}`);
  } else if (deed === 1 && entry) {
    say(`try restore ${entry.name}`);
    await files.bin.restore(entry.id);
    say(`did restore ${entry.name}`);
  } else if (deed === 2 && binned.length > 4) {
    say(`try purge ${entry!.name}`);
    await files.bin.purge(entry!.id);
    say(`did purge ${entry!.name}`);
  } else {
    say(`try remove ${file.name}`);
    await files.remove(file.name);
    say(`did remove ${file.name}`);
  }
}
