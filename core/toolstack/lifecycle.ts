/** The life of domains: create, what follows when one stops, destroy. These are the roles of libxl and xl. */
import path from "node:path";
import type { Built } from "../dom0/builder/build.ts";
import type { Consoles } from "../dom0/backends/console/consoles.ts";
import { readParams } from "../dom0/backends/blk/config.ts";
import { firstConsole } from "../dom0/backends/console/kind.ts";
import { XEN_DOMINF_dying } from "../abi/domctl.ts";
import { SHUTDOWN_suspend } from "../abi/sched.ts";
import { HypercallError } from "../dom0/kernel/errno.ts";
import type { DomainTypeName } from "../dom0/kernel/hypercalls.ts";
import { Leftovers } from "../dom0/native/leftovers.ts";
import type { DriverDisk } from "../dom0/native/messages.ts";
import type { NativeThreads } from "../dom0/native/threads.ts";
import type { Handshakes } from "../dom0/xenstore/handshakes.ts";
import type { DomainRestore } from "../dom0/saved/copies.ts";
import type { LocalXenstore } from "../dom0/xenstore/local.ts";
import type { BackendDevices } from "../dom0/xenbus/devices.ts";
import type { DeviceSpec } from "../dom0/xenbus/kind.ts";
import { checkedConfig } from "./checked-config.ts";
import { withValue } from "./config-text.ts";
import type { DomainDevices } from "./devices.ts";
import type { DiskBoot } from "./disk-boot.ts";
import type { DriverDomains, ServedDevice } from "./driver-domains.ts";
import { DomainNames } from "./domain-names.ts";
import { moveDomainStore, removeDomainStore, writeDomainStore, writeStoreRing } from "./domain-store.ts";
import { errorData, Refusal } from "./error.ts";
import { guestFiles, imageOf, type GuestImage } from "./guest-files.ts";
import {
  TSC_MODES,
  type ConfigDiagnostic,
  type CreateOptions,
  type CreateResult,
  type DomainConfig,
  type DomainStopped,
  type ShutdownAction,
  type ToolstackEvents,
} from "./messages.ts";
import { checkCpus, checkMemory, limitMemory, pinVcpus } from "./resources.ts";
import { Returning } from "./returning.ts";
import { Shells, type Shell, type ShellParts } from "./shells.ts";
import { actionFor, isRestart, shutdownCode, shutdownReason } from "./stop-reason.ts";

/** How long a domain on which other domains' devices depend waits for the domid that it had. */
const DOMID_FREE_MS = 5000;
/** A domain that stops sooner than this is not restarted at once, so that the host stays usable if it crashes again and again. */
const MIN_UPTIME_MS = 1000;

/** A domain that this toolstack made. */
export interface ManagedDomain {
  readonly domid: number;
  name: string;
  uuid: string;
  /** The type that it has now. Its configuration may have been changed to another type, for its next start. */
  readonly type: DomainTypeName;
  /** The configuration from which it was created, with the changes since. It is restarted from this. */
  config: DomainConfig;
  options: CreateOptions;
  readonly createdAt: number;
  /** The domain has stopped, and what its configuration demands for that case has begun. */
  stopped: boolean;
}

/** What a domain goes on with that is no new one. */
interface Restored {
  console: Uint8Array;
  shell: Shell | null;
}

/** A domain that takes the place of another that others' devices depend on. */
interface Again {
  domid: number;
  served: readonly ServedDevice[];
  /** Of a native domain: which requests of the others it had taken and not answered, and what was written to disposable disks. */
  leftovers: Leftovers;
}

export type Emit = <E extends keyof ToolstackEvents>(event: E, data: ToolstackEvents[E]) => void;

export interface LifecycleParts extends ShellParts {
  store: LocalXenstore;
  handshakes: Handshakes;
  consoles: Consoles;
  devices: DomainDevices;
  /** The backends that are in this domain. */
  backends: BackendDevices;
  threads: NativeThreads;
  /** Records what a domain that has crashed was doing, while it is held. It never rejects, and takes a limited time. */
  crashed: (domid: number) => Promise<void>;
  diskBoot: DiskBoot;
  driverDomains: DriverDomains;
  emit: Emit;
  /** The number of pCPUs of the host. */
  pcpus: number;
}

