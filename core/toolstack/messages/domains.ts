/** Messages about domains: their configurations, their life, and what can be changed in them. */
import type { CreationLimits, DomainTypeName } from "../../dom0/kernel/hypercalls.ts";
import type { DeviceSpec } from "../../dom0/xenbus/kind.ts";

/** One bit of CPUID that is to be set or clear. The hypervisor sets none that its processor does not have. */
export interface CpuidChange {
  leaf: number;
  /** null: the leaf has no subleaves. */
  subleaf: number | null;
  /** 0 to 3: EAX to EDX. */
  register: number;
  bit: number;
  to: 0 | 1;
}

/** SHUTDOWN_* (xen/sched.h). A guest may give Xen any number from 0 to 255 as its reason. Numbers without a meaning are "unknown". */
export type ShutdownReason = "poweroff" | "reboot" | "suspend" | "crash" | "watchdog" | "soft_reset" | "unknown";

/** The values of on_poweroff, on_reboot, on_watchdog, on_crash and on_soft_reset in xl.cfg(5). */
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

/** The values of tsc_mode in xl.cfg(5), by XEN_CPUID_TSC_MODE_*. */
export const TSC_MODES = ["default", "always_emulate", "native"] as const;

export type TscMode = (typeof TSC_MODES)[number];

/** An xl.cfg after its values were checked and defaults were filled in. Sizes are in MiB. */
export interface DomainConfig {
  name: string;
  type: DomainTypeName;
  uuid: string;
  kernel: string;
  ramdisk: string | null;
  /** The whole command line of the kernel: `cmdline`, or `root=` and `extra`. */
  cmdline: string;
  /**
   * If this is not null, kernel and ramdisk are paths on the first disk, or "" and null for what the disk's boot menu says, and cmdline is added to
   * the menu's.
   */
  bootloader: { program: string; arguments: readonly string[] } | null;
  /** For a PVH domain with pvshim: Xen's shim is what is started, and `kernel`, a PV kernel, runs inside it. */
  shim?: { path: string; cmdline: string };
  memoryMiB: number;
  maxmemMiB: number;
  vcpus: number;
  maxvcpus: number;
  /** The pCPUs on which each vCPU may run (hard affinity) and on which it should run (soft affinity). null, or no entry for a vCPU, means all. */
  cpus: number[][] | null;
  cpusSoft: number[][] | null;
  cpuWeight: number;
  /** In percent of one pCPU; 0 means no cap. */
  cap: number;
  tscMode: TscMode;
  /** RDMSR of a register that the host has and the guest does not returns 0 instead of raising #GP, and WRMSR does nothing. */
  msrRelaxed: boolean;
  /** Features of the processor that it has, or has not, in difference to others. */
  cpuid?: readonly CpuidChange[];
  limits: CreationLimits;
  /** The domain has backends for other domains. It is a guest with a toolstack that looks after them (`xl devd`), or a native domain. */
  driverDomain: boolean;
  onPoweroff: ShutdownAction;
  onReboot: ShutdownAction;
  onWatchdog: ShutdownAction;
  onCrash: ShutdownAction;
  onSoftReset: ShutdownAction;
  /** Split devices besides the first console, in the order of the file. */
  devices: DeviceSpec[];
}

/** One finding about an xl.cfg. Line and column begin at 1. They are 0 if there is none (a value from the caller). */
export interface ConfigDiagnostic {
  severity: "error" | "warning";
  message: string;
  key: string | null;
  line: number;
  column: number;
}

export interface ParsedConfig {
  /** null if one of the diagnostics is an error. */
  config: DomainConfig | null;
  diagnostics: ConfigDiagnostic[];
}

export interface DomainInfo {
  domid: number;
  uuid: string;
  name: string;
  type: DomainTypeName;
  /** Each of these is one of the letters r, b, p, s, c and d in `xl list`. Several of them may hold at once. */
  state: { running: boolean; blocked: boolean; paused: boolean; shutdown: boolean; crashed: boolean; dying: boolean };
  /** The State column of `xl list`, such as "r-----". */
  stateString: string;
  shutdownReason: ShutdownReason | null;
  /** The number of the reason; null while the domain has not stopped. */
  shutdownCode: number | null;
  memoryMiB: number;
  maxmemMiB: number;
  vcpus: number;
  onlineVcpus: number;
  cpuTimeSeconds: number;
  /** The configuration from which it was created; null for dom0. */
  config: DomainConfig | null;
  /** Milliseconds since 1970. */
  createdAt: number;
  /** A sentence that says why the backend of a device keeps it paused; null if none does. */
  held: string | null;
}

export interface VcpuInfo {
  domid: number;
  name: string;
  vcpu: number;
  /** The pCPU on which it runs or last ran; null if it never ran. */
  pcpu: number | null;
  /** As in `xl vcpu-list`: "r--", "-b-", "--p". */
  stateString: string;
  cpuTimeSeconds: number;
  hardAffinity: string;
  softAffinity: string;
}

