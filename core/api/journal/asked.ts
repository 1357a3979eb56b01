/** Remembers who asked for what, which is the cause of what happens next. */
import type { RequestName } from "../schema.ts";
import type { Client } from "./entry.ts";

/** How long after the answer to a request something that happens counts as caused by it. */
const CAUSE_MS = 15_000;
/** A guest may take its time to shut down. */
const GUEST_MS = 10 * 60_000;
const OF_GUESTS: readonly RequestName[] = ["shutdown", "save"];
const MOST = 200;

interface Ask {
  request: RequestName;
  domid: number | null;
  /** Name of the domain that it creates, where that is known. */
  name: string | null;
  who: Client;
  /** A time of performance.now(); Infinity while the request is under way. */
  until: number;
}
/** A request is the cause of one event, unless it `remains`. */
export interface Cause {
  domid?: number;
  name?: string;
  remains?: boolean;
}

export class Asked {
  #asks: Ask[] = [];

  /** The returned function is called when the request is answered. A refused request causes nothing. */
  add(request: RequestName, who: Client, domid: number | null, name: string | null): (refused: boolean) => void {
    const ask: Ask = { request, domid, name, who, until: Infinity };
    this.#asks = [...this.#asks.slice(1 - MOST), ask];
    return (refused) => {
      if (refused) this.#remove(ask);
      else ask.until = performance.now() + (OF_GUESTS.includes(request) ? GUEST_MS : CAUSE_MS);
    };
  }

  /** Returns who asked for what happens now; null if nobody did. */
  who(requests: readonly RequestName[], { domid, name, remains = false }: Cause = {}): Client | null {
    const now = performance.now();
    this.#asks = this.#asks.filter(({ until }) => until > now);
    const found = this.#asks.find(
      (ask) =>
        requests.includes(ask.request) &&
        (domid === undefined || ask.domid === domid) &&
        (name === undefined || ask.name === null || ask.name === name),
    );
    if (found && !remains) this.#remove(found);
    return found?.who ?? null;
  }

  #remove(ask: Ask): void {
    this.#asks = this.#asks.filter((each) => each !== ask);
  }
}
