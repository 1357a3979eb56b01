/** One client's session: its requests are checked and carried out, its subscriptions are its own and end with it. */
import { z } from "zod";
import { ToolstackError } from "../toolstack/client.ts";
import type { ToolstackRequests } from "../toolstack/messages.ts";
import { parseXlConfig } from "../toolstack/xlcfg.ts";
import { ApiFailure } from "./failure.ts";
import { FileReads } from "./file-reads.ts";
import { SessionFiles } from "./files.ts";
import type { Client } from "./journal/entry.ts";
import { configuredName } from "./journal/tasks.ts";
import { hostKernels, readBootFile } from "./host-kernels.ts";
import type { HostService, PowerOnOptions } from "./host-service.ts";
import {
  REQUESTS,
  type ApiErrorData,
  type Arguments,
  type EventName,
  type Events,
  type RequestName,
  type Results,
  type ServerMessage,
  type TakenImage,
} from "./schema.ts";
import { Sampler } from "./sampler.ts";
import { StoreWatches } from "./store-watches.ts";
import { SessionTraces } from "./traces.ts";

/** The server's end of one connection. */
export interface Connection {
  send(message: ServerMessage): void;
  /** Bytes that wait to be sent. A slow reader's events are left out or its connection ended by this. */
  readonly backlog: number;
  /** Ends the connection; the client sees the reason if the transport can say it. */
  end(reason: string): void;
  /**
   * Its user may name files of this machine (the command line's own user). Other clients start only what they gave
   * themselves or what is bundled: they reach no file of the user's.
   */
  readonly mayNameFiles: boolean;
}

/** Figures are left out beyond this; a client that lets more than the second wait is disconnected. */
const BACKLOG_DROPS: number = 1024 * 1024;
const BACKLOG_ENDS: number = 32 * 1024 * 1024;
/** Requests of one client that are under way; more are refused. */
const MOST_REQUESTS = 256;
const EVERYONES = ["host", "domains", "created", "stopped", "destroyed", "saving", "saved", "notice", "mark"] as const;

/** Of those that have not named themselves. */
let nextSession = 1;

type Handlers = { [N in RequestName]: (args: z.output<(typeof REQUESTS)[N]>) => Results[N] | Promise<Results[N]> };

export class Session {
  readonly #connection: Connection;
  readonly #host: HostService;
  readonly #id = crypto.randomUUID();
  readonly #files = new SessionFiles();
  readonly #reads: FileReads;
  readonly #consoles = new Set<number>();
  readonly #storeWatches: StoreWatches;
  readonly #traces: SessionTraces;
  readonly #disposals: (() => void)[] = [];
  readonly #handlers: Handlers;
  readonly #statistics: Sampler;
  readonly #wiring: Sampler;
  #wiringOf = 0;
  #search: Promise<unknown> = Promise.resolve();
  #inspection: Promise<unknown> = Promise.resolve();
  #taking: Promise<unknown> = Promise.resolve();
  #xenLog = false;
  /** It has asked what a file is: that may still be looked for when it ends. */
  #inspects = false;
  #journal = false;
  /** Who it is, for the journal. */
  #who: Client;
  /** Ends the following of the figures; null where it follows none. */
  #unfollow: (() => void) | null = null;
  #ended = false;
  #underWay = 0;

