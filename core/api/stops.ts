/** How domains stopped, of this power cycle: what they were, when and why, for who comes later. */
import type {
  DomainInfo,
  ShutdownAction,
  ShutdownReason,
  StatisticsSnapshot,
  ToolstackEvents,
} from "../toolstack/messages.ts";

/** As many as the host keeps consoles of. */
export const MOST_STOPS = 64;

/** A stop; of one that restarts, each. */
export interface DomainStop {
  domid: number;
  uuid: string;
  /** As it was called then. */
  name: string;
  /** "destroyed": by somebody, while it ran; "host": its host ended. */
  reason: ShutdownReason | "destroyed" | "host";
  /** What followed by its on_* setting; null where that was not asked. */
  action: ShutdownAction | null;
  /** Milliseconds since 1970. */
  at: number;
  /** As it was last seen; null when it was not. */
  last: DomainInfo | null;
}

export class Stops {
  #stops: DomainStop[] = [];
  readonly #seen = new Map<number, DomainInfo>();

  /** The latest last. */
  get all(): readonly DomainStop[] {
    return this.#stops;
  }

  /** Another power cycle: the numbers mean other domains. */
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
