/**
 * A process of its own that takes, reverts to and deletes snapshots, puts them back, lets them go for good, and writes to the disk in between. It reports what it is about to do and what is
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
  const binned = await snapshots.bin();
  const one = known[Math.floor(random() * known.length)];
  const other = binned[Math.floor(random() * binned.length)];
  const deed = Math.floor(random() * 7);
  const remove = async (id: string): Promise<void> => {
    say(`try remove ${id}`);
    await snapshots.remove(uuid, id);
    say(`did remove ${id}`);
  };
  const purge = async (ids: readonly string[]): Promise<void> => {
    say(`try purge ${ids.join()}`);
    await snapshots.purge(uuid, ids.length === 1 ? ids[0]! : null);
    say(`did purge ${ids.join()}`);
  };
  if (binned.length > 8) await purge(binned.map(({ id }) => id));
  else if (known.length > 12) await remove(one!.id);
  else if (deed === 0 || known.length === 0) {
    say("try take");
    const { snapshot } = await snapshots.take(uuid, { name: `s${seed}-${++version}`, memory: false });
    say(`did take ${snapshot.id}`);
  } else if (deed === 1) {
    say(`try revert ${one!.id}`);
    await snapshots.revert(uuid, one!.id, null);
    say(`did revert ${one!.id}`);
  } else if (deed === 2) await remove(one!.id);
  else if (deed === 3 && other) {
    say(`try restore ${other.id}`);
    await snapshots.restore(uuid, other.id);
    say(`did restore ${other.id}`);
  } else if (deed === 4 && other) await purge([other.id]);
  else {
    say(`try write ${++version}`);
    await writeVersion(await image(), version);
    say(`did write ${version}`);
  }
}
