/** The virtual networks of a host: each is a bridge, with a gateway where there is a way out or addresses are handed out. */
import { Bridge } from "./bridge.ts";
import type { BridgePort } from "./frame.ts";
import { captureHeader, captureRecord } from "./capture.ts";
import type { Forward } from "./gateway/forwards.ts";
import { Gateway, type GatewayReport } from "./gateway/gateway.ts";
import type { HostService } from "./gateway/policy.ts";
import { networkShares } from "./gateway/shares.ts";
import { inSubnet, ipText, parseSubnet, type Subnet } from "./packet/address.ts";

/** The bridge that exists from the beginning, and where interfaces go that name none. */
export const DEFAULT_BRIDGE = "xenbr0";
const NETWORKS_MOST = 64;

/** Addresses that no network can have: this host, loopback, link-local, groups, reserved (RFC 6890). */
const NOBODYS = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"].map((text) => parseSubnet(text)!);

function overlap(a: Subnet, b: Subnet): boolean {
  return a.prefix <= b.prefix ? inSubnet(a, b.address) : inSubnet(b, a.address);
}

/** "nat" has a way out; "isolated" has addresses and names but no way out; "bare" is a bridge and nothing else. */
export type NetworkMode = "nat" | "isolated" | "bare";

export interface NetworkDefinition {
  readonly name: string;
  readonly mode: NetworkMode;
  /** Such as "10.0.2.0/24"; a free network if it is left out. */
  readonly ipv4?: string;
}

export interface NetworkReport {
  readonly name: string;
  readonly mode: NetworkMode;
  readonly ipv4: string | null;
  /** Percentage of frames that are dropped on purpose, and how many were. */
  readonly loss: number;
  readonly lost: number;
  readonly ports: {
    name: string;
    addresses: string[];
    bytesIn: number;
    bytesOut: number;
    framesIn: number;
    framesOut: number;
  }[];
  readonly gateway: GatewayReport | null;
  /** Forwards that were kept and that are not possible now, with the reason. */
  readonly waiting: { forward: Forward; problem: string }[];
  readonly captures: CaptureReport[];
}

export interface CaptureReport {
  /** The file name with which it was begun. */
  readonly file: string;
  /** The one port of the bridge whose traffic is captured; null for all. */
  readonly port: string | null;
  readonly frames: number;
  readonly bytes: number;
  /** Number of frames that came faster than the file takes them. */
  readonly lost: number;
}

/** The part of a network that outlives the host's power: everything that somebody has set up. */
export interface KeptNetwork {
  readonly name: string;
  readonly mode: NetworkMode;
  readonly ipv4: string | null;
  readonly forwards: readonly Forward[];
  readonly services: readonly HostService[];
}

export function keptNetwork({ name, mode, ipv4, gateway, waiting }: NetworkReport): KeptNetwork {
  const forwards = [...(gateway?.forwards ?? []), ...waiting.map(({ forward }) => forward)];
  return { name, mode, ipv4, forwards, services: gateway?.services ?? [] };
}

/** Says in a sentence what is wrong with a request about a network. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  readonly code: string;
  /** `code` is the name of an errno. */
  constructor(message: string, code = "EINVAL") {
    super(message);
    this.code = code;
  }
}

interface Network {
  definition: Required<Omit<NetworkDefinition, "ipv4">> & { ipv4: string | null };
  /** The number in its IPv6 prefix. */
  readonly number: number;
  readonly bridge: Bridge;
  readonly gateway: Gateway | null;
  waiting: { forward: Forward; problem: string }[];
}

/** Takes captured bytes, or reports that it has no room for them now; `close` is called when the capture ends. */
export interface CaptureSink {
  write(bytes: Uint8Array): boolean;
  close(): void;
}

/** An interface's place on a bridge. */
export interface Attachment {
  readonly bridge: Bridge;
  /** Those of the wanted addresses that are possible in this network. */
  readonly addresses: readonly Uint8Array[];
  readonly detach: () => void;
}

export class Networks {
  readonly #networks = new Map<string, Network>();
  readonly #captures = new Map<string, { network: string; report: () => CaptureReport; stop: () => void }>();
  readonly #shares = networkShares();
  readonly #now: () => number;

  /** `now` returns monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
    this.create({ name: DEFAULT_BRIDGE, mode: "nat", ipv4: "10.0.2.0/24" });
  }

  /** Throws NetworkError. */
  create({ name, mode, ipv4 }: NetworkDefinition): void {
    if (!/^[a-z][a-z0-9_.-]{0,14}$/i.test(name))
      throw new NetworkError(
        `"${name}" can't be a bridge's name: a letter, then up to 14 letters, digits, dots, hyphens and underscores`,
      );
    if (this.#networks.has(name)) throw new NetworkError(`There is a bridge ${name} already.`);
    if (this.#networks.size >= NETWORKS_MOST)
      throw new NetworkError(`There are ${NETWORKS_MOST} networks, and there can't be more.`);
    const bridge = new Bridge(name);
    if (mode === "bare") {
      this.#networks.set(name, {
        definition: { name, mode, ipv4: null },
        number: 0,
        bridge,
        gateway: null,
        waiting: [],
      });
      return;
    }
    const subnet = ipv4 === undefined ? this.#freeSubnet() : this.#subnet(ipv4);
    const number = this.#freeNumber();
    const gateway = new Gateway(bridge, {
      ipv4: subnet,
      ipv6: parseSubnet(`fd58:656e:0:${number.toString(16)}::/64`),
      wayOut: mode === "nat",
      services: [],
      shares: this.#shares,
      now: this.#now,
    });
    const definition = { name, mode, ipv4: `${ipText(subnet.address)}/${subnet.prefix}` };
    this.#networks.set(name, { definition, number, bridge, gateway, waiting: [] });
  }

