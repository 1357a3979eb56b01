/** The parts of dom0 answer the requests of messages.ts. */
import {
  NATIVE_check_invariants,
  NATIVE_statistics,
  NATIVE_trace,
  NATIVE_trace_buffers,
} from "../hypervisor/abi/native.ts";
import { HYPERVISOR_arch_7 } from "../abi/xen.ts";
import { readFile } from "node:fs/promises";
import { identifyImage } from "../dom0/builder/image.ts";
import type { Consoles } from "../dom0/backends/console/consoles.ts";
import { SHUTDOWN_poweroff, SHUTDOWN_reboot } from "../abi/sched.ts";
import { HypercallError } from "../dom0/kernel/errno.ts";
import type { Hypercalls } from "../dom0/kernel/hypercalls.ts";
import type { BackendDevices } from "../dom0/xenbus/devices.ts";
import type { LocalXenstore } from "../dom0/xenstore/local.ts";
import { FrameTable } from "../dom0/kernel/frame-table.ts";
import { SwitchRings } from "../dom0/kernel/switches.ts";
import type { Handshakes } from "../dom0/xenstore/handshakes.ts";
import type { XenstoreDomains } from "../dom0/xenstore/domains.ts";
import type { Xenstored } from "../dom0/xenstore/xenstored.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { Disks } from "../dom0/backends/blk/disks.ts";
import type { OpenImages } from "../dom0/backends/blk/image-register.ts";
import { bootBuilt } from "./boot-report.ts";
import type { Screens } from "../dom0/display/screens.ts";
import type { NativeThreads } from "../dom0/native/threads.ts";
import type { Networks } from "../dom0/network/networks.ts";
import { DisplayRequests } from "./display-requests.ts";
import type { DomainDevices } from "./devices.ts";
import type { DiskBoot } from "./disk-boot.ts";
import { readStoreMemory } from "./domain-store.ts";
import { Refusal } from "./error.ts";
import { bitmap, parseCpus } from "./cpu-list.ts";
import type { HeldDomains } from "./held-domains.ts";
import type { HotPlug } from "./hot-plug.ts";
import type { Emit, Lifecycle } from "./lifecycle.ts";
import type { DomainSettings, ImageDescription, ToolstackRequestName, ToolstackRequests } from "./messages.ts";
import type { Crashes } from "./inspect/crashes.ts";
import type { Inspection } from "./inspect/inspection.ts";
import { NetworkRequests } from "./network-requests.ts";
import type { Reports } from "./reports.ts";
import { MAXMEM_SLACK_KIB } from "./resources.ts";
import type { Saving } from "./saving.ts";
import { SharedFiles } from "./shared-files.ts";
import { StoreRequests } from "./store-requests.ts";
import type { Wiring } from "./wiring.ts";
import { parseXlConfig } from "./xlcfg.ts";

type Handlers = {
  [N in ToolstackRequestName]: (
    args: ToolstackRequests[N]["args"],
  ) => ToolstackRequests[N]["result"] | Promise<ToolstackRequests[N]["result"]>;
};

export interface ServiceParts {
  hypercalls: Hypercalls;
  store: LocalXenstore;
  xenstored: Xenstored;
  storeDomains: XenstoreDomains;
  handshakes: Handshakes;
  consoles: Consoles;
  devices: DomainDevices;
  networks: Networks;
  threads: NativeThreads;
  backends: BackendDevices;
  disks: Disks;
  images: OpenImages;
  screens: Screens;
  lifecycle: Lifecycle;
  saving: Saving;
  held: HeldDomains;
  reports: Reports;
  diskBoot: DiskBoot;
  hotPlug: HotPlug;
  wiring: Wiring;
  inspection: Inspection;
  crashes: Crashes;
  emit: Emit;
}

