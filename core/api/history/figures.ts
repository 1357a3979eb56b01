/** Computes from two snapshots of the statistics the figures for the time between them, as the history keeps them. */
import type { DomainStatistics, StatisticsSnapshot } from "../../toolstack/messages.ts";
import { DOMAIN_METRICS, VCPU_STATES } from "./minutes.ts";

const PAGES_PER_MIB = 256;
/** The range of DOMAIN_METRICS that are exits, from the first to the one after the last. */
const EXITS = [DOMAIN_METRICS.indexOf("exitsPoll"), DOMAIN_METRICS.indexOf("diskRead")] as const;

/** The metrics of what went through disks and networks. */
export const TRAFFIC = ["diskRead", "diskWritten", "netReceived", "netSent"] as const;

/** Returns the values of HOST_METRICS. */
export function hostFiguresOf(before: StatisticsSnapshot, now: StatisticsSnapshot): number[] {
  const idle = (snapshot: StatisticsSnapshot): number => snapshot.pcpus.reduce((sum, each) => sum + each.idleTime, 0);
  const idled = (idle(now) - idle(before)) / (now.time - before.time) / Math.max(1, now.pcpus.length);
  return [100 * Math.min(1, Math.max(0, 1 - idled)), now.freeMemoryMiB];
}

/** Returns the values of DOMAIN_METRICS, and VCPU_STATES of each vCPU; NaN where something was not measured. */
export function figuresOf(
  was: DomainStatistics,
  now: DomainStatistics,
  nanoseconds: number,
): { metrics: number[]; vcpus: number[] } {
  const rate = (value: number | null | undefined, then: number | null | undefined): number =>
    typeof value !== "number" || typeof then !== "number" ? NaN : Math.max(0, ((value - then) / nanoseconds) * 1e9);
  const waited = ({ vcpus }: DomainStatistics): number =>
    vcpus.reduce((sum, { runstates }) => sum + (runstates?.runnable ?? NaN), 0);
  const vcpus: number[] = [];
  for (const { vcpu, runstates } of now.vcpus) {
    const then = was.vcpus.find((each) => each.vcpu === vcpu)?.runstates;
    VCPU_STATES.forEach((state, i) => {
      vcpus[vcpu * VCPU_STATES.length + i] = rate(runstates?.[state], then?.[state]) / 1e7;
    });
  }
  const metrics = [
    rate(now.cpuTime, was.cpuTime) / 1e7,
    rate(waited(now), waited(was)) / 1e7,
    now.memoryPages / PAGES_PER_MIB,
    now.memoryTargetMiB ?? NaN,
    now.staticMaxMiB ?? NaN,
    rate(now.hypercalls, was.hypercalls),
    rate(now.events, was.events),
    rate(now.pageFaults, was.pageFaults),
    rate(now.instructions, was.instructions) / 1e6,
  ];
  const exits = DOMAIN_METRICS.slice(...EXITS).map((_, cause) => rate(now.exits?.[cause], was.exits?.[cause]));
  const traffic = TRAFFIC.map((each) => rate(now[each], was[each]));
  return { metrics: [...metrics, ...exits, ...traffic], vcpus: Array.from(vcpus, (percent) => percent ?? NaN) };
}
