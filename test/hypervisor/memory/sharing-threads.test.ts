/** Threads that write and read as vCPUs do, while the memory of their domains is shared and made apart. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { beforeAll, expect, test } from "vitest";
import { XENMEM_decrease_reservation } from "../../../core/abi/memory.ts";
import { DOM0, Host } from "./host.ts";
import { PvhDomain } from "./pvh-domain.ts";
import { checked, copyOf, read, write } from "./shared.ts";

beforeAll(() => Host.boot(64), 300_000);

/** Threads that write as vCPUs of domains do (share-and-write.mjs): how often each asked for a frame of its own. */
async function beside(
  host: Host,
  work: () => void,
  writers: readonly { domid: number; gfn: number; seen?: Int32Array }[],
): Promise<number[]> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  host.core.setPcpus(1 + writers.length);
  const workers = writers.map(
    (writer, i) =>
      new Worker(new URL("share-and-write.mjs", import.meta.url), {
        workerData: {
          memory: host.memory,
          module: host.module,
          pcpu: i + 1,
          versions: host.core.codeVersionTable(),
          flags: host.core.codeFlagTable(),
          frames: 64 * 256,
          stop,
          ...writer,
        },
      }),
  );
  const ended = workers.map(async (worker) => (await once(worker, "message"))[0] as number);
  await Promise.all(workers.map((worker) => once(worker, "online")));
  // Until all do what they do.
  for (const { domid, gfn, seen } of writers) {
    while (seen && Atomics.load(seen, 1) === 0) await new Promise(setImmediate);
    if (seen) continue;
    const at = (): number => Number((host.core.secondStage(domid, BigInt(gfn)) & 0xffffffffff000n) / 4n);
    while (Atomics.load(new Int32Array(host.memory.buffer), at()) === 0) await new Promise(setImmediate);
  }
  try {
    work();
  } finally {
    Atomics.store(stop, 0, 1);
  }
  const faults = await Promise.all(ended);
  await Promise.all(workers.map((worker) => worker.terminate()));
  return faults;
}

test("vCPUs that write while they are copied write to nothing that a copy has", async () => {
  const host = await Host.boot(64);
  const a = new PvhDomain(host, 1);
  const { core } = host;
  const words = new Int32Array(host.memory.buffer);
  const wordOf = (domid: number, gfn: bigint): number =>
    Atomics.load(words, Number((core.secondStage(domid, gfn) & 0xffffffffff000n) / 4n));
  // Who writes to 20 and 21 is given the frames after them too, and a copy that is made meanwhile has what they have.
  const after = Array.from({ length: 30 }, (_, i) => BigInt(22 + i));
  for (const gfn of after) write(a, gfn, Number(gfn) + 1000);
  const next = 2;
  const faults = await beside(host, () => {
    for (let round = 0; round < 150; round++) {
      const copy = copyOf(host, a, next);
      expect(after.map((gfn) => (copy.entry(gfn) & 1n ? read(copy, gfn) : 0))).toEqual(
        after.map((gfn) => Number(gfn) + 1000),
      );
      const seen = [20n, 21n].map((gfn) => wordOf(copy.domid, gfn));
      for (let looks = 0; looks < 200; looks++) expect([20n, 21n].map((gfn) => wordOf(copy.domid, gfn))).toEqual(seen);
      copy.destroy();
    }
  }, [
    { domid: 1, gfn: 20 },
    { domid: 1, gfn: 21 },
  ]);
  // They met what was shared again and again.
  for (const each of faults) expect(each).toBeGreaterThan(20);
  checked(host);
  a.destroy();
  checked(host);
}, 120_000);

test("a vCPU reads what another of its domain has written to what was shared", async () => {
  const host = await Host.boot(64);
  const { core } = host;
  const a = new PvhDomain(host, 1);
  const b = new PvhDomain(host, 2);
  const words = new Int32Array(host.memory.buffer);
  const seen = new Int32Array(new SharedArrayBuffer(8));
  const until = (done: () => boolean): boolean => {
    for (const end = Date.now() + 10_000; !done();) if (Date.now() > end) return false;
    return true;
  };
  await beside(host, () => {
    for (let round = 1; round <= 100; round++) {
      expect(b.reserve(XENMEM_decrease_reservation, 20n)).toBe(1n);
      core.become(DOM0);
      expect(core.shareable(1, 20n, 1)).toBe(0);
      expect(core.copyDomain(1, 2, 20n, 1)).toBe(0);
      // It has read by what is shared.
      const before = Atomics.load(seen, 1);
      expect(until(() => Atomics.load(seen, 1) > before + 2)).toBe(true);
      expect(core.writeFault(1, 20n)).toBe(0);
      Atomics.store(words, a.mfn(20n) * 1024, round);
      expect(
        until(() => Atomics.load(seen, 0) === round),
        `round ${round}`,
      ).toBe(true);
    }
  }, [{ domid: 1, gfn: 20, seen }]);
  checked(host);
  for (const d of [a, b]) d.destroy();
  checked(host);
}, 120_000);

test("a pCPU that still reads what another domain had shared reads nothing that its new owner writes", async () => {
  const host = await Host.boot(64);
  const { core } = host;
  const a = new PvhDomain(host, 1);
  copyOf(host, a, 2);
  const words = new Int32Array(host.memory.buffer);
  const seen = new Int32Array(new SharedArrayBuffer(8));
  const SECRET = 0x5ec8e7;
  await beside(host, () => {
    const looked = (): void => {
      const before = Atomics.load(seen, 1);
      while (Atomics.load(seen, 1) <= before + 2);
    };
    looked();
    core.become(DOM0);
    core.dropVcpu(2);
    while (core.relinquishMemory(2));
    expect(core.writeFault(1, 20n)).toBe(0);
    Atomics.store(words, a.mfn(20n) * 1024, SECRET);
    looked();
    expect(Atomics.load(seen, 0)).not.toBe(SECRET);
  }, [{ domid: 2, gfn: 20, seen }]);
  core.unshareInfo(2);
  expect(core.memoryDomainGone(2)).toBe(1);
  core.forgetDomain(2);
  checked(host);
  a.destroy();
  checked(host);
}, 120_000);

test("two domains that write to what they share at the same time each have what they wrote", async () => {
  const host = await Host.boot(64);
  const { core } = host;
  const a = new PvhDomain(host, 1);
  const b = copyOf(host, a, 2);
  const words = new Int32Array(host.memory.buffer);
  const wordOf = (d: PvhDomain): number => Atomics.load(words, Number((d.entry(20n) & 0xffffffffff000n) / 4n));
  const faults = await beside(host, () => {
    // Each time the same frame is shared by both anew, as the one has it.
    for (let round = 0; round < 2000; round++) {
      core.become(DOM0);
      expect(b.reserve(XENMEM_decrease_reservation, 30n) + b.reserve(XENMEM_decrease_reservation, 31n)).toBe(2n);
      core.become(DOM0);
      expect(core.shareable(1, 20n, 20)).toBe(0);
      expect(core.copyDomain(1, 2, 30n, 2)).toBe(0);
      expect(wordOf(a)).toBeLessThan(0x40000000);
      expect(wordOf(b)).toBeGreaterThanOrEqual(0x40000000);
    }
  }, [
    { domid: 1, gfn: 20 },
    { domid: 2, gfn: 20 },
  ]);
  expect(faults[0]).toBeGreaterThan(20);
  checked(host);
  for (const d of [a, b]) d.destroy();
  checked(host);
}, 120_000);
