/** The threads of native domains: started when a domain is built, ended before it is destroyed, and noticed when they end of themselves. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { ENOSYS } from "../../abi/errno.ts";
import type { MachineParts } from "../../machine/core-instance.ts";
import { HypercallError } from "../kernel/errno.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import { threadEnded } from "../kernel/native.ts";
import { ThreadClient, type HostServices, type Records } from "./dom0-side.ts";
import type { DeviceReport } from "../xenbus/devices.ts";
import { TELL_DEVICES, type DriverDisk, type FromThread, type NativeThreadData } from "./messages.ts";

/** Of a thread's own heap, which is none of the domain's memory. */
const LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 };
/** Milliseconds that somebody who looks at devices waits for a thread, which may be paused. */
const REPORT_MS = 500;

interface Running {
  worker: Worker;
  client: ThreadClient;
  records: Records;
  /** The report of its devices that it was asked for and has not given yet. */
  asked: Promise<DeviceReport[]> | null;
  /** Somebody has asked for its end. */
  isMeant: boolean;
  ended: Promise<void>;
}

export interface NativeThreadsParts {
  /** What a thread is part of; null where there is no machine, as in tests with a double of the hypervisor. */
  machine: MachineParts | null;
  /** The bundle of thread.ts. */
  script: URL;
  hypercalls: Hypercalls;
  services: HostServices;
  /** Hears of an error that ended a thread, before its domain has crashed. */
  onError: (domid: number, error: Error) => void;
  /** Hears of what went wrong when a thread that has ended was cleared away: the domain perhaps can't be destroyed. */
  onNotCleared: (domid: number, error: unknown) => void;
}

export class NativeThreads {
  readonly #parts: NativeThreadsParts;
  readonly #threads = new Map<number, Running>();
  /** By the domid of a domain whose thread has ended, and which is not destroyed. */
  readonly #left = new Map<number, Records>();

  constructor(parts: NativeThreadsParts) {
    this.#parts = parts;
  }

  /**
   * The domain is paused, so the thread waits at its first hypercall. `records` are those of the thread whose place it takes. Throws HypercallError
   * ENOSYS where there can be no threads.
   */
  start(domid: number, disks: readonly DriverDisk[], records: Records): void {
    const { machine, script, services, onError, onNotCleared } = this.#parts;
    // When it runs from the sources, as in tests, there is no bundle from which a worker could be started.
    if (!machine || !existsSync(fileURLToPath(script))) throw new HypercallError(`thread of domain ${domid}`, ENOSYS);
    const { memory, module, clockBase } = machine;
    const workerData: NativeThreadData = { memory, module, clockBase, domid, disks };
    const worker = new Worker(script, { workerData, resourceLimits: LIMITS, name: `domain ${domid}` });
    const client = new ThreadClient(services, records, (answer) => worker.postMessage(answer));
    worker.on("message", (message: FromThread) => client.receive(message));
    worker.on("error", (error) => onError(domid, error));
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    const running: Running = {
      worker,
      client,
      records,
      asked: null,
      isMeant: false,
      ended: ended.then(() => this.#ended(domid, running)).catch((error: unknown) => onNotCleared(domid, error)),
    };
    this.#threads.set(domid, running);
  }

  /**
   * Ends the domain's thread; null if it has none. The domain is paused, so it is not in the hypervisor. Resolves when it has ended and the operating
   * system has finished what it has begun for it in memory and files. Never rejects.
   */
  end(domid: number): Promise<void> | null {
    const running = this.#threads.get(domid);
    if (!running) return null;
    running.isMeant = true;
    running.client.ending();
    void running.worker.terminate();
    return running.ended;
  }

  /** What the domain says of the devices that it has the backends of; nothing if it has no thread, or that does not answer in time. */
  async devices(domid: number): Promise<DeviceReport[]> {
    const running = this.#threads.get(domid);
    if (!running) return [];
    // One that is paused is asked once, however often somebody looks.
    running.asked ??= new Promise<DeviceReport[]>((resolve) => {
      running.client.onDevices(resolve);
      running.worker.postMessage(TELL_DEVICES);
    }).finally(() => (running.asked = null));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<DeviceReport[]>((resolve) => (timer = setTimeout(() => resolve([]), REPORT_MS)));
    return Promise.race([running.asked, late]).finally(() => clearTimeout(timer));
  }

  /** What the domain's thread has recorded of its frontends' requests, for the one that takes its place; to be asked before it is destroyed. */
  records(domid: number): Records {
    return this.#threads.get(domid)?.records ?? this.#left.get(domid) ?? new Map();
  }

  /** The domain is destroyed. */
  forget(domid: number): void {
    this.#left.delete(domid);
  }

  #ended(domid: number, { client, isMeant, records }: Running): void {
    this.#threads.delete(domid);
    // One that has crashed is still there, and is looked at before it is destroyed.
    if (!isMeant) this.#left.set(domid, records);
    try {
      client.ended();
    } finally {
      this.#tellXen(domid, isMeant);
    }
  }

  #tellXen(domid: number, isMeant: boolean): void {
    try {
      threadEnded(this.#parts.hypercalls, domid, isMeant);
    } catch (error) {
      // EINVAL: it never got so far as to be the domain's thread. Then a domain that has not stopped waits for one in vain, and has crashed too.
      if (!(error instanceof HypercallError && error.code === "EINVAL")) throw error;
      if (!isMeant) this.#parts.hypercalls.domains.crash(domid);
    }
  }
}
