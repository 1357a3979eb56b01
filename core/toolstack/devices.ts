/** The devices of domains as the toolstack sees them: writes their nodes as libxl does, waits for backends, lists, attaches and detaches devices. */
import path from "node:path";
import { backendPath, backendRoot, frontendPath, type DeviceAddress } from "../dom0/xenbus/address.ts";
import { SpecError, type DeviceKind, type DeviceSpec, type Nodes } from "../dom0/xenbus/kind.ts";
import { XENBUS, xenbusState, type XenbusState } from "../dom0/xenbus/state.ts";
import type { LocalXenstore } from "../dom0/xenstore/local.ts";
import { Refusal } from "./error.ts";
import type { DeviceEntry } from "./wiring-report.ts";

/** LIBXL_INIT_TIMEOUT and LIBXL_DESTROY_TIMEOUT: how long a backend may take to become ready, and a device to close. */
const BACKEND_MS = 10_000;
/** The milliseconds that a driver may take to write its last state after it has ended its watch on the device. */
const SETTLE_MS = 500;
/** How many characters of another domain's text appear in a sentence of ours. */
const MOST_SAID = 200;

/** A device that its backend could not set up. The message is a whole sentence. */
export class DeviceRefusal extends Refusal {}

/** Functions that end everybody who waits. */
type Waits = Set<(reason: Error) => void>;
/** `back` is what write() was given for its backend. */
type Gone = (address: DeviceAddress, back: Nodes) => void;

export class DomainDevices {
  readonly #store: LocalXenstore;
  readonly #kinds: ReadonlyMap<string, DeviceKind>;
  readonly #domidOf: (name: string) => number | null;
  readonly #isNative: (domid: number) => boolean;
  readonly #gone: Gone;
  /** By the domid of a domain that is gone: promises that resolve when driver domains have given up its devices. */
  readonly #leaving = new Map<number, Set<Promise<void>>>();

  /**
   * `domidOf` returns the domid for the name or domid of a domain, or null if there is no such domain. `isNative` says that it is a native one. `gone`
   * hears of devices that have been given up.
   */
  constructor(
    store: LocalXenstore,
    kinds: readonly DeviceKind[],
    domidOf: (name: string) => number | null,
    isNative: (domid: number) => boolean,
    gone: Gone,
  ) {
    this.#store = store;
    this.#gone = gone;
    this.#isNative = isNative;
    this.#kinds = new Map(kinds.map((kind) => [kind.kind, kind]));
    this.#domidOf = domidOf;
  }

  get kinds(): readonly DeviceKind[] {
    return [...this.#kinds.values()];
  }

  kind(kind: string): DeviceKind {
    const found = this.#kinds.get(kind);
    if (found) return found;
    throw new Refusal(
      "EINVAL",
      `There are no devices of the kind ${kind}; there are ${[...this.#kinds.keys()].join(", ")}.`,
    );
  }

  title({ kind, id }: { kind: string; id: string }): string {
    return `${this.#kinds.get(kind)?.title ?? kind} ${id}`;
  }

  /** Relative names of files in the specification are taken from this folder. */
  within(spec: DeviceSpec, folder: string): DeviceSpec {
    return this.kind(spec.kind).config?.within?.(spec, path.resolve(folder)) ?? spec;
  }

  frontendPath(address: DeviceAddress): string {
    return this.kind(address.kind).frontendPath?.(address) ?? frontendPath(address);
  }

  /** Writes both ends in the state Initialising. Throws Refusal if the backend's domain does not exist. */
  write(domid: number, spec: DeviceSpec, transaction: number): DeviceAddress {
    const address = this.#addressFor(domid, spec);
    this.#writeFrontend(address, spec, transaction);
    this.#writeBehind(address, spec, transaction);
    return address;
  }

  #addressFor(domid: number, spec: DeviceSpec): DeviceAddress {
    const { kind, id, backend } = spec;
    const backendDomid = this.#domidOf(backend);
    if (backendDomid === null)
      throw new Refusal("ESRCH", `${this.title(spec)}: there is no domain ${backend} to hold its backend.`);
    return { backendDomid, kind, domid, id };
  }

