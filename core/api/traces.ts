/** A session's traces of hypercalls: by domain, collected for a fifth of a second, and limited to what a client can take. */
import type { CallCounts, Tracer } from "../toolstack/trace/tracer.ts";
import type { TraceBatch } from "../toolstack/trace/batches.ts";
import { TRACE_LOST } from "../hypervisor/abi/trace.ts";
import { ApiFailure } from "./failure.ts";
import { MOST_TRACE_RECORDS, MOST_TRACES, type Events } from "./schema.ts";
import { RECORD_SIZE } from "./trace/calls.ts";

const EVERY_MS = 200;

class DomainTrace {
  /** Ends it at the tracer; set once it has begun. */
  end: (() => Promise<void>) | null = null;
  ended = false;
  readonly #domid: number;
  readonly #send: (data: Events["trace"]) => void;
  readonly #mayNot: () => boolean;
  #kept: Uint8Array[] = [];
  #records = 0;
  /** Number of calls lost after the records that are kept. */
  #lost = 0;
  #time = 0;
  #calls: number[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(domid: number, send: (data: Events["trace"]) => void, mayNot: () => boolean) {
    this.#domid = domid;
    this.#send = send;
    this.#mayNot = mayNot;
  }

  take({ records, lost, time, calls }: TraceBatch): void {
    if (this.ended) return;
    this.#time = time;
    this.#calls = calls;
    const count = records.length / RECORD_SIZE;
    // After the first gap nothing is kept until the rest was sent, because otherwise the gap would not be reported in its place.
    const room = this.#lost > 0 || this.#mayNot() ? 0 : Math.min(count, MOST_TRACE_RECORDS - this.#records);
    if (room > 0) this.#kept.push(records.subarray(0, room * RECORD_SIZE));
    this.#records += room;
    this.#lost += lost + (count - room) + lostBefore(records.subarray(room * RECORD_SIZE));
    this.#timer ??= setTimeout(() => this.#flush(), EVERY_MS).unref();
  }

  stop(): void {
    this.ended = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#kept = [];
  }

  #flush(): void {
    this.#timer = null;
    const records = new Uint8Array(this.#records * RECORD_SIZE);
    let at = 0;
    for (const part of this.#kept) {
      records.set(part, at);
      at += part.length;
    }
    const lost = this.#lost;
    this.#kept = [];
    this.#records = 0;
    this.#lost = 0;
    this.#send({ domid: this.#domid, records, lost, time: this.#time, calls: this.#calls });
  }
}

/** Returns how many calls the records themselves report as lost. */
function lostBefore(records: Uint8Array): number {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  let lost = 0;
  for (let at = 0; at < records.length; at += RECORD_SIZE) lost += view.getUint32(at + TRACE_LOST, true);
  return lost;
}

export class SessionTraces {
  readonly #traces = new Map<number, DomainTrace>();
  readonly #send: (data: Events["trace"]) => void;
  readonly #mayNot: () => boolean;

  /** `mayNot` returns whether the reader is behind; then nothing is kept for it, only counted. */
  constructor(send: (data: Events["trace"]) => void, mayNot: () => boolean) {
    this.#send = send;
    this.#mayNot = mayNot;
  }

  /** Starting twice is the same as once. Throws ApiFailure EBUSY beyond MOST_TRACES, ToolstackError ESRCH or ENOMEM. */
  async start(tracer: Tracer, domid: number): Promise<CallCounts> {
    if (this.#traces.has(domid)) return tracer.counts(domid);
    if (this.#traces.size >= MOST_TRACES)
      throw new ApiFailure("EBUSY", `This client traces ${MOST_TRACES} domains already; stop one of them first.`);
    const trace = new DomainTrace(domid, this.#send, this.#mayNot);
    this.#traces.set(domid, trace);
    try {
      trace.end = await tracer.listen(domid, (batch) => trace.take(batch));
    } catch (error) {
      if (this.#traces.get(domid) === trace) this.#traces.delete(domid);
      throw error;
    }
    // It was stopped before it had begun.
    if (trace.ended) await trace.end();
    return tracer.counts(domid);
  }

  async stop(domid: number): Promise<null> {
    const trace = this.#traces.get(domid);
    this.#traces.delete(domid);
    trace?.stop();
    await trace?.end?.();
    return null;
  }

  /** Ends all of them, because the session or the host has ended. */
  end(): void {
    for (const domid of [...this.#traces.keys()]) void this.stop(domid).catch(() => {});
  }
}
