/**
 * The management API: every request with its arguments, every event. Arguments are checked by the server with these schemas;
 * results and events are the server's own and only typed. Safe to import in a browser.
 *
 * Requests that the toolstack answers keep the toolstack's names and shapes (core/toolstack/messages.ts).
 */
import { z } from "zod";
import type { Forward } from "../dom0/network/gateway/forwards.ts";
import type { NetworkReport } from "../dom0/network/networks.ts";
import type {
  ConfigDiagnostic,
  ConsoleSnapshot,
  CreateResult,
  DiskBootReport,
  DomainInfo,
  DomainSettings,
  FrameMap,
  HostInfo,
  ImageDescription,
  ParsedConfig,
  PcpuSwitches,
  SchedulerParameters,
  StatisticsSnapshot,
  ToolstackEvents,
  VcpuInfo,
  XenstoreAccounts,
  XenstoreMatches,
  XenstoreNode,
} from "../toolstack/messages.ts";
import type {
  EventsReport,
  FrameFacts,
  GrantsReport,
  MemoryReport,
  RegistersReport,
  WalkReport,
} from "../toolstack/inspect/report.ts";
import type { CrashReport } from "./crash-reports.ts";
import type { HistoryEvent } from "./history/files.ts";
import type { BootReport, HostState, ImageSources, TakenImage, XenLogLine } from "./host-state.ts";
import type { LiveDump } from "./history/live.ts";
import type { HistoryReport } from "./history/recorder.ts";
import type { JournalEntry } from "./journal/entry.ts";
import type { SavedDomain } from "../toolstack/messages.ts";
import type { DomainStop } from "./stops.ts";
import type { DeviceEntry, DeviceHandshake, DomainHandshakes, DomainWiring } from "../toolstack/wiring-report.ts";

export type { BootBuilt, FrameKind, FrameMap, MemoryLayout, PcpuSwitches } from "../toolstack/messages.ts";
export type * from "./host-state.ts";
export type { CrashReport } from "./crash-reports.ts";
export type { HistoryEvent } from "./history/files.ts";
export type { JournalEntry } from "./journal/entry.ts";
export type { HistoryReport } from "./history/recorder.ts";
export type { SavedDomain } from "../toolstack/messages.ts";
export type { DomainStop } from "./stops.ts";
export type {
  DeviceHandshake,
  BehindState,
  DeviceEntry,
  DeviceFigure,
  DeviceWiring,
  DomainHandshakes,
  DomainWiring,
  GrantWiring,
  HandshakeSide,
  HandshakeStep,
  HandshakeSummary,
  PortWiring,
  RingDirection,
  RingWiring,
} from "../toolstack/wiring-report.ts";
export type * from "../toolstack/inspect/report.ts";
export type {
  ConfigDiagnostic,
  ConsoleSnapshot,
  CreateResult,
  DiskBootReport,
  DomainConfig,
  DomainInfo,
  DomainSettings,
  DomainStatistics,
  DomainStopped,
  HostInfo,
  ImageDescription,
  ParsedConfig,
  PcpuStatistics,
  ShutdownAction,
  ShutdownReason,
  StatisticsSnapshot,
  VcpuInfo,
  VcpuStatistics,
  XenstoreAccount,
  XenstoreAccounts,
  XenstoreMatches,
  XenstoreNode,
} from "../toolstack/messages.ts";

/** Bytes of one file, and of all files a session may keep at the server. */
export const MOST_FILE_BYTES = 512 * 1024 * 1024;
export const MOST_SESSION_BYTES = 1024 * 1024 * 1024;
/** Bytes of one chunk of a file, and of one message at all. */
export const MOST_CHUNK_BYTES = 1024 * 1024;
export const MOST_SNIFF_BYTES = 64 * 1024;
export const MOST_MESSAGE_BYTES = 2 * 1024 * 1024;
export const MOST_CONSOLE_INPUT_BYTES = 64 * 1024;
export const MOST_CONFIG_CHARACTERS = 64 * 1024;
export const HOST_MEMORY_MIB = { least: 128, most: 3584 };
export const MOST_PCPUS = 32;
/** Domains that a session may trace at once, and records of one `trace` event. */
export const MOST_TRACES = 16;
export const MOST_TRACE_RECORDS = 2048;
/** Bytes of a domain's memory in one answer. */
export const MOST_MEMORY_BYTES = 4096;

