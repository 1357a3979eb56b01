/** The only host that a server manages: its power, its log and its events. This object outlives each power cycle. */
import { randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import path from "node:path";
import { releaseImages } from "../dom0/storage/image-locks.ts";
import { Library } from "../library/library.ts";
import type { ToolstackClient } from "../toolstack/client.ts";
import type { AutostartEntry, CreateResult, FrozenImage, StatisticsSnapshot } from "../toolstack/messages.ts";
import { PoweredHost } from "../toolstack/power.ts";
import { Tracer } from "../toolstack/trace/tracer.ts";
import { BootMenu, afterRemoval } from "./boot-menu.ts";
import { BundledGuest } from "./bundled-guest.ts";
import { Captures } from "./captures.ts";
import { CrashReports } from "./crash-reports.ts";
import { DiskImages } from "./disk-images.ts";
import { DomainBin } from "./domain-bin.ts";
import { Fetching } from "./fetching.ts";
import { ApiFailure } from "./failure.ts";
import { Marks } from "./history/marks.ts";
import { ImageLibrary } from "./image-library.ts";
import { HostSize, thisComputer, type Size } from "./host-size.ts";
import { KernelLibrary } from "./kernel-library.ts";
import { HostJournal } from "./journal/host-journal.ts";
import { LiveHistory } from "./history/live.ts";
import { Recorder } from "./history/recorder.ts";
import type { HostServiceOptions, PowerOnOptions } from "./host-options.ts";
import { Sampler } from "./sampler.ts";
import { KeptNetworks } from "./kept-networks.ts";
import { KeptDomains } from "./kept-domains.ts";
import { KeptDefinitions } from "./snapshot-definitions.ts";
import { Snapshots } from "../library/snapshots/snapshots.ts";
import { Stops } from "./stops.ts";
import { Transfers } from "./transfers.ts";
import type { BootReport, EventName, Events, HostPower, HostState } from "./schema.ts";
import { LogFeed } from "./log-feed.ts";
import type { XenLog } from "./xen-log.ts";

const LIVE_MS = 1000;
const GRACE_MS = 10_000;
const MOST_NOTICES = 16;
const BIN_LOOK_MS = 600_000;
const FORWARDED = ["domains", "created", "stopped", "destroyed", "saving", "console"] as const;

type HostServiceEvents = { [E in EventName]: [Events[E]] };

export class HostService extends EventEmitter<HostServiceEvents> {
  readonly #options: HostServiceOptions;
  #host: PoweredHost | null = null;
  #tracer: Tracer | null = null;
  #power: HostPower = "off";
  #reason: string | null = null;
  #cycle: string | null = null;
  readonly #computer = thisComputer();
  readonly #size: HostSize;
  /** The size at the last power-on. */
  #had: Size;
  readonly #boot: BootMenu;
  #bootEntry: number;
  /** A day of figures. */
  readonly history: Recorder;
  /** Ten minutes of finer figures: once a second while somebody follows them, otherwise as often as those of the day are measured. */
  readonly live = new LiveHistory();
  readonly #following = new Sampler(
    async () => void this.emit("statistics", await this.statistics()),
    () => this.#power === "running",
  );
  #followers = 0;
  /** Tasks of clients, and events, for all windows. */
  readonly journal: HostJournal;
  readonly #marks: Marks;
  /** How domains have stopped since power-on. */
  readonly stops = new Stops();
  readonly crashes = new CrashReports();
  /** The definitions of domains, and what runs of them. */
  readonly library: Library;
  readonly kept: KeptDomains;
  readonly snapshots: Snapshots;
  readonly bin: DomainBin;
  readonly images: DiskImages;
  readonly imageLibrary: ImageLibrary;
  readonly fetching: Fetching;
  readonly transfers: Transfers;
  readonly captures: Captures;
  readonly kernels: KernelLibrary;
  readonly #networks: KeptNetworks;
  #notices: Events["notice"][] = [];
  readonly #log = new LogFeed((news) => void this.emit("xenLog", news));
  /** The guest that comes with Xenarium. */
  readonly #bundled: BundledGuest;
  #stopping: Promise<void> | null = null;
  /** A power-on that still finds out what it has to start. */
  #preparing: { done: Promise<void>; isCalledOff: boolean } | null = null;
  /** The host that was powered off on request. If it was still starting, that is no failure. */
  #switchedOff: PoweredHost | null = null;
  /** Whether it is going off only to come on again. */
  #rebooting = false;

  constructor(options: HostServiceOptions) {
    super();
    // Every session listens, so there is no limit.
    this.setMaxListeners(0);
    this.#options = options;
    this.journal = new HostJournal(
      (entries) => void this.emit("journal", { entries }),
      {
        gone: (domid) => this.stops.all.findLast((stop) => stop.domid === domid)?.name ?? null,
        kept: (uuid) => this.library.find(uuid)?.name ?? null,
      },
      options.guestPatienceMilliseconds,
    );
    this.on("host", (state) => this.journal.host(state));
    this.on("notice", (notice) => this.journal.notice(notice));
    const tell = (message: string): void => {
      const notice = { severity: "warning", message, domid: null } as const;
      this.#notices = [...this.#notices.slice(1 - MOST_NOTICES), notice];
      this.emit("notice", notice);
    };
    const { memoryMiB, pcpus } = options;
    this.#size = new HostSize(
      { ...(memoryMiB !== undefined && { memoryMiB }), ...(pcpus !== undefined && { pcpus }) },
      options.sizeFile ?? null,
      this.#computer,
      tell,
    );
    this.#had = this.#size.next;
    this.#boot = new BootMenu(options.boot, options.bootFile, tell);
    this.#bootEntry = options.bootEntry ?? this.#boot.config.defaultEntry;
    this.#boot.check(this.#bootEntry);
    this.library = new Library(options.libraryFolder ?? null, {
      changed: () => this.kept.changed(),
      warn: tell,
      savedBefore: options.savedFolder ?? null,
      purging: (folder, away) => this.bin.purging(folder, away),
    });
    this.kept = new KeptDomains({
      library: this.library,
      toolstack: () => this.toolstack,
      tell: (domains) => void this.emit("kept", { domains }),
      current: (uuid, config, configName) => this.snapshots.currentConfig(uuid, config, configName),
      giveWay: (uuid) => this.snapshots.giveWay(uuid),
      notice: (severity, message) => void this.emit("notice", { severity, message, domid: null }),
    });
    // In this order: what lies there of domains and snapshots may need the images and kernels that lie there.
    const lookThroughBins = async (): Promise<void> => {
      await this.bin.purgeOld();
      for (const each of [this.snapshots, this.imageLibrary, this.kernels, this.captures])
        await each.purgeOld().catch(() => {});
    };
    void this.library.open().then(lookThroughBins);
    setInterval(() => void lookThroughBins(), BIN_LOOK_MS).unref();
    this.snapshots = new Snapshots({
      folder: options.libraryFolder === undefined ? null : path.join(options.libraryFolder, "domains"),
      definitions: new KeptDefinitions(this.library, this.kept),
      toolstack: () => (this.#power === "running" ? (this.#host?.toolstack ?? null) : null),
      alone: (uuid, deed) => this.kept.during(uuid, "snapshot", deed),
      changed: (uuid, work) => void this.emit("snapshots", { uuid, work }),
      warn: tell,
    });
    this.bin = new DomainBin(this.library, this.snapshots);
    this.images = new DiskImages(options.imagesFolder ?? null);
    void this.images.start();
    this.fetching = new Fetching(
      options.downloads ?? null,
      this.images,
      this.journal,
      (downloads) => void this.emit("downloads", { downloads }),
    );
    void this.fetching.start();
    const { library, kept, images, journal } = this;
    this.transfers = new Transfers({ library, kept, images, journal, scratch: options.transferFolder ?? null });
    this.captures = new Captures(options.capturesFolder ?? null);
    this.#bundled = new BundledGuest(options.bundledGuest, library, kept, options.firstGuest ?? false);
    const toolstack = (): ToolstackClient | null => (this.#power === "running" ? this.toolstack : null);
    this.kernels = new KernelLibrary({ folder: this.fetching.kernels, library, snapshots: this.snapshots, toolstack });
    this.imageLibrary = new ImageLibrary({ images, library, kept, snapshots: this.snapshots, journal, toolstack });
    this.#networks = new KeptNetworks(options.networksFile ?? null, tell);
    this.history = new Recorder(options.history ?? {}, {
      measure: () => this.statistics(),
      tell,
      marked: (mark) => void this.emit("mark", mark),
    });
    this.#marks = new Marks((uuid, title, trouble) => this.history.event(uuid, title, trouble));
  }

  get state(): HostState {
    return {
      power: this.#told,
      cycle: this.#cycle,
      stages: (this.#host?.stages ?? []).map(({ name, milliseconds }) => ({ name, milliseconds })),
      reason: this.#reason,
      ...this.#had,
      next: this.#size.next,
      computer: this.#computer,
      bootEntries: this.#boot.config.entries.map(({ title, cmdline }) => ({ title, cmdline })),
      bootEntry: this.#bootEntry,
      firstGuest: this.#bundled.firstName,
    };
  }

  /** What clients that connect later should still know: what was found when the application started. */
  get notices(): readonly Events["notice"][] {
    return this.#notices;
  }

  /** What the hypervisor has printed since power-on. */
  get log(): XenLog {
    return this.#log.log;
  }

  /** The same for a client that listens to `xenLog` events from then on. */
  attachLog(): Events["xenLog"] {
    return this.#log.attach();
  }

  #notRunning(): ApiFailure {
    const advice = this.#told === "starting" ? "ask again when it runs" : "power it on first";
    return new ApiFailure("EOFF", `The host is ${this.#told}; ${advice}.`);
  }

  /** The state that clients are told: it is "starting" as soon as power-on was requested, even while the library is still being read. */
  get #told(): HostPower {
    return this.#preparing ? "starting" : this.#power;
  }

  /** Throws ApiFailure EOFF while the host does not run. */
  get toolstack(): ToolstackClient {
    if (this.#power !== "running" || !this.#host) throw this.#notRunning();
    return this.#host.toolstack;
  }

  /** Throws ApiFailure EOFF while the host does not run. */
  async statistics(): Promise<StatisticsSnapshot> {
    const snapshot = await this.toolstack.request("statistics");
    this.#marks.figures(snapshot);
    this.stops.figures(snapshot);
    this.journal.figures(snapshot);
    this.live.add(snapshot);
    return snapshot;
  }

  /** Measures once a second for all who follow, and reports by `statistics` events. The returned function ends this. */
  follow(): () => void {
    if (this.#followers++ === 0) this.#following.every(LIVE_MS);
    return () => {
      if (--this.#followers === 0) this.#following.every(0);
    };
  }

  /** Called at dom0's first sign of life, so that what autostart creates is noticed too. */
  #follow(toolstack: ToolstackClient): void {
    const hear = [this.#marks, this.journal] as const;
    toolstack.on("created", (created) => hear.forEach((each) => each.created(created)));
    toolstack.on("domains", ({ domains }) => [...hear, this.stops].forEach((each) => each.domains(domains)));
    toolstack.on("stopped", ({ domid, reason }) => {
      if (reason === "crash") this.crashes.crashed(domid, toolstack, () => this.log.lines);
    });
    toolstack.on("stopped", (stopped) => [...hear, this.stops].forEach((each) => each.stopped(stopped)));
    toolstack.on("destroyed", (destroyed) => [...hear, this.stops].forEach((each) => each.destroyed(destroyed)));
    toolstack.on("saving", (saving) => this.journal.saving(saving));
  }

  /** The tracer of the running host. Throws ApiFailure EOFF while none runs. */
  get tracer(): Tracer {
    if (this.#power !== "running" || !this.#tracer) throw this.#notRunning();
    return this.#tracer;
  }

  /**
   * Resolves when dom0 is up. Throws ApiFailure: EBUSY unless the host is off, ECANCELED if it was powered off before it was up, EIO if it could not
   * start. EINVAL for an entry that the boot menu does not have, and RangeError for a size that no host can have, change nothing.
   */
  async powerOn(options: PowerOnOptions = {}): Promise<HostState> {
    if (this.#told !== "off" && this.#told !== "crashed")
      throw new ApiFailure("EBUSY", `The host is ${this.#told} already.`);
    return this.#poweredOn(options).finally(() => this.kept.booted());
  }

  async #poweredOn({ memoryMiB, pcpus, bootEntry }: PowerOnOptions): Promise<HostState> {
    const { next } = this.#size;
    const size = { memoryMiB: memoryMiB ?? next.memoryMiB, pcpus: pcpus ?? next.pcpus };
    const entry = bootEntry ?? this.#bootEntry;
    this.#boot.check(entry);
    const autostart = this.#autostart();
    const done = autostart.then(
      () => {},
      () => {},
    );
    const preparing = { done, isCalledOff: false };
    this.#preparing = preparing;
    this.#changed();
    const starts = await autostart.finally(() => (this.#preparing = null));
    if (preparing.isCalledOff) {
      this.#changed();
      throw new ApiFailure("ECANCELED", "The host was powered off before it was up.");
    }
    const host = new PoweredHost({
      imageFolder: this.#options.imageFolder,
      ...(this.#options.codeCacheFolder !== undefined && { codeCacheFolder: this.#options.codeCacheFolder }),
      // The menu's list of autostart files is already among those that are started.
      boot: { ...this.#boot.config, autostart: [] },
      bootEntry: entry,
      autostart: starts.entries,
      networks: this.#networks.all,
      frozen: starts.frozen,
      ...(this.#options.scratchFolder !== undefined && { scratchFolder: this.#options.scratchFolder }),
      ...(this.#options.consoleFolder !== undefined && { consoleFolder: this.#options.consoleFolder }),
      ...size,
    });
    this.#had = size;
    this.#size.chosen(size);
    this.#bootEntry = entry;
    this.#reason = null;
    this.#cycle = randomUUID();
    this.#host = host;
    this.#tracer = new Tracer(host);
    const log = this.#log.begin();
    this.stops.clear();
    this.crashes.clear();
    this.live.clear();
    host.on("serial", (output) => this.#log.add(log, output));
    host.on("stage", () => this.#changed());
    host.on("toolstack", (toolstack) => {
      this.#follow(toolstack);
      this.kept.follow(toolstack);
    });
    host.on("notice", (notice) => void this.emit("notice", notice));
    host.on("off", ({ state, reason }) => {
      this.#log.tell();
      this.#power = state === "crashed" ? "crashed" : "off";
      this.#reason = reason;
      this.history.stop();
      this.#marks.hostEnded(state === "crashed");
      this.stops.hostEnded();
      this.kept.hostEnded();
      releaseImages();
      this.history.event(null, `The host is ${this.#power}`, state === "crashed");
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
    // Snapshots may have been changed while the host came up.
    void this.snapshots.moved(null);
    this.history.event(null, "The host is running", false);
    this.history.start();
    this.#changed();
    this.emit("domains", { domains: await toolstack.request("list") });
    for (const uuid of starts.restore)
      await this.kept
        .restore(uuid, false)
        .catch((error: unknown) =>
          this.emit("notice", { severity: "error", message: (error as Error).message, domid: null }),
        );
    return this.state;
  }

  /** Returns what the host starts with: the domains to be started, and images that nobody may write. Never rejects. */
  async #autostart(): Promise<{ entries: AutostartEntry[]; restore: string[]; frozen: FrozenImage[] }> {
    const { entries, restore } = await this.kept.autostart(this.#boot.config.autostart);
    const first = await this.#bundled.first();
    // This comes when nothing more can be begun with the domains that are started.
    const frozen = await this.snapshots.frozen();
    return { entries: [...(first ? [first] : []), ...entries], restore, frozen };
  }

  /**
   * Gives guests time to power off; with 0 the plug is pulled. Does nothing if the host is off. Called again while the host stops, it waits for the
   * same end, unless the plug is pulled.
   */
  async powerOff(graceMilliseconds = GRACE_MS): Promise<void> {
    this.#rebooting = false;
    if (this.#preparing) {
      this.#preparing.isCalledOff = true;
      return this.#preparing.done;
    }
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
      await this.history.written();
    }
  }

  /**
   * Powers off as powerOff() does, and then on again with the same options. Throws ApiFailure as powerOn() does, EOFF unless the host runs, and
   * ECANCELED if somebody powers it off meanwhile; then it stays off.
   */
  async reboot(graceMilliseconds = GRACE_MS): Promise<HostState> {
    if (this.#power !== "running") throw this.#notRunning();
    const off = this.powerOff(graceMilliseconds);
    this.#rebooting = true;
    await off;
    if (!this.#rebooting) throw new ApiFailure("ECANCELED", "The host was powered off while it rebooted.");
    this.#rebooting = false;
    return this.powerOn();
  }

  /** Changes an entry of the boot menu, or adds one after the last, for the next power-on. */
  setBootEntry(entry: number, title: string, cmdline: string): HostState {
    this.#boot.set(entry, title, cmdline);
    this.#changed();
    return this.state;
  }

  /** Holds from the next power-on on. Throws ApiFailure EIO if it can't be kept. */
  setSize(size: Size): HostState {
    this.#size.set(size);
    this.#changed();
    return this.state;
  }

  removeBootEntry(entry: number): HostState {
    this.#boot.remove(entry);
    this.#bootEntry = afterRemoval(this.#bootEntry, entry);
    this.#changed();
    return this.state;
  }

  /** Returns how the host came up: what each stage printed, and what was built, as far as it got. */
  async bootReport(): Promise<BootReport> {
    const host = this.#host;
    let from = 0;
    const stages = (host?.stages ?? []).map(({ name, milliseconds, serial, parts }) => {
      const log = this.log.bootText(from, serial);
      from = serial;
      return { name, milliseconds, log, parts };
    });
    const running = this.#power === "running" && host !== null;
    return {
      stages,
      handover: running ? host.handover() : null,
      built: running ? await host.toolstack.request("bootBuilt") : null,
    };
  }

  /** Makes a running domain from a snapshot. */
  async cloneSnapshot(
    uuid: string,
    snapshot: string,
    name: string,
  ): Promise<{ uuid: string; name: string; domid: number | null }> {
    const made = await this.snapshots.clone(uuid, snapshot, name);
    if (made.domid !== null || this.#power !== "running") return made;
    return { ...made, domid: (await this.kept.start(made.uuid, false)).domid };
  }

  /** Called when networks have changed: keeps their present state. Throws ApiFailure EIO if that fails. */
  async keepNetworks(): Promise<void> {
    try {
      await this.#networks.keep((await this.toolstack.request("networkList")).filter(({ backend }) => backend === 0));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new ApiFailure("EIO", `It is done, but will be forgotten when the host goes off: ${why}.`);
    }
  }

  /** Starts the guest that comes with Xenarium, under a free name. */
  async createBundled(vcpus: number): Promise<CreateResult> {
    return this.kept.create(this.#bundled.take(await this.toolstack.request("list"), vcpus));
  }

  /** Returns what the next such guest would be created from. */
  async bundled(vcpus: number): Promise<{ config: string; files: Record<string, Uint8Array> }> {
    return this.#bundled.next(await this.toolstack.request("list"), vcpus);
  }

  /** Returns the folder whose kernels a client may start; null when it may start none. */
  kernelFolder(mayNameFiles: boolean): string | null {
    return this.#options.kernelFolder ?? (mayNameFiles ? "/boot" : null);
  }

  #changed(): void {
    this.emit("host", this.state);
  }
}
