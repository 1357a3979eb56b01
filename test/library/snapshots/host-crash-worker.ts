/**
 * A host with a Linux that writes numbers to its disk and flushes each before it reports it, while snapshots are taken and deleted live. The host
 * reports what it is about to do and what is done until it is killed. Arguments: folder with `linux.cfg`, dist's URL, UUID ("" for a new domain),
 * first number, seed.
 */
import { readFileSync, writeSync } from "node:fs";
import path from "node:path";
import { HostService } from "../../../core/api/host-service.ts";
import { seeded } from "../../random.ts";

const [folder, dist, known, first, seed] = process.argv.slice(2) as [string, string, string, string, string];
const random = seeded(Number(seed));
const say = (text: string): void => void writeSync(1, `${text}\n`);
const host = new HostService({
  imageFolder: new URL(dist),
  bundledGuest: new URL("assets/guests/mini.elf", dist),
  memoryMiB: 640,
  pcpus: 1,
  libraryFolder: path.join(folder, "library"),
});
host.on("notice", ({ message }) => say(`warn ${message}`));
await host.powerOn();
const configName = path.join(folder, "linux.cfg");
const { domid, uuid } = known
  ? await host.kept.start(known, false)
  : await host.kept.create({ config: readFileSync(configName, "utf8"), configName });
say(`uuid ${uuid}`);

let isReady = false;
let log = "";
function heard(bytes: Uint8Array): void {
  log += Buffer.from(bytes).toString("latin1");
  if (!isReady) {
    isReady = /GUEST-READY[\s\S]*# /.test(log);
    return;
  }
  for (let end = log.indexOf("\n"); end >= 0; end = log.indexOf("\n")) {
    const wrote = /^V(\d+)/.exec(log.slice(0, end));
    if (wrote) say(`did write ${wrote[1]}`);
    log = log.slice(end + 1);
  }
}
host.toolstack.on("console", ({ domid: from, bytes }) => {
  if (from === domid) heard(bytes);
});
heard((await host.toolstack.request("consoleAttach", { domid })).log);
while (!isReady) await new Promise((resolve) => setTimeout(resolve, 50));
const number = `n=$((n+1)); printf %-4096s $n | dd of=/dev/xvda bs=4096 seek=5120 conv=notrunc,fsync 2>/dev/null && echo V$n`;
const noise = `dd if=/dev/urandom of=/dev/xvda bs=1M seek=$((24+n%39)) count=1 conv=notrunc 2>/dev/null`;
const loop = `n=${first}; while :; do ${number}; ${noise}; done &\n`;
await host.toolstack.request("consoleInput", { domid, bytes: Buffer.from(loop) });
say("ready");
for (let i = 0; ; i++) {
  const { snapshots } = (await host.snapshots.report(uuid)) ?? { snapshots: [] };
  const one = snapshots[Math.floor(random() * snapshots.length)];
  if (one && (snapshots.length > 4 || random() < 0.5)) {
    say(`try remove ${one.id}`);
    await host.snapshots.remove(uuid, one.id);
    say(`did remove ${one.id}`);
    // More goes into the bin than out of it, until all of it goes.
    const binned = (await host.snapshots.bin()).map(({ id }) => id);
    if (random() < 0.5) {
      const ids = (binned.length > 3 ? binned : [one.id]).join(",");
      say(`try purge ${ids}`);
      await host.snapshots.purge(uuid, binned.length > 3 ? null : one.id);
      say(`did purge ${ids}`);
    }
  } else {
    say("try take");
    const { snapshot } = await host.snapshots.take(uuid, { name: `s${seed}-${i}`, memory: false });
    say(`did take ${snapshot.id}`);
  }
}
