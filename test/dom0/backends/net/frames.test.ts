/** What an interface lets through: frames that a network carries, from addresses that are its own, at its rate, to groups that it joined. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DEVICE_KINDS } from "../../../../core/dom0/backends/kinds.ts";
import { isCarried, SourceGuard } from "../../../../core/dom0/backends/net/checks.ts";
import { parseVif, vifRemarks } from "../../../../core/dom0/backends/net/config.ts";
import { VIF_KEYS } from "../../../../core/dom0/backends/net/keys.ts";
import * as netif from "../../../../core/dom0/backends/net/protocol.ts";
import { RateLimit } from "../../../../core/dom0/backends/net/rate.ts";
import { ipBytes } from "../../../../core/dom0/network/packet/address.ts";
import { put16 } from "../../../../core/dom0/network/packet/bytes.ts";
import { pvElf } from "../../elf-files.ts";
import { fakeHost, type FakeHost } from "../../xenbus/host.ts";
import { tcp, turn, Vif } from "./vif.ts";

const GSO = (size: number, type = netif.GSO_TYPE_TCPV4) => [netif.EXTRA_TYPE_GSO | (size << 16), type, 0];
/** The address of a group, in the slot after a packet's first. */
const group = (type: number, last: number) => [type | (0x01 << 16), (0x5e | (last << 24)) >>> 0, 0];

describe("a frame", () => {
  const plain = { checksumBlank: false, segmentSize: 0 };
  it("is carried if it is no longer than the network's packets, or can be cut into such", () => {
    expect(isCarried({ bytes: new Uint8Array(1518), ...plain })).toBe(true);
    expect(isCarried({ bytes: new Uint8Array(1519), ...plain })).toBe(false);
    const large = { bytes: tcp(0, 1, 60_000), checksumBlank: true };
    expect(isCarried({ ...large, segmentSize: 1448 })).toBe(true);
    // 60,000 frames would come from one.
    expect(isCarried({ ...large, segmentSize: 1 })).toBe(false);
    expect(isCarried({ bytes: tcp(0, 1, 0), checksumBlank: true, segmentSize: 1448 })).toBe(false);
    // Otherwise the bytes after the packet would be kept as long as a single byte of the packet waits.
    const padded = new Uint8Array(60_000);
    padded.set(tcp(0, 1, 1));
    expect(isCarried({ bytes: padded, checksumBlank: true, segmentSize: 1448 })).toBe(false);
  });

  it("has no offload that nobody could carry out", () => {
    const udp = tcp(0, 1, 100);
    udp[23] = 17;
    // The header's checksum for the changed protocol.
    put16(udp, 24, ((udp[24]! << 8) | udp[25]!) - 11);
    expect(isCarried({ bytes: udp, checksumBlank: true, segmentSize: 0 })).toBe(true);
    expect(isCarried({ bytes: udp, checksumBlank: true, segmentSize: 1448 })).toBe(false);
    const other = new Uint8Array(60);
    expect(isCarried({ bytes: other, checksumBlank: true, segmentSize: 0 })).toBe(false);
    const lying = tcp(0, 1, 100);
    lying[46] = 0xf0;
    expect(isCarried({ bytes: lying.subarray(0, 60), checksumBlank: true, segmentSize: 0 })).toBe(false);
    lying[46] = 0x40;
    expect(isCarried({ bytes: lying, checksumBlank: true, segmentSize: 0 })).toBe(false);
  });

  it("comes from the addresses that ip= names, where it names any", () => {
    const guard = new SourceGuard([ipBytes("10.9.9.0")!]);
    const from = (last: number) => tcp(last, 1, 10);
    expect(guard.allows(from(0))).toBe(true);
    expect(guard.allows(from(7))).toBe(false);
    const arp = new Uint8Array(42);
    put16(arp, 12, 0x0806);
    expect(guard.allows(arp)).toBe(true);
    arp.set([10, 9, 9, 8], 28);
    expect(guard.allows(arp)).toBe(false);
    const vlan = from(7);
    put16(vlan, 12, 0x8100);
    expect(guard.allows(vlan)).toBe(false);
    const v6 = new Uint8Array(60);
    put16(v6, 12, 0x86dd);
    v6[22] = 0xfd;
    expect(guard.allows(v6)).toBe(true);
    expect(new SourceGuard([ipBytes("fd00::1")!]).allows(v6)).toBe(false);
  });
});

describe("a rate", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is kept over all queues together, and none of them takes the others' turns", () => {
    let time = 0;
    const rate = new RateLimit(10_000, 50, () => time);
    const sent = [0, 0, 0];
    const queues = sent.map((_, i) => {
      const serve = (): void => {
        while (rate.allows) {
          rate.spend(1500);
          sent[i]! += 1500;
        }
        rate.wait(serve);
      };
      return serve;
    });
    for (const serve of queues) serve();
    for (let i = 0; i < 3000; i++) {
      time++;
      vi.advanceTimersByTime(1);
    }
    const all = sent.reduce((sum, each) => sum + each, 0);
    // 200,000 bytes a second, for three seconds.
    expect(all).toBeGreaterThan(570_000);
    expect(all).toBeLessThan(630_000);
    for (const each of sent) expect(each).toBeGreaterThan(150_000);
  });

  it("is made up for when a timer comes late", () => {
    let time = 0;
    const rate = new RateLimit(1000, 10, () => time);
    rate.spend(5000);
    expect(rate.allows).toBe(false);
    time = 50;
    expect(rate.allows).toBe(true);
  });
});

