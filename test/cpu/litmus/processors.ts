/** Several processors over one memory, each a thread with an engine of its own, like pCPUs. */
import path from "node:path";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { RECORD_ENTERED, RECORD_SIZE, TRANSLATOR_RECORDS } from "../../../core/machine/layout.ts";
import { compileEngine } from "../engine.ts";
import { Machine } from "../machine.ts";
import * as at from "./layout.ts";
import type { LitmusWorkerData } from "./worker.ts";

const EXIT_EXCEPTION = 1;
const VECTOR_UD = 6;
const root = path.resolve(import.meta.dirname, "../../..");

export interface ThreadStart {
  registers: Record<number, bigint>;
  /** How many turns of an empty loop it waits after all are ready. */
  delay: number;
}

export class Processors {
  readonly #machine: Machine;
  readonly #words: Int32Array;
  readonly #workers: Worker[] = [];
  #failed: Error | null = null;

  static async start(threads: number, translate: boolean): Promise<Processors> {
    const outfile = path.join(root, ".cache/cpu/litmus-worker.mjs");
    await build({
      entryPoints: [path.join(import.meta.dirname, "worker.ts")],
      bundle: true,
      platform: "node",
      format: "esm",
      outfile,
    });
    return new Processors(await compileEngine(), outfile, threads, translate);
  }

  private constructor(compiled: WebAssembly.Module, script: string, threads: number, translate: boolean) {
    const machine = new Machine(compiled, null, at.PAGES_OF_MEMORY);
    this.#machine = machine;
    this.#words = new Int32Array(machine.memory.buffer);
    for (let n = 0; n < threads; n++) {
      machine.map(at.CODE_LINEAR + BigInt(n) * 0x1000n, at.CODE_FRAME + n * 0x1000);
      machine.map(at.STACK_LINEAR + BigInt(n) * 0x1000n, at.STACK_FRAME + n * 0x1000);
    }
    for (let n = 0; n < at.DATA_PAGES; n++) machine.map(at.DATA_LINEAR + BigInt(n) * 0x1000n, at.dataHost(n * 0x1000));
    for (let thread = 0; thread < threads; thread++) {
      const data: LitmusWorkerData = {
        compiled,
        memory: machine.memory,
        codeVersions: machine.exports.engine_code_versions!(),
        codeFlags: machine.exports.engine_code_flags!(),
        thread,
        translate,
      };
      const worker = new Worker(script, { workerData: data, name: `processor ${thread}` });
      worker.on("error", (error) => {
        this.#failed = error;
        Atomics.notify(this.#words, at.DONE >> 2);
      });
      this.#workers.push(worker);
    }
  }

  get view(): DataView {
    return this.#machine.view;
  }
  /** Returns the bytes of the data from an offset to the end of its page. */
  page(offset: number): Uint8Array {
    const host = at.dataHost(offset);
    return this.#machine.bytes.subarray(host, (host | 0xfff) + 1);
  }
  /** Fills the data with zeroes. */
  clear(): void {
    this.#machine.bytes.fill(0, at.DATA_FRAME, at.DATA_FRAME + at.DATA_PAGES * 0x1000);
  }

  /** Gives each thread its code, which ends in UD2. */
  load(programs: Uint8Array[]): void {
    programs.forEach((bytes, n) => {
      const host = at.CODE_FRAME + n * 0x1000;
      this.#machine.bytes.set(bytes, host);
      this.#machine.exports.engine_code_written!(host);
    });
  }

  /** Runs the loaded programs at the same time. Resolves when all have come to their ends, throws if one ends in another way. */
  async run(starts: ThreadStart[]): Promise<void> {
    const words = this.#words;
    this.#workers.forEach((_, n) => {
      const block = at.threadBlock(n);
      const start = starts[n];
      words[(block + at.BLOCK_TAKES_PART) >> 2] = start ? 1 : 0;
      if (!start) return;
      words[(block + at.BLOCK_DELAY) >> 2] = start.delay;
      for (let register = 0; register < 16; register++)
        this.view.setBigUint64(block + at.BLOCK_REGISTERS + 8 * register, start.registers[register] ?? 0n, true);
    });
    Atomics.store(words, at.READY >> 2, starts.length);
    Atomics.store(words, at.RUNNING >> 2, 0);
    Atomics.store(words, at.DONE >> 2, 0);
    Atomics.add(words, at.COMMAND >> 2, 1);
    Atomics.notify(words, at.COMMAND >> 2);
    for (;;) {
      const done = Atomics.load(words, at.DONE >> 2);
      if (this.#failed) throw this.#failed;
      if (done === this.#workers.length) break;
      await Atomics.waitAsync(words, at.DONE >> 2, done).value;
    }
    starts.forEach((_, n) => {
      const block = at.threadBlock(n);
      const exit = words[(block + at.BLOCK_EXIT) >> 2]!;
      const vector = words[(block + at.BLOCK_VECTOR) >> 2]!;
      if (exit !== EXIT_EXCEPTION || vector !== VECTOR_UD)
        throw new Error(`thread ${n} ended with exit ${exit}, vector ${vector}`);
    });
  }

  /** Returns how often the regions of a thread were entered, which is not zero if it ran translated code. */
  entered(thread: number): number {
    const { first, end } = at.indicesOf(thread);
    let sum = 0;
    for (let index = first; index < end; index++)
      sum += this.view.getUint32(TRANSLATOR_RECORDS + index * RECORD_SIZE + RECORD_ENTERED, true);
    return sum;
  }

  async close(): Promise<void> {
    Atomics.store(this.#words, at.STOP >> 2, 1);
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
