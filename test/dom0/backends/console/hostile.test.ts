/**
 * A console frontend that wants to do harm: 50,000 writes of indices and bytes, most of them spoiled, into the ring of a domain's first console and
 * into that of a channel, whose states come in any order and whose page is given away. It must hurt only its own consoles. XENARIUM_SEED=n tries
 * others, XENARIUM_TRIES=n more of them.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GNTTAB_RESERVED_CONSOLE } from "../../../../core/abi/grant_table.ts";
import { InputQueue } from "../../../../core/dom0/backends/console/input-queue.ts";
import { DEVICE_KINDS } from "../../../../core/dom0/backends/kinds.ts";
import { pvElf } from "../../elf-files.ts";
import { HandFrontend } from "../../xenbus/frontend.ts";
import { fakeHost, type FakeHost } from "../../xenbus/host.ts";
import { seeded } from "../../../random.ts";

const SEED = Number(process.env.XENARIUM_SEED ?? 20261130);
const TRIES = Number(process.env.XENARIUM_TRIES ?? 50_000);
/** Of struct xencons_interface. */
const [IN, OUT, IN_CONS, IN_PROD, OUT_CONS, OUT_PROD, END] = [0, 1024, 3072, 3076, 3080, 3084, 3088];
/** What the host keeps of a console. */
const LOG_BYTES = 4096;

let host: FakeHost;
let random: (below: number) => number;
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const ask = <T>(name: Parameters<FakeHost["service"]["handle"]>[0], args: object): Promise<T> =>
  host.service.handle(name, args) as Promise<T>;

/** A console's ring as the guest has it. */
class GuestRing {
  readonly page: Buffer;
  readonly notify: () => void;

  constructor(address: number, notify: () => void) {
    this.page = host.xen.bytes(address, 4096);
    this.notify = notify;
  }
  get(at: number): number {
    return this.page.readUInt32LE(at);
  }
  set(at: number, value: number): void {
    this.page.writeUInt32LE(value >>> 0, at);
  }
  /** Writes as a guest that behaves does. */
  write(text: string): void {
    const from = this.get(OUT_PROD);
    for (let i = 0; i < text.length; i++) this.page[OUT + (((from + i) >>> 0) % 2048)] = text.charCodeAt(i);
    this.set(OUT_PROD, from + text.length);
    this.notify();
  }
  /** Reads all that was typed. */
  read(): string {
    let text = "";
    for (let at = this.get(IN_CONS); at !== this.get(IN_PROD); at = (at + 1) >>> 0)
      text += String.fromCharCode(this.page[IN + (at % 1024)]!);
    this.set(IN_CONS, this.get(IN_PROD));
    this.notify();
    return text;
  }
}

async function guest(name: string): Promise<number> {
  const config = `name = "${name}"\nkernel = "k"\nmemory = 8\nchannel = ["name=c,connection=pty"]\n`;
  return (await ask<{ domid: number }>("create", { config, files: { k: pvElf() } })).domid;
}
/** The ring that the toolstack has set up, of a domain of any type. */
function firstConsole(domid: number): GuestRing {
  const grant = host.xen.domains.get(domid)!.grantFrame * 4096 + 8 * GNTTAB_RESERVED_CONSOLE;
  const port = Number(host.store.read(`/local/domain/${domid}/console/port`));
  const ring = new GuestRing(host.xen.view.getUint32(grant + 4, true) * 4096, () => host.xen.guestNotify(domid, port));
  // Near its end, so that the indices soon begin again at 0.
  for (const at of [IN_CONS, IN_PROD, OUT_CONS, OUT_PROD]) ring.set(at, 2 ** 32 - 300);
  return ring;
}
async function log(domid: number, console = 0): Promise<string> {
  const { log: bytes } = await ask<{ log: Uint8Array }>("consoleAttach", { domid, console });
  await ask("consoleDetach", { domid, console });
  expect(bytes.length).toBeLessThanOrEqual(console === 0 ? LOG_BYTES : 64 << 10);
  return Buffer.from(bytes).toString("latin1");
}

