/**
 * Hypercalls of a native domain: the C structures of Xen's public headers built in scratch frames the domain owns,
 * handed to `native_hypercall`. One call at a time (the thread is the vCPU), so one scratch area serves all.
 */
import { VCPU_GUEST_CONTEXT_SIZE, XEN_X86_EMU_LAPIC, XEN_X86_MSR_RELAXED } from "../../abi/arch_x86.ts";
import * as domctl from "../../abi/domctl.ts";
import { E820_RAM } from "../../abi/e820.ts";
import {
  EVTCHNOP_alloc_unbound,
  EVTCHNOP_bind_interdomain,
  EVTCHNOP_bind_virq,
  EVTCHNOP_close,
  EVTCHNOP_send,
  EVTCHNOP_unmask,
} from "../../abi/event_channel.ts";
import {
  GNTMAP_device_map,
  GNTMAP_host_map,
  GNTMAP_readonly,
  GNTTABOP_map_grant_ref,
  GNTTABOP_setup_table,
  GNTTABOP_unmap_grant_ref,
  GNTTAB_MAP_GRANT_REF_SIZE,
  GNTTAB_UNMAP_GRANT_REF_SIZE,
} from "../../abi/grant_table.ts";
import { MEMORY_RESERVATION_SIZE, XENMEM_populate_physmap, XENMEM_set_memory_map } from "../../abi/memory.ts";
import { SCHEDOP_shutdown } from "../../abi/sched.ts";
import {
  SYSCTL_U,
  XEN_SYSCTL_INTERFACE_VERSION,
  XEN_SYSCTL_SCHEDOP_getinfo,
  XEN_SYSCTL_debug_keys,
  XEN_SYSCTL_getcpuinfo,
  XEN_SYSCTL_getdomaininfolist,
  XEN_SYSCTL_physinfo,
  XEN_SYSCTL_readconsole,
  XEN_SYSCTL_sched_id,
  XEN_SYSCTL_scheduler_op,
} from "../../abi/sysctl.ts";
import {
  XENVER_capabilities,
  XENVER_changeset,
  XENVER_commandline,
  XENVER_compile_info,
  XENVER_extraversion,
  XENVER_platform_parameters,
  XENVER_version,
} from "../../abi/version.ts";
import * as xen from "../../abi/xen.ts";
import { PFINFO_MOST } from "../../hypervisor/abi/implied.ts";
import { HypercallError } from "./errno.ts";
import { PAGE_SHIFT, type PhysicalMemory } from "./memory.ts";

/** The exports of core.wasm that a native domain uses (core/README.md). */
export interface NativeExports {
  native_attach(domid: number, vcpu: number): number;
  native_hypercall(nr: number, a0: bigint, a1: bigint, a2: bigint, a3: bigint, a4: bigint): bigint;
  native_event_word(): number;
}

export const SCRATCH_FRAMES = 32;
const SCRATCH_BYTES = SCRATCH_FRAMES << PAGE_SHIFT;
/** Frame numbers that fit the scratch area in one memory_op, beside the reservation structure. */
const EXTENTS_PER_CALL = 8192;
/** Grants mapped or unmapped by one hypercall. */
const GRANTS_PER_CALL = 1024;

export interface GrantMapResult {
  /** GNTST_*. */
  status: number;
  handle: number;
  /** Of the frame, in the machine. */
  address: number;
}

export interface DomainInfoRecord {
  domid: number;
  flags: number;
  totPages: number;
  maxPages: number;
  sharedInfoFrame: number;
  cpuTime: number;
  onlineVcpus: number;
  maxVcpuId: number;
  /** 16 bytes of the UUID as lower-case hex with dashes. */
  handle: string;
}

/** Types of guests that createDomain() makes. */
export type GuestTypeName = "pv" | "pvh";

export interface CreationLimits {
  grantFrames: number;
  maptrackFrames: number;
  grantVersion: number;
  eventChannels: number;
}

/** libxl's defaults. */
export const LIBXL_LIMITS: CreationLimits = {
  grantFrames: 64,
  maptrackFrames: 1024,
  grantVersion: 2,
  eventChannels: 1023,
};