const domid = z.int().min(0).max(0x7fef);
const bytes = (most: number): z.ZodType<Uint8Array> =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= most, {
    message: `must be at most ${most} bytes`,
  });
const fileId = z.string().regex(/^f\d+$/, "must be a file's id");
const nothing = z.strictObject({});
const storePath = z
  .string()
  .max(3072)
  .regex(/^\/[^\n]*$/, "must be a path of xenstore, from / on");
const storePaths = z
  .string()
  .max(128 * 1024)
  .transform((text) => text.split("\n"))
  .pipe(z.array(storePath).max(256));
const storeValue = z
  .string()
  .max(4096)

  .regex(/^[\0-\xff]*$/, "must have a byte in each character");
const storePermissions = z
  .string()
  .max(512)
  .regex(/^[nrwb]\d{1,5}( [nrwb]\d{1,5})*$/, "must be letters n, r, w, b with a domid, as n0 r5")
  .transform((text) => text.split(" "));
const deviceName = z.string().regex(/^[\w@-]{1,128}$/, "must be a name as in xenstore");
const vcpu = z.int().min(0).max(127);
const tables = z.enum(["kernel", "user"]).default("kernel");
const address = z
  .string()
  .regex(/^(0x)?[0-9a-f]{1,16}$/i, "must be an address of 64 bits in hexadecimal")
  .transform((text) => BigInt(text.replace(/^(0x)?/i, "0x")));
/** Of whole KiB. */
const mebibytes = z
  .number()
  .min(2 ** -10)
  .max(4096);
const cpuList = z
  .string()
  .max(256)
  .regex(/^[\w:^,-]*$/, 'must be a list of pCPUs, as "0-3,^1", "all" or "nodes:0"');
const configName = z.string().max(4096).optional();
const fileName = z.string().min(1).max(4096);
const uuid = z.string().regex(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/, "must be a UUID");
const config = z.string().max(MOST_CONFIG_CHARACTERS);

/** Arguments by request. */
const deviceKey = z.string().regex(/^[a-z0-9]{1,16}$/);
const deviceSpec = z.string().max(8192);
const networkName = z.string().min(1).max(32);
const port = z.int().min(0).max(65535);
/** Where a forwarded port is on this computer. */
const listener = { protocol: z.enum(["tcp", "udp"]), hostAddress: z.string().max(64), hostPort: port };

