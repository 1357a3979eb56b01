/**
 * What dom0's worker and the rest of the application say to each other. Types only: safe to import anywhere.
 * Requests go to the worker as `{ id, request, args }`, it answers `{ id, result }` or `{ id, error }`, and sends
 * `{ event, data }` unasked. `client.ts` is the other end of it.
 */

import type { ImageKind } from "../dom0/builder/image.ts";

import type {
  EventsReport,
  FrameFacts,
  GrantsReport,
  MemoryArguments,
  MemoryReport,
  RegistersReport,
  VcpuArguments,
  WalkArguments,
  WalkReport,
} from "./inspect/report.ts";
import type { CreationLimits, GuestTypeName, SchedulerParameters } from "../dom0/kernel/hypercalls.ts";
import type { FrameKind, FrameMap, MemoryLayout } from "../dom0/kernel/frame-table.ts";
import type { PcpuSwitches } from "../dom0/kernel/switches.ts";
import type { DiskPart } from "../dom0/bootloader/contents.ts";
import type { Forward } from "../dom0/network/gateway/forwards.ts";
import type { VncAddress } from "../dom0/display/screens.ts";
import type { KeptNetwork, NetworkDefinition, NetworkReport } from "../dom0/network/networks.ts";
import type { FrozenImage } from "../dom0/backends/blk/disks.ts";
import type {
  AbsorbArguments,
  CheckpointArguments,
  CheckpointResult,
  DiskChainArguments,
  KeptDisk,
} from "./checkpoint-messages.ts";
import type { DeviceSpec } from "../dom0/xenbus/kind.ts";
import type { DeviceEntry, DeviceHandshake, DomainHandshakes, DomainWiring } from "./wiring-report.ts";

export type { FrameKind, FrameMap, MemoryLayout, PcpuSwitches, SchedulerParameters };
export type * from "./checkpoint-messages.ts";
export type { FrozenImage, ImageKind };
export type ShutdownReason = "poweroff" | "reboot" | "suspend" | "crash" | "watchdog" | "soft_reset";

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

export type DomainType = "native" | GuestTypeName;

