/** What a guest, a server or another program on this computer might do to the network's code on purpose. Each of these once did harm. */
import { createSocket } from "node:dgram";
import { getServers, setServers } from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { PassThrough } from "node:stream";
import dnsPacket from "dns-packet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Bridge } from "../../../core/dom0/network/bridge.ts";
import { frame } from "../../../core/dom0/network/frame.ts";
import { DhcpServer } from "../../../core/dom0/network/gateway/dhcp.ts";
import { Gateway } from "../../../core/dom0/network/gateway/gateway.ts";
import { NameService } from "../../../core/dom0/network/gateway/name-service.ts";
import { Reassembly } from "../../../core/dom0/network/gateway/reassembly.ts";
import { SocketShares } from "../../../core/dom0/network/gateway/shares.ts";
import { TcpNat } from "../../../core/dom0/network/gateway/tcp/nat.ts";
import { Outbox } from "../../../core/dom0/network/gateway/tcp/outbox.ts";
import { Ranges, RANGES_LIMIT } from "../../../core/dom0/network/gateway/tcp/ranges.ts";
import { Receiver } from "../../../core/dom0/network/gateway/tcp/receiver.ts";
import { ACK, FIN, RST, SYN } from "../../../core/dom0/network/gateway/tcp/segment.ts";
import { SendQueue } from "../../../core/dom0/network/gateway/tcp/send-queue.ts";
import { Networks } from "../../../core/dom0/network/networks.ts";
import { hostAddress, ipBytes, ipText, parseSubnet } from "../../../core/dom0/network/packet/address.ts";
import { get16, get32, put16, put32 } from "../../../core/dom0/network/packet/bytes.ts";
import { PROTOCOL_UDP, readPacket, writeHeaders, type Packet } from "../../../core/dom0/network/packet/internet.ts";
import { seeded } from "../../random.ts";
import { GATEWAY_MAC, TestGuest } from "./guest.ts";

const ipv4 = parseSubnet("10.0.2.0/24")!;
const ipv6 = parseSubnet("fd58:656e:0:2::/64")!;
const now = () => performance.now();
const BROADCAST_MAC = new Uint8Array(6).fill(255);

/** A piece of a UDP datagram from 10.0.2.15. */
function piece(id: number, offset: number, length: number, more: boolean): Packet {
  const bytes = new Uint8Array(34 + length);
  return {
    source: bytes.subarray(26, 30),
    destination: bytes.subarray(30, 34),
    protocol: PROTOCOL_UDP,
    hopLimit: 64,
    bytes,
    start: 34,
    end: bytes.length,
    fragment: { id, offset, more },
  };
}

function tcpSegment(flags: number, sequence: number, port = 40_000, to = 80): Uint8Array {
  const bytes = new Uint8Array(20);
  put16(bytes, 0, port);
  put16(bytes, 2, to);
  put32(bytes, 4, sequence);
  bytes.set([0x50, flags, 255, 255], 12);
  return bytes;
}

function dhcp(type: number, mac: Uint8Array, options: number[] = []): Uint8Array {
  const bytes = new Uint8Array(300);
  bytes.set([1, 1, 6, 0, 1, 2, 3, 4]);
  bytes.set(mac, 28);
  put32(bytes, 236, 0x63825363);
  bytes.set([53, 1, type, ...options, 255], 240);
  return bytes;
}

describe("fragments", () => {
  it("that lie behind the last one are no reason to throw", () => {
    const reassembly = new Reassembly(now);
    expect(reassembly.take(piece(1, 8000, 8, true), "vif1.0")).toBeNull();
    expect(reassembly.take(piece(1, 8, 8, false), "vif1.0")).toBeNull();
  });

  it("of one interface do not push out another's", () => {
    const reassembly = new Reassembly(now);
    expect(reassembly.take(piece(7, 0, 8, true), "vif1.0")).toBeNull();
    for (let id = 100; id < 400; id++) reassembly.take(piece(id, 0, 8, true), "vif2.0");
    expect(reassembly.take(piece(7, 8, 8, false), "vif1.0")?.end).toBe(34 + 16);
  });

  it("are forgotten after a while: a number used again does not join what is old", () => {
    let time = 0;
    const reassembly = new Reassembly(() => time);
    reassembly.take(piece(7, 0, 8, true), "vif1.0");
    time = 60_000;
    expect(reassembly.take(piece(7, 8, 8, false), "vif1.0")).toBeNull();
  });
});

