/** What each instance of core.wasm needs before it can run hypervisor code. */
import { RUNSTATE_blocked, RUNSTATE_running } from "../../abi/vcpu";
import { cpuInit, cpuRegionSize } from "../../machine/cpu/interpreter";
import { TRANSLATOR_CODE_FLAGS, TRANSLATOR_CODE_VERSIONS } from "../../machine/layout";
import { setPollAddress } from "../../machine/cpu/machine";
import { setCodeTables } from "../../machine/cpu/code_frames";
import { EBUSY, EINVAL, ENOMEM, ESRCH } from "../../abi/errno";
import { Vcpu, domainById, isNative, setCurrentVcpu, vcpuOf } from "../domain/domain";
import { allocXenheapBytes, allocXenheapPages } from "../memory/allocator";
import { HYPERVISOR_ROOT, frameAddress, totalFrames } from "../memory/frames";
import { systemTime } from "../sched/clock";
import { PRIORITY_IDLE, setRunstate } from "../sched/credit";
import { PACE_START } from "../sched/pace";
import { NO_PCPU, Pcpu, mailbox, pcpuAt, pcpuCount, setSelf } from "../sched/pcpu";
import { allocSwitchRing } from "../sched/switches";
import { NO_DEADLINE } from "../sched/timer";

/** u32: the engine's tables of code frames. */
const ROOT_CODE_VERSIONS: usize = HYPERVISOR_ROOT + 0xe8;
const ROOT_CODE_FLAGS: usize = HYPERVISOR_ROOT + 0xec;

/** Start values of a Pcpu structure. */
export function initPcpu(p: Pcpu, id: u32): void {
  p.id = id;
  p.currentPriority = PRIORITY_IDLE;
  p.nextTimer = NO_DEADLINE;
  p.pace = PACE_START;
}

/** Memory for the engine of every pCPU; false if the host is too small. pCPU 0 in boot. */
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

function useCodeTables(): void {
  setCodeTables(load<u32>(ROOT_CODE_VERSIONS), load<u32>(ROOT_CODE_FLAGS), totalFrames());
}

/** Makes the instance pCPU `id`: its engine is ready. */
export function becomePcpu(id: u32): void {
  const p = pcpuAt(id);
  setSelf(p);
  useCodeTables();
  cpuInit(id, p.region);
  setPollAddress(mailbox(id));
  atomic.store<u32>(changetype<usize>(p) + offsetof<Pcpu>("online"), 1);
}

/** native_attach: makes the instance the thread of a native domain's vCPU. 0 or -errno. */
export function becomeNative(domid: u32, vcpuId: u32): i32 {
  const d = domainById(domid);
  if (!d) return -ESRCH;
  if (!isNative(d)) return -EINVAL;
  const found = vcpuOf(d, vcpuId);
  if (!found) return -ESRCH;
  const v = found as Vcpu;
  if (atomic.cmpxchg<u32>(changetype<usize>(v) + offsetof<Vcpu>("attached"), 0, 1) != 0) return -EBUSY;
  if (!v.nativePcpu) {
    const page = allocXenheapPages(0);
    if (!page) {
      atomic.store<u32>(changetype<usize>(v) + offsetof<Vcpu>("attached"), 0);
      return -ENOMEM;
    }
    v.nativePcpu = frameAddress(page);
  }
  const p = changetype<Pcpu>(v.nativePcpu);
  initPcpu(p, NO_PCPU);
  setSelf(p);
  useCodeTables();
  setCurrentVcpu(v);
  return 0;
}

/** Accounts the time a native vCPU spends in the hypervisor: it runs during its hypercalls and is blocked otherwise. */
export function nativeBegin(v: Vcpu): void {
  setRunstate(v, RUNSTATE_running, systemTime());
}
export function nativeEnd(v: Vcpu): void {
  setRunstate(v, RUNSTATE_blocked, systemTime());
}
