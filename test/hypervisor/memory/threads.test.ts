import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { DOM0, Host, PvDomain, SELF, destroy, dom0Page } from "./host.ts";

const CALLS = 60_000;

async function hammer(host: Host, runs: { domain: PvDomain; other: PvDomain; args: number }[]): Promise<void> {
  const workers = runs.map(
    ({ domain, other, args }, i) =>
      new Worker(new URL("hammer.mjs", import.meta.url), {
        workerData: {
          memory: host.memory,
          module: host.module,
          pcpu: i + 1,
          versions: host.core.codeVersionTable(),
          flags: host.core.codeFlagTable(),
          frames: 64 * 256,
          domid: domain.domid,
          otherDomid: other.domid,
          mfns: domain.mfns,
          otherMfns: other.mfns,
          args,
          calls: CALLS,
          seed: 77 + i,
        },
      }),
  );
  const answers = await Promise.all(
    workers.map(async (worker) => (await once(worker, "message"))[0] as Map<bigint, number>),
  );
  await Promise.all(workers.map((worker) => worker.terminate()));
  for (const answer of answers)
    expect(answer.get(0n) ?? 0, JSON.stringify([...answer].map(String))).toBeGreaterThan(CALLS / 10);
}

/**
 * Two threads do what give-and-take.mjs calls `works`, each with the frames of its domain, many times at the same time. Returns what came of each.
 */
async function beside(
  host: Host,
  domains: readonly PvDomain[],
  works: readonly string[],
  wanted: number,
): Promise<{ failed: number; meetings: number }[]> {
  const shared = new Int32Array(new SharedArrayBuffer(12));
  host.core.setPcpus(3);
  const workers = works.map(
    (work, i) =>
      new Worker(new URL("give-and-take.mjs", import.meta.url), {
        workerData: {
          memory: host.memory,
          module: host.module,
          pcpu: i + 1,
          versions: host.core.codeVersionTable(),
          flags: host.core.codeFlagTable(),
          frames: 64 * 256,
          domid: domains[i]!.domid,
          page: domains[i]!.address(5 + i),
          va: domains[i]!.va(5 + i),
          work,
          wanted,
          most: 20 * wanted,
          shared,
        },
      }),
  );
  const answers = await Promise.all(workers.map(async (worker) => (await once(worker, "message"))[0]));
  await Promise.all(workers.map((worker) => worker.terminate()));
  return answers;
}

/** Grants frames 12 to 19 of `from` to `to` by the references 8 to 15. */
function grantSome(host: Host, from: PvDomain, to: PvDomain): void {
  from.grantOp(2, (op) => {
    host.set16(op, SELF);
    host.set32(op + 4, 1);
    host.set64(op + 16, from.va(7));
  });
  const table = Number(host.get64(from.address(7))) * 4096;
  for (let ref = 8; ref < 16; ref++) {
    host.set32(table + ref * 8 + 4, from.mfns[ref + 4]!);
    host.set16(table + ref * 8 + 2, to.domid);
    host.set16(table + ref * 8, 1);
  }
}

test("two pCPUs at once, on two domains that map each other's frames, then on one", async () => {
  const host = await Host.boot(64);
  const { core } = host;
  dom0Page(host);
  const a = new PvDomain(host, 1, 40);
  const b = new PvDomain(host, 2, 40);
  grantSome(host, a, b);
  grantSome(host, b, a);
  await hammer(host, [
    { domain: a, other: b, args: 5 },
    { domain: b, other: a, args: 5 },
  ]);
  core.become(DOM0);
  expect(core.checkMemory(), host.log()).toBe(0);
  await hammer(host, [
    { domain: a, other: b, args: 5 },
    { domain: a, other: b, args: 6 },
  ]);
  core.become(DOM0);
  expect(core.checkMemory(), host.log()).toBe(0);
  core.dropVcpu(1);
  while (core.relinquishMemory(1));
  destroy(host, 2);
  expect(core.memoryDomainGone(1)).toBe(1);
  core.forgetDomain(1);
  expect(core.checkMemory(), host.log()).toBe(0);
}, 120_000);

