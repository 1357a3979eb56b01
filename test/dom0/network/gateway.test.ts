/** The gateway as a guest meets it: addresses, names, datagrams, what it refuses, and that no frame hurts it. */
import { createSocket, type Socket } from "node:dgram";
import type { AddressInfo } from "node:net";
import dnsPacket from "dns-packet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Bridge } from "../../../core/dom0/network/bridge.ts";
import { DhcpServer, plainHostName } from "../../../core/dom0/network/gateway/dhcp.ts";
import { Gateway } from "../../../core/dom0/network/gateway/gateway.ts";
import { NameService, hostResolvers } from "../../../core/dom0/network/gateway/name-service.ts";
import { Policy } from "../../../core/dom0/network/gateway/policy.ts";
import { pingArguments } from "../../../core/dom0/network/gateway/icmp.ts";
import { hostAddress, ipBytes, ipText, parseSubnet } from "../../../core/dom0/network/packet/address.ts";
import { get16, put16 } from "../../../core/dom0/network/packet/bytes.ts";
import { checksumHolds, PROTOCOL_ICMP, PROTOCOL_UDP, readPacket } from "../../../core/dom0/network/packet/internet.ts";
import { completeChecksum, segments } from "../../../core/dom0/network/offload.ts";
import { seeded } from "../../random.ts";
import { GATEWAY_MAC, TestGuest } from "./guest.ts";
import { dhcp } from "./packets.ts";

const ipv4 = parseSubnet("10.0.2.0/24")!;
const ipv6 = parseSubnet("fd58:656e:0:2::/64")!;

function options(payload: Uint8Array): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (let at = 240; payload[at] !== 255; at += 2 + payload[at + 1]!)
    found.set(payload[at]!, payload.subarray(at + 2, at + 2 + payload[at + 1]!));
  return found;
}

