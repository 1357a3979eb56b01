/** Hypercalls about the host: sysctls, what Xen reports about itself, its console and its power. */
import { DOMCTL_GETDOMAININFO_SIZE, XEN_SCHEDULER_CREDIT } from "../../../abi/domctl.ts";
import { SCHEDOP_shutdown, SCHEDOP_yield, SCHED_SHUTDOWN_REASON, SCHED_SHUTDOWN_SIZE } from "../../../abi/sched.ts";
import * as sysctl from "../../../abi/sysctl.ts";
import {
  COMPILE_INFO_COMPILER,
  COMPILE_INFO_COMPILE_BY,
  COMPILE_INFO_COMPILE_DATE,
  COMPILE_INFO_COMPILE_DOMAIN,
  COMPILE_INFO_SIZE,
  PLATFORM_PARAMETERS_SIZE,
  PLATFORM_PARAMETERS_VIRT_START,
  XENVER_capabilities,
  XENVER_changeset,
  XENVER_commandline,
  XENVER_compile_info,
  XENVER_extraversion,
  XENVER_platform_parameters,
  XENVER_version,
} from "../../../abi/version.ts";
import {
  CONSOLEIO_write,
  HYPERVISOR_console_io,
  HYPERVISOR_sched_op,
  HYPERVISOR_xen_version,
} from "../../../abi/xen.ts";
import { PAGE_SIZE } from "../memory.ts";
import { BUFFER_BYTES, type NativeCalls } from "./calls.ts";
import { domainRecord, type DomainInfoRecord } from "./domain-record.ts";

export interface SchedulerParameters {
  timesliceMilliseconds: number;
  ratelimitMicroseconds: number;
  migrationDelayMicroseconds: number;
}

export interface PhysicalInfo {
  threadsPerCore: number;
  coresPerSocket: number;
  nrCpus: number;
  maxCpuId: number;
  nrNodes: number;
  cpuKhz: number;
  totalPages: number;
  /** Those that are promised to nobody. */
  freePages: number;
}

/** The number of records that one getdomaininfolist has room for. */
const DOMAINS_PER_CALL = 256;
/** The sizes of xen_extraversion_t, xen_capabilities_info_t, xen_changeset_info_t and xen_commandline_t in version.h. */
const EXTRAVERSION_LEN = 16;
const CAPABILITIES_LEN = 1024;
const CHANGESET_LEN = 64;
const COMMANDLINE_LEN = 1024;
const MOST_PCPUS = 32;

export class HostCalls {
  readonly #calls: NativeCalls;

  constructor(calls: NativeCalls) {
    this.#calls = calls;
  }