  #writeFrontend(address: DeviceAddress, { kind, id, front: nodes }: DeviceSpec, transaction: number): void {
    const { domid, backendDomid } = address;
    const isWired = this.kind(kind).isWired?.(id) ?? false;
    const front = this.frontendPath(address);
    const permissions = isWired ? [`n${this.#own}`, `r${domid}`] : [`n${domid}`, `r${backendDomid}`];
    this.#directory(front, permissions, transaction);
    const common = { backend: backendPath(address), "backend-id": backendDomid };
    const state = isWired ? undefined : XENBUS.Initialising;
    this.#store.writeAll(front, { ...common, ...inBytes(nodes), state }, transaction);
  }

  /** Writes the toolstack's record of the device, and the backend's directory. */
  #writeBehind(address: DeviceAddress, spec: DeviceSpec, transaction: number): void {
    const { kind, domid, id, backendDomid } = address;
    const backNodes = backendDomid === this.#own ? spec.back : this.#elsewhere(spec, backendDomid);
    const record = `/libxl/${domid}/device/${kind}/${id}`;
    this.#directory(record, [`n${this.#own}`], transaction);
    const both = { frontend: this.frontendPath(address), backend: backendPath(address), "backend-id": backendDomid };
    this.#store.writeAll(record, both, transaction);
    // A copy of what was meant, because the domain that has the backend may change its own directory.
    this.#store.writeAll(`${record}/back`, inBytes(backNodes), transaction);
    this.writeBackend(address, inBytes(backNodes), transaction);
  }

  /** Writes the backend's directory in the state Initialising. The values of `nodes` are bytes. */
  writeBackend(address: DeviceAddress, nodes: Nodes, transaction: number): void {
    const { domid, backendDomid } = address;
    const back = backendPath(address);
    this.#directory(back, [`n${backendDomid}`, `r${domid}`], transaction);
    const common = { frontend: this.frontendPath(address), "frontend-id": domid, online: 1 };
    this.#store.writeAll(back, { ...common, ...nodes, state: XENBUS.Initialising }, transaction);
  }

  /** Returns what write() was given for the backend of an attached device, as bytes. */
  recorded({ kind, domid, id }: DeviceAddress): Nodes {
    const directory = `/libxl/${domid}/device/${kind}/${id}/back`;
    return Object.fromEntries(
      this.#store.list(directory).map((name) => [name, this.#store.read(`${directory}/${name}`)!]),
    );
  }

  /** Notes why a device has no backend and will not get one, for those who ask what is wrong with it. */
  strand(address: DeviceAddress, why: string): void {
    this.#store.write(strandedPath(address), why);
  }
  /** Returns what strand() was told, until the device is replaced. */
  stranded(address: DeviceAddress): string | null {
    return this.#store.read(strandedPath(address));
  }

  get #own(): number {
    return this.#store.connection.domid;
  }

  #elsewhere(spec: DeviceSpec, backendDomid: number): Nodes {
    try {
      return this.kind(spec.kind).elsewhere?.(spec, this.#isNative(backendDomid)) ?? spec.back;
    } catch (error) {
      if (error instanceof SpecError) throw new Refusal("EINVAL", `${this.title(spec)}: ${error.message}.`);
      throw error;
    }
  }

  /** Makes a directory with these permissions. Everything that is written below it inherits them. */
  #directory(directory: string, permissions: string[], transaction: number): void {
    this.#store.remove(directory, transaction);
    this.#store.mkdir(directory, transaction);
    this.#store.setPermissions(directory, permissions, transaction);
  }

  /**
   * Waits until the backends are ready for their frontends. Throws Refusal with the reason of a backend, Refusal ETIMEDOUT, or the reason with which
   * `wanted` is aborted.
   */
  async ready(addresses: readonly DeviceAddress[], wanted: AbortSignal | null): Promise<void> {
    const waits: Waits = new Set();
    // There is one listener, however many devices a domain has.
    const abort = (): void => [...waits].forEach((giveUp) => giveUp(wanted!.reason as Error));
    wanted?.addEventListener("abort", abort);
    try {
      const all = Promise.all(addresses.map((address) => this.#ready(address, waits)));
      if (wanted?.aborted) abort();
      await all;
    } finally {
      wanted?.removeEventListener("abort", abort);
    }
  }

  async #ready(address: DeviceAddress, waits: Waits): Promise<void> {
    const title = this.title(address);
    const isDone = (state: XenbusState): boolean => state > XENBUS.Initialising;
    const state = await this.#until(`${backendPath(address)}/state`, isDone, waits);
    if (state === null)
      throw new DeviceRefusal(
        "ETIMEDOUT",
        `${title}: domain ${address.backendDomid} has no backend for it that got ready within ${BACKEND_MS / 1000} s.`,
      );
    if (state < XENBUS.Closing) return;
    throw new DeviceRefusal(
      "EINVAL",
      `${title} can't be set up: ${this.problem(address) ?? "its backend does not say why"}.`,
    );
  }

  /**
   * Returns what the backend wrote about why it has closed, of which another domain may have written anything, or why there is no backend; null where
   * there is one that says nothing.
   */
  problem(address: DeviceAddress): string | null {
    const { backendDomid, kind, domid, id } = address;
    const state = this.#store.read(`${backendPath(address)}/state`);
    // What is there was said of an earlier connection.
    if (xenbusState(state) === XENBUS.Connected) return null;
    const said = this.#store.read(`/local/domain/${backendDomid}/error/backend/${kind}/${domid}/${id}/error`);
    if (said) return said.replace(/\p{Cc}+/gu, " ").slice(0, MOST_SAID);
    if (state !== null) return null;
    const stranded = this.stranded(address);
    if (stranded !== null) return stranded;
    const isThere = this.#store.read(`/local/domain/${backendDomid}`) !== null;
    const why = isThere ? " has no backend for it any more" : ", which had its backend, has gone";
    return `Domain ${backendDomid}${why}: what the guest asks of it waits.`;
  }

  /**
   * While this runs, nothing else may be under way with that device, neither here nor in detach(). A guest that has not yet seen that an earlier
   * device with the same id is gone would take the new device for it and never connect, because Linux only checks whether the directory exists. So
   * this waits first. For the same reason a guest sees nothing of a device before its backend in this domain is ready: one that is refused would be
   * such an earlier device. A Linux backend in another domain, however, fails if it does not find its frontend. `isThere` is called after each wait
   * and throws if the domain is gone by then: nothing would ever remove what was written for it.
   */
  async attach(domid: number, spec: DeviceSpec, isThere: () => void): Promise<void> {
    if (this.find(domid, spec.kind, spec.id)) throw new Refusal("EEXIST", `${this.title(spec)} is attached already.`);
    await this.#settled(domid, spec);
    isThere();
    const address = this.#addressFor(domid, spec);
    const isOwn = address.backendDomid === this.#own;
    this.#store.transaction((t) => {
      if (!isOwn) this.#writeFrontend(address, spec, t);
      this.#writeBehind(address, spec, t);
    });
    try {
      await this.ready([address], null);
    } catch (error) {
      await this.#withdraw(address);
      throw error;
    }
    if (!isOwn) return;
    isThere();
    this.#store.transaction((t) => this.#writeFrontend(address, spec, t));
  }

  /** A device that could not be set up is closed before it is removed, as far as the guest has begun with it and answers. */
  async #withdraw(address: DeviceAddress): Promise<void> {
    const back = backendPath(address);
    // If the directory is gone with its domain, nothing is written, because that would create it again.
    const state = this.#store.read(`${back}/state`);
    if (state !== null && xenbusState(state) < XENBUS.Closing) this.#close(back);
    const isWatched = !(await this.#forgotten(address.domid, address, 0));
    const isDone = (state: XenbusState): boolean => state === XENBUS.Closed || state === XENBUS.Unknown;
    if (isWatched) await this.#until(`${this.frontendPath(address)}/state`, isDone);
    this.#remove(address);
  }

  /**
   * Takes away a device whose backend has ended, and gives the guest another in its place. The backend's domain has the same domid, and its backend may
   * come later. As in attach(), nothing else may be under way with that device. Throws Refusal if the guest does not give the old device up.
   */
  async replace(address: DeviceAddress, spec: DeviceSpec, isThere: () => void): Promise<void> {
    this.#store.remove(this.frontendPath(address));
    if (!(await this.#forgotten(address.domid, address)))
      throw new Refusal("ETIMEDOUT", `The guest does not let go of ${this.title(address)}.`);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    isThere();
    // That domain may have gone meanwhile. Nobody would ever remove what was written into its directory.
    if (this.#store.read(`/local/domain/${address.backendDomid}`) === null)
      throw new Refusal("ESRCH", `${this.title(address)}: domain ${address.backendDomid} has gone again.`);
    this.#store.transaction((t) => {
      this.#store.remove(strandedPath(address), t);
      this.#writeFrontend(address, spec, t);
      this.#writeBehind(address, spec, t);
    });
  }

  /** Resolves when the guest no longer uses an earlier device with this id, or seems to make no progress with that. */
  async #settled(domid: number, device: { kind: string; id: string }): Promise<void> {
    if (await this.#forgotten(domid, device, 0)) return;
    await this.#forgotten(domid, device);
    // Linux's drivers end their watch first and write their own state for the last time after that. That state must not be taken for the new
    // device's.
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  }

  /** A frontend watches its backend's state as long as it uses the device. Returns false if it still does at the end of the time. */
  #forgotten(domid: number, { kind, id }: { kind: string; id: string }, ms = BACKEND_MS): Promise<boolean> {
    const [, any] = backendPath({ backendDomid: 0, kind, domid, id }).split("/backend/");
    return this.#store.unwatched(domid, (path) => path.endsWith(`/backend/${any}/state`), ms);
  }

  /**
   * Asks both ends to close, as libxl does. With `force` it does not wait for the guest. Throws Refusal ETIMEDOUT if the guest does not give the
   * device up.
   */
  async detach(domid: number, kind: string, id: string, force: boolean): Promise<void> {
    const address = this.find(domid, kind, id);
    if (!address) throw new Refusal("ESRCH", `Domain ${domid} has no ${this.title({ kind, id })}.`);
    // If the backend's directory does not exist, as when that domain is gone, there is nobody to ask.
    if (this.#store.read(`${backendPath(address)}/state`) !== null) await this.#letGo(address, force);
    this.#remove(address);
  }

  async #letGo(address: DeviceAddress, force: boolean): Promise<void> {
    const back = backendPath(address);
    const isElsewhere = address.backendDomid !== this.#own;
    if (!force || isElsewhere) this.#close(back);
    if (!force) {
      const closed = await this.#until(`${back}/state`, (state) => state === XENBUS.Closed || state === XENBUS.Unknown);
      const who = isElsewhere ? `The guest, or domain ${address.backendDomid} that has its backend,` : "The guest";
      if (closed === null)
        throw new Refusal("ETIMEDOUT", `${who} does not let go of ${this.title(address)}. It may be in use there.`);
    }
    if (isElsewhere) await this.#leftBy(address);
  }

  find(domid: number, kind: string, id: string): DeviceAddress | null {
    const record = this.#store.read(`/libxl/${domid}/device/${kind}/${id}/backend-id`);
    return record === null ? null : { backendDomid: Number(record), kind, domid, id };
  }

  all(domid: number, only: string | null = null): DeviceAddress[] {
    const root = `/libxl/${domid}/device`;
    return this.#store
      .list(root)
      .filter((kind) => only === null || kind === only)
      .flatMap((kind) => this.#store.list(`${root}/${kind}`).map((id) => this.find(domid, kind, id)))
      .filter((address) => address !== null);
  }

  list(domid: number, kind: string): DeviceEntry[] {
    return this.all(domid, kind).map((address): DeviceEntry => {
      const [front, back] = [this.frontendPath(address), backendPath(address)];
      const read = (name: string): string | null => this.#store.read(`${front}/${name}`);
      return {
        kind,
        id: address.id,
        backendDomid: address.backendDomid,
        frontendPath: front,
        backendPath: back,
        frontendState: xenbusState(read("state")),
        backendState: xenbusState(this.#store.read(`${back}/state`)),
        eventChannel: read("event-channel") ?? read("port"),
        ringRef: read("ring-ref") ?? read("ring-ref0"),
        problem: this.problem(address),
      };
    });
  }

  #close(back: string): void {
    this.#store.transaction((t) => this.#store.writeAll(back, { online: 0, state: XENBUS.Closing }, t));
  }

  /** A driver domain removes a closed device from its own directory when it has undone what it did for the device, if it does that at all. */
  async #leftBy(address: DeviceAddress): Promise<void> {
    const node = `${backendPath(address)}/state`;
    if (this.#store.read(node) !== null) await this.#until(node, (state) => state === XENBUS.Unknown);
  }

  /** The domain is going away: removes the directories of its backends, wherever they are. A driver domain gets the time to remove them itself. */
  removeBackends(domid: number): void {
    for (const address of this.all(domid)) {
      const back = backendPath(address);
      // The record goes together with the domain.
      const recorded = this.recorded(address);
      const remove = (): void => {
        this.#removeBehind(address);
        this.#gone(address, recorded);
      };
      if (address.backendDomid === this.#own || this.#store.read(`${back}/state`) === null) remove();
      else {
        this.#close(back);
        this.#leaves(domid, this.#leftBy(address).then(remove));
      }
    }
    // These may have been written by hand.
    const own = backendRoot(this.#own);
    for (const kind of this.#store.list(own)) this.#store.remove(`${own}/${kind}/${domid}`);
  }

  #leaves(domid: number, left: Promise<void>): void {
    const all = this.#leaving.get(domid) ?? new Set();
    this.#leaving.set(domid, all.add(left));
    void left.finally(() => {
      all.delete(left);
      if (all.size === 0) this.#leaving.delete(domid);
    });
  }

  /** Resolves, after a limited time, when no driver domain has anything of that domain any more. Only then may another domain get its domid. */
  async left(domid: number): Promise<void> {
    await Promise.all(this.#leaving.get(domid) ?? []);
  }

  #remove(address: DeviceAddress): void {
    const { kind, domid, id } = address;
    const recorded = this.recorded(address);
    this.#store.transaction((t) => {
      this.#store.remove(this.frontendPath(address), t);
      this.#removeBehind(address, t);
      this.#store.remove(`/libxl/${domid}/device/${kind}/${id}`, t);
    });
    this.#gone(address, recorded);
  }

  /**
   * Removes what the backend's domain has of a device in xenstore, with the directories that are empty then. They count as that domain's nodes: it would
   * have no more of them some day, as each domain that starts again has another domid.
   */
  #removeBehind({ backendDomid, kind, domid, id }: DeviceAddress, transaction = 0): void {
    for (const root of ["backend", "error/backend"]) {
      const ofDomain = `/local/domain/${backendDomid}/${root}/${kind}/${domid}`;
      this.#store.remove(`${ofDomain}/${id}`, transaction);
      const isThere = this.#store.read(ofDomain, transaction) !== null;
      if (isThere && this.#store.list(ofDomain, transaction).length === 0) this.#store.remove(ofDomain, transaction);
    }
  }

  /** Resolves with the state that fits, or with null if none came in time. While it waits, it is in `waits`. */
  #until(node: string, fits: (state: XenbusState) => boolean, waits: Waits = new Set()): Promise<XenbusState | null> {
    return new Promise((resolve, reject) => {
      const end = (result: () => void): void => {
        clearTimeout(timer);
        unwatch();
        waits.delete(giveUp);
        result();
      };
      const giveUp = (reason: Error): void => end(() => reject(reason));
      const timer = setTimeout(() => end(() => resolve(null)), BACKEND_MS);
      const unwatch = this.#store.watch(node, () => {
        const state = xenbusState(this.#store.read(node));
        if (fits(state)) end(() => resolve(state));
      });
      waits.add(giveUp);
    });
  }
}

/** Converts text to UTF-8 with one character for each byte, which is how xenstore's values are kept here. */
function inBytes(nodes: Nodes): Nodes {
  const byte = (value: Nodes[string]): Nodes[string] =>
    typeof value === "string" ? Buffer.from(value).toString("latin1") : value;
  return Object.fromEntries(Object.entries(nodes).map(([name, value]) => [name, byte(value)]));
}

function strandedPath({ kind, domid, id }: DeviceAddress): string {
  return `/libxl/${domid}/device/${kind}/${id}/stranded`;
}