  /** Returns the network that somebody asked for. Throws NetworkError. */
  #subnet(text: string): Subnet {
    const subnet = parseSubnet(text);
    const isUsable = subnet?.address.length === 4 && subnet.prefix >= 8 && subnet.prefix <= 27;
    if (!isUsable || NOBODYS.some((other) => overlap(other, subnet)))
      throw new NetworkError(
        `"${text}" can't be a network's addresses: an IPv4 network as 10.0.2.0/24, of /8 to /27, neither loopback nor link-local nor groups`,
      );
    const other = this.#overlapping(subnet);
    if (other) throw new NetworkError(`The bridge ${other.name} has the addresses ${other.ipv4} already.`);
    return subnet;
  }

  #freeSubnet(): Subnet {
    for (let number = 2; number < 0x10000; number++) {
      const subnet = parseSubnet(`10.${number >> 8}.${number & 255}.0/24`)!;
      if (!this.#overlapping(subnet)) return subnet;
    }
    throw new NetworkError("All of 10.0.0.0/8 is in use; name the addresses of the new network.");
  }

  #overlapping(subnet: Subnet): Network["definition"] | null {
    for (const { definition } of this.#networks.values())
      if (definition.ipv4 !== null && overlap(parseSubnet(definition.ipv4)!, subnet)) return definition;
    return null;
  }

  /** Restores what was kept. Returns a sentence for each thing that is not possible. */
  async restore(kept: readonly KeptNetwork[]): Promise<string[]> {
    const problems: string[] = [];
    for (const { name, mode, ipv4, forwards, services } of kept) {
      try {
        if (name !== DEFAULT_BRIDGE) this.create({ name, mode, ...(ipv4 !== null && { ipv4 }) });
        else if (mode !== "bare") this.setMode(name, mode);
        for (const service of services) this.allowService(name, service);
      } catch (error) {
        if (!(error instanceof NetworkError)) throw error;
        problems.push(`The network ${name}: ${error.message}`);
        continue;
      }
      for (const forward of forwards)
        await this.addForward(name, forward).catch((error: unknown) => {
          if (!(error instanceof NetworkError)) throw error;
          this.#networks.get(name)?.waiting.push({ forward, problem: error.message });
          problems.push(error.message);
        });
    }
    return problems;
  }

  /** Opens or closes a network's way out while guests are on it. Throws NetworkError for a bare bridge, which has none. */
  setMode(name: string, mode: "nat" | "isolated"): void {
    const network = this.#find(name);
    if (!network.gateway) throw new NetworkError(`The bridge ${name} is bare: it has no gateway that could lead out.`);
    if (network.definition.mode === mode) return;
    network.definition = { ...network.definition, mode };
    network.gateway.setWayOut(mode === "nat");
  }

  /** Returns a number that no other network's IPv6 prefix has. */
  #freeNumber(): number {
    const used = new Set([...this.#networks.values()].map(({ number }) => number));
    let number = 2;
    while (used.has(number)) number++;
    return number;
  }

  /** Throws NetworkError while interfaces are on it. */
  remove(name: string): void {
    const { bridge, gateway } = this.#find(name);
    if (name === DEFAULT_BRIDGE)
      throw new NetworkError(`${DEFAULT_BRIDGE} stays: it is where interfaces go that name no bridge.`);
    const users = bridge.ports().filter(({ port }) => port !== gateway);
    if (users.length)
      throw new NetworkError(`${users.map(({ port }) => port.name).join(", ")} use the bridge ${name}.`);
    for (const [capture, { network }] of [...this.#captures]) if (network === name) this.stopCapture(capture);
    gateway?.stop();
    this.#networks.delete(name);
  }

  /** Throws NetworkError if there is none. */
  bridge(name: string): Bridge {
    return this.#find(name).bridge;
  }

  #find(name: string): Network {
    const network = this.#networks.get(name);
    if (network) return network;
    throw new NetworkError(`There is no bridge ${name}; there are ${[...this.#networks.keys()].join(", ")}.`);
  }

  /** Drops some percent of a bridge's frames, 0 for none, until this is called again. */
  setLoss(name: string, percent: number): void {
    this.#find(name).bridge.loss = percent / 100;
  }

  #gateway(name: string): Gateway {
    const { gateway } = this.#find(name);
    if (!gateway) throw new NetworkError(`The bridge ${name} has no gateway, so nothing can be forwarded to it.`);
    return gateway;
  }

  /**
   * Attaches an interface to a bridge, with the addresses that are to be its own: by DHCP it gets the first of them that is possible. Throws
   * NetworkError if there is no such bridge. Returns those addresses that are possible in this network (a configuration may come from another one),
   * and a function that detaches the interface and closes what its guest had open.
   */
  attach(name: string, port: BridgePort, wanted: readonly Uint8Array[]): Attachment {
    const { bridge, gateway } = this.#find(name);
    bridge.attach(port);
    const addresses = wanted.filter((address) => !gateway || gateway.mayBeGuest(ipText(address)));
    addresses.find((address) => gateway?.reserve(port.mac, address));
    const detach = (): void => {
      bridge.detach(port);
      gateway?.interfaceGone(port);
    };
    return { bridge, addresses, detach };
  }

  /** Rejects with NetworkError if the port is not available. */
  async addForward(name: string, forward: Forward): Promise<Forward> {
    const gateway = this.#gateway(name);
    if (!gateway.mayBeGuest(forward.guestAddress))
      throw new NetworkError(`${forward.guestAddress} can be no guest of the network ${name}.`);
    try {
      const made = await gateway.addForward(forward);
      this.#noLongerWaiting(name, made);
      return made;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const why =
        code === "EADDRINUSE"
          ? "something else listens there"
          : code === "EACCES"
            ? "ports below 1024 need rights"
            : code === "ECANCELED"
              ? `the network ${name} has gone`
              : String(code);
      throw new NetworkError(`Port ${forward.hostPort} of ${forward.hostAddress} can't be forwarded: ${why}.`);
    }
  }
  removeForward(name: string, forward: Pick<Forward, "protocol" | "hostAddress" | "hostPort">): void {
    const waited = this.#noLongerWaiting(name, forward);
    if (!this.#gateway(name).removeForward(forward) && !waited)
      throw new NetworkError(
        `Nothing is forwarded from ${forward.protocol} port ${forward.hostPort} of ${forward.hostAddress}.`,
      );
  }
  #noLongerWaiting(name: string, forward: Pick<Forward, "protocol" | "hostAddress" | "hostPort">): boolean {
    const network = this.#find(name);
    const { protocol, hostAddress, hostPort } = forward;
    const left = network.waiting.filter(
      ({ forward: each }) =>
        each.protocol !== protocol || each.hostAddress !== hostAddress || each.hostPort !== hostPort,
    );
    const isOne = left.length < network.waiting.length;
    network.waiting = left;
    return isOne;
  }
  /** Lets guests reach a port of this computer's loopback at the gateway's address. */
  allowService(name: string, service: HostService): void {
    this.#gateway(name).allowService(service);
  }
  forbidService(name: string, port: number): void {
    this.#gateway(name).forbidService(port);
  }

  /** Writes the traffic of a bridge, or of one of its ports, to a sink in pcap format until stopCapture(). `capture` names it. */
  startCapture(capture: string, name: string, portName: string | null, sink: CaptureSink): void {
    const { bridge } = this.#find(name);
    if (this.#captures.has(capture)) throw new NetworkError(`There is a capture ${capture} already.`);
    const header = captureHeader();
    sink.write(header);
    const counted = { frames: 0, bytes: header.length, lost: 0 };
    const stop = bridge.listen((frame, from, to) => {
      if (portName !== null && from.name !== portName && !to.some((port) => port.name === portName)) return;
      const record = captureRecord(frame, Date.now());
      if (!sink.write(record)) counted.lost++;
      else {
        counted.frames++;
        counted.bytes += record.length;
      }
    });
    this.#captures.set(capture, {
      network: name,
      report: () => ({ file: capture, port: portName, ...counted }),
      stop: () => {
        stop();
        sink.close();
      },
    });
  }
  stopCapture(capture: string): void {
    const found = this.#captures.get(capture);
    if (!found) throw new NetworkError(`There is no capture ${capture}.`);
    this.#captures.delete(capture);
    found.stop();
  }

  report(): NetworkReport[] {
    return [...this.#networks.values()].map(({ definition, bridge, gateway, waiting }) => ({
      ...definition,
      loss: bridge.loss * 100,
      lost: bridge.lost,
      ports: bridge.ports().map(({ port, addresses, counters }) => ({
        name: port.name,
        addresses,
        bytesIn: counters.bytesIn,
        bytesOut: counters.bytesOut,
        framesIn: counters.framesIn,
        framesOut: counters.framesOut,
      })),
      gateway: gateway?.report() ?? null,
      waiting,
      captures: [...this.#captures.values()]
        .filter(({ network }) => network === definition.name)
        .map(({ report }) => report()),
    }));
  }

  /** Closes all sockets. */
  stop(): void {
    for (const capture of [...this.#captures.keys()]) this.stopCapture(capture);
    for (const { gateway } of this.#networks.values()) gateway?.stop();
    this.#networks.clear();
  }
}