export class Lifecycle {
  readonly names: DomainNames;
  readonly shells: Shells;
  readonly #parts: LifecycleParts;
  readonly #domains = new Map<number, ManagedDomain>();
  readonly #returning = new Returning();
  #closing = false;

  constructor(parts: LifecycleParts) {
    this.#parts = parts;
    this.names = new DomainNames(parts, this.#domains);
    this.shells = new Shells(parts);
    parts.store.watch("@releaseDomain", () => this.#checkStopped());
  }

  get domains(): ReadonlyMap<number, ManagedDomain> {
    return this.#domains;
  }

  /** From now on nothing is restarted, because the host is going down. */
  close(): void {
    this.#closing = true;
  }

  /** Throws Refusal if there is no such domain (`EPERM` for dom0). */
  managed(domid: number): ManagedDomain {
    const domain = this.#domains.get(domid);
    if (domain) return domain;
    if (domid === 0) throw new Refusal("EPERM", "This can't be done to Domain-0: the host depends on it.");
    const zombie = this.#parts.hypercalls.domains.info(domid);
    if (zombie && zombie.flags & XEN_DOMINF_dying)
      throw new Refusal(
        "EBUSY",
        `Domain ${domid} is destroyed already. Others still hold ${zombie.totPages} of its pages, by grants or mappings; it goes when they let go.`,
      );
    throw new Refusal("ESRCH", `There is no domain ${domid}.`);
  }

  async create(options: CreateOptions): Promise<CreateResult> {
    const { config, diagnostics } = checkedConfig(options, this.#parts.devices.kinds);
    const result = await this.#create(
      { ...config, ...(options.uuid !== undefined && { uuid: options.uuid }) },
      options,
    );
    return { ...result, warnings: diagnostics };
  }

  /**
   * The domain goes on as it is. Its next restart uses this configuration, with the name and the UUID that it has now. Returns the warnings of the
   * parser.
   */
  updateConfig(domid: number, options: Pick<CreateOptions, "config" | "configName" | "files">): ConfigDiagnostic[] {
    const domain = this.managed(domid);
    const { config, diagnostics } = checkedConfig(options, this.#parts.devices.kinds);
    const { name, uuid } = domain;
    domain.config = { ...config, name, uuid };
    const files = { ...domain.options.files, ...options.files };
    domain.options = { ...domain.options, ...options, files, config: withValue(options.config, "name", name) };
    return diagnostics;
  }

  #create(
    config: DomainConfig,
    options: CreateOptions,
    again: Again | null = null,
  ): Promise<Omit<CreateResult, "warnings">> {
    return this.names.during(config.name, (wanted) => this.#build(config, options, wanted, again));
  }

  /**
   * A domain of a saved one's memory, which `restore` fills in: at most as much as its configuration allows. `pages`: what it is
   * expected to take; `console`: what was on its console; `shell`: a domain that has its memory already.
   */
  restore(
    config: DomainConfig,
    options: CreateOptions,
    pages: number,
    { console, shell }: Restored,
    restore: (request: DomainRestore) => Promise<Built>,
  ): Promise<Omit<CreateResult, "warnings">> {
    return this.names.during(config.name, (wanted) => {
      const { maxvcpus: vcpus, maxmemMiB } = config;
      const mostPages = maxmemMiB * 256;
      if (!shell) this.shells.checkRoom(config, pages);
      return this.#assemble(config, options, wanted, { restored: { console, shell } }, (ports) =>
        restore({ ...ports, vcpus, mostPages, cpuid: config.cpuid ?? [] }),
      );
    });
  }

  async #build(
    config: DomainConfig,
    options: CreateOptions,
    wanted: AbortSignal,
    again: Again | null,
  ): Promise<Omit<CreateResult, "warnings">> {
    const { type, vcpus, maxvcpus } = config;
    const totalPages = config.memoryMiB * 256;
    const mostPages = config.maxmemMiB * 256;
    if (type === "native") {
      checkMemory(this.#parts.hypercalls, config.name, totalPages);
      const disks = driverDisks(this.#devicesOf(config, options));
      const leftovers = again?.leftovers ?? new Leftovers();
      return this.#assemble(config, options, wanted, again, async (ports) =>
        this.#parts.native.build({ ...ports, totalPages, mostPages, vcpus, maxvcpus, disks, leftovers }),
      );
    }
    const given = config.bootloader ? null : await guestFiles(config, options, wanted);
    const builder = this.#parts.builders[type];
    const check = () => checkMemory(this.#parts.hypercalls, config.name, totalPages + builder.framesBesides(mostPages));
    check();
    return this.#assemble(config, options, wanted, again, async (ports) => {
      const { timings, ...image } = given ?? (await this.#fromDisk(ports.domid, config, options, wanted));
      // By now the hypervisor has taken what it needs to know about the domain.
      check();
      const built = await builder.build({ ...ports, ...image, totalPages, mostPages, vcpus, maxvcpus });
      return { ...built, timings: [...timings, ...built.timings] };
    });
  }

  /** Returns what its boot loader finds. The domain exists already, so that its console can show the menu. */
  async #fromDisk(
    domid: number,
    config: DomainConfig,
    options: CreateOptions,
    wanted: AbortSignal,
  ): Promise<GuestImage> {
    const began = performance.now();
    const found = await this.#parts.diskBoot.load(domid, config, this.#devicesOf(config, options), wanted);
    const image = await imageOf(config, options, wanted, {
      name: `${config.name}'s kernel`,
      bytes: found.kernel,
      ramdisk: found.ramdisk,
      cmdline: found.cmdline,
    });
    wanted.throwIfAborted();
    return { ...image, timings: [{ name: "boot loader", milliseconds: performance.now() - began }] };
  }

  #devicesOf(config: DomainConfig, { configName }: CreateOptions): DeviceSpec[] {
    const folder = configName ? path.dirname(path.resolve(configName)) : ".";
    return config.devices.map((spec) => this.#parts.devices.within(spec, folder));
  }

  /** Makes a domain with everything except its memory, which `fill` gives it. `from` says what else it continues with; null for a new domain. */
  async #assemble(
    config: DomainConfig,
    options: CreateOptions,
    wanted: AbortSignal,
    from: { restored: Restored } | Again | null,
    fill: (ports: { domid: number; storePort: number; consolePort: number }) => Promise<Built>,
  ): Promise<Omit<CreateResult, "warnings">> {
    const { hypercalls, store, handshakes, consoles, devices, backends } = this.#parts;
    checkCpus(this.#parts.pcpus, config);
    const { type } = config;
    const [restored, again] = from && "restored" in from ? [from.restored, null] : [null, from];
    const domid = restored?.shell?.take() ?? this.shells.create(config, again?.domid ?? 0);
    handshakes.begin(domid);
    let storeWritten = false;
    try {
      if (restored?.shell) hypercalls.domains.setHandle(domid, config.uuid);
      else this.shells.prepare(domid, config);
      hypercalls.domains.setTscInfo(domid, TSC_MODES.indexOf(config.tscMode));
      hypercalls.domains.setCredit(domid, config.cpuWeight, config.cap);
      pinVcpus(hypercalls, domid, config);
      const storePort = hypercalls.ports.allocUnbound(domid, 0);
      const consolePort = hypercalls.ports.allocUnbound(domid, 0);
      writeDomainStore(store, domid, config);
      storeWritten = true;
      consoles.begin(domid, config.name, restored?.console);
      const built = await fill({ domid, storePort, consolePort });
      wanted.throwIfAborted();
      limitMemory(hypercalls, domid, config);
      store.introduce(domid, built.storeMfn, storePort);
      writeStoreRing(store, domid, { ...built, storePort });
      const devicesOfIts = type === "native" ? [] : this.#devicesOf(config, options);
      const specs = [firstConsole(consolePort, built.consoleMfn), ...devicesOfIts];
      const addresses = store.transaction((t) => specs.map((spec) => devices.write(domid, spec, t)));
      // The devices of other domains are connected again to the domain that has their backends.
      if (again) this.#parts.driverDomains.attach(again.served);
      await devices.ready(addresses, wanted);
      wanted.throwIfAborted();
      const { name, uuid } = config;
      this.#domains.set(domid, { domid, name, uuid, type, config, options, createdAt: Date.now(), stopped: false });
      this.#parts.emit("created", { domid, name, uuid, restored: restored !== null });
      if (!options.paused) hypercalls.domains.unpause(domid);
      return { domid, name, uuid, timings: built.timings };
    } catch (error) {
      this.#domains.delete(domid);
      backends.release(domid);
      consoles.forget(domid);
      store.release(domid);
      if (storeWritten) this.#forget(domid, config.uuid);
      handshakes.forget(domid);
      this.#takeApart(domid);
      throw error;
    }
  }

  /** See DomainShape. */
  retarget(domid: number, pages: number): void {
    this.shells.shapeOf(this.managed(domid).type).retarget(domid, pages);
  }

  /** Asks the guest to do this, through control/shutdown. */
  shutdown(domid: number, reason: "poweroff" | "reboot" | "halt" | "suspend"): void {
    this.managed(domid);
    this.#parts.store.write(`/local/domain/${domid}/control/shutdown`, reason);
  }

  /** The domain stays so that it can be looked at, while another one takes its place, name and UUID: libxl_domain_preserve. */
  #preserve(domain: ManagedDomain): void {
    const { domid, uuid } = domain;
    this.names.giveAway(domain);
    domain.uuid = crypto.randomUUID();
    this.#parts.hypercalls.domains.setHandle(domid, domain.uuid);
    moveDomainStore(this.#parts.store, domid, uuid, domain.uuid);
  }

  /** The domain has suspended and has been written. It is removed until it is restored. */
  saved(domid: number): void {
    const { name, uuid } = this.managed(domid);
    this.#parts.emit("stopped", { domid, name, uuid, reason: "suspend", code: SHUTDOWN_suspend, action: "destroy" });
    this.destroy(domid);
  }

  destroy(domid: number, replacedBy: number | null = null): void {
    const domain = this.managed(domid);
    const { hypercalls, backends, store } = this.#parts;
    try {
      hypercalls.domains.pause(domid);
    } catch (error) {
      // The domain is dying already, so there is nothing left to stop.
      if (!(error instanceof HypercallError)) throw error;
    }
    this.#domains.delete(domid);
    backends.release(domid);
    store.release(domid);
    this.#takeApart(domid);
    this.#forget(domid, domain.uuid);
    this.#parts.handshakes.end(domid);
    this.#parts.emit("destroyed", { domid, name: domain.name, uuid: domain.uuid, replacedBy });
  }

  /** The hypervisor destroys a domain that is paused. A native one has to lose its thread first, and is there until that has ended. */
  #takeApart(domid: number): void {
    const { hypercalls, threads } = this.#parts;
    threads.forget(domid);
    const destroy = (): void => {
      try {
        hypercalls.domains.destroy(domid);
      } catch (error) {
        if (!(error instanceof HypercallError && error.code === "ESRCH")) throw error;
      }
    };
    const ended = threads.end(domid);
    if (!ended) return destroy();
    // Nobody waits for this, so the user is told.
    void ended
      .then(destroy)
      .catch((error: unknown) =>
        this.#notice("error", `Domain ${domid} could not be destroyed: ${errorData(error).message}`, domid),
      );
  }

