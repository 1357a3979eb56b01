/** What a guest, a server or another program on this computer might do to parts of the network on purpose. Each of these once did harm. */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { PassThrough } from "node:stream";
import dnsPacket from "dns-packet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Bridge } from "../../../core/dom0/network/bridge.ts";
import { frame } from "../../../core/dom0/network/frame.ts";
import { DhcpServer } from "../../../core/dom0/network/gateway/dhcp.ts";
import { NameService } from "../../../core/dom0/network/gateway/name-service.ts";
import { Reassembly } from "../../../core/dom0/network/gateway/reassembly.ts";
import { SocketShares } from "../../../core/dom0/network/gateway/shares.ts";
import { TcpNat } from "../../../core/dom0/network/gateway/tcp/nat.ts";
import { Outbox } from "../../../core/dom0/network/gateway/tcp/outbox.ts";
import { Ranges, RANGES_LIMIT } from "../../../core/dom0/network/gateway/tcp/ranges.ts";
import { Receiver } from "../../../core/dom0/network/gateway/tcp/receiver.ts";
import { ACK, FIN, RST, SYN } from "../../../core/dom0/network/gateway/tcp/segment.ts";
import { SendQueue } from "../../../core/dom0/network/gateway/tcp/send-queue.ts";
import { hostAddress, ipBytes, ipText, parseSubnet } from "../../../core/dom0/network/packet/address.ts";
import { get16, get32, put16, put32 } from "../../../core/dom0/network/packet/bytes.ts";
import { PROTOCOL_UDP, type Packet } from "../../../core/dom0/network/packet/internet.ts";
import { TestGuest } from "./guest.ts";
import { dhcp, tcpSegment } from "./packets.ts";

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
