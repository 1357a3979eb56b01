/** The one host that a server manages: on, off, its log and its events. It outlives each power cycle. */
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import { BootConfigError, DEFAULT_BOOT_CONFIG, checkedEntry, type BootConfig } from "../toolstack/boot-config.ts";
import type { ToolstackClient } from "../toolstack/client.ts";
import type { CreateResult } from "../toolstack/messages.ts";
import { DEFAULT_MEMORY_MIB, PoweredHost, defaultPcpus } from "../toolstack/power.ts";
import { ApiFailure } from "./failure.ts";
import type { EventName, Events, HostPower, HostState } from "./schema.ts";

export interface HostServiceOptions {
  /** Where core.wasm and the workers' scripts are. */
  imageFolder: URL;
  /** The bundled guest's image. */
  bundledGuest: URL;
  memoryMiB?: number;
  pcpus?: number;
  /** The boot menu, and the number of its entry to boot unless another is asked for. */
  boot?: BootConfig;
  bootEntry?: number;
  /** The application's first power-on starts the bundled guest: something to look at, with nothing downloaded. */
  firstGuest?: boolean;
}

export interface PowerOnOptions {
  memoryMiB?: number;
  pcpus?: number;
  bootEntry?: number;
}

/** Characters of the Xen log that are kept. */
const LOG_CHARACTERS = 512 * 1024;
const GRACE_MS = 10_000;
const FORWARDED = ["domains", "created", "stopped", "destroyed", "console"] as const;

const bundledName = (number: number): string => `mini-${number}`;

type HostServiceEvents = { [E in EventName]: [Events[E]] };

export class HostService extends EventEmitter<HostServiceEvents> {
  readonly #options: HostServiceOptions;
  #host: PoweredHost | null = null;
  #power: HostPower = "off";
  #reason: string | null = null;
  #memoryMiB: number;
  #pcpus: number;
  readonly #boot: BootConfig;
  #bootEntry: number;
  #log = "";
  #bundled = 0;
  /** Still to be started. */
  #firstGuest: boolean;
  #firstGuestName: string | null = null;
  #stopping: Promise<void> | null = null;
  /** The host that was powered off on request; its start, if it was still under way, did not fail. */
  #switchedOff: PoweredHost | null = null;

