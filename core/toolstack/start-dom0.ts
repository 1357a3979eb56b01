/** Runs dom0 in this worker: kernel, xenstored, backends and toolstack, and then the autostart list. */
import { readFile } from "node:fs/promises";
import { parentPort, workerData } from "node:worker_threads";
import { startKernel } from "../dom0/kernel/kernel.ts";
import { StatisticsArea } from "../dom0/kernel/statistics.ts";
import type { DeviceKind } from "../dom0/xenbus/kind.ts";
import { SERIAL_PRODUCER } from "../machine/layout.ts";
import { assembleDom0 } from "./assemble.ts";
import { errorData } from "./error.ts";
import type { Emit } from "./lifecycle.ts";
import type { Dom0WorkerData, FromToolstack, ToToolstack } from "./messages.ts";
import type { Service } from "./service.ts";

/** `kinds`: the kinds of devices whose backends it has. */
export async function startDom0(kinds: readonly DeviceKind[]): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error("dom0 runs in a worker");
  const data = workerData as Dom0WorkerData;
  const send = (message: FromToolstack): void => port.postMessage(message);

  let stageBegan = performance.now();
  const kernel = startKernel(data);
  const onStage = (name: string): void => {
    const time = performance.now();
    const serial = kernel.memory.get32(SERIAL_PRODUCER);
    send({ event: "stage", data: { name, milliseconds: time - stageBegan, serial } });
    stageBegan = time;
  };
  void kernel.run();
  onStage("dom0");

  let told: Service | null = null;
  const emit: Emit = (event, eventData) => {
    send({ event, data: eventData });
    if (event === "created" || event === "destroyed" || event === "stopped") setImmediate(() => told?.domainsChanged());
  };
  const { consoleLogBytes, consoleFolder, scratchFolder } = data;
  const statistics = new StatisticsArea(kernel.hypercalls);
  const { service, lifecycle, networks } = assembleDom0({
    kernel,
    kinds,
    consoleLogBytes,
    consoleFolder,
    scratchFolder,
    frozen: data.frozen ?? [],
    statistics,
    emit,
    onStage,
  });
  told = service;
  port.on("message", ({ id, request, args }: ToToolstack) => {
    service.handle(request, args).then(
      (result) => send({ id, result }),
      (error: unknown) => send({ id, error: errorData(error) }),
    );
  });
  onStage("toolstack");

  for (const message of await networks.restore(data.networks ?? []))
    send({ event: "notice", data: { severity: "warning", message, domid: null } });
  for (const { config, ...entry } of data.autostart) {
    const { configName } = entry;
    try {
      const text = config ?? (await readFile(configName, "utf8"));
      await lifecycle.create({ config: text, ...entry });
    } catch (error) {
      const { message } = errorData(error);
      send({
        event: "notice",
        data: { severity: "error", message: `Autostart of ${configName}: ${message}`, domid: null },
      });
    }
  }
  onStage("autostart");
  send({ event: "ready", data: {} });
}