describe("a TCP connection", () => {
  it("keeps no byte twice, however pieces out of order overlap", () => {
    const receiver = new Receiver(0);
    receiver.window(0);
    for (let i = 0; i < 1000; i++) receiver.take(2001 - i, new Uint8Array(60_000), false, () => {});
    expect(receiver.kept).toBe(60_000 + 999);
    receiver.take(1, new Uint8Array(1500), false, () => {});
    expect(receiver.kept).toBe(0);
    expect(receiver.next).toBe(2001 + 60_000);
  });

  it("delivers nothing behind the other side's end", () => {
    const receiver = new Receiver(0);
    receiver.window(0);
    let got = 0;
    const deliver = (bytes: Uint8Array) => (got += bytes.length);
    receiver.take(11, new Uint8Array(50), false, deliver);
    receiver.take(1, new Uint8Array(5), true, deliver);
    receiver.take(6, new Uint8Array(5), false, deliver);
    receiver.take(7, new Uint8Array(5), false, deliver);
    expect(receiver.ended).toBe(true);
    expect(got).toBe(5);
  });

  it("that is acknowledged byte by byte makes no list that is long to search", () => {
    const ranges = new Ranges();
    for (let at = 2; at < 200_000; at += 2) ranges.add(at, at + 1);
    expect(ranges.list().length).toBe(RANGES_LIMIT);
    expect(ranges.total).toBe(RANGES_LIMIT);
    // A range that touches one that is known still counts.
    expect(ranges.add(1, 6)).toBe(3);
  });

  it("to a server that takes nothing keeps bytes, not segments", () => {
    const socket = new PassThrough({ highWaterMark: 16 });
    let writes = 0;
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
    socket.write = ((...args: unknown[]) => (writes++, write(...args))) as typeof socket.write;
    const outbox = new Outbox(socket as unknown as Socket);
    for (let i = 0; i < 200_000; i++) outbox.write(Uint8Array.of(i));
    expect(writes).toBeLessThan(20);
    expect(outbox.waiting).toBeGreaterThan(190_000);
    const got: Buffer[] = [];
    return new Promise<void>((resolve) => {
      socket.on("data", (bytes: Buffer) => got.push(bytes));
      socket.on("end", () => {
        const all = Buffer.concat(got);
        expect(all.length).toBe(200_000);
        expect(all.every((byte, i) => byte === (i & 255))).toBe(true);
        resolve();
      });
      outbox.end();
    });
  });

  it("from a server that sends byte by byte keeps bytes, not chunks", () => {
    const queue = new SendQueue();
    for (let i = 0; i < 100_000; i++) queue.append(Uint8Array.of(i));
    expect(queue.chunks).toBeLessThan(100);
    const out = new Uint8Array(1000);
    queue.copy(50_001, 1000, out, 0);
    expect(out.every((byte, i) => byte === ((50_000 + i) & 255))).toBe(true);
  });
});

