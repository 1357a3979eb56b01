/**
 * `xl save` and `xl restore`: asks a guest to suspend (control/shutdown), writes what it was to a file, and makes a domain of such a file. A guest
 * that is asked to suspend and does not goes on running.
 */
import type { Consoles } from "../dom0/backends/console/consoles.ts";
import { XEN_DOMINF_paused } from "../abi/domctl.ts";
import { XENVER_version } from "../abi/version.ts";
import { HYPERVISOR_xen_version } from "../abi/xen.ts";
import { HypercallError } from "../dom0/kernel/errno.ts";
import { GrantError } from "../dom0/kernel/grants.ts";
import type { Hypercalls } from "../dom0/kernel/hypercalls.ts";
import { guestTypeOf, type GuestTypeName } from "../dom0/kernel/hypercalls/domains.ts";
import { HvmHypercalls } from "../dom0/kernel/hvm.ts";
import { PvRestorer } from "../dom0/saved/restore.ts";
import { CoreDumper } from "../dom0/saved/core-dump.ts";
import { SaveError } from "../dom0/saved/p2m.ts";
import { setHvmRax } from "../dom0/saved/context.ts";
import { PvhRestorer } from "../dom0/saved/pvh-restore.ts";
import { PvhSaver } from "../dom0/saved/pvh-save.ts";
import { pvhCopies } from "../dom0/saved/pvh-copy.ts";
import { pvCopies } from "../dom0/saved/pv-copy.ts";
import type { Copies, DomainRestore } from "../dom0/saved/copies.ts";
import type { Source } from "../dom0/saved/stream.ts";
import { PvSaver } from "../dom0/saved/save.ts";
import { writeWhole } from "../files/whole.ts";
import type { ForeignFrames } from "../dom0/kernel/native.ts";
import type { LocalXenstore } from "../dom0/xenstore/local.ts";
import { StoreError } from "../dom0/storage/block-store.ts";
import type { BackendDevices } from "../dom0/xenbus/devices.ts";
import { XenstoreError } from "../dom0/xenstore/wire.ts";
import { withValue } from "./config-text.ts";
import { DeviceRefusal, type DomainDevices } from "./devices.ts";
import { Refusal } from "./error.ts";
import type { Emit, Lifecycle, ManagedDomain } from "./lifecycle.ts";
import type { Shell } from "./shells.ts";
import { shutdownReason } from "./stop-reason.ts";
import type { CreateResult, RestoreAs } from "./messages.ts";
import { fileError, readSaved, WRITING, writeSaved, type SavedFile, type SavedHeader } from "./saved-file.ts";
import { parseXlConfig } from "./xlcfg.ts";

/** libxl waits this long for the guest to say that it has seen the request, and as long for it to suspend. */
const ACKNOWLEDGE_MS = 10_000;
const SUSPEND_MS = 60_000;
const LOOK_MS = 20;
const TELL_MS = 100;
/** From struct vcpu_guest_context: what the suspend hypercall returns. 1 means that it was cancelled. */
const RAX = 600;

export interface SavingParts {
  hypercalls: Hypercalls;
  frames: ForeignFrames;
  store: LocalXenstore;
  lifecycle: Lifecycle;
  devices: DomainDevices;
  backends: BackendDevices;
  consoles: Consoles;
  emit: Emit;
}

/** Makes a domain from a stream, for the type of the domain. */
interface Restorer {
  restore(request: DomainRestore, source: Source): Promise<{ storeMfn: number; consoleMfn: number }>;
}

/** What a domain goes on from, besides its memory: of a file, or as it is held. */
export interface SavedDomain extends Pick<SavedFile, "files" | "console"> {
  header: Pick<SavedHeader, "name" | "uuid" | "memoryMiB" | "config" | "configName">;
}

/** Its memory. */
export interface SavedMemory {
  /** Where it lies already; null for a domain that gets it by `complete`. */
  shell: Shell | null;
  /** Makes it that of a domain of this type. */
  complete(request: DomainRestore, type: GuestTypeName): Promise<{ storeMfn: number; consoleMfn: number }>;
}

export class Saving {
  readonly #parts: SavingParts;
  readonly #saver: PvSaver;
  readonly #dumper: CoreDumper;
  readonly #hvm: HvmHypercalls;
  readonly #pvhSaver: PvhSaver;
  readonly #restorers: Readonly<Record<GuestTypeName, Restorer>>;
  /** The domains that are being saved. They are aborted when somebody no longer wants it. */
  readonly #busy = new Map<number, AbortController>();
  /** Domains that were asked to suspend and for which nobody waits any more. If one suspends all the same, it goes on at once. */
  readonly #givenUp = new Set<number>();

