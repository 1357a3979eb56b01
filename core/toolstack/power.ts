/** The power button: firmware, boot menu, hypervisor, dom0, xenstored, toolstack and autostart. The time of each stage is measured. */
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
  /** The entry to start; the config's default if it is not given. */
  bootEntry?: number;
  /** Domains to start in addition to those of the boot config. */
  autostart?: AutostartEntry[];
  /** The folder with core.wasm, pcpu.js and dom0.js. */
  imageFolder: URL;
  /** Folder in which translated code is kept for the next time. Without it none is kept. */
  codeCacheFolder?: string;
  consoleLogBytes?: number;
  /** Where what guests write to disposable disks lies until it is thrown away. If it is not given, the system's own folder is used. */
  scratchFolder?: string;
  /** Where what domains write on their consoles is kept in files. If it is not given, it is kept in none. */
  consoleFolder?: string;
  /** The networks as they were when the host was last on. */
  networks?: readonly KeptNetwork[];
  /** Images that nobody may write. */
  frozen?: readonly FrozenImage[];
}

/** The image of the hypervisor, which is the only module of the boot loader. */
const IMAGE = "core.wasm";
export const DEFAULT_MEMORY_MIB = 1024;
export function defaultPcpus(): number {
  return availableParallelism();
}

export interface BootStage {
  name: string;
  milliseconds: number;
  /** The bytes that the serial port had been given when the stage ended. */
  serial: number;
  /** The parts of the stage, where they are known, with the nanoseconds since power-on at which each ended. */
  parts: { name: string; end: number }[];
}

/** The parts of the hypervisor's start. */
const HYPERVISOR_PARTS: [stage: number, name: string][] = [
  [BOOT_STAGE_HYPERVISOR, "First instruction"],
  [BOOT_STAGE_MEMORY, "Memory laid out"],
  [BOOT_STAGE_PCPUS, "pCPUs brought up"],
  [BOOT_STAGE_DOM0_BUILT, "dom0 built"],
];

/** What firmware and boot loader left in the machine's memory. Addresses and sizes are in bytes. */
export interface BootHandover {
  pcpus: number;
  /** Whether loads and stores of this computer's processors are ordered as strictly as those of x86. */
  memoryOrder: "x86" | "weaker";
  /** Milliseconds since 1970 at power-on. */
  wallClock: number;
  /** The memory map that the hypervisor is given. `to` is one past the last byte. */
  e820: { from: number; to: number; type: "reserved" | "usable" }[];
  /** The command line of Xen. */
  cmdline: string;
  modules: { name: string; bytes: number }[];
}

interface PoweredHostEvents {
  /** What the hypervisor has written to its serial console. */
  serial: [SerialOutput];
  stage: [BootStage];
  /** dom0 begins. Its first events come after this one. */
  toolstack: [ToolstackClient];
  /** The notices of the toolstack, from the start of the autostart list on. */
  notice: [ToolstackEvents["notice"]];
  /** The host is off, by itself or on request. `reason` is a sentence if it crashed. */
  off: [{ state: PowerState; reboot: boolean; reason: string | null }];
}

/** A host that has been switched on. Listen to its events before calling start(). */
export class PoweredHost extends EventEmitter<PoweredHostEvents> {
  readonly options: PowerOptions;
  readonly stages: BootStage[] = [];
  #host: Host;
  #dom0: Worker | null = null;
  #toolstack: ToolstackClient | null = null;
  /** Set when the host goes off. It is settled once `off` has been emitted. */
  #ending: Promise<void> | null = null;

  constructor(options: PowerOptions) {
    super();
    this.options = options;
    const boot = options.boot ?? DEFAULT_BOOT_CONFIG;
    const entry = checkedEntry(boot, options.bootEntry ?? boot.defaultEntry);
    const { memoryMiB = DEFAULT_MEMORY_MIB, pcpus = defaultPcpus(), imageFolder, codeCacheFolder } = options;
    this.#host = new Host({ memoryMiB, pcpus, cmdline: entry.cmdline, imageFolder, codeCacheFolder });
    this.#host.on("serial", (output) => this.emit("serial", output));
    this.#host.on("power", (event) => void this.#wentOff(event));
  }

  get toolstack(): ToolstackClient {
    if (!this.#toolstack) throw new Error("the host is powered off");
    return this.#toolstack;
  }

  /** The running machine. What lies in its memory may be read, in order to be shown. */
  get machine(): MachineParts {
    return this.#host.parts;
  }

  /** Throws if the host is off. */
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

  /** Resolves when dom0 is up and the autostart list is done. Rejects if the host crashes before that. */
  async start(): Promise<void> {
    const boot = this.options.boot ?? DEFAULT_BOOT_CONFIG;
    let began = 0;
    /** Adds a stage that ended at that time, in nanoseconds since power-on. */
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
        // The hypervisor of the entry is loaded, with the entry's command line. Whoever starts the host has chosen the entry before.
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
      // The plug was pulled while the machine was being put together.
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
    // The host is run from dom0. Without it the host is of no use.
    toolstack.onClosed((reason) => {
      if (!this.#ending) void this.#crash(reason);
    });
    await Promise.race([toolstack.once("ready"), crashed]);
  }

  /** Shuts the guests down, destroys those that don't obey in time, and then shuts the host down. */
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

  /** Pulls the plug. Resolves when the host is off and `off` has been emitted. */
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
    // What follows is the consequence of this, not its reason.
    this.#host.removeAllListeners("power");
    await this.#host.powerOff();
    await this.#wentOff({ state: "crashed", reboot: false, reason });
  }

  #wentOff(event: { state: PowerState; reboot: boolean; reason: string | null }): Promise<void> {
    // This is set before anybody is told, because otherwise the end of the toolstack would be taken for a crash.
    return (this.#ending ??= Promise.resolve().then(() => this.#end(event)));
  }

  async #end(event: { state: PowerState; reboot: boolean; reason: string | null }): Promise<void> {
    this.#toolstack?.close(event.reason ?? "The host is powered off.");
    await this.#dom0?.terminate();
    this.emit("off", event);
  }
}
