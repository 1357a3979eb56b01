/** How the split devices of a domain are wired at this moment: both ends, ring, event channel, grant, and what lies behind the backend. */
import type { EventChannels } from "../dom0/kernel/events.ts";
import { XEN_DOMINF_dying, XEN_DOMINF_paused } from "../abi/domctl.ts";
import type { Hypercalls } from "../dom0/kernel/hypercalls.ts";
import { PAGE_SHIFT } from "../dom0/kernel/memory.ts";
import type { Observer } from "../dom0/kernel/observe.ts";
import { backendPath, type DeviceAddress } from "../dom0/xenbus/address.ts";
import type { BackendDevices } from "../dom0/xenbus/devices.ts";
import type { DeviceFigure, RingState } from "../dom0/xenbus/kind.ts";
import type { Handshakes } from "../dom0/xenstore/handshakes.ts";
import type { XenstoreDomains } from "../dom0/xenstore/domains.ts";
import type { LocalXenstore } from "../dom0/xenstore/local.ts";
import type { Xenstored } from "../dom0/xenstore/xenstored.ts";
import type { DomainDevices } from "./devices.ts";
import { Refusal } from "./error.ts";
import { shutdownReason } from "./stop-reason.ts";
import type { DeviceWiring, DomainWiring, GrantTableWiring, PortWiring, RingWiring } from "./wiring-report.ts";

/** The largest number of domains whose devices are reported when dom0's are asked for. */
const MOST_DOMAINS = 32;
const MOST_HANDSHAKES = 128;

export interface WiringParts {
  /** The domain in which this runs. */
  domid: number;
  hypercalls: Hypercalls;
  events: EventChannels;
  observer: Observer;
  devices: DomainDevices;
  backends: BackendDevices;
  xenstored: Xenstored;
  storeDomains: XenstoreDomains;
  store: LocalXenstore;
  handshakes: Handshakes;
  nameOf: (domid: number) => string;
  /** Returns the nanoseconds since power-on. */
  now: () => number;
}

export class Wiring {
  readonly #parts: WiringParts;

  constructor(parts: WiringParts) {
    this.#parts = parts;
  }

