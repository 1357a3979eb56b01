/**
 * Domains are introduced to xenstored again and again, with rings and ports that are right and others that are not. Nothing may be mapped or bound
 * for longer than its domain exists, nothing may be released twice, and a released page may not be touched any more. `XENARIUM_TRIES=100000 npx
 * vitest run test/dom0/introduce.test.ts`.
 */
import { afterEach, beforeEach, expect, it } from "vitest";
import { DEVICE_KINDS } from "../../core/dom0/backends/kinds.ts";
import { joinStrings, XenstoreError, XS } from "../../core/dom0/xenstore/wire.ts";
import { pick, random, SEED, triesOf } from "../fuzz/random.ts";
import { pvElf } from "./elf-files.ts";
import { RingClient } from "./ring-client.ts";
import { fakeHost, type FakeHost } from "./xenbus/host.ts";

const TRIES = triesOf(3000);
/** struct xenstore_domain_interface, in words. */
const [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD, CONNECTION] = [2048 >> 2, 2052 >> 2, 2056 >> 2, 2060 >> 2, 2068 >> 2];

let host: FakeHost;
let domid: number;
let port: number;
let page: Int32Array;
let bytes: Buffer;

/** Reads its domain's ring and port, as xenstore has them. */
function found(): void {
  const at = Number(host.store.read(`/local/domain/${domid}/store/ring-ref`)) * 4096;
  port = Number(host.store.read(`/local/domain/${domid}/store/port`));
  bytes = host.xen.bytes(at, 4096);
  page = new Int32Array(host.xen.memory.buffer, at, 1024);
}
async function create(): Promise<void> {
  const config = `name = "tiny"\nkernel = "k"\nmemory = 4\n`;
  ({ domid } = (await host.service.handle("create", { config, files: { k: pvElf() } })) as { domid: number });
  found();
}
beforeEach(async () => {
  host = fakeHost(DEVICE_KINDS);
  await create();
});
afterEach(() => host.events.stop());

/** The number of grants that dom0 has mapped, and of its ports. */
const held = () => ({ maps: host.xen.grantMaps.size, ports: host.xen.domains.get(0)!.ports.size });
/** Returns what xenstored answers to dom0. */
function ask(type: number, ...words: (number | string)[]): string {
  try {
    return host.xenstored.handle(host.store.connection, type, 0, joinStrings(...words.map(String))).toString();
  } catch (error) {
    if (error instanceof XenstoreError) return error.code;
    throw error;
  }
}
/** Puts a request of the guest into its ring and notifies xenstored. Resolves with the reply's payload. */
async function guestAsks(type: number, payload: string): Promise<string> {
  for (const byte of RingClient.encode(type, payload)) {
    bytes[(page[REQ_PROD]! >>> 0) % 1024] = byte;
    page[REQ_PROD] = page[REQ_PROD]! + 1;
  }
  host.xen.guestNotify(domid, port);
  await expect.poll(() => page[RSP_PROD]! - page[RSP_CONS]!, { interval: 1 }).toBeGreaterThanOrEqual(16);
  const at = page[RSP_CONS]! >>> 0;
  const byte = (i: number): number => bytes[1024 + ((at + i) % 1024)]!;
  const length = byte(12) | (byte(13) << 8);
  page[RSP_CONS] = page[RSP_PROD]!;
  return String.fromCharCode(...Array.from({ length }, (_, i) => byte(16 + i)));
}

