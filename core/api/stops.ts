/** How domains stopped in this power cycle: what they were, when and why, for clients that connect later. */
import type {
  DomainInfo,
  ShutdownAction,
  ShutdownReason,
  StatisticsSnapshot,
  ToolstackEvents,
} from "../toolstack/messages.ts";

/** As many as the consoles that the host keeps. */
export const MOST_STOPS = 64;

/** A stop. A domain that restarts has one each time. */
export interface DomainStop {
  domid: number;
  uuid: string;
  /** Its name at that time. */
  name: string;
  /** "destroyed": by somebody, while it ran; "host": because its host ended. */
  reason: ShutdownReason | "destroyed" | "host";
  /** What followed according to its on_* setting; null where that did not matter. */
  action: ShutdownAction | null;
  /** Milliseconds since 1970. */
  at: number;
  /** The domain as it was last seen; null when it was never seen. */
  last: DomainInfo | null;
}

export class Stops {
  #stops: DomainStop[] = [];
  readonly #seen = new Map<number, DomainInfo>();

  /** The latest last. */
  get all(): readonly DomainStop[] {
    return this.#stops;
  }

  /** Called in another power cycle, when the numbers mean other domains. */
  clear(): void {
    this.#stops = [];
    this.#seen.clear();
  }

  domains(list: readonly DomainInfo[]): void {
    for (const domain of list) if (domain.domid !== 0) this.#seen.set(domain.domid, domain);
  }

  figures({ domains }: StatisticsSnapshot): void {
    for (const { domid, uuid, cpuTime } of domains) {
      const seen = this.#seen.get(domid);
      if (seen?.uuid === uuid) this.#seen.set(domid, { ...seen, cpuTimeSeconds: cpuTime / 1e9 });
    }
  }

  stopped({ domid, uuid, name, reason, action }: ToolstackEvents["stopped"]): void {
    this.#add({ domid, uuid, name, reason, action });
  }

  destroyed({ domid, uuid, name }: ToolstackEvents["destroyed"]): void {
    if (!this.#stops.some((stop) => stop.domid === domid && stop.uuid === uuid))
      this.#add({ domid, uuid, name, reason: "destroyed", action: null });
    this.#seen.delete(domid);
  }

  hostEnded(): void {
    for (const { domid, uuid, name } of [...this.#seen.values()])
      if (!this.#stops.some((stop) => stop.domid === domid && stop.uuid === uuid))
        this.#add({ domid, uuid, name, reason: "host", action: null });
    this.#seen.clear();
  }

  #add(stop: Omit<DomainStop, "at" | "last">): void {
    const seen = this.#seen.get(stop.domid);
    const last = seen?.uuid === stop.uuid ? seen : null;
    this.#stops = [...this.#stops.slice(1 - MOST_STOPS), { ...stop, at: Date.now(), last }];
  }
}