/** An xl.cfg whose values are checked and defaults filled in. Sizes are MiB. */
export interface DomainConfig {
  name: string;
  type: GuestTypeName;
  uuid: string;
  kernel: string;
  ramdisk: string | null;
  /** The whole kernel command line: `cmdline`, or `root=` + `extra`. */
  cmdline: string;
  /** Not null: kernel and ramdisk are paths on the first disk, or "" and null for what its boot menu says; cmdline is added to that. */
  bootloader: { program: string; arguments: readonly string[] } | null;
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
  /** It has backends for others and a toolstack that sees to them: `xl devd`. */
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
  type: DomainType;
  /** Exactly one of these is what `xl list` shows as r, b, p, s, c or d; several may hold at once. */
  state: { running: boolean; blocked: boolean; paused: boolean; shutdown: boolean; crashed: boolean; dying: boolean };
  /** `xl list`'s State column, as "r-----". */
  stateString: string;
  shutdownReason: ShutdownReason | null;
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

export interface HostInfo {
  release: string;
  xenMajor: number;
  xenMinor: number;
  xenExtra: string;
  xenCaps: string;
  xenScheduler: string;
  xenPagesize: number;
  platformParams: string;
  xenChangeset: string;
  xenCommandline: string;
  ccCompiler: string;
  ccCompileBy: string;
  ccCompileDomain: string;
  ccCompileDate: string;
  nrCpus: number;
  maxCpuId: number;
  nrNodes: number;
  coresPerSocket: number;
  threadsPerCore: number;
  cpuMhz: number;
  totalMemoryMiB: number;
  freeMemoryMiB: number;
}

/** Counters are since the domain (or host) began; times in nanoseconds. A reader takes differences. */
export interface VcpuStatistics {
  vcpu: number;
  online: boolean;
  cpuTime: number;
  /** Nanoseconds in each runstate, up to now; null where the hypervisor's counters can't be read. */
  runstates: { running: number; runnable: number; blocked: number; offline: number } | null;
}
export interface DomainStatistics {
  domid: number;
  uuid: string;
  name: string;
  cpuTime: number;
  memoryPages: number;
  maxPages: number;
  /** What xenstore has of its memory: the target of its balloon driver and the most it was created for; null where it has none. */
  memoryTargetMiB: number | null;
  staticMaxMiB: number | null;
  /** Bytes that went through its disks and networks, as the backends here counted them. */
  diskRead: number;
  diskWritten: number;
  netReceived: number;
  netSent: number;
  /** null where the hypervisor doesn't count it. */
  hypercalls: number | null;
  events: number | null;
  pageFaults: number | null;
  instructions: number | null;
  /** Exits from guest code to the hypervisor by EXIT_* (core/machine/cpu/exits.ts). */
  exits: number[] | null;
  vcpus: VcpuStatistics[];
}
export interface PcpuStatistics {
  pcpu: number;
  /** Nanoseconds spent idle. */
  idleTime: number;
}
export interface StatisticsSnapshot {
  /** Nanoseconds since host power-on. */
  time: number;
  totalMemoryMiB: number;
  freeMemoryMiB: number;
  domains: DomainStatistics[];
  pcpus: PcpuStatistics[];
}

/** What a file is, without starting it. */
export interface ImageDescription {
  kind: ImageKind;
  /** May be given as `kernel` of a PV domain. */
  bootable: boolean;
  /** May be given as `ramdisk`. */
  ramdisk: boolean;
  /** "Linux 6.1.0-… bzImage, zstd payload": what it is in a few words. */
  summary: string;
  /** When it can't be started: a sentence saying what it is and what would do; else null. */
  reason: string | null;
  /** Kernel version string, when the file has one. */
  version: string | null;
  size: number;
  /** Xen ELF notes as name and printable value, in file order. */
  notes: { name: string; value: string }[];
}

/** What an image is and what is on it, before anything is made of it. */
export interface DiskReport {
  /** As disk specifications have it: "raw", "qcow2"; and in words. */
  format: string;
  summary: string;
  isCd: boolean;
  /** Bytes of the disk that a guest sees, and that the file takes on this computer. */
  size: number;
  allocated: number;
  parts: DiskPart[];
  /** What could be booted from it; or a sentence why nothing. */
  boot: DiskBootReport | null;
  bootProblem: string | null;
}

/** What a disk offers to boot. Paths as "(1)/boot/vmlinuz": of partition 1; without a number of a disk that has none. */
export interface DiskBootReport {
  /** Path of the configuration that was found. */
  source: string;
  entries: { title: string; kernel: string; initrds: string[]; cmdline: string }[];
  /** Index in `entries`. */
  default: number;
  /** Seconds that the menu is shown; null when the configuration does not say. */
  timeout: number | null;
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

export interface ConsoleSnapshot {
  /** Bytes still kept, oldest first. */
  log: Uint8Array;
  /** Stream offset of the first and one past the last byte of `log`. */
  start: number;
  end: number;
}

export interface XenstoreNode {
  path: string;
  value: string;
  /** As xenstore-ls -p: "n0", "r5". The first names the owner. */
  permissions: string[];
  children: string[];
}

/** Nodes whose name, or path if the text has a slash, or value has the text; `more` when there are others. */
export interface XenstoreMatches {
  matches: { path: string; value: string; permissions: string[] }[];
  more: boolean;
}

/** What a domain holds of xenstored. dom0 has no quota. */
export interface XenstoreAccount {
  domid: number;
  name: string;
  nodes: number;
  watches: number;
  /** Open now, and nodes that the largest of them has touched. */
  transactions: number;
  touched: number;
  /** Replies and events that it has not taken yet. */
  waitingReplies: number;
  waitingBytes: number;
  /** xenstored listens to it no more: it broke the ring's protocol. */
  broken: boolean;
  /** Since it was introduced: all but `conflicts` are of what was asked, conflicts were answered EAGAIN. */
  requests: number;
  events: number;
  begun: number;
  committed: number;
  conflicts: number;
}
export interface XenstoreAccounts {
  nodes: number;
  /** Per domain; sizes in bytes, `permissions` of one node, `transactionNodes` and `transactionChanges` of one transaction. */
  quota: {
    nodes: number;
    nodeSize: number;
    permissions: number;
    pathLength: number;
    watches: number;
    transactions: number;
    transactionNodes: number;
    transactionChanges: number;
    replies: number;
    bytes: number;
  };
  domains: XenstoreAccount[];
}

/** What of a screen has changed since it was last looked at, or a part of that. */
export interface ScreenPart {
  /** Of the whole screen now. */
  width: number;
  height: number;
  /** A guest draws on it; else it is black. */
  isConnected: boolean;
  /** x, y, width and height each. */
  rectangles: [number, number, number, number][];
  /** Of the rectangles one after the other, row by row: bytes red, green, blue and 255. */
  pixels: Uint8Array;
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

/** Addresses and sizes in bytes. */
export interface BootBuilt {
  memory: MemoryLayout;
  freeFrames: number;
  /** dom0's memory and its start-of-day page, as struct start_info has it. */
  dom0: {
    from: number;
    to: number;
    startInfo: number;
    magic: string;
    pages: number;
    sharedInfo: number;
    flags: number;
  };
  storeNodes: number;
}

/** What of a saved domain is another when it is restored. */
export interface RestoreAs {
  /** xl.cfg. */
  config?: string;
  name?: string;
  uuid?: string;
}

/** Requests: name → arguments and result. */
export interface ToolstackRequests {
  hostInfo: { args: Record<string, never>; result: HostInfo };
  dmesg: { args: { clear?: boolean }; result: string };
  statistics: { args: Record<string, never>; result: StatisticsSnapshot };
  list: { args: Record<string, never>; result: DomainInfo[] };
  vcpuList: { args: { domid?: number }; result: VcpuInfo[] };
  /** Violations of the hypervisor's invariants (references = mappings, ports paired, ...), described on the Xen console. */
  checkInvariants: { args: Record<string, never>; result: number };
  /** Machine address of the hypervisor's counters (core/hypervisor/abi/native.ts), for who shares the machine's memory. */
  statisticsArea: { args: Record<string, never>; result: { address: number } };
  /** Machine address of the trace buffers (core/hypervisor/abi/trace.ts), made when first asked for. */
  traceBuffers: { args: Record<string, never>; result: { address: number } };
  /** Whether the domain's hypercalls are recorded in them. */
  traceDomain: { args: { domid: number; on: boolean }; result: null };
  /** A domid, as digits or number, or a name. */
  resolve: { args: { domain: string | number }; result: number };
  parseConfig: { args: { config: string; configName?: string }; result: ParsedConfig };
  /** `by`: any name by which inspectCancel ends it. */
  inspect: { args: { path?: string; name?: string; bytes?: Uint8Array; by?: string }; result: ImageDescription };
  /** Ends every `inspect` of that name that is under way: refused with ECANCELED. */
  inspectCancel: { args: { by: string }; result: null };
  /** What is on an image of the host's computer; its format is told by its first bytes where it is not given. */
  inspectDisk: { args: { path: string; format?: string }; result: DiskReport };
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
  /** The disks of a running domain that it may write, and keeps. */
  keptDisks: { args: { domid: number }; result: KeptDisk[] };
  /** Images that nobody may write from now on; those of the time before may be written again. */
  imagesFreeze: { args: { images: FrozenImage[] }; result: null };
  /**
   * The disks of a running domain, and its memory if wanted, as they are at one moment: from then on it writes to `disks`, new images that are based
   * on those that it had, which change no more. `record` is written before anything is written to them, whole or not at all.
   */
  checkpoint: { args: CheckpointArguments; result: CheckpointResult };
  /**
   * `base` takes in what `top` has, which is based on it, and which nobody writes; domains may read both meanwhile. `absorbing` events
   * by `task` tell the bytes; ECANCELED after absorbCancel, with nothing lost.
   */
  imageAbsorb: { args: AbsorbArguments; result: { bytes: number } };
  absorbCancel: { args: { task: string }; result: null };
  /** A running domain's disk is based on `base` from now on, whose content the image in between has: `record` is written then. */
  diskRebase: { args: DiskChainArguments; result: null };
  /** A running domain's disk becomes `base`, which takes in what it has beyond that; the domain's requests wait. */
  diskFold: { args: DiskChainArguments; result: null };
  shutdown: { args: { domid: number; reason: "poweroff" | "reboot" | "halt" | "suspend" }; result: null };
  pause: { args: { domid: number }; result: null };
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
  debugKeys: { args: { keys: string }; result: null };
  schedulerParameters: { args: Record<string, never>; result: SchedulerParameters };
  /** What the domain is restarted with from now on. */
  updateConfig: {
    args: { domid: number } & Pick<CreateOptions, "config" | "configName" | "files">;
    result: { warnings: ConfigDiagnostic[] };
  };
  setVcpus: { args: { domid: number; vcpus: number }; result: null };
  setMemory: { args: { domid: number; memoryMiB: number }; result: null };
  /** The log so far; from then on `console` events carry that console's output until consoleDetach. `console`: its number, 0 unless said. */
  consoleAttach: { args: { domid: number; console?: number | undefined }; result: ConsoleSnapshot };
  consoleDetach: { args: { domid: number; console?: number | undefined }; result: null };
  consoleInput: { args: { domid: number; bytes: Uint8Array; console?: number | undefined }; result: null };
  /** Logs of domains, living and gone: what consoleAttach takes (logs outlive their domain). */
  consoleLogs: {
    args: Record<string, never>;
    result: { domid: number; name: string; bytes: number; alive: boolean }[];
  };
  /**
   * A device comes while the domain runs: `key` of xl.cfg, one string of its list, and the folder that relative files are taken from.
   * ETIMEDOUT when a guest does not let go of what is to be detached; with `force` nobody asks it.
   */
  deviceAttach: {
    args: { domid: number; key: string; spec: string; folder: string };
    result: { kind: string; id: string };
  };
  deviceDetach: { args: { domid: number; key: string; device: string; force?: boolean }; result: null };
  deviceList: { args: { domid: number; kind: string }; result: DeviceEntry[] };
  /** Another medium into a drive, or none where the string has no target. */
  mediumInsert: { args: { domid: number; key: string; spec: string; folder: string }; result: null };
  /** A disk of a running domain becomes larger, and its guest is told; `device` is its id or as xvda, `bytes` a multiple of 512. */
  diskResize: { args: { domid: number; device: string; bytes: number }; result: null };
  /** Virtual networks: their bridges, who is on them, what leads out of them and in. */
  networkList: { args: Record<string, never>; result: NetworkReport[] };
  networkCreate: { args: NetworkDefinition; result: null };
  networkRemove: { args: { name: string }; result: null };
  /** Opens the way out of a network with a gateway, or closes it with what guests have open through it. */
  networkMode: { args: { name: string; mode: "nat" | "isolated" }; result: null };
  networkLoss: { args: { name: string; percent: number }; result: null };
  /** A port of this computer leads to a guest's; port 0: any free one, which the result names. */
  networkForward: { args: { network: string; forward: Forward }; result: Forward };
  networkUnforward: {
    args: { network: string; protocol: "tcp" | "udp"; hostAddress: string; hostPort: number };
    result: null;
  };
  /** Guests reach `hostPort` of this computer's loopback at the gateway's `port`; null: no more. */
  networkService: { args: { network: string; port: number; hostPort: number | null }; result: null };
  /** A bridge's traffic, or one interface's on it, into a new file in pcap's format. */
  networkCapture: { args: { network: string; port: string | null; file: string }; result: null };
  networkCaptureEnd: { args: { file: string }; result: null };
  /** Looks at a domain's screen until displayClose; `id`: of the framebuffer, the first if left out. ENODEV: it has none. */
  displayOpen: { args: { domid: number; id?: string }; result: { viewer: number; vnc: VncAddress | null } };
  /** What has changed on it since the last part; answered when something has, at most thirty times a second. */
  displayPart: { args: { viewer: number }; result: ScreenPart };
  displayClose: { args: { viewer: number }; result: null };
  /** A key of Linux's numbering (KEY_*). */
  displayKey: { args: { viewer: number; keycode: number; isDown: boolean }; result: null };
  /** In the screen's pixels; `buttons`: 1 left, 2 middle, 4 right; `wheel`: steps down. */
  displayPointer: {
    args: { viewer: number; x: number; y: number; buttons: number; wheel: number };
    result: null;
  };
  /** Lets go of all keys and buttons that were pressed through it. */
  displayRelease: { args: { viewer: number }; result: null };
  wiring: { args: { domid: number }; result: DomainWiring };
  /** What frontends and backends of the domain's devices wrote into xenstore, also when it is gone: its devices, then one of them. */
  handshakes: { args: { domid: number }; result: DomainHandshakes };
  handshake: { args: { domid: number; kind: string; id: string }; result: DeviceHandshake };
  /** What is inside a domain, as it is now: inspect/report.ts. Nothing of it changes. */
  inspectRegisters: { args: VcpuArguments; result: RegistersReport };
  inspectWalk: { args: WalkArguments; result: WalkReport };
  inspectFrame: { args: { mfn: number }; result: FrameFacts };
  /** Where a function of its kernel's begins. */
  inspectSymbol: { args: { domid: number; name: string }; result: { address: string } };
  inspectMemory: { args: MemoryArguments; result: MemoryReport };
  inspectEvents: { args: { domid: number }; result: EventsReport };
  inspectGrants: { args: { domid: number }; result: GrantsReport };
  /** Of the vCPUs of a domain that crashed, as they were then: also when it is gone. */
  crashRegisters: { args: { domid: number }; result: RegistersReport[] };
  frameMap: { args: Record<string, never>; result: FrameMap };
  bootBuilt: { args: Record<string, never>; result: BootBuilt };
  /** Context switches from `since` on, in nanoseconds since power-on, and the time now. */
  switches: { args: { since: number }; result: { time: number; pcpus: PcpuSwitches[] } };
  xenstoreRead: { args: { path: string }; result: XenstoreNode };
  xenstoreList: { args: { path: string }; result: string[] };
  /** In the order asked for; null where there is none. */
  xenstoreNodes: { args: { paths: string[] }; result: { nodes: (XenstoreNode | null)[] } };
  xenstoreSearch: { args: { text: string; below: string }; result: XenstoreMatches };
  xenstoreAccounts: { args: Record<string, never>; result: XenstoreAccounts };
  /** As dom0, who may do everything. Each character of a value is a byte. */
  xenstoreWrite: { args: { path: string; value: string }; result: null };
  xenstoreMkdir: { args: { path: string }; result: null };
  xenstoreRemove: { args: { path: string }; result: null };
  xenstoreSetPermissions: { args: { path: string; permissions: string[] }; result: null };
  /** Changes under the path become `xenstore` events with this token. */
  xenstoreWatch: { args: { path: string; token: string }; result: null };
  xenstoreUnwatch: { args: { token: string }; result: null };
  /** Asks every guest to power off, destroys what is left after the time, then shuts the host down. */
  hostShutdown: { args: { reboot?: boolean; graceMilliseconds: number }; result: null };
}
export type ToolstackRequestName = keyof ToolstackRequests;

/** Why a domain stopped, said once per stop, before its on_* action is carried out. */
export interface DomainStopped {
  domid: number;
  name: string;
  uuid: string;
  reason: ShutdownReason;
  action: ShutdownAction;
}

/** Events: name → data. */
export interface ToolstackEvents {
  /** A stage of power-on that dom0 went through, how long it took, and the bytes that the serial port had been given by then. */
  stage: { name: string; milliseconds: number; serial: number };
  /** dom0 is up and autostart is done; requests are answered from then on. */
  ready: Record<string, never>;
  /** Something in `list` changed. */
  domains: { domains: DomainInfo[] };
  /** `restored`: of one that was saved. */
  created: { domid: number; name: string; uuid: string; restored: boolean };
  /** How much of a domain that is being saved is written, up to 1. */
  saving: { domid: number; share: number };
  /** How much an image has taken in. */
  absorbing: { task: string; bytes: number };
  stopped: DomainStopped;
  /** The domid is gone; `replacedBy` when on_* restarted it. */
  destroyed: { domid: number; name: string; uuid: string; replacedBy: number | null };
  /** `console`: its number, where it is not the first. */
  console: { domid: number; bytes: Uint8Array; offset: number; console?: number };
  /** Paths that changed within a tenth of a second; `more` when there were too many to name. */
  xenstore: { token: string; paths: string[]; more: boolean };
  /** A sentence for the user that belongs to no request: a restart that failed, an autostart config that is wrong. */
  notice: { severity: "info" | "warning" | "error"; message: string; domid: number | null };
}
export type ToolstackEventName = keyof ToolstackEvents;

/** `code` is an errno name of Xen ("ENOMEM") or one of the toolstack's own. */
export interface ToolstackErrorData {
  code: string;
  message: string;
  diagnostics?: ConfigDiagnostic[];
}

export type ToToolstack = { id: number; request: ToolstackRequestName; args: unknown };
export type FromToolstack =
  | { id: number; result: unknown }
  | { id: number; error: ToolstackErrorData }
  | { event: ToolstackEventName; data: unknown };

/** What dom0's worker is started with. */
export interface Dom0WorkerData {
  memory: WebAssembly.Memory;
  module: WebAssembly.Module;
  /** process.hrtime.bigint() at host power-on: the zero of `env.now()`. */
  clockBase: bigint;
  autostart: AutostartEntry[];
  /** Bytes of console log kept per domain. */
  consoleLogBytes?: number;
  /** Where what is written to disposable disks lies until it is thrown away. */
  scratchFolder?: string;
  /** Where what domains write on their consoles is kept in files. */
  consoleFolder?: string;
  /** As they were when the host was on before. */
  networks?: readonly KeptNetwork[];
  /** Images that nobody may write. */
  frozen?: readonly FrozenImage[];
}
export interface AutostartEntry {
  /** Text; read from the file `configName` when left out. */
  config?: string;
  configName: string;
  files?: Record<string, Uint8Array>;
  uuid?: string;
}
