/** Entry of dom0's worker: kernel, xenstored, console backend, toolstack, then the autostart list. */
import { readFile } from "node:fs/promises";
import { parentPort, workerData } from "node:worker_threads";
import { PvBuilder } from "../dom0/builder/pv64.ts";
import { ConsoleBackend } from "../dom0/console/backend.ts";
import { VIRQ_DOM_EXC } from "../dom0/kernel/abi.ts";
import { SERIAL_PRODUCER } from "../machine/layout.ts";
import { startKernel } from "../dom0/kernel/kernel.ts";
import { Handshakes } from "../dom0/xenstore/handshakes.ts";
import { XenstoreDomains } from "../dom0/xenstore/domains.ts";
import { LocalXenstore } from "../dom0/xenstore/local.ts";
import { Xenstored } from "../dom0/xenstore/xenstored.ts";
import { Observer } from "../dom0/kernel/observe.ts";
import { StatisticsArea } from "../dom0/kernel/statistics.ts";
import { Inspector } from "../dom0/kernel/inspector.ts";
import { readStoreMemory } from "./domain-store.ts";
import { errorData } from "./error.ts";
import { Inspection } from "./inspect/inspection.ts";
import { KernelSymbols } from "./inspect/kernel-symbols.ts";
import { Lifecycle, type Emit } from "./lifecycle.ts";
import type { Dom0WorkerData, FromToolstack, ToToolstack } from "./messages.ts";
import { Reports } from "./reports.ts";
import { Saving } from "./saving.ts";
import { Service } from "./service.ts";
import { Wiring } from "./wiring.ts";

const port = parentPort;
if (!port) throw new Error("core/toolstack/dom0.ts is the entry of a worker");
const data = workerData as Dom0WorkerData;

const send = (message: FromToolstack): void => port.postMessage(message);

let stageBegan = performance.now();
function stage(name: string): void {
  const now = performance.now();
  const serial = memory.get32(SERIAL_PRODUCER);
  send({ event: "stage", data: { name, milliseconds: now - stageBegan, serial } });
  stageBegan = now;
}

const kernel = startKernel(data);
const { hypercalls, events, grants, memory } = kernel;
void kernel.run();
stage("dom0");

const xenstored = new Xenstored();
const storeDomains = new XenstoreDomains(xenstored, hypercalls, events, grants);
const store = new LocalXenstore(xenstored);
const handshakes = new Handshakes(xenstored.store, kernel.now);
xenstored.onChanges = (by, changes) => handshakes.record(by, changes);
store.writeAll("/local/domain/0", { name: "Domain-0", domid: 0 });
stage("xenstored");

const console_ = new ConsoleBackend(hypercalls, events, grants, data.consoleLogBytes);
let service: Service | null = null;
const emit: Emit = (event, eventData) => {
  send({ event, data: eventData });
  if (event === "created" || event === "destroyed" || event === "stopped")
    setImmediate(() => service?.domainsChanged());
};
const builder = new PvBuilder(hypercalls, kernel.foreign);
const pcpus = hypercalls.physicalInfo().nrCpus;
const lifecycle = new Lifecycle({ hypercalls, store, handshakes, console: console_, builder, emit, pcpus });
const saving = new Saving({ hypercalls, frames: kernel.foreign, store, lifecycle, emit });
const reports = new Reports(hypercalls, lifecycle.domains, kernel.now, new StatisticsArea(hypercalls), (domid) =>
  readStoreMemory(store, domid),
);
xenstored.onTrouble = (domid, message) => emit("notice", { severity: "warning", message, domid });
const observer = new Observer(hypercalls, kernel.foreign, kernel.frames);
const wiring = new Wiring({
  hypercalls,
  events,
  observer,
  console: console_,
  xenstored,
  storeDomains,
  store,
  handshakes,
  nameOf: (domid) => reports.name(domid),
  now: kernel.now,
});
const inspection = new Inspection({
  hypercalls,
  inspector: new Inspector(hypercalls, kernel.frames),
  observer,
  symbols: new KernelSymbols(lifecycle.domains),
  now: kernel.now,
});
service = new Service({
  hypercalls,
  store,
  xenstored,
  storeDomains,
  handshakes,
  console: console_,
  lifecycle,
  saving,
  reports,
  wiring,
  inspection,
  emit,
});
events.bindVirq(VIRQ_DOM_EXC, () => storeDomains.domainException());
const requests = service;
port.on("message", ({ id, request, args }: ToToolstack) => {
  requests.handle(request, args).then(
    (result) => send({ id, result }),
    (error: unknown) => send({ id, error: errorData(error) }),
  );
});
stage("toolstack");

for (const { config, configName, files } of data.autostart) {
  try {
    const text = config ?? (await readFile(configName, "utf8"));
    await lifecycle.create({ config: text, configName, ...(files && { files }) });
  } catch (error) {
    const { message } = errorData(error);
    send({
      event: "notice",
      data: { severity: "error", message: `Autostart of ${configName}: ${message}`, domid: null },
    });
  }
}
stage("autostart");
send({ event: "ready", data: {} });
