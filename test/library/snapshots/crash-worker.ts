/**
 * A process of its own that takes, reverts to and deletes snapshots and writes to the disk in between. It reports what it is about to do and what is
 * done, until it is killed. Arguments: folder, UUID, seed.
 */
import { writeSync } from "node:fs";
import path from "node:path";
import { Snapshots } from "../../../core/library/snapshots/snapshots.ts";
import { seeded } from "../../random.ts";
import { FileDefinitions, imageOf, versionsOf, writeVersion } from "./crash-model.ts";

const [folder, uuid, seed] = process.argv.slice(2) as [string, string, string];
const random = seeded(Number(seed));
const definitions = new FileDefinitions(path.join(folder, "definition.json"));
const snapshots = new Snapshots({
  folder: path.join(folder, "domains"),
  definitions,
  toolstack: () => null,
  changed: () => {},
  warn: (message) => say(`warn ${message}`),
});
const say = (text: string): void => void writeSync(1, `${text}\n`);
const image = async () => imageOf(await snapshots.currentConfig(uuid, definitions.read().config, null));

let version = Math.max(...(await versionsOf(await image())), 1000 * Number(seed));
for (;;) {
  const known = (await snapshots.report(uuid))?.snapshots ?? [];
  const one = known[Math.floor(random() * known.length)];
  const deed = Math.floor(random() * 5);
  if (deed === 0 || known.length === 0 || known.length > 12) {
    const victim = known.length > 12 ? one! : null;
    if (victim) {
      say(`try remove ${victim.id}`);
      await snapshots.remove(uuid, victim.id);
      say(`did remove ${victim.id}`);
      continue;
    }
    say("try take");
    const { snapshot } = await snapshots.take(uuid, { name: `s${seed}-${++version}`, memory: false });
    say(`did take ${snapshot.id}`);
  } else if (deed === 1) {
    say(`try revert ${one!.id}`);
    await snapshots.revert(uuid, one!.id, null);
    say(`did revert ${one!.id}`);
  } else if (deed === 2) {
    say(`try remove ${one!.id}`);
    await snapshots.remove(uuid, one!.id);
    say(`did remove ${one!.id}`);
  } else {
    say(`try write ${++version}`);
    await writeVersion(await image(), version);
    say(`did write ${version}`);
  }
}