export const REQUESTS = {
  hostState: nothing,
  /** What is left out stays as it was. */
  hostPowerOn: z.strictObject({
    memoryMiB: z.int().min(HOST_MEMORY_MIB.least).max(HOST_MEMORY_MIB.most).optional(),
    pcpus: z.int().min(1).max(MOST_PCPUS).optional(),
    /** Number of one of HostState.bootEntries. */
    bootEntry: z.int().min(0).optional(),
  }),
  /** Guests get `graceMilliseconds` to power off; then the plug is pulled. */
  hostPowerOff: z.strictObject({ graceMilliseconds: z.int().min(0).max(120_000).optional() }),

  /** Off as above, then on with the same memory, pCPUs and boot entry. */
  hostReboot: z.strictObject({ graceMilliseconds: z.int().min(0).max(120_000).optional() }),

  hostInfo: nothing,
  dmesg: z.strictObject({ clear: z.boolean().optional() }),
  list: nothing,
  vcpuList: z.strictObject({ domid: domid.optional() }),
  resolve: z.strictObject({ domain: z.union([z.string().max(1024), z.int()]) }),
  statistics: nothing,
  checkInvariants: nothing,
  parseConfig: z.strictObject({ config, configName }),
  /** `files`: names in the config to files given before. `paused`: leave it so. */
  create: z.strictObject({
    config,
    configName,
    files: z.record(z.string().max(1024), fileId).optional(),
    paused: z.boolean().optional(),
  }),
  /** Ends a `create` that is under way, by the domain's name: it is refused with ECANCELED. */
  createCancel: z.strictObject({ name: z.string().min(1).max(1024) }),
  /**
   * Suspends a guest and writes what it is to a file, whole or not at all: among the host's saved domains, or to `file`, which only a client
   * whose user may name files can name; with `resume` it goes on afterwards. `saving` events tell how far it is. ETIMEDOUT: the guest does
   * not suspend, and goes on running.
   */
  save: z
    .strictObject({ domid, file: fileName.optional(), resume: z.boolean().optional() })
    .refine(
      ({ file, resume }) => file !== undefined || !resume,
      "a domain that goes on is saved to a file that is named",
    ),
  /** Ends a `save` that is under way: it is refused with ECANCELED, and the guest goes on. */
  saveCancel: z.strictObject({ domid }),
  /** The domain of a file, or a saved one by its UUID, which is saved no more then. */
  restore: z
    .strictObject({ file: fileName.optional(), uuid: uuid.optional(), paused: z.boolean().optional() })
    .refine((given) => (given.file === undefined) !== (given.uuid === undefined), "needs either a file or a UUID"),
  /** The host's saved domains; `saved` events tell when they have changed. */
  savedDomains: nothing,
  savedDiscard: z.strictObject({ uuid }),
  /** The guest that comes with Xenarium. */
  createBundled: z.strictObject({ vcpus: z.int().min(1).max(32).optional() }),
  /** A domain that has ended since power-on, from what it was created from. */
  startAgain: z.strictObject({ domid }),
  /** What there is to start besides the client's own files. */
  imageSources: nothing,
  /** The bundled guest, or a kernel of this computer by its release, among the session's files: as if the client had given it. */
  takeBundled: nothing,
  takeHostKernel: z.strictObject({ release: z.string().min(1).max(128) }),
  shutdown: z.strictObject({ domid, reason: z.enum(["poweroff", "reboot", "halt", "suspend"]) }),
  pause: z.strictObject({ domid }),
  unpause: z.strictObject({ domid }),
  destroy: z.strictObject({ domid }),
  rename: z.strictObject({ domid, name: z.string().min(1).max(1024) }),
  setScheduler: z.strictObject({
    domid,
    weight: z.int().min(1).max(65535).optional(),
    cap: z.int().min(0).max(3200).optional(),
  }),
  domainSettings: z.strictObject({ domid }),
  /** Hard (`cpus`) and soft affinity as `xl vcpu-pin` takes them: "0-3,^1", "all", "nodes:0"; what is left out stays. */
  setAffinity: z.strictObject({
    domid,
    vcpu: z.int().min(0).max(127),
    cpus: cpuList.optional(),
    soft: cpuList.optional(),
    force: z.boolean().optional(),
  }),
  /** The most memory that Xen lets it have; not less than the target of its balloon driver. */
  setMaxMemory: z.strictObject({ domid, memoryMiB: mebibytes }),
  /** A magic system request to Linux: its letter. */
  sysrq: z.strictObject({ domid, key: z.string().length(1) }),
  /** A PV domain has only nmi. */
  trigger: z.strictObject({
    domid,
    trigger: z.enum(["nmi", "reset", "init", "power", "sleep", "s3resume"]),
    vcpu: z.int().min(0).max(127),
  }),
  /** Reports of Xen on its console: a character each. */
  debugKeys: z.strictObject({ keys: z.string().regex(/^[\x21-\x7e]{1,64}$/, "must be 1 to 64 printable characters") }),
  schedulerParameters: nothing,
  /** What the domain is restarted from, from now on; it goes on as it is. */
  updateConfig: z.strictObject({ domid, config, configName }),
  setVcpus: z.strictObject({ domid, vcpus: z.int().min(1).max(128) }),
  setMemory: z.strictObject({ domid, memoryMiB: mebibytes }),

  consoleAttach: z.strictObject({ domid }),
  consoleDetach: z.strictObject({ domid }),
  consoleInput: z.strictObject({ domid, bytes: bytes(MOST_CONSOLE_INPUT_BYTES) }),
  consoleLogs: nothing,
  /** Devices of a domain that runs: `key` of xl.cfg and one string of its list. Only for clients that may name files. */
  deviceAttach: z.strictObject({ domid, key: deviceKey, spec: deviceSpec, folder: z.string().max(4096) }),
  deviceDetach: z.strictObject({
    domid,
    key: deviceKey,
    device: z.string().min(1).max(32),
    force: z.boolean().optional(),
  }),
  deviceList: z.strictObject({ domid, kind: deviceKey }),
  networkList: nothing,
  networkCreate: z.strictObject({
    name: networkName,
    mode: z.enum(["nat", "isolated", "bare"]),
    ipv4: z.string().max(32).optional(),
  }),
  networkRemove: z.strictObject({ name: networkName }),
  networkForward: z.strictObject({
    network: networkName,
    forward: z.strictObject({
      ...listener,
      guestAddress: z.string().max(64),
      guestPort: port.min(1),
    }),
  }),
  networkUnforward: z.strictObject({ network: networkName, ...listener }),
  networkService: z.strictObject({ network: networkName, port: port.min(1), hostPort: port.min(1).nullable() }),
  /** Only for clients that may name files. */
  networkCapture: z.strictObject({
    network: networkName,
    port: z.string().max(32).nullable(),
    file: z.string().min(1).max(4096),
  }),
  networkCaptureEnd: z.strictObject({ file: z.string().min(1).max(4096) }),
  diskResize: z.strictObject({ domid, device: z.string().min(1).max(32), bytes: z.int().min(512).multipleOf(512) }),
  mediumInsert: z.strictObject({ domid, key: deviceKey, spec: deviceSpec, folder: z.string().max(4096) }),

  /** What is inside a domain: toolstack/inspect/report.ts. `tables`: which of a PV vCPU's two page tables, the kernel's if not said. */
  inspectRegisters: z.strictObject({ domid, vcpu }),
  inspectWalk: z.strictObject({ domid, vcpu, tables, address }),
  inspectFrame: z.strictObject({ mfn: z.int().min(0).max(0xffffffff) }),
  /** Where the function of that name begins, of the kernel's own symbols. */
  inspectSymbol: z.strictObject({ domid, name: z.string().min(1).max(512) }),
  inspectMemory: z.strictObject({
    domid,
    vcpu,
    tables,
    address,
    space: z.enum(["virtual", "pseudo-physical"]),
    bytes: z.int().min(1).max(MOST_MEMORY_BYTES),
  }),
  inspectEvents: z.strictObject({ domid }),
  inspectGrants: z.strictObject({ domid }),

  xenstoreRead: z.strictObject({ path: storePath }),
  xenstoreList: z.strictObject({ path: storePath }),
  /** Requests have no arrays: a path on each line, 256 at most. */
  xenstoreNodes: z.strictObject({ paths: storePaths }),
  /** A part of a name or value, or with a slash of a path. Each character is a byte, as in values. */
  xenstoreSearch: z.strictObject({ text: z.string().min(1).max(256), below: storePath }),
  xenstoreAccounts: nothing,
  /** As dom0, who may do everything. Each character of a value is a byte. */
  xenstoreWrite: z.strictObject({ path: storePath, value: storeValue }),
  xenstoreMkdir: z.strictObject({ path: storePath }),
  /** The node and all below it. */
  xenstoreRemove: z.strictObject({ path: storePath }),
  /** As "n0 r5": the first names the owner and what others may do. */
  xenstoreSetPermissions: z.strictObject({ path: storePath, permissions: storePermissions }),
  /** A watch of xenstored's: changes at and below the path come as `xenstoreChanged`, until it is ended. */
  xenstoreWatch: z.strictObject({ path: storePath }),
  xenstoreUnwatch: z.strictObject({ watch: z.string().max(32) }),

  /** A file comes in chunks, in order; then it may be inspected and used by `create`. It is kept until released. */
  fileBegin: z.strictObject({ name: z.string().min(1).max(1024), size: z.int().min(0) }),
  fileChunk: z.strictObject({ file: fileId, offset: z.int().min(0), bytes: bytes(MOST_CHUNK_BYTES) }),
  fileInspect: z.strictObject({ file: fileId }),
  /** What `bootloader = "pygrub"` finds on an image of the host's computer. Only for clients that may name files. */
  inspectDisk: z.strictObject({ path: z.string().min(1).max(4096), format: z.string().max(16).optional() }),
  /** Of a file that is too large to be given: its beginning, from which the answer's sentence says what it is. */
  fileSniff: z.strictObject({
    name: z.string().min(1).max(1024),
    size: z.int().min(0),
    bytes: bytes(MOST_SNIFF_BYTES),
  }),
  fileRelease: z.strictObject({ file: fileId }),

  /** From then on `statistics` events come, as often as asked for but no faster than every 100 ms. 0 ends them. */
  statisticsEvery: z.strictObject({ milliseconds: z.union([z.literal(0), z.int().min(100).max(60_000)]) }),
  /** The last ten minutes of the figures; from then on `statistics` events come, one a second, the same to all who follow. */
  liveAttach: nothing,
  /** How a domain's devices are wired now; dom0's are those of all others. */
  wiring: z.strictObject({ domid }),
  /**
   * What frontend and backend of a domain's devices wrote into xenstore, in order, from the domain's creation on; known also for a
   * while after its end. First its devices, then the steps of one of them.
   */
  handshakes: z.strictObject({ domid }),
  handshake: z.strictObject({ domid, kind: deviceName, id: deviceName }),
  /** From then on `wiring` events of that domain come; of the last one asked for only. 0 ends them. */
  wiringEvery: z.strictObject({ domid, milliseconds: z.union([z.literal(0), z.int().min(250).max(60_000)]) }),
  /**
   * From then on the domain's hypercalls come as `trace` events, five times a second at most, until it is stopped. What comes too fast
   * is counted and left out.
   */
  traceStart: z.strictObject({ domid }),
  traceStop: z.strictObject({ domid }),
  /** The boot menu: an entry is changed, or added behind the last, for the next power-on. */
  setBootEntry: z.strictObject({
    entry: z.int().min(0).max(31),
    title: z.string().max(128),
    cmdline: z.string().max(4096),
  }),
  /** The host's memory and pCPUs from its next power-on on; kept. */
  setHostSize: z.strictObject({
    memoryMiB: z.int().min(HOST_MEMORY_MIB.least).max(HOST_MEMORY_MIB.most),
    pcpus: z.int().min(1).max(MOST_PCPUS),
  }),
  removeBootEntry: z.strictObject({ entry: z.int().min(0).max(31) }),
  /** How the host came up. */
  bootReport: nothing,
  /** What every machine frame is now. */
  frameMap: nothing,
  /** Which vCPU came onto which pCPU when, from then on: nanoseconds since power-on. */
  switches: z.strictObject({
    since: z
      .number()
      .min(0)
      .max(2 ** 53),
  }),
  /** A day of figures, a point a minute: of a domain by its UUID, or of the host. */
  history: z.strictObject({
    of: z.string().regex(/^(host|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12})$/, 'must be "host" or a UUID'),
  }),
  /** What happened in the last day, as graphs mark it; from then on `mark` events tell. */
  marks: nothing,
  /** How domains stopped since power-on, the latest last. */
  stops: nothing,
  /** Why a domain crashed since power-on, as its console and Xen said it then. */
  crashReport: z.strictObject({ domid }),
  /**
   * Tasks and events so far, the latest last; from then on `journal` events carry what is new or has changed. `client`: what this one calls
   * itself, by which it knows what it asked for.
   */
  journalAttach: z.strictObject({
    client: z.string().regex(/^[\w-]{8,64}$/, "must be 8 to 64 letters, digits, - and _"),
  }),
  /** Ends a task under way: what was asked for is refused with ECANCELED. */
  taskCancel: z.strictObject({ id: z.int().min(1) }),
  /** The Xen log so far; from then on `xenLog` events carry what follows. */
  xenLogAttach: nothing,
  xenLogDetach: nothing,
} as const;

