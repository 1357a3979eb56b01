/** Remembers who asked for what, which is the cause of what happens next. */
import type { RequestName } from "../schema.ts";
import type { Client } from "./entry.ts";

/** How long after the answer to a request something that happens counts as caused by it. */
const CAUSE_MS = 15_000;
/** A guest may take its time to shut down. */
const GUEST_MS = 10 * 60_000;
const OF_GUESTS: readonly RequestName[] = ["shutdown", "save"];
/** What each does to domains is told before it is answered, or at once after it. */
const DEED_MS = 2_000;
/** Requests that do several things to domains one after the other: they make, end, pause and unpause them. */
export const DEEDS: readonly RequestName[] = ["snapshotTake", "snapshotRevert", "snapshotClone", "domainFork"];
const MOST = 200;

interface Ask {
  request: RequestName;
  domid: number | null;
  /** Says whether a name is that of a domain that the request makes or is about; null where those are not known. */
  isName: IsName | null;
  /** How a domain that the request makes is told of; null where that is plain. */
  making: Making | null;
  /** The names of the domains that were told of so: who comes under one of these later was not made by the request. */
  made: Set<string>;
  who: Client;
  /** A time of performance.now(); Infinity while the request is under way. */
  until: number;
}
export type IsName = (name: string) => boolean;
/** Returns the title of the event that a domain of that name was made; null if the request did not make it. */
export type Making = (name: string) => string | null;
/** A request is the cause of one event, unless it `remains`. */
export interface Cause {
  domid?: number;
  name?: string;
  remains?: boolean;
}

function tailOf(request: RequestName): number {
  if (DEEDS.includes(request)) return DEED_MS;
  return OF_GUESTS.includes(request) ? GUEST_MS : CAUSE_MS;
}

export class Asked {
  #asks: Ask[] = [];

  /** The returned function is called when the request is answered. A refused request causes nothing. */
  add(
    request: RequestName,
    who: Client,
    domid: number | null,
    isName: IsName | null,
    making: Making | null = null,
  ): (refused: boolean) => void {
    const ask: Ask = { request, domid, isName, making, made: new Set(), who, until: Infinity };
    this.#asks = [...this.#asks.slice(1 - MOST), ask];
    return (refused) => {
      if (refused) this.#remove(ask);
      else ask.until = performance.now() + tailOf(request);
    };
  }

  /** Returns who asked for what happens now; null if nobody did. */
  who(requests: readonly RequestName[], cause: Cause = {}): Client | null {
    const found = this.#fitting(requests, cause)[0];
    if (found && !cause.remains) this.#remove(found);
    return found?.who ?? null;
  }

  /** Returns how a domain of that name is told of which one of the DEEDS has made now; null if none has. Each makes a domain of a name once. */
  making(name: string): string | null {
    for (const { making, made } of this.#fitting(DEEDS, { name })) {
      const title = made.has(name) ? null : (making?.(name) ?? null);
      if (title === null) continue;
      made.add(name);
      return title;
    }
    return null;
  }

  #fitting(requests: readonly RequestName[], { domid, name }: Cause): Ask[] {
    const now = performance.now();
    this.#asks = this.#asks.filter(({ until }) => until > now);
    return this.#asks.filter(
      (ask) =>
        requests.includes(ask.request) &&
        (domid === undefined || ask.domid === domid) &&
        (name === undefined || ask.isName === null || ask.isName(name)),
    );
  }

  #remove(ask: Ask): void {
    this.#asks = this.#asks.filter((each) => each !== ask);
  }
}
