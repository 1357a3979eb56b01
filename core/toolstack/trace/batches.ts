/** What the trace's thread is started with, and hands over. */
import type { ClockBase } from "../../machine/clock.ts";

export interface ReaderData {
  memory: WebAssembly.Memory;
  clockBase: ClockBase;
  /** Machine addresses of the trace buffers and of the hypervisor's statistics area. */
  buffers: number;
  statistics: number;
  /** Two words: what the reader is to do at once (COMMAND_*), which it makes 0; handings-over that were not taken yet. */
  control: SharedArrayBuffer;
}

/** What a domain did since the batch before. */
export interface TraceBatch {
  domid: number;
  /**
   * Records of trace.ts by the time they began, but for TRACE_LOST, which is made the number of this vCPU's calls that were not
   * recorded since the record before. Calls are hypercalls and accesses here.
   */
  records: Uint8Array;
  /** Calls that came after these and were not recorded. */
  lost: number;
  /** Nanoseconds since power-on when this was read. */
  time: number;
  /** How often the domain has made each hypercall and access until then, as callsByNumber() has it. Empty when it is gone. */
  calls: number[];
}
/** `handedOver`: all that was recorded before it was commanded. */
export type FromReader = { ready: true } | { batches: TraceBatch[] } | { handedOver: true };

export const CONTROL_COMMAND = 0;
export const CONTROL_WAITING = 1;
/** To hand over what there is, and to go on; the same, and to end. */
export const COMMAND_HAND_OVER = 1;
export const COMMAND_END = 2;
