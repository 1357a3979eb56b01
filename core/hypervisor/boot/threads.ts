/** What each instance of core.wasm needs before it can run hypervisor code. */
import { walkInit } from "../../machine/cpu/paging/walk";
import { cpuInit, cpuRegionSize } from "../../machine/cpu/interpreter";
import { TRANSLATOR_CODE_FLAGS, TRANSLATOR_CODE_VERSIONS } from "../../machine/layout";
import { setPollAddress } from "../../machine/cpu/machine";
import { setFrameTables } from "../../machine/cpu/frames/tables";
import { allocXenheapBytes } from "../memory/allocator";
import { HYPERVISOR_ROOT, totalFrames } from "../memory/frames";
import { PRIORITY_IDLE } from "../sched/runqueue";
import { PACE_START } from "../sched/pace";
import { Pcpu, mailbox, pcpuAt, pcpuCount, setSelf } from "../sched/pcpu";
import { allocSwitchRing } from "../sched/switches";
import { NO_DEADLINE } from "../sched/timer";

/** u32: address of the engine's tables of code frames. */
const ROOT_CODE_VERSIONS: usize = HYPERVISOR_ROOT + 0xe8;
const ROOT_CODE_FLAGS: usize = HYPERVISOR_ROOT + 0xec;

/** Sets the initial values of a Pcpu structure. */
export function initPcpu(p: Pcpu, id: u32): void {
  p.id = id;
  p.currentPriority = PRIORITY_IDLE;
  p.nextTimer = NO_DEADLINE;
  p.pace = PACE_START;
}

/** Allocates the engine's memory for every pCPU. Called by pCPU 0 during boot. Returns false if the host is too small. */
export function allocEngineMemory(): bool {
  const frames = totalFrames();
  const versions = allocXenheapBytes(frames * 4);
  const flags = allocXenheapBytes((frames + 3) & ~(<u32>3));
  if (!versions || !flags) return false;
  store<u32>(ROOT_CODE_VERSIONS, <u32>versions);
  store<u32>(ROOT_CODE_FLAGS, <u32>flags);
  store<u32>(TRANSLATOR_CODE_VERSIONS, <u32>versions);
  store<u32>(TRANSLATOR_CODE_FLAGS, <u32>flags);
  for (let id: u32 = 0; id < pcpuCount(); id++) {
    const region = allocXenheapBytes(<u32>cpuRegionSize());
    if (!region) return false;
    pcpuAt(id).region = region;
    if (!allocSwitchRing(pcpuAt(id))) return false;
  }
  return true;
}

/** Prepares an instance that executes guests or looks into their memory. */
export function useMemory(): void {
  walkInit((<u64>memory.size()) << 16);
  setFrameTables(load<u32>(ROOT_CODE_VERSIONS), load<u32>(ROOT_CODE_FLAGS), totalFrames());
}

/** Makes this instance pCPU `id`, with its engine ready. */
export function becomePcpu(id: u32): void {
  const p = pcpuAt(id);
  setSelf(p);
  useMemory();
  cpuInit(id, p.region);
  setPollAddress(mailbox(id));
  atomic.store<u32>(changetype<usize>(p) + offsetof<Pcpu>("online"), 1);
}