beforeEach(() => {
  const next = seeded(SEED);
  random = (below) => Math.floor(next() * below);
  host = fakeHost(DEVICE_KINDS);
});
afterEach(() => host.events.stop());

const NUMBERS = [0, 1, 1023, 1024, 1025, 2047, 2048, 2049, 4096, 2 ** 31, 2 ** 32 - 1, 2 ** 32 - 2048, 2 ** 32 - 2049];
const any = (): number => (random(2) ? pick(NUMBERS) : random(2 ** 32));

const HARM: ((ring: GuestRing) => void)[] = [
  (ring) => ring.set(OUT_PROD, any()),
  (ring) => ring.set(OUT_CONS, any()),
  (ring) => ring.set(IN_PROD, any()),
  (ring) => ring.set(IN_CONS, any()),
  // Forward, back, as far as the ring is and one byte farther, from wherever it is.
  (ring) => ring.set(OUT_PROD, ring.get(OUT_CONS) + pick([1, 2047, 2048, 2049, -1, -2048])),
  (ring) => ring.set(IN_CONS, ring.get(IN_PROD) - pick([0, 1, 1023, 1024, 1025, -1, -1024])),
  (ring) => ring.set(OUT_CONS, ring.get(OUT_CONS) - random(4096)),
  (ring) => ring.set(IN_PROD, ring.get(IN_PROD) + random(4096)),
  (ring) => void ring.page.fill(random(256), OUT, IN_CONS),
  (ring) => ring.write("\x1b[2J\0\xff".repeat(random(300))),
];