/** Bitmaps of pCPUs, 32 at most. */
export interface Affinity {
  hard: number;
  soft: number;
}

export interface SchedulerParameters {
  timesliceMilliseconds: number;
  ratelimitMicroseconds: number;
  migrationDelayMicroseconds: number;
}

export interface VcpuInfoRecord {
  online: boolean;
  blocked: boolean;
  running: boolean;
  cpuTime: number;
  cpu: number;
}

export interface PhysicalInfo {
  threadsPerCore: number;
  coresPerSocket: number;
  nrCpus: number;
  maxCpuId: number;
  nrNodes: number;
  cpuKhz: number;
  totalPages: number;
  freePages: number;
}

export function uuidToBytes(uuid: string): Uint8Array {
  const hex = uuid.replaceAll("-", "");
  return Uint8Array.from({ length: 16 }, (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

export function bytesToUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export class Hypercalls {
  readonly memory: PhysicalMemory;
  readonly #exports: NativeExports;
  readonly #scratch: number;

  /** `scratch`: machine address of SCRATCH_FRAMES frames that the domain owns and uses for nothing else. */
  constructor(exports: NativeExports, memory: PhysicalMemory, scratch: number) {
    this.#exports = exports;
    this.memory = memory;
    this.#scratch = scratch;
  }

  /** A hypercall as the guest ABI has it. Throws HypercallError for a negative result. */
  call(operation: string, nr: number, ...args: (number | bigint)[]): number {
    const a = [0n, 0n, 0n, 0n, 0n];
    args.forEach((value, i) => (a[i] = BigInt(value)));
    const result = Number(this.#exports.native_hypercall(nr, a[0]!, a[1]!, a[2]!, a[3]!, a[4]!));
    if (result < 0) throw new HypercallError(operation, -result);
    return result;
  }

  /** Zeroed scratch structure, for a hypercall that has no wrapper here. Valid until the next hypercall wrapper runs. */
  scratch(size: number): number {
    return this.#struct(size);
  }

  /** Zeroed scratch structure. Valid until the next hypercall wrapper runs. */
  #struct(size: number): number {
    if (size > SCRATCH_BYTES)
      throw new RangeError(`a hypercall argument of ${size} bytes is larger than the scratch area`);
    this.memory.zero(this.#scratch, size);
    return this.#scratch;
  }

  // --- domctl ---

  /** Runs a domctl; `fill` writes the operation's structure at `u`. Where that structure is. */
  domctl(name: string, cmd: number, domid: number, fill: (u: number, struct: number) => void): number {
    return this.#domctl(name, cmd, domid, fill);
  }

  #domctl(name: string, cmd: number, domid: number, fill: (u: number, struct: number) => void = () => {}): number {
    const struct = this.#struct(4096);
    this.memory.set32(struct, cmd);
    this.memory.set32(struct + 4, domctl.XEN_DOMCTL_INTERFACE_VERSION);
    this.memory.set16(struct + 8, domid);
    fill(struct + domctl.DOMCTL_U, struct);
    this.call(`domctl ${name} of domain ${domid}`, xen.HYPERVISOR_domctl, struct);
    return struct + domctl.DOMCTL_U;
  }

  /** Makes a domain with no memory and no vCPU; the hypervisor chooses the domid when 0 is given. `limits`: numbers of frames, and of the last port. */
  createDomain(
    uuid: string,
    maxVcpus: number,
    limits = LIBXL_LIMITS,
    { msrRelaxed = false, domid = 0, type = "pv" as GuestTypeName } = {},
  ): number {
    const u = this.#domctl("createdomain", domctl.XEN_DOMCTL_createdomain, domid, (at) => {
      this.memory.bytes(at + 4, 16).set(uuidToBytes(uuid));
      if (type === "pvh") this.memory.set32(at + 20, domctl.XEN_DOMCTL_CDF_hvm | domctl.XEN_DOMCTL_CDF_hap);
      this.memory.set32(at + 28, maxVcpus);
      this.memory.set32(at + 32, limits.eventChannels); // max_evtchn_port
      this.memory.set32(at + 36, limits.grantFrames); // max_grant_frames
      this.memory.set32(at + 40, limits.maptrackFrames); // max_maptrack_frames
      this.memory.set32(at + 44, limits.grantVersion); // grant_opts: highest grant table version
      this.memory.set32(at + 56, type === "pvh" ? XEN_X86_EMU_LAPIC : 0); // arch.emulation_flags
      this.memory.set32(at + 60, msrRelaxed ? XEN_X86_MSR_RELAXED : 0); // arch.misc_flags
    });
    return this.memory.get16(u - domctl.DOMCTL_U + 8);
  }

  destroyDomain = (domid: number): void => void this.#domctl("destroydomain", domctl.XEN_DOMCTL_destroydomain, domid);
  pauseDomain = (domid: number): void => void this.#domctl("pausedomain", domctl.XEN_DOMCTL_pausedomain, domid);
  unpauseDomain = (domid: number): void => void this.#domctl("unpausedomain", domctl.XEN_DOMCTL_unpausedomain, domid);
  resumeDomain = (domid: number): void => void this.#domctl("resumedomain", domctl.XEN_DOMCTL_resumedomain, domid);

  setMaxMemory(domid: number, kib: number): void {
    this.#domctl("max_mem", domctl.XEN_DOMCTL_max_mem, domid, (u) => this.memory.set64(u, kib));
  }

  setMaxVcpus(domid: number, count: number): void {
    this.#domctl("max_vcpus", domctl.XEN_DOMCTL_max_vcpus, domid, (u) => this.memory.set32(u, count));
  }

  /** `mode`: XEN_CPUID_TSC_MODE_*; `khz`: 0 for the host's. */
  setTscInfo(domid: number, mode: number, khz = 0): void {
    this.#domctl("settscinfo", domctl.XEN_DOMCTL_settscinfo, domid, (u) => {
      this.memory.set32(u, mode);
      this.memory.set32(u + 4, khz);
    });
  }

  /** A global VIRQ goes to this domain from now on, and back to dom0 when the domain dies. */
  setVirqHandler(domid: number, virq: number): void {
    this.#domctl("set_virq_handler", domctl.XEN_DOMCTL_set_virq_handler, domid, (u) => this.memory.set32(u, virq));
  }

  /** The record, or null when no such domain exists. */
  domainInfo(domid: number): DomainInfoRecord | null {
    try {
      const u = this.#domctl("getdomaininfo", domctl.XEN_DOMCTL_getdomaininfo, domid);
      const record = this.#domainRecord(u);
      // Xen answers with the next higher domain when this one is gone.
      return record.domid === domid ? record : null;
    } catch (error) {
      if (error instanceof HypercallError && error.code === "ESRCH") return null;
      throw error;
    }
  }

  #domainRecord(at: number): DomainInfoRecord {
    const { memory } = this;
    return {
      domid: memory.get16(at),
      flags: memory.get32(at + 4),
      totPages: Number(memory.get64(at + 8)),
      maxPages: Number(memory.get64(at + 16)),
      sharedInfoFrame: Number(memory.get64(at + 48)),
      cpuTime: Number(memory.get64(at + 56)),
      onlineVcpus: memory.get32(at + 64),
      maxVcpuId: memory.get32(at + 68),
      handle: bytesToUuid(memory.bytes(at + 76, 16)),
    };
  }

  vcpuInfo(domid: number, vcpu: number): VcpuInfoRecord {
    const u = this.#domctl("getvcpuinfo", domctl.XEN_DOMCTL_getvcpuinfo, domid, (at) => this.memory.set32(at, vcpu));
    return {
      online: this.memory.get8(u + 4) !== 0,
      blocked: this.memory.get8(u + 5) !== 0,
      running: this.memory.get8(u + 6) !== 0,
      cpuTime: Number(this.memory.get64(u + 8)),
      cpu: this.memory.get32(u + 16),
    };
  }

  /** `context`: a struct vcpu_guest_context. */
  setVcpuContext(domid: number, vcpu: number, context: Uint8Array): void {
    this.#domctl("setvcpucontext", domctl.XEN_DOMCTL_setvcpucontext, domid, (u, struct) => {
      const at = struct + 4096;
      this.memory.bytes(at, context.length).set(context);
      this.memory.set32(u, vcpu);
      this.memory.set64(u + 8, at);
    });
  }

  getVcpuContext(domid: number, vcpu: number): Uint8Array {
    const u = this.#domctl("getvcpucontext", domctl.XEN_DOMCTL_getvcpucontext, domid, (at, struct) => {
      this.memory.set32(at, vcpu);
      this.memory.set64(at + 8, struct + 4096);
    });
    return this.memory.bytes(u - domctl.DOMCTL_U + 4096, VCPU_GUEST_CONTEXT_SIZE).slice();
  }

  /** `context`: a struct xen_domctl_ext_vcpucontext, whose vCPU number is set here. */
  setExtVcpuContext(domid: number, vcpu: number, context: Uint8Array): void {
    this.#domctl("set_ext_vcpucontext", domctl.XEN_DOMCTL_set_ext_vcpucontext, domid, (u) => {
      this.memory.bytes(u, context.length).set(context);
      this.memory.set32(u, vcpu);
    });
  }

  getExtVcpuContext(domid: number, vcpu: number): Uint8Array {
    const u = this.#domctl("get_ext_vcpucontext", domctl.XEN_DOMCTL_get_ext_vcpucontext, domid, (at) =>
      this.memory.set32(at, vcpu),
    );
    return this.memory.bytes(u, domctl.DOMCTL_EXT_VCPUCONTEXT_SIZE).slice();
  }

  /** Fills the frame with the hypercall stubs of the domain's type. */
  initHypercallPage(domid: number, mfn: number): void {
    this.#domctl("hypercall_init", domctl.XEN_DOMCTL_hypercall_init, domid, (u) => this.memory.set64(u, mfn));
  }

  setHandle(domid: number, uuid: string): void {
    this.#domctl("setdomainhandle", domctl.XEN_DOMCTL_setdomainhandle, domid, (u) =>
      this.memory.bytes(u, 16).set(uuidToBytes(uuid)),
    );
  }

  /** Credit scheduler. Weight 1 to 65535; cap in percent of one pCPU, 0 for none. */
  setCredit(domid: number, weight: number, cap: number): void {
    this.#domctl("scheduler_op", domctl.XEN_DOMCTL_scheduler_op, domid, (u) => {
      this.memory.set32(u, domctl.XEN_SCHEDULER_CREDIT);
      this.memory.set32(u + 4, domctl.XEN_DOMCTL_SCHEDOP_putinfo);
      this.memory.set16(u + 8, weight);
      this.memory.set16(u + 10, cap);
    });
  }

  getCredit(domid: number): { weight: number; cap: number } {
    const u = this.#domctl("scheduler_op", domctl.XEN_DOMCTL_scheduler_op, domid, (at) => {
      this.memory.set32(at, domctl.XEN_SCHEDULER_CREDIT);
      this.memory.set32(at + 4, domctl.XEN_DOMCTL_SCHEDOP_getinfo);
    });
    return { weight: this.memory.get16(u + 8), cap: this.memory.get16(u + 10) };
  }

  /** What is left out stays as it is. `force`: also if the guest's kernel pinned the vCPU for a while. */
  setAffinity(domid: number, vcpu: number, { hard, soft }: Partial<Affinity>, force = false): void {
    const flags =
      (hard === undefined ? 0 : domctl.XEN_VCPUAFFINITY_HARD) |
      (soft === undefined ? 0 : domctl.XEN_VCPUAFFINITY_SOFT) |
      (force ? domctl.XEN_VCPUAFFINITY_FORCE : 0);
    this.#domctl("setvcpuaffinity", domctl.XEN_DOMCTL_setvcpuaffinity, domid, (u, struct) =>
      this.#affinity(u, struct, vcpu, flags, { hard: hard ?? 0, soft: soft ?? 0 }),
    );
  }

  getAffinity(domid: number, vcpu: number): Affinity {
    const both = domctl.XEN_VCPUAFFINITY_HARD | domctl.XEN_VCPUAFFINITY_SOFT;
    const u = this.#domctl("getvcpuaffinity", domctl.XEN_DOMCTL_getvcpuaffinity, domid, (at, struct) =>
      this.#affinity(at, struct, vcpu, both, { hard: 0, soft: 0 }),
    );
    const bitmaps = u - domctl.DOMCTL_U + 4096;
    return { hard: this.memory.get32(bitmaps), soft: this.memory.get32(bitmaps + 8) };
  }

  #affinity(u: number, struct: number, vcpu: number, flags: number, { hard, soft }: Affinity): void {
    const bitmap = struct + 4096;
    this.memory.set64(bitmap, BigInt(hard >>> 0));
    this.memory.set64(bitmap + 8, BigInt(soft >>> 0));
    this.memory.set32(u, vcpu);
    this.memory.set32(u + 4, flags);
    this.memory.set64(u + 8, bitmap);
    this.memory.set32(u + 16, 32);
    this.memory.set64(u + 24, bitmap + 8);
    this.memory.set32(u + 32, 32);
  }

  /** An NMI for a vCPU. */
  sendNmi(domid: number, vcpu: number): void {
    this.#domctl("sendtrigger", domctl.XEN_DOMCTL_sendtrigger, domid, (u) => {
      this.memory.set32(u, domctl.XEN_DOMCTL_SENDTRIGGER_NMI);
      this.memory.set32(u + 4, vcpu);
    });
  }

  // --- sysctl ---

  #sysctl(name: string, cmd: number, fill: (u: number, struct: number) => void = () => {}): number {
    const struct = this.#struct(4096);
    this.memory.set32(struct, cmd);
    this.memory.set32(struct + 4, XEN_SYSCTL_INTERFACE_VERSION);
    fill(struct + SYSCTL_U, struct);
    this.call(`sysctl ${name}`, xen.HYPERVISOR_sysctl, struct);
    return struct + SYSCTL_U;
  }

  /** The console ring's text: `xl dmesg`. */
  readConsole(clear = false): string {
    const size = SCRATCH_BYTES - 4096;
    const u = this.#sysctl("readconsole", XEN_SYSCTL_readconsole, (at, struct) => {
      this.memory.set8(at, clear ? 1 : 0);
      this.memory.set64(at + 8, struct + 4096);
      this.memory.set32(at + 16, size);
    });
    const count = Math.min(this.memory.get32(u + 16), size);
    return Buffer.from(this.memory.bytes(u - SYSCTL_U + 4096, count)).toString("latin1");
  }

  /** Reports on the Xen console, one for each of at most 64 characters. */
  debugKeys(keys: string): void {
    this.#sysctl("debug_keys", XEN_SYSCTL_debug_keys, (u, struct) => {
      const bytes = Buffer.from(keys, "latin1");
      this.memory.bytes(struct + 4096, bytes.length).set(bytes);
      this.memory.set64(u, struct + 4096);
      this.memory.set32(u + 8, bytes.length);
    });
  }

  /** Of the credit scheduler of CPU pool 0. */
  schedulerParameters(): SchedulerParameters {
    const u = this.#sysctl("scheduler_op", XEN_SYSCTL_scheduler_op, (at) => {
      this.memory.set32(at + 4, domctl.XEN_SCHEDULER_CREDIT);
      this.memory.set32(at + 8, XEN_SYSCTL_SCHEDOP_getinfo);
    });
    const { memory } = this;
    return {
      timesliceMilliseconds: memory.get32(u + 16),
      ratelimitMicroseconds: memory.get32(u + 20),
      migrationDelayMicroseconds: memory.get32(u + 24),
    };
  }

  physicalInfo(): PhysicalInfo {
    const u = this.#sysctl("physinfo", XEN_SYSCTL_physinfo);
    const { memory } = this;
    return {
      threadsPerCore: memory.get32(u),
      coresPerSocket: memory.get32(u + 4),
      nrCpus: memory.get32(u + 8),
      maxCpuId: memory.get32(u + 12),
      nrNodes: memory.get32(u + 16),
      cpuKhz: memory.get32(u + 24),
      totalPages: Number(memory.get64(u + 40)),
      freePages: Number(memory.get64(u + 48)),
    };
  }

  /** All domains from `first` on, in order of domid. */
  listDomains(first = 0): DomainInfoRecord[] {
    const perCall = 256;
    const found: DomainInfoRecord[] = [];
    for (let next = first; ;) {
      const u = this.#sysctl("getdomaininfolist", XEN_SYSCTL_getdomaininfolist, (at, struct) => {
        this.memory.set16(at, next);
        this.memory.set32(at + 4, perCall);
        this.memory.set64(at + 8, struct + 4096);
      });
      const count = Math.min(this.memory.get32(u + 16), perCall);
      const buffer = u - SYSCTL_U + 4096;
      for (let i = 0; i < count; i++) found.push(this.#domainRecord(buffer + i * domctl.DOMCTL_GETDOMAININFO_SIZE));
      if (count < perCall) return found;
      next = found.at(-1)!.domid + 1;
    }
  }

  /** Idle nanoseconds of each pCPU. */
  cpuIdleTimes(max = 32): number[] {
    const u = this.#sysctl("getcpuinfo", XEN_SYSCTL_getcpuinfo, (at, struct) => {
      this.memory.set32(at, max);
      this.memory.set64(at + 8, struct + 4096);
    });
    const count = Math.min(this.memory.get32(u + 16), max);
    const buffer = u - SYSCTL_U + 4096;
    return Array.from({ length: count }, (_, i) => Number(this.memory.get64(buffer + 8 * i)));
  }

  schedulerId(): number {
    return this.memory.get32(this.#sysctl("sched_id", XEN_SYSCTL_sched_id));
  }

  // --- memory ---

  /**
   * Gives a domain frames for the guest frames `firstPfn` to `firstPfn + count - 1`; their mfns go into `mfns` from
   * index `firstPfn`. Returns how many it got: fewer when the host's memory ran out.
   */
  populatePhysmap(domid: number, firstPfn: number, count: number, mfns: Float64Array | Uint32Array): number {
    const { memory } = this;
    let done = 0;
    while (done < count) {
      const chunk = Math.min(count - done, EXTENTS_PER_CALL);
      const struct = this.#struct(MEMORY_RESERVATION_SIZE);
      const extents = struct + 64;
      for (let i = 0; i < chunk; i++) memory.set64(extents + 8 * i, firstPfn + done + i);
      memory.set64(struct, extents);
      memory.set64(struct + 8, chunk);
      memory.set16(struct + 24, domid);
      const operation = `populate_physmap of domain ${domid}`;
      const got = this.call(operation, xen.HYPERVISOR_memory_op, XENMEM_populate_physmap, struct);
      for (let i = 0; i < got; i++) mfns[firstPfn + done + i] = Number(memory.get64(extents + 8 * i));
      done += got;
      if (got < chunk) break;
    }
    return done;
  }

  /** What the domain hears of its memory (XENMEM_memory_map): one range of RAM from 0 on, which it may grow into. */
  setMemoryMap(domid: number, kib: number): void {
    const { memory } = this;
    const struct = this.#struct(128);
    const entry = struct + 64;
    memory.set64(entry, 0);
    memory.set64(entry + 8, kib * 1024);
    memory.set32(entry + 16, E820_RAM);
    memory.set16(struct, domid);
    memory.set32(struct + 8, 1);
    memory.set64(struct + 16, entry);
    this.call(`set_memory_map of domain ${domid}`, xen.HYPERVISOR_memory_op, XENMEM_set_memory_map, struct);
  }

  /** What the domain's frames are, for each mfn: a page table's level, plus PFINFO_LPINTAB if it is pinned; PFINFO_XTAB: not the domain's. */
  pageTypes(domid: number, mfns: Uint32Array): Uint8Array {
    const types = new Uint8Array(mfns.length);
    for (let from = 0; from < mfns.length; from += PFINFO_MOST) {
      const count = Math.min(PFINFO_MOST, mfns.length - from);
      let array = 0;
      this.#domctl("getpageframeinfo3", domctl.XEN_DOMCTL_getpageframeinfo3, domid, (u, struct) => {
        array = struct + 4096;
        for (let i = 0; i < count; i++) this.memory.set64(array + 8 * i, mfns[from + i]!);
        this.memory.set64(u, count);
        this.memory.set64(u + 8, array);
      });
      for (let i = 0; i < count; i++)
        types[from + i] = this.memory.get32(array + 8 * i) >>> domctl.XEN_DOMCTL_PFINFO_LTAB_SHIFT;
    }
    return types;
  }

  /** Pins a page table of the domain, of level 1 to 4: validates the whole tree below it. */
  pinTable(domid: number, level: number, mfn: number): void {
    const struct = this.#struct(xen.MMUEXT_OP_SIZE);
    this.memory.set32(struct, xen.MMUEXT_PIN_L1_TABLE + level - 1);
    this.memory.set64(struct + 8, mfn);
    this.call(`pinning page table ${mfn} of domain ${domid}`, xen.HYPERVISOR_mmuext_op, struct, 1, 0, domid);
  }

  /** mmu_update: pairs of `ptr` (with the command in its low bits) and `value`, for the domain's own memory. */
  mmuUpdate(domid: number, updates: readonly (readonly [ptr: bigint, value: bigint])[]): void {
    const perCall = 4096;
    for (let i = 0; i < updates.length; i += perCall) {
      const part = updates.slice(i, i + perCall);
      const struct = this.#struct(part.length * 16);
      part.forEach(([ptr, value], j) => {
        this.memory.set64(struct + 16 * j, ptr);
        this.memory.set64(struct + 16 * j + 8, value);
      });
      this.call("mmu_update", xen.HYPERVISOR_mmu_update, struct, part.length, 0, domid);
    }
  }

  // --- event channels ---

  #evtchn(name: string, cmd: number, words: readonly number[]): number {
    const struct = this.#struct(32);
    words.forEach((word, i) => this.memory.set32(struct + 4 * i, word));
    this.call(`event channel ${name}`, xen.HYPERVISOR_event_channel_op, cmd, struct);
    return struct;
  }

  /** An unbound port in `domid` that `remote` may bind to. */
  allocUnbound(domid: number, remote: number): number {
    return this.memory.get32(this.#evtchn("alloc_unbound", EVTCHNOP_alloc_unbound, [domid | (remote << 16), 0]) + 4);
  }
  bindInterdomain(remote: number, remotePort: number): number {
    return this.memory.get32(this.#evtchn("bind_interdomain", EVTCHNOP_bind_interdomain, [remote, remotePort, 0]) + 8);
  }
  bindVirq(virq: number, vcpu = 0): number {
    return this.memory.get32(this.#evtchn("bind_virq", EVTCHNOP_bind_virq, [virq, vcpu, 0]) + 8);
  }
  closePort = (port: number): void => void this.#evtchn("close", EVTCHNOP_close, [port]);
  sendEvent = (port: number): void => void this.#evtchn("send", EVTCHNOP_send, [port]);
  unmaskPort = (port: number): void => void this.#evtchn("unmask", EVTCHNOP_unmask, [port]);

  // --- grants ---

  /** Maps granted frames, many in one hypercall; what became of each, in order. */
  mapGrants(domid: number, refs: readonly number[], readonly: boolean): GrantMapResult[] {
    const { memory } = this;
    const flags = GNTMAP_device_map | GNTMAP_host_map | (readonly ? GNTMAP_readonly : 0);
    const results: GrantMapResult[] = [];
    for (let from = 0; from < refs.length; from += GRANTS_PER_CALL) {
      const count = Math.min(GRANTS_PER_CALL, refs.length - from);
      const struct = this.#struct(GNTTAB_MAP_GRANT_REF_SIZE * count);
      for (let i = 0, at = struct; i < count; i++, at += GNTTAB_MAP_GRANT_REF_SIZE) {
        memory.set32(at + 8, flags);
        memory.set32(at + 12, refs[from + i]!);
        memory.set16(at + 16, domid);
      }
      this.call("map_grant_ref", xen.HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, struct, count);
      for (let i = 0, at = struct; i < count; i++, at += GNTTAB_MAP_GRANT_REF_SIZE)
        results.push({
          status: (memory.get16(at + 18) << 16) >> 16,
          handle: memory.get32(at + 20),
          address: Number(memory.get64(at + 24)),
        });
    }
    return results;
  }

  /** The first status (GNTST_*) that is not okay, or 0. */
  unmapGrants(maps: readonly { handle: number; address: number }[]): number {
    const { memory } = this;
    let status = 0;
    for (let from = 0; from < maps.length; from += GRANTS_PER_CALL) {
      const count = Math.min(GRANTS_PER_CALL, maps.length - from);
      const struct = this.#struct(GNTTAB_UNMAP_GRANT_REF_SIZE * count);
      for (let i = 0, at = struct; i < count; i++, at += GNTTAB_UNMAP_GRANT_REF_SIZE) {
        memory.set64(at + 8, maps[from + i]!.address);
        memory.set32(at + 16, maps[from + i]!.handle);
      }
      this.call("unmap_grant_ref", xen.HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, struct, count);
      for (let i = 0, at = struct; i < count; i++, at += GNTTAB_UNMAP_GRANT_REF_SIZE)
        status ||= (memory.get16(at + 20) << 16) >> 16;
    }
    return status;
  }

  /** Makes `nrFrames` grant frames of a domain and returns their mfns. */
  setupGrantTable(domid: number, nrFrames: number): number[] {
    const struct = this.#struct(64 + 8 * nrFrames);
    const { memory } = this;
    memory.set16(struct, domid);
    memory.set32(struct + 4, nrFrames);
    memory.set64(struct + 16, struct + 64);
    this.call("grant table setup_table", xen.HYPERVISOR_grant_table_op, GNTTABOP_setup_table, struct, 1);
    const status = (memory.get16(struct + 8) << 16) >> 16;
    if (status !== 0) throw new Error(`grant table of domain ${domid}: setup_table says GNTST ${status}`);
    return Array.from({ length: nrFrames }, (_, i) => Number(memory.get64(struct + 64 + 8 * i)));
  }

  // --- version, console, power ---

  #versionString(op: number, size: number): string {
    const struct = this.#struct(size);
    this.call("xen_version", xen.HYPERVISOR_xen_version, op, struct);
    return this.memory.string(struct, size);
  }
  version(): { major: number; minor: number } {
    const value = this.call("xen_version", xen.HYPERVISOR_xen_version, XENVER_version, 0);
    return { major: value >>> 16, minor: value & 0xffff };
  }
  extraVersion = (): string => this.#versionString(XENVER_extraversion, 16);
  capabilities = (): string => this.#versionString(XENVER_capabilities, 1024);
  changeset = (): string => this.#versionString(XENVER_changeset, 64);
  commandLine = (): string => this.#versionString(XENVER_commandline, 1024);
  platformParameters(): bigint {
    const struct = this.#struct(8);
    this.call("xen_version", xen.HYPERVISOR_xen_version, XENVER_platform_parameters, struct);
    return this.memory.get64(struct);
  }
  compileInfo(): { compiler: string; by: string; domain: string; date: string } {
    const struct = this.#struct(144);
    this.call("xen_version", xen.HYPERVISOR_xen_version, XENVER_compile_info, struct);
    const text = (offset: number, size: number): string => this.memory.string(struct + offset, size);
    return { compiler: text(0, 64), by: text(64, 16), domain: text(80, 32), date: text(112, 32) };
  }

  /** Writes to the hypervisor's console, as dom0's own kernel log does. */
  writeConsole(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    for (let i = 0; i < bytes.length; i += 4096) {
      const part = bytes.subarray(i, i + 4096);
      const at = this.#struct(4096);
      this.memory.bytes(at, part.length).set(part);
      this.call("console_io", xen.HYPERVISOR_console_io, 0, part.length, at);
    }
  }

  /** dom0 leaves: Xen turns the host off or restarts it (SHUTDOWN_*). */
  schedShutdown(reason: number): void {
    const struct = this.#struct(4);
    this.memory.set32(struct, reason);
    this.call("sched_op shutdown", xen.HYPERVISOR_sched_op, SCHEDOP_shutdown, struct);
  }
}
