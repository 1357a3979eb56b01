/**
 * The profiler's thread. A thousand times a second it looks at what every pCPU is doing, and counts. It only reads: all that the pCPUs do for it is
 * one plain store when they change between translated code, interpreter and hypervisor.
 */
import { parentPort, workerData } from "node:worker_threads";
import * as area from "../../hypervisor/abi/native.ts";
import { CPU_RIP } from "../../machine/cpu/state.ts";
import * as layout from "../../machine/layout.ts";
import { translationStatistics } from "../../machine/translator/statistics.ts";
import { Counters } from "./counters.ts";
import type { DomainCounts, Executor, Profile, Spot } from "./samples.ts";

export interface SamplerData {
  memory: WebAssembly.Memory;
  /** The machine address of the hypervisor's statistics area. */
  statistics: number;
  /** One word. When it becomes nonzero, the thread hands the profile over and ends. */
  stop: SharedArrayBuffer;
}

const PERIOD_MS = 1;
/** The number of looks between two reads of the domains' counters. */
const LOOKS_PER_COUNT = 50;
/** The structures of a domain that is gone stay readable for 2 s (hypervisor/abi/native.ts). */
const READABLE_MS = 1500;

const { memory, statistics, stop } = workerData as SamplerData;
const words = new Int32Array(memory.buffer);
const view = new DataView(memory.buffer);
const stopped = new Int32Array(stop);
const counters = new Counters(memory, statistics);
const spots = new Map<string, Spot>();
/** By the address of the domain's structure. `seen` is the time of the last read that can be trusted. */
const domains = new Map<number, { counts: DomainCounts; seen: number }>();
let samples = 0;
let idle = 0;
let hostOnly = 0;

function executorOf(activity: number): Executor {
  if (activity >= layout.ACTIVITY_REGIONS) return "translated";
  return activity === layout.ACTIVITY_INTERPRETER ? "interpreted" : "hypervisor";
}

function look(pcpu: number): void {
  const activity = Atomics.load(words, (layout.ACTIVITY + pcpu * layout.ACTIVITY_SIZE) >> 2) >>> 0;
  samples++;
  if (activity === layout.ACTIVITY_IDLE) return void idle++;
  const vcpu = counters.currentVcpu(pcpu);
  if (vcpu === 0) return void hostOnly++;
  const executor = executorOf(activity);
  const domid = view.getUint32(vcpu + area.VCPU_DOMID, true);
  // Regions write this when they are left. While one runs, it is the address at which the region was entered.
  const address = view.getBigUint64(vcpu + area.VCPU_STATE + CPU_RIP, true);
  const key = `${executor} ${domid} ${address}`;
  const spot = spots.get(key);
  if (spot) spot.samples++;
  else spots.set(key, { executor, domid, address, samples: 1 });
}

function count(): void {
  const now = performance.now();
  for (const at of counters.domains()) domains.set(at, { counts: counters.domain(at), seen: now });
}

/** Reads the last counts, also those of domains that have just gone. */
function countLast(): void {
  const now = performance.now();
  for (const [at, { counts, seen }] of domains) {
    if (now - seen > READABLE_MS) continue;
    const last = counters.domain(at);
    if (last.domid === counts.domid) domains.set(at, { counts: last, seen });
  }
}

const start = performance.now();
for (let looks = 0; Atomics.wait(stopped, 0, 0, PERIOD_MS) === "timed-out"; looks++) {
  for (let pcpu = 0; pcpu < counters.pcpus; pcpu++) look(pcpu);
  if (looks % LOOKS_PER_COUNT === 0) count();
}
count();
countLast();
const profile: Profile = {
  pcpus: counters.pcpus,
  seconds: (performance.now() - start) / 1000,
  samples,
  idle,
  hostOnly,
  spots: [...spots.values()],
  domains: [...domains.values()].map(({ counts }) => counts),
  tlb: counters.tlb(),
  translation: translationStatistics(memory),
};
parentPort?.postMessage(profile);
