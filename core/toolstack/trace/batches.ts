/** What the trace's thread is started with, and what it hands over. */
import type { ClockBase } from "../../machine/clock.ts";

export interface ReaderData {
  memory: WebAssembly.Memory;
  clockBase: ClockBase;
  /** The machine addresses of the trace buffers and of the hypervisor's statistics area. */
  buffers: number;
  statistics: number;
  /** Two words: what the reader must do at once (COMMAND_*), which it sets to 0, and the number of messages that have not been taken yet. */
  control: SharedArrayBuffer;
}

/** What a domain did since the batch before. */
export interface TraceBatch {
  domid: number;
  /**
   * The records of trace.ts, ordered by the time at which they began. TRACE_LOST is changed: it is the number of this vCPU's calls that were not
   * recorded since the record before. "Calls" are hypercalls and accesses here.
   */
  records: Uint8Array;
  /** The number of calls that came after these records and were not recorded. */
  lost: number;
  /** The nanoseconds since power-on at which this was read. */
  time: number;
  /** How often the domain had made each hypercall and access by then, in the order of callsByNumber(). Empty if the domain is gone. */
  calls: number[];
}
/** `handedOver`: everything that was recorded before the command. */
export type FromReader = { ready: true } | { batches: TraceBatch[] } | { handedOver: true };

export const CONTROL_COMMAND = 0;
export const CONTROL_WAITING = 1;
/** The commands: to hand over what there is and go on, and to do the same and end. */
export const COMMAND_HAND_OVER = 1;
export const COMMAND_END = 2;
