import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import * as stats from "../../../core/hypervisor/abi/native.ts";
import * as layout from "../../../core/machine/layout.ts";
import { attachDom0, compileCore, Machine, type Dom0 } from "./machine.ts";
import { makeSpinner } from "./spinner.ts";

let machine: Machine;
let dom0: Dom0;

beforeAll(async () => {
  machine = new Machine(await compileCore(), { pcpus: 2 });
  await machine.stage(layout.BOOT_STAGE_DOM0_BUILT);
  dom0 = attachDom0(machine);
});

afterEach(() => {
  const log = dom0.calls.readConsole(true);
  expect(log).not.toContain("crashed");
  for (const { domid } of dom0.calls.listDomains()) if (domid) dom0.calls.destroyDomain(domid);
  expect(dom0.core.check_invariants()).toBe(0);
});

afterAll(async () => {
  await machine.off();
  expect(machine.errors).toEqual([]);
});

function cpuTime(domid: number, vcpus: number): number {
  let sum = 0;
  for (let i = 0; i < vcpus; i++) sum += dom0.calls.vcpuInfo(domid, i).cpuTime;
  return sum;
}

/** Percent of one pCPU that each domain gets in `ms` milliseconds. */
async function shares(domains: readonly (readonly [domid: number, vcpus: number])[], ms: number): Promise<number[]> {
  for (const [domid] of domains) dom0.calls.unpauseDomain(domid);
  const before = domains.map(([domid, vcpus]) => cpuTime(domid, vcpus));
  const start = performance.now();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const elapsed = (performance.now() - start) * 1e6;
  const after = domains.map(([domid, vcpus]) => cpuTime(domid, vcpus));
  for (const [domid] of domains) dom0.calls.pauseDomain(domid);
  return after.map((time, i) => ((time - before[i]!) / elapsed) * 100);
}

// Shares are of the machine's real time: another load on it disturbs a measurement, but not several in a row.
describe("credit scheduler on 2 pCPUs", { retry: 3 }, () => {
  it("gives a lone vCPU a whole pCPU, two both", async () => {
    const [one] = await shares([[makeSpinner(dom0, { vcpus: 1 }), 1]], 400);
    expect(one).toBeGreaterThan(90);
    const [two] = await shares([[makeSpinner(dom0, { vcpus: 2 }), 2]], 400);
    expect(two).toBeGreaterThan(180);
  });

  it("divides by weight", async () => {
    const light = makeSpinner(dom0, { vcpus: 2, weight: 256 });
    const heavy = makeSpinner(dom0, { vcpus: 2, weight: 512 });
    const [a, b] = await shares(
      [
        [light, 2],
        [heavy, 2],
      ],
      2000,
    );
    expect(a! + b!).toBeGreaterThan(185);
    expect(b! / a!).toBeGreaterThan(1.5);
    expect(b! / a!).toBeLessThan(2.6);
  });

  it("holds a cap even when nobody else wants the pCPU", async () => {
    const [capped] = await shares([[makeSpinner(dom0, { vcpus: 1, cap: 25 }), 1]], 1500);
    expect(capped).toBeGreaterThan(15);
    expect(capped).toBeLessThan(35);
  });

  it("runs pinned vCPUs where they may run, in turns", async () => {
    const domains = [1, 2, 3].map(() => [makeSpinner(dom0, { vcpus: 1, pcpus: 2 }), 1] as const);
    const got = await shares(domains, 900);
    for (const share of got) expect(share).toBeGreaterThan(20);
    expect(got.reduce((a, b) => a + b)).toBeLessThan(110);
    for (const [domid] of domains) expect(dom0.calls.vcpuInfo(domid, 0).cpu).toBe(1);
  });

  it("runs more vCPUs than pCPUs, all of them", async () => {
    const domid = makeSpinner(dom0, { vcpus: 8 });
    await shares([[domid, 8]], 1000);
    for (let i = 0; i < 8; i++) expect(dom0.calls.vcpuInfo(domid, i).cpuTime).toBeGreaterThan(100e6);
  });

  it("pause stops it at once and for good; destroy of a running domain works", async () => {
    const domid = makeSpinner(dom0, { vcpus: 2 });
    dom0.calls.unpauseDomain(domid);
    await new Promise((resolve) => setTimeout(resolve, 50));
    dom0.calls.pauseDomain(domid);
    const then = cpuTime(domid, 2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(cpuTime(domid, 2)).toBe(then);
    dom0.calls.unpauseDomain(domid);
    await new Promise((resolve) => setTimeout(resolve, 20));
    dom0.calls.destroyDomain(domid);
    expect(dom0.calls.domainInfo(domid)).toBeNull();
  });

  it("shows watchers what runs", async () => {
    const domid = makeSpinner(dom0, { vcpus: 1 });
    dom0.calls.unpauseDomain(domid);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { physical } = dom0;
    const area = Number(dom0.core.native_hypercall(55, BigInt(stats.NATIVE_statistics), 0n, 0n, 0n, 0n));
    expect(physical.get32(area + stats.STATISTICS_MAGIC)).toBe(stats.STATISTICS_MAGIC_VALUE);
    expect(physical.get32(area + stats.STATISTICS_PCPUS)).toBe(2);
    const found: number[] = [];
    let vcpu = 0;
    for (let at = physical.get32(area + stats.STATISTICS_DOMAINS); at; at = physical.get32(at + stats.DOMAIN_NEXT)) {
      found.push(physical.get32(at + stats.DOMAIN_DOMID));
      vcpu = physical.get32(physical.get32(at + stats.DOMAIN_VCPUS));
    }
    expect(found).toEqual([0, domid]);
    expect(physical.get32(vcpu + stats.VCPU_DOMID)).toBe(domid);
    expect(physical.get32(vcpu + stats.VCPU_RUNSTATE)).toBe(0);
    expect(Number(physical.get64(vcpu + stats.VCPU_RETIRED))).toBeGreaterThan(10_000);
    const table = physical.get32(area + stats.STATISTICS_PCPU_TABLE);
    const stride = physical.get32(area + stats.STATISTICS_PCPU_STRIDE);
    const current = [0, 1].map((id) => physical.get32(table + id * stride + stats.PCPU_CURRENT));
    expect(current).toContain(vcpu);
  });
});
