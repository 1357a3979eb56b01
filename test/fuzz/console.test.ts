/**
 * A hostile domain at its console's ring: all kinds of indices and bytes in both directions while somebody types. What it wrote by the rules must
 * arrive, what is kept must be bounded, and dom0 may write only where the ring's protocol says. `XENARIUM_TRIES=100000 npx vitest run
 * test/fuzz/console.test.ts`.
 */
import { afterEach, beforeEach, expect, it } from "vitest";
import { DEVICE_KINDS } from "../../core/dom0/backends/kinds.ts";
import { pvElf } from "../dom0/elf-files.ts";
import { breath } from "../breath.ts";
import { fakeHost, type FakeHost } from "../dom0/xenbus/host.ts";
import { pick, random, SEED, triesOf, type Random } from "./random.ts";

const TRIES = triesOf(2000);
/** struct xencons_interface in words, and the sizes of its buffers. */
const [IN_CONS, IN_PROD, OUT_CONS, OUT_PROD] = [3072 >> 2, 3076 >> 2, 3080 >> 2, 3084 >> 2];
const IN_SIZE = 1024;
const OUT_SIZE = 2048;
/** fakeHost has the same number. */
const LOG_BYTES = 4096;
const MOST_TYPED = 1 << 20;

let host: FakeHost;
let domid: number;
let port: number;
let page: Int32Array;
/** The ring's page, with the pages before and after it. */
let around: Buffer;
let output: Buffer[];

beforeEach(async () => {
  host = fakeHost(DEVICE_KINDS);
  const config = `name = "tiny"\nkernel = "k"\nmemory = 4\n`;
  ({ domid } = (await host.service.handle("create", { config, files: { k: pvElf() } })) as { domid: number });
  const at = Number(host.store.read(`/local/domain/${domid}/console/ring-ref`)) * 4096;
  port = Number(host.store.read(`/local/domain/${domid}/console/port`));
  page = new Int32Array(host.xen.memory.buffer, at, 1024);
  around = host.xen.bytes(at - 4096, 3 * 4096);
  output = [];
  await host.service.handle("consoleAttach", { domid });
});
afterEach(() => host.events.stop());

const log = async (): Promise<Buffer> =>
  Buffer.from(((await host.service.handle("consoleAttach", { domid })) as { log: Uint8Array }).log);
const bytesOf = (chance: Random, length: number): Buffer => {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = chance(256);
  return bytes;
};
/** Notifies dom0, which serves the ring. Returns what it did beyond what the protocol allows. */
function kick(): string[] {
  const before = Buffer.from(around);
  const heard = host.heard.length;
  host.xen.guestNotify(domid, port);
  host.events.deliver();
  for (const { event, data } of host.heard.splice(heard))
    if (event === "console") output.push(Buffer.from((data as { bytes: Uint8Array }).bytes));
  // Only its own words and the buffer of what was typed may have changed.
  for (const [from, to] of [
    [0, IN_SIZE],
    [IN_PROD * 4, IN_PROD * 4 + 4],
    [OUT_CONS * 4, OUT_CONS * 4 + 4],
  ] as const)
    around.copy(before, 4096 + from, 4096 + from, 4096 + to);
  return before.equals(around) ? [] : ["dom0 wrote where it has nothing to write"];
}

