/** The power button: firmware, boot menu, hypervisor, dom0, xenstored, toolstack, autostart, each stage timed. */
import { EventEmitter } from "node:events";
import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { MachineParts } from "../machine/core-instance.ts";
import { Host, type PowerState } from "../machine/host.ts";
import type { SerialOutput } from "../machine/serial-port.ts";
import {
  BOOT_CMDLINE,
  BOOT_CMDLINE_SIZE,
  BOOT_MEMORY_MIB,
  BOOT_PCPUS,
  BOOT_STAGE_DOM0_BUILT,
  BOOT_STAGE_FIRMWARE,
  BOOT_STAGE_HYPERVISOR,
  BOOT_STAGE_LOADED,
  BOOT_STAGE_MEMORY,
  BOOT_STAGE_PCPUS,
  BOOT_STAGE_SERIAL,
  BOOT_STAGE_TIMES,
  BOOT_WALLCLOCK,
  BOOT_WEAK_ORDER,
  XEN_HEAP_START,
} from "../machine/layout.ts";
import { DEFAULT_BOOT_CONFIG, checkedEntry, type BootConfig } from "./boot-config.ts";
import { ToolstackClient } from "./client.ts";
import type { KeptNetwork } from "../dom0/network/networks.ts";
import type { AutostartEntry, Dom0WorkerData, FrozenImage, ToolstackEvents } from "./messages.ts";

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
  /** Where what is written to disposable disks lies until it is thrown away; the system's own if not given. */
  scratchFolder?: string;
  /** Where what domains write on their consoles is kept in files; in none if not given. */
  consoleFolder?: string;
  /** Networks as they were when the host was on before. */
  networks?: readonly KeptNetwork[];
  /** Images that nobody may write. */
  frozen?: readonly FrozenImage[];
}

/** The hypervisor's image, the boot loader's one module. */
const IMAGE = "core.wasm";
export const DEFAULT_MEMORY_MIB = 1024;
export function defaultPcpus(): number {
  return availableParallelism();
}

export interface BootStage {
  name: string;
  milliseconds: number;
  /** Bytes that the serial port had been given when it ended. */
  serial: number;
  /** What it consisted of, where that is known; with the nanoseconds since power-on when each ended. */
  parts: { name: string; end: number }[];
}

/** What the hypervisor's start consists of. */
const HYPERVISOR_PARTS: [stage: number, name: string][] = [
  [BOOT_STAGE_HYPERVISOR, "First instruction"],
  [BOOT_STAGE_MEMORY, "Memory laid out"],
  [BOOT_STAGE_PCPUS, "pCPUs brought up"],
  [BOOT_STAGE_DOM0_BUILT, "dom0 built"],
];

/** What firmware and boot loader left in the machine's memory. Addresses and sizes in bytes. */
export interface BootHandover {
  pcpus: number;
  /** Loads and stores of the host's processors are ordered as x86's, or less strictly. */
  memoryOrder: "x86" | "weaker";
  /** Milliseconds since 1970 at power-on. */
  wallClock: number;
  /** The map that the hypervisor is given; `to` is one past the last byte. */
  e820: { from: number; to: number; type: "reserved" | "usable" }[];
  /** Xen's command line. */
  cmdline: string;
  modules: { name: string; bytes: number }[];
}

