/**
 * What dom0's worker and the rest of the application say to each other. There are only types and two lists of words here, so every file may import
 * this one. Requests are sent to the worker as `{ id, request, args }`. It answers `{ id, result }` or `{ id, error }`, and sends `{ event, data }`
 * by itself. `client.ts` is the other end.
 */

import type { HostRequests } from "./messages/host.ts";
import type { ImageRequests } from "./messages/images.ts";
import type { CheckpointRequests } from "./messages/checkpoints.ts";
import type { DeviceRequests } from "./messages/devices.ts";
import type { NetworkRequests } from "./messages/networks.ts";
import type { InsideRequests } from "./messages/insides.ts";
import type { XenstoreRequests } from "./messages/xenstore.ts";
import type { ConfigDiagnostic, DomainInfo, DomainRequests, DomainStopped } from "./messages/domains.ts";

export { SHUTDOWN_ACTIONS, TSC_MODES } from "./messages/domains.ts";
export type * from "./messages/host.ts";
export type * from "./messages/domains.ts";
export type * from "./messages/images.ts";
export type * from "./messages/checkpoints.ts";
export type * from "./messages/devices.ts";
export type * from "./messages/networks.ts";
export type * from "./messages/insides.ts";
export type * from "./messages/xenstore.ts";
export type * from "./messages/worker.ts";
export type { FrameKind, FrameMap, MemoryLayout } from "../dom0/kernel/frame-table.ts";
export type { PcpuSwitches } from "../dom0/kernel/switches.ts";
export type { SchedulerParameters } from "../dom0/kernel/hypercalls.ts";
export type { FrozenImage } from "../dom0/backends/blk/disks.ts";
export type { ImageKind } from "../dom0/builder/image.ts";

/** Requests: name → arguments and result. Each is declared with the subject that it belongs to, in the folder beside this file. */
export interface ToolstackRequests
  extends
    HostRequests,
    DomainRequests,
    ImageRequests,
    CheckpointRequests,
    DeviceRequests,
    NetworkRequests,
    InsideRequests,
    XenstoreRequests {}
export type ToolstackRequestName = keyof ToolstackRequests;

/** Events: name → data. */
export interface ToolstackEvents {
  /** A stage of power-on that dom0 has completed, how long it took, and how many bytes the serial port had been given by then. */
  stage: { name: string; milliseconds: number; serial: number };
  /** dom0 is up and autostart is done. From now on requests are answered. */
  ready: Record<string, never>;
  /** Something in `list` has changed. */
  domains: { domains: DomainInfo[] };
  /** `restored`: whether it was a saved domain. */
  created: { domid: number; name: string; uuid: string; restored: boolean };
  /** How much of a domain that is being saved has been written, up to 1. */
  saving: { domid: number; share: number };
  /** How many bytes an image has taken in. */
  absorbing: { task: string; bytes: number };
  stopped: DomainStopped;
  /** The domid is gone. `replacedBy` is set if the domain's on_* restarted it. */
  destroyed: { domid: number; name: string; uuid: string; replacedBy: number | null };
  /** `console`: the number of the console, if it is not the first one. */
  console: { domid: number; bytes: Uint8Array; offset: number; console?: number };
  /** Paths that changed within a tenth of a second. `more` is set if there were too many to name. */
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
