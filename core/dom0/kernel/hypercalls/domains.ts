/** Domctls on whole domains: how they are made, their life, and what they may have. */
import {
  CPUID_LEAF_A,
  CPUID_LEAF_LEAF,
  CPUID_LEAF_SIZE,
  CPUID_LEAF_SUBLEAF,
  XEN_CPUID_NO_SUBLEAF,
  XEN_X86_EMU_LAPIC,
  XEN_X86_MSR_RELAXED,
} from "../../../abi/arch_x86.ts";
import * as domctl from "../../../abi/domctl.ts";
import {
  SCHEDOP_remote_shutdown,
  SCHED_REMOTE_SHUTDOWN_DOMAIN_ID,
  SCHED_REMOTE_SHUTDOWN_REASON,
  SCHED_REMOTE_SHUTDOWN_SIZE,
  SHUTDOWN_crash,
} from "../../../abi/sched.ts";
import { HYPERVISOR_sched_op } from "../../../abi/xen.ts";
import { PFINFO_MOST } from "../../../hypervisor/abi/implied.ts";
import { CDF_native } from "../../../hypervisor/abi/native.ts";
import { HypercallError } from "../errno.ts";
import { type NativeCalls } from "./calls.ts";
import { domainRecord, UUID_BYTES, uuidToBytes, type DomainInfoRecord } from "./domain-record.ts";

/** Types of domains that execute x86 code. */
export type GuestTypeName = "pv" | "pvh";
/** Types of domains that create() makes. */
export type DomainTypeName = GuestTypeName | "native";

/** The type of a domain that is not native; `flags`: of its DomainInfoRecord. */
export function guestTypeOf({ flags }: DomainInfoRecord): GuestTypeName {
  return flags & domctl.XEN_DOMINF_hvm_guest ? "pvh" : "pv";
}

/** Numbers of frames, the highest version of the grant table, and the last port. */
export interface CreationLimits {
  grantFrames: number;
  maptrackFrames: number;
  grantVersion: number;
  eventChannels: number;
}

/** The defaults of libxl. */
export const LIBXL_LIMITS: CreationLimits = {
  grantFrames: 64,
  maptrackFrames: 1024,
  grantVersion: 2,
  eventChannels: 1023,
};

/** A bit of CPUID that is to be set or clear; a leaf without subleaves has null. `register`: 0 to 3 for EAX to EDX. */
export interface CpuidBit {
  leaf: number;
  subleaf: number | null;
  register: number;
  bit: number;
  to: 0 | 1;
}

/** Room for the leaves of a policy. */
export const POLICY_LEAVES = 64;
const PFN_BYTES = 8;
const CREATION_FLAGS: Readonly<Record<DomainTypeName, number>> = {
  pv: 0,
  pvh: domctl.XEN_DOMCTL_CDF_hvm | domctl.XEN_DOMCTL_CDF_hap,
  native: CDF_native,
};

export class DomainCalls {
  readonly #calls: NativeCalls;

  constructor(calls: NativeCalls) {
    this.#calls = calls;
  }

