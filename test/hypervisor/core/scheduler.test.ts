import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import * as stats from "../../../core/hypervisor/abi/native.ts";
import * as layout from "../../../core/machine/layout.ts";
import { attachDom0, compileCore, Machine, type Dom0 } from "./machine.ts";
import { makeSpinner } from "./spinner.ts";

let machine: Machine;
let dom0: Dom0;

async function powerOn(weakOrder: boolean): Promise<void> {
  machine = new Machine(await compileCore(), { pcpus: 2, weakOrder });
  await machine.stage(layout.BOOT_STAGE_DOM0_BUILT);
  dom0 = attachDom0(machine);
}

afterEach(() => {
  const log = dom0.calls.host.readConsole(true);
  expect(log).not.toContain("crashed");
  for (const { domid } of dom0.calls.host.listDomains()) if (domid) dom0.calls.domains.destroy(domid);
  expect(dom0.core.check_invariants()).toBe(0);
});

async function powerOff(): Promise<void> {
  await machine.off();
  expect(machine.errors).toEqual([]);
}

function cpuTime(domid: number, vcpus: number): number {
  let sum = 0;
  for (let i = 0; i < vcpus; i++) sum += dom0.calls.vcpus.info(domid, i).cpuTime;
  return sum;
}

const now = (): number => Number(process.hrtime.bigint() - machine.base);

/** Returns the addresses of the domain's vCPUs, as watchers find them. */
function vcpusOf(domid: number, vcpus: number): number[] {
  const { physical } = dom0;
  const area = Number(dom0.core.native_hypercall(55, BigInt(stats.NATIVE_statistics), 0n, 0n, 0n, 0n));
  for (let at = physical.get32(area + stats.STATISTICS_DOMAINS); at; at = physical.get32(at + stats.DOMAIN_NEXT))
    if (physical.get32(at + stats.DOMAIN_DOMID) === domid)
      return Array.from({ length: vcpus }, (_, i) => physical.get32(physical.get32(at + stats.DOMAIN_VCPUS) + 4 * i));
  throw new Error(`watchers see no domain ${domid}`);
}

/** Nanoseconds on both pCPUs, which are enough for anything that is under way to end. */
const MOMENT = 50e6;

interface Times {
  /** Nanoseconds on a pCPU, and nanoseconds spent waiting for one. Together they are the time that it wanted to run. */
  running: number;
  runnable: number;
}
/** Returns the vCPU's runstate counters, brought up to date for its present state. */
function timesOf(vcpu: number): Times {
  const { physical } = dom0;
  for (;;) {
    const since = physical.get64(vcpu + stats.VCPU_RUNSTATE_SINCE);
    const state = physical.get32(vcpu + stats.VCPU_RUNSTATE);
    const [running, runnable] = [0, 1].map(
      (each) =>
        Number(physical.get64(vcpu + stats.VCPU_RUNSTATE_TIMES + 8 * each)) +
        (each === state ? now() - Number(since) : 0),
    );
    if (physical.get64(vcpu + stats.VCPU_RUNSTATE_SINCE) === since) return { running: running!, runnable: runnable! };
  }
}