describe("an interface", () => {
  let host: FakeHost;
  let domid: number;
  beforeEach(async () => {
    host = fakeHost(DEVICE_KINDS);
    await host.service.handle("networkCreate", { name: "lab", mode: "bare" });
    const extra = ["", ",mtu=1000", ""];
    const vifs = [0, 1, 2].map((id) => `'mac=00:16:3e:00:00:0${id},bridge=lab${extra[id]}'`).join(", ");
    const config = `name = "tiny"\nkernel = "k"\nmemory = 4\nvif = [${vifs}]\n`;
    ({ domid } = (await host.service.handle("create", { config, files: { k: pvElf() } })) as { domid: number });
  });
  afterEach(() => host.events.stop());

  it("has its keys: those that work, those that warn, those that can't be had", () => {
    expect(parseVif("mac=00:16:3e:00:00:07, untrusted, mtu=1400, ip=10.0.2.50", []).front).toMatchObject({
      mac: "00:16:3e:00:00:07",
      trusted: 0,
      mtu: "1400",
    });
    expect(parseVif("trusted", []).front.trusted).toBe(1);
    // What is empty is as if it were not there.
    expect(parseVif("bridge=,ip=,backend=,", [])).toMatchObject({ backend: "0", back: { bridge: "xenbr0" } });
    const values: Record<string, string> = {
      ...{
        type: "ioemu",
        trusted: "1",
        mac: "00:16:3e:00:00:07",
        ip: "10.0.2.9",
        rate: "1Mb/s",
        mtu: "100",
        devid: "3",
      },
    };
    for (const [key, fate] of Object.entries(VIF_KEYS)) {
      const text = `${key}=${values[key] ?? "x"}`;
      if ("refused" in fate) expect(() => parseVif(text, []), text).toThrow(`${key}: `);
      else {
        parseVif(text, []);
        expect(vifRemarks(text).length, text).toBe("warns" in fate ? 1 : 0);
      }
    }
    expect(() => parseVif("nonsense=1", [])).toThrow("there is no key nonsense; allowed: mac, bridge, ip");
    expect(() => parseVif("type=tap", [])).toThrow("which it can't be");
  });

  it("answers what it does not carry with an error, and its receiver never sees it", async () => {
    const [from, to] = [new Vif(host, domid, 0), new Vif(host, domid, 2)];
    await from.connect();
    await to.connect({ "feature-gso-tcpv4": 1 });
    to.post(60);
    for (const [bytes, pieces, flags, extra] of [
      [tcp(0, 2, 10_000), 4, netif.TXF_CSUM_BLANK, GSO(1)],
      [tcp(0, 2, 10_000), 4, 0, null],
      [new Uint8Array(60), 1, netif.TXF_CSUM_BLANK, null],
    ] as const) {
      from.send(bytes, pieces, flags, extra && [...extra]);
      expect(await from.answered()).toBe(true);
    }
    const good = tcp(0, 2, 500);
    from.send(good, 1, 0);
    expect(await from.answered()).toBe(true);
    expect(Buffer.compare((await to.receive()).bytes, good)).toBe(0);
    expect(to.hasReceived).toBe(false);
  });

  it("gets no frame longer than its own MTU, but segments that its guest puts together", async () => {
    const [from, to] = [new Vif(host, domid, 0), new Vif(host, domid, 1)];
    await from.connect();
    await to.connect();
    to.post(20);
    from.send(tcp(0, 1, 1200), 1);
    expect(await from.answered()).toBe(true);
    const short = tcp(0, 1, 900);
    from.send(short, 1);
    expect(Buffer.compare((await to.receive()).bytes, short)).toBe(0);
    await turn();
    expect(to.hasReceived).toBe(false);
  });

  it("gets the groups that its guest has joined and no others, and broadcasts", async () => {
    const [from, to] = [new Vif(host, domid, 0), new Vif(host, domid, 2)];
    await from.connect();
    await to.connect({ "request-multicast-control": 1 });
    to.post(40);
    const sendTo = async (destination: number[]) => {
      const bytes = tcp(0, 2, 50);
      bytes.set(destination);
      from.send(bytes, 1);
      expect(await from.answered()).toBe(true);
      return bytes;
    };
    const join = async (type: number, last: number): Promise<number> => {
      to.put([0, netif.TXF_EXTRA_INFO << 16, 3]);
      to.put(group(type, last));
      to.tx.push();
      expect(await to.answered()).toBe(true);
      return to.status(2);
    };
    const groupOf = (last: number) => [0x01, 0x00, 0x5e, 0, 0, last];
    expect(await join(netif.EXTRA_TYPE_MCAST_ADD, 7)).toBe(netif.RSP_OKAY);
    await sendTo(groupOf(8));
    const joined = await sendTo(groupOf(7));
    expect(Buffer.compare((await to.receive()).bytes, joined)).toBe(0);
    expect(await join(netif.EXTRA_TYPE_MCAST_DEL, 7)).toBe(netif.RSP_OKAY);
    expect(await join(netif.EXTRA_TYPE_MCAST_DEL, 7)).toBe(netif.RSP_ERROR);
    await sendTo(groupOf(7));
    const broadcast = await sendTo([255, 255, 255, 255, 255, 255]);
    expect(Buffer.compare((await to.receive()).bytes, broadcast)).toBe(0);
    // The most that is allowed (XEN_NETBK_MCAST_MAX).
    for (let last = 10; last < 74; last++) expect(await join(netif.EXTRA_TYPE_MCAST_ADD, last)).toBe(netif.RSP_OKAY);
    expect(await join(netif.EXTRA_TYPE_MCAST_ADD, 200)).toBe(netif.RSP_ERROR);
  });
});