  /** Makes a domain with no memory and no vCPU. If 0 is given, the hypervisor chooses the domid. */
  create(
    uuid: string,
    maxVcpus: number,
    limits = LIBXL_LIMITS,
    { msrRelaxed = false, domid = 0, type = "pv" as DomainTypeName } = {},
  ): number {
    const { memory } = this.#calls;
    const u = this.#calls.domctl("createdomain", domctl.XEN_DOMCTL_createdomain, domid, (at) => {
      const isPvh = type === "pvh";
      memory.bytes(at + domctl.DOMCTL_CREATEDOMAIN_HANDLE, UUID_BYTES).set(uuidToBytes(uuid));
      memory.set32(at + domctl.DOMCTL_CREATEDOMAIN_FLAGS, CREATION_FLAGS[type]);
      memory.set32(at + domctl.DOMCTL_CREATEDOMAIN_MAX_VCPUS, maxVcpus);
      memory.set32(at + domctl.DOMCTL_CREATEDOMAIN_MAX_EVTCHN_PORT, limits.eventChannels);
      memory.set32(at + domctl.DOMCTL_CREATEDOMAIN_MAX_GRANT_FRAMES, limits.grantFrames);
      memory.set32(at + domctl.DOMCTL_CREATEDOMAIN_MAX_MAPTRACK_FRAMES, limits.maptrackFrames);
      memory.set32(at + domctl.DOMCTL_CREATEDOMAIN_GRANT_OPTS, limits.grantVersion);
      memory.set32(at + domctl.DOMCTL_CREATEDOMAIN_EMULATION_FLAGS, isPvh ? XEN_X86_EMU_LAPIC : 0);
      memory.set32(at + domctl.DOMCTL_CREATEDOMAIN_MISC_FLAGS, msrRelaxed ? XEN_X86_MSR_RELAXED : 0);
    });
    return memory.get16(u - domctl.DOMCTL_U + domctl.DOMCTL_DOMAIN);
  }

  destroy = (domid: number): void => void this.#calls.domctl("destroydomain", domctl.XEN_DOMCTL_destroydomain, domid);
  pause = (domid: number): void => void this.#calls.domctl("pausedomain", domctl.XEN_DOMCTL_pausedomain, domid);
  unpause = (domid: number): void => void this.#calls.domctl("unpausedomain", domctl.XEN_DOMCTL_unpausedomain, domid);
  resume = (domid: number): void => void this.#calls.domctl("resumedomain", domctl.XEN_DOMCTL_resumedomain, domid);

  /** Stops the domain as one that has crashed. */
  crash(domid: number): void {
    const struct = this.#calls.scratch(SCHED_REMOTE_SHUTDOWN_SIZE);
    this.#calls.memory.set16(struct + SCHED_REMOTE_SHUTDOWN_DOMAIN_ID, domid);
    this.#calls.memory.set32(struct + SCHED_REMOTE_SHUTDOWN_REASON, SHUTDOWN_crash);
    this.#calls.call(`crash of domain ${domid}`, HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, struct);
  }

  setMaxMemory(domid: number, kib: number): void {
    this.#calls.domctl("max_mem", domctl.XEN_DOMCTL_max_mem, domid, (u) =>
      this.#calls.memory.set64(u + domctl.DOMCTL_MAX_MEM_MAX_MEMKB, kib),
    );
  }

  setMaxVcpus(domid: number, count: number): void {
    this.#calls.domctl("max_vcpus", domctl.XEN_DOMCTL_max_vcpus, domid, (u) =>
      this.#calls.memory.set32(u + domctl.DOMCTL_MAX_VCPUS_MAX, count),
    );
  }

  /** Sets and clears bits of CPUID, as far as they are features that the host has, for a domain that has not run yet. */
  changeCpuPolicy(domid: number, changes: readonly CpuidBit[]): void {
    const { memory, buffer } = this.#calls;
    const count = this.#fetchCpuPolicy(domid);
    for (let n = 0; n < count; n++) {
      const leaf = buffer + CPUID_LEAF_SIZE * n;
      for (const change of changes) {
        if (memory.get32(leaf + CPUID_LEAF_LEAF) !== change.leaf) continue;
        if (memory.get32(leaf + CPUID_LEAF_SUBLEAF) !== (change.subleaf ?? XEN_CPUID_NO_SUBLEAF)) continue;
        const register = leaf + CPUID_LEAF_A + 4 * change.register;
        const bit = (1 << change.bit) >>> 0;
        const before = memory.get32(register);
        memory.set32(register, (change.to ? before | bit : before & ~bit) >>> 0);
      }
    }
    this.#giveCpuPolicy(domid, count);
  }
  /** What CPUID says to the domain: leaves as Xen's tools exchange them (xen_cpuid_leaf_t). */
  cpuPolicy(domid: number): Uint8Array {
    const count = this.#fetchCpuPolicy(domid);
    return this.#calls.memory.bytes(this.#calls.buffer, count * CPUID_LEAF_SIZE).slice();
  }
  /** Gives a domain that has not run yet such leaves, POLICY_LEAVES at most, as far as they are features that the host has. */
  setCpuPolicy(domid: number, leaves: Uint8Array): void {
    this.#calls.memory.bytes(this.#calls.buffer, leaves.length).set(leaves);
    this.#giveCpuPolicy(domid, leaves.length / CPUID_LEAF_SIZE);
  }
  /** Brings the leaves into the buffer, and returns their number. */
  #fetchCpuPolicy(domid: number): number {
    const { memory, buffer } = this.#calls;
    const u = this.#calls.domctl("get_cpu_policy", domctl.XEN_DOMCTL_get_cpu_policy, domid, (at) => {
      memory.set32(at + domctl.DOMCTL_CPU_POLICY_NR_LEAVES, POLICY_LEAVES);
      memory.set64(at + domctl.DOMCTL_CPU_POLICY_LEAVES, buffer);
    });
    return memory.get32(u + domctl.DOMCTL_CPU_POLICY_NR_LEAVES);
  }
  #giveCpuPolicy(domid: number, count: number): void {
    const { memory, buffer } = this.#calls;
    this.#calls.domctl("set_cpu_policy", domctl.XEN_DOMCTL_set_cpu_policy, domid, (at) => {
      memory.set32(at + domctl.DOMCTL_CPU_POLICY_NR_LEAVES, count);
      memory.set64(at + domctl.DOMCTL_CPU_POLICY_LEAVES, buffer);
    });
  }

  /** `mode` is XEN_CPUID_TSC_MODE_*. `khz` 0 means the frequency of the host. */
  setTscInfo(domid: number, mode: number, khz = 0): void {
    this.#calls.domctl("settscinfo", domctl.XEN_DOMCTL_settscinfo, domid, (u) => {
      this.#calls.memory.set32(u + domctl.DOMCTL_TSC_INFO_TSC_MODE, mode);
      this.#calls.memory.set32(u + domctl.DOMCTL_TSC_INFO_GTSC_KHZ, khz);
    });
  }

  /** From now on a global VIRQ goes to this domain. When the domain dies, it goes to dom0 again. */
  setVirqHandler(domid: number, virq: number): void {
    this.#calls.domctl("set_virq_handler", domctl.XEN_DOMCTL_set_virq_handler, domid, (u) =>
      this.#calls.memory.set32(u + domctl.DOMCTL_SET_VIRQ_HANDLER_VIRQ, virq),
    );
  }

  /** Returns the record, or null if no such domain exists. */
  info(domid: number): DomainInfoRecord | null {
    try {
      const u = this.#calls.domctl("getdomaininfo", domctl.XEN_DOMCTL_getdomaininfo, domid);
      const record = domainRecord(this.#calls.memory, u);
      // If this domain is gone, Xen answers with the next higher one.
      return record.domid === domid ? record : null;
    } catch (error) {
      if (error instanceof HypercallError && error.code === "ESRCH") return null;
      throw error;
    }
  }

  setHandle(domid: number, uuid: string): void {
    this.#calls.domctl("setdomainhandle", domctl.XEN_DOMCTL_setdomainhandle, domid, (u) =>
      this.#calls.memory.bytes(u + domctl.DOMCTL_SETDOMAINHANDLE_HANDLE, UUID_BYTES).set(uuidToBytes(uuid)),
    );
  }

  /** Fills the frame with the hypercall stubs for the domain's type. */
  initHypercallPage(domid: number, mfn: number): void {
    this.#calls.domctl("hypercall_init", domctl.XEN_DOMCTL_hypercall_init, domid, (u) =>
      this.#calls.memory.set64(u + domctl.DOMCTL_HYPERCALL_INIT_GMFN, mfn),
    );
  }

  /** For the credit scheduler: a weight from 1 to 65535, and a cap in percent of one pCPU, 0 for none. */
  setCredit(domid: number, weight: number, cap: number): void {
    this.#calls.domctl("scheduler_op", domctl.XEN_DOMCTL_scheduler_op, domid, (u) => {
      this.#credit(u, domctl.XEN_DOMCTL_SCHEDOP_putinfo);
      const credit = u + domctl.DOMCTL_SCHEDULER_OP_U;
      this.#calls.memory.set16(credit + domctl.DOMCTL_SCHED_CREDIT_WEIGHT, weight);
      this.#calls.memory.set16(credit + domctl.DOMCTL_SCHED_CREDIT_CAP, cap);
    });
  }

  getCredit(domid: number): { weight: number; cap: number } {
    const { memory } = this.#calls;
    const u = this.#calls.domctl("scheduler_op", domctl.XEN_DOMCTL_scheduler_op, domid, (at) =>
      this.#credit(at, domctl.XEN_DOMCTL_SCHEDOP_getinfo),
    );
    const credit = u + domctl.DOMCTL_SCHEDULER_OP_U;
    return {
      weight: memory.get16(credit + domctl.DOMCTL_SCHED_CREDIT_WEIGHT),
      cap: memory.get16(credit + domctl.DOMCTL_SCHED_CREDIT_CAP),
    };
  }

  #credit(u: number, cmd: number): void {
    this.#calls.memory.set32(u + domctl.DOMCTL_SCHEDULER_OP_SCHED_ID, domctl.XEN_SCHEDULER_CREDIT);
    this.#calls.memory.set32(u + domctl.DOMCTL_SCHEDULER_OP_CMD, cmd);
  }

  /**
   * Returns what the domain's frames are, for each mfn: the level of a page table, plus PFINFO_LPINTAB if it is pinned. PFINFO_XTAB: it does not
   * belong to the domain. PFINFO_XALLOC: memory that the domain gets on demand, and that this call does not give to it.
   */
  pageTypes(domid: number, mfns: Uint32Array): Uint8Array {
    const { memory } = this.#calls;
    const types = new Uint8Array(mfns.length);
    for (let from = 0; from < mfns.length; from += PFINFO_MOST) {
      const count = Math.min(PFINFO_MOST, mfns.length - from);
      const array = this.#calls.buffer;
      this.#calls.domctl("getpageframeinfo3", domctl.XEN_DOMCTL_getpageframeinfo3, domid, (u) => {
        const words = memory.words(array, 2 * count);
        for (let i = 0; i < count; i++) {
          words[2 * i] = mfns[from + i]!;
          words[2 * i + 1] = 0;
        }
        memory.set64(u + domctl.DOMCTL_GETPAGEFRAMEINFO3_NUM, count);
        memory.set64(u + domctl.DOMCTL_GETPAGEFRAMEINFO3_ARRAY, array);
      });
      for (let i = 0; i < count; i++)
        types[from + i] = memory.get32(array + PFN_BYTES * i) >>> domctl.XEN_DOMCTL_PFINFO_LTAB_SHIFT;
    }
    return types;
  }
}