/** Waits until `condition` holds. After 20 s it throws an error that names `what`. */
async function until(what: string, condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !condition();) {
    if (Date.now() > end) throw new Error(`${what} did not come in 20 s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * Measures what each vCPU of each domain got while all of them wanted to run for `ms` milliseconds, from the time when all had run. It uses the
 * hypervisor's own counters: other load on this machine delays pCPUs and this thread, but takes from no vCPU what another has.
 */
async function measure(domains: readonly (readonly [domid: number, vcpus: number])[], ms: number): Promise<Times[][]> {
  const addresses = domains.map(([domid, vcpus]) => vcpusOf(domid, vcpus));
  for (const [domid] of domains) dom0.calls.domains.unpause(domid);
  const wanted = ({ running, runnable }: Times): number => running + runnable;
  await until("the first run of each vCPU", () => addresses.flat().every((vcpu) => timesOf(vcpu).running > 0));
  const before = addresses.map((vcpus) => vcpus.map(timesOf));
  await until(`${ms} ms of each vCPU`, () =>
    addresses.every((vcpus, d) => vcpus.every((vcpu, i) => wanted(timesOf(vcpu)) - wanted(before[d]![i]!) >= ms * 1e6)),
  );
  const after = addresses.map((vcpus) => vcpus.map(timesOf));
  for (const [domid] of domains) dom0.calls.domains.pause(domid);
  return after.map((vcpus, d) =>
    vcpus.map(({ running, runnable }, i) => ({
      running: running - before[d]![i]!.running,
      runnable: runnable - before[d]![i]!.runnable,
    })),
  );
}

const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);
const running = (vcpus: Times[]): number => sum(vcpus.map((each) => each.running));
/** The share of the time that a vCPU wanted to run in which it ran. */
const share = (vcpu: Times): number => vcpu.running / (vcpu.running + vcpu.runnable);

describe("credit scheduler on 2 pCPUs", () => {
  beforeAll(() => powerOn(false));
  afterAll(powerOff);

  it("gives a lone vCPU a whole pCPU, two both", async () => {
    const [one] = await measure([[makeSpinner(dom0, { vcpus: 1 }), 1]], 400);
    expect(share(one![0]!)).toBeGreaterThan(0.95);
    const [two] = await measure([[makeSpinner(dom0, { vcpus: 2 }), 2]], 400);
    for (const vcpu of two!) expect(share(vcpu)).toBeGreaterThan(0.95);
  });

  it("divides by weight", async () => {
    const light = makeSpinner(dom0, { vcpus: 2, weight: 256 });
    const heavy = makeSpinner(dom0, { vcpus: 2, weight: 512 });
    const [a, b] = await measure(
      [
        [light, 2],
        [heavy, 2],
      ],
      2000,
    );
    // Four vCPUs that want to run all the time have two pCPUs, so together they get half of it.
    expect(sum([...a!, ...b!].map(share)) / 4).toBeGreaterThan(0.46);
    const ratio = running(b!) / running(a!);
    expect(ratio).toBeGreaterThan(1.5);
    expect(ratio).toBeLessThan(2.6);
  });

  it("holds a cap even when nobody else wants the pCPU", async () => {
    const [capped] = await measure([[makeSpinner(dom0, { vcpus: 1, cap: 25 }), 1]], 1500);
    expect(share(capped![0]!)).toBeGreaterThan(0.15);
    expect(share(capped![0]!)).toBeLessThan(0.35);
  });

  it("runs pinned vCPUs where they may run, in turns", async () => {
    const domains = [1, 2, 3].map(() => [makeSpinner(dom0, { vcpus: 1, pcpus: 2 }), 1] as const);
    const got = (await measure(domains, 900)).map(([vcpu]) => share(vcpu!));
    for (const each of got) expect(each).toBeGreaterThan(0.2);
    expect(sum(got)).toBeLessThan(1.1);
    for (const [domid] of domains) expect(dom0.calls.vcpus.info(domid, 0).cpu).toBe(1);
  });

  it("runs more vCPUs than pCPUs, all of them", async () => {
    const [vcpus] = await measure([[makeSpinner(dom0, { vcpus: 8 }), 8]], 1000);
    for (const vcpu of vcpus!) expect(vcpu.running).toBeGreaterThan((0.4 * running(vcpus!)) / 8);
  });

  it("pause stops it at once and for good; destroy of a running domain works", async () => {
    const domid = makeSpinner(dom0, { vcpus: 2 });
    const other = makeSpinner(dom0, { vcpus: 2 });
    const runs = async (of: number): Promise<void> => {
      const ran = (): number => running(vcpusOf(of, 2).map(timesOf));
      const from = ran();
      await until(`a run of domain ${of}`, () => ran() > from + MOMENT);
    };
    dom0.calls.domains.unpause(domid);
    await runs(domid);
    dom0.calls.domains.pause(domid);
    const then = cpuTime(domid, 2);
    // The pCPUs go on. What ran there before runs no more.
    dom0.calls.domains.unpause(other);
    await runs(other);
    expect(cpuTime(domid, 2)).toBe(then);
    dom0.calls.domains.unpause(domid);
    await runs(domid);
    dom0.calls.domains.destroy(domid);
    dom0.calls.domains.destroy(other);
    expect(dom0.calls.domains.info(domid)).toBeNull();
  });

  it("shows watchers what runs", async () => {
    const domid = makeSpinner(dom0, { vcpus: 1 });
    const { physical } = dom0;
    const [vcpu] = vcpusOf(domid, 1) as [number];
    dom0.calls.domains.unpause(domid);
    await expect
      .poll(() => Number(physical.get64(vcpu + stats.VCPU_RETIRED)), { timeout: 10_000 })
      .toBeGreaterThan(10_000);
    const area = Number(dom0.core.native_hypercall(55, BigInt(stats.NATIVE_statistics), 0n, 0n, 0n, 0n));
    expect(physical.get32(area + stats.STATISTICS_MAGIC)).toBe(stats.STATISTICS_MAGIC_VALUE);
    expect(physical.get32(area + stats.STATISTICS_PCPUS)).toBe(2);
    const found: number[] = [];
    for (let at = physical.get32(area + stats.STATISTICS_DOMAINS); at; at = physical.get32(at + stats.DOMAIN_NEXT))
      found.push(physical.get32(at + stats.DOMAIN_DOMID));
    expect(found).toEqual([0, domid]);
    expect(physical.get32(vcpu + stats.VCPU_DOMID)).toBe(domid);
    expect(physical.get32(vcpu + stats.VCPU_RUNSTATE)).toBe(0);
    const table = physical.get32(area + stats.STATISTICS_PCPU_TABLE);
    const stride = physical.get32(area + stats.STATISTICS_PCPU_STRIDE);
    const current = [0, 1].map((id) => physical.get32(table + id * stride + stats.PCPU_CURRENT));
    expect(current).toContain(vcpu);
  });
});

describe("credit scheduler where memory order is weak", () => {
  beforeAll(() => powerOn(true));
  afterAll(powerOff);

  it("runs vCPUs of one domain in turns, those of two at once", async () => {
    const domains = [1, 2].map(() => [makeSpinner(dom0, { vcpus: 2 }), 2] as const);
    const got = await measure(domains, 900);
    for (const vcpus of got) {
      expect(sum(vcpus.map(share))).toBeGreaterThan(0.9);
      expect(sum(vcpus.map(share))).toBeLessThan(1.1);
    }
    const places = domains.map(([domid]) => [0, 1].map((vcpu) => dom0.calls.vcpus.info(domid, vcpu).cpu));
    for (const [domid, place] of domains.map(([id], i) => [id, places[i]!] as const))
      expect(place).toEqual([domid % 2, domid % 2]);
  });
});
