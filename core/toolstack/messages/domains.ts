/** What is said of domains: their configurations, their life, and what of them can be changed. */
import type { CreationLimits, DomainTypeName } from "../../dom0/kernel/hypercalls.ts";
import type { DeviceSpec } from "../../dom0/xenbus/kind.ts";

/** SHUTDOWN_* (xen/sched.h); a guest may give Xen any number from 0 to 255 as its reason: "unknown" are those that mean nothing. */
export type ShutdownReason = "poweroff" | "reboot" | "suspend" | "crash" | "watchdog" | "soft_reset" | "unknown";

/** xl.cfg(5)'s values of on_poweroff, on_reboot, on_watchdog, on_crash and on_soft_reset. */
export const SHUTDOWN_ACTIONS = [
  "destroy",
  "restart",
  "rename-restart",
  "preserve",
  "coredump-destroy",
  "coredump-restart",
  "soft-reset",
] as const;

export type ShutdownAction = (typeof SHUTDOWN_ACTIONS)[number];

/** xl.cfg(5)'s values of tsc_mode, by XEN_CPUID_TSC_MODE_*. */
export const TSC_MODES = ["default", "always_emulate", "native"] as const;

export type TscMode = (typeof TSC_MODES)[number];

/** An xl.cfg whose values are checked and defaults filled in. Sizes are MiB. */
export interface DomainConfig {
  name: string;
  type: DomainTypeName;
  uuid: string;
  kernel: string;
  ramdisk: string | null;
  /** The whole kernel command line: `cmdline`, or `root=` + `extra`. */
  cmdline: string;
  /** Not null: kernel and ramdisk are paths on the first disk, or "" and null for what its boot menu says; cmdline is added to that. */
  bootloader: { program: string; arguments: readonly string[] } | null;
  /** Of a PVH domain: Xen's shim is what is started, and `kernel`, a PV kernel, runs inside it (pvshim). */
  shim?: { path: string; cmdline: string };
  memoryMiB: number;
  maxmemMiB: number;
  vcpus: number;
  maxvcpus: number;
  /** pCPUs that each vCPU may run on (hard affinity), and those it should run on (soft); null, or no entry for a vCPU: all. */
  cpus: number[][] | null;
  cpusSoft: number[][] | null;
  cpuWeight: number;
  /** Percent of one pCPU, 0: no cap. */
  cap: number;
  tscMode: TscMode;
  /** RDMSR of a register that the host has and the guest has not gives 0 instead of #GP, WRMSR does nothing. */
  msrRelaxed: boolean;
  limits: CreationLimits;
  /** It has backends for others: a guest with a toolstack that sees to them (`xl devd`), or a native domain. */
  driverDomain: boolean;
  onPoweroff: ShutdownAction;
  onReboot: ShutdownAction;
  onWatchdog: ShutdownAction;
  onCrash: ShutdownAction;
  onSoftReset: ShutdownAction;
  /** Split devices beside the first console, in the order of the file. */
  devices: DeviceSpec[];
}

/** One finding about an xl.cfg. Line and column are 1-based; 0 where none applies (a value from the caller). */
export interface ConfigDiagnostic {
  severity: "error" | "warning";
  message: string;
  key: string | null;
  line: number;
  column: number;
}

export interface ParsedConfig {
  /** null when a diagnostic is an error. */
  config: DomainConfig | null;
  diagnostics: ConfigDiagnostic[];
}

export interface DomainInfo {
  domid: number;
  uuid: string;
  name: string;
  type: DomainTypeName;
  /** Exactly one of these is what `xl list` shows as r, b, p, s, c or d; several may hold at once. */
  state: { running: boolean; blocked: boolean; paused: boolean; shutdown: boolean; crashed: boolean; dying: boolean };
  /** `xl list`'s State column, as "r-----". */
  stateString: string;
  shutdownReason: ShutdownReason | null;
  /** The number that stands for it; null while it has not stopped. */
  shutdownCode: number | null;
  memoryMiB: number;
  maxmemMiB: number;
  vcpus: number;
  onlineVcpus: number;
  cpuTimeSeconds: number;
  /** What it was created from; null for dom0. */
  config: DomainConfig | null;
  /** Milliseconds since 1970. */
  createdAt: number;
  /** Why a device's backend keeps it paused, a sentence; null when none does. */
  held: string | null;
}

export interface VcpuInfo {
  domid: number;
  name: string;
  vcpu: number;
  /** pCPU it runs or last ran on; null when never. */
  pcpu: number | null;
  /** As `xl vcpu-list`: "r--", "-b-", "--p". */
  stateString: string;
  cpuTimeSeconds: number;
  hardAffinity: string;
  softAffinity: string;
}