  constructor(host: HostService, connection: Connection) {
    this.#host = host;
    this.#connection = connection;
    // Who names files is the user's command line.
    const words = connection.mayNameFiles ? "The command line" : "Another window";
    this.#who = { id: `session-${nextSession++}`, words };
    this.#reads = new FileReads(this.#files, host.journal, () => this.#who);
    this.#storeWatches = new StoreWatches(
      (data) => this.#event("xenstoreChanged", data),
      () => connection.backlog > BACKLOG_DROPS,
    );
    this.#traces = new SessionTraces(
      (data) => this.#event("trace", data),
      () => connection.backlog > BACKLOG_DROPS,
    );
    const mayMeasure = (): boolean =>
      !this.#ended && host.state.power === "running" && connection.backlog <= BACKLOG_DROPS;
    this.#statistics = new Sampler(async () => this.#event("statistics", await host.statistics()), mayMeasure);
    this.#wiring = new Sampler(
      async () => this.#event("wiring", await host.toolstack.request("wiring", { domid: this.#wiringOf })),
      mayMeasure,
    );
    this.#handlers = this.#makeHandlers();
    for (const event of EVERYONES) this.#listen(event, (data) => this.#event(event, data));
    this.#listen("console", (data) => {
      if (this.#consoles.has(data.domid)) this.#event("console", data);
    });
    this.#listen("xenLog", (data) => {
      if (this.#xenLog) this.#event("xenLog", data);
    });
    this.#listen("journal", (data) => {
      if (this.#journal) this.#event("journal", data);
    });
    this.#listen("statistics", (data) => {
      if (this.#unfollow && connection.backlog <= BACKLOG_DROPS) this.#event("statistics", data);
    });
    // A new power cycle has other domains under the same numbers.
    this.#listen("host", ({ power }) => {
      if (power !== "starting") return;
      this.#consoles.clear();
      this.#storeWatches.forget();
      this.#traces.end();
    });
    this.#event("host", host.state);
    for (const notice of host.notices) this.#event("notice", notice);
  }

  /** One message as the transport decoded it; anything may be in it. */
  async receive(message: unknown): Promise<void> {
    if (this.#ended) return;
    const frame = MESSAGE.safeParse(message);
    if (!frame.success) {
      this.#endBecause("That was no request: a request has a numeric id, a name and arguments.");
      return;
    }
    const { id, request, args } = frame.data;
    this.#underWay++;
    try {
      if (this.#underWay > MOST_REQUESTS)
        throw new ApiFailure("EBUSY", `${MOST_REQUESTS} requests are under way; wait for some of them.`);
      const result = await this.#carryOut(request, args);
      this.#send({ id, result: result ?? null });
    } catch (error) {
      this.#send({ id, error: errorData(error) });
    } finally {
      this.#underWay--;
    }
  }

  /** The connection is gone. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const dispose of this.#disposals) dispose();
    this.#statistics.every(0);
    this.#unfollow?.();
    this.#wiring.every(0);
    this.#reads.end();
    for (const domid of this.#consoles) void this.#detach(domid).catch(() => {});
    this.#consoles.clear();
    this.#storeWatches.end();
    this.#traces.end();
    if (this.#inspects && this.#host.state.power === "running")
      void this.#host.toolstack.request("inspectCancel", { by: this.#id }).catch(() => {});
  }

  #listen<E extends EventName>(event: E, listener: (data: Events[E]) => void): void {
    const untyped = listener as (data: unknown) => void;
    this.#host.on(event, untyped as never);
    this.#disposals.push(() => this.#host.off(event, untyped as never));
  }

  #send(message: ServerMessage): void {
    if (this.#ended) return;
    this.#connection.send(message);
    if (this.#connection.backlog > BACKLOG_ENDS)
      this.#endBecause("This client does not read what it asked for: 32 MiB wait for it.");
  }
  /** Nothing is kept for a client that is being told to go: its connection may take long to close. */
  #endBecause(reason: string): void {
    this.end();
    this.#connection.end(reason);
  }
  #event<E extends EventName>(event: E, data: Events[E]): void {
    this.#send({ event, data });
  }

  #carryOut(request: string, args: unknown): unknown {
    if (!Object.hasOwn(REQUESTS, request))
      throw new ApiFailure("EBADREQUEST", `There is no request "${request.slice(0, 60)}".`);
    const name = request as RequestName;
    const checked = REQUESTS[name].safeParse(args ?? {});
    if (!checked.success) throw new ApiFailure("EBADREQUEST", `${name}: ${describe(checked.error)}`);
    return this.#asTask(name, checked.data, () => (this.#handlers[name] as (args: unknown) => unknown)(checked.data));
  }

  /** What is worth telling is a task of the host's journal, until it is answered or refused. */
  async #asTask(name: RequestName, args: object, carryOut: () => unknown): Promise<unknown> {
    const given = args as Record<string, unknown>;
    const end = this.#host.journal.asks(name, given, this.#who, this.#cancelOf(name, given));
    try {
      const result = await carryOut();
      end?.();
      return result;
    } catch (error) {
      const { code, message } = errorData(error);
      end?.({ message, cancelled: code === "ECANCELED" });
      throw error;
    }
  }

  /** What ends a request under way; null where nothing does. */
  #cancelOf(name: RequestName, { domid, config }: Record<string, unknown>): (() => void) | null {
    const host = this.#host;
    const ask = (deed: () => Promise<unknown>) => () =>
      void Promise.resolve()
        .then(deed)
        .catch(() => {});
    // A host that is not up yet goes off at once.
    if (name === "hostPowerOn") return ask(() => host.powerOff(0));
    if (name === "save") return ask(() => host.toolstack.request("saveCancel", { domid: domid as number }));
    const made = name === "create" ? configuredName(config) : null;
    return made === null ? null : ask(() => host.toolstack.request("createCancel", { name: made }));
  }

  /** What names a file of the host's user. */
  async #withFiles<N extends "deviceAttach" | "mediumInsert" | "networkCapture">(
    name: N,
    args: ToolstackRequests[N]["args"],
  ) {
    if (!this.#connection.mayNameFiles)
      throw new ApiFailure(
        "EACCES",
        "Files of the host's computer can be attached by its own user only: use the command line.",
      );
    return this.#host.toolstack.request(name, args);
  }

  #makeHandlers(): Handlers {
    const host = this.#host;
    const pass =
      <N extends RequestName>(name: N) =>
      (args: unknown): Promise<Results[N]> =>
        (host.toolstack.request as (name: string, args: unknown) => Promise<Results[N]>)(name, args);
    /** One look into a domain at a time, however many are asked for. */
    const inspect =
      <N extends RequestName>(name: N) =>
      (args: unknown): Promise<Results[N]> => {
        const found = this.#inspection.then(() => pass(name)(args));
        this.#inspection = found.catch(() => {});
        return found;
      };
    const look = (file: { name: string; bytes: Uint8Array }): Promise<Results["fileInspect"]> => {
      this.#inspects = true;
      return host.toolstack.request("inspect", { ...file, by: this.#id });
    };
    return {
      hostState: () => host.state,
      hostPowerOn: (options) => host.powerOn(given(options)),
      hostPowerOff: ({ graceMilliseconds }) => host.powerOff(graceMilliseconds).then(() => null),
      hostReboot: ({ graceMilliseconds }) => host.reboot(graceMilliseconds),
      hostInfo: pass("hostInfo"),
      dmesg: pass("dmesg"),
      list: pass("list"),
      vcpuList: pass("vcpuList"),
      resolve: pass("resolve"),
      statistics: () => host.statistics(),
      checkInvariants: pass("checkInvariants"),
      parseConfig: ({ config }) => parseXlConfig(config),
      create: (args) => this.#create(args),
      createCancel: pass("createCancel"),
      save: ({ domid, file, resume }) => host.save(domid, this.#named(file), resume ?? false),
      saveCancel: pass("saveCancel"),
      restore: ({ file, uuid, paused }) =>
        uuid !== undefined
          ? host.restoreSaved(uuid, paused ?? false)
          : host.toolstack.request("restore", { file: this.#named(file)!, paused: paused ?? false }),
      savedDomains: () => [...host.saved.all],
      savedDiscard: async ({ uuid }) => {
        await host.saved.discard(uuid);
        return null;
      },
      createBundled: ({ vcpus }) => host.createBundled(vcpus ?? 1),
      startAgain: pass("startAgain"),
      imageSources: () => this.#imageSources(),
      takeBundled: async () => {
        const { config, files } = await host.bundled(1);
        return { config, files: Object.entries(files).map(([name, bytes]) => this.#files.put(name, bytes)) };
      },
      takeHostKernel: ({ release }) => {
        // One at a time, so that what is read is counted before the next is.
        const taken = this.#taking.then(() => this.#takeHostKernel(release));
        this.#taking = taken.catch(() => {});
        return taken;
      },
      shutdown: pass("shutdown"),
      pause: pass("pause"),
      unpause: pass("unpause"),
      destroy: pass("destroy"),
      rename: pass("rename"),
      setScheduler: pass("setScheduler"),
      domainSettings: pass("domainSettings"),
      setAffinity: pass("setAffinity"),
      setMaxMemory: pass("setMaxMemory"),
      sysrq: pass("sysrq"),
      trigger: pass("trigger"),
      debugKeys: pass("debugKeys"),
      schedulerParameters: pass("schedulerParameters"),
      updateConfig: pass("updateConfig"),
      setVcpus: pass("setVcpus"),
      setMemory: pass("setMemory"),
      consoleAttach: async ({ domid }) => {
        if (this.#consoles.has(domid)) await this.#detach(domid);
        // Events between the snapshot and the answer are sent too; offsets tell the client what it has.
        this.#consoles.add(domid);
        try {
          return await host.toolstack.request("consoleAttach", { domid });
        } catch (error) {
          this.#consoles.delete(domid);
          throw error;
        }
      },
      consoleDetach: async ({ domid }) => {
        if (this.#consoles.delete(domid)) await this.#detach(domid);
        return null;
      },
      consoleInput: pass("consoleInput"),
      consoleLogs: pass("consoleLogs"),
      deviceAttach: (args) => this.#withFiles("deviceAttach", args),
      deviceDetach: pass("deviceDetach"),
      deviceList: pass("deviceList"),
      networkList: pass("networkList"),
      networkCreate: pass("networkCreate"),
      networkRemove: pass("networkRemove"),
      networkForward: pass("networkForward"),
      networkUnforward: pass("networkUnforward"),
      networkService: pass("networkService"),
      networkCapture: (args) => this.#withFiles("networkCapture", args),
      networkCaptureEnd: pass("networkCaptureEnd"),
      inspectDisk: ({ path, format }) => {
        this.#named(path);
        return host.toolstack.request("inspectDisk", { path, ...(format !== undefined && { format }) });
      },
      diskResize: pass("diskResize"),
      mediumInsert: (args) => this.#withFiles("mediumInsert", args),
      inspectRegisters: inspect("inspectRegisters"),
      inspectWalk: inspect("inspectWalk"),
      inspectFrame: inspect("inspectFrame"),
      inspectSymbol: inspect("inspectSymbol"),
      inspectMemory: inspect("inspectMemory"),
      inspectEvents: inspect("inspectEvents"),
      inspectGrants: inspect("inspectGrants"),
      xenstoreRead: pass("xenstoreRead"),
      xenstoreList: pass("xenstoreList"),
      xenstoreNodes: pass("xenstoreNodes"),
      xenstoreSearch: (args) => {
        // One walk through the tree at a time, however many are asked for.
        const found = this.#search.then(() => host.toolstack.request("xenstoreSearch", args));
        this.#search = found.catch(() => {});
        return found;
      },
      xenstoreAccounts: pass("xenstoreAccounts"),
      xenstoreWrite: pass("xenstoreWrite"),
      xenstoreMkdir: pass("xenstoreMkdir"),
      xenstoreRemove: pass("xenstoreRemove"),
      xenstoreSetPermissions: pass("xenstoreSetPermissions"),
      xenstoreWatch: ({ path }) => this.#storeWatches.add(host.toolstack, path),
      xenstoreUnwatch: ({ watch }) => this.#storeWatches.remove(watch),
      fileBegin: ({ name, size }) => ({ file: this.#reads.begin(name, size) }),
      fileChunk: ({ file, offset, bytes }) => {
        this.#reads.chunk(file, offset, bytes);
        return null;
      },
      fileInspect: ({ file }) => this.#reads.inspect(file, look),
      fileSniff: ({ name, size, bytes }) => this.#reads.sniff(name, size, bytes, look),
      fileRelease: ({ file }) => {
        this.#reads.release(file);
        return null;
      },
      statisticsEvery: ({ milliseconds }) => {
        this.#statistics.every(milliseconds);
        return null;
      },
      liveAttach: () => {
        this.#unfollow ??= host.follow();
        return host.live.dump();
      },
      wiring: pass("wiring"),
      handshakes: pass("handshakes"),
      handshake: pass("handshake"),
      wiringEvery: ({ domid, milliseconds }) => {
        this.#wiringOf = domid;
        this.#wiring.every(milliseconds);
        return null;
      },
      traceStart: ({ domid }) => this.#traces.start(host.tracer, domid),
      traceStop: ({ domid }) => this.#traces.stop(domid),
      setBootEntry: ({ entry, title, cmdline }) => host.setBootEntry(entry, title, cmdline),
      setHostSize: (size) => host.setSize(size),
      removeBootEntry: ({ entry }) => host.removeBootEntry(entry),
      bootReport: () => host.bootReport(),
      frameMap: pass("frameMap"),
      switches: pass("switches"),
      history: ({ of }) => host.history.report(of),
      marks: async () => [...(await host.history.events())],
      crashReport: ({ domid }) => host.crashes.of(domid),
      stops: () => [...host.stops.all],
      journalAttach: ({ client }) => {
        this.#who = { ...this.#who, id: client };
        this.#journal = true;
        return { entries: host.journal.entries };
      },
      taskCancel: ({ id }) => {
        host.journal.cancel(id);
        return null;
      },
      xenLogAttach: () => {
        const log = host.attachLog();
        this.#xenLog = true;
        return log;
      },
      xenLogDetach: () => {
        this.#xenLog = false;
        return null;
      },
    };
  }

  /** A file that the client names, if it may. */
  #named(file: string | undefined): string | null {
    if (file === undefined) return null;
    if (this.#connection.mayNameFiles) return file;
    throw new ApiFailure("EACCES", "This client may name no files of the host's computer.");
  }

  #create({ config, configName, files, paused }: z.output<(typeof REQUESTS)["create"]>): Promise<Results["create"]> {
    const contents: Record<string, Uint8Array> = {};
    for (const [name, id] of Object.entries(files ?? {})) contents[name] = this.#files.whole(id).bytes;
    if (!this.#connection.mayNameFiles) {
      const parsed = parseXlConfig(config).config;
      const images = parsed && !parsed.bootloader ? [parsed.kernel, parsed.ramdisk] : [];
      const named = [...images, ...(parsed?.devices.flatMap(({ files }) => files) ?? [])];
      for (const file of named)
        if (file !== null && !Object.hasOwn(contents, file))
          throw new ApiFailure("EACCES", `${file} was not given with the config: drop the file on the window too.`);
    }
    return this.#host.toolstack.request("create", {
      config,
      ...(configName !== undefined && { configName }),
      files: contents,
      paused: paused ?? false,
    });
  }

  async #imageSources(): Promise<Results["imageSources"]> {
    const folder = this.#host.kernelFolder(this.#connection.mayNameFiles);
    if (folder === null)
      return {
        folder,
        kernels: [],
        reason: "“xenarium serve --kernels /boot” offers this computer’s kernels; here, drop one on the window.",
      };
    const kernels = (await hostKernels(folder)).map(({ release, kernel, ramdisk }) => ({
      release,
      size: kernel.size,
      ramdiskSize: ramdisk?.size ?? null,
    }));
    return { folder, kernels, reason: kernels.length ? null : `${folder} has no vmlinuz-* that can be read.` };
  }

  async #takeHostKernel(release: string): Promise<Results["takeHostKernel"]> {
    const folder = this.#host.kernelFolder(this.#connection.mayNameFiles);
    const found = folder === null ? [] : await hostKernels(folder);
    const chosen = found.find((each) => each.release === release);
    if (!chosen) {
      const allowed = found.map((each) => each.release).join(", ");
      throw new ApiFailure(
        folder === null ? "EACCES" : "ENOENT",
        `There is no kernel ${release} for this client; allowed: ${allowed || "none"}.`,
      );
    }
    const files: TakenImage[] = [];
    try {
      for (const file of [chosen.kernel, ...(chosen.ramdisk ? [chosen.ramdisk] : [])]) {
        this.#files.checkRoom(file.name, file.size);
        files.push(this.#files.put(file.name, await readBootFile(file)));
      }
    } catch (error) {
      for (const { file } of files) this.#files.release(file);
      throw error;
    }
    return { files };
  }

  async #detach(domid: number): Promise<void> {
    await this.#host.toolstack.request("consoleDetach", { domid });
  }
}

const MESSAGE = z.object({
  id: z.int().min(0),
  request: z.string().max(100),
  args: z.unknown(),
});

/** Without keys whose value is undefined. */
function given(options: Arguments<"hostPowerOn">): PowerOnOptions {
  return {
    ...(options.memoryMiB !== undefined && { memoryMiB: options.memoryMiB }),
    ...(options.pcpus !== undefined && { pcpus: options.pcpus }),
    ...(options.bootEntry !== undefined && { bootEntry: options.bootEntry }),
  };
}

/** Which argument is wrong, and what is allowed. */
function describe(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map(({ path, message }) => (path.length ? `${path.join(".")}: ${message}` : message))
    .join("; ");
}

function errorData(error: unknown): ApiErrorData {
  if (error instanceof ApiFailure) return error.data;
  if (error instanceof ToolstackError)
    return {
      code: error.code,
      message: error.message,
      ...(error.diagnostics.length && { diagnostics: error.diagnostics }),
    };
  return { code: "EIO", message: error instanceof Error ? error.message : String(error) };
}
