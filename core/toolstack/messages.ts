/**
 * What dom0's worker and the rest of the application say to each other. Types and two lists of words: safe to import anywhere.
 * Requests go to the worker as `{ id, request, args }`, it answers `{ id, result }` or `{ id, error }`, and sends
 * `{ event, data }` unasked. `client.ts` is the other end of it.
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
export type { FrozenImage } from "../dom0/backends/blk/image-register.ts";
export type { ImageKind } from "../dom0/builder/image.ts";

/** Requests: name → arguments and result. Each is declared with the subject that it is about, in the folder beside this file. */
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