interface PoweredHostEvents {
  /** What the hypervisor has written to its serial console. */
  serial: [SerialOutput];
  stage: [BootStage];
  /** dom0 begins: its first events come after this. */
  toolstack: [ToolstackClient];
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
    this.#host.on("serial", (output) => this.emit("serial", output));
    this.#host.on("power", (event) => void this.#wentOff(event));
  }

  get toolstack(): ToolstackClient {
    if (!this.#toolstack) throw new Error("the host is powered off");
    return this.#toolstack;
  }

  /** The running machine: what lies in its memory may be read, to be shown. */
  get machine(): MachineParts {
    return this.#host.parts;
  }

  /** Throws when the host is off. */
  handover(): BootHandover {
    const { buffer } = this.#host.parts.memory;
    const memory = new DataView(buffer);
    const bytes = Buffer.from(new Uint8Array(buffer, BOOT_CMDLINE, BOOT_CMDLINE_SIZE));
    return {
      pcpus: memory.getUint32(BOOT_PCPUS, true),
      memoryOrder: memory.getUint32(BOOT_WEAK_ORDER, true) ? "weaker" : "x86",
      wallClock: Number(memory.getBigUint64(BOOT_WALLCLOCK, true) / 1_000_000n),
      e820: [
        { from: 0, to: XEN_HEAP_START, type: "reserved" },
        { from: XEN_HEAP_START, to: memory.getUint32(BOOT_MEMORY_MIB, true) * 2 ** 20, type: "usable" },
      ],
      cmdline: bytes.subarray(0, bytes.indexOf(0)).toString(),
      modules: [{ name: IMAGE, bytes: statSync(new URL(IMAGE, this.options.imageFolder)).size }],
    };
  }

  get isOn(): boolean {
    return this.#toolstack !== null && !this.#ending;
  }

  /** Resolves when dom0 is up and the autostart list is done; rejects when the host crashed on the way. */
  async start(): Promise<void> {
    const boot = this.options.boot ?? DEFAULT_BOOT_CONFIG;
    let began = 0;
    /** A stage that ended then, in nanoseconds since power-on. */
    const stage = (name: string, end: number, serial: number, parts: BootStage["parts"] = []): void => {
      this.#stage({ name, milliseconds: (end - began) / 1e6, serial, parts });
      began = end;
    };
    const autostart = [...(this.options.autostart ?? []), ...boot.autostart.map((configName) => ({ configName }))];
    const crashed = new Promise<never>((_, reject) =>
      this.once("off", ({ reason }) => reject(new Error(reason ?? "The host went off before it was up."))),
    );
    crashed.catch(() => {});
    const built = new Promise<void>((resolve) =>
      this.#host.on("stage", (reached, time) => {
        if (reached === BOOT_STAGE_FIRMWARE) stage("firmware", time, 0);
        // Its entry's hypervisor is loaded, with the entry's command line; who starts the host has chosen before.
        if (reached === BOOT_STAGE_LOADED) stage("boot menu", time, 0);
        if (reached !== BOOT_STAGE_DOM0_BUILT) return;
        const memory = new DataView(this.#host.parts.memory.buffer);
        const serial = memory.getUint32(BOOT_STAGE_SERIAL + 4 * BOOT_STAGE_DOM0_BUILT, true);
        const ends = HYPERVISOR_PARTS.map(([number, name]) => ({
          name,
          end: memory.getFloat64(BOOT_STAGE_TIMES + 8 * number, true),
        }));
        stage("hypervisor", time, serial, ends);
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
      ...(this.options.frozen !== undefined && { frozen: this.options.frozen }),
      ...(this.options.networks !== undefined && { networks: this.options.networks }),
      ...(this.options.scratchFolder !== undefined && { scratchFolder: this.options.scratchFolder }),
      ...(this.options.consoleFolder !== undefined && { consoleFolder: this.options.consoleFolder }),
      ...(this.options.consoleLogBytes !== undefined && { consoleLogBytes: this.options.consoleLogBytes }),
    };
    const dom0 = new Worker(new URL("dom0.js", this.options.imageFolder), { workerData: data, name: "dom0" });
    this.#dom0 = dom0;
    const toolstack = new ToolstackClient(dom0);
    this.#toolstack = toolstack;
    this.emit("toolstack", toolstack);
    // The first of dom0's stages includes the start of its thread.
    toolstack.on("stage", ({ name, milliseconds, serial }) => {
      if (name === "dom0") stage(name, this.#host.now(), serial);
      else this.#stage({ name, milliseconds, serial, parts: [] });
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
