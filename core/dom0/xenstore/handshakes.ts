/**
 * The history of each split device's handshake: every value that frontend and backend were given in xenstore, in the order of the writes, by whom and
 * when. It is recorded from the changes themselves, because a handshake is over in milliseconds.
 * A domain is followed from its creation on, and its history outlives it. Everything is bounded: of each side of a device the first and the last
 * steps are kept, and those in between are counted, so that neither side can push out the other's.
 */
import { components, isSelfOrBelow } from "./path.ts";
import type { Change, Node, Store } from "./store.ts";

/** How many steps of one side are kept: the first ones, and the last ones. */
export const MOST_FIRST = 64;
export const MOST_LAST = 64;
/** The most steps, and devices, of one domain. */
export const MOST_DOMAIN_STEPS = 2048;
export const MOST_DEVICES = 32;
/** The number of gone domains whose histories are kept: as many as of their consoles. */
export const MOST_ENDED = 64;
/** How many bytes of a value, and of a key, are kept. */
export const MOST_TEXT = 128;

export type HandshakeSide = "frontend" | "backend";

export interface HandshakeStep {
  /** Number of the step among all steps of the host, which gives their order. */
  number: number;
  /** Nanoseconds since power-on. All changes of one transaction have the same time. */
  time: number;
  side: HandshakeSide;
  /** The domain that wrote; null when xenstored itself removed what a gone domain had owned. */
  by: number | null;
  /** Path below the side's directory, such as "state" or "queue-0/ring-ref"; "" is the directory itself. */
  key: string;
  /** The values, with one byte in each character; null where there was no node, or no longer is. */
  before: string | null;
  after: string | null;
  /** Whether key or value was longer than what is kept. */
  cut: boolean;
}

/** A device whose handshake is known. Each `state` is the XenbusState that was written last; null for none. */
export interface HandshakeSummary {
  /** The frontend's domain. */
  domid: number;
  kind: string;
  id: string;
  /** A name for people, such as "Block device". */
  title: string;
  frontendPath: string;
  /** null while the backend is not known, and for xenstore, whose other end is xenstored itself. */
  backendPath: string | null;
  frontendState: string | null;
  backendState: string | null;
  /** The number of steps that are kept, of steps that were left out, and the number of the latest step. */
  steps: number;
  dropped: number;
  latest: number;
}
export interface DomainHandshakes {
  domid: number;
  /** Whether the domain is gone. */
  ended: boolean;
  devices: HandshakeSummary[];
  /** Number of steps of devices beyond those that are kept. */
  moreSteps: number;
}
export interface DeviceHandshake extends HandshakeSummary {
  /** The steps in order. */
  list: HandshakeStep[];
  /** How many steps of a side were left out after its step with the number `after`; -1 means before all. */
  gaps: { side: HandshakeSide; after: number; count: number }[];
}

interface Lane {
  path: string | null;
  state: string | null;
  first: HandshakeStep[];
  last: HandshakeStep[];
  dropped: number;
}
interface Device {
  kind: string;
  id: string;
  frontend: Lane;
  backend: Lane;
  latest: number;
}
interface Domain {
  domid: number;
  ended: boolean;
  devices: Map<string, Device>;
  steps: number;
  moreSteps: number;
}
/** The device and side to which a path belongs. */
interface Place {
  domid: number;
  kind: string;
  id: string;
  side: HandshakeSide;
  directory: string;
  key: string;
}

const FRONTEND = /^(\/local\/domain\/(\d{1,5})\/(?:device\/([^/]+)\/(\d{1,10})|(console|store)))(?:\/(.+))?$/;
const BACKEND = /^(\/local\/domain\/(\d{1,5})\/backend\/([^/]+)\/(\d{1,5})\/(\d{1,10}))(?:\/(.+))?$/;
/** Paths that have directories of devices below them. */
const ABOVE = /^\/(local(\/domain(\/\d{1,5}(\/device(\/[^/]+)?|\/backend(\/[^/]+(\/\d{1,5})?)?)?)?)?)?$/;

export class Handshakes {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #titles: ReadonlyMap<string, string>;
  readonly #domains = new Map<number, Domain>();
  #number = 0;

  /** `now` returns nanoseconds since power-on. `titles` has the names of the existing kinds. */
  constructor(store: Store, now: () => number, titles: ReadonlyMap<string, string> = new Map()) {
    this.#store = store;
    this.#now = now;
    this.#titles = titles;
  }

  /** Follows a domain from its creation on. A domid that is used again begins anew. */
  begin(domid: number): void {
    this.#domains.delete(domid);
    this.#domains.set(domid, { domid, ended: false, devices: new Map(), steps: 0, moreSteps: 0 });
  }

