/**
 * A process of its own that deletes a domain and empties the bin, and is killed in front of one of its steps (test/files/kill-at.ts). Arguments: the library's
 * folder, dist's URL, UUID, the number of the step; 0: it is not killed, and says how many steps there were.
 */
import { writeSync } from "node:fs";
import { HostService } from "../../../core/api/host-service.ts";

const [libraryFolder, dist, uuid, step] = process.argv.slice(2) as [string, string, string, string];
const { killing } = globalThis as unknown as { killing: { armed(step: number): void; steps(): number } };
const say = (text: string): void => void writeSync(1, `${text}\n`);
const host = new HostService({
  imageFolder: new URL(dist),
  bundledGuest: new URL("assets/guests/mini.elf", dist),
  memoryMiB: 256,
  pcpus: 1,
  libraryFolder,
});
await host.library.open();
await host.kept.remove(uuid);
await host.snapshots.moved(uuid);
killing.armed(Number(step));
await host.bin.purge(null);
say(String(killing.steps()));
process.exit(0);
