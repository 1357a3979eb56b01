/**
 * The emulated host as its owner sees it: memory, pCPU workers, serial port, power switch. It knows nothing of Xen: it loads `core.wasm` as a boot
 * loader loads a kernel, and lets pCPU 0 jump into it.
 */
import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";
import { readFile } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { MessageChannel, Worker, type MessagePort } from "node:worker_threads";
import { powerOnClock, startClock, wallClockAtZero, type ClockBase } from "./clock.ts";
import type { MachineParts } from "./core-instance.ts";
import * as layout from "./layout.ts";
import { lowerCompilers } from "./priority.ts";
import { SerialPort, type SerialOutput } from "./serial-port.ts";

export const HOST_MEMORY_MIN_MIB = 128;
export const HOST_MEMORY_MAX_MIB = 3584;

export interface HostOptions {
  /** Host RAM in MiB, HOST_MEMORY_MIN_MIB to HOST_MEMORY_MAX_MIB. The operating system commits it as it is touched. */
  memoryMiB: number;
  /** Number of pCPUs, 1 to layout.MAX_PCPUS. */
  pcpus: number;
  /** Xen's command line, at most 2047 bytes. */
  cmdline: string;
  /** Folder of core.wasm and pcpu.js. */
  imageFolder: URL;
  /** Folder in which translated code is kept for the next time (translator/code-cache). Without it none is kept. */
  codeCacheFolder?: string | undefined;
}

export type PowerState = "off" | "on" | "crashed";

interface HostEvents {
  /** What the hypervisor has written to its serial port. */
  serial: [SerialOutput];
  /** BOOT_STAGE_* that was reached, and when, in nanoseconds since power-on. */
  stage: [number, number];
  /** The host has gone off. `reason` is a sentence when it crashed. */
  power: [{ state: PowerState; reboot: boolean; reason: string | null }];
}

/** core.wasm, and the hash of the file that it was compiled from. */
interface Core {
  module: WebAssembly.Module;
  hash: string;
}
let compiled: Promise<Core> | null = null;

/**
 * Sets V8's options for translated code, which is already hot when it is made, and of which there is much. V8 is to make the first machine code of a
 * module at once, in threads of its own, and not piece by piece in the pCPU that gets there. It is to wait longer before it optimizes a function (the
 * budget is about bytes of code executed; 1800000 by default), because pCPUs need the cores for that time.
 */
function compileForGuests(): void {
  // This is set only now, because core.wasm itself starts faster piece by piece. Newer engines use branch hints without being told, and do not know
  // the flag.
  if (Number.parseInt(process.versions.v8) < 13) setFlagsFromString("--experimental-wasm-branch-hinting");
  setFlagsFromString("--no-wasm-lazy-compilation");
  setFlagsFromString("--wasm-tiering-budget=12000000");
  // This saves a tenth of the optimizer's time, and costs less than can be measured.
  setFlagsFromString("--no-turbo-move-optimization");
  // The helper threads of V8's garbage collectors are in the same pool: a short collection must not wait for one that waits for a core.
  setFlagsFromString("--no-parallel-scavenge");
  lowerCompilers();
}

/** Compiled once for the process; workers share the machine code that V8 makes of it. */
function compileCore(folder: URL): Promise<Core> {
  compiled ??= readFile(new URL("core.wasm", folder))
    .then(async (bytes) => ({
      module: await WebAssembly.compile(bytes),
      hash: createHash("sha256").update(bytes).digest("hex"),
    }))
    .finally(compileForGuests);
  return compiled;
}

export class Host extends EventEmitter<HostEvents> {
  readonly #options: HostOptions;
  #state: PowerState = "off";
  #parts: MachineParts | null = null;
  #words: Int32Array | null = null;
  #serial: SerialPort | null = null;
  #workers: Worker[] = [];
  #now: () => number = () => 0;

