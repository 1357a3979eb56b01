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
  who: Client;
  /** A time of performance.now(); Infinity while the request is under way. */
  until: number;
}
export type IsName = (name: string) => boolean;
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
  add(request: RequestName, who: Client, domid: number | null, isName: IsName | null): (refused: boolean) => void {
    const ask: Ask = { request, domid, isName, who, until: Infinity };
    this.#asks = [...this.#asks.slice(1 - MOST), ask];
    return (refused) => {
      if (refused) this.#remove(ask);
      else ask.until = performance.now() + tailOf(request);
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
        (name === undefined || ask.isName === null || ask.isName(name)),
    );
    if (found && !remains) this.#remove(found);
    return found?.who ?? null;
  }

  #remove(ask: Ask): void {
    this.#asks = this.#asks.filter((each) => each !== ask);
  }
}
