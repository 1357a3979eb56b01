/** A pCPU: a worker that enters core.wasm and comes back at power-off. pCPU 0 boots the hypervisor first. */
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from "node:worker_threads";
import { instantiateCore, type MachineParts } from "./core-instance.ts";
import { AdoptedRegions } from "./translator/adopt.ts";
import type { ToPcpu } from "./translator/messages.ts";

export interface PcpuData extends MachineParts {
  id: number;
  /** To the translator. */
  translator: MessagePort;
}

const data = workerData as PcpuData;
const { translator } = data;
// Messages are taken when core.wasm asks for them; the port is not to keep the thread.
translator.unref();
const core = instantiateCore(data, () => {
  for (let received = receiveMessageOnPort(translator); received; received = receiveMessageOnPort(translator)) {
    const message = received.message as ToPcpu;
    if ("module" in message) regions.adopt(message);
    else {
      regions.drop(message.drop);
      translator.postMessage(message.drop);
    }
  }
});
const regions = new AdoptedRegions(core, data.memory);
if (data.id === 0) (core.xen_start as () => void)();
(core.pcpu_run as (id: number) => void)(data.id);
parentPort?.postMessage("off");
