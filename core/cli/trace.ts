/** `--trace FILE`: writes the domain's hypercalls in Chrome's trace format as they are made. */
import { open, type FileHandle } from "node:fs/promises";
import type { WriteStream } from "node:fs";
import { RECORD_SIZE, traceCalls } from "../api/trace/calls.ts";
import { chromeEvents, lostEvent, processName, threadName, type ChromeEvent } from "../api/trace/chrome.ts";
import type { TraceBatch } from "../toolstack/trace/batches.ts";
import type { Tracer } from "../toolstack/trace/tracer.ts";
import { UsageError } from "./arguments.ts";

/** The most hypercalls in a file; viewers take no more. */
const MOST_CALLS = 1_000_000;
/** Bytes that may wait to be written; calls that come while more are waiting are counted and left out. */
const MOST_WAITING = 64 * 1024 * 1024;

export class TraceFile {
  readonly #stream: WriteStream;
  readonly #ends: (() => Promise<void>)[] = [];
  readonly #threads = new Set<string>();
  #first = true;
  #calls = 0;
  #error: Error | null = null;
  /** Number of calls that are not in the file. */
  lost = 0;

  /** Throws UsageError if the file can't be written. */
  static async create(file: string): Promise<TraceFile> {
    let handle: FileHandle;
    try {
      handle = await open(file, "w");
    } catch (error) {
      throw new UsageError(`${file} can't be written: ${(error as Error).message}`);
    }
    return new TraceFile(handle.createWriteStream());
  }

  private constructor(stream: WriteStream) {
    this.#stream = stream;
    stream.on("error", (error) => (this.#error = error));
    stream.write("[");
  }

  /** Writes what the domain does from now on until the end. */
  async follow(tracer: Tracer, domid: number, name: string): Promise<void> {
    this.#write([processName(domid, name)]);
    this.#ends.push(await tracer.listen(domid, (batch) => this.#take(batch)));
  }

  /** Throws the error that has prevented writing. */
  async end(): Promise<void> {
    for (const end of this.#ends) await end();
    await new Promise<void>((resolve) => this.#stream.end("\n]\n", () => resolve()));
    if (this.#error) throw this.#error;
  }

  #take({ domid, records, lost, time }: TraceBatch): void {
    const isFull = this.#calls >= MOST_CALLS || this.#stream.writableLength > MOST_WAITING;
    const calls = traceCalls(isFull ? new Uint8Array(0) : records);
    const left = isFull ? records.length / RECORD_SIZE : 0;
    this.#calls += calls.length;
    const events: ChromeEvent[] = [];
    for (const call of calls) {
      const thread = `${call.domid} ${call.vcpu}`;
      if (!this.#threads.has(thread)) events.push(threadName(call.domid, call.vcpu));
      this.#threads.add(thread);
      events.push(...chromeEvents(call));
      this.lost += call.lost;
    }
    this.lost += lost + left;
    if (lost > 0) events.push(lostEvent(domid, 0, time, lost));
    this.#write(events);
  }

  #write(events: ChromeEvent[]): void {
    for (const event of events) {
      this.#stream.write(`${this.#first ? "" : ","}\n${JSON.stringify(event)}`);
      this.#first = false;
    }
  }
}
