/** A network interface: what it offers, what its frontend chose of that, its queues, and its port on a bridge. */
import type { Bridge } from "../../network/bridge.ts";
import { ETHERNET_HEADER, MTU, VLAN_TAG, macKey, type BridgePort, type Frame } from "../../network/frame.ts";
import { completeChecksum, segments } from "../../network/offload.ts";
import { ipBytes, macBytes } from "../../network/packet/address.ts";
import { get16 } from "../../network/packet/bytes.ts";
import { ETHERTYPE_IPV4 } from "../../network/packet/internet.ts";
import type { MappedGrant } from "../../kernel/grants.ts";
import type { Backend, BackendContext, BackendState, DeviceTraffic, Nodes, RingState } from "../../xenbus/kind.ts";
import type { BackRing } from "../../xenbus/back-ring.ts";
import { isCarried, SourceGuard } from "./checks.ts";
import { RateLimit } from "./rate.ts";
import { ReceiveRing } from "./receive.ts";
import { NetStatistics } from "./statistics.ts";
import { TransmitRing } from "./transmit.ts";

const MAX_QUEUES = 4;
/** The most multicast groups that a guest may ask for (XEN_NETBK_MCAST_MAX). */
const MOST_GROUPS = 64;

interface Queue {
  readonly transmit: TransmitRing;
  readonly receive: ReceiveRing;
  readonly ports: { transmit: number; receive: number };
  readonly pages: { transmit: MappedGrant; receive: MappedGrant };
}

/** What the frontend can receive. */
interface Abilities {
  readonly scatterGather: boolean;
  readonly checksum: { v4: boolean; v6: boolean };
  readonly gso: { v4: boolean; v6: boolean };
}

export class NetworkInterface implements Backend, BridgePort {
  readonly name: string;
  readonly owner: string;
  mac: Uint8Array = new Uint8Array(6);
  mtu = MTU;
  readonly #context: BackendContext;
  readonly #statistics = new NetStatistics();
  #bridge: Bridge | null = null;
  #bridgeName = "";
  #queues: Queue[] = [];
  #abilities: Abilities = { scatterGather: false, checksum: { v4: true, v6: false }, gso: { v4: false, v6: false } };
  #groups: Set<number> | null = null;
  #guard: SourceGuard | null = null;
  #detach: (() => void) | null = null;

  constructor(context: BackendContext) {
    this.#context = context;
    this.name = `vif${context.address.domid}.${context.address.id}`;
    this.owner = String(context.address.domid);
  }

