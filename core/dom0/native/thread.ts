/**
 * The thread of a native domain: a driver domain, with the backends of other domains' disks and interfaces. All that it does with other domains it does
 * as any domain does, by hypercalls, grants, event channels and xenstore. An error that nobody catches ends the thread, and so the domain has crashed.
 */
import { tmpdir } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { SHUTDOWN_poweroff, SHUTDOWN_reboot } from "../../abi/sched.ts";
import {
  START_INFO_CONSOLE_EVTCHN,
  START_INFO_CONSOLE_MFN,
  START_INFO_STORE_EVTCHN,
  START_INFO_STORE_MFN,
} from "../../abi/xen.ts";
import { Folders } from "../backends/9p/folders.ts";
import { BLK } from "../backends/blk/kind.ts";
import { Disks } from "../backends/blk/disks.ts";
import { Consoles } from "../backends/console/consoles.ts";
import { NET } from "../backends/net/kind.ts";
import { Screens } from "../display/screens.ts";
import { startKernel } from "../kernel/kernel.ts";
import { PAGE_SIZE } from "../kernel/memory.ts";
import { Networks } from "../network/networks.ts";
import { BackendDevices } from "../xenbus/devices.ts";
import { ConsoleWriter } from "./console-writer.ts";
import { Departures } from "./departures.ts";
import { Dom0Asks } from "./dom0-asks.ts";
import { DriverDisks } from "./driver-disks.ts";
import type { FromThread, NativeThreadData, ToThread } from "./messages.ts";
import { Dom0Services } from "./thread-side.ts";
import { XenstoreClient } from "./xenstore-client.ts";

const KINDS = [BLK, NET];
const STOPS: Readonly<Record<string, number>> = {
  poweroff: SHUTDOWN_poweroff,
  halt: SHUTDOWN_poweroff,
  reboot: SHUTDOWN_reboot,
};

const port = parentPort;
if (!port) throw new Error("a native domain runs in a worker");
const data = workerData as NativeThreadData;
const send = (message: FromThread): void => port.postMessage(message);
const dom0 = new Dom0Services(send);

const crash = (error: unknown): void =>
  void setImmediate(() => {
    throw error;
  });
const kernel = startKernel(data, data.domid, (_port, error) => crash(error));
const { domid, memory, events, grants, foreign, hypercalls, startInfo, now } = kernel;
const { buffer } = memory.memory;
const page = (field: number): number => Number(memory.get64(startInfo + field)) * PAGE_SIZE;
const storePort = memory.get32(startInfo + START_INFO_STORE_EVTCHN);
const consolePort = memory.get32(startInfo + START_INFO_CONSOLE_EVTCHN);
const store = new XenstoreClient(buffer, page(START_INFO_STORE_MFN), () => events.notify(storePort));
const console = new ConsoleWriter(buffer, page(START_INFO_CONSOLE_MFN), () => events.notify(consolePort));
events.bind(storePort, () => store.service());
events.bind(consolePort, () => console.flush());
void kernel.run();

const home = `/local/domain/${domid}`;
const networks = new Networks(() => now() / 1e6);
const devices = new BackendDevices(
  {
    domid,
    memory,
    events,
    grants,
    foreign,
    store,
    services: {
      disks: new DriverDisks(new Disks(tmpdir(), dom0.register), data.disks, dom0.scratches),
      holds: dom0.holds,
      records: dom0.records,
      networks,
      // Devices of the other kinds have no backends here.
      consoles: new Consoles(),
      folders: new Folders(),
      screens: new Screens(),
    },
    now,
  },
  KINDS,
  crash,
);

const asks = new Dom0Asks(devices, networks, send);
port.on("message", (message: ToThread) => {
  if (!("asked" in message)) return dom0.receive(message);
  // What is asked for may need no hypercall, and a paused domain does nothing.
  hypercalls.host.yield();
  void asks.receive(message);
});
/** What xenstored refuses costs what it was for, and nothing else. */
const complain = (error: unknown): void => console.say(`${error instanceof Error ? error.message : String(error)}.`);
new Departures(store, domid, complain, crash);

/** Writes a node below `control`, if xenstored lets it. */
const writeControl = (name: string, value: string | number): Promise<void> =>
  store
    .write(`${home}/control/${name}`, value)
    .catch((error: unknown) => complain(`xenstored refuses to write control/${name}: ${String(error)}`));

let isStopping = false;
store.watch(
  `${home}/control/shutdown`,
  () => void stopIfAsked().catch((error: unknown) => (isStopping ? crash : complain)(error)),
  complain,
);
store.watch(`${home}/control/sysrq`, () => void obeySysrq().catch(complain), complain);
for (const way of ["poweroff", "reboot"]) await writeControl(`feature-${way}`, 1);
const own = data.disks.map(({ name, file, isWritable }) => `${name} (${file}${isWritable ? "" : ", read only"})`);
console.say(`Native driver domain: backends of disks and interfaces. Disks: ${own.join(", ") || "none"}. READY`);

/** Backends end first, so that what was written is in the images. */
async function stopIfAsked(): Promise<void> {
  const reason = STOPS[(await store.read(`${home}/control/shutdown`)) ?? ""];
  if (reason === undefined || isStopping) return;
  isStopping = true;
  await writeControl("shutdown", "");
  dom0.stopping();
  await devices.close();
  networks.stop();
  hypercalls.host.shutdown(reason);
  process.exit();
}

/** Linux's key c: a crash that is asked for. */
async function obeySysrq(): Promise<void> {
  const key = await store.read(`${home}/control/sysrq`);
  if (!key) return;
  await writeControl("sysrq", "");
  if (key === "c") crash(new Error("sysrq: Trigger a crash"));
  else console.say(`sysrq: the only key is c (crash), not ${JSON.stringify(key)}`);
}
