/** The power button: firmware, boot menu, hypervisor, dom0, xenstored, toolstack, autostart, each stage timed. */
import { EventEmitter } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { Host, type PowerState } from "../machine/host.ts";
import { BOOT_STAGE_DOM0_BUILT, BOOT_STAGE_FIRMWARE, BOOT_STAGE_LOADED } from "../machine/layout.ts";
import { DEFAULT_BOOT_CONFIG, checkedEntry, type BootConfig } from "./boot-config.ts";
import { ToolstackClient } from "./client.ts";
import type { AutostartEntry, Dom0WorkerData, ToolstackEvents } from "./messages.ts";

export interface PowerOptions {
  memoryMiB?: number;
  pcpus?: number;
  boot?: BootConfig;
  /** Entry to start; the config's default otherwise. */
  bootEntry?: number;
  /** Domains to start beside the boot config's list. */
  autostart?: AutostartEntry[];
  /** Where core.wasm, pcpu.js and dom0.js are. */
  imageFolder: URL;
  consoleLogBytes?: number;
}

export const DEFAULT_MEMORY_MIB = 1024;
export function defaultPcpus(): number {
  return Math.max(1, availableParallelism() - 1);
}

export interface BootStage {
  name: string;
  milliseconds: number;
}

interface PoweredHostEvents {
  /** Bytes of the hypervisor's serial console. */
  serial: [Uint8Array];
  stage: [BootStage];
  /** The toolstack's notices, from the autostart list's on. */
  notice: [ToolstackEvents["notice"]];
  /** The host is off, by itself or on request; `reason` is a sentence when it crashed. */
  off: [{ state: PowerState; reboot: boolean; reason: string | null }];
}

/** A host that was switched on. Listen to its events before start(). */
export class PoweredHost extends EventEmitter<PoweredHostEvents> {
  readonly options: PowerOptions;
  readonly stages: BootStage[] = [];
  #host: Host;
  #dom0: Worker | null = null;
  #toolstack: ToolstackClient | null = null;
  /** Since the host went off: settled once `off` was emitted. */
  #ending: Promise<void> | null = null;

  constructor(options: PowerOptions) {
    super();
    this.options = options;
    const boot = options.boot ?? DEFAULT_BOOT_CONFIG;
    const entry = checkedEntry(boot, options.bootEntry ?? boot.defaultEntry);
    const { memoryMiB = DEFAULT_MEMORY_MIB, pcpus = defaultPcpus(), imageFolder } = options;
    this.#host = new Host({ memoryMiB, pcpus, cmdline: entry.cmdline, imageFolder });
    this.#host.on("serial", (bytes) => this.emit("serial", bytes));
    this.#host.on("power", (event) => void this.#wentOff(event));
  }

  get toolstack(): ToolstackClient {
    if (!this.#toolstack) throw new Error("the host is powered off");
    return this.#toolstack;
  }

  get isOn(): boolean {
    return this.#toolstack !== null && !this.#ending;
  }

  /** Resolves when dom0 is up and the autostart list is done; rejects when the host crashed on the way. */
  async start(): Promise<void> {
    const boot = this.options.boot ?? DEFAULT_BOOT_CONFIG;
    let began = 0;
    /** A stage that ended then, in nanoseconds since power-on. */
    const stage = (name: string, end: number): void => {
      this.#stage({ name, milliseconds: (end - began) / 1e6 });
      began = end;
    };
    const autostart = [...(this.options.autostart ?? []), ...boot.autostart.map((configName) => ({ configName }))];
    const crashed = new Promise<never>((_, reject) =>
      this.once("off", ({ reason }) => reject(new Error(reason ?? "The host went off before it was up."))),
    );
    crashed.catch(() => {});
    const built = new Promise<void>((resolve) =>
      this.#host.on("stage", (reached, time) => {
        if (reached === BOOT_STAGE_FIRMWARE) stage("firmware", time);
        // Its entry's hypervisor is loaded, with the entry's command line; who starts the host has chosen before.
        if (reached === BOOT_STAGE_LOADED) stage("boot menu", time);
        if (reached !== BOOT_STAGE_DOM0_BUILT) return;
        stage("hypervisor", time);
        resolve();
      }),
    );
    const parts = await this.#host.powerOn();
    if (this.#ending) {
      // The plug was pulled while the machine was put together.
      await this.#host.powerOff();
      await crashed;
    }
    await Promise.race([built, crashed]);

    const data: Dom0WorkerData = {
      ...parts,
      autostart,
      ...(this.options.consoleLogBytes !== undefined && { consoleLogBytes: this.options.consoleLogBytes }),
    };
    const dom0 = new Worker(new URL("dom0.js", this.options.imageFolder), { workerData: data, name: "dom0" });
    this.#dom0 = dom0;
    const toolstack = new ToolstackClient(dom0);
    this.#toolstack = toolstack;
    // The first of dom0's stages includes the start of its thread.
    toolstack.on("stage", ({ name, milliseconds }) => {
      if (name === "dom0") stage(name, this.#host.now());
      else this.#stage({ name, milliseconds });
    });
    toolstack.on("notice", (notice) => void this.emit("notice", notice));
    // dom0 is what the host is run by: without it, the host is of no use.
    toolstack.onClosed((reason) => {
      if (!this.#ending) void this.#crash(reason);
    });
    await Promise.race([toolstack.once("ready"), crashed]);
  }

  /** Shuts guests down (destroying those that don't obey in time), then the host. */
  async shutdown(graceMilliseconds: number): Promise<void> {
    if (this.#ending) return this.#ending;
    const off = new Promise<void>((resolve) => this.once("off", () => resolve()));
    const late = new Promise<void>((resolve) => setTimeout(resolve, graceMilliseconds + 3000).unref());
    await Promise.race([
      this.toolstack.request("hostShutdown", { graceMilliseconds }).then(() => off),
      off,
      late,
    ]).catch(() => {});
    await this.powerOff();
  }

  /** Pulls the plug. Resolves when the host is off, and was said to be. */
  async powerOff(): Promise<void> {
    if (this.#ending) return this.#ending;
    await this.#host.powerOff();
    await this.#wentOff({ state: "off", reboot: false, reason: null });
  }

  #stage(stage: BootStage): void {
    this.stages.push(stage);
    this.emit("stage", stage);
  }

  async #crash(reason: string): Promise<void> {
    if (this.#ending) return;
    // What follows is the consequence, not the reason.
    this.#host.removeAllListeners("power");
    await this.#host.powerOff();
    await this.#wentOff({ state: "crashed", reboot: false, reason });
  }

  #wentOff(event: { state: PowerState; reboot: boolean; reason: string | null }): Promise<void> {
    // Known before anything is told, or the toolstack's end would be taken for a crash.
    return (this.#ending ??= Promise.resolve().then(() => this.#end(event)));
  }

  async #end(event: { state: PowerState; reboot: boolean; reason: string | null }): Promise<void> {
    this.#toolstack?.close(event.reason ?? "The host is powered off.");
    await this.#dom0?.terminate();
    this.emit("off", event);
  }
}
