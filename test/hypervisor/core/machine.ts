/** core.wasm on pCPU threads with a small memory, and a native domain's view of it from the test's own thread. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { MessageChannel, Worker } from "node:worker_threads";
import { CORE_FOLDERS, buildWasm } from "../../../core/build.mjs";
import { Hypercalls, SCRATCH_FRAMES, type NativeExports } from "../../../core/dom0/kernel/hypercalls.ts";
import { FrameAllocator, PAGE_SIZE, PhysicalMemory } from "../../../core/dom0/kernel/memory.ts";
import { ownFrames } from "../../../core/dom0/kernel/native.ts";
import { powerOnClock } from "../../../core/machine/clock.ts";
import { instantiateCore, type MachineParts } from "../../../core/machine/core-instance.ts";
import * as layout from "../../../core/machine/layout.ts";
import type { PcpuData } from "../../../core/machine/pcpu.ts";
import { HypercallError } from "../../../core/dom0/kernel/errno.ts";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");

/** The product's own entry of a pCPU, core/machine/pcpu.ts, as the build has bundled it. */
const PCPU = path.join(root, "dist/pcpu.js");

export interface CoreExports extends NativeExports {
  xen_start(): void;
  pcpu_run(id: number): void;
  check_invariants(): number;
}

export async function compileCore(): Promise<WebAssembly.Module> {
  const output = process.env.XENARIUM_CORE_WASM ?? path.join(root, "dist/core.wasm");
  if (!process.env.XENARIUM_CORE_WASM) {
    await buildWasm(path.join(root, "core/hypervisor/core.ts"), output, CORE_FOLDERS, ["--exportStart", "_start"]);
  }
  return WebAssembly.compile(readFileSync(output));
}

export class Machine {
  readonly memory: WebAssembly.Memory;
  readonly physical: PhysicalMemory;
  readonly words: Int32Array;
  readonly base = powerOnClock();
  readonly errors: Error[] = [];
  readonly #parts: MachineParts;
  readonly #workers: Worker[] = [];
  readonly #ended: Promise<unknown>[] = [];

  constructor(
    module: WebAssembly.Module,
    options: { memoryMiB?: number; pcpus?: number; cmdline?: string; weakOrder?: boolean } = {},
  ) {
    const { memoryMiB = 128, pcpus = 2, cmdline = "dom0_mem=16M loglvl=all guest_loglvl=all" } = options;
    this.memory = new WebAssembly.Memory({ initial: memoryMiB * 16, maximum: 65536, shared: true });
    this.#parts = { memory: this.memory, module, clockBase: this.base };
    this.physical = new PhysicalMemory(this.memory);
    this.words = new Int32Array(this.memory.buffer);
    this.physical.set32(layout.BOOT_MEMORY_MIB, memoryMiB);
    this.physical.set32(layout.BOOT_PCPUS, pcpus);
    this.physical.set32(layout.BOOT_WEAK_ORDER, options.weakOrder ? 1 : 0);
    this.physical.set32(layout.BOOT_POWER, layout.POWER_ON);
    this.physical.set64(layout.BOOT_WALLCLOCK, BigInt(Date.now()) * 1_000_000n);
    this.physical.bytes(layout.BOOT_CMDLINE, cmdline.length).set(Buffer.from(cmdline));
    for (let id = 0; id < pcpus; id++) {
      // Nothing is translated here: the other end of the port never sends a module.
      const { port1: translator } = new MessageChannel();
      const workerData: PcpuData = { ...this.#parts, id, translator };
      const worker = new Worker(PCPU, { workerData, transferList: [translator] });
      worker.on("error", (error) => this.errors.push(error));
      this.#ended.push(new Promise((resolve) => worker.once("exit", resolve)));
      this.#workers.push(worker);
    }
  }

  /** Waits for a boot stage. Throws with the log if it is not reached. */
  async stage(number: number, seconds = 10): Promise<void> {
    const end = Date.now() + seconds * 1000;
    while (Atomics.load(this.words, layout.BOOT_STAGE >> 2) < number) {
      if (Date.now() > end || this.errors.length)
        throw new Error(
          `boot stage ${number} not reached\n${this.errors.map((e) => e.stack).join("\n")}\n${this.serial()}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Returns everything that the serial port still has. */
  serial(): string {
    const producer = this.physical.get32(layout.SERIAL_PRODUCER);
    const from = Math.max(0, producer - layout.SERIAL_SIZE);
    const text = Buffer.alloc(producer - from);
    for (let i = from; i < producer; i++)
      text[i - from] = this.physical.get8(layout.SERIAL_DATA + (i % layout.SERIAL_SIZE));
    return text.toString("latin1");
  }

  /** Makes an instance of core.wasm for the thread of a native domain. */
  instance(): CoreExports {
    return instantiateCore(this.#parts) as unknown as CoreExports;
  }

  /** Switches the machine off. Resolves when all pCPUs have returned, and rejects if one does not. */
  async off(): Promise<void> {
    Atomics.store(this.words, layout.BOOT_POWER >> 2, layout.POWER_OFF);
    Atomics.notify(this.words, layout.BOOT_POWER >> 2);
    Atomics.notify(this.words, layout.BOOT_STAGE >> 2);
    for (let id = 0; id < this.#workers.length; id++) {
      const mailbox = (layout.PCPU_MAILBOX + id * layout.PCPU_MAILBOX_SIZE) >> 2;
      Atomics.or(this.words, mailbox, 1);
      Atomics.notify(this.words, mailbox);
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("a pCPU did not come back at power-off")), 5000);
    });
    try {
      await Promise.race([Promise.all(this.#ended), late]);
    } finally {
      clearTimeout(timer);
      await Promise.all(this.#workers.map((worker) => worker.terminate()));
    }
  }
}

export interface Dom0 {
  core: CoreExports;
  calls: Hypercalls;
  physical: PhysicalMemory;
  frames: FrameAllocator;
  sharedInfo: number;
}

/** Attaches the calling thread as domain 0. */
export function attachDom0(machine: Machine): Dom0 {
  const core = machine.instance();
  const attached = core.native_attach(0, 0);
  if (attached) throw new Error(`native_attach: ${attached}`);
  const { physical } = machine;
  const own = ownFrames(core);
  const sharedInfo = Number(physical.get64(own.startInfo + 40));
  const frames = new FrameAllocator(own.first, own.count, [own.startInfo >>> 12]);
  const scratch = frames.allocate(SCRATCH_FRAMES) * PAGE_SIZE;
  return { core, calls: new Hypercalls(core, physical, scratch), physical, frames, sharedInfo };
}

/** Returns the errno name of a call that must be refused. */
export function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof HypercallError) return error.code;
    throw error;
  }
  return "no error";
}