export class Service {
  readonly #parts: ServiceParts;
  readonly #handlers: Handlers;
  /** The consoles whose output is sent, by domid and number, and how often each was asked for. */
  readonly #attached = new Map<string, number>();
  readonly #xenstore: StoreRequests;
  /** The inspections of files that are under way, by the name that the request gave. */
  readonly #inspecting = new Map<string, Set<AbortController>>();
  /** It is made when it is first asked for. */
  #frameTable: FrameTable | null = null;
  #switches: SwitchRings | null = null;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
    this.#xenstore = new StoreRequests(parts);
    this.#handlers = this.#makeHandlers();
    parts.consoles.onOutput((domid, bytes, offset, number) => {
      if (this.#attached.has(`${domid}/${number}`))
        parts.emit("console", { domid, bytes, offset, ...(number > 0 && { console: number }) });
    });
  }

  /** Rejects with an error that errorData can convert. */
  async handle(request: ToolstackRequestName, args: unknown): Promise<unknown> {
    const handler = this.#handlers[request] as ((args: unknown) => unknown) | undefined;
    if (!handler) throw new Refusal("ENOSYS", `The toolstack knows no request "${String(request)}".`);
    const result: unknown = await handler(args);
    if (CHANGES.has(request)) this.domainsChanged();
    return result;
  }

  /** Sends the new list to everybody. */
  domainsChanged(): void {
    this.#parts.emit("domains", { domains: this.#parts.reports.list() });
  }

