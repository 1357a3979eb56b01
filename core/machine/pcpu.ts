/** A pCPU: a worker that enters core.wasm and comes back at power-off. pCPU 0 boots the hypervisor first. */
import { parentPort, workerData } from "node:worker_threads";
import { instantiateCore, type MachineParts } from "./core-instance.ts";

export interface PcpuData extends MachineParts {
  id: number;
}

const data = workerData as PcpuData;
const core = instantiateCore(data);
if (data.id === 0) (core.xen_start as () => void)();
(core.pcpu_run as (id: number) => void)(data.id);
parentPort?.postMessage("off");
