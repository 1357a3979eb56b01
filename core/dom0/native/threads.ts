/** The threads of native domains: started when a domain is built, ended before it is destroyed, and noticed when they end of themselves. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { ENOSYS } from "../../abi/errno.ts";
import type { MachineParts } from "../../machine/core-instance.ts";
import { HypercallError } from "../kernel/errno.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import { threadEnded } from "../kernel/native.ts";
import { NetworkError, type NetworkReport } from "../network/networks.ts";
import { deviceKey, type DeviceAddress } from "../xenbus/address.ts";
import type { DeviceReport } from "../xenbus/devices.ts";
import { Claim } from "./claim.ts";
import { ThreadClient, type HostServices } from "./dom0-side.ts";
import { Leftovers } from "./leftovers.ts";
import type { Dom0Questions, DriverDisk, FromThread, NativeThreadData } from "./messages.ts";

/** Of a thread's own heap, which is none of the domain's memory. */
const LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 };
/** Milliseconds that somebody who looks at devices or networks waits for a thread, which may be paused. */
const REPORT_MS = 500;
/** The same for somebody who wants something done. */
const DEED_MS = 5000;

/** What a thread is asked to report. */
interface Reports {
  devices: DeviceReport[];
  networks: NetworkReport[];
}

interface Running {
  worker: Worker;
  client: ThreadClient;
  leftovers: Leftovers;
  /** The reports that it was asked for and has not given yet. */
  asked: Map<keyof Reports, Promise<unknown>>;
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
  /** What the threads have left, or will leave, by the domid: until nobody can go on with it any more. */
  readonly #leftovers = new Map<number, Leftovers>();

  constructor(parts: NativeThreadsParts) {
    this.#parts = parts;
  }

  /**
   * The domain is paused, so the thread waits at its first hypercall. `leftovers` are those of the thread whose place it takes. Throws HypercallError
   * ENOSYS where there can be no threads.
   */
  start(domid: number, disks: readonly DriverDisk[], leftovers: Leftovers): void {
    const { machine, script, services, onError, onNotCleared } = this.#parts;
    // When it runs from the sources, as in tests, there is no bundle from which a worker could be started.
    if (!machine || !existsSync(fileURLToPath(script))) throw new HypercallError(`thread of domain ${domid}`, ENOSYS);
    const { memory, module, clockBase } = machine;
    const workerData: NativeThreadData = { memory, module, clockBase, domid, disks };
    const worker = new Worker(script, { workerData, resourceLimits: LIMITS, name: `domain ${domid}` });
    leftovers.hasThread = true;
    this.#leftovers.set(domid, leftovers);
    const client = new ThreadClient(services, leftovers, (message) => worker.postMessage(message));
    worker.on("message", (message: FromThread) => client.receive(message));
    worker.on("error", (error) => onError(domid, error));
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    const running: Running = {
      worker,
      client,
      leftovers,
      asked: new Map(),
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
    return (await this.#report(domid, "devices")) ?? [];
  }

  /** The networks of all native domains, by domid. Those of one that does not answer in time are left out. */
  async networks(): Promise<Map<number, NetworkReport[]>> {
    const domids = [...this.#threads.keys()];
    const reports = await Promise.all(domids.map((domid) => this.#report(domid, "networks")));
    return new Map(domids.flatMap((domid, i) => (reports[i] ? [[domid, reports[i]] as const] : [])));
  }

  async #report<Q extends keyof Reports>(domid: number, what: Q): Promise<Reports[Q] | null> {
    const running = this.#threads.get(domid);
    if (!running) return null;
    const { asked, client } = running;
    // One that is paused is asked once, however often somebody looks.
    const ask = (): Promise<unknown> =>
      client
        .ask(what, null, new Claim())
        .catch(() => null)
        .finally(() => asked.delete(what));
    const report = asked.get(what) ?? ask();
    asked.set(what, report);
    return within(report as Promise<Reports[Q] | null>, REPORT_MS, () => null);
  }

  /** Asks a native domain to do something. Rejects with NetworkError if it refuses, is none, or does not begin in time; then it never does it. */
  async ask<Q extends keyof Dom0Questions>(
    domid: number,
    question: Q,
    args: Dom0Questions[Q]["args"],
  ): Promise<Dom0Questions[Q]["result"]> {
    const running = this.#threads.get(domid);
    if (!running) throw new NetworkError(`Domain ${domid} is no native driver domain.`, "ESRCH");
    const claim = new Claim();
    const answer = running.client.ask(question, args, claim);
    return within(answer, DEED_MS, () => {
      // If the thread was first, its answer is on the way.
      if (!claim.withdraw()) return answer;
      throw new NetworkError(`Domain ${domid} does not answer; it may be paused.`, "ETIMEDOUT");
    });
  }

  /**
   * What the domain's thread leaves to the one that takes its place; to be asked before it is destroyed. If none has taken it in the end, notTaken() is
   * to be called.
   */
  handOver(domid: number): Leftovers {
    const leftovers = this.#leftovers.get(domid) ?? new Leftovers();
    leftovers.hasThread = false;
    return leftovers;
  }

  async notTaken(domid: number, leftovers: Leftovers): Promise<void> {
    if (leftovers.hasThread) return;
    if (this.#leftovers.get(domid) === leftovers) this.#leftovers.delete(domid);
    await leftovers.close();
  }

  /** The toolstack has given up a device whose backend was in that domain. `scratch` is as in Leftovers. */
  deviceGone(address: DeviceAddress, scratch: string | null): void {
    const domid = address.backendDomid;
    this.#clear(domid, this.#leftovers.get(domid)?.deviceGone(deviceKey(address), scratch));
  }

  /** The domain is destroyed. */
  forget(domid: number): void {
    // One that has a thread has it until that has ended.
    if (!this.#threads.has(domid)) this.#close(domid);
  }

  /** Nobody goes on with what a thread has left, unless it was handed over. */
  #close(domid: number): void {
    const leftovers = this.#leftovers.get(domid);
    if (!leftovers?.hasThread) return;
    this.#leftovers.delete(domid);
    this.#clear(domid, leftovers.close());
  }

  #clear(domid: number, cleared: Promise<void> | undefined): void {
    void cleared?.catch((error: unknown) => this.#parts.onNotCleared(domid, error));
  }

  #ended(domid: number, { client, isMeant, leftovers }: Running): void {
    this.#threads.delete(domid);
    try {
      client.ended();
    } finally {
      this.#clear(domid, leftovers.threadEnded());
      // One that has crashed is still there, and is looked at before it is destroyed.
      if (isMeant) this.#close(domid);
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

/** Resolves as `promise` does, or, if that takes longer, with what `late` returns. */
async function within<T>(promise: Promise<T>, milliseconds: number, late: () => T | Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const isLate = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds))).then(late);
  return Promise.race([promise, isLate]).finally(() => clearTimeout(timer));
}
