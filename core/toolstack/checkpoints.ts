/**
 * The disks of a running domain and its memory as they are at one moment, from which a snapshot is made; and images of running domains that are
 * joined again when a snapshot is deleted. The caller (../library/snapshots) decides which images there are, what each is based on and what is
 * recorded where. This file does what only dom0 can do, because its backends have the guests' images open.
 */
import { stat } from "node:fs/promises";
import { freemem } from "node:os";
import { isElsewhere, paramsOf, readParams } from "../dom0/backends/blk/config.ts";
import { absorbImage, type Disks } from "../dom0/backends/blk/disks.ts";
import type { Consoles } from "../dom0/backends/console/consoles.ts";
import type { Screens } from "../dom0/display/screens.ts";
import type { Hypercalls } from "../dom0/kernel/hypercalls.ts";
import { PAGE_SIZE } from "../dom0/kernel/memory.ts";
import { SaveError } from "../dom0/saved/p2m.ts";
import { absorb } from "../dom0/storage/absorb.ts";
import { StoreError, type BlockStore } from "../dom0/storage/block-store.ts";
import { Qcow2Store } from "../dom0/storage/qcow2/store.ts";
import { backendPath } from "../dom0/xenbus/address.ts";
import type { BackendDevices } from "../dom0/xenbus/devices.ts";
import type { DeviceSpec, HeldImage } from "../dom0/xenbus/kind.ts";
import type { LocalXenstore } from "../dom0/xenstore/local.ts";
import { writeWhole } from "../files/whole.ts";
import path from "node:path";
import { isKeptDisk, withDisks } from "./disk-texts.ts";
import type { DomainDevices } from "./devices.ts";
import { errorData, Refusal } from "./error.ts";
import type { HeldDomains } from "./held-domains.ts";
import type { Emit, Lifecycle, ManagedDomain } from "./lifecycle.ts";
import type {
  AbsorbArguments,
  CheckpointArguments,
  CheckpointResult,
  DiskChainArguments,
  ImageFile,
  KeptDisk,
  RecordFile,
} from "./messages.ts";
import { fileError, WRITING } from "./saved-file.ts";
import type { SavedDomain, Saving } from "./saving.ts";

/** The number of bytes of the console's log that a snapshot keeps: a few screens full. */
const CONSOLE_TAIL = 16384;
const TELL_MS = 100;

export interface CheckpointParts {
  hypercalls: Hypercalls;
  store: LocalXenstore;
  lifecycle: Lifecycle;
  saving: Saving;
  held: HeldDomains;
  devices: DomainDevices;
  backends: BackendDevices;
  disks: Disks;
  consoles: Consoles;
  screens: Screens;
  emit: Emit;
}

/** A disk whose requests are held back, and the image that its guest goes on with. */
interface Exchange {
  id: string;
  held: HeldImage;
  next: BlockStore;
  image: ImageFile;
}

export class Checkpoints {
  readonly #parts: CheckpointParts;
  readonly #absorbing = new Map<string, AbortController>();

  constructor(parts: CheckpointParts) {
    this.#parts = parts;
  }

  /**
   * Returns the disks that a domain may write and that keep what is written. Throws Refusal EBUSY if the domain's configuration, which is for the
   * next start, names another image than the one it runs on.
   */
  async disks(domid: number): Promise<KeptDisk[]> {
    const domain = this.#parts.lifecycle.managed(domid);
    const disks = this.#devices(domain)
      .filter(isKeptDisk)
      .map(({ id, back }) => {
        const { target, format } = readParams(String(back.params))!;
        return { id, vdev: String(back.dev), file: target, format };
      });
    for (const { id, vdev, file } of disks) {
      const image = this.#parts.backends.find("vbd", domid, id)?.backend?.image ?? null;
      if (image !== null) await checkSame(domain, vdev, image, file);
    }
    return disks;
  }

  /** The domain's devices, with whole paths of their files. */
  #devices({ config, options }: ManagedDomain): DeviceSpec[] {
    const folder = options.configName ? path.dirname(path.resolve(options.configName)) : ".";
    return config.devices.map((spec) => this.#parts.devices.within(spec, folder));
  }