it(`is taken at its word, and no further, in ${TRIES} tries (seed ${SEED})`, async () => {
  const chance = random(SEED);
  const kinds = { written: 0, taken: 0, refused: 0, nonsense: 0 };
  /** What was typed and has not been seen in the ring. It is null after indices were spoiled, when nothing is promised. */
  let typed: Buffer | null = Buffer.alloc(0);
  let waiting = 0;
  for (let i = 0; i < TRIES; i++) {
    if (i % 1000 === 0) await breath();
    switch (chance(8)) {
      case 0: {
        // Somebody types.
        const bytes = bytesOf(chance, 1 + chance(chance(40) === 0 ? 200_000 : 300));
        try {
          await host.service.handle("consoleInput", { domid, bytes });
          typed = typed && Buffer.concat([typed, bytes]);
          waiting += bytes.length;
        } catch (error) {
          expect(String(error)).toMatch(/takes no console input/);
          kinds.refused++;
        }
        expect(waiting).toBeLessThanOrEqual(MOST_TYPED + IN_SIZE + 1);
        break;
      }
      case 1:
      case 2: {
        // The guest reads what was typed.
        const length = (page[IN_PROD]! - page[IN_CONS]!) >>> 0;
        if (length > IN_SIZE) break;
        const start = page[IN_CONS]! >>> 0;
        const got = Buffer.from(Array.from({ length }, (_, n) => around[4096 + ((start + n) % IN_SIZE)]!));
        page[IN_CONS] = page[IN_PROD]!;
        if (typed) {
          expect(got).toEqual(typed.subarray(0, length));
          typed = typed.subarray(length);
        }
        waiting = Math.max(0, waiting - length);
        kinds.taken += length;
        expect(kick()).toEqual([]);
        break;
      }
      case 3: {
        // An index that makes no sense, or that does by chance.
        const word = pick(chance, [IN_CONS, IN_PROD, OUT_CONS, OUT_PROD]);
        const saved = page[word]!;
        page[word] = pick(chance, [0, -1, 2 ** 31 - 1, -(2 ** 31), saved + 2049, saved - 1, chance(2 ** 32)]) | 0;
        if (word === IN_CONS || word === IN_PROD) {
          typed = null;
          waiting = 0;
        }
        kinds.nonsense++;
        expect(kick()).toEqual([]);
        if (chance(2)) page[word] = saved;
        if (word === OUT_CONS || word === OUT_PROD) page[OUT_CONS] = page[OUT_PROD] = chance(2 ** 32) | 0;
        break;
      }
      case 4:
        // All of the page except what the guest's own frontend keeps.
        bytesOf(chance, IN_SIZE).copy(around, 4096 + chance(IN_SIZE));
        typed = null;
        expect(kick()).toEqual([]);
        break;
      default: {
        // The guest writes by the rules.
        const length = chance(OUT_SIZE + 1);
        const bytes = bytesOf(chance, length);
        const start = page[OUT_PROD]! >>> 0;
        page[OUT_CONS] = start | 0;
        for (let n = 0; n < length; n++) around[4096 + 1024 + ((start + n) % OUT_SIZE)] = bytes[n]!;
        page[OUT_PROD] = (start + length) | 0;
        output = [];
        expect(kick()).toEqual([]);
        expect(Buffer.concat(output)).toEqual(bytes);
        expect(page[OUT_CONS]).toBe(page[OUT_PROD]);
        kinds.written += length;
        const kept = await log();
        expect(kept.length).toBeLessThanOrEqual(LOG_BYTES);
        expect(kept.subarray(Math.max(0, kept.length - length))).toEqual(
          bytes.subarray(Math.max(0, length - LOG_BYTES)),
        );
      }
    }
    if (typed === null && chance(30) === 0) {
      // A new beginning, in which the guest takes all that waits.
      page[IN_CONS] = page[IN_PROD] = chance(2 ** 32) | 0;
      for (let more = true; more;) {
        expect(kick()).toEqual([]);
        more = page[IN_PROD] !== page[IN_CONS];
        page[IN_CONS] = page[IN_PROD]!;
      }
      [typed, waiting] = [Buffer.alloc(0), 0];
    }
  }
  expect(kinds.written).toBeGreaterThan(TRIES * 100);
  expect(kinds.taken).toBeGreaterThan(TRIES);
  expect(kinds.nonsense).toBeGreaterThan(TRIES / 20);
});

it("refuses what is typed beyond 1 MiB, and keeps no more of megabytes without a line's end than it says", async () => {
  const piece = Buffer.alloc(100_000, "x");
  for (let i = 0; i < 10; i++) await host.service.handle("consoleInput", { domid, bytes: piece });
  await expect(host.service.handle("consoleInput", { domid, bytes: piece })).rejects.toThrow("1 MiB waits");
  let sum = 0;
  for (let i = 0; i < 2000; i++) {
    around.fill(97 + (i % 26), 4096 + 1024, 4096 + 1024 + OUT_SIZE);
    page[OUT_PROD] = (page[OUT_CONS]! + OUT_SIZE) | 0;
    host.xen.guestNotify(domid, port);
    host.events.deliver();
    sum += OUT_SIZE;
  }
  const { log: kept, end } = (await host.service.handle("consoleAttach", { domid })) as {
    log: Uint8Array;
    end: number;
  };
  expect(kept.length).toBe(LOG_BYTES);
  expect(end).toBe(sum);
});
