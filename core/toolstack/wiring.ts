/** How a domain's split devices are wired, as it stands now: both ends, ring, event channel, grant, and what lies behind. */
import type { ConsoleBackend } from "../dom0/console/backend.ts";
import type { EventChannels } from "../dom0/kernel/events.ts";
import type { MappedGrant } from "../dom0/kernel/grants.ts";
import * as abi from "../dom0/kernel/abi.ts";
import type { Hypercalls } from "../dom0/kernel/hypercalls.ts";
import { PAGE_SHIFT } from "../dom0/kernel/memory.ts";
import type { Observer } from "../dom0/kernel/observe.ts";
import type { Handshakes } from "../dom0/xenstore/handshakes.ts";
import type { XenstoreDomains } from "../dom0/xenstore/domains.ts";
import type { LocalXenstore } from "../dom0/xenstore/local.ts";
import type { Xenstored } from "../dom0/xenstore/xenstored.ts";
import { Refusal } from "./error.ts";
import { shutdownReason } from "./lifecycle.ts";
import type { DeviceWiring, DomainWiring, GrantTableWiring, PortWiring, RingWiring } from "./wiring-report.ts";

/** Domains whose devices are told of when dom0's are asked for. */
const MOST_DOMAINS = 32;
const MOST_HANDSHAKES = 128;

export interface WiringParts {
  hypercalls: Hypercalls;
  events: EventChannels;
  observer: Observer;
  console: ConsoleBackend;
  xenstored: Xenstored;
  storeDomains: XenstoreDomains;
  store: LocalXenstore;
  handshakes: Handshakes;
  nameOf: (domid: number) => string;
  /** Nanoseconds since power-on. */
  now: () => number;
}

export class Wiring {
  readonly #parts: WiringParts;

  constructor(parts: WiringParts) {
    this.#parts = parts;
  }

  /** Of dom0: the devices that it is the backend of. Throws Refusal when there is no such domain. */
  report(domid: number): DomainWiring {
    const { hypercalls, observer, handshakes, nameOf, now } = this.#parts;
    if (!hypercalls.domainInfo(domid)) throw new Refusal("ESRCH", `There is no domain ${domid}.`);
    const all = domid === 0 ? hypercalls.listDomains(1).map((record) => record.domid) : [domid];
    const fronts = all.slice(0, MOST_DOMAINS);
    const grants = observer.grants(domid);
    return {
      time: now(),
      domid,
      name: nameOf(domid),
      eventAbi: observer.eventAbi(domid),
      ports: observer.ports(domid).map((port) => this.#counted(domid, port)),
      grants,
      devices: fronts.flatMap((front) => this.#devices(front, front === domid ? grants : null)),
      handshakes: fronts.flatMap((front) => handshakes.of(front)?.devices ?? []).slice(0, MOST_HANDSHAKES),
      moreDomains: all.length - fronts.length,
    };
  }

  /** What went through a port, where dom0 is at one of its ends and counts it. */
  #counted(domid: number, port: Omit<PortWiring, "received" | "sent">): PortWiring {
    const { events } = this.#parts;
    if (domid === 0) return { ...port, ...(events.traffic(port.port) ?? { received: null, sent: null }) };
    const dom0s = port.remoteDomid === 0 && port.remotePort !== null ? events.traffic(port.remotePort) : null;
    return { ...port, received: dom0s?.sent ?? null, sent: dom0s?.received ?? null };
  }

  #devices(domid: number, table: GrantTableWiring | null): DeviceWiring[] {
    const grants = table ?? this.#parts.observer.grants(domid);
    return [this.#console(domid, grants), this.#xenstore(domid, grants)].filter((device) => device !== null);
  }

  #console(domid: number, grants: GrantTableWiring): DeviceWiring | null {
    const wiring = this.#parts.console.wiring(domid);
    if (!wiring) return null;
    const { in: input, out, port, grant, keptBytes, streamBytes, waitingInput } = wiring;
    const frontend = `/local/domain/${domid}/console`;
    const backend = this.#parts.store.read(`${frontend}/backend`);
    return {
      kind: "console",
      ...this.#common(domid, port, grant, grants),
      frontendPath: frontend,
      backendPath: backend,
      backendState: backend === null ? null : this.#parts.store.read(`${backend}/state`),
      ring: {
        structure: "xencons_interface",
        mfn: grant.address >>> PAGE_SHIFT,
        directions: [
          { name: "out", towards: "backend", ...out },
          { name: "in", towards: "frontend", ...input },
        ],
        error: null,
      },
      behind: { kind: "log", keptBytes, streamBytes, waitingInput },
    };
  }

  #xenstore(domid: number, grants: GrantTableWiring): DeviceWiring | null {
    const { storeDomains, xenstored } = this.#parts;
    const wiring = storeDomains.wiring(domid);
    if (!wiring) return null;
    const { req, rsp, port, grant, account, error } = wiring;
    const ring: RingWiring = {
      structure: "xenstore_domain_interface",
      mfn: grant.address >>> PAGE_SHIFT,
      directions: [
        { name: "req", towards: "backend", ...req },
        { name: "rsp", towards: "frontend", ...rsp },
      ],
      error,
    };
    return {
      kind: "xenstore",
      ...this.#common(domid, port, grant, grants),
      frontendPath: `/local/domain/${domid}/store`,
      backendPath: null,
      backendState: null,
      ring,
      behind: {
        kind: "store",
        nodes: xenstored.store.owned.get(domid) ?? 0,
        watches: account.watches,
        transactions: account.transactions,
        requests: account.counts.requests,
        watchEvents: account.counts.events,
        waitingReplies: account.waiting.replies,
      },
    };
  }

  #common(
    domid: number,
    backendPort: number,
    { ref, handle }: MappedGrant,
    grants: GrantTableWiring,
  ): Omit<DeviceWiring, "kind" | "frontendPath" | "backendPath" | "backendState" | "ring" | "behind"> {
    const { hypercalls, observer, nameOf } = this.#parts;
    const back = observer.port(0, backendPort);
    const front = back && back.remotePort !== null ? observer.port(domid, back.remotePort) : null;
    return {
      domid,
      name: nameOf(domid),
      halted: haltedOf(hypercalls.domainInfo(domid)?.flags ?? abi.XEN_DOMINF_dying),
      backendPort: back && this.#counted(0, back),
      frontendPort: front && this.#counted(domid, front),
      grantRef: ref,
      grant: grants.entries.find((entry) => entry.ref === ref) ?? null,
      mapHandle: handle,
    };
  }
}

function haltedOf(flags: number): DeviceWiring["halted"] {
  if (flags & abi.XEN_DOMINF_dying) return "dying";
  const reason = shutdownReason(flags);
  if (reason !== null) return reason === "crash" ? "crashed" : "shut down";
  return flags & abi.XEN_DOMINF_paused ? "paused" : null;
}
