/**
 * Domains that have the backends of others' devices and start again. The new one gets the domid of the old, so that ports and grants of
 * the frontends are for it, and finds the backends' directories as the toolstack wrote them for the old one: Linux's backends go on with a
 * ring that is connected where its responses end. That is right only if every request had its response. What was taken and not answered,
 * or answered out of turn, nobody can tell from the ring, and a request that is done twice would write what is in its pages by now. So a
 * device with requests on the way is left without a backend, as real Xen leaves it. A native domain keeps a record of them outside of its
 * thread (core/dom0/xenbus/request-record.ts), with which its devices go on in any case.
 */
import type { ForeignFrames } from "../dom0/kernel/native.ts";
import type { Observer } from "../dom0/kernel/observe.ts";
import type { PhysicalMemory } from "../dom0/kernel/memory.ts";
import type { DeviceAddress } from "../dom0/xenbus/address.ts";
import type { Nodes } from "../dom0/xenbus/kind.ts";
import { XENBUS, xenbusState, type XenbusState } from "../dom0/xenbus/state.ts";
import type { LocalXenstore } from "../dom0/xenstore/local.ts";
import type { DomainDevices } from "./devices.ts";

/** Offsets of req_prod and rsp_prod in the first page of a ring (public/io/ring.h). */
const REQ_PROD = 0;
const RSP_PROD = 8;
/** Frontend's nodes that name the first page of a ring in which an unanswered request stands for something to be done. */
const RINGS: Readonly<Record<string, RegExp>> = { vbd: /^ring-ref0?$/, vif: /^tx-ring-ref$/ };

const HAVE_RINGS: ReadonlySet<XenbusState> = new Set([XENBUS.Initialised, XENBUS.Connected, XENBUS.Closing]);

/** A device of another domain's. */
export interface ServedDevice {
  address: DeviceAddress;
  /** What the toolstack wrote for its backend. */
  back: Nodes;
  /** Every request that its frontend has made has got its response, or is known to whoever goes on. */
  canGoOn: boolean;
}

export interface DriverDomainParts {
  store: LocalXenstore;
  devices: DomainDevices;
  observer: Observer;
  foreign: ForeignFrames;
  memory: PhysicalMemory;
}

export class DriverDomains {
  readonly #parts: DriverDomainParts;

  constructor(parts: DriverDomainParts) {
    this.#parts = parts;
  }

  /**
   * Devices of other domains whose backends a domain has that has stopped; to be asked before it is destroyed. `isRecorded`: what was on its way is
   * known to the domain that takes its place.
   */
  served(domid: number, isRecorded: boolean): ServedDevice[] {
    const { store, devices } = this.#parts;
    return store
      .list("/libxl")
      .map(Number)
      .filter((front) => front !== domid)
      .flatMap((front) => devices.all(front))
      .filter((address) => address.backendDomid === domid)
      .map((address) => ({ address, back: devices.recorded(address), canGoOn: isRecorded || this.#isQuiet(address) }));
  }

  /**
   * Writes the backends' directories for the domain that took the old one's place, under the same domid, before it runs. Returns the devices
   * that had to be left without a backend.
   */
  attach(served: readonly ServedDevice[]): ServedDevice[] {
    const { store, devices } = this.#parts;
    const left: ServedDevice[] = [];
    for (const device of served) {
      const { address, back, canGoOn } = device;
      // The other domain may have gone meanwhile, or the device have been detached. What its frontend has removed is not written again.
      if (devices.find(address.domid, address.kind, address.id)?.backendDomid !== address.backendDomid) continue;
      if (store.read(devices.frontendPath(address)) === null) continue;
      if (canGoOn) {
        store.transaction((t) => devices.writeBackend(address, back, t));
        this.#readable(devices.frontendPath(address), address);
      } else left.push(device);
    }
    return left;
  }

  /** xenstored has forgotten what the old domain was allowed to read: the new one is allowed the same. */
  #readable(path: string, address: DeviceAddress): void {
    const { store } = this.#parts;
    const permissions = store.permissions(path);
    const reader = `r${address.backendDomid}`;
    if (permissions[0] === `n${address.domid}` && !permissions.includes(reader))
      store.setPermissions(path, [...permissions, reader]);
    for (const name of store.list(path)) this.#readable(`${path}/${name}`, address);
  }

  /** False too where the frontend does not say what makes sense: nothing is done for it then. */
  #isQuiet(address: DeviceAddress): boolean {
    const { devices, observer, foreign, memory } = this.#parts;
    const front = devices.frontendPath(address);
    const refs = this.#rings(front, RINGS[address.kind] ?? /^$/);
    // Of a frontend that has not begun yet, or is closed, there can be none.
    if (refs.length === 0) return !HAVE_RINGS.has(xenbusState(this.#parts.store.read(`${front}/state`)));
    try {
      const { entries } = observer.grants(address.domid, new Set(refs));
      return refs.every((ref) => {
        const grant = entries.find((entry) => entry.ref === ref && entry.domid === address.backendDomid);
        return (
          grant !== undefined &&
          foreign.with(address.domid, grant.mfn, (at) => memory.get32(at + REQ_PROD) === memory.get32(at + RSP_PROD))
        );
      });
    } catch {
      return false;
    }
  }

  #rings(directory: string, names: RegExp): number[] {
    const { store } = this.#parts;
    return store.list(directory).flatMap((name) => {
      if (/^queue-\d+$/.test(name)) return this.#rings(`${directory}/${name}`, names);
      const value = names.test(name) ? store.read(`${directory}/${name}`) : null;
      return value !== null && /^\d{1,9}$/.test(value) ? [Number(value)] : [];
    });
  }
}

/** Of a device that attach() had to leave; `title`: of the device. */
export function leftSentence(title: string, domid: number): string {
  return `${title} of domain ${domid} stays without its backend, which ended while requests were on their way: which of them were done can't be known. What was acknowledged is done. Detach and attach an interface again; for a disk, start the domain again.`;
}