  /** For this domain it reports the devices of which it has the backend. Throws Refusal if there is no such domain. */
  report(domid: number): DomainWiring {
    const { hypercalls, observer, devices, handshakes, nameOf, now } = this.#parts;
    if (!hypercalls.domains.info(domid)) throw new Refusal("ESRCH", `There is no domain ${domid}.`);
    const others = hypercalls.host.listDomains().map((record) => record.domid);
    const served = (each: number): boolean => devices.all(each).some(({ backendDomid }) => backendDomid === domid);
    const all =
      domid === this.#parts.domid
        ? others.filter((each) => each !== domid)
        : [domid, ...others.filter((each) => each !== domid && served(each))];
    const fronts = all.slice(0, MOST_DOMAINS);
    const grants = observer.grants(domid, this.#ringRefs(domid));
    return {
      time: now(),
      domid,
      name: nameOf(domid),
      eventAbi: observer.eventAbi(domid),
      ports: observer.ports(domid).map((port) => this.#counted(domid, port)),
      grants,
      devices: fronts
        .flatMap((front) => this.#devices(front, front === domid ? grants : null))
        .filter((device) => device.domid === domid || domid === this.#parts.domid || device.backendDomid === domid),
      handshakes: fronts.flatMap((front) => handshakes.of(front)?.devices ?? []).slice(0, MOST_HANDSHAKES),
      moreDomains: all.length - fronts.length,
    };
  }

  /** Adds what went through a port, if this domain is at one of its ends and counts it. */
  #counted(domid: number, port: Omit<PortWiring, "received" | "sent">): PortWiring {
    const { events, domid: own } = this.#parts;
    if (domid === own) return { ...port, ...(events.traffic(port.port) ?? { received: null, sent: null }) };
    const other = port.remoteDomid === own && port.remotePort !== null ? events.traffic(port.remotePort) : null;
    return { ...port, received: other?.sent ?? null, sent: other?.received ?? null };
  }

  #devices(domid: number, table: GrantTableWiring | null): DeviceWiring[] {
    const grants = table ?? this.#parts.observer.grants(domid, this.#ringRefs(domid));
    const devices = this.#parts.devices.all(domid).map((address) => this.#device(address, grants));
    return [...devices, this.#xenstore(domid, grants)].filter((device) => device !== null);
  }

  /** The grant references of its rings' pages. A guest may have thousands of other grants. */
  #ringRefs(domid: number): Set<number> {
    const rings = [...this.#parts.backends.of(domid)].flatMap((device) => device.report().rings);
    return new Set(rings.flatMap(({ pages }) => pages.flatMap((page) => ("ref" in page ? [page.ref] : []))));
  }

  #device(address: DeviceAddress, grants: GrantTableWiring): DeviceWiring {
    const { backends, devices, store } = this.#parts;
    const { kind, domid, id, backendDomid } = address;
    const { title } = devices.kind(kind);
    const frontend = devices.frontendPath(address);
    const backend = backendPath(address);
    const own = backendDomid === this.#parts.domid ? backends.find(kind, domid, id) : null;
    const state = own?.report() ?? null;
    return {
      kind,
      id,
      title,
      vdev: devices.recorded(address).dev?.toString() ?? null,
      frontendTitle: `${title} frontend`,
      backendTitle: `${title} backend`,
      ...this.#ends(domid, backendDomid),
      frontendPath: frontend,
      backendPath: backend,
      frontendState: stateText(store.read(`${frontend}/state`)),
      backendState: stateText(store.read(`${backend}/state`)),
      problem: own ? own.problem : devices.problem(address),
      rings: state?.rings.map((ring) => this.#ring(domid, ring, grants)) ?? [],
      behind: state?.behind ?? null,
      traffic: state?.traffic ?? null,
    };
  }

  #xenstore(domid: number, grants: GrantTableWiring): DeviceWiring | null {
    const { storeDomains, xenstored } = this.#parts;
    const wiring = storeDomains.wiring(domid);
    if (!wiring) return null;
    const { req, rsp, port, grant, account, error } = wiring;
    const ring: RingState = {
      name: "ring",
      structure: "xenstore_domain_interface",
      unit: "bytes",
      directions: [
        { name: "req", towards: "backend", ...req },
        { name: "rsp", towards: "frontend", ...rsp },
      ],
      error,
      port,
      pages: [grant],
    };
    const figure = (name: string, label: string, value: number, unit = ""): DeviceFigure => ({
      name,
      label,
      value,
      unit,
    });
    return {
      kind: "xenstore",
      id: "0",
      title: "xenstore",
      vdev: null,
      frontendTitle: "xenstore client",
      backendTitle: "xenstored",
      ...this.#ends(domid, this.#parts.domid),
      frontendPath: `/local/domain/${domid}/store`,
      backendPath: null,
      frontendState: null,
      backendState: null,
      problem: null,
      rings: [this.#ring(domid, ring, grants)],
      traffic: null,
      behind: {
        title: "The store",
        figures: [
          figure("nodes", "Nodes that it owns", xenstored.store.owned.get(domid) ?? 0),
          figure("requests", "Requests", account.counts.requests),
          figure("watches", "Watches", account.watches),
          figure("transactions", "Open transactions", account.transactions),
          figure("watchEvents", "Watch events", account.counts.events),
          figure("waitingReplies", "Waiting replies", account.waiting.replies),
        ],
      },
    };
  }

  #ends(
    domid: number,
    backendDomid: number,
  ): Pick<DeviceWiring, "domid" | "name" | "halted" | "backendDomid" | "backendName"> {
    const { hypercalls, nameOf } = this.#parts;
    return {
      domid,
      name: nameOf(domid),
      halted: haltedOf(hypercalls.domains.info(domid)?.flags ?? XEN_DOMINF_dying),
      backendDomid,
      backendName: nameOf(backendDomid),
    };
  }

  /** For a backend in this domain: looks up the other end's port and grants. */
  #ring(domid: number, { port, pages, ...ring }: RingState, grants: GrantTableWiring): RingWiring {
    const { observer, domid: own } = this.#parts;
    const back = observer.port(own, port);
    const front = back && back.remotePort !== null ? observer.port(domid, back.remotePort) : null;
    return {
      ...ring,
      backendPort: back && this.#counted(own, back),
      frontendPort: front && this.#counted(domid, front),
      frames: pages.map(({ address }) => address >>> PAGE_SHIFT),
      grants: pages
        .filter((page) => "ref" in page)
        .map(({ ref, handle, address }) => ({
          ref,
          handle,
          mfn: address >>> PAGE_SHIFT,
          grant: grants.entries.find((entry) => entry.ref === ref) ?? null,
        })),
    };
  }
}

/** Returns the state as it was written, if it can be one. The domain at that end may have written anything. */
function stateText(value: string | null): string | null {
  return value === null || /^\d{1,2}$/.test(value) ? value : "?";
}

function haltedOf(flags: number): DeviceWiring["halted"] {
  if (flags & XEN_DOMINF_dying) return "dying";
  const reason = shutdownReason(flags);
  if (reason !== null) return reason === "crash" ? "crashed" : "shut down";
  return flags & XEN_DOMINF_paused ? "paused" : null;
}
