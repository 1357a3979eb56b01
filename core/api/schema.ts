/**
 * The management API: every request with its arguments, and every event. The server checks arguments with these schemas; results and events come from
 * the server itself and are only typed. Can be imported in a browser.
 * Requests that the toolstack answers keep the toolstack's names and structures (core/toolstack/messages.ts).
 */
import type { ConfigDiagnostic, StatisticsSnapshot, ToolstackEvents } from "../toolstack/messages.ts";
import type { HistoryEvent } from "./history/files.ts";
import type { DownloadReport, HostState, KeptDomain, XenLogLine } from "./host-state.ts";
import type { JournalEntry } from "./journal/entry.ts";
import type { SnapshotWork } from "../library/snapshots/report.ts";
import type { DomainWiring } from "../toolstack/wiring-report.ts";

export type { BootBuilt, FrameKind, FrameMap, MemoryLayout, PcpuSwitches } from "../toolstack/messages.ts";
export type * from "./host-state.ts";
export type * from "../library/snapshots/report.ts";
export type { Forward } from "../dom0/network/gateway/forwards.ts";
export type { NetworkMode } from "../dom0/network/networks.ts";
export type { ListedNetwork } from "../toolstack/messages/networks.ts";
export type { DiskPart } from "../dom0/bootloader/contents.ts";
export type { CrashReport } from "./crash-reports.ts";
export type { HistoryEvent } from "./history/files.ts";
export type { JournalEntry } from "./journal/entry.ts";
export type { HistoryReport } from "./history/recorder.ts";
export type { DomainStop } from "./stops.ts";
export type {
  DeviceHandshake,
  BehindState,
  DeviceEntry,
  DeviceFigure,
  DeviceTraffic,
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
  DiskReport,
  DomainConfig,
  DomainCounts,
  DomainInfo,
  DomainSettings,
  DomainStatistics,
  DomainStopped,
  HostInfo,
  ImageDescription,
  ParsedConfig,
  PcpuStatistics,
  ScreenPart,
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

export * from "./limits.ts";
export { REQUESTS, type Arguments, type Checked, type RequestName, type Results } from "./requests/table.ts";

/** Events by name. All sessions get host, domains, created, stopped, destroyed, saving, kept, snapshots, notice and mark. */
export interface Events extends Pick<
  ToolstackEvents,
  "domains" | "created" | "stopped" | "destroyed" | "saving" | "console" | "notice"
> {
  host: HostState;
  statistics: StatisticsSnapshot;
  wiring: DomainWiring;
  mark: HistoryEvent;
  /** The snapshots of a domain have changed, or the work on them (`work`; null: there is none). */
  snapshots: { uuid: string; work: SnapshotWork | null };
  journal: { entries: JournalEntry[] };
  /** All domains that are kept now. */
  kept: { domains: KeptDomain[] };
  /** All that is being fetched, or has stopped and can continue. */
  downloads: { downloads: DownloadReport[] };
  /** New lines; `lost` is the number of pieces since power-on that came faster than they could be read. */
  xenLog: { lines: XenLogLine[]; lost: number };
  /**
   * Hypercalls of a domain that this session traces, and of a PVH domain its accesses to ports and device memory: records for traceCalls() of core/api/trace/calls.ts, by the time they began;
   * `lost` came after them and are not in any record. `calls` is how often the domain has made each hypercall, by number, and behind them each kind of
   * access (ACCESSES of core/api/trace/names.ts), until `time` (nanoseconds since power-on): the hypervisor's own count, empty when the domain is gone.
   */
  trace: { domid: number; records: Uint8Array; lost: number; time: number; calls: number[] };
  /** What changed at the paths that the session watches; `more` is set when there was too much to list. */
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

/** The messages of a transport. */
export type ClientMessage = { id: number; request: string; args: unknown };
export type ServerMessage =
  { id: number; result: unknown } | { id: number; error: ApiErrorData } | { event: EventName; data: unknown };
