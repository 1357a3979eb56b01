/** What the bundled guest says of the hypervisor: the cost of a hypercall, how late timers and IPIs reach a vCPU that only computes. */
import path from "node:path";
import { startGuest } from "../guests/run.ts";

const image = path.resolve(import.meta.dirname, "../../assets/guests/mini.elf");
const HYPERCALLS = 3_000_000;
const EVENTS = 1000;

export interface Latency {
  hypercallNs: number;
  /** Microseconds: mean and most. */
  timers: { mean: number; most: number };
  ipis: { mean: number; most: number };
}

export async function measureLatency(): Promise<Latency> {
  const size = ["--memory", "32", "--vcpus", "2", "--pcpus", "2", "--timeout", "120"];
  const guest = startGuest(["--kernel", image, ...size]);
  await guest.waitFor(/mini> /, 20_000);
  guest.type(`hypercalls ${HYPERCALLS}\r`);
  const [, nanoseconds] = await guest.waitFor(/hypercalls, ([\d.]+) ns each/, 60_000);
  guest.type(`late ${EVENTS}\r`);
  const [, ...late] = await guest.waitFor(
    /timers: ([\d.]+) us late, at most ([\d.]+)\s+\d+ IPIs to vCPU 1: ([\d.]+) us late, at most ([\d.]+)/,
    60_000,
  );
  guest.type("poweroff\r");
  await guest.done;
  const [timer, mostTimer, ipi, mostIpi] = late.map(Number) as [number, number, number, number];
  return {
    hypercallNs: Number(nanoseconds),
    timers: { mean: timer, most: mostTimer },
    ipis: { mean: ipi, most: mostIpi },
  };
}

export function latencyReport(all: Latency[], median: (numbers: number[]) => number): string {
  const of = (pick: (each: Latency) => number) => median(all.map(pick));
  return [
    `A hypercall that does nothing: ${of((each) => each.hypercallNs).toFixed(1)} ns.`,
    `${EVENTS} timers, while the vCPU computes and makes no access to memory: ${of((each) => each.timers.mean).toFixed(1)} us late,`,
    `at most ${of((each) => each.timers.most).toFixed(0)} us. ${EVENTS} IPIs from one vCPU to another that computes:`,
    `${of((each) => each.ipis.mean).toFixed(1)} us late, at most ${of((each) => each.ipis.most).toFixed(0)} us.`,
  ].join(" ");
}