describe("a guest behind the gateway", () => {
  let bridge: Bridge;
  let gateway: Gateway;
  let guest: TestGuest;
  let echo: Socket;
  const make = (wayOut = true) =>
    new Gateway(bridge, {
      ipv4,
      ipv6,
      wayOut,
      services: [{ port: 7, hostPort: (echo.address() as AddressInfo).port }],
      now: () => performance.now(),
    });
  beforeEach(async () => {
    echo = createSocket("udp4");
    echo.on("message", (bytes, from) => echo.send(bytes, from.port, from.address));
    await new Promise<void>((resolve) => echo.bind(0, "127.0.0.1", resolve));
    bridge = new Bridge("xenbr0");
    guest = new TestGuest(bridge);
    gateway = make();
  });
  afterEach(() => {
    gateway.stop();
    echo.close();
  });
  const udp = (port: number) =>
    guest.next((packet) => packet.protocol === PROTOCOL_UDP && get16(packet.bytes, packet.start + 2) === port);
  const data = (packet: { bytes: Uint8Array; start: number; end: number }) =>
    packet.bytes.subarray(packet.start + 8, packet.end);

  it("gets an address, its own again, a fixed one if it has one, and is refused what belongs to another", async () => {
    const ask = async (who: TestGuest, type: number, asked: number[] = []) => {
      const answer = who.next(
        (packet) => packet.protocol === PROTOCOL_UDP && get16(packet.bytes, packet.start + 2) === 68,
      );
      const broadcast = Uint8Array.of(255, 255, 255, 255);
      who.datagram(broadcast, 68, 67, dhcp(type, who.mac, asked), new Uint8Array(6).fill(255), new Uint8Array(4));
      const payload = data(await answer);
      return { address: ipText(payload.subarray(16, 20)), options: options(payload) };
    };
    const offer = await ask(guest, 1);
    expect(offer.address).toBe("10.0.2.15");
    expect([...offer.options.get(53)!]).toEqual([2]);
    expect(ipText(offer.options.get(3)!)).toBe("10.0.2.2");
    expect(ipText(offer.options.get(6)!)).toBe("10.0.2.3");
    expect(ipText(offer.options.get(1)!)).toBe("255.255.255.0");
    const name = [12, 5, ...Buffer.from("alice")];
    const taken = await ask(guest, 3, [50, 4, 10, 0, 2, 15, 54, 4, 10, 0, 2, 2, ...name]);
    expect([...taken.options.get(53)!]).toEqual([5]);
    expect((await ask(guest, 1)).address).toBe("10.0.2.15");
    const other = new TestGuest(bridge, "vif2.0", "00:16:3e:00:00:02");
    expect([...(await ask(other, 3, [50, 4, 10, 0, 2, 15])).options.get(53)!]).toEqual([6]);
    expect([...(await ask(other, 3, [50, 4, 192, 168, 1, 9])).options.get(53)!]).toEqual([6]);
    expect((await ask(other, 1, [50, 4, 10, 0, 2, 15])).address).not.toBe("10.0.2.15");
    const fixed = new TestGuest(bridge, "vif3.0", "00:16:3e:00:00:09");
    expect(gateway.reserve(fixed.mac, ipBytes("10.0.2.99")!)).toBe(true);
    expect(gateway.reserve(other.mac, ipBytes("10.0.2.99")!)).toBe(false);
    expect(gateway.reserve(other.mac, ipBytes("10.0.3.99")!)).toBe(false);
    expect((await ask(fixed, 1)).address).toBe("10.0.2.99");
    expect(gateway.report().leases.find(({ mac }) => mac === "00:16:3e:00:00:01")?.hostName).toBe("alice");
  });

  it("finds the gateway by ARP and by neighbour discovery, and is advertised a prefix", async () => {
    const request = new Uint8Array(42);
    request.fill(255, 0, 6);
    request.set(guest.mac, 6);
    request.set([8, 6, 0, 1, 8, 0, 6, 4, 0, 1, ...guest.mac, ...guest.address, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2], 12);
    guest.send(request);
    const reply = guest.got.find(({ bytes }) => get16(bytes, 12) === 0x0806)!.bytes;
    expect([...reply.subarray(22, 28)]).toEqual([...GATEWAY_MAC]);
    expect(ipText(reply.subarray(28, 32))).toBe("10.0.2.2");
    // The advertisement of a new gateway, which is a valid packet with the prefix in it.
    const advertisement = guest.got.map(({ bytes }) => readPacket(bytes)).find((packet) => packet?.protocol === 58)!;
    expect(checksumHolds(advertisement)).toBe(true);
    expect(advertisement.bytes[advertisement.start]).toBe(134);
    expect(ipText(advertisement.bytes.subarray(advertisement.start + 48, advertisement.start + 64))).toBe(
      ipText(ipv6.address),
    );
  });

  it("reaches an allowed service of this computer by UDP, whole datagrams of any length, and nothing else of it", async () => {
    for (const length of [1, 1400, 1473, 9000]) {
      const sent = Uint8Array.from({ length }, (_, i) => i);
      const answer = collect(guest, length + 8);
      if (length + 28 <= 1500) guest.datagram(hostAddress(ipv4, 2), 5000, 7, sent);
      else fragments(guest, hostAddress(ipv4, 2), 5000, 7, sent);
      expect(Buffer.compare(await answer, sent), `${length} bytes`).toBe(0);
    }
    const port = (echo.address() as AddressInfo).port;
    let heard = 0;
    echo.on("message", () => heard++);
    for (const address of ["127.0.0.1", "10.0.2.2", "0.0.0.0", "169.254.169.254", "10.0.2.1"]) {
      const unreachable = guest.next((packet) => packet.protocol === PROTOCOL_ICMP);
      guest.datagram(ipBytes(address)!, 5001, port, Uint8Array.of(1));
      expect(data(await unreachable).length).toBeGreaterThan(20);
    }
    const answer = udp(5002);
    guest.datagram(hostAddress(ipv4, 2), 5002, 7, Uint8Array.of(1));
    await answer;
    expect(heard).toBe(1);
  });

  it("answers names of guests and of itself, and says that others can't be found out where there is no way out", async () => {
    gateway.stop();
    gateway = make(false);
    const ask = async (name: string, type: "A" | "AAAA" = "A") => {
      const answer = udp(5353);
      const question = dnsPacket.encode({ type: "query", id: 77, questions: [{ type, name }] });
      guest.datagram(hostAddress(ipv4, 3), 5353, 53, question);
      return dnsPacket.decode(Buffer.from(data(await answer)));
    };
    const broadcast = Uint8Array.of(255, 255, 255, 255);
    const given = udp(68);
    guest.datagram(
      broadcast,
      68,
      67,
      dhcp(1, guest.mac, [12, 5, ...Buffer.from("alice")]),
      new Uint8Array(6).fill(255),
      new Uint8Array(4),
    );
    expect(options(data(await given)).has(3)).toBe(false);
    expect((await ask("alice.xenarium.internal")).answers).toMatchObject([{ data: "10.0.2.15" }]);
    expect((await ask("gateway")).answers).toMatchObject([{ data: "10.0.2.2" }]);
    expect(await ask("nobody.xenarium.internal")).toMatchObject({ answers: [], rcode: "NXDOMAIN" });
    expect(await ask("example.com")).toMatchObject({ id: 77, answers: [], rcode: "SERVFAIL" });
  });

  it("answers a ping to itself", async () => {
    const answer = guest.next((packet) => packet.protocol === PROTOCOL_ICMP);
    const request = new Uint8Array(40);
    request.set([8, 0, 0, 0, 1, 2, 3, 4]);
    const sum = request.reduce((all, byte, i) => all + (i & 1 ? byte : byte << 8), 0);
    put16(request, 2, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
    guest.packet(hostAddress(ipv4, 2), PROTOCOL_ICMP, request);
    const packet = await answer;
    expect([...packet.bytes.subarray(packet.start, packet.start + 8)].filter((_, i) => i !== 2 && i !== 3)).toEqual([
      0, 0, 1, 2, 3, 4,
    ]);
  });

  it("can send what it likes: 30,000 damaged frames of all kinds, and the gateway answers as before", async () => {
    const random = seeded(5);
    const whole: Uint8Array[] = [];
    const record = bridge.listen(({ bytes }) => whole.push(bytes.slice()));
    guest.datagram(
      hostAddress(ipv4, 3),
      5353,
      53,
      dnsPacket.encode({ type: "query", id: 1, questions: [{ type: "A", name: "gateway" }] }),
    );
    guest.datagram(
      Uint8Array.of(255, 255, 255, 255),
      68,
      67,
      dhcp(1, guest.mac, [12, 1, 65]),
      new Uint8Array(6).fill(255),
    );
    guest.datagram(hostAddress(ipv4, 2), 5000, 7, new Uint8Array(100));
    guest.packet(
      hostAddress(ipv4, 2),
      6,
      Uint8Array.of(0, 9, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0x60, 2, 255, 255, 0, 0, 0, 0, 2, 4, 5, 180),
    );
    record();
    for (let round = 0; round < 30_000; round++) {
      let bytes: Uint8Array = whole[Math.floor(random() * whole.length)]!.slice(0, 14 + Math.floor(random() * 600));
      bytes.set(GATEWAY_MAC, 0);
      bytes.set(guest.mac, 6);
      for (let change = 0; change < 4; change++)
        bytes[12 + Math.floor(random() * (bytes.length - 12))] = Math.floor(random() * 256);
      if (random() < 0.3) bytes = completeChecksum({ bytes, checksumBlank: true, segmentSize: 0 }).bytes;
      bridge.send(guest, {
        bytes,
        checksumBlank: random() < 0.7,
        segmentSize: random() < 0.2 ? 1 + Math.floor(random() * 2000) : 0,
      });
      segments({ bytes, checksumBlank: false, segmentSize: 536 });
    }
    const report = gateway.report();
    expect(report.udpSockets).toBeLessThanOrEqual(256);
    expect(report.connections.length).toBeLessThanOrEqual(512);
    const answer = udp(5353);
    guest.datagram(
      hostAddress(ipv4, 3),
      5353,
      53,
      dnsPacket.encode({ type: "query", id: 9, questions: [{ type: "A", name: "gateway" }] }),
    );
    expect(dnsPacket.decode(Buffer.from(data(await answer))).answers).toHaveLength(1);
  });
});

/** Collects all of a datagram that may arrive in fragments. */
function collect(guest: TestGuest, length: number): Promise<Buffer> {
  const pieces: { at: number; bytes: Uint8Array }[] = [];
  return new Promise((resolve) => {
    const more = (): void =>
      void guest
        .next((packet) => packet.protocol === PROTOCOL_UDP)
        .then((packet) => {
          pieces.push({ at: packet.fragment?.offset ?? 0, bytes: packet.bytes.subarray(packet.start, packet.end) });
          if (pieces.reduce((sum, { bytes }) => sum + bytes.length, 0) < length) return;
          const whole = Buffer.alloc(length);
          for (const { at, bytes } of pieces) whole.set(bytes, at);
          resolve(whole.subarray(8));
        });
    // Fragments arrive in one go, so each needs a listener before the first has arrived.
    for (let i = 0; i < Math.ceil(length / 1480); i++) more();
  });
}

function fragments(guest: TestGuest, destination: Uint8Array, from: number, to: number, data: Uint8Array): void {
  const whole = new Uint8Array(8 + data.length);
  put16(whole, 0, from);
  put16(whole, 2, to);
  put16(whole, 4, whole.length);
  whole.set(data, 8);
  const offsets: number[] = [];
  for (let at = 0; at < whole.length; at += 1480) offsets.push(at);
  for (const at of offsets.reverse()) {
    const part = whole.subarray(at, at + 1480);
    const bytes = new Uint8Array(34 + part.length);
    bytes.set([...GATEWAY_MAC, ...guest.mac, 8, 0, 0x45]);
    put16(bytes, 16, 20 + part.length);
    put16(bytes, 18, whole.length & 0xffff);
    put16(bytes, 20, (at >> 3) | (at + 1480 < whole.length ? 0x2000 : 0));
    bytes.set([64, PROTOCOL_UDP], 22);
    bytes.set([...guest.address, ...destination], 26);
    let sum = 0;
    for (let i = 14; i < 34; i += 2) sum += get16(bytes, i);
    put16(bytes, 24, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
    bytes.set(part, 34);
    guest.send(bytes);
  }
}

describe("policy", () => {
  it("refuses this computer's own addresses, broadcasts, and disguises of them", () => {
    const interfaces = () => ({
      eth0: [
        { address: "192.168.7.5", cidr: "192.168.7.5/24" },
        { address: "2a00::5", cidr: "2a00::5/64" },
      ],
    });
    const policy = new Policy([ipv4], [hostAddress(ipv4, 2)], [], () => 0, interfaces as never);
    const may = (address: string) => policy.mayReach(ipBytes(address)!);
    for (const address of [
      "192.168.7.5",
      "192.168.7.255",
      "2a00::5",
      "127.8.9.1",
      "::1",
      "::ffff:127.0.0.1",
      "::127.0.0.1",
      "64:ff9b::7f00:1",
      "255.255.255.255",
      "10.0.2.50",
      "fe80::1",
      "2002:7f00:1::",
      // The metadata services of clouds.
      "169.254.169.254",
      "fd00:ec2::254",
      "fd20:ce::254",
    ])
      expect(may(address), address).toBe(false);
    for (const address of ["192.168.7.6", "8.8.8.8", "2a00::6", "10.0.3.1"]) expect(may(address), address).toBe(true);
  });
});

describe("name service", () => {
  it("asks this computer's resolvers in turn, with numbers of its own, and believes only their answers", async () => {
    const asked: number[] = [];
    const silent = createSocket("udp4");
    const wise = createSocket("udp4");
    wise.on("message", (bytes, from) => {
      asked.push(bytes.readUInt16BE(0));
      const forged = Buffer.from(bytes);
      forged.writeUInt16BE((bytes.readUInt16BE(0) + 1) & 0xffff, 0);
      wise.send(forged, from.port, from.address);
      const answer = dnsPacket.encode({
        type: "response",
        id: bytes.readUInt16BE(0),
        questions: dnsPacket.decode(bytes).questions!,
        answers: [{ type: "A", name: "far.example", data: "192.0.2.1" }],
      });
      wise.send(answer, from.port, from.address);
    });
    await Promise.all(
      [silent, wise].map((socket) => new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve))),
    );
    const at = (socket: Socket) => ({ host: "127.0.0.1", port: (socket.address() as AddressInfo).port });
    const refused = at(silent);
    silent.close();
    const names = new NameService(
      () => null,
      () => [refused, at(wise)],
    );
    const question = dnsPacket.encode({ type: "query", id: 4242, questions: [{ type: "A", name: "far.example" }] });
    const answer = await new Promise<Uint8Array>((resolve) => names.receive(question, "vif1.0", resolve));
    expect(dnsPacket.decode(Buffer.from(answer))).toMatchObject({ id: 4242, answers: [{ data: "192.0.2.1" }] });
    expect(asked).toHaveLength(1);
    names.stop();
    wise.close();
  });

  it("reads the forms in which Node names resolvers", () => {
    expect(hostResolvers(["1.1.1.1", "127.0.0.1:5353", "2606::1", "[2606::1]:54"])).toEqual([
      { host: "1.1.1.1", port: 53 },
      { host: "127.0.0.1", port: 5353 },
      { host: "2606::1", port: 53 },
      { host: "2606::1", port: 54 },
    ]);
  });
});

describe("DHCP", () => {
  it("runs out of addresses without running out of time, and names are made plain", () => {
    const options = {
      subnet: parseSubnet("10.0.9.0/28")!,
      server: ipBytes("10.0.9.2")!,
      router: () => null,
      nameServer: null,
      domain: "d",
    };
    const server = new DhcpServer({ ...options, now: () => 0 });
    for (let i = 0; i < 50; i++) {
      const mac = Uint8Array.of(2, 0, 0, 0, 0, i);
      server.receive(dhcp(1, mac), mac, "vif1.0", 1500);
    }
    // A /28 has 16 addresses, of which the first 15 are not handed out and the last is the broadcast address.
    expect(server.leases()).toHaveLength(0);
    expect(plainHostName("Web<1>.example.org")).toBe("web1");
    expect(plainHostName("---")).toBeNull();
  });
});

describe("the computer's ping", () => {
  it("is given an address and nothing that could be an option", () => {
    expect(pingArguments("8.8.8.8", "linux")).toEqual(["-4", "-n", "-c", "1", "-W", "5", "8.8.8.8"]);
    expect(pingArguments("2a00:0:0:0:0:0:0:1", "win32").at(-1)).toBe("2a00:0:0:0:0:0:0:1");
  });
});