  constructor(options: HostOptions) {
    super();
    const { memoryMiB, pcpus, cmdline } = options;
    if (!Number.isInteger(memoryMiB) || memoryMiB < HOST_MEMORY_MIN_MIB || memoryMiB > HOST_MEMORY_MAX_MIB)
      throw new RangeError(
        `host memory is ${memoryMiB} MiB; it must be a whole number from ${HOST_MEMORY_MIN_MIB} to ${HOST_MEMORY_MAX_MIB}`,
      );
    if (!Number.isInteger(pcpus) || pcpus < 1 || pcpus > layout.MAX_PCPUS)
      throw new RangeError(`the host has ${pcpus} pCPUs; it must have from 1 to ${layout.MAX_PCPUS}`);
    if (Buffer.byteLength(cmdline) >= layout.BOOT_CMDLINE_SIZE)
      throw new RangeError(`Xen's command line is longer than ${layout.BOOT_CMDLINE_SIZE - 1} bytes`);
    this.#options = options;
  }

  get state(): PowerState {
    return this.#state;
  }

  /** Nanoseconds since power-on. */
  now(): number {
    return this.#now();
  }

  /** The running machine, for the workers of native domains. */
  get parts(): MachineParts {
    if (!this.#parts) throw new Error("the host is powered off");
    return this.#parts;
  }

  /** Sets up memory, boot parameters and pCPUs. Resolves when pCPU 0 has entered the hypervisor's image. */
  async powerOn(): Promise<MachineParts> {
    if (this.#state === "on") throw new Error("the host is on already");
    const { memoryMiB, pcpus, cmdline, imageFolder, codeCacheFolder } = this.#options;
    const clockBase: ClockBase = powerOnClock();
    this.#now = startClock(clockBase);
    const pages = memoryMiB * 16;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const words = new Int32Array(memory.buffer);
    const view = new DataView(memory.buffer);
    view.setUint32(layout.BOOT_MEMORY_MIB, memoryMiB, true);
    view.setUint32(layout.BOOT_PCPUS, pcpus, true);
    view.setUint32(layout.BOOT_WEAK_ORDER, process.arch === "x64" || process.arch === "ia32" ? 0 : 1, true);
    view.setUint32(layout.BOOT_POWER, layout.POWER_ON, true);
    view.setBigUint64(layout.BOOT_WALLCLOCK, wallClockAtZero(this.#now), true);
    const reached = (stage: number): void => {
      view.setFloat64(layout.BOOT_STAGE_TIMES + 8 * stage, this.#now(), true);
      view.setUint32(layout.BOOT_STAGE, stage, true);
    };
    reached(layout.BOOT_STAGE_FIRMWARE);
    const { module, hash } = await compileCore(imageFolder);
    new Uint8Array(memory.buffer).set(Buffer.from(cmdline), layout.BOOT_CMDLINE);
    reached(layout.BOOT_STAGE_LOADED);

    this.#parts = { memory, module, clockBase };
    this.#words = words;
    this.#serial = new SerialPort(memory.buffer);
    this.#state = "on";
    void this.#watchSerial(words);
    void this.#watchStages(words);
    void this.#watchPower(words);
    const channels = Array.from({ length: pcpus }, () => new MessageChannel());
    const ends = channels.map(({ port2 }) => port2);
    this.#start(this.#parts, "translator", "translator.js", { pcpus: ends, codeCacheFolder, coreHash: hash }, ends);
    channels.forEach(({ port1 }, id) =>
      this.#start(this.#parts!, `pCPU ${id}`, "pcpu.js", { id, translator: port1 }, [port1]),
    );
    return this.#parts;
  }

  /** Starts a thread of the machine, which can't work without it. */
  #start(parts: MachineParts, name: string, script: string, data: object, transferList: MessagePort[]): void {
    const worker = new Worker(new URL(script, this.#options.imageFolder), {
      workerData: { ...parts, ...data },
      transferList,
      name,
    });
    worker.on("error", (error) => this.#crash(`${name} stopped: ${error.stack ?? error.message}`));
    // The thread was ended by something other than an error of its own.
    worker.on("exit", (code) => {
      const words = this.#words;
      if (words && Atomics.load(words, layout.BOOT_POWER >> 2) === layout.POWER_ON)
        this.#crash(`${name} has ended (exit ${code}).`);
    });
    this.#workers.push(worker);
  }

  /** Pulls the plug: the pCPUs leave the hypervisor at their next poll. Resolves when all threads are gone. */
  async powerOff(): Promise<void> {
    const words = this.#words;
    if (!words || this.#state === "off") return;
    if (Atomics.load(words, layout.BOOT_POWER >> 2) === layout.POWER_ON) this.#setPower(words, layout.POWER_OFF);
    await this.#stopped(words);
  }

  #setPower(words: Int32Array, value: number): void {
    Atomics.store(words, layout.BOOT_POWER >> 2, value);
    Atomics.notify(words, layout.BOOT_POWER >> 2);
    for (let id = 0; id < this.#options.pcpus; id++) {
      const mailbox = (layout.PCPU_MAILBOX + id * layout.PCPU_MAILBOX_SIZE) >> 2;
      Atomics.or(words, mailbox, 1);
      Atomics.notify(words, mailbox);
    }
  }

  #crash(reason: string): void {
    const words = this.#words;
    if (!words || this.#state !== "on") return;
    this.#state = "crashed";
    this.#setPower(words, layout.POWER_CRASHED);
    this.#drainSerial(words);
    this.#release();
    this.emit("power", { state: "crashed", reboot: false, reason });
  }

  /** pCPUs get a second to leave by themselves; one that does not is terminated. */
  async #stopped(words: Int32Array): Promise<void> {
    const workers = this.#workers;
    // The translator's thread sleeps until it gets a request.
    Atomics.add(words, layout.TRANSLATOR_BELL >> 2, 1);
    Atomics.notify(words, layout.TRANSLATOR_BELL >> 2);
    const gone = Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("exit", resolve))));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, 1000)));
    await Promise.race([gone, late]);
    clearTimeout(timer);
    await Promise.all(workers.map((worker) => worker.terminate()));
    if (this.#words !== words) return;
    this.#drainSerial(words);
    const reboot = Atomics.load(words, layout.BOOT_POWER >> 2) === layout.POWER_REBOOT;
    this.#state = "off";
    this.#release();
    this.emit("power", { state: "off", reboot, reason: null });
  }

  #release(): void {
    const words = this.#words;
    this.#workers = [];
    this.#parts = null;
    this.#words = null;
    if (!words) return;
    for (const word of [layout.SERIAL_PRODUCER, layout.BOOT_STAGE, layout.BOOT_POWER]) Atomics.notify(words, word >> 2);
  }

  async #watchSerial(words: Int32Array): Promise<void> {
    while (this.#words === words) {
      this.#drainSerial(words);
      const seen = Atomics.load(words, layout.SERIAL_CONSUMER >> 2);
      const more = Atomics.waitAsync(words, layout.SERIAL_PRODUCER >> 2, seen);
      if (more.async) await more.value;
      // For a guest that writes without end: everybody else gets a turn in between.
      else await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #drainSerial(words: Int32Array): void {
    const producer = Atomics.load(words, layout.SERIAL_PRODUCER >> 2) >>> 0;
    const consumer = Atomics.load(words, layout.SERIAL_CONSUMER >> 2) >>> 0;
    if (producer === consumer) return;
    const output = this.#serial!.take();
    Atomics.store(words, layout.SERIAL_CONSUMER >> 2, producer | 0);
    if (output.pieces.length || output.lost) this.emit("serial", output);
  }

  async #watchStages(words: Int32Array): Promise<void> {
    const times = new DataView(words.buffer);
    let reported = 0;
    while (this.#words === words) {
      const stage = Atomics.load(words, layout.BOOT_STAGE >> 2);
      while (reported < stage) {
        reported++;
        this.emit("stage", reported, times.getFloat64(layout.BOOT_STAGE_TIMES + 8 * reported, true));
      }
      await Atomics.waitAsync(words, layout.BOOT_STAGE >> 2, stage).value;
    }
  }

  async #watchPower(words: Int32Array): Promise<void> {
    await Atomics.waitAsync(words, layout.BOOT_POWER >> 2, layout.POWER_ON).value;
    if (this.#words === words && this.#state === "on") await this.#stopped(words);
  }
}
