/**
 * The devices whose backends are in this native domain. The domain's backend directory in xenstore says which there are: a device appears when the
 * toolstack has written its directory, and is gone when that is removed.
 */
import { backendRoot, deviceKey, type DeviceAddress } from "./address.ts";
import { BackendDevice } from "./device.ts";
import type { BackendKernel, BackendState, DeviceKind, DeviceTraffic } from "./kind.ts";
import { XENBUS, xenbusState, type XenbusState } from "./state.ts";

/** What another domain is told of a device whose backend is in this one. */
export interface DeviceReport {
  readonly address: DeviceAddress;
  /** Why the device does not work; null while it does. */
  readonly problem: string | null;
  readonly state: BackendState;
}

export class BackendDevices {
  readonly #kernel: BackendKernel;
  readonly #kinds: ReadonlyMap<string, DeviceKind>;
  readonly #devices = new Map<string, BackendDevice>();
  readonly #root: string;
  #scans: Promise<void> = Promise.resolve();
  /** Devices of domains that are gone, as long as they still hold something. */
  readonly #leaving = new Set<Promise<void>>();
  readonly #unwatch: () => void;

  /** `refused` is called when the store does not let it watch the directory, so that there will be no devices. */
  constructor(kernel: BackendKernel, kinds: readonly DeviceKind[], refused: (error: Error) => void) {
    this.#kernel = kernel;
    this.#kinds = new Map(kinds.map((kind) => [kind.kind, kind]));
    this.#root = backendRoot(kernel.domid);
    this.#unwatch = kernel.store.watch(this.#root, (path) => this.#changed(path), refused);
  }

  /** Yields the devices of all domains, or of one. */
  *of(domid?: number): Iterable<BackendDevice> {
    for (const device of this.#devices.values())
      if (domid === undefined || device.address.domid === domid) yield device;
  }

  find(kind: string, domid: number, id: string): BackendDevice | null {
    return this.#devices.get(deviceKey({ backendDomid: this.#kernel.domid, kind, domid, id })) ?? null;
  }

  reports(): DeviceReport[] {
    return [...this.of()].map((device) => ({
      address: device.address,
      problem: device.problem,
      state: device.report(),
    }));
  }

  /** Returns the bytes that went through a domain's present devices of one medium. Devices that are gone no longer count. */
  bytes(domid: number, medium: DeviceTraffic["medium"]): { in: number; out: number } {
    const sum = { in: 0, out: 0 };
    for (const { backend } of this.of(domid)) {
      const traffic = backend.traffic?.();
      if (traffic?.medium !== medium) continue;
      sum.in += traffic.inBytes;
      sum.out += traffic.outBytes;
    }
    return sum;
  }

  /** Called when the domain has stopped: takes what its frontends have left. */
  drain(domid: number): void {
    for (const device of this.of(domid)) device.drain();
  }

  /** Called when the domain is about to go. When it returns, nothing of its memory is held any more. */
  release(domid: number): void {
    for (const [key, device] of this.#devices)
      if (device.address.domid === domid) {
        this.#devices.delete(key);
        const left = device.remove().finally(() => this.#leaving.delete(left));
        this.#leaving.add(left);
      }
  }

  /** Resolves when the devices of domains that are gone by now hold nothing any more, neither an image nor a socket. */
  async released(): Promise<void> {
    await Promise.all(this.#leaving);
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    this.#unwatch();
    await Promise.all([...this.#devices.values()].map((device) => device.remove()));
    this.#devices.clear();
  }

  #changed(path: string): void {
    const [kind, domid, id, name] = path.slice(this.#root.length + 1).split("/");
    if (kind && domid && id && name) {
      const device = this.find(kind, Number(domid), id);
      // Both its own writes and the toolstack's come here; a backend takes only what differs from what it has.
      if (device && name !== "state") device.changed(name);
      if (device) return;
    }
    this.#scans = this.#scans.then(() => this.#scan(kind || null)).catch(() => {});
  }

  /** Compares the directory with the known devices. `only` limits it to one kind. */
  async #scan(only: string | null): Promise<void> {
    const { store } = this.#kernel;
    const found = new Set<string>();
    for (const kind of this.#kinds.values()) {
      if (only !== null && kind.kind !== only) continue;
      const directory = `${this.#root}/${kind.kind}`;
      for (const domid of await store.list(directory))
        for (const id of await store.list(`${directory}/${domid}`)) {
          const address = { backendDomid: this.#kernel.domid, kind: kind.kind, domid: Number(domid), id };
          // The toolstack writes the state together with the rest, in one transaction.
          const state = xenbusState(await store.read(`${directory}/${domid}/${id}/state`));
          if (state === XENBUS.Unknown) continue;
          found.add(deviceKey(address));
          await this.#add(kind, address, state);
        }
    }
    for (const [key, device] of this.#devices)
      if (!found.has(key) && (only === null || device.address.kind === only)) {
        this.#devices.delete(key);
        void device.remove();
      }
  }

  async #add(kind: DeviceKind, address: DeviceAddress, state: XenbusState): Promise<void> {
    const key = deviceKey(address);
    const before = this.#devices.get(key);
    if (before && !before.isReplaced(state)) return;
    await before?.remove();
    this.#devices.set(key, new BackendDevice(this.#kernel, kind, address));
  }
}