  constructor(parts: SavingParts) {
    this.#parts = parts;
    this.#saver = new PvSaver(parts.hypercalls, parts.frames);
    this.#hvm = new HvmHypercalls(parts.hypercalls);
    this.#dumper = new CoreDumper(parts.hypercalls, this.#hvm, parts.frames);
    this.#pvhSaver = new PvhSaver(parts.hypercalls, this.#hvm, parts.frames);
    this.#restorers = {
      pv: new PvRestorer(parts.hypercalls, parts.frames),
      pvh: new PvhRestorer(parts.hypercalls, this.#hvm, parts.frames),
    };
    parts.store.watch("@releaseDomain", () => this.#letLateOnesGo());
  }

  #letLateOnesGo(): void {
    const { hypercalls, lifecycle } = this.#parts;
    for (const domid of this.#givenUp) {
      const domain = lifecycle.domains.get(domid);
      const info = domain && hypercalls.domains.info(domid);
      const reason = info ? shutdownReason(info.flags) : "poweroff";
      if (reason !== null) this.#givenUp.delete(domid);
      if (reason === "suspend" && domain) this.#resume(domain);
    }
  }

  /** Returns the bytes of the file. With `resume` the domain goes on afterwards, otherwise it is gone. */
  async save(domid: number, file: string, resume: boolean): Promise<{ bytes: number }> {
    const { lifecycle } = this.#parts;
    const domain = lifecycle.managed(domid);
    if (domain.config.devices.some(({ back }) => back.disposable))
      throw new Refusal(
        "EINVAL",
        `${domain.name} runs on a disposable disk, whose content ends with it: it can't be saved.`,
      );
    if (this.#busy.has(domid)) throw new Refusal("EBUSY", `${domain.name} is being saved already.`);
    const wanted = new AbortController();
    this.#busy.set(domid, wanted);
    try {
      await this.#suspend(domain, wanted.signal);
      let bytes: number;
      try {
        await this.#flushDisks(domain);
        // Once the file exists the domain is saved, however late somebody has cancelled. If the domain goes on, no file may be left.
        bytes = await this.#write(domain, file, wanted.signal);
      } catch (error) {
        if (lifecycle.domains.get(domid) !== domain)
          throw new Refusal("ESRCH", `${domain.name} ended before it was saved.`);
        this.#resume(domain);
        throw error;
      }
      if (lifecycle.domains.get(domid) !== domain) return { bytes };
      if (resume) this.#resume(domain);
      else lifecycle.saved(domid);
      return { bytes };
    } finally {
      this.#busy.delete(domid);
    }
  }

  /**
   * Calls `act` when the domain has suspended. The domain goes on when that has ended, or as soon as `goOn` is called. It is refused as save() is,
   * and cancel() aborts `wanted`.
   */
  async whileSuspended<T>(
    domid: number,
    act: (domain: ManagedDomain, wanted: AbortSignal, goOn: () => void) => Promise<T>,
  ): Promise<T> {
    const { lifecycle } = this.#parts;
    const domain = lifecycle.managed(domid);
    if (this.#busy.has(domid)) throw new Refusal("EBUSY", `${domain.name} is being saved already.`);
    const wanted = new AbortController();
    this.#busy.set(domid, wanted);
    let isGoing = false;
    const goOn = (): void => {
      if (!isGoing && lifecycle.domains.get(domid) === domain) this.#resume(domain);
      isGoing = true;
    };
    try {
      await this.#suspend(domain, wanted.signal);
      try {
        return await act(domain, wanted.signal, goOn);
      } finally {
        goOn();
      }
    } finally {
      this.#busy.delete(domid);
    }
  }

  /** Writes memory and vCPUs to an ELF file. The domain stands still meanwhile and then goes on. Returns the bytes of the file. */
  async dumpCore(domid: number, file: string): Promise<{ bytes: number }> {
    const { hypercalls, lifecycle } = this.#parts;
    const domain = lifecycle.managed(domid);
    hypercalls.domains.pause(domid);
    try {
      return { bytes: await writeWhole(file, this.#dumper.dump(domid, domain.config.maxvcpus, this.#typeOf(domain))) };
    } catch (error) {
      if (error instanceof SaveError) throw new Refusal("EINVAL", error.message);
      if (error instanceof HypercallError) throw new Refusal("ESRCH", `${domain.name} ended before all was written.`);
      throw fileError(error, `${file} can't be written`, WRITING);
    } finally {
      if (lifecycle.domains.get(domid) === domain && hypercalls.domains.info(domid)) hypercalls.domains.unpause(domid);
    }
  }

  cancel(domid: number): void {
    const wanted = this.#busy.get(domid);
    if (!wanted) throw new Refusal("ESRCH", `Domain ${domid} is not being saved.`);
    wanted.abort(new Refusal("ECANCELED", "Saving was cancelled; the domain goes on running."));
  }

  async #suspend(domain: ManagedDomain, wanted: AbortSignal): Promise<void> {
    // Refuses a domain that can't be saved before it is asked to suspend.
    this.#typeOf(domain);
    const { domid, name } = domain;
    const { hypercalls, store } = this.#parts;
    const control = `/local/domain/${domid}/control/shutdown`;
    const until = async (done: () => boolean, milliseconds: number): Promise<boolean> => {
      for (const end = Date.now() + milliseconds; Date.now() < end;) {
        if (done()) return true;
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
      return done();
    };
    const info = () => {
      const found = hypercalls.domains.info(domid);
      if (!found) throw new Refusal("ESRCH", `${name} ended before it could be saved.`);
      return found;
    };
    const { flags } = info();
    if (shutdownReason(flags) === "suspend") return;
    if (shutdownReason(flags)) throw new Refusal("EINVAL", `${name} has stopped: there is nothing to save.`);
    if (flags & XEN_DOMINF_paused)
      throw new Refusal("EINVAL", `${name} is paused: it can't suspend by itself. Unpause it first.`);
    this.#givenUp.delete(domid);
    store.write(control, "suspend");
    const isSuspended = (): boolean => shutdownReason(info().flags) !== null;
    const isSeen = (): boolean => isSuspended() || store.read(control) !== "suspend";
    if (!(await until(() => wanted.aborted || isSeen(), ACKNOWLEDGE_MS)) || (wanted.aborted && !isSeen())) {
      this.#givenUp.add(domid);
      store.write(control, "");
      wanted.throwIfAborted();
      throw new Refusal(
        "ETIMEDOUT",
        `${name} did not answer the request to suspend within ${ACKNOWLEDGE_MS / 1000} s, and goes on running. Only guests that can suspend can be saved; Linux is one.`,
      );
    }
    if (!(await until(isSuspended, SUSPEND_MS))) {
      this.#givenUp.add(domid);
      throw new Refusal("ETIMEDOUT", `${name} began to suspend and has not within ${SUSPEND_MS / 1000} s.`);
    }
    const reason = shutdownReason(info().flags);
    if (reason !== "suspend") throw new Refusal("EINVAL", `${name} stopped instead of suspending (${reason}).`);
  }

  /** What the guest believes to be on its disks must be in their images before its memory, which believes it, is in a file. Throws Refusal. */
  async #flushDisks({ domid, name }: ManagedDomain): Promise<void> {
    for (const { address, backend } of this.#parts.backends.of(domid))
      if (backend.hold && backend.image)
        try {
          (await backend.hold()).release();
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
          // Nothing is waiting to be written to a disk that is only read.
          if (error.code !== "EROFS")
            throw new Refusal(
              error.code,
              `${name} can't be saved: its disk ${address.id} can't be written: ${error.message}.`,
            );
        }
  }

  async #write(domain: ManagedDomain, file: string, wanted: AbortSignal): Promise<number> {
    const stream = this.stream(domain, this.teller(domain, wanted));
    return this.writeFile(domain, domain.options.config, file, stream);
  }

  /**
   * The memory and the vCPUs of a domain that has suspended. Throws SaveError, and whatever `progress` throws, which gets the share that has been
   * read.
   */
  stream(domain: ManagedDomain, progress: (share: number) => void): AsyncIterable<Uint8Array> {
    const version = this.#parts.hypercalls.call("xen_version", HYPERVISOR_xen_version, XENVER_version);
    const xen = { major: version >>> 16, minor: version & 0xffff };
    const { domid, config } = domain;
    return this.#typeOf(domain) === "pvh"
      ? this.#pvhSaver.save(domid, xen, progress)
      : this.#saver.save(domid, config.maxvcpus, xen, progress);
  }

  /** The hypervisor knows the type of a guest. A configuration may be edited while its domain runs. Throws Refusal for a native domain. */
  #typeOf({ domid, name, type }: ManagedDomain): GuestTypeName {
    if (type === "native")
      throw new Refusal(
        "EOPNOTSUPP",
        `${name} is a native domain: it is a thread of the host's, which can't be saved.`,
      );
    const info = this.#parts.hypercalls.domains.info(domid);
    if (!info) throw new Refusal("ESRCH", `${name} has ended.`);
    return guestTypeOf(info);
  }

  /**
   * What copies of a domain that has suspended are made from. Throws SaveError; Refusal where its configuration says by now that it is of another type.
   */
  copies(domain: ManagedDomain, count: number): Copies {
    const { domid, name, config } = domain;
    const type = this.#typeOf(domain);
    if (type !== config.type)
      throw new Refusal("EINVAL", `${name} runs as ${type}, and its configuration says ${config.type} by now.`);
    const { hypercalls, frames } = this.#parts;
    return type === "pvh"
      ? pvhCopies(hypercalls, frames, domid, count)
      : pvCopies(hypercalls, frames, domid, config.maxvcpus);
  }

  /** Tells how far saving is, by `saving` events; throws what `wanted` is aborted with. */
  teller({ domid }: ManagedDomain, wanted: AbortSignal): (share: number) => void {
    let told = 0;
    return (share) => {
      wanted.throwIfAborted();
      const now = performance.now();
      if (now - told < TELL_MS && share < 1) return;
      told = now;
      this.#parts.emit("saving", { domid, share });
    };
  }

  /** Writes a file from which a domain can be made again. `text` is its xl.cfg. Returns the file's size in bytes. Throws Refusal. */
  async writeFile(
    { domid, name, uuid, options }: ManagedDomain,
    text: string,
    file: string,
    stream: AsyncIterable<Uint8Array>,
  ): Promise<number> {
    const pages = this.#parts.hypercalls.domains.info(domid)?.totPages ?? 0;
    const header = {
      name,
      uuid,
      savedAt: Date.now(),
      memoryMiB: pages / 256,
      config: text,
      ...(options.configName !== undefined && { configName: options.configName }),
    };
    try {
      const console = this.#parts.consoles.log(domid)?.log ?? new Uint8Array();
      return await writeSaved(file, header, options.files ?? {}, console, stream);
    } catch (error) {
      if (error instanceof SaveError) throw new Refusal("EINVAL", error.message);
      throw error;
    }
  }

  /** A guest that has suspended goes on as if it had not: libxl's fast resume. */
  #resume(domain: ManagedDomain): void {
    const { hypercalls, store } = this.#parts;
    const { domid } = domain;
    if (this.#typeOf(domain) === "pvh") {
      const records = this.#hvm.context(domid);
      setHvmRax(records, 1n);
      this.#hvm.setContext(domid, records);
    } else {
      const context = hypercalls.vcpus.getContext(domid, 0);
      new DataView(context.buffer).setBigUint64(RAX, 1n, true);
      hypercalls.vcpus.setContext(domid, 0, context);
    }
    hypercalls.domains.resume(domid);
    store.resume(domid);
  }

  /** Makes the domain of a file, under the name and UUID that it had, or as `as` says. */
  restore(file: string, paused: boolean, as: RestoreAs | null = null): Promise<CreateResult> {
    return readSaved(file, (saved) => {
      const memory: SavedMemory = {
        shell: null,
        complete: (request, type) => this.#restorers[type].restore(request, saved.stream),
      };
      return this.continue(file, saved, memory, paused, as);
    });
  }

  /** Does the same with what has been read. `called` is its name in refusals. */
  async continue(
    called: string,
    { header: written, files, console }: SavedDomain,
    memory: SavedMemory,
    paused: boolean,
    as: RestoreAs | null,
  ): Promise<CreateResult> {
    const header = { ...written, ...as };
    const { config, diagnostics } = parseXlConfig(header.config, [], this.#parts.devices.kinds);
    if (!config)
      throw new Refusal("EINVAL", `${called} can't be restored: its configuration is not understood.`, diagnostics);
    const { uuid, name } = header;
    const { lifecycle } = this.#parts;
    const isTaken = [...lifecycle.domains.values()].some((domain) => domain.uuid === uuid);
    if (isTaken) throw new Refusal("EEXIST", `The domain of ${called}, ${name}, runs already.`);
    const { configName } = header;
    const { type } = config;
    if (type === "native")
      throw new Refusal("EINVAL", `${called} can't be restored: its configuration is that of a native domain.`);
    const restored = lifecycle.restore(
      { ...config, name, uuid },
      {
        config: withValue(header.config, "name", name),
        ...(configName !== undefined && { configName }),
        files,
        paused,
      },
      Math.ceil(header.memoryMiB * 256),
      { console, shell: memory.shell },
      async (request) => {
        const began = performance.now();
        const rings = await memory.complete(request, type);
        return { ...rings, timings: [{ name: "memory", milliseconds: performance.now() - began }] };
      },
    );
    const result = await restored.catch((error: unknown) => {
      if (error instanceof HypercallError)
        throw new Refusal(error.code, `${called} can't be restored: the hypervisor refused ${error.message}.`);
      // A ring is in a page that may not be granted, or what is behind a device no longer exists.
      if (error instanceof DeviceRefusal)
        throw new Refusal(error.code, `${called} can't be restored: ${error.message}`);
      if (error instanceof GrantError || error instanceof XenstoreError)
        throw new Refusal("EINVAL", `${called} can't be restored: ${error.message}.`);
      throw error;
    });
    return { ...result, warnings: diagnostics };
  }
}