  constructor(options: HostServiceOptions) {
    super();
    // Every session listens.
    this.setMaxListeners(0);
    this.#options = options;
    this.#firstGuest = options.firstGuest ?? false;
    this.#memoryMiB = options.memoryMiB ?? DEFAULT_MEMORY_MIB;
    this.#pcpus = options.pcpus ?? defaultPcpus();
    this.#boot = options.boot ?? DEFAULT_BOOT_CONFIG;
    this.#bootEntry = options.bootEntry ?? this.#boot.defaultEntry;
    checkedEntry(this.#boot, this.#bootEntry);
  }

  get state(): HostState {
    return {
      power: this.#power,
      stages: [...(this.#host?.stages ?? [])],
      reason: this.#reason,
      memoryMiB: this.#memoryMiB,
      pcpus: this.#pcpus,
      bootEntries: this.#boot.entries.map(({ title, cmdline }) => ({ title, cmdline })),
      bootEntry: this.#bootEntry,
      firstGuest: this.#firstGuestName,
    };
  }

  /** What the hypervisor has printed since power-on, its end if that is much. */
  get log(): string {
    return this.#log;
  }

  /** Throws ApiFailure EOFF while the host does not run. */
  get toolstack(): ToolstackClient {
    if (this.#power !== "running" || !this.#host)
      throw new ApiFailure("EOFF", `The host is ${this.#power}; power it on first.`);
    return this.#host.toolstack;
  }

  /**
   * Resolves when dom0 is up. Throws ApiFailure: EBUSY unless the host is off, ECANCELED if it was powered off before it was
   * up, EIO if it could not start. EINVAL for an entry that the boot menu has not and RangeError for memory or pCPUs that no
   * host has change nothing.
   */
  async powerOn({ memoryMiB, pcpus, bootEntry }: PowerOnOptions = {}): Promise<HostState> {
    if (this.#power !== "off" && this.#power !== "crashed")
      throw new ApiFailure("EBUSY", `The host is ${this.#power} already.`);
    const size = { memoryMiB: memoryMiB ?? this.#memoryMiB, pcpus: pcpus ?? this.#pcpus };
    const entry = bootEntry ?? this.#bootEntry;
    this.#checkEntry(entry);
    const autostart = this.#firstGuest ? [this.#bundledEntry(1, 2)] : [];
    const host = new PoweredHost({
      imageFolder: this.#options.imageFolder,
      boot: this.#boot,
      bootEntry: entry,
      autostart,
      ...size,
    });
    this.#firstGuestName = this.#firstGuest ? bundledName(1) : null;
    this.#firstGuest = false;
    this.#memoryMiB = size.memoryMiB;
    this.#pcpus = size.pcpus;
    this.#bootEntry = entry;
    this.#log = "";
    this.#reason = null;
    this.#host = host;
    const decoder = new TextDecoder("latin1");
    host.on("serial", (bytes) => {
      const text = decoder.decode(bytes, { stream: true });
      this.#log = (this.#log + text).slice(-LOG_CHARACTERS);
      this.emit("xenLog", { text });
    });
    host.on("stage", () => this.#changed());
    host.on("notice", (notice) => void this.emit("notice", notice));
    host.on("off", ({ state, reason }) => {
      this.#power = state === "crashed" ? "crashed" : "off";
      this.#reason = reason;
      this.#changed();
      this.emit("domains", { domains: [] });
    });
    this.#power = "starting";
    this.#changed();
    try {
      await host.start();
      if (!host.isOn) throw new Error("It went off as it came up.");
    } catch (error) {
      if (this.#switchedOff === host) throw new ApiFailure("ECANCELED", "The host was powered off before it was up.");
      await host.powerOff().catch(() => {});
      this.#power = "crashed";
      this.#reason = error instanceof Error ? error.message : String(error);
      this.#changed();
      throw new ApiFailure("EIO", `The host did not start: ${this.#reason}`);
    }
    const { toolstack } = host;
    for (const event of FORWARDED) toolstack.on(event, (data: unknown) => void this.emit(event, data as never));
    this.#power = "running";
    this.#changed();
    this.emit("domains", { domains: await toolstack.request("list") });
    return this.state;
  }

  /**
   * Guests get the time to power off; 0 pulls the plug. Nothing happens if the host is off. Asked again while the host stops,
   * it waits for the same, unless the plug is pulled.
   */
  async powerOff(graceMilliseconds = GRACE_MS): Promise<void> {
    const host = this.#host;
    if (!host || this.#power === "off" || this.#power === "crashed") return;
    if (this.#stopping) {
      if (graceMilliseconds === 0) await host.powerOff();
      return this.#stopping;
    }
    this.#switchedOff = host;
    const gracefully = this.#power === "running" && graceMilliseconds > 0;
    this.#power = "stopping";
    this.#stopping = gracefully ? host.shutdown(graceMilliseconds) : host.powerOff();
    this.#changed();
    try {
      await this.#stopping;
    } finally {
      this.#stopping = null;
    }
  }

  /** Starts the guest that comes with Xenarium, under a name that is free. */
  async createBundled(vcpus: number): Promise<CreateResult> {
    const taken = new Set((await this.toolstack.request("list")).map(({ name }) => name));
    do this.#bundled++;
    while (taken.has(bundledName(this.#bundled)));
    return this.toolstack.request("create", this.#bundledEntry(this.#bundled, vcpus));
  }

  #bundledEntry(
    number: number,
    vcpus: number,
  ): { config: string; configName: string; files: Record<string, Uint8Array> } {
    const config = `name = "${bundledName(number)}"\nkernel = "mini.elf"\nmemory = 32\nvcpus = ${vcpus}\n`;
    return { config, configName: "bundled guest", files: { "mini.elf": readFileSync(this.#options.bundledGuest) } };
  }

  #checkEntry(entry: number): void {
    try {
      checkedEntry(this.#boot, entry);
    } catch (error) {
      throw error instanceof BootConfigError ? new ApiFailure("EINVAL", error.message) : error;
    }
  }

  #changed(): void {
    this.emit("host", this.state);
  }
}