describe("a hostile console frontend", () => {
  it(
    `hurts its own consoles only (seed ${SEED}, ${TRIES} writes)`,
    async () => {
      const [domid, siblingDomid] = [await guest("hostile"), await guest("sibling")];
      const [own, sibling] = [firstConsole(domid), firstConsole(siblingDomid)];
      const front = new HandFrontend(host.xen, host.hypercalls, host.store, domid, "console/1", { first: 1 });
      const state = (): string | null => host.store.read(`/local/domain/0/backend/console/${domid}/1/state`);
      const page = front.pages[0]!;
      const channel = new GuestRing(page, () => host.xen.guestNotify(domid, front.port));
      const grant = host.xen.domains.get(domid)!.grantFrame * 4096 + 8 * front.refs[0]!;
      const reach = async (wanted: RegExp): Promise<void> => {
        await expect.poll(() => state() ?? "", { interval: 1, timeout: 20_000 }).toMatch(wanted);
      };
      /** Connects the channel anew, whatever its state is, with what the frontend says of itself spoiled. */
      const connect = async (nodes: Record<string, string | number> = {}): Promise<void> => {
        if (state() !== "2") {
          front.state(6);
          await reach(/6/);
          front.state(1);
          await reach(/2/);
        }
        host.xen.view.setUint32(grant + 4, page / 4096, true);
        host.xen.view.setUint16(grant, 1, true);
        front.port = host.hypercalls.ports.allocUnbound(domid, 0);
        host.store.writeAll(front.path, { "ring-ref": front.refs[0]!, port: front.port, ...nodes, state: 3 });
        await reach(/[45]/);
      };
      await reach(/2/);
      await connect();
      // Its own memory beside the rings, and the sibling's, must not change; nor may the rings' pages behind the indices.
      const frames = (of: number): number[] => [...host.xen.domains.get(of)!.frames].map((mfn) => mfn * 4096);
      const rings = new Set([own, channel, sibling].map((ring) => ring.page.byteOffset));
      const secret = [...frames(domid).slice(0, 60), ...frames(siblingDomid)].filter((at) => !rings.has(at));
      const before = secret.map((address) => Buffer.from(host.xen.bytes(address, 4096)));
      for (const ring of [own, channel]) ring.page.fill(0xa5, END);
      const maps = host.xen.grantMaps.size;
      let [heard, typed, refused, reconnected, given] = ["", 0, 0, 0, 0];
      for (let made = 0; made < TRIES;) {
        const ring = pick([own, channel]);
        const batch = 1 + random(40);
        for (let i = 0; i < batch; i++, made++) pick(HARM)(ring);
        ring.notify();
        const bytes = Buffer.alloc(pick([1, 7, 1024, 5000]), "t");
        await ask("consoleInput", { domid, bytes, console: ring === own ? 0 : 1 }).then(
          () => (typed += bytes.length),
          (error: unknown) => expect(error).toMatchObject({ code: "EPIPE" }),
        );
        await turn();
        if (random(30) === 0) {
          // The states come in an order that no driver has, or are no states at all.
          for (let i = random(6); i >= 0; i--)
            if (random(8))
              host.store.write(
                `${front.path}/state`,
                pick(["0", "1", "2", "3", "4", "5", "6", "7", "9", "", "x\0", "-1"]),
              );
            else host.store.remove(`${front.path}/state`);
          if (random(2)) await turn();
        }
        if (random(20) === 0) {
          await connect(pick([{}, {}, { port: "x" }, { port: any() }, { "ring-ref": 500 }, { "ring-ref": any() }]));
          if (state() !== "4") {
            refused++;
            expect(host.xen.grantMaps.size).toBe(maps - 1);
            await connect();
          }
          expect(state()).toBe("4");
          expect(host.xen.grantMaps.size).toBe(maps);
          reconnected++;
        }
        if (random(50) === 0) {
          // The page is withdrawn, or another frame is granted in its place, or a frame that is not its own.
          const other = pick([page, secret[0]!, secret.at(-1)!]) / 4096;
          host.xen.view.setUint32(grant + 4, other, true);
          host.xen.view.setUint16(grant, random(2), true);
          given++;
        }
        if (random(40) === 0) {
          const word = `line ${made}\n`;
          sibling.write(word);
          heard += word;
          await ask("consoleInput", { domid: siblingDomid, bytes: Buffer.from(word) });
          await turn();
          await expect.poll(() => sibling.read(), { interval: 1 }).toBe(word);
          heard = heard.slice(-LOG_BYTES);
          await expect.poll(() => log(siblingDomid), { interval: 1 }).toBe(heard);
          await log(domid);
        }
      }
      expect([reconnected, refused, given].map((count) => count > TRIES / 5000)).toEqual([true, true, true]);
      expect(typed).toBeGreaterThan(TRIES);
      for (const ring of [own, channel]) expect(ring.page.subarray(END).every((byte) => byte === 0xa5)).toBe(true);
      secret.forEach((address, i) => expect(host.xen.bytes(address, 4096).equals(before[i]!)).toBe(true));
      // It can mend its own console by indices that can be, and the console goes on.
      for (const at of [IN_CONS, IN_PROD, OUT_CONS, OUT_PROD]) own.set(at, 7);
      own.write("mended");
      await expect.poll(() => log(domid)).toMatch(/mended$/);
      for (const each of [domid, siblingDomid]) await ask("destroy", { domid: each });
      await expect.poll(() => host.xen.grantMaps.size).toBe(0);
    },
    60_000 + TRIES,
  );
});

it("what is typed byte by byte for a guest that takes nothing is kept in no more room than all at once", () => {
  const queue = new InputQueue(1 << 20);
  const used = (): number => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  const before = used();
  const byte = new Uint8Array(1);
  let isKept = true;
  for (let i = 0; i < 1 << 20; i++) {
    byte[0] = i & 0xff;
    isKept &&= queue.add(byte);
  }
  expect(isKept).toBe(true);
  expect(used() - before).toBeLessThan(32 << 20);
  expect(queue.add(byte)).toBe(false);
  let at = 0;
  for (const sizes = [1, 1000, 16384, 5]; queue.length > 0; at++) {
    const front = queue.front();
    const count = Math.min(front.length, sizes[at % sizes.length]!);
    queue.remove(count);
  }
  expect(queue.add(Uint8Array.of(1, 2, 3))).toBe(true);
  expect([...queue.front()]).toEqual([1, 2, 3]);
});