export type RequestName = keyof typeof REQUESTS;
export type Arguments<N extends RequestName> = z.input<(typeof REQUESTS)[N]>;

export interface Results {
  hostState: HostState;
  hostPowerOn: HostState;
  hostPowerOff: null;
  hostReboot: HostState;
  hostInfo: HostInfo;
  dmesg: string;
  list: DomainInfo[];
  vcpuList: VcpuInfo[];
  resolve: number;
  statistics: StatisticsSnapshot;
  checkInvariants: number;
  parseConfig: ParsedConfig;
  create: CreateResult;
  createCancel: null;
  save: { bytes: number };
  saveCancel: null;
  restore: CreateResult;
  savedDomains: SavedDomain[];
  savedDiscard: null;
  createBundled: CreateResult;
  startAgain: CreateResult;
  imageSources: ImageSources;
  takeBundled: { config: string; files: TakenImage[] };
  takeHostKernel: { files: TakenImage[] };
  shutdown: null;
  pause: null;
  unpause: null;
  destroy: null;
  rename: null;
  setScheduler: { weight: number; cap: number };
  domainSettings: DomainSettings;
  setAffinity: null;
  setMaxMemory: null;
  sysrq: null;
  trigger: null;
  debugKeys: null;
  schedulerParameters: SchedulerParameters;
  updateConfig: { warnings: ConfigDiagnostic[] };
  setVcpus: null;
  setMemory: null;
  consoleAttach: ConsoleSnapshot;
  consoleDetach: null;
  consoleInput: null;
  consoleLogs: { domid: number; name: string; bytes: number; alive: boolean }[];
  deviceAttach: { kind: string; id: string };
  deviceDetach: null;
  deviceList: DeviceEntry[];
  networkList: NetworkReport[];
  networkCreate: null;
  networkRemove: null;
  networkForward: Forward;
  networkUnforward: null;
  networkService: null;
  networkCapture: null;
  networkCaptureEnd: null;
  diskResize: null;
  mediumInsert: null;
  inspectRegisters: RegistersReport;
  inspectWalk: WalkReport;
  inspectFrame: FrameFacts;
  inspectSymbol: { address: string };
  inspectMemory: MemoryReport;
  inspectEvents: EventsReport;
  inspectGrants: GrantsReport;
  xenstoreRead: XenstoreNode;
  xenstoreList: string[];
  xenstoreNodes: { nodes: (XenstoreNode | null)[] };
  xenstoreSearch: XenstoreMatches;
  xenstoreAccounts: XenstoreAccounts;
  xenstoreWrite: null;
  xenstoreMkdir: null;
  xenstoreRemove: null;
  xenstoreSetPermissions: null;
  xenstoreWatch: { watch: string };
  xenstoreUnwatch: null;
  fileBegin: { file: string };
  fileChunk: null;
  fileInspect: ImageDescription;
  inspectDisk: DiskBootReport;
  fileSniff: { refusal: string };
  fileRelease: null;
  statisticsEvery: null;
  liveAttach: LiveDump;
  wiring: DomainWiring;
  handshakes: DomainHandshakes;
  handshake: DeviceHandshake;
  wiringEvery: null;
  /** As in the `trace` event. */
  traceStart: { time: number; calls: number[] };
  traceStop: null;
  setBootEntry: HostState;
  removeBootEntry: HostState;
  setHostSize: HostState;
  bootReport: BootReport;
  frameMap: FrameMap;
  switches: { time: number; pcpus: PcpuSwitches[] };
  /** null where nothing is known. */
  history: HistoryReport | null;
  marks: HistoryEvent[];
  stops: DomainStop[];
  /** null where it did not crash. */
  crashReport: CrashReport | null;
  journalAttach: { entries: JournalEntry[] };
  taskCancel: null;
  /** Since power-on: the last 8192 lines and 512 Ki characters if it is more. */
  xenLogAttach: { lines: XenLogLine[]; lost: number };
  xenLogDetach: null;
}