  async take(args: CheckpointArguments): Promise<CheckpointResult> {
    const { lifecycle, saving } = this.#parts;
    const domain = lifecycle.managed(args.domid);
    this.#check(domain, args);
    if (args.memory !== "none")
      return saving.whileSuspended(args.domid, (_, wanted, goOn) => this.#take(domain, args, goOn, wanted));
    return this.#whilePaused(domain, (goOn) => this.#take(domain, args, goOn, null));
  }

  #check(
    { domid, name, config }: ManagedDomain,
    { file, disks, memory, held = "", copies = 1 }: CheckpointArguments,
  ): void {
    if (config.devices.some(({ back }) => back.disposable))
      throw new Refusal(
        "EINVAL",
        `${name} runs on a disposable disk, whose content ends with it: no snapshot can be taken of it.`,
      );
    const elsewhere = config.devices.find((spec) => spec.kind === "vbd" && spec.back.mode === "w" && isElsewhere(spec));
    if (elsewhere)
      throw new Refusal(
        "EINVAL",
        `${name} has a disk whose backend is in ${elsewhere.backend}, which only that domain could take a snapshot of.`,
      );
    if (memory === "held") {
      const { domains, host } = this.#parts.hypercalls;
      const bytes = (domains.info(domid)?.totPages ?? 0) * PAGE_SIZE;
      this.#parts.held.check(name, held, bytes, copies, host.physicalInfo().freePages * PAGE_SIZE);
    }
    if (file === null) return;
    const there = config.devices.filter(isKeptDisk).map(({ id }) => id);
    if (
      there.toSorted().join() !==
      disks
        .map(({ id }) => id)
        .toSorted()
        .join()
    )
      throw new Refusal("EAGAIN", `${name} has other disks than a moment ago. Try it again.`);
  }