  /** Returns the text of the console ring, as `xl dmesg` prints it. */
  readConsole(clear = false): string {
    const { memory, buffer } = this.#calls;
    const u = this.#calls.sysctl("readconsole", sysctl.XEN_SYSCTL_readconsole, (at) => {
      memory.set8(at + sysctl.SYSCTL_READCONSOLE_CLEAR, clear ? 1 : 0);
      memory.set64(at + sysctl.SYSCTL_READCONSOLE_BUFFER, buffer);
      memory.set32(at + sysctl.SYSCTL_READCONSOLE_COUNT, BUFFER_BYTES);
    });
    const count = Math.min(memory.get32(u + sysctl.SYSCTL_READCONSOLE_COUNT), BUFFER_BYTES);
    return Buffer.from(memory.bytes(buffer, count)).toString("latin1");
  }

  /** Makes reports on the Xen console, one for each of at most 64 characters. */
  debugKeys(keys: string): void {
    const { memory, buffer } = this.#calls;
    this.#calls.sysctl("debug_keys", sysctl.XEN_SYSCTL_debug_keys, (u) => {
      const bytes = Buffer.from(keys, "latin1");
      memory.bytes(buffer, bytes.length).set(bytes);
      memory.set64(u + sysctl.SYSCTL_DEBUG_KEYS_KEYS, buffer);
      memory.set32(u + sysctl.SYSCTL_DEBUG_KEYS_NR_KEYS, bytes.length);
    });
  }

  /** The parameters of the credit scheduler of CPU pool 0. */
  schedulerParameters(): SchedulerParameters {
    const { memory } = this.#calls;
    const u = this.#calls.sysctl("scheduler_op", sysctl.XEN_SYSCTL_scheduler_op, (at) => {
      memory.set32(at + sysctl.SYSCTL_SCHEDULER_OP_SCHED_ID, XEN_SCHEDULER_CREDIT);
      memory.set32(at + sysctl.SYSCTL_SCHEDULER_OP_CMD, sysctl.XEN_SYSCTL_SCHEDOP_getinfo);
    });
    const credit = u + sysctl.SYSCTL_SCHEDULER_OP_U;
    return {
      timesliceMilliseconds: memory.get32(credit + sysctl.SYSCTL_CREDIT_SCHEDULE_TSLICE_MS),
      ratelimitMicroseconds: memory.get32(credit + sysctl.SYSCTL_CREDIT_SCHEDULE_RATELIMIT_US),
      migrationDelayMicroseconds: memory.get32(credit + sysctl.SYSCTL_CREDIT_SCHEDULE_VCPU_MIGR_DELAY_US),
    };
  }

  physicalInfo(): PhysicalInfo {
    const { memory } = this.#calls;
    const u = this.#calls.sysctl("physinfo", sysctl.XEN_SYSCTL_physinfo);
    return {
      threadsPerCore: memory.get32(u + sysctl.SYSCTL_PHYSINFO_THREADS_PER_CORE),
      coresPerSocket: memory.get32(u + sysctl.SYSCTL_PHYSINFO_CORES_PER_SOCKET),
      nrCpus: memory.get32(u + sysctl.SYSCTL_PHYSINFO_NR_CPUS),
      maxCpuId: memory.get32(u + sysctl.SYSCTL_PHYSINFO_MAX_CPU_ID),
      nrNodes: memory.get32(u + sysctl.SYSCTL_PHYSINFO_NR_NODES),
      cpuKhz: memory.get32(u + sysctl.SYSCTL_PHYSINFO_CPU_KHZ),
      totalPages: Number(memory.get64(u + sysctl.SYSCTL_PHYSINFO_TOTAL_PAGES)),
      freePages:
        Number(memory.get64(u + sysctl.SYSCTL_PHYSINFO_FREE_PAGES)) -
        Number(memory.get64(u + sysctl.SYSCTL_PHYSINFO_OUTSTANDING_PAGES)),
    };
  }

  /** Returns all domains from `first` on, in the order of their domids. */
  listDomains(first = 0): DomainInfoRecord[] {
    const { memory, buffer } = this.#calls;
    const found: DomainInfoRecord[] = [];
    for (let next = first; ;) {
      const u = this.#calls.sysctl("getdomaininfolist", sysctl.XEN_SYSCTL_getdomaininfolist, (at) => {
        memory.set16(at + sysctl.SYSCTL_GETDOMAININFOLIST_FIRST_DOMAIN, next);
        memory.set32(at + sysctl.SYSCTL_GETDOMAININFOLIST_MAX_DOMAINS, DOMAINS_PER_CALL);
        memory.set64(at + sysctl.SYSCTL_GETDOMAININFOLIST_BUFFER, buffer);
      });
      const count = Math.min(memory.get32(u + sysctl.SYSCTL_GETDOMAININFOLIST_NUM_DOMAINS), DOMAINS_PER_CALL);
      for (let i = 0; i < count; i++) found.push(domainRecord(memory, buffer + i * DOMCTL_GETDOMAININFO_SIZE));
      if (count < DOMAINS_PER_CALL) return found;
      next = found.at(-1)!.domid + 1;
    }
  }

  /** Returns the nanoseconds for which each pCPU has been idle. */
  cpuIdleTimes(): number[] {
    const { memory, buffer } = this.#calls;
    const u = this.#calls.sysctl("getcpuinfo", sysctl.XEN_SYSCTL_getcpuinfo, (at) => {
      memory.set32(at + sysctl.SYSCTL_GETCPUINFO_MAX_CPUS, MOST_PCPUS);
      memory.set64(at + sysctl.SYSCTL_GETCPUINFO_INFO, buffer);
    });
    const count = Math.min(memory.get32(u + sysctl.SYSCTL_GETCPUINFO_NR_CPUS), MOST_PCPUS);
    return Array.from({ length: count }, (_, i) =>
      Number(memory.get64(buffer + sysctl.SYSCTL_CPUINFO_SIZE * i + sysctl.SYSCTL_CPUINFO_IDLETIME)),
    );
  }

  schedulerId(): number {
    const u = this.#calls.sysctl("sched_id", sysctl.XEN_SYSCTL_sched_id);
    return this.#calls.memory.get32(u + sysctl.SYSCTL_SCHED_ID_SCHED_ID);
  }

  version(): { major: number; minor: number } {
    const value = this.#calls.call("xen_version", HYPERVISOR_xen_version, XENVER_version, 0);
    return { major: value >>> 16, minor: value & 0xffff };
  }
  extraVersion = (): string => this.#versionString(XENVER_extraversion, EXTRAVERSION_LEN);
  capabilities = (): string => this.#versionString(XENVER_capabilities, CAPABILITIES_LEN);
  changeset = (): string => this.#versionString(XENVER_changeset, CHANGESET_LEN);
  commandLine = (): string => this.#versionString(XENVER_commandline, COMMANDLINE_LEN);

  #versionString(op: number, size: number): string {
    const struct = this.#calls.scratch(size);
    this.#calls.call("xen_version", HYPERVISOR_xen_version, op, struct);
    return this.#calls.memory.string(struct, size);
  }

  /** Returns the lowest address in a PV guest that belongs to Xen. */
  platformParameters(): bigint {
    const struct = this.#calls.scratch(PLATFORM_PARAMETERS_SIZE);
    this.#calls.call("xen_version", HYPERVISOR_xen_version, XENVER_platform_parameters, struct);
    return this.#calls.memory.get64(struct + PLATFORM_PARAMETERS_VIRT_START);
  }

  compileInfo(): { compiler: string; by: string; domain: string; date: string } {
    const struct = this.#calls.scratch(COMPILE_INFO_SIZE);
    this.#calls.call("xen_version", HYPERVISOR_xen_version, XENVER_compile_info, struct);
    // A member ends where the next one begins, because they lie one after the other.
    const text = (from: number, to: number): string => this.#calls.memory.string(struct + from, to - from);
    return {
      compiler: text(COMPILE_INFO_COMPILER, COMPILE_INFO_COMPILE_BY),
      by: text(COMPILE_INFO_COMPILE_BY, COMPILE_INFO_COMPILE_DOMAIN),
      domain: text(COMPILE_INFO_COMPILE_DOMAIN, COMPILE_INFO_COMPILE_DATE),
      date: text(COMPILE_INFO_COMPILE_DATE, COMPILE_INFO_SIZE),
    };
  }

  /** Writes to the hypervisor's console, as the log of dom0's own kernel does. */
  writeConsole(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    for (let i = 0; i < bytes.length; i += PAGE_SIZE) {
      const part = bytes.subarray(i, i + PAGE_SIZE);
      const at = this.#calls.scratch(PAGE_SIZE);
      this.#calls.memory.bytes(at, part.length).set(part);
      this.#calls.call("console_io", HYPERVISOR_console_io, CONSOLEIO_write, part.length, at);
    }
  }

  /** Goes on at once; but as with any hypercall, a domain that is paused comes no further than here. */
  yield(): void {
    this.#calls.call("sched_op yield", HYPERVISOR_sched_op, SCHEDOP_yield);
  }

  /** dom0 shuts down: Xen turns the host off or restarts it (SHUTDOWN_*). */
  shutdown(reason: number): void {
    const struct = this.#calls.scratch(SCHED_SHUTDOWN_SIZE);
    this.#calls.memory.set32(struct + SCHED_SHUTDOWN_REASON, reason);
    this.#calls.call("sched_op shutdown", HYPERVISOR_sched_op, SCHEDOP_shutdown, struct);
  }
}