export interface CreateOptions {
  /** The text of an xl.cfg. */
  config: string;
  /** Its last part is named in messages; relative paths in the text are taken from the folder before that. There need not be such a file. */
  configName?: string;
  /** The contents for names in `kernel` and `ramdisk` that are not paths on disk (dropped files). They are looked at before the disk. */
  files?: Record<string, Uint8Array>;
  /** The domain stays paused. */
  paused?: boolean;
  /** The UUID by which the domain is known, whatever its configuration says. */
  uuid?: string;
}

export interface CreateResult {
  domid: number;
  name: string;
  uuid: string;
  warnings: ConfigDiagnostic[];
  /** The milliseconds of each step of the build, by name. */
  timings: { name: string; milliseconds: number }[];
}

/** What can be changed in a domain while it runs, as it is now. */
export interface DomainSettings {
  weight: number;
  /** In percent of one pCPU; 0 means no cap. */
  cap: number;
  /** How many of its vCPUs the domain was told to have online. */
  vcpus: number;
  maxvcpus: number;
  /** The target of its balloon driver; null if it has none. */
  memoryTargetMiB: number | null;
  maxmemMiB: number;
}

/** What is different in a saved domain when it is restored. */
export interface RestoreAs {
  /** An xl.cfg. */
  config?: string;
  name?: string;
  uuid?: string;
}

/** Why a domain stopped. It is reported once for each stop, before the domain's on_* action is carried out. */
export interface DomainStopped {
  domid: number;
  name: string;
  uuid: string;
  reason: ShutdownReason;
  /** The number of the reason. */
  code: number;
  action: ShutdownAction;
}

/** Requests: name → arguments and result. */
export interface DomainRequests {
  list: { args: Record<string, never>; result: DomainInfo[] };
  vcpuList: { args: { domid?: number }; result: VcpuInfo[] };
  /** A domid, as digits or as a number, or a name. */
  resolve: { args: { domain: string | number }; result: number };
  parseConfig: { args: { config: string; configName?: string }; result: ParsedConfig };
  create: { args: CreateOptions; result: CreateResult };
  /** What a domain would be made from again, as it is by now: with what was attached to it and the name that it has got since. */
  definition: { args: { domid: number }; result: Pick<CreateOptions, "config" | "configName"> };
  /** The files that were given with that. */
  definitionFiles: { args: { domid: number }; result: Record<string, Uint8Array> };
  /** Ends a `create` that is under way, which is then refused with ECANCELED. */
  createCancel: { args: { name: string }; result: null };
  /**
   * Suspends the guest and writes it to a file on the host's computer, whole or not at all. With `resume` the domain goes on afterwards, otherwise it
   * is gone. ETIMEDOUT if it does not suspend.
   */
  save: { args: { domid: number; file: string; resume?: boolean }; result: { bytes: number } };
  /** Ends a `save` that is under way. It is refused with ECANCELED, and the guest goes on. */
  saveCancel: { args: { domid: number }; result: null };
  /**
   * Writes an ELF file of the domain's memory and vCPUs, as `xl dump-core` does. The domain stands still meanwhile. EINVAL: its memory can't be
   * found.
   */
  dumpCore: { args: { domid: number; file: string }; result: { bytes: number } };
  /** Makes the domain of such a file, under the name and UUID that it had, or as `as` says. */
  restore: { args: { file: string; paused?: boolean; as?: RestoreAs }; result: CreateResult };
  shutdown: { args: { domid: number; reason: "poweroff" | "reboot" | "halt" | "suspend" }; result: null };
  pause: { args: { domid: number }; result: null };
  /** EINVAL: it is not paused. */
  unpause: { args: { domid: number }; result: null };
  destroy: { args: { domid: number }; result: null };
  rename: { args: { domid: number; name: string }; result: null };
  setScheduler: { args: { domid: number; weight?: number; cap?: number }; result: { weight: number; cap: number } };
  domainSettings: { args: { domid: number }; result: DomainSettings };
  /** CPULISTs for hard and soft affinity. What is left out stays as it is. EINVAL: the text is no list, or leaves no pCPU. EOPNOTSUPP: for dom0. */
  setAffinity: {
    args: { domid: number; vcpu: number; cpus?: string; soft?: string; force?: boolean };
    result: null;
  };
  /** The most memory that Xen lets the domain have. EINVAL if it is below the target of its balloon driver. */
  setMaxMemory: { args: { domid: number; memoryMiB: number }; result: null };
  /** A magic system request as Linux has them, through control/sysrq. */
  sysrq: { args: { domid: number; key: string }; result: null };
  /** EOPNOTSUPP: it is not an NMI, which is the only trigger of a PV domain. */
  trigger: { args: { domid: number; trigger: string; vcpu: number }; result: null };
  /** The configuration with which the domain is restarted from now on. */
  updateConfig: {
    args: { domid: number } & Pick<CreateOptions, "config" | "configName" | "files">;
    result: { warnings: ConfigDiagnostic[] };
  };
  setVcpus: { args: { domid: number; vcpus: number }; result: null };
  setMemory: { args: { domid: number; memoryMiB: number }; result: null };
}
