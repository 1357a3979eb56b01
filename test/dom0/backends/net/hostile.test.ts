/**
 * Network frontends played by hand: what they send arrives unchanged, in the form that the receiver can take. A frontend that wants to do harm, with
 * 50,000 slots most of which make no sense, must hurt only its own device. XENARIUM_SEED=n tries others, XENARIUM_TRIES=n more.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEVICE_KINDS } from "../../../../core/dom0/backends/kinds.ts";
import * as netif from "../../../../core/dom0/backends/net/protocol.ts";
import { get32 } from "../../../../core/dom0/network/packet/bytes.ts";
import { checksumHolds, readPacket } from "../../../../core/dom0/network/packet/internet.ts";
import { seeded } from "../../../random.ts";
import { pvElf } from "../../elf-files.ts";
import { fakeHost, type FakeHost } from "../../xenbus/host.ts";
import { PAGES, REF, SLOTS, tcp, turn, Vif } from "./vif.ts";

const SEED = Number(process.env.XENARIUM_SEED ?? 20261128);
const TRIES = Number(process.env.XENARIUM_TRIES ?? 50_000);
/** The contents of pages that nobody granted. */
const SECRET = Buffer.alloc(8, 0x5a);

let host: FakeHost;
let domid: number;
let chance: () => number;
const random = (below: number): number => Math.floor(chance() * below);
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;

beforeEach(async () => {
  chance = seeded(SEED);
  host = fakeHost(DEVICE_KINDS);
  await host.service.handle("networkCreate", { name: "lab", mode: "bare" });
  const vifs = [0, 1, 2].map((id) => `'mac=00:16:3e:00:00:0${id},bridge=lab'`).join(", ");
  const config = `name = "tiny"\nkernel = "k"\nmemory = 4\nvif = [${vifs}]\n`;
  ({ domid } = (await host.service.handle("create", { config, files: { k: pvElf() } })) as { domid: number });
});
afterEach(() => host.events.stop());