  /** Called when the domain is gone. Its history is kept as long as it is among the latest ones. */
  end(domid: number): void {
    const domain = this.#domains.get(domid);
    if (!domain) return;
    domain.ended = true;
    const ended = [...this.#domains.values()].filter((each) => each.ended);
    for (const { domid: old } of ended.slice(0, Math.max(0, ended.length - MOST_ENDED))) this.#domains.delete(old);
  }

  /** Forgets a domain whose building failed. */
  forget(domid: number): void {
    this.#domains.delete(domid);
  }

  /** Records changes that were made together, in order. `by` is the domain that asked for them; null for xenstored itself. */
  record(by: number | null, changes: readonly Change[]): void {
    const time = this.#now();
    for (const { path, before, after } of changes) {
      const place = this.#place(path);
      // If only the permissions changed, the value is the same object.
      if (place && !(before && after && before.value === after.value)) this.#add(place, time, by, before, after);
      if (!place && before && !after && ABOVE.test(path)) this.#removedBelow(path, before, time, by);
    }
  }

  /** Returns null for a domain that was never here, or whose history was dropped. */
  of(domid: number): DomainHandshakes | null {
    const domain = this.#domains.get(domid);
    if (!domain) return null;
    const { ended, moreSteps } = domain;
    return { domid, ended, devices: [...domain.devices.values()].map((each) => this.#summary(domid, each)), moreSteps };
  }

  /** Returns null when nothing is known of such a device. */
  device(domid: number, kind: string, id: string): DeviceHandshake | null {
    const device = this.#domains.get(domid)?.devices.get(`${kind}/${id}`);
    if (!device) return null;
    const lanes = [device.frontend, device.backend];
    const list = lanes.flatMap(({ first, last }) => [...first, ...last]).sort((a, b) => a.number - b.number);
    const gaps = (["frontend", "backend"] as const)
      .map((side) => ({ side, after: device[side].first.at(-1)?.number ?? -1, count: device[side].dropped }))
      .filter(({ count }) => count > 0);
    return { ...this.#summary(domid, device), list, gaps };
  }

  #summary(domid: number, { kind, id, frontend, backend, latest }: Device): HandshakeSummary {
    const lanes = [frontend, backend];
    return {
      domid,
      kind,
      id,
      title: this.#titles.get(kind) ?? kind,
      frontendPath: frontend.path ?? `/local/domain/${domid}/device/${kind}/${id}`,
      backendPath: backend.path,
      frontendState: frontend.state,
      backendState: backend.state,
      steps: lanes.reduce((sum, { first, last }) => sum + first.length + last.length, 0),
      dropped: lanes.reduce((sum, { dropped }) => sum + dropped, 0),
      latest,
    };
  }

  #place(path: string): Place | null {
    const front = FRONTEND.exec(path);
    if (front) {
      const [, directory = "", domid, kind, id = "0", special, key = ""] = front;
      const named = special === "store" ? "xenstore" : (special ?? kind!);
      return { domid: Number(domid), kind: named, id, side: "frontend", directory, key };
    }
    const back = BACKEND.exec(path);
    if (!back) return null;
    const [, directory = "", owner, kind, domid, id, key = ""] = back;
    const place: Place = { domid: Number(domid), kind: kind!, id: id!, side: "backend", directory, key };
    // Any domain may have directories of that name below its own. Only the one that the frontend names is its backend.
    return owner === "0" || this.#namedBackend(place) === directory ? place : null;
  }

  #namedBackend({ domid, kind, id }: Place): string | null {
    const frontend = this.#domains.get(domid)?.devices.get(`${kind}/${id}`)?.frontend.path;
    return frontend ? (this.#store.find(`${frontend}/backend`)?.value.toString("latin1") ?? null) : null;
  }

  #add(place: Place, time: number, by: number | null, before: Node | null, after: Node | null): void {
    const domain = this.#domains.get(place.domid);
    if (!domain || domain.ended) return;
    const name = `${place.kind}/${place.id}`;
    let device = domain.devices.get(name);
    if (!device) {
      if (domain.devices.size >= MOST_DEVICES) {
        domain.moreSteps++;
        return;
      }
      device = { kind: place.kind, id: place.id, frontend: emptyLane(), backend: emptyLane(), latest: 0 };
      domain.devices.set(name, device);
    }
    const lane = device[place.side];
    lane.path = place.directory;
    const [key, was, is] = [place.key, before && textOf(before), after && textOf(after)];
    if (key === "state" || (key === "" && !after)) lane.state = is;
    const number = (device.latest = ++this.#number);
    const cut =
      key.length > MOST_TEXT || (before?.value.length ?? 0) > MOST_TEXT || (after?.value.length ?? 0) > MOST_TEXT;
    const { side } = place;
    const step = { number, time, side, by, key: key.slice(0, MOST_TEXT), before: was, after: is, cut };
    keep(domain, lane, step);
  }

  /** When a directory above devices is removed, the devices go too. */
  #removedBelow(path: string, before: Node, time: number, by: number | null): void {
    for (const domain of this.#domains.values())
      for (const device of domain.devices.values())
        for (const side of ["frontend", "backend"] as const) {
          const directory = device[side].path;
          if (directory === null || !isSelfOrBelow(directory, path)) continue;
          const node = nodeBelow(before, components(directory).slice(components(path).length));
          const { kind, id } = device;
          if (node) this.#add({ domid: domain.domid, kind, id, side, directory, key: "" }, time, by, node, null);
        }
  }
}

function emptyLane(): Lane {
  return { path: null, state: null, first: [], last: [], dropped: 0 };
}

/** Keeps the first steps and the last ones. When the domain has as many as it may have, a new step replaces one of the same side. */
function keep(domain: Domain, lane: Lane, step: HandshakeStep): void {
  const room = domain.steps < MOST_DOMAIN_STEPS;
  if (room && lane.dropped === 0 && lane.last.length === 0 && lane.first.length < MOST_FIRST) {
    lane.first.push(step);
    domain.steps++;
    return;
  }
  if (room && lane.last.length < MOST_LAST) {
    domain.steps++;
  } else {
    lane.dropped++;
    if (lane.last.length === 0) return;
    lane.last.shift();
  }
  lane.last.push(step);
}

function textOf({ value }: Node): string {
  return value.toString("latin1", 0, MOST_TEXT);
}

function nodeBelow(node: Node, names: readonly string[]): Node | null {
  let at: Node | undefined = node;
  for (const name of names) at = at?.children.get(name);
  return at ?? null;
}