export interface CreateOptions {
  /** Text of an xl.cfg. */
  config: string;
  /** Named in messages; relative kernel and ramdisk paths are taken from its folder. */
  configName?: string;
  /** Contents for `kernel`/`ramdisk` names that are no paths on disk (dropped files). Looked at before the disk. */
  files?: Record<string, Uint8Array>;
  /** Leave the domain paused. */
  paused?: boolean;
  /** What it is known by, whatever its configuration says. */
  uuid?: string;
}

export interface CreateResult {
  domid: number;
  name: string;
  uuid: string;
  warnings: ConfigDiagnostic[];
  /** Milliseconds of each step of the build, by name. */
  timings: { name: string; milliseconds: number }[];
}

/** What of a domain can be changed while it runs, as it is now. */
export interface DomainSettings {
  weight: number;
  /** Percent of one pCPU, 0: no cap. */
  cap: number;
  /** vCPUs that it was told to have online, of those that it has at all. */
  vcpus: number;
  maxvcpus: number;
  /** Target of its balloon driver; null where it has none. */
  memoryTargetMiB: number | null;
  maxmemMiB: number;
}

/** What of a saved domain is another when it is restored. */
export interface RestoreAs {
  /** xl.cfg. */
  config?: string;
  name?: string;
  uuid?: string;
}

/** Why a domain stopped, said once per stop, before its on_* action is carried out. */
export interface DomainStopped {
  domid: number;
  name: string;
  uuid: string;
  reason: ShutdownReason;
  /** The number that stands for it. */
  code: number;
  action: ShutdownAction;
}

/** Requests: name → arguments and result. */
export interface DomainRequests {
  list: { args: Record<string, never>; result: DomainInfo[] };
  vcpuList: { args: { domid?: number }; result: VcpuInfo[] };
  /** A domid, as digits or number, or a name. */
  resolve: { args: { domain: string | number }; result: number };
  parseConfig: { args: { config: string; configName?: string }; result: ParsedConfig };
  create: { args: CreateOptions; result: CreateResult };
  /** What a domain is to be made from again, as it is by now: with what was attached to it and the name that it was given since. */
  definition: { args: { domid: number }; result: Pick<CreateOptions, "config" | "configName"> };
  /** The files that were given with that. */
  definitionFiles: { args: { domid: number }; result: Record<string, Uint8Array> };
  /** Ends a `create` that is under way: it is refused with ECANCELED. */
  createCancel: { args: { name: string }; result: null };
  /**
   * Suspends the guest and writes it to a file of the host's computer, whole or not at all; `resume`: it goes on afterwards, otherwise it is
   * gone. ETIMEDOUT when it does not suspend.
   */
  save: { args: { domid: number; file: string; resume?: boolean }; result: { bytes: number } };
  /** Ends a `save` that is under way: it is refused with ECANCELED, and the guest goes on. */
  saveCancel: { args: { domid: number }; result: null };
  /** An ELF file of the domain's memory and vCPUs, as `xl dump-core`; the domain stands still meanwhile. EINVAL: its memory can't be found. */
  dumpCore: { args: { domid: number; file: string }; result: { bytes: number } };
  /** The domain of such a file, under the name and UUID that it had, or as `as` says. */
  restore: { args: { file: string; paused?: boolean; as?: RestoreAs }; result: CreateResult };
  shutdown: { args: { domid: number; reason: "poweroff" | "reboot" | "halt" | "suspend" }; result: null };
  pause: { args: { domid: number }; result: null };
  /** EINVAL: it is not paused. */
  unpause: { args: { domid: number }; result: null };
  destroy: { args: { domid: number }; result: null };
  rename: { args: { domid: number; name: string }; result: null };
  setScheduler: { args: { domid: number; weight?: number; cap?: number }; result: { weight: number; cap: number } };
  domainSettings: { args: { domid: number }; result: DomainSettings };
  /** CPULISTs for hard and soft affinity; what is left out stays. EINVAL: it is no list, or leaves no pCPU. EOPNOTSUPP: of dom0. */
  setAffinity: {
    args: { domid: number; vcpu: number; cpus?: string; soft?: string; force?: boolean };
    result: null;
  };
  /** The most memory that Xen lets a domain have; EINVAL below the target of its balloon driver. */
  setMaxMemory: { args: { domid: number; memoryMiB: number }; result: null };
  /** A magic system request, as Linux has them, through control/sysrq. */
  sysrq: { args: { domid: number; key: string }; result: null };
  /** EOPNOTSUPP: not an NMI, which is the only trigger of a PV domain. */
  trigger: { args: { domid: number; trigger: string; vcpu: number }; result: null };
  /** What the domain is restarted with from now on. */
  updateConfig: {
    args: { domid: number } & Pick<CreateOptions, "config" | "configName" | "files">;
    result: { warnings: ConfigDiagnostic[] };
  };
  setVcpus: { args: { domid: number; vcpus: number }; result: null };
  setMemory: { args: { domid: number; memoryMiB: number }; result: null };
}