describe("a network frontend", () => {
  it("sends packets over several slots, which arrive as they were sent", async () => {
    const [from, to] = [new Vif(host, domid, 0), new Vif(host, domid, 1)];
    await from.connect();
    await to.connect({ "feature-gso-tcpv4": 1 });
    to.post(40);
    for (const [length, pieces] of [
      [60, 1],
      [1500, 1],
      [4000, 2],
      [20_000, 7],
      [30_000, 9],
    ] as const) {
      const bytes = tcp(0, 1, length - 54);
      // Longer than one packet may be. Whoever takes it cuts it, which this receiver does itself.
      const extra = length > 1514 ? [netif.EXTRA_TYPE_GSO | (1448 << 16), netif.GSO_TYPE_TCPV4, 0] : null;
      from.send(bytes, pieces, netif.TXF_CSUM_BLANK, extra);
      expect(await from.answered()).toBe(true);
      const got = await to.receive();
      expect(Buffer.compare(got.bytes, bytes), `${length} bytes`).toBe(0);
      expect(got.flags & netif.RXF_CSUM_BLANK).toBe(netif.RXF_CSUM_BLANK);
      expect(got.segmentSize).toBe(extra ? 1448 : 0);
    }
  });

  it("gets whole checksums and whole segments if it can't take anything else", async () => {
    const [from, plain] = [new Vif(host, domid, 0), new Vif(host, domid, 1)];
    await from.connect();
    await plain.connect({ "feature-sg": 0, "feature-no-csum-offload": 1 });
    plain.post(40);
    const bytes = tcp(0, 1, 10_000);
    from.send(bytes, 4, netif.TXF_CSUM_BLANK, [netif.EXTRA_TYPE_GSO | (1448 << 16), netif.GSO_TYPE_TCPV4, 0]);
    const payload: Buffer[] = [];
    for (let i = 0; i < 7; i++) {
      const got = await plain.receive();
      expect(got.bytes.length).toBeLessThanOrEqual(1514);
      expect(got.flags).toBe(0);
      const packet = readPacket(got.bytes)!;
      expect(checksumHolds(packet)).toBe(true);
      expect(get32(got.bytes, 38)).toBe(100 + 1448 * i);
      // FIN and PSH belong to the last packet.
      expect(got.bytes[47]! & 0x09).toBe(i === 6 ? 0x09 : 0);
      payload.push(Buffer.from(got.bytes.subarray(54)));
    }
    expect(Buffer.compare(Buffer.concat(payload), bytes.subarray(54))).toBe(0);
  });

  it("may send a packet of 18 slots, as Linux does, and is disconnected for one of 19", async () => {
    const [from, to] = [new Vif(host, domid, 0), new Vif(host, domid, 1)];
    await to.connect({ "feature-gso-tcpv4": 1 });
    to.post(40);
    const extra = [netif.EXTRA_TYPE_GSO | (1448 << 16), netif.GSO_TYPE_TCPV4, 0];
    const bytes = tcp(0, 1, 18_000 - 54);
    await from.connect();
    from.send(bytes, 18, netif.TXF_CSUM_BLANK, extra);
    expect(await from.answered()).toBe(true);
    expect(Buffer.compare((await to.receive()).bytes, bytes)).toBe(0);
    from.send(bytes, 19, netif.TXF_CSUM_BLANK, extra);
    expect(await from.answered()).toBe(false);
    // Nothing of it was sent out: the next packet that arrives is the next one sent.
    const short = tcp(0, 1, 100);
    await from.connect();
    from.send(short, 1);
    expect(await from.answered()).toBe(true);
    expect(Buffer.compare((await to.receive()).bytes, short)).toBe(0);
  });

  it(
    `hurts its own device only, whatever it asks (seed ${SEED}, ${TRIES} slots)`,
    async () => {
      const [third, sibling, hostile] = [new Vif(host, domid, 0), new Vif(host, domid, 1), new Vif(host, domid, 2)];
      await hostile.connect();
      await sibling.connect();
      await third.connect();
      // What it did not grant begins right after its last page. Nothing of that may be sent out or changed.
      const behind = 400 + REF + 3 * PAGES;
      const secret = [...host.xen.domains.get(domid)!.frames].slice(behind, behind + 20).map((mfn) => mfn * 4096);
      for (const address of secret) host.xen.bytes(address, 4096).fill(0x5a);
      let [made, broken, siblings] = [0, 0, 0];
      while (made < TRIES) {
        for (let i = 1 + random(40); i > 0; i--, made++) {
          const size = pick([0, 13, 60, 1514, 4096, 65535, random(65536)]);
          const offset = pick([0, 0, 4095, 4096, 65535, random(4096)]);
          const flags = pick([0, 0, 1, 2, 3, random(65536)]) & ~(random(4) ? 12 : 0);
          const ref = random(3) ? hostile.ref(random(PAGES)) : pick([0, 1, 8, 9, random(512), random(2 ** 32)]);
          if (random(6) === 0) hostile.put([random(2 ** 32), random(2 ** 32), random(2 ** 32)]);
          else hostile.put([ref, (offset | (flags << 16)) >>> 0, (random(65536) | (size << 16)) >>> 0]);
        }
        // What it posts for reception is no better.
        if (random(3) === 0)
          for (let i = random(20); i > 0; i--)
            hostile.rx.put(random(2 ** 32), random(2) ? hostile.ref(random(PAGES)) : random(2 ** 32));
        if (random(3) === 0) hostile.rx.push(random(200) === 0 ? random(2 ** 32) : undefined);
        hostile.tx.push(random(300) === 0 ? pick([hostile.sent + SLOTS + 1, random(2 ** 32)]) : undefined);
        if (random(4) === 0) host.xen.bytes(pick(hostile.data), 4096).fill(random(256));
        if (!(await hostile.answered())) {
          broken++;
          await hostile.connect();
        }
        if (random(10) === 0) {
          const bytes = tcp(1, 0, 40 + random(1000));
          // What the hostile one sends to everybody may fill the third one's ring and queue. Then a packet is lost, as on any network.
          for (let isSeen = false; !isSeen;) {
            third.post(100 - third.outstanding);
            sibling.send(bytes, 1);
            expect(await sibling.answered()).toBe(true);
            await turn();
            await turn();
            while (third.hasReceived) {
              const got = await third.receive();
              expect(Buffer.from(got.bytes).includes(SECRET), "memory that nobody granted went out").toBe(false);
              isSeen ||= Buffer.compare(got.bytes, bytes) === 0;
            }
          }
          siblings++;
        }
      }
      expect(broken).toBeGreaterThan(TRIES / 5000);
      expect(siblings).toBeGreaterThan(TRIES / 5000);
      for (const address of secret) expect(host.xen.bytes(address, 4096).every((byte) => byte === 0x5a)).toBe(true);
      await host.service.handle("destroy", { domid });
      await expect.poll(() => host.xen.grantMaps.size).toBe(0);
    },
    120_000 + 2 * TRIES,
  );
});