  #makeHandlers(): Handlers {
    const { hypercalls, store, handshakes, consoles, devices, lifecycle, saving, reports, inspection, hotPlug } =
      this.#parts;
    const xenstore = this.#xenstore;
    const checkpoints = new Checkpoints(this.#parts);
    const networks = new NetworkRequests(this.#parts.networks, this.#parts.threads);
    const display = new DisplayRequests(this.#parts.screens);
    const shared = new SharedFiles(lifecycle, this.#parts.backends);
    return {
      hostInfo: () => reports.hostInfo(),
      dmesg: ({ clear }) => hypercalls.host.readConsole(clear ?? false),
      statistics: () => reports.statistics(),
      domainCounts: ({ domid }) => reports.counts(domid),
      list: () => reports.list(),
      vcpuList: ({ domid }) => reports.vcpuList(domid),
      checkInvariants: () => hypercalls.call("invariants", HYPERVISOR_arch_7, NATIVE_check_invariants),
      statisticsArea: () => ({ address: hypercalls.call("statistics area", HYPERVISOR_arch_7, NATIVE_statistics) }),
      traceBuffers: () => ({ address: hypercalls.call("trace buffers", HYPERVISOR_arch_7, NATIVE_trace_buffers) }),
      traceDomain: ({ domid, on }) => {
        hypercalls.call(`trace of domain ${domid}`, HYPERVISOR_arch_7, NATIVE_trace, domid, on ? 1 : 0);
        return null;
      },
      resolve: ({ domain }) => this.#resolve(domain),
      parseConfig: ({ config }) => parseXlConfig(config, [], devices.kinds),
      inspect: (args) => this.#inspect(args),
      inspectCancel: ({ by }) => {
        for (const wanted of this.#inspecting.get(by) ?? [])
          wanted.abort(new Refusal("ECANCELED", "Nobody waits for what the file is any more."));
        return null;
      },
      inspectDisk: ({ path, format }) => this.#parts.diskBoot.inspect(path, format ?? null),
      create: (options) => lifecycle.create(options),
      definition: ({ domid }) => {
        const { config, configName } = lifecycle.managed(domid).options;
        return { config, ...(configName !== undefined && { configName }) };
      },
      definitionFiles: ({ domid }) => lifecycle.managed(domid).options.files ?? {},
      createCancel: ({ name }) => done(lifecycle.names.cancel(name)),
      save: ({ domid, file, resume }) => saving.save(domid, file, resume ?? false),
      saveCancel: ({ domid }) => done(saving.cancel(domid)),
      dumpCore: ({ domid, file }) => saving.dumpCore(domid, file),
      restore: ({ file, paused, as }) => saving.restore(file, paused ?? false, as ?? null),
      keptDisks: ({ domid }) => checkpoints.disks(domid),
      imagesFreeze: ({ images }) => done(this.#parts.images.freeze(images)),
      checkpoint: (args) => checkpoints.take(args),
      heldContinue: ({ held, as }) => this.#parts.held.continue(saving, held, as),
      heldForget: async ({ held }) => done(await this.#parts.held.forget(held)),
      imageAbsorb: (args) => checkpoints.absorb(args),
      absorbCancel: ({ task }) => done(checkpoints.cancelAbsorbing(task)),
      diskRebase: async (args) => done(await checkpoints.rebase(args)),
      diskFold: async (args) => done(await checkpoints.fold(args)),
      shutdown: ({ domid, reason }) => done(lifecycle.shutdown(domid, reason)),
      pause: ({ domid }) => done(hypercalls.domains.pause(lifecycle.managed(domid).domid)),
      unpause: ({ domid }) => done(this.#unpause(domid)),
      destroy: ({ domid }) => done(lifecycle.destroy(domid)),
      rename: ({ domid, name }) => done(lifecycle.names.change(lifecycle.managed(domid), name)),
      setScheduler: ({ domid, weight, cap }) => {
        const now = hypercalls.domains.getCredit(domid);
        hypercalls.domains.setCredit(domid, weight ?? now.weight, cap ?? now.cap);
        return hypercalls.domains.getCredit(domid);
      },
      domainSettings: ({ domid }) => this.#settings(domid),
      setAffinity: (args) => done(this.#setAffinity(args)),
      setMaxMemory: ({ domid, memoryMiB }) => done(this.#setMaxMemory(domid, memoryMiB)),
      sysrq: ({ domid, key }) =>
        done(store.write(`/local/domain/${lifecycle.managed(domid).domid}/control/sysrq`, key)),
      trigger: ({ domid, trigger, vcpu }) => {
        if (trigger !== "nmi")
          throw new Refusal("EOPNOTSUPP", `A PV domain has no ${trigger}: its only trigger is nmi.`);
        return done(hypercalls.vcpus.sendNmi(lifecycle.managed(domid).domid, vcpu));
      },
      debugKeys: ({ keys }) => done(hypercalls.host.debugKeys(keys)),
      schedulerParameters: () => hypercalls.host.schedulerParameters(),
      updateConfig: ({ domid, ...options }) => ({ warnings: lifecycle.updateConfig(domid, options) }),
      setVcpus: ({ domid, vcpus }) => done(this.#setVcpus(domid, vcpus)),
      setMemory: ({ domid, memoryMiB }) => done(this.#setMemory(domid, memoryMiB)),
      consoleAttach: ({ domid, console: number = 0 }) => {
        const snapshot = consoles.log(domid, number);
        if (!snapshot) throw new Refusal("ESRCH", `Domain ${domid} has no console${number ? ` ${number}` : ""}.`);
        const key = `${domid}/${number}`;
        this.#attached.set(key, (this.#attached.get(key) ?? 0) + 1);
        return snapshot;
      },
      consoleDetach: ({ domid, console: number = 0 }) => {
        const key = `${domid}/${number}`;
        const count = (this.#attached.get(key) ?? 0) - 1;
        if (count > 0) this.#attached.set(key, count);
        else this.#attached.delete(key);
        return null;
      },
      consoleInput: ({ domid, bytes, console: number = 0 }) => {
        if (!consoles.input(domid, bytes, number))
          throw new Refusal(
            "EPIPE",
            `Domain ${domid} takes no console input: it is gone, or 1 MiB waits to be read by it.`,
          );
        return null;
      },
      consoleLogs: () => consoles.logs(),
      deviceAttach: ({ domid, key, spec, folder }) => hotPlug.attach(domid, key, spec, folder),
      deviceDetach: async ({ domid, key, device, force }) =>
        done(await hotPlug.detach(domid, key, device, force ?? false)),
      deviceList: ({ domid, kind }) => devices.list(domid, kind),
      diskResize: async ({ domid, device, bytes }) => done(await hotPlug.resize(domid, device, bytes)),
      mediumInsert: async ({ domid, key, spec, folder }) => done(await hotPlug.insert(domid, key, spec, folder)),
      sharedFolder: (args) => shared.folder(args),
      sharedFileBegin: (args) => shared.begin(args),
      sharedFileChunk: async (args) => done(await shared.chunk(args)),
      sharedFileEnd: async (args) => done(await shared.end(args)),
      sharedFileDrop: async (args) => done(await shared.drop(args)),
      networkList: () => networks.list(),
      networkCreate: (definition) => done(networks.create(definition)),
      networkMode: (args) => done(networks.setMode(args)),
      networkLoss: (args) => done(networks.setLoss(args)),
      networkRemove: ({ name }) => done(networks.remove(name)),
      networkForward: (args) => networks.forward(args),
      networkUnforward: (args) => done(networks.unforward(args)),
      networkService: (args) => done(networks.service(args)),
      networkCapture: async (args) => done(await networks.capture(args)),
      networkCaptureEnd: async ({ file }) => done(await networks.endCapture(file)),
      displayOpen: (args) => display.open(args),
      displayPart: (args) => display.part(args),
      displayClose: (args) => done(display.close(args)),
      displayKey: (args) => done(display.key(args)),
      displayPointer: (args) => done(display.pointer(args)),
      displayRelease: (args) => done(display.release(args)),
      wiring: ({ domid }) => this.#parts.wiring.report(domid),
      handshakes: ({ domid }) => known(handshakes.of(domid), `Of domain ${domid} no handshake is known.`),
      handshake: ({ domid, kind, id }) =>
        known(handshakes.device(domid, kind, id), `Domain ${domid} has had no device ${kind}/${id}.`),
      inspectRegisters: (args) => inspection.registers(args),
      inspectWalk: (args) => inspection.walk(args),
      inspectFrame: ({ mfn }) => inspection.frame(mfn),
      inspectSymbol: ({ domid, name }) => inspection.symbol(domid, name),
      inspectMemory: (args) => inspection.memory(args),
      inspectEvents: ({ domid }) => inspection.events(domid),
      inspectGrants: ({ domid }) => inspection.grants(domid),
      crashRegisters: ({ domid }) => this.#parts.crashes.of(domid),
      frameMap: () => this.#frames().map(),
      bootBuilt: () => bootBuilt(hypercalls, this.#frames(), xenstore.nodeCount()),
      switches: ({ since }) => ({
        time: reports.now(),
        pcpus: (this.#switches ??= new SwitchRings(hypercalls)).since(since),
      }),
      xenstoreRead: ({ path }) => xenstore.read(path),
      xenstoreList: ({ path }) => store.list(path),
      xenstoreNodes: ({ paths }) => ({ nodes: xenstore.nodes(paths) }),
      xenstoreSearch: ({ text, below }) => xenstore.search(text, below),
      xenstoreAccounts: () => xenstore.accounts((domid) => reports.name(domid)),
      xenstoreWrite: ({ path, value }) => done(xenstore.write(path, value)),
      xenstoreMkdir: ({ path }) => done(xenstore.mkdir(path)),
      xenstoreRemove: ({ path }) => done(xenstore.remove(path)),
      xenstoreSetPermissions: ({ path, permissions }) => done(xenstore.setPermissions(path, permissions)),
      xenstoreWatch: ({ path, token }) => done(xenstore.watch(path, token)),
      xenstoreUnwatch: ({ token }) => done(xenstore.unwatch(token)),
      hostShutdown: async ({ reboot, graceMilliseconds }) => {
        await shared.close();
        return this.#hostShutdown(reboot ?? false, graceMilliseconds);
      },
    };
  }

  #frames(): FrameTable {
    return (this.#frameTable ??= new FrameTable(this.#parts.hypercalls));
  }

  #resolve(domain: string | number): number {
    return known(this.#parts.reports.find(domain), `There is no domain ${domain}.`);
  }

  async #inspect({ path, bytes, name, by }: ToolstackRequests["inspect"]["args"]): Promise<ImageDescription> {
    let contents = bytes;
    if (!contents) {
      if (path === undefined) throw new Refusal("EINVAL", "inspect needs a path or bytes.");
      try {
        contents = await readFile(path);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        throw new Refusal(code ?? "EIO", `${name ?? path} can't be read: ${message}.`);
      }
    }
    const wanted = new AbortController();
    const others = this.#inspecting.get(by ?? "") ?? new Set();
    this.#inspecting.set(by ?? "", others.add(wanted));
    try {
      const { elf: _elf, ...description } = await identifyImage(contents, wanted.signal);
      return description;
    } finally {
      others.delete(wanted);
      if (others.size === 0) this.#inspecting.delete(by ?? "");
    }
  }

  #settings(domid: number): DomainSettings {
    const { hypercalls, lifecycle, store } = this.#parts;
    const { config } = lifecycle.managed(domid);
    const directory = `/local/domain/${domid}`;
    const online = (cpu: number): boolean => store.read(`${directory}/cpu/${cpu}/availability`) === "online";
    const { memoryTargetMiB, staticMaxMiB } = readStoreMemory(store, domid);
    return {
      ...hypercalls.domains.getCredit(domid),
      vcpus: Array.from({ length: config.maxvcpus }, (_, cpu) => online(cpu)).filter(Boolean).length,
      maxvcpus: config.maxvcpus,
      memoryTargetMiB,
      maxmemMiB: staticMaxMiB ?? config.maxmemMiB,
    };
  }

  #setVcpus(domid: number, vcpus: number): void {
    const { config } = this.#parts.lifecycle.managed(domid);
    if (!Number.isInteger(vcpus) || vcpus < 1 || vcpus > config.maxvcpus)
      throw new Refusal(
        "EINVAL",
        `${config.name} can have 1 to ${config.maxvcpus} vCPUs (its maxvcpus), not ${vcpus}.`,
      );
    for (let cpu = 0; cpu < config.maxvcpus; cpu++)
      this.#parts.store.write(`/local/domain/${domid}/cpu/${cpu}/availability`, cpu < vcpus ? "online" : "offline");
  }

  #setAffinity({ domid, vcpu, cpus, soft, force }: ToolstackRequests["setAffinity"]["args"]): void {
    if (domid === 0)
      throw new Refusal(
        "EOPNOTSUPP",
        "Domain-0 runs on a thread of its own beside the host's pCPUs: its vCPU can't be pinned to one.",
      );
    const { hypercalls, lifecycle } = this.#parts;
    const { nrCpus } = hypercalls.host.physicalInfo();
    const bits = (text: string): number => {
      const listed = parseCpus(text);
      if (!listed)
        throw new Refusal("EINVAL", `"${text}" is no list of pCPUs; allowed: numbers as 0-3,5,^1, all, nodes:0.`);
      const there = listed.filter((cpu) => cpu < nrCpus);
      if (!there.length)
        throw new Refusal("EINVAL", `The host has pCPUs 0 to ${nrCpus - 1}; ${text} is not among them.`);
      return there.length === nrCpus ? 0xffffffff : bitmap(there);
    };
    const affinity = {
      ...(cpus !== undefined && { hard: bits(cpus) }),
      ...(soft !== undefined && { soft: bits(soft) }),
    };
    hypercalls.vcpus.setAffinity(lifecycle.managed(domid).domid, vcpu, affinity, force ?? false);
  }

  #unpause(domid: number): void {
    const { hypercalls, lifecycle } = this.#parts;
    const { name } = lifecycle.managed(domid);
    try {
      hypercalls.domains.unpause(domid);
    } catch (error) {
      // This is the only thing that Xen refuses.
      if (error instanceof HypercallError && error.code === "EINVAL")
        throw new Refusal("EINVAL", `${name} is not paused.`);
      throw error;
    }
  }

  #setMaxMemory(domid: number, memoryMiB: number): void {
    const { hypercalls, lifecycle, store } = this.#parts;
    const { name } = lifecycle.managed(domid);
    const { memoryTargetMiB } = readStoreMemory(store, domid);
    if (memoryTargetMiB !== null && memoryMiB < memoryTargetMiB)
      throw new Refusal("EINVAL", `${name} is to have ${memoryTargetMiB} MiB now, so it must be allowed as much.`);
    hypercalls.domains.setMaxMemory(domid, Math.floor(memoryMiB * 1024) + MAXMEM_SLACK_KIB);
  }

  /**
   * Sets the target of the guest's balloon driver, in whole KiB, and the most that Xen lets it have from now on. Whether it follows or not, it gets
   * no more than that (libxl_set_memory_target, which xl calls with `enforce`).
   */
  #setMemory(domid: number, memoryMiB: number): void {
    const { hypercalls, lifecycle, store } = this.#parts;
    const { name, config } = lifecycle.managed(domid);
    // What it was built for. The configuration of its next start may have another value.
    const most = readStoreMemory(store, domid).staticMaxMiB ?? config.maxmemMiB;
    const kib = Math.floor(memoryMiB * 1024);
    if (!(kib >= 1 && memoryMiB <= most))
      throw new Refusal("EINVAL", `${name} can have up to ${most} MiB (its maxmem), not ${memoryMiB}.`);
    const before = hypercalls.domains.info(domid)?.maxPages;
    hypercalls.domains.setMaxMemory(domid, kib + MAXMEM_SLACK_KIB);
    try {
      lifecycle.retarget(domid, Math.floor(kib / 4));
    } catch (error) {
      // For example if the host does not have that much in reserve: then the target is as it was before, and the limit must be too.
      if (before !== undefined) hypercalls.domains.setMaxMemory(domid, before * 4);
      throw error;
    }
    store.write(`/local/domain/${domid}/memory/target`, kib);
  }

  async #hostShutdown(reboot: boolean, grace: number): Promise<null> {
    const { lifecycle, hypercalls } = this.#parts;
    lifecycle.close();
    const end = Date.now() + grace;
    // Native domains have the backends of others' devices, and stop at once: those others first.
    for (const native of [false, true]) {
      const stopping = [...lifecycle.domains.values()].filter(({ type }) => (type === "native") === native);
      for (const { domid } of stopping) lifecycle.shutdown(domid, "poweroff");
      while (stopping.some((each) => lifecycle.domains.get(each.domid) === each) && Date.now() < end)
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const domid of [...lifecycle.domains.keys()]) lifecycle.destroy(domid);
    // This happens after the reply has been sent.
    setTimeout(() => hypercalls.host.shutdown(reboot ? SHUTDOWN_reboot : SHUTDOWN_poweroff), 20);
    return null;
  }
}

/** The requests after which the list may be different. */
const CHANGES = new Set<ToolstackRequestName>([
  "create",
  "save",
  "restore",
  "checkpoint",
  "heldContinue",
  "diskFold",
  "pause",
  "unpause",
  "destroy",
  "rename",
  "setVcpus",
  "deviceAttach",
  "deviceDetach",
  "mediumInsert",
]);

function done(_nothing: void): null {
  return null;
}

/** Throws Refusal ESRCH if `what` is null. */
function known<T>(what: T | null, why: string): T {
  if (what === null) throw new Refusal("ESRCH", why);
  return what;
}