/**
 * What each row tests: the lock in the functions that stand after the colon. With one lock taken out at a time, its row failed in at least 9 of 10
 * runs. The numbers of meetings are chosen so that this is the case.
 * - take, take: reserve, assign, freeLastReference, detachBlock, giveBlock
 * - take, exchange: stealPage
 * - take, undo: returnStolenPage
 * - take, claim: setClaim, the domain's lock
 * - claim, claim: setClaim, the heap's lock
 * - take claimed, claim: growClaim
 * - try to take, limit: setMaxPages
 * - keep a table, keep a table: the locks of kept tables, where one is listed and where one is given up
 * - set the map, read the map: the lock of the memory map, where it is set and where it is read
 */
test.each([
  ["take", "take", "one domain", 100_000],
  ["take", "exchange", "one domain", 150_000],
  ["take", "undo", "one domain", 100_000],
  ["take", "claim", "one domain", 100_000],
  ["claim", "claim", "two domains", 150_000],
  ["take claimed", "claim", "two domains", 200_000],
  ["try to take", "limit", "one domain", 150_000],
  ["keep a table", "keep a table", "one domain", 20_000],
  ["set the map", "read the map", "one domain", 20_000],
] as const)(
  "two pCPUs at once, one to %s and one to %s, of %s: lists, numbers of frames, claims and limits stay right",
  async (one, other, of, wanted) => {
    const host = await Host.boot(64);
    const { core } = host;
    dom0Page(host);
    const domains = [1, 2].map((domid) => new PvDomain(host, domid, 40));
    const frames = domains.map(({ domid }) => core.totPages(domid));
    const taking = of === "one domain" ? [domains[0]!, domains[0]!] : domains;
    for (const { domid } of domains) core.setMaxPages(domid, 1000);
    for (const { failed, meetings } of await beside(host, taking, [one, other], wanted)) {
      expect(failed).toBe(0);
      expect(meetings).toBeGreaterThan(0);
    }
    core.become(DOM0);
    expect(domains.map(({ domid }) => core.totPages(domid))).toEqual(frames);
    expect(core.checkMemory(), host.log()).toBe(0);
    for (const { domid } of domains) destroy(host, domid);
    expect(core.checkMemory(), host.log()).toBe(0);
  },
  120_000,
);

/**
 * Without either of the two locks that the walk along the domain's frames takes, the walk ends too early within less than a hundred rounds, and
 * frames are left.
 */
test("a domain is taken apart while another pCPU gives its frames back: nothing of it stays", async () => {
  const host = await Host.boot(128);
  const { core } = host;
  dom0Page(host);
  const [DOMID, COUNT, MEETINGS, MOST] = [3, 300, 600, 3000];
  const [begin, end, given, names] = [0, 1, 2, 3];
  const shared = new Int32Array(new SharedArrayBuffer((names + COUNT) * 4));
  core.setPcpus(2);
  const worker = new Worker(new URL("give-back.mjs", import.meta.url), {
    workerData: {
      memory: host.memory,
      module: host.module,
      versions: core.codeVersionTable(),
      flags: core.codeFlagTable(),
      frames: 128 * 256,
      domid: DOMID,
      shared,
      begin,
      end,
      names,
      count: COUNT / 2,
    },
  });
  await once(worker, "message");
  let meetings = 0;
  for (let round = 1; round <= MOST && meetings < MEETINGS; round++) {
    if (!core.makeDomain(DOMID, 2, COUNT)) throw new Error("no memory for the domain");
    const mfns = Array.from({ length: COUNT }, () => core.allocDomheapPages(0, DOMID));
    // Half of the frames, in the order of the domain's list, so in the direction of the walk. The walk has to find the others.
    shared.set(mfns.reverse().slice(0, COUNT / 2), names);
    core.become(DOM0);
    core.dropVcpu(DOMID);
    Atomics.store(shared, begin, round);
    for (let calls = 0; core.relinquishMemory(DOMID); calls++) if (calls > 100) throw new Error("it does not end");
    while (Atomics.load(shared, end) !== round);
    expect(core.memoryDomainGone(DOMID), `${core.totPages(DOMID)} frames stay, round ${round}`).toBe(1);
    core.forgetDomain(DOMID);
    if (shared[given]! > 0 && shared[given]! < COUNT / 2) meetings++;
  }
  Atomics.store(shared, begin, -1);
  await once(worker, "message");
  await worker.terminate();
  expect(meetings, "rounds in which both gave frames back").toBeGreaterThan(0);
  expect(core.checkMemory(), host.log()).toBe(0);
}, 120_000);