  async prepare(): Promise<Nodes> {
    const { back, services } = this.#context;
    this.#bridgeName = (await back("bridge")) ?? "";
    services.networks.bridge(this.#bridgeName);
    this.mac = macBytes((await back("mac")) ?? "") ?? this.mac;
    this.mtu = Number((await back("mtu")) ?? MTU);
    return {
      "feature-rx-copy": 1,
      "feature-rx-flip": 0,
      "feature-sg": 1,
      "feature-gso-tcpv4": 1,
      "feature-gso-tcpv6": 1,
      "feature-ipv6-csum-offload": 1,
      "feature-multicast-control": 1,
      "feature-split-event-channels": 1,
      "multi-queue-max-queues": MAX_QUEUES,
      "hotplug-status": "connected",
    };
  }

  async connect(): Promise<Nodes> {
    const { front, frontNumber, back, services } = this.#context;
    if ((await frontNumber("request-rx-copy", 1, 0)) !== 1)
      throw new Error(
        "the frontend does not ask for received packets to be copied (request-rx-copy), and nothing else is offered",
      );
    const flag = async (name: string): Promise<boolean> => (await frontNumber(name, 1, 0)) === 1;
    this.#abilities = {
      scatterGather: await flag("feature-sg"),
      checksum: { v4: !(await flag("feature-no-csum-offload")), v6: await flag("feature-ipv6-csum-offload") },
      gso: { v4: await flag("feature-gso-tcpv4"), v6: await flag("feature-gso-tcpv6") },
    };
    this.#groups = (await flag("request-multicast-control")) ? new Set() : null;
    const count = await frontNumber("multi-queue-num-queues", MAX_QUEUES, 1);
    if (count === 0) throw new Error("the frontend has no queue");
    const milliseconds = () => this.#context.now() / 1e6;
    const rate = RateLimit.of(await back("rate"), milliseconds);
    const named = addressesOf(await back("ip"));
    const wanted = [];
    for (let i = 0; i < count; i++) {
      // A frontend with one queue may have its nodes in either place (Linux calls this flat).
      const named = count > 1 || (await front("queue-0/tx-ring-ref")) !== null;
      const directory = named ? `queue-${i}/` : "";
      const split = (await front(`${directory}event-channel-tx`)) !== null;
      wanted.push({
        refs: [await frontNumber(`${directory}tx-ring-ref`), await frontNumber(`${directory}rx-ring-ref`)] as const,
        ports: split
          ? [await frontNumber(`${directory}event-channel-tx`), await frontNumber(`${directory}event-channel-rx`)]
          : [await frontNumber(`${directory}event-channel`)],
      });
    }
    for (const { refs, ports } of wanted) this.#queues.push(this.#openQueue(refs, ports, rate));
    const { bridge, addresses, detach } = services.networks.attach(this.#bridgeName, this, named);
    this.#guard = addresses.length ? new SourceGuard(addresses) : null;
    this.#bridge = bridge;
    this.#detach = detach;
    // Serves what the frontend has put there before its event could be heard.
    for (const { transmit } of this.#queues) this.#context.later(() => transmit.serve());
    return {};
  }

  #openQueue(refs: readonly [number, number], ports: number[], rate: RateLimit | null): Queue {
    const { memory, grants, address, fail } = this.#context;
    const both = (): void => {
      receive.serve();
      transmit.serve();
    };
    const [tx, rx] = refs;
    const [txPort, rxPort] = ports as [number, number | undefined];
    const first = this.#context.open(
      rxPort === undefined ? [tx, rx] : [tx],
      txPort,
      rxPort === undefined ? both : () => transmit.serve(),
    );
    const second = rxPort === undefined ? first : this.#context.open([rx], rxPort, () => receive.serve());
    const pages = { transmit: first.pages[0]!, receive: second.pages.at(-1)! };
    const common = { buffer: memory.memory.buffer, domid: address.domid, grants, statistics: this.#statistics, fail };
    const transmit: TransmitRing = new TransmitRing({
      ...common,
      page: pages.transmit.address,
      rate,
      now: () => this.#context.now() / 1e6,
      notify: () => first.notify(),
      send: (frame) => this.#send(frame),
      multicast: (group, joins) => this.#multicast(group, joins),
    });
    const receive: ReceiveRing = new ReceiveRing({
      ...common,
      page: pages.receive.address,
      notify: () => second.notify(),
    });
    if (transmit.ring.isContinued) first.notify();
    if (receive.ring.isContinued) second.notify();
    return { transmit, receive, pages, ports: { transmit: first.port, receive: second.port } };
  }

  #send(frame: Frame): boolean {
    if (!isCarried(frame) || this.#guard?.allows(frame.bytes) === false) return false;
    this.#bridge?.send(this, frame);
    return true;
  }

  #multicast(group: Uint8Array, joins: boolean): boolean {
    if (!this.#groups || !(group[0]! & 1)) return false;
    if (!joins) return this.#groups.delete(macKey(group));
    const hasRoom = this.#groups.size < MOST_GROUPS || this.#groups.has(macKey(group));
    if (hasRoom) this.#groups.add(macKey(group));
    return hasRoom;
  }

  /** Takes a frame from the bridge, and passes it on in a form that the frontend can receive. */
  deliver(frame: Frame): void {
    if (!this.#queues.length || this.#isUnwanted(frame.bytes)) return;
    if (!frame.segmentSize && frame.bytes.length > ETHERNET_HEADER + this.mtu + VLAN_TAG) {
      this.#statistics.tooLong++;
      return;
    }
    const queue =
      this.#queues.length === 1 ? this.#queues[0]! : this.#queues[flowOf(frame.bytes) % this.#queues.length]!;
    const kind = get16(frame.bytes, 12) === ETHERTYPE_IPV4 ? "v4" : "v6";
    const { gso, checksum, scatterGather } = this.#abilities;
    if (frame.segmentSize && !(gso[kind] && scatterGather))
      for (const part of segments(frame)) queue.receive.deliver(part);
    else queue.receive.deliver(frame.checksumBlank && !checksum[kind] ? completeChecksum(frame) : frame);
  }

  /** Whether the frame is for a group that the guest has not joined, if it wants only its own groups (broadcasts always pass). */
  #isUnwanted(bytes: Uint8Array): boolean {
    if (!this.#groups || !(bytes[0]! & 1)) return false;
    for (let i = 0; i < 6; i++) if (bytes[i] !== 0xff) return !this.#groups.has(macKey(bytes));
    return false;
  }

  disconnect(): void {
    this.#detach?.();
    this.#detach = null;
    this.#bridge = null;
    for (const { transmit, receive } of this.#queues) {
      transmit.close();
      receive.close();
    }
    this.#queues = [];
  }

  close(): void {
    this.disconnect();
  }

  traffic(): DeviceTraffic {
    return this.#statistics.traffic(2 * this.#queues.length);
  }

  state(): BackendState {
    const attached = this.#bridge?.ports().find(({ port }) => port === this);
    const addresses = attached?.addresses ?? [];
    return {
      traffic: this.traffic(),
      rings: this.#queues.flatMap(({ transmit, receive, ports, pages }, i) => [
        ringState(`queue ${i} tx`, "netif_tx_sring", transmit.ring, ports.transmit, pages.transmit),
        ringState(`queue ${i} rx`, "netif_rx_sring", receive.ring, ports.receive, pages.receive),
      ]),
      behind: {
        title: `Bridge ${this.#bridgeName}`,
        figures: [
          ...this.#statistics.figures(),
          {
            name: "forged",
            label: "Dropped, sent as another's MAC address",
            value: attached?.counters.forged ?? 0,
            unit: "",
          },
          { name: "bridge", label: "Bridge", value: this.#bridgeName, unit: "" },
          { name: "addresses", label: "MAC addresses seen", value: addresses.join(", "), unit: "" },
        ],
      },
    };
  }
}

/** Returns the addresses of `ip=`, with or without prefix length. */
function addressesOf(text: string | null): Uint8Array[] {
  const words = text?.split(/\s+/) ?? [];
  return words.flatMap((word) => ipBytes(word.replace(/\/\d{1,3}$/, "")) ?? []);
}

function ringState(name: string, structure: string, ring: BackRing, port: number, page: MappedGrant): RingState {
  const { requestProducer, requestConsumer, responseProducer, size } = ring.indices();
  return {
    name,
    structure,
    unit: "requests",
    directions: [
      { name: "req", towards: "backend", producer: requestProducer, consumer: requestConsumer, size },
      { name: "rsp", towards: "frontend", producer: requestConsumer, consumer: responseProducer, size },
    ],
    error: null,
    port,
    pages: [page],
  };
}

/** Returns a number that packets of one connection share. It is computed from both addresses and, unless the packet is a fragment, the ports. */
function flowOf(bytes: Uint8Array): number {
  const isV4 = get16(bytes, 12) === ETHERTYPE_IPV4;
  const from = isV4 ? 26 : 22;
  const to = Math.min(bytes.length, (isV4 ? 34 : 54) + 4);
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash >>> 0;
}