  /** Pauses the domain until `act` has ended or calls `goOn`. If somebody else has paused the domain, it stays paused. */
  async #whilePaused<T>({ domid }: ManagedDomain, act: (goOn: () => void) => Promise<T>): Promise<T> {
    const { hypercalls, lifecycle } = this.#parts;
    const domain = lifecycle.managed(domid);
    hypercalls.domains.pause(domid);
    let isGoing = false;
    const goOn = (): void => {
      if (isGoing) return;
      isGoing = true;
      if (lifecycle.domains.get(domid) === domain && hypercalls.domains.info(domid)) hypercalls.domains.unpause(domid);
    };
    try {
      return await act(goOn);
    } finally {
      goOn();
    }
  }

  async #take(
    domain: ManagedDomain,
    { file, disks, record, memory, held = "", copies = 1 }: CheckpointArguments,
    goOn: () => void,
    wanted: AbortSignal | null,
  ): Promise<CheckpointResult> {
    const began = performance.now();
    const { saving, consoles, screens, hypercalls } = this.#parts;
    const { domid } = domain;
    // The configuration from which the domain would be made again, with the images that its disks have now.
    const text = withDisks(domain.options.config, this.#devices(domain));
    const memoryMiB = (hypercalls.domains.info(domid)?.totPages ?? 0) / 256;
    const screen = screens.find(domid)?.screen.picture() ?? null;
    const console = consoles.log(domid)?.log.slice(-CONSOLE_TAIL) ?? new Uint8Array();
    await this.#exchange(
      domain,
      disks.map(({ id, from, file }) => ({ id, from, image: { file, format: "qcow2" } })),
      record,
    );
    let stood = 0;
    const free = (): void => {
      goOn();
      stood ||= performance.now() - began;
    };
    const done = { memoryMiB, screen, console };
    try {
      let bytes: number | null = null;
      if (memory === "held" && wanted) {
        const kept = { ...this.#described(domain, text, memoryMiB), config: domain.config };
        await this.#parts.held.hold(held, kept, () => saving.copies(domain, copies), copies, wanted);
      }
      if (file !== null) {
        const isWritten = memory === "file" && wanted !== null;
        const stream = isWritten ? await this.#memory(domain, memoryMiB * 2 ** 20, wanted, free) : nothing();
        if (!isWritten) free();
        bytes = await saving.writeFile(domain, text, file, stream);
        wanted?.throwIfAborted();
      }
      free();
      return { ...done, bytes, stood, problem: null };
    } catch (error) {
      free();
      if (memory === "held") await this.#parts.held.forget(held);
      const why = error instanceof SaveError ? new Refusal("EINVAL", error.message) : error;
      return { ...done, bytes: null, stood, problem: errorData(why) };
    }
  }

  /**
   * Memory is copied faster than it can be packed. Where the computer has room for a copy, everything is copied first, and the domain need not wait
   * for the packing (`taken`).
   */
  async #memory(
    domain: ManagedDomain,
    bytes: number,
    wanted: AbortSignal,
    taken: () => void,
  ): Promise<AsyncIterable<Uint8Array>> {
    const { saving } = this.#parts;
    const tell = saving.teller(domain, wanted);
    if (bytes > freemem() / 2) return saving.stream(domain, tell);
    const pieces = await this.#pieces(domain, wanted);
    taken();
    const count = pieces.length;
    return (async function* () {
      for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
        yield piece;
        tell(1 - pieces.length / count);
      }
    })();
  }

  async #pieces(domain: ManagedDomain, wanted: AbortSignal): Promise<Uint8Array[]> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.#parts.saving.stream(domain, () => wanted.throwIfAborted())) pieces.push(piece);
    return pieces;
  }

  #described({ domid, name, uuid, options }: ManagedDomain, config: string, memoryMiB: number): SavedDomain {
    const { configName, files = {} } = options;
    const console = this.#parts.consoles.log(domid)?.log ?? new Uint8Array();
    return {
      header: { name, uuid, memoryMiB, config, ...(configName !== undefined && { configName }) },
      files,
      console,
    };
  }

  /** Exchanges the images of all disks or of none. The record is written when all are ready, and what comes after that can't fail. */
  async #exchange(
    domain: ManagedDomain,
    disks: readonly { id: string; from: string; image: ImageFile }[],
    record: RecordFile,
  ): Promise<void> {
    const ready: Exchange[] = [];
    const held: HeldImage[] = [];
    let isDone = false;
    try {
      for (const { id, from, image } of disks) {
        const mine = await this.#hold(domain, id, from);
        held.push(mine);
        const next = await this.#storing(() =>
          this.#parts.disks.openBeside([mine.store], image.file, image.format, "read-write"),
        );
        ready.push({ id, held: mine, next, image });
        if (next.size !== mine.store.size)
          throw new Refusal("EINVAL", `${image.file} has another size than the disk that it is to continue.`);
      }
      this.#still(domain);
      await this.#record(record);
      for (const each of ready) this.#switch(domain, each);
      isDone = true;
    } finally {
      if (!isDone) for (const { next } of ready) await next.close().catch(() => {});
      for (const each of held) each.release();
    }
    // The images were flushed before, so an error while they are closed loses nothing.
    for (const { held: old } of ready) await old.store.close().catch(() => {});
  }

  /** `from`: the image that the disk must have now. If it has another one, going on would damage both. */
  async #hold(domain: ManagedDomain, id: string, from: string): Promise<HeldImage> {
    const { domid, name } = domain;
    const backend = this.#parts.backends.find("vbd", domid, id)?.backend;
    if (!backend?.hold)
      throw new Refusal("ENODEV", `${name} has a disk ${id} whose backend is not in dom0: it can't be held.`);
    const held = await this.#storing(() => backend.hold!());
    try {
      await checkSame(domain, id, held.params, from);
      return held;
    } catch (error) {
      held.release();
      throw error;
    }
  }

  #still(domain: ManagedDomain): void {
    if (this.#parts.lifecycle.domains.get(domain.domid) !== domain)
      throw new Refusal("ESRCH", `${domain.name} ended meanwhile.`);
  }

  async #record({ file, text }: RecordFile): Promise<void> {
    try {
      await writeWhole(file, text);
    } catch (error) {
      throw fileError(error, `${file} can't be written`, WRITING);
    }
  }

  /** Switches the backend, xenstore, and what the domain is restarted and saved from. */
  #switch(domain: ManagedDomain, { id, held, next, image }: Exchange): void {
    const params = paramsOf(image.format, image.file);
    held.exchange(next, params);
    const devices = this.#devices(domain).map((spec) =>
      spec.kind === "vbd" && spec.id === id ? { ...spec, back: { ...spec.back, params }, files: [image.file] } : spec,
    );
    domain.config = { ...domain.config, devices };
    domain.options = { ...domain.options, config: withDisks(domain.options.config, devices) };
    const address = this.#parts.devices.find(domain.domid, "vbd", id);
    if (address) this.#parts.store.write(`${backendPath(address)}/params`, Buffer.from(params).toString("latin1"));
  }

  async absorb({ task, base, top }: AbsorbArguments): Promise<{ bytes: number }> {
    const { disks, emit } = this.#parts;
    if (this.#absorbing.has(task)) throw new Refusal("EBUSY", "That is being done already.");
    const wanted = new AbortController();
    this.#absorbing.set(task, wanted);
    let told = 0;
    const progress = (bytes: number): void => {
      if (performance.now() - told < TELL_MS) return;
      told = performance.now();
      emit("absorbing", { task, bytes });
    };
    try {
      return await this.#storing(async () => ({
        bytes: await absorbImage(disks, base, top, { progress, signal: wanted.signal }),
      }));
    } finally {
      this.#absorbing.delete(task);
    }
  }

  cancelAbsorbing(task: string): void {
    this.#absorbing
      .get(task)
      ?.abort(new Refusal("ECANCELED", "Merging was cancelled: nothing is lost, and it can be gone on with later."));
  }

  async rebase({ domid, device, from, base, record }: DiskChainArguments): Promise<void> {
    const domain = this.#parts.lifecycle.managed(domid);
    const held = await this.#hold(domain, device, from);
    try {
      const { store } = held;
      await this.#storing(async () => {
        if (!(store instanceof Qcow2Store)) throw new StoreError("EINVAL", "it is no qcow2 image");
        const backing = { file: path.basename(base.file), format: base.format };
        await this.#parts.disks.rebase(store, base.file, base.format, (below) => store.rebase(below, backing));
      });
      await this.#record(record);
    } finally {
      held.release();
    }
  }

  async fold({ domid, device, from, base, record }: DiskChainArguments): Promise<void> {
    const domain = this.#parts.lifecycle.managed(domid);
    const held = await this.#hold(domain, device, from);
    try {
      const { store } = held;
      const next = await this.#storing(() =>
        this.#parts.disks.openBeside([store], base.file, base.format, "read-write"),
      );
      try {
        await this.#storing(async () => {
          if (!(store instanceof Qcow2Store)) throw new StoreError("EINVAL", "it is no qcow2 image");
          await absorb(next, store);
        });
        this.#still(domain);
        await this.#record(record);
        this.#switch(domain, { id: device, held, next, image: base });
      } catch (error) {
        await next.close().catch(() => {});
        throw error;
      }
      await store.close().catch(() => {});
    } finally {
      held.release();
    }
  }

  async #storing<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof StoreError) throw new Refusal(error.code, `A disk's image can't be used: ${error.message}.`);
      throw error;
    }
  }
}

/** Throws Refusal EBUSY if the image behind a disk is another file than it should be, whatever names the two have. */
async function checkSame({ name }: ManagedDomain, disk: string, params: string, wanted: string): Promise<void> {
  const file = readParams(params)?.target ?? "";
  const [is, should] = await Promise.all(
    [file, wanted].map((each) =>
      stat(each, { bigint: true }).then(
        ({ dev, ino }) => `${dev}:${ino}`,
        () => each,
      ),
    ),
  );
  if (is === should) return;
  throw new Refusal(
    "EBUSY",
    `${name} runs with ${file} as ${disk}, and its configuration has ${wanted} for its next start: nothing can be done with its snapshots until it has been started with that, or its configuration names what it runs on.`,
  );
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
