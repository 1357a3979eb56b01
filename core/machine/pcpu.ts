/** A pCPU: a worker that enters core.wasm and returns at power-off. pCPU 0 boots the hypervisor first. */
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from "node:worker_threads";
import { instantiateCore, type MachineParts } from "./core-instance.ts";
import { TRANSLATOR_ADOPT_TIME } from "./layout.ts";
import { AdoptedRegions } from "./translator/adopt.ts";
import type { ToPcpu } from "./translator/messages.ts";

export interface PcpuData extends MachineParts {
  id: number;
  /** The port to the translator. */
  translator: MessagePort;
}

const data = workerData as PcpuData;
const { translator } = data;
// Messages are taken when core.wasm asks for them, so the port must not keep the thread alive.
translator.unref();
const adoptTime = new BigUint64Array(data.memory.buffer, TRANSLATOR_ADOPT_TIME, 1);
/**
 * The most time in milliseconds for taking over modules, since a guest's timers and interrupts wait meanwhile. A single module may take as long
 * again.
 */
const ADOPT_MS = 0.2;
const core = instantiateCore(data, () => {
  const start = performance.now();
  let took = 0;
  while (took < ADOPT_MS) {
    const message = receiveMessageOnPort(translator)?.message as ToPcpu | undefined;
    if (!message) break;
    if ("module" in message) regions.adopt(message);
    else {
      regions.drop(message.drop);
      translator.postMessage(message.drop);
    }
    took = performance.now() - start;
  }
  Atomics.add(adoptTime, 0, BigInt(Math.round(took * 1e6)));
  return took >= ADOPT_MS;
});
const regions = new AdoptedRegions(core, data.memory);
if (data.id === 0) (core.xen_start as () => void)();
(core.pcpu_run as (id: number) => void)(data.id);
parentPort?.postMessage("off");
