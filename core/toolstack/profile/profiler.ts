/** Profiles a host that is on, from a thread of its own. */
import { Worker } from "node:worker_threads";
import type { PoweredHost } from "../power.ts";
import type { SamplerData } from "./sampler.ts";
import type { Profile } from "./samples.ts";

export class Profiler {
  readonly #worker: Worker;
  readonly #stop: Int32Array<SharedArrayBuffer>;
  readonly #profile: Promise<Profile>;

  static async start(host: PoweredHost): Promise<Profiler> {
    const { address } = await host.toolstack.request("statisticsArea");
    return new Profiler(host, address);
  }

  private constructor(host: PoweredHost, statistics: number) {
    this.#stop = new Int32Array(new SharedArrayBuffer(4));
    const data: SamplerData = { memory: host.machine.memory, statistics, stop: this.#stop.buffer };
    this.#worker = new Worker(new URL("profiler.js", host.options.imageFolder), { workerData: data, name: "profiler" });
    this.#profile = new Promise((resolve, reject) => {
      this.#worker.once("message", resolve);
      this.#worker.once("error", reject);
      this.#worker.once("exit", () => reject(new Error("the profiler's thread ended without a profile")));
    });
    // The caller of stop() is told.
    this.#profile.catch(() => {});
  }

  /** Returns what was seen since the start. It must be called while the host is on. */
  stop(): Promise<Profile> {
    Atomics.store(this.#stop, 0, 1);
    Atomics.notify(this.#stop, 0);
    return this.#profile;
  }
}
