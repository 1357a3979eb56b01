/**
 * Traces hypercalls and accesses of the domains of a host that is on, for any number of listeners. A domain is traced only while somebody listens to
 * it.
 */
import { Worker } from "node:worker_threads";
import type { PoweredHost } from "../power.ts";
import { startClock } from "../../machine/clock.ts";
import { callsByNumber, domainAt } from "../../dom0/kernel/calls-by-number.ts";
import {
  COMMAND_END,
  COMMAND_HAND_OVER,
  CONTROL_COMMAND,
  CONTROL_WAITING,
  type FromReader,
  type ReaderData,
  type TraceBatch,
} from "./batches.ts";

export type { TraceBatch };
export type TraceListener = (batch: TraceBatch) => void;

/** How often a domain has made each hypercall and access, in the order of callsByNumber(), up to `time` (nanoseconds since power-on). */
export type CallCounts = Pick<TraceBatch, "time" | "calls">;

interface Reader {
  worker: Worker;
  control: Int32Array<SharedArrayBuffer>;
  ended: Promise<void>;
  counts: (domid: number) => CallCounts;
}

export class Tracer {
  readonly #host: PoweredHost;
  readonly #listeners = new Map<number, Set<TraceListener>>();
  #reader: Reader | null = null;
  /** Changes are made one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(host: PoweredHost) {
    this.#host = host;
    host.once("off", () => this.#readerStops());
  }

  /**
   * From now on the listener gets what the domain does, in at most ten batches a second. Rejects with ToolstackError: ESRCH if there is no such
   * domain, ENOMEM if the hypervisor has no memory for the rings. The returned function ends it, after what was recorded until then has been handed
   * over.
   */
  async listen(domid: number, listener: TraceListener): Promise<() => Promise<void>> {
    await this.#inTurn(() => this.#add(domid, listener));
    let ending: Promise<void> | null = null;
    return () => (ending ??= this.#inTurn(() => this.#remove(domid, listener)));
  }

  /** The counts of a domain that is listened to; empty for any other. */
  counts(domid: number): CallCounts {
    return this.#reader?.counts(domid) ?? { time: 0, calls: [] };
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const made = this.#last.then(change);
    this.#last = made.catch(() => {});
    return made;
  }

  async #add(domid: number, listener: TraceListener): Promise<void> {
    const { toolstack } = this.#host;
    const listeners = this.#listeners.get(domid);
    if (listeners) return void listeners.add(listener);
    this.#reader ??= await this.#startReader();
    this.#listeners.set(domid, new Set([listener]));
    try {
      await toolstack.request("traceDomain", { domid, on: true });
    } catch (error) {
      this.#listeners.delete(domid);
      await this.#restIfUnused();
      throw error;
    }
  }

  async #remove(domid: number, listener: TraceListener): Promise<void> {
    const listeners = this.#listeners.get(domid);
    if (!listeners?.has(listener)) return;
    const isLast = listeners.size === 1;
    if (isLast && this.#host.isOn)
      await this.#host.toolstack.request("traceDomain", { domid, on: false }).catch(() => {});
    if (isLast && this.#listeners.size === 1) await this.#readerStops();
    else await this.#handedOver();
    listeners.delete(listener);
    if (listeners.size === 0) this.#listeners.delete(domid);
  }

  /** Resolves when everything that was recorded until now has been passed on. */
  async #handedOver(): Promise<void> {
    const reader = this.#reader;
    if (!reader) return;
    const done = new Promise<void>((resolve) => {
      const hear = (message: FromReader): void => {
        if (!("handedOver" in message)) return;
        reader.worker.off("message", hear);
        resolve();
      };
      reader.worker.on("message", hear);
    });
    command(reader, COMMAND_HAND_OVER);
    await Promise.race([done, reader.ended]);
  }

  async #restIfUnused(): Promise<void> {
    if (this.#listeners.size === 0) await this.#readerStops();
  }

  async #startReader(): Promise<Reader> {
    const { toolstack, machine, options } = this.#host;
    const { address: buffers } = await toolstack.request("traceBuffers");
    const { address: statistics } = await toolstack.request("statisticsArea");
    const control = new Int32Array(new SharedArrayBuffer(8));
    const { memory, clockBase } = machine;
    const data: ReaderData = { memory, clockBase, buffers, statistics, control: control.buffer };
    const worker = new Worker(new URL("tracer.js", options.imageFolder), { workerData: data, name: "tracer" });
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    worker.on("error", () => (this.#reader = null));
    await new Promise<void>((resolve, reject) => {
      worker.once("exit", () => reject(new Error("the trace's thread ended before it began")));
      worker.on("message", (message: FromReader) => {
        if ("ready" in message) return resolve();
        if (!("batches" in message)) return;
        Atomics.sub(control, CONTROL_WAITING, 1);
        for (const batch of message.batches)
          for (const listener of this.#listeners.get(batch.domid) ?? []) listener(batch);
      });
    });
    const view = new DataView(memory.buffer);
    const now = startClock(clockBase);
    const counts = (domid: number): CallCounts => ({
      time: now(),
      calls: callsByNumber(view, domainAt(view, statistics, domid)),
    });
    return { worker, control, ended, counts };
  }

  /** Resolves when everything that the reader had taken has been handed over. */
  async #readerStops(): Promise<void> {
    const reader = this.#reader;
    this.#reader = null;
    if (!reader) return;
    command(reader, COMMAND_END);
    await reader.ended;
  }
}

function command({ control }: Reader, what: number): void {
  Atomics.store(control, CONTROL_COMMAND, what);
  Atomics.notify(control, CONTROL_COMMAND);
}