  #forget(domid: number, uuid: string): void {
    this.#parts.devices.removeBackends(domid);
    removeDomainStore(this.#parts.store, domid, uuid);
  }

  /** Called for @releaseDomain: looks for domains that have stopped. */
  #checkStopped(): void {
    for (const domain of [...this.#domains.values()]) {
      const info = this.#parts.hypercalls.domains.info(domain.domid);
      if (!info) {
        this.destroy(domain.domid);
        continue;
      }
      const reason = shutdownReason(info.flags);
      if (reason === null) {
        domain.stopped = false;
        continue;
      }
      if (domain.stopped || reason === "suspend") continue;
      domain.stopped = true;
      this.#parts.backends.drain(domain.domid);
      const action = this.#closing ? "destroy" : actionFor(domain.config, reason);
      const stop: DomainStopped = {
        domid: domain.domid,
        name: domain.name,
        uuid: domain.uuid,
        reason,
        code: shutdownCode(info.flags)!,
        action,
      };
      // This happens before anybody hears of the crash, because whoever hears of it asks for what was recorded.
      const lookedAt = reason === "crash" ? this.#parts.crashed(domain.domid) : null;
      this.#parts.emit("stopped", stop);
      // The name that it has now, because a domain that is preserved gives its name away at once.
      const asStopped = { name: domain.name, domid: domain.domid, config: domain.config };
      const acted = lookedAt ? lookedAt.then(() => this.#actOnCrash(domain, action)) : this.#act(domain, action);
      const ended = isRestart(action) ? this.#returning.during(asStopped, acted) : acted;
      void ended.catch((error: unknown) =>
        this.#notice("error", `${domain.name} could not be restarted: ${errorData(error).message}`, domain.domid),
      );
    }
  }

  /** The domain was held for a moment, in which somebody may have destroyed it, or the host may have begun to go down. */
  async #actOnCrash(domain: ManagedDomain, action: ShutdownAction): Promise<void> {
    if (this.#domains.get(domain.domid) !== domain) return;
    await this.#act(domain, this.#closing ? "destroy" : action);
  }

  async #act(domain: ManagedDomain, action: ShutdownAction): Promise<void> {
    const { domid, options } = domain;
    if (action.startsWith("coredump-"))
      this.#notice(
        "warning",
        `${domain.name}: no core dump was written. Use preserve in place of ${action}, and xl dump-core.`,
        domid,
      );
    switch (action) {
      case "preserve":
        return;
      case "destroy":
      case "coredump-destroy":
        this.destroy(domid);
        return;
      case "rename-restart": {
        const { name, uuid } = domain;
        this.#preserve(domain);
        await this.#restart(domain, { ...domain.config, name, uuid }, options);
        return;
      }
      case "restart":
      case "coredump-restart":
      case "soft-reset": {
        const config = { ...domain.config, name: domain.name };
        const { driverDomains, threads } = this.#parts;
        // One native domain goes on with what another has left undone; a domain of another type does not know what that is.
        const isNative = domain.type === "native" && config.type === "native";
        const served = driverDomains.served(domid, isNative);
        const leftovers = threads.handOver(domid);
        this.destroy(domid);
        try {
          await this.#restart(domain, config, options, served.length > 0 ? { domid, served, leftovers } : null);
        } finally {
          await threads.notTaken(domid, leftovers);
        }
      }
    }
  }

  async #restart(
    domain: ManagedDomain,
    config: DomainConfig,
    options: CreateOptions,
    again: Again | null = null,
  ): Promise<void> {
    const early = MIN_UPTIME_MS - (Date.now() - domain.createdAt);
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    await this.#returning.backendsOf({ name: config.name, domid: domain.domid, config });
    if (again) await this.#parts.devices.left(again.domid);
    if (this.#closing) return;
    const create = (place: Again | null): Promise<unknown> =>
      this.#create(config, { ...options, paused: false }, place);
    for (const end = Date.now() + DOMID_FREE_MS; again && Date.now() < end;)
      try {
        return void (await create(again));
      } catch (error) {
        // Xen does not give a domid out again for a while, because somebody may still look at the domain that had it, and as long as somebody holds
        // that domain's memory.
        if (!(error instanceof HypercallError && error.code === "EEXIST")) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    await create(null);
    if (again)
      this.#notice("error", `${config.name} has another domid now: the devices that it served are lost.`, again.domid);
  }

  #notice(severity: "warning" | "error", message: string, domid: number): void {
    this.#parts.emit("notice", { severity, message, domid });
  }
}

/** The disks of a native domain, which are the images that it serves, by the names that frontends' configurations know them by. */
function driverDisks(devices: readonly DeviceSpec[]): DriverDisk[] {
  return devices.flatMap(({ kind, back }) => {
    const image = kind === "vbd" ? readParams(String(back.params)) : null;
    return image
      ? [{ name: `/dev/${back.dev}`, file: image.target, format: image.format, isWritable: back.mode === "w" }]
      : [];
  });
}
