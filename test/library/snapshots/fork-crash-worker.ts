/**
 * A host that forks a small guest again and again and removes each fork, until it is killed. It reports what it is about to do and what is done.
 * Arguments: folder with `web.cfg`, dist's URL, the domain's UUID ("" for a new one).
 */
import { readFileSync, writeSync } from "node:fs";
import path from "node:path";
import { HostService } from "../../../core/api/host-service.ts";

const [folder, dist, known] = process.argv.slice(2) as [string, string, string];
const say = (text: string): void => void writeSync(1, `${text}\n`);
const host = new HostService({
  imageFolder: new URL(dist),
  bundledGuest: new URL("assets/guests/mini.elf", dist),
  memoryMiB: 384,
  pcpus: 1,
  libraryFolder: path.join(folder, "library"),
});
host.on("notice", ({ message }) => say(`notice ${message}`));
await host.powerOn();
const configName = path.join(folder, "web.cfg");
const { domid, uuid } = known
  ? await host.kept.start(known, false)
  : await host.kept.create({ config: readFileSync(configName, "utf8"), configName });
say(`uuid ${uuid}`);

let shown = "";
await new Promise<void>((resolve) => {
  const hear = (bytes: Uint8Array): void => {
    shown += Buffer.from(bytes).toString("latin1");
    if (/mini> /.test(shown)) resolve();
  };
  host.toolstack.on("console", ({ domid: from, bytes }) => {
    if (from === domid) hear(bytes);
  });
  void host.toolstack.request("consoleAttach", { domid }).then(({ log }) => hear(log));
});
say("ready");
for (;;) {
  say("try fork");
  const began = performance.now();
  const { copies, snapshot } = await host.snapshots.fork(uuid, ["web-fork-1", "web-fork-2"]);
  say(`did fork ${copies.map((copy) => copy.uuid).join(",")} ${Math.ceil(performance.now() - began)}`);
  for (const copy of copies) {
    const gone = new Promise<void>((resolve) => {
      const unhear = host.toolstack.on("destroyed", (each) => {
        if (each.domid !== copy.domid) return;
        unhear();
        resolve();
      });
    });
    await host.toolstack.request("destroy", { domid: copy.domid! });
    await gone;
  }
  say("try clear");
  for (const copy of copies) {
    await host.kept.remove(copy.uuid);
    await host.snapshots.moved(copy.uuid);
  }
  await host.bin.purge(null);
  await host.snapshots.moved(null);
  await host.snapshots.remove(uuid, snapshot.id);
  await host.snapshots.purge(uuid, snapshot.id);
  say("did clear");
}
