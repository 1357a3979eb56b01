/**
 * Domains that have the backends of other domains' devices and are started again. The new domain gets the domid of the old one, so that the ports and
 * grants of the frontends are meant for it, and it finds the backends' directories as the toolstack wrote them for the old one. Linux's backends go
 * on with a connected ring at the place where its responses end. That is right only if every request has had its response. Nobody can tell from the
 * ring which requests were taken and not answered, or were answered out of order, and a request that is carried out twice would write what its pages
 * contain by then. So an interface that has packets on the way is replaced by another one, and a disk that has requests
 * on the way is left without a backend, as real Xen leaves it. The backends of native domains know
 * which requests are left (`goesOnWithRequests` in core/dom0/xenbus/kind.ts), so those devices go on in any case.
 */
import type { ForeignFrames } from "../dom0/kernel/native.ts";
import type { Observer } from "../dom0/kernel/observe.ts";
import type { PhysicalMemory } from "../dom0/kernel/memory.ts";
import type { DeviceAddress } from "../dom0/xenbus/address.ts";
import type { Nodes } from "../dom0/xenbus/kind.ts";
import { XENBUS, xenbusState, type XenbusState } from "../dom0/xenbus/state.ts";
import type { LocalXenstore } from "../dom0/xenstore/local.ts";
import type { DomainDevices } from "./devices.ts";
import { errorData } from "./error.ts";

/** The offsets of req_prod and rsp_prod in the first page of a ring (public/io/ring.h). */
const REQ_PROD = 0;
const RSP_PROD = 8;
/** The nodes of a frontend that name the first page of a ring in which an unanswered request means that something is to be done. */
const RINGS: Readonly<Record<string, RegExp>> = { vbd: /^ring-ref0?$/, vif: /^tx-ring-ref$/ };

const HAVE_RINGS: ReadonlySet<XenbusState> = new Set([XENBUS.Initialised, XENBUS.Connected, XENBUS.Closing]);

/** A device of another domain. */
export interface ServedDevice {
  address: DeviceAddress;
  /** What the toolstack wrote for its backend. */
  back: Nodes;
  /** Whether every request that its frontend has made has had its response, or is known to the backend that goes on. */
  canGoOn: boolean;
}

export interface DriverDomainParts {
  store: LocalXenstore;
  devices: DomainDevices;
  observer: Observer;
  foreign: ForeignFrames;
  memory: PhysicalMemory;
  /** Gives a guest another device in the place of one whose backend has ended. Returns false if that device is no longer there. */
  replace: (address: DeviceAddress) => Promise<boolean>;
  notice: (severity: "warning" | "error", message: string, domid: number) => void;
}

export class DriverDomains {
  readonly #parts: DriverDomainParts;

  constructor(parts: DriverDomainParts) {
    this.#parts = parts;
  }

  /**
   * Returns the devices of other domains whose backends were in a domain that has stopped. It must be called before that domain is destroyed.
   * `isNative` says that its backends were this project's, and that those of the domain that takes its place will be.
   */
  served(domid: number, isNative: boolean): ServedDevice[] {
    const { store, devices } = this.#parts;
    return store
      .list("/libxl")
      .map(Number)
      .filter((front) => front !== domid)
      .flatMap((front) => devices.all(front))
      .filter((address) => address.backendDomid === domid)
      .map((address) => {
        const isKnown = isNative && devices.kind(address.kind).goesOnWithRequests === true;
        return { address, back: devices.recorded(address), canGoOn: isKnown || this.#isQuiet(address) };
      });
  }

  /**
   * Writes the backends' directories for the domain that has taken the old one's place, under the same domid, before it runs. Devices that can't go
   * on are replaced or, where the guest could not do with another one, left without a backend, and the user is told.
   */
  attach(served: readonly ServedDevice[]): void {
    const { store, devices } = this.#parts;
    for (const device of served) {
      const { address, back, canGoOn } = device;
      // Meanwhile the other domain may have gone, or the device may have been detached. What its frontend has removed is not written again.
      if (devices.find(address.domid, address.kind, address.id)?.backendDomid !== address.backendDomid) continue;
      const { isReplaceable } = devices.kind(address.kind);
      // Unless it was removed here, to be replaced, and the driver domain had gone again.
      const isStranded = isReplaceable === true && devices.stranded(address) !== null;
      if (!isStranded && store.read(devices.frontendPath(address)) === null) continue;
      if (canGoOn && !isStranded) {
        store.transaction((t) => devices.writeBackend(address, back, t));
        this.#readable(devices.frontendPath(address), address);
      } else if (isReplaceable) void this.#replace(address);
      else this.#leave(address, LEFT);
    }
  }

  async #replace(address: DeviceAddress): Promise<void> {
    const { devices, replace, notice } = this.#parts;
    const title = devices.title(address);
    try {
      if (!(await replace(address))) return;
      const message = `${title} of domain ${address.domid} lost its backend while packets were on their way, and was taken away and attached again: its guest sets it up anew.`;
      notice("warning", message, address.domid);
    } catch (error) {
      this.#leave(address, `${errorData(error).message} Detach it and attach it again.`);
    }
  }

  #leave(address: DeviceAddress, why: string): void {
    const { devices, notice } = this.#parts;
    const { domid } = address;
    // It may have gone meanwhile.
    if (devices.find(domid, address.kind, address.id) === null) return;
    devices.strand(address, why);
    notice("error", `${devices.title(address)} of domain ${domid} stays without its backend. ${why}`, domid);
  }

  /** xenstored has forgotten what the old domain was allowed to read. The new one is allowed to read the same. */
  #readable(path: string, address: DeviceAddress): void {
    const { store } = this.#parts;
    const permissions = store.permissions(path);
    const reader = `r${address.backendDomid}`;
    if (permissions[0] === `n${address.domid}` && !permissions.includes(reader))
      store.setPermissions(path, [...permissions, reader]);
    for (const name of store.list(path)) this.#readable(`${path}/${name}`, address);
  }

  /** Also false if what the frontend says makes no sense. Then nothing is done for it. */
  #isQuiet(address: DeviceAddress): boolean {
    const { devices, observer, foreign, memory } = this.#parts;
    const front = devices.frontendPath(address);
    const refs = this.#rings(front, RINGS[address.kind] ?? /^$/);
    // A frontend that has not begun yet, or is closed, can have no unanswered requests.
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

/**
 * Why a disk is left, and what is to be done. Its guest's driver waits for each request without a limit, when it is detached too, and hears nothing
 * more of Xen meanwhile (core/dom0/xenbus/README.md).
 */
const LEFT =
  "Its backend ended while requests were on their way, and which of them were done can't be known, so the guest waits for them for good. What was acknowledged is done. Do not detach it: destroy the domain and start it again.";
