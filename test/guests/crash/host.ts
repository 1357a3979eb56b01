/**
 * The application with one guest, until it is killed. Arguments: dist's URL; "make" and a config, whose guest is saved as soon as it says SETTLED, or
 * "go", which restores that guest, tells it to continue, and writes everything that its console says to standard output. The last argument is the
 * saved domain's file.
 */
import { readFileSync, writeSync } from "node:fs";
import { HostService } from "../../../core/api/host-service.ts";

const [dist, deed, ...files] = process.argv.slice(2) as [string, "make" | "go", ...string[]];
const saved = files.at(-1)!;
const host = new HostService({
  imageFolder: new URL(dist),
  bundledGuest: new URL("assets/guests/mini.elf", dist),
  memoryMiB: 448,
  pcpus: 1,
  firstGuest: false,
});
await host.powerOn();
const ask = host.toolstack.request.bind(host.toolstack);
let said = "";
let settled = (): void => {};
const isSettled = new Promise<void>((resolve) => (settled = resolve));
function hear(bytes: Uint8Array): void {
  if (deed === "go") writeSync(1, bytes);
  else if ((said += Buffer.from(bytes).toString("latin1")).includes("SETTLED")) settled();
}
host.toolstack.on("console", ({ bytes }) => hear(bytes));
if (deed === "make") {
  const { domid } = await ask("create", { config: readFileSync(files[0]!, "utf8"), configName: files[0]! });
  // What it said before anybody listened.
  hear((await ask("consoleAttach", { domid })).log);
  await isSettled;
  await ask("save", { domid, file: saved });
  await host.powerOff(1000);
} else {
  const { domid } = await ask("restore", { file: saved });
  // What it said before anybody listened.
  hear((await ask("consoleAttach", { domid })).log);
  await ask("consoleInput", { domid, bytes: Buffer.from("go\r") });
}
