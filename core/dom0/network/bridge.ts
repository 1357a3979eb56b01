/**
 * A learning bridge (IEEE 802.1D without spanning tree): a frame goes to where its destination was last seen, or everywhere. What a port sends is
 * bounded by its backend, and what is learned by the table's size. A port's own address is known from the beginning and can't be another's, so no
 * guest gets or sends frames in the name of another's interface or of the gateway.
 */
import { ETHERNET_HEADER, macKey, type BridgePort, type Frame } from "./frame.ts";

/** The most addresses that are remembered. A guest that invents more pushes out the oldest of its own port first. */
const LEARNED_LIMIT = 1024;
const LEARNED_PER_PORT = 256;

export interface PortCounters {
  /** Frames from the port into the bridge, and out of the bridge to the port. */
  framesIn: number;
  bytesIn: number;
  framesOut: number;
  bytesOut: number;
  /** Frames that came in and were not valid Ethernet frames. */
  malformed: number;
  /** Frames that came in with the address of another owner's interface. */
  forged: number;
}

interface Attached {
  port: BridgePort;
  counters: PortCounters;
  /** Keys of the MAC addresses that were learned here, oldest first. */
  addresses: Set<number>;
}

/** Is told every frame that enters the bridge, with the port that it came from and those that it leaves by. */
export type BridgeListener = (frame: Frame, from: BridgePort, to: readonly BridgePort[]) => void;

export class Bridge {
  readonly name: string;
  readonly #ports = new Map<BridgePort, Attached>();
  /** Ports by their own addresses. If two have the same one, the port that came first. */
  readonly #owners = new Map<number, Attached>();
  readonly #learned = new Map<number, Attached>();
  readonly #listeners = new Set<BridgeListener>();
  readonly #random: () => number;
  #loss = 0;
  #lost = 0;

  /** `random` returns a number from 0 to before 1, for frames that are lost on purpose. */
  constructor(name: string, random = Math.random) {
    this.name = name;
    this.#random = random;
  }

  /** The part of all frames that are dropped on purpose, from 0 to 1, to see how guests cope with losses. */
  get loss(): number {
    return this.#loss;
  }
  set loss(part: number) {
    this.#loss = part;
  }
  /** Number of frames that were dropped on purpose. */
  get lost(): number {
    return this.#lost;
  }

  attach(port: BridgePort): void {
    const counters = { framesIn: 0, bytesIn: 0, framesOut: 0, bytesOut: 0, malformed: 0, forged: 0 };
    const attached = { port, counters, addresses: new Set<number>() };
    this.#ports.set(port, attached);
    this.#own(attached);
  }

  #own(attached: Attached): void {
    const key = macKey(attached.port.mac);
    if (this.#owners.has(key)) return;
    this.#owners.set(key, attached);
    this.#forget(key);
  }

  detach(port: BridgePort): void {
    const attached = this.#ports.get(port);
    if (!attached) return;
    this.#ports.delete(port);
    for (const key of attached.addresses) this.#learned.delete(key);
    const key = macKey(port.mac);
    if (this.#owners.get(key) !== attached) return;
    this.#owners.delete(key);
    for (const other of this.#ports.values()) if (macKey(other.port.mac) === key) return this.#own(other);
  }

  /** Calls the listener with all traffic, until the returned function is called. */
  listen(listener: BridgeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes a frame from a port that is attached; frames of other ports are dropped. */
  send(from: BridgePort, frame: Frame): void {
    const source = this.#ports.get(from);
    if (!source) return;
    const { bytes } = frame;
    if (bytes.length < ETHERNET_HEADER || bytes[6]! & 1) {
      source.counters.malformed++;
      return;
    }
    if (!this.#learn(source, macKey(bytes, 6))) {
      source.counters.forged++;
      return;
    }
    source.counters.framesIn++;
    source.counters.bytesIn += bytes.length;
    if (this.#loss > 0 && this.#random() < this.#loss) {
      this.#lost++;
      return;
    }
    const known = bytes[0]! & 1 ? undefined : this.#portOf(macKey(bytes));
    if (this.#listeners.size) this.#tell(frame, source, known);
    if (known) {
      if (known !== source) forward(known, frame, from);
      return;
    }
    for (const port of this.#ports.values()) if (port !== source) forward(port, frame, from);
  }

  /** Learned addresses come first, because an owner may use the address of one of its interfaces at another one. */
  #portOf(key: number): Attached | undefined {
    return this.#learned.get(key) ?? this.#owners.get(key);
  }

  #tell(frame: Frame, source: Attached, known: Attached | undefined): void {
    const others = known ? [known] : [...this.#ports.values()];
    const to = others.filter((each) => each !== source).map(({ port }) => port);
    for (const listener of this.#listeners) listener(frame, source.port, to);
  }

  /** Returns false for an address that is another owner's. */
  #learn(port: Attached, key: number): boolean {
    const owner = this.#owners.get(key);
    if (owner === port) {
      this.#forget(key);
      return true;
    }
    if (owner && owner.port.owner !== port.port.owner) return false;
    const before = this.#learned.get(key);
    if (before === port) return true;
    this.#forget(key);
    if (port.addresses.size >= LEARNED_PER_PORT || this.#learned.size >= LEARNED_LIMIT) {
      const oldest = port.addresses.values().next();
      if (oldest.done) return true;
      this.#forget(oldest.value);
    }
    port.addresses.add(key);
    this.#learned.set(key, port);
    return true;
  }

  #forget(key: number): void {
    this.#learned.get(key)?.addresses.delete(key);
    this.#learned.delete(key);
  }

  /** Returns the attached ports, with their own addresses and those seen there. */
  ports(): { port: BridgePort; counters: Readonly<PortCounters>; addresses: string[] }[] {
    return [...this.#ports.values()].map((attached) => {
      const { port, counters, addresses } = attached;
      const keys = new Set([macKey(port.mac), ...addresses]);
      return { port, counters: { ...counters }, addresses: [...keys].map(keyText) };
    });
  }
}

function keyText(key: number): string {
  return key
    .toString(16)
    .padStart(12, "0")
    .replace(/..(?!$)/g, "$&:");
}

function forward(to: Attached, frame: Frame, from: BridgePort): void {
  to.counters.framesOut++;
  to.counters.bytesOut += frame.bytes.length;
  to.port.deliver(frame, from);
}
