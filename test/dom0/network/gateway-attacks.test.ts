/** The same (attacks.test.ts) done to whole gateways and networks. */
import { createSocket } from "node:dgram";
import { getServers, setServers } from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import dnsPacket from "dns-packet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Bridge } from "../../../core/dom0/network/bridge.ts";
import { Gateway } from "../../../core/dom0/network/gateway/gateway.ts";
import { ACK, RST, SYN } from "../../../core/dom0/network/gateway/tcp/segment.ts";
import { Networks } from "../../../core/dom0/network/networks.ts";
import { hostAddress, ipBytes, ipText, parseSubnet } from "../../../core/dom0/network/packet/address.ts";
import { get16, get32, put16, put32 } from "../../../core/dom0/network/packet/bytes.ts";
import { PROTOCOL_UDP, readPacket, writeHeaders } from "../../../core/dom0/network/packet/internet.ts";
import { seeded } from "../../random.ts";
import { GATEWAY_MAC, TestGuest } from "./guest.ts";
import { dhcp, tcpSegment } from "./packets.ts";

const ipv4 = parseSubnet("10.0.2.0/24")!;
const ipv6 = parseSubnet("fd58:656e:0:2::/64")!;
const now = () => performance.now();
const BROADCAST_MAC = new Uint8Array(6).fill(255);

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
