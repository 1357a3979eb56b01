/** Measures what the bundled guest says of the hypervisor: the cost of a hypercall, and how late timers and IPIs reach a vCPU that only computes. */
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startGuest, type RunningGuest } from "../guests/run.ts";
import { PROCESS_FIGURES, threadTimes } from "../process.ts";

const image = path.resolve(import.meta.dirname, "../../assets/guests/mini.elf");
const HYPERCALLS = 3_000_000;
const EVENTS = 1000;
const PCPUS = 2;
/** After this many rounds the code that is executed has been translated and compiled by V8 for the second time. */
const SETTLED_ROUNDS = 16;

/** Microseconds. */
interface Late {
  mean: number;
  most: number;
}
interface Round {
  timers: Late;
  ipis: Late;
  /** The milliseconds in which the pCPUs' threads were ready and another thread had their core. */
  waited: number;
}
export interface Latency {
  hypercallNs: number;
  first: Round;
  /** After some more rounds. */
  settled: Round;
}

/** Returns the threads of the pCPUs. With every vCPU busy, they are the threads that run most. */
async function pcpuThreads(guest: RunningGuest): Promise<string[]> {
  if (!PROCESS_FIGURES) return [];
  guest.type(`load ${PCPUS}\r`);
  await sleep(500);
  const before = threadTimes(guest.pid);
  await sleep(500);
  const ran = [...threadTimes(guest.pid)].map(([id, now]) => ({ id, ran: now.ran - (before.get(id)?.ran ?? 0) }));
  guest.type("load 0\r");
  return ran
    .toSorted((a, b) => b.ran - a.ran)
    .slice(0, PCPUS)
    .map(({ id }) => id);
}

async function measureRound(guest: RunningGuest, threads: string[]): Promise<Round> {
  const waited = (): number => {
    if (!PROCESS_FIGURES) return NaN;
    const times = threadTimes(guest.pid);
    return threads.reduce((sum, id) => sum + times.get(id)!.waited, 0) / 1e6;
  };
  const before = waited();
  guest.mark();
  guest.type(`late ${EVENTS}\r`);
  const [, ...numbers] = await guest.waitFor(
    /timers: ([\d.]+) us late, at most ([\d.]+)\s+\d+ IPIs to vCPU 1: ([\d.]+) us late, at most ([\d.]+)/,
    60_000,
  );
  const [timer, mostTimer, ipi, mostIpi] = numbers.map(Number) as [number, number, number, number];
  return {
    timers: { mean: timer, most: mostTimer },
    ipis: { mean: ipi, most: mostIpi },
    waited: waited() - before,
  };
}

export async function measureLatency(): Promise<Latency> {
  const size = ["--memory", "32", "--vcpus", `${PCPUS}`, "--pcpus", `${PCPUS}`, "--timeout", "120"];
  const guest = startGuest(["--kernel", image, ...size]);
  await guest.waitFor(/mini> /, 20_000);
  guest.type(`hypercalls ${HYPERCALLS}\r`);
  const [, nanoseconds] = await guest.waitFor(/hypercalls, ([\d.]+) ns each/, 60_000);
  const threads = await pcpuThreads(guest);
  const first = await measureRound(guest, threads);
  let settled = first;
  for (let n = 1; n < SETTLED_ROUNDS; n++) settled = await measureRound(guest, threads);
  guest.type("poweroff\r");
  await guest.done;
  return { hypercallNs: Number(nanoseconds), first, settled };
}

export function latencyReport(all: Latency[], median: (numbers: number[]) => number): string {
  const row = (name: string, rounds: Round[]): string => {
    const of = (pick: (round: Round) => number, digits: number): string => median(rounds.map(pick)).toFixed(digits);
    const cells = [
      of(({ timers }) => timers.mean, 1),
      of(({ timers }) => timers.most, 0),
      of(({ ipis }) => ipis.mean, 1),
      of(({ ipis }) => ipis.most, 0),
      of(({ timers, ipis }) => ((timers.mean + ipis.mean) * EVENTS) / 1000, 1),
      PROCESS_FIGURES ? of(({ waited }) => waited, 1) : "–",
    ];
    return `| ${[name, ...cells].join(" | ")} |`;
  };
  return [
    `A hypercall that does nothing: ${median(all.map(({ hypercallNs }) => hypercallNs)).toFixed(1)} ns.`,
    "",
    `How late events come to a vCPU that computes and makes no access to memory; ${EVENTS} of each, ${PCPUS} vCPUs on ${PCPUS} pCPUs. At`,
    "first V8 compiles what is translated, in threads of its own on the same cores: what is late then waited for a core, as the",
    "operating system's own figure says for the pCPUs' threads. Before it, both vCPUs computed for a second: so those threads are found.",
    "",
    "| | timers, mean us | most | IPIs, mean us | most | late in all, ms | waited for a core, ms |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    row(
      "at first",
      all.map(({ first }) => first),
    ),
    row(
      "later",
      all.map(({ settled }) => settled),
    ),
  ].join("\n");
}