describe("sockets", () => {
  it("are shared: who takes all it can leaves room for those who come later", () => {
    const shares = new SocketShares({ all: 100, each: 80 });
    const taken = (who: string) => {
      let count = 0;
      while (shares.take(who)) count++;
      return count;
    };
    expect(taken("a")).toBe(50);
    expect(taken("b")).toBe(25);
    expect(taken("c")).toBeGreaterThan(5);
    for (let i = 0; i < 50; i++) shares.give("a");
    expect(taken("d")).toBeGreaterThan(20);
  });

  let server: Server;
  let connections: number;
  beforeEach(async () => {
    connections = 0;
    server = createServer((socket) => {
      connections++;
      socket.on("error", () => {});
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(() => void server.close());
  const packetOf = (payload: Uint8Array): Packet => {
    const bytes = new Uint8Array(34 + payload.length);
    bytes.set([10, 0, 2, 15, 192, 0, 2, 1], 26);
    bytes.set(payload, 34);
    const [source, destination] = [bytes.subarray(26, 30), bytes.subarray(30, 34)];
    return { source, destination, protocol: 6, hopLimit: 64, bytes, start: 34, end: bytes.length, fragment: null };
  };
  const nat = (isOwn: boolean, sent: number[] = [], each = 50, segments: Uint8Array[] = []) => {
    const { port } = server.address() as AddressInfo;
    return new TcpNat({
      transmit: (packet, write) => {
        const bytes = new Uint8Array(packet.length);
        write(bytes, 0);
        sent.push(bytes[13]!);
        segments.push(bytes);
      },
      target: () => ({ host: "127.0.0.1", port, isOwn }),
      unreachable: () => {},
      mtu: () => 1500,
      shares: new SocketShares({ all: 100, each }),
      network: "n",
      now,
    });
  };

  it("that a guest has called off are closed at once, not when they are connected", async () => {
    const tcp = nat(true);
    for (let port = 1000; port < 1200; port++) {
      tcp.receive(packetOf(tcpSegment(SYN, 5, port)), "vif1.0");
      tcp.receive(packetOf(tcpSegment(RST, 6, port)), "vif1.0");
    }
    const last = new Promise((resolve) => server.once("connection", resolve));
    tcp.receive(packetOf(tcpSegment(SYN, 5, 999)), "vif1.0");
    await last;
    expect(connections).toBe(1);
    expect(tcp.refused).toBe(0);
    tcp.close();
  });

  it("make room as soon as both sides have ended, though they still answer what comes late", async () => {
    const segments: Uint8Array[] = [];
    const tcp = nat(true, [], 1, segments);
    const send = (flags: number, sequence: number, acknowledgement: number, port = 1000) => {
      const bytes = tcpSegment(flags, sequence, port);
      put32(bytes, 8, acknowledgement);
      tcp.receive(packetOf(bytes), "vif1.0");
    };
    send(SYN, 5, 0);
    await expect.poll(() => segments.length).toBe(1);
    const first = get32(segments[0]!, 4);
    send(SYN, 5, 0, 1001);
    expect(tcp.refused).toBe(1);
    send(ACK | FIN, 6, first + 1);
    // The server ends too, and its end is acknowledged.
    await expect.poll(() => segments.some((bytes) => bytes[13]! & FIN && get32(bytes, 8) === 7)).toBe(true);
    send(ACK, 7, first + 2);
    expect(tcp.report()).toMatchObject([{ state: "closed" }]);
    send(SYN, 5, 0, 1002);
    expect(tcp.refused).toBe(1);
    expect(tcp.report()).toMatchObject([{ guestPort: 1002 }]);
    tcp.close();
  });

  it("take no segment that came by another interface", async () => {
    const sent: number[] = [];
    const tcp = nat(true, sent);
    tcp.receive(packetOf(tcpSegment(SYN, 5)), "vif1.0");
    await expect.poll(() => sent.length).toBe(1);
    tcp.receive(packetOf(tcpSegment(RST, 6)), "vif2.0");
    expect(tcp.report()).toHaveLength(1);
    tcp.receive(packetOf(tcpSegment(RST, 6)), "vif1.0");
    expect(tcp.report()).toHaveLength(0);
    tcp.close();
  });

  it("that lead to this computer though no rule saw it are closed before a byte goes through", async () => {
    const sent: number[] = [];
    const tcp = nat(false, sent);
    tcp.receive(packetOf(tcpSegment(SYN, 5)), "vif1.0");
    await expect.poll(() => sent.length).toBe(1);
    expect(sent[0]! & RST).toBe(RST);
    expect(tcp.report()).toEqual([]);
    expect(tcp.refused).toBe(1);
  });
});

describe("names", () => {
  it("are asked in one short question, or not at all", async () => {
    let looked = 0;
    const names = new NameService(
      () => (looked++, { v4: ["10.0.2.9"], v6: [] }),
      () => [],
    );
    const answers: Uint8Array[] = [];
    const ask = (bytes: Uint8Array) => names.receive(bytes, "vif1.0", (answer) => answers.push(answer));
    const good = dnsPacket.encode({ type: "query", id: 5, questions: [{ type: "A", name: "a.b" }] });
    // Thirteen thousand questions for the same long name, by pointers.
    const bomb = new Uint8Array(65_000);
    bomb.set(good.subarray(0, 12));
    put16(bomb, 4, 13_000);
    for (let at = 12; at < 260; at += 2) bomb.set([1, 97], at);
    for (let at = 261; at + 6 < bomb.length; at += 6) bomb.set([0xc0, 12, 0, 1, 0, 1], at);
    ask(bomb);
    // A loop of pointers; a name that runs past the end of the message; two questions; an update; an answer.
    ask(Uint8Array.of(...good.subarray(0, 12), 0xc0, 12, 0, 1, 0, 1));
    ask(Uint8Array.of(...good.subarray(0, 12), 63, 97));
    ask(Uint8Array.of(...good.subarray(0, 5), 2, ...good.subarray(6)));
    ask(Uint8Array.of(0, 5, 0x28, 0, ...good.subarray(4)));
    ask(Uint8Array.of(0, 5, 0x80, 0, ...good.subarray(4)));
    ask(Uint8Array.of(...good.subarray(0, 12), 3, 0xff, 0x2e, 0, 0, 0, 1, 0, 1));
    expect(looked).toBe(0);
    ask(good);
    expect(looked).toBe(1);
    expect(dnsPacket.decode(Buffer.from(answers.at(-1)!)).answers).toMatchObject([{ data: "10.0.2.9" }]);
    names.stop();
    await Promise.resolve();
  });
});

describe("addresses", () => {
  const server = (subnet = "10.0.2.0/24") =>
    new DhcpServer({
      subnet: parseSubnet(subnet)!,
      server: hostAddress(parseSubnet(subnet)!, 2),
      router: () => null,
      nameServer: null,
      domain: "d",
      now: () => 0,
    });
  const mac = (i: number) => Uint8Array.of(2, 0, 0, 0, i >> 8, i & 255);
  const offered = (answer: { payload: Uint8Array } | null) => answer && ipText(answer.payload.subarray(16, 20));

  it("are not used up by one interface that asks with ever new MAC addresses", () => {
    const dhcpServer = server();
    for (let i = 0; i < 1000; i++) dhcpServer.receive(dhcp(1, mac(i)), mac(i), "vif1.0", 1500);
    expect(dhcpServer.leases().length).toBeLessThanOrEqual(32);
    expect(offered(dhcpServer.receive(dhcp(1, mac(5000)), mac(5000), "vif2.0", 1500))).toMatch(/^10\.0\.2\.\d+$/);
  });

  it("are given back by their holder only", () => {
    const dhcpServer = server();
    const address = offered(dhcpServer.receive(dhcp(1, mac(1)), mac(1), "vif1.0", 1500))!;
    dhcpServer.receive(dhcp(3, mac(1), [50, 4, ...ipBytes(address)!]), mac(1), "vif1.0", 1500);
    // This is in another guest's name.
    dhcpServer.receive(dhcp(7, mac(1)), mac(2), "vif2.0", 1500);
    dhcpServer.receive(dhcp(4, mac(1), [50, 4, ...ipBytes(address)!]), mac(2), "vif2.0", 1500);
    expect(dhcpServer.leases()).toHaveLength(1);
    expect(dhcpServer.holder(ipBytes(address)!)).toBe("02:00:00:00:00:01");
    // The reservation goes with its interface. Another guest that has the address by itself may use it, and the first gets it again when it comes
    // back.
    dhcpServer.interfaceGone("vif1.0");
    expect(dhcpServer.holder(ipBytes(address)!)).toBeNull();
    expect(offered(dhcpServer.receive(dhcp(1, mac(9)), mac(9), "vif2.0", 1500))).not.toBe(address);
    expect(offered(dhcpServer.receive(dhcp(1, mac(1)), mac(1), "vif3.0", 1500))).toBe(address);
  });

  it("of a network of millions are not remembered by the million", () => {
    const dhcpServer = server("10.0.0.0/8");
    for (let i = 0; i < 5000; i++)
      dhcpServer.receive(dhcp(1, mac(i), [50, 4, 10, 9, i >> 8, i & 255]), mac(i), `vif${i}.0`, 1500);
    expect(dhcpServer.leases().length).toBeLessThanOrEqual(4096);
  });
});

describe("a bridge", () => {
  const send = (bridge: Bridge, from: TestGuest, source: Uint8Array, destination: Uint8Array) => {
    const bytes = new Uint8Array(60);
    bytes.set(destination, 0);
    bytes.set(source, 6);
    put16(bytes, 12, 0x88b5);
    bridge.send(from, frame(bytes));
  };

  it("gives nobody another's frames for having sent in its name", () => {
    const bridge = new Bridge("b");
    const victim = new TestGuest(bridge, "vif1.0", "00:16:3e:00:00:01", { owner: "1" });
    const other = new TestGuest(bridge, "vif2.0", "00:16:3e:00:00:02", { owner: "2" });
    const hostile = new TestGuest(bridge, "vif3.0", "00:16:3e:00:00:03", { owner: "3" });
    send(bridge, hostile, victim.mac, BROADCAST_MAC);
    expect(other.got).toHaveLength(0);
    send(bridge, other, other.mac, victim.mac);
    expect(victim.got).toHaveLength(1);
    expect(hostile.got).toHaveLength(0);
    // This also holds when its table is full of what others made up, and before the victim has sent anything.
    for (let owner = 10; owner < 20; owner++) {
      const flood = new TestGuest(bridge, `vif${owner}.0`, `00:16:3e:00:01:${owner}`, { owner: String(owner) });
      for (let i = 0; i < 300; i++) send(bridge, flood, Uint8Array.of(2, owner, 0, 0, i >> 8, i & 255), flood.mac);
    }
    send(bridge, other, other.mac, victim.mac);
    expect(victim.got).toHaveLength(2);
    expect(hostile.got).toHaveLength(0);
  });

  it("lets a domain move its address between its own interfaces, and an address that is nobody's anywhere", () => {
    const bridge = new Bridge("b");
    const first = new TestGuest(bridge, "vif1.0", "00:16:3e:00:00:01", { owner: "1" });
    const second = new TestGuest(bridge, "vif1.1", "00:16:3e:00:00:02", { owner: "1" });
    const other = new TestGuest(bridge, "vif2.0", "00:16:3e:00:00:03", { owner: "2" });
    send(bridge, second, first.mac, BROADCAST_MAC);
    send(bridge, other, other.mac, first.mac);
    expect(second.got.some(({ bytes }) => get16(bytes, 12) === 0x88b5 && bytes[5] === 1)).toBe(true);
    const nested = Uint8Array.of(2, 9, 9, 9, 9, 9);
    send(bridge, first, nested, BROADCAST_MAC);
    send(bridge, other, nested, BROADCAST_MAC);
    const before = other.got.length;
    send(bridge, first, first.mac, nested);
    expect(other.got.length).toBe(before + 1);
  });
});

describe("a gateway", () => {
  let bridge: Bridge;
  let gateway: Gateway;
  let guest: TestGuest;
  let hostile: TestGuest;
  beforeEach(() => {
    bridge = new Bridge("xenbr0");
    guest = new TestGuest(bridge, "vif1.0", "00:16:3e:00:00:01", { owner: "1" });
    hostile = new TestGuest(bridge, "vif2.0", "00:16:3e:00:00:02", { owner: "2" });
    gateway = new Gateway(bridge, { ipv4, ipv6, wayOut: true, services: [], now });
  });
  afterEach(() => gateway.stop());
  const lease = (who: TestGuest) => {
    for (const [type, options] of [
      [1, []],
      [3, [50, 4, 10, 0, 2, 15]],
    ] as const)
      who.datagram(
        Uint8Array.of(255, 255, 255, 255),
        68,
        67,
        dhcp(type, who.mac, [...options]),
        BROADCAST_MAC,
        new Uint8Array(4),
      );
  };
  const ask = (who: TestGuest, source: Uint8Array) =>
    who.datagram(
      hostAddress(ipv4, 3),
      5353,
      53,
      dnsPacket.encode({ type: "query", id: 1, questions: [{ type: "A", name: "gateway" }] }),
      GATEWAY_MAC,
      source,
    );
  const answers = (who: TestGuest) =>
    who.got.filter(({ bytes }) => {
      const packet = readPacket(bytes);
      return packet?.protocol === PROTOCOL_UDP && get16(bytes, packet.start) === 53;
    }).length;

  it("believes an address that it gave to one guest from no other", () => {
    lease(guest);
    expect(gateway.report().leases).toHaveLength(1);
    ask(guest, guest.address);
    expect(answers(guest)).toBe(1);
    // By a packet, and by ARP.
    ask(hostile, guest.address);
    const arp = new Uint8Array(42);
    arp.set([...GATEWAY_MAC, ...hostile.mac, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
    arp.set([...hostile.mac, ...guest.address, ...GATEWAY_MAC, 10, 0, 2, 2], 22);
    hostile.send(arp);
    ask(guest, guest.address);
    expect(answers(guest)).toBe(2);
    expect(answers(hostile)).toBe(0);
  });

  it("remembers a guest's address however many others one interface makes up", () => {
    guest.address = ipBytes("10.0.2.9")!;
    ask(guest, guest.address);
    for (let i = 0; i < 3000; i++) {
      const arp = new Uint8Array(42);
      arp.set([...GATEWAY_MAC, ...hostile.mac, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
      arp.set([...hostile.mac, 10, 0, 3 + (i >> 8), i & 255, ...GATEWAY_MAC, 10, 0, 2, 2], 22);
      hostile.send(arp);
    }
    const before = guest.got.filter(({ bytes }) => get16(bytes, 12) === 0x0806).length;
    ask(guest, guest.address);
    expect(answers(guest)).toBe(2);
    expect(guest.got.filter(({ bytes }) => get16(bytes, 12) === 0x0806).length).toBe(before);
  });

  it("answers a packet at the end of its way with that, not with what it asked for", () => {
    const bytes = new Uint8Array(60);
    bytes.set([...GATEWAY_MAC, ...guest.mac, 8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 1, 17]);
    bytes.set([...guest.address, 8, 8, 8, 8, 0, 9, 0x82, 0x9b, 0, 26], 26);
    let sum = 0;
    for (let i = 14; i < 34; i += 2) sum += get16(bytes, i);
    put16(bytes, 24, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
    guest.send(bytes);
    const answer = guest.got.map((each) => readPacket(each.bytes)).find((packet) => packet?.protocol === 1)!;
    expect(answer.bytes[answer.start]).toBe(11);
    expect(gateway.report().udpSockets).toBe(0);
  });

  it("tells a guest that a port is closed behind the way out, as ICMP and ICMPv6 have it", async () => {
    const closed = createSocket("udp4");
    await new Promise<void>((resolve) => closed.bind(0, "127.0.0.1", resolve));
    gateway.allowService({ port: 99, hostPort: (closed.address() as AddressInfo).port });
    await new Promise<void>((resolve) => closed.close(() => resolve()));
    const told = async (protocol: number, to: Uint8Array, source: Uint8Array) => {
      const answer = guest.next(
        (packet) => packet.protocol === protocol && ![134, 135, 136].includes(packet.bytes[packet.start]!),
      );
      guest.datagram(to, 5000, 99, Uint8Array.of(1), GATEWAY_MAC, source);
      const { bytes, start } = await answer;
      return [bytes[start], bytes[start + 1]];
    };
    expect(await told(1, hostAddress(ipv4, 2), guest.address)).toEqual([3, 3]);
    expect(await told(58, hostAddress(ipv6, 2), ipBytes("fd58:656e:0:2::15")!)).toEqual([1, 4]);
  });

  it("leads nowhere on this computer whatever addresses a name server outside gives for a name", async () => {
    const reached: Socket[] = [];
    const server = createServer((socket) => reached.push(socket.on("error", () => {})));
    await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
    const { port } = server.address() as AddressInfo;
    const own = Object.values(networkInterfaces()).flatMap((list) => list!.map(({ address }) => address));
    const v4 = ["127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.2.2", "10.0.2.3", "169.254.169.254", "255.255.255.255"];
    const given = [...v4, ...own.filter((address) => !address.includes(":"))];
    const resolver = createSocket("udp4");
    resolver.on("message", (bytes, from) => {
      const answers = given.map((data) => ({ type: "A" as const, name: "evil.example", ttl: 0, data }));
      const questions = dnsPacket.decode(bytes).questions!;
      const answer = dnsPacket.encode({ type: "response", id: bytes.readUInt16BE(0), questions, answers });
      resolver.send(answer, from.port, from.address);
    });
    await new Promise<void>((resolve) => resolver.bind(0, "127.0.0.1", resolve));
    const before = getServers();
    setServers([`127.0.0.1:${resolver.address().port}`]);
    // Node has another getServers() then, which its importers have from here on.
    syncBuiltinESMExports();
    try {
      const answered = guest.next(
        ({ protocol, bytes, start }) => protocol === PROTOCOL_UDP && get16(bytes, start) === 53,
      );
      const question = dnsPacket.encode({ type: "query", id: 7, questions: [{ type: "A", name: "evil.example" }] });
      guest.datagram(hostAddress(ipv4, 3), 5353, 53, question);
      const { bytes, start, end } = await answered;
      expect(dnsPacket.decode(Buffer.from(bytes.subarray(start + 8, end))).answers).toHaveLength(given.length);
      for (const [i, address] of given.entries()) {
        const refused = guest.next(
          (packet) => packet.protocol === 6 && get16(packet.bytes, packet.start + 2) === 41_000 + i,
        );
        guest.packet(ipBytes(address)!, 6, tcpSegment(SYN, 1, 41_000 + i, port));
        const { bytes, start } = await refused;
        expect(bytes[start + 13]! & RST, address).toBe(RST);
        // The same by UDP: nothing is opened.
        guest.datagram(ipBytes(address)!, 42_000, port, Uint8Array.of(1));
      }
      expect([reached.length, gateway.report().udpSockets, gateway.report().connections]).toEqual([0, 0, []]);
    } finally {
      setServers(before);
      syncBuiltinESMExports();
      resolver.close();
      server.close();
    }
  });

  it("has forwards added and removed while others use them, and nothing of them stays", async () => {
    const answered = guest.deliver.bind(guest);
    // The guest answers each datagram, and the first segment of each connection.
    guest.deliver = (given): void => {
      answered(given);
      guest.got.length = 0;
      const packet = readPacket(given.bytes);
      if (!packet) return;
      const { bytes, start, end } = packet;
      const [from, to] = [get16(bytes, start), get16(bytes, start + 2)];
      const source = packet.source.slice();
      if (packet.protocol === PROTOCOL_UDP)
        setImmediate(() => guest.datagram(source, to, from, bytes.slice(start + 8, end)));
      else if (packet.protocol === 6 && bytes[start + 13]! & SYN) {
        const reply = tcpSegment(SYN | ACK, 77, to, from);
        put32(reply, 8, get32(bytes, start + 4) + 1);
        setImmediate(() => guest.packet(source, 6, reply));
      }
    };
    ask(guest, guest.address);
    const client = createSocket("udp4");
    let answers = 0;
    client.on("message", () => answers++);
    const sockets: Socket[] = [];
    const forward = { hostAddress: "127.0.0.1", hostPort: 0, guestAddress: "10.0.2.15", guestPort: 9 };
    for (let round = 0; round < 60; round++) {
      const [tcp, udp] = await Promise.all([
        gateway.addForward({ ...forward, protocol: "tcp" }),
        gateway.addForward({ ...forward, protocol: "udp" }),
      ]);
      for (let i = 0; i < 5; i++) {
        client.send("ask", udp.hostPort, "127.0.0.1");
        const socket = connect(tcp.hostPort, "127.0.0.1").on("error", () => {});
        socket.write("x");
        sockets.push(socket);
      }
      // Removed at any moment: before anything of them was heard, or in the middle.
      for (let turns = 0; turns < round % 7; turns++) await new Promise(setImmediate);
      expect([gateway.removeForward(tcp), gateway.removeForward(udp)]).toEqual([true, true]);
      expect([gateway.removeForward(tcp), gateway.removeForward(udp)]).toEqual([false, false]);
      // The port is free at once, for another one.
      if (round % 10 === 9) {
        await gateway.addForward({ ...forward, hostPort: tcp.hostPort, protocol: "tcp" });
        gateway.removeForward(tcp);
      }
    }
    expect([answers > 20, gateway.report().forwards]).toEqual([true, []]);
    for (const socket of sockets) socket.destroy();
    gateway.interfaceGone(guest);
    await expect.poll(() => gateway.report().connections).toEqual([]);
    client.close();
  });

  it("takes fragments of any size, order and overlap, keeps a megabyte of them, and answers as before", async () => {
    const next = seeded(20261130);
    const below = (most: number): number => Math.floor(next() * most);
    const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 20_000; i++) {
      const length = pick([0, 1, 7, 8, 16, 1480, 8000, 65_000, below(1480)]);
      const bytes = new Uint8Array(34 + length);
      const destination = pick([
        hostAddress(ipv4, 2),
        hostAddress(ipv4, 3),
        ipBytes("192.0.2.1")!,
        ipBytes("10.0.2.255")!,
      ]);
      const protocol = pick([1, 6, PROTOCOL_UDP, 255]);
      const offset = pick([0, 1, 2, 185, 8191, below(8192)]);
      const piece = { id: below(40), offset: 8 * offset, more: below(4) > 0 };
      const source = pick([hostile.address, guest.address, hostAddress(ipv4, 2), Uint8Array.of(255, 255, 255, 255)]);
      writeHeaders(
        bytes,
        { sourceMac: hostile.mac, destinationMac: GATEWAY_MAC, source, destination, protocol },
        piece,
      );
      hostile.send(bytes);
      if (i % 1000 === 0) await new Promise(setImmediate);
    }
    hostile.got.length = 0;
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(256 << 20);
    // A datagram of many fragments, last first, between those.
    const data = Uint8Array.from({ length: 20_000 }, (_, i) => i);
    const whole = new Uint8Array(8 + data.length);
    [7000, 7, whole.length].forEach((word, i) => put16(whole, 2 * i, word));
    whole.set(data, 8);
    const told = guest.next(({ protocol }) => protocol === 1);
    for (let at = Math.floor(whole.length / 1480) * 1480; at >= 0; at -= 1480) {
      const part = whole.subarray(at, at + 1480);
      const bytes = new Uint8Array(34 + part.length);
      bytes.set(part, 34);
      const piece = { id: 999, offset: at, more: at + 1480 < whole.length };
      const headers = { sourceMac: guest.mac, destinationMac: GATEWAY_MAC, source: guest.address };
      writeHeaders(bytes, { ...headers, destination: hostAddress(ipv4, 2), protocol: PROTOCOL_UDP }, piece);
      guest.send(bytes);
    }
    const { bytes, start } = await told;
    expect([bytes[start], bytes[start + 1]]).toEqual([3, 3]);
  });

  it("takes a datagram by a forward to an IPv6 address of a guest, and brings its answer", async () => {
    const address = ipBytes("fd58:656e:0:2::15")!;
    const forward = await gateway.addForward({
      protocol: "udp",
      hostAddress: "127.0.0.1",
      hostPort: 0,
      guestAddress: "fd58:656e:0:2::15",
      guestPort: 9,
    });
    // The gateway knows where the guest is.
    guest.datagram(hostAddress(ipv6, 3), 5353, 53, new Uint8Array(4), GATEWAY_MAC, address);
    const client = createSocket("udp4");
    const came = guest.next(
      (packet) => packet.protocol === PROTOCOL_UDP && get16(packet.bytes, packet.start + 2) === 9,
    );
    client.send("ask", forward.hostPort, "127.0.0.1");
    const packet = await came;
    const answer = new Promise<string>((resolve) => client.once("message", (bytes) => resolve(bytes.toString())));
    const port = get16(packet.bytes, packet.start);
    guest.datagram(packet.source.slice(), 9, port, Buffer.from("answer"), GATEWAY_MAC, address);
    expect(await answer).toBe("answer");
    client.close();
  });
});

describe("networks", () => {
  it("give an interface what ip= names if it is theirs, and nothing else of it", () => {
    const networks = new Networks(now);
    const port = (last: number) => ({
      name: `vif${last}.0`,
      owner: String(last),
      mac: Uint8Array.of(0, 0x16, 0x3e, 0, 0, last),
      mtu: 1500,
      deliver: () => {},
    });
    const wanted = (...texts: string[]) => texts.map((text) => ipBytes(text)!);
    const texts = (addresses: readonly Uint8Array[]) => addresses.map(ipText);
    expect(texts(networks.attach("xenbr0", port(1), wanted("10.0.2.50", "192.168.1.5")).addresses)).toEqual([
      "10.0.2.50",
    ]);
    // The address was brought from another host and says nothing about this network.
    expect(networks.attach("xenbr0", port(2), wanted("192.168.1.5")).addresses).toEqual([]);
    networks.create({ name: "wire", mode: "bare" });
    expect(texts(networks.attach("wire", port(3), wanted("192.168.1.5")).addresses)).toEqual(["192.168.1.5"]);
    networks.stop();
  });

  it("have addresses of their own, of both kinds", () => {
    const networks = new Networks(now);
    networks.create({ name: "a", mode: "nat", ipv4: "10.5.0.0/16" });
    networks.create({ name: "b", mode: "nat", ipv4: "10.6.0.0/16" });
    const prefixes = networks.report().map(({ gateway }) => gateway!.address6);
    expect(new Set(prefixes).size).toBe(3);
    for (const ipv4 of ["10.5.7.0/24", "10.0.2.64/26", "10.0.0.0/8"])
      expect(() => networks.create({ name: "c", mode: "nat", ipv4 })).toThrow(/has the addresses/);
    for (const ipv4 of ["127.0.0.0/8", "224.0.1.0/24", "169.254.0.0/16", "0.0.0.0/8"])
      expect(() => networks.create({ name: "c", mode: "nat", ipv4 })).toThrow(/can't be a network's addresses/);
    networks.create({ name: "c", mode: "nat", ipv4: "10.7.3.9/24" });
    expect(networks.report().at(-1)!.ipv4).toBe("10.7.3.0/24");
    networks.stop();
  });

  it("that go while a port begins to be forwarded leave nothing that listens", async () => {
    const isFree = (protocol: "tcp" | "udp", port: number): Promise<boolean> =>
      new Promise((resolve) => {
        const place = { port, exclusive: true };
        if (protocol === "tcp") {
          const server = createServer().once("error", () => resolve(false));
          server.listen({ ...place, host: "127.0.0.1" }, () => server.close(() => resolve(true)));
        } else {
          const socket = createSocket("udp4").once("error", () => resolve(false));
          socket.bind({ ...place, address: "127.0.0.1" }, () => socket.close(() => resolve(true)));
        }
      });
    for (const protocol of ["tcp", "udp"] as const)
      for (const goes of ["remove", "stop"] as const) {
        const networks = new Networks(now);
        networks.create({ name: "lab", mode: "isolated", ipv4: "10.9.9.0/24" });
        const forward = { protocol, hostAddress: "127.0.0.1", hostPort: 0, guestPort: 80, guestAddress: "10.9.9.20" };
        // A port that is free.
        const made = await networks.addForward("lab", forward);
        networks.removeForward("lab", made);
        const adding = networks.addForward("lab", { ...forward, hostPort: made.hostPort });
        if (goes === "remove") networks.remove("lab");
        else networks.stop();
        const refusal = await adding.then(() => "none", String);
        expect(await isFree(protocol, made.hostPort), `${protocol} ${goes}`).toBe(true);
        expect(refusal).toMatch(/the network lab has gone/);
        networks.stop();
      }
  });

  it("lead forwarded ports to their own guests only", async () => {
    const networks = new Networks(now);
    const forward = { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 0, guestPort: 80 } as const;
    for (const guestAddress of ["192.168.1.1", "127.0.0.1", "::1", "10.0.2.2"])
      await expect(networks.addForward("xenbr0", { ...forward, guestAddress })).rejects.toThrow(/no guest of/);
    networks.stop();
  });
});