it(`holds no more after ${TRIES} requests to introduce, resume, release and aim domains (seed ${SEED})`, async () => {
  const chance = random(SEED);
  const before = held();
  const answers = new Map<string, number>();
  for (let i = 0; i < TRIES; i++) {
    const who = pick(chance, [domid, domid, domid, 0, 7, 99, 0x7fef, 0x7ff0, -1, "x"]);
    const where = pick(chance, [port, port, port, 0, 1, 999, 2 ** 31, 2 ** 40, "", "y"]);
    const type = pick(chance, [XS.INTRODUCE, XS.INTRODUCE, XS.INTRODUCE, XS.RELEASE, XS.RESUME, XS.SET_TARGET]);
    const answer = ask(type, who, type === XS.SET_TARGET ? pick(chance, [domid, 0, 99, 2 ** 20]) : 5, where);
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
    const now = held();
    // The one domain that there is has one ring mapped and one port bound, or neither.
    const less = before.maps - now.maps;
    expect([less, before.ports - now.ports], `after try ${i}: ${type} ${who} ${where}`).toEqual([less, less]);
    expect([0, 1]).toContain(less);
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  for (const answer of ["OK\0", "EINVAL", "ENOENT"]) expect(answers.get(answer) ?? 0, answer).toBeGreaterThan(20);
  expect(ask(XS.INTRODUCE, domid, 5, port)).toBe("OK\0");
  expect(held()).toEqual(before);
  expect(await guestAsks(XS.GET_DOMAIN_PATH, `${domid}\0`)).toBe(`/local/domain/${domid}\0`);
});

it("takes orders for domains that it knows, and for dom0 none", () => {
  for (const type of [XS.RELEASE, XS.RESUME, XS.SET_TARGET]) {
    expect(ask(type, 77, 0), `${type}`).toBe("ENOENT");
    expect(ask(type, 0, 0), `${type}`).toBe("EINVAL");
  }
  expect(ask(XS.INTRODUCE, 0, 5, port)).toBe("EINVAL");
  for (const type of [XS.RESUME, XS.SET_TARGET, XS.RELEASE]) expect(ask(type, domid, 0), `${type}`).toBe("OK\0");
});

it("has no ring once its new one could not be had, and gets one again", async () => {
  const before = held();
  for (let i = 0; i < 3; i++) {
    expect(ask(XS.INTRODUCE, domid, 5, 999)).toBe("EINVAL");
    expect(held()).toEqual({ maps: before.maps - 1, ports: before.ports - 1 });
    expect(ask(XS.IS_DOMAIN_INTRODUCED, domid)).toBe("F\0");
    expect(ask(XS.RELEASE, domid)).toBe("ENOENT");
  }
  expect(ask(XS.INTRODUCE, domid, 5, port)).toBe("OK\0");
  expect(held()).toEqual(before);
  expect(await guestAsks(XS.IS_DOMAIN_INTRODUCED, `${domid}\0`)).toBe("T\0");
});

it("touches a page no more that it has let go of: events that wait, and a reconnection asked for in it", async () => {
  expect(await guestAsks(XS.WATCH, `/local/domain/${domid}/data\0token\0`)).toBe("OK\0");
  page[RSP_CONS] = page[RSP_PROD]!;
  // The event would be sent a moment later. Before that, the domain goes, and its page belongs to somebody else.
  host.store.write(`/local/domain/${domid}/data/x`, "1");
  expect(ask(XS.RELEASE, domid)).toBe("OK\0");
  bytes.fill(0x5a);
  page[CONNECTION] = 1;
  const others = Buffer.from(bytes);
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  expect(Buffer.compare(bytes, others)).toBe(0);
});

it("reads no more requests from it either, though there were more than are taken in one go", async () => {
  const empty = RingClient.encode(XS.READ, "");
  const fill = (): void => {
    for (const byte of Buffer.concat(Array.from({ length: 64 }, () => empty))) {
      bytes[(page[REQ_PROD]! >>> 0) % 1024] = byte;
      page[REQ_PROD] = page[REQ_PROD]! + 1;
    }
  };
  fill();
  host.xen.guestNotify(domid, port);
  host.events.deliver();
  // All of them were answered, and xenstored means to look again.
  expect(page[REQ_CONS]).toBe(page[REQ_PROD]);
  expect(ask(XS.RELEASE, domid)).toBe("OK\0");
  fill();
  page[CONNECTION] = 1;
  const others = Buffer.from(bytes);
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  expect(Buffer.compare(bytes, others)).toBe(0);
});
