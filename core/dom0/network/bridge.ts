/**
 * A learning bridge (IEEE 802.1D without spanning tree): frames go where their destination was last seen, or everywhere.
 * What one port sends is bounded by that port's backend, what is learned by the table's size.
 */
import { ETHERNET_HEADER, type BridgePort, type Frame } from "./frame.ts";
import { macText } from "./packet/address.ts";

/** Addresses that are remembered; a guest that invents more pushes out the oldest of its own port first. */
const LEARNED_LIMIT = 1024;
const LEARNED_PER_PORT = 256;

export interface PortCounters {
  /** From the port into the bridge, and out of it to the port. */
  framesIn: number;
  bytesIn: number;
  framesOut: number;
  bytesOut: number;
  /** Came in and were no Ethernet frames. */
  malformed: number;
}

interface Attached {
  port: BridgePort;
  counters: PortCounters;
  /** MAC addresses learned here, oldest first. */
  addresses: Set<string>;
}

/** Sees every frame that enters the bridge, with the port it came from and those it leaves by. */
export type BridgeListener = (frame: Frame, from: BridgePort, to: readonly BridgePort[]) => void;

export class Bridge {
  readonly name: string;
  readonly #ports = new Map<BridgePort, Attached>();
  readonly #learned = new Map<string, Attached>();
  readonly #listeners = new Set<BridgeListener>();

  constructor(name: string) {
    this.name = name;
  }

  attach(port: BridgePort): void {
    const counters = { framesIn: 0, bytesIn: 0, framesOut: 0, bytesOut: 0, malformed: 0 };
    this.#ports.set(port, { port, counters, addresses: new Set() });
  }

  detach(port: BridgePort): void {
    const attached = this.#ports.get(port);
    if (!attached) return;
    this.#ports.delete(port);
    for (const address of attached.addresses) this.#learned.delete(address);
  }

  /** Hears of all traffic until the returned function is called. */
  listen(listener: BridgeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes a frame from a port that is attached; others' frames are dropped. */
  send(from: BridgePort, frame: Frame): void {
    const source = this.#ports.get(from);
    if (!source) return;
    const { bytes } = frame;
    if (bytes.length < ETHERNET_HEADER || bytes[6]! & 1) {
      source.counters.malformed++;
      return;
    }
    source.counters.framesIn++;
    source.counters.bytesIn += bytes.length;
    this.#learn(source, macText(bytes, 6));
    const known = bytes[0]! & 1 ? undefined : this.#learned.get(macText(bytes, 0));
    if (this.#listeners.size) this.#tell(frame, source, known);
    if (known) {
      if (known !== source) forward(known, frame, from);
      return;
    }
    for (const port of this.#ports.values()) if (port !== source) forward(port, frame, from);
  }

  #tell(frame: Frame, source: Attached, known: Attached | undefined): void {
    const others = known ? [known] : [...this.#ports.values()];
    const to = others.filter((each) => each !== source).map(({ port }) => port);
    for (const listener of this.#listeners) listener(frame, source.port, to);
  }

  #learn(port: Attached, address: string): void {
    const before = this.#learned.get(address);
    if (before === port) return;
    before?.addresses.delete(address);
    if (!before && (port.addresses.size >= LEARNED_PER_PORT || this.#learned.size >= LEARNED_LIMIT)) {
      const oldest = port.addresses.values().next();
      if (oldest.done) return;
      port.addresses.delete(oldest.value);
      this.#learned.delete(oldest.value);
    }
    port.addresses.add(address);
    this.#learned.set(address, port);
  }

  /** Who is attached, with the addresses seen there. */
  ports(): { port: BridgePort; counters: Readonly<PortCounters>; addresses: string[] }[] {
    return [...this.#ports.values()].map(({ port, counters, addresses }) => ({
      port,
      counters: { ...counters },
      addresses: [...addresses],
    }));
  }
}

function forward(to: Attached, frame: Frame, from: BridgePort): void {
  to.counters.framesOut++;
  to.counters.bytesOut += frame.bytes.length;
  to.port.deliver(frame, from);
}