/** Events by name. All sessions get host, domains, created, stopped, destroyed, saving, saved, notice and mark. */
export interface Events extends Pick<
  ToolstackEvents,
  "domains" | "created" | "stopped" | "destroyed" | "saving" | "console" | "notice"
> {
  host: HostState;
  statistics: StatisticsSnapshot;
  wiring: DomainWiring;
  mark: HistoryEvent;
  journal: { entries: JournalEntry[] };
  /** All that are saved now. */
  saved: { domains: SavedDomain[] };
  /** New lines; `lost` counts the pieces since power-on that came faster than they could be read. */
  xenLog: { lines: XenLogLine[]; lost: number };
  /**
   * Hypercalls of a domain that this session traces: records for traceCalls() of core/api/trace/calls.ts, by the time they began;
   * `lost` came after them and are not in any record. `calls` is how often the domain has made each hypercall, by number, until `time`
   * (nanoseconds since power-on): the hypervisor's own count, empty when the domain is gone.
   */
  trace: { domid: number; records: Uint8Array; lost: number; time: number; calls: number[] };
  /** What changed where the session watches; `more` when there was too much to name. */
  xenstoreChanged: { watch: string; paths: string[]; more: boolean };
}
export type EventName = keyof Events;

export interface ApiErrorData {
  /** An errno name, or EBADREQUEST, EOFF (the host is not running), EBUSY. */
  code: string;
  /** A sentence for the user. */
  message: string;
  diagnostics?: ConfigDiagnostic[];
}

/** What goes over a transport. */
export type ClientMessage = { id: number; request: string; args: unknown };
export type ServerMessage =
  { id: number; result: unknown } | { id: number; error: ApiErrorData } | { event: EventName; data: unknown };
