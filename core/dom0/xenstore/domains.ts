/**
 * The domains that xenstored talks to: their rings, mapped by the grant that every domain gives for it (GNTTAB_RESERVED_XENSTORE), and their ends,
 * noticed by VIRQ_DOM_EXC.
 */
import { XEN_DOMINF_dying, XEN_DOMINF_shutdown } from "../../abi/domctl.ts";
import { GNTTAB_RESERVED_XENSTORE } from "../../abi/grant_table.ts";
import { HypercallError } from "../kernel/errno.ts";
import type { EventChannels } from "../kernel/events.ts";
import { GrantError, type GrantMap, type MappedGrant } from "../kernel/grants.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import { Connection } from "./connection.ts";
import { RingTransport, type RingState } from "./ring.ts";
import { XenstoreError } from "./wire.ts";
import type { DomainHooks, Xenstored } from "./xenstored.ts";

interface IntroducedDomain {
  grant: MappedGrant;
  port: number;
  connection: Connection;
  ring: RingTransport;
  /** Whether its shutdown was already reported to the watchers. */
  shutdown: boolean;
}

export interface DomainAccount {
  domid: number;
  watches: number;
  /** The number of open transactions, and of the nodes that the largest of them has touched. */
  transactions: number;
  touched: number;
  waiting: { bytes: number; replies: number };
  /** The XENSTORE_ERROR_* that ended the conversation, or 0. */
  broken: number;
  counts: Connection["counts"];
}

export class XenstoreDomains implements DomainHooks {
  readonly #xenstored: Xenstored;
  readonly #hypercalls: Hypercalls;
  readonly #events: EventChannels;
  readonly #grants: GrantMap;
  readonly #domains = new Map<number, IntroducedDomain>();

  constructor(xenstored: Xenstored, hypercalls: Hypercalls, events: EventChannels, grants: GrantMap) {
    this.#xenstored = xenstored;
    this.#hypercalls = hypercalls;
    this.#events = events;
    this.#grants = grants;
    xenstored.hooks = this;
  }

  introduce(domid: number, _gfn: number, remotePort: number): void {
    // The earlier connection ends first. So if the new ring can't be mapped the domain has none, and nothing is released twice.
    this.release(domid);
    try {
      const grant = this.#grants.map(domid, GNTTAB_RESERVED_XENSTORE);
      let port = 0;
      const buffer = this.#hypercalls.memory.memory.buffer;
      const ring = new RingTransport(this.#xenstored, buffer, grant.address, () => this.#events.notify(port));
      const connection = new Connection(domid, (path, token) => ring.sendEvent(path, token));
      ring.attach(connection);
      try {
        port = this.#events.bindInterdomain(domid, remotePort, () => ring.service());
      } catch (error) {
        this.#grants.unmap(grant);
        throw error;
      }
      this.#domains.set(domid, { grant, port, connection, ring, shutdown: false });
    } catch (error) {
      if (error instanceof HypercallError || error instanceof GrantError)
        throw new XenstoreError("EINVAL", `domain ${domid} can't be introduced: ${error.message}`);
      throw error;
    }
  }

  release(domid: number): void {
    const domain = this.#domains.get(domid);
    if (!domain) return;
    this.#domains.delete(domid);
    this.#xenstored.resetConnection(domain.connection);
    domain.ring.close();
    this.#events.close(domain.port);
    this.#grants.unmap(domain.grant);
  }

  resume(domid: number): void {
    const domain = this.#domains.get(domid);
    if (domain) domain.shutdown = false;
  }

  isIntroduced(domid: number): boolean {
    return this.#domains.has(domid);
  }

  setTarget(domid: number, target: number): void {
    const domain = this.#domains.get(domid);
    if (domain) domain.connection.target = target;
  }

  /** Returns what each introduced domain uses of xenstored, in no particular order. */
  accounts(): DomainAccount[] {
    return [...this.#domains].map(([domid, domain]) => accountOf(domid, domain));
  }

  /** Returns what the domain's xenstore connection consists of; null for one that is not introduced. */
  wiring(domid: number): (RingState & { port: number; grant: MappedGrant; account: DomainAccount }) | null {
    const domain = this.#domains.get(domid);
    if (!domain) return null;
    const { ring, port, grant } = domain;
    return { ...ring.indices(), port, grant, account: accountOf(domid, domain) };
  }

  /** VIRQ_DOM_EXC: called when some domain has shut down, crashed or died. */
  domainException(): void {
    let news = false;
    for (const [domid, domain] of [...this.#domains]) {
      const info = this.#hypercalls.domains.info(domid);
      const gone = !info || (info.flags & XEN_DOMINF_dying) !== 0;
      if (gone) {
        this.release(domid);
        this.#xenstored.forgetDomain(domid);
        news = true;
      } else if (info.flags & XEN_DOMINF_shutdown && !domain.shutdown) {
        domain.shutdown = true;
        news = true;
      }
    }
    if (news) this.#xenstored.fireSpecial("@releaseDomain");
  }
}

export function openTransactions({ transactions }: Connection): { transactions: number; touched: number } {
  const touched = Math.max(0, ...[...transactions.values()].map(({ size }) => size));
  return { transactions: transactions.size, touched };
}

function accountOf(domid: number, { connection, ring }: IntroducedDomain): DomainAccount {
  return {
    domid,
    watches: connection.watches.size,
    ...openTransactions(connection),
    waiting: ring.waiting,
    broken: ring.broken,
    counts: connection.counts,
  };
}
