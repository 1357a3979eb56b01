/**
 * The last ten minutes of the host's figures, as ring buffers of numbers from which graphs are drawn. The host has one. Each window takes a copy of
 * it, and updates it itself with the following snapshots. It is changed in place, and can be imported in a browser.
 */
import type { StatisticsSnapshot } from "../../toolstack/messages.ts";
import { TRAFFIC } from "./figures.ts";

/** How far it reaches back, and how many points it keeps: at most one a second, fewer while nobody looked. */
export const LIVE_SECONDS = 600;
export const HISTORY_POINTS = 600;
/** A snapshot that comes sooner after the one before is left out. So ten minutes stay ten minutes, however often is measured. */
const LEAST_NS = 0.75e9;

/** A series of numbers along the history's time axis; NaN where there was nothing. */
export class Series {
  readonly values = new Float64Array(HISTORY_POINTS).fill(NaN);
  get last(): number {
    return this.values[HISTORY_POINTS - 1]!;
  }
  push(value: number): void {
    this.values.copyWithin(0, 1);
    this.values[HISTORY_POINTS - 1] = value;
  }
}

export class RunstateSeries {
  readonly running = new Series();
  readonly runnable = new Series();
  readonly blocked = new Series();
}

/** CPU in percent of what its vCPUs can have together, memory in MiB, counts per second, instructions in millions per second. */
export class DomainHistory {
  readonly uuid: string;
  readonly cpu = new Series();
  readonly memory = new Series();
  /** The target of its balloon driver, and the most memory that it was created for. */
  readonly memoryTarget = new Series();
  readonly memoryMax = new Series();
  readonly hypercalls = new Series();
  readonly events = new Series();
  readonly pageFaults = new Series();
  readonly mips = new Series();
  /** Bytes per second. */
  readonly diskRead = new Series();
  readonly diskWritten = new Series();
  readonly netReceived = new Series();
  readonly netSent = new Series();
  /** Exits in total, and by EXIT_* (machine/cpu/exits.ts describes them). */
  readonly exits = new Series();
  readonly exitsByCause: Series[] = [];
  readonly vcpus: Series[] = [];
  /** For each vCPU: percent of the time in each runstate. */
  readonly runstates: RunstateSeries[] = [];
  maxMemoryMiB = 0;
  /** Number of points since it was last there. */
  goneFor = 0;

  constructor(uuid: string) {
    this.uuid = uuid;
  }

  /** Every series; each takes one point at a time. */
  all(): Series[] {
    return [
      ...[this.cpu, this.memory, this.memoryTarget, this.memoryMax, this.hypercalls, this.events],
      ...TRAFFIC.map((each) => this[each]),
      ...[this.pageFaults, this.mips, this.exits, ...this.exitsByCause, ...this.vcpus],
      ...this.runstates.flatMap(({ running, runnable, blocked }) => [running, runnable, blocked]),
    ];
  }
}

/** The number of gone domains whose last minutes are kept until they are over. */
const MOST_GONE = 16;

const PAGES_PER_MIB = 256;

/** A copy of the history for a window, with the last `points` of each series. */
export interface LiveDump {
  points: number;
  totalMemoryMiB: number;
  /** The snapshot with which the next one is compared. */
  last: StatisticsSnapshot | null;
  /** f64, seconds since power-on. The others are f32, little-endian as all machines on which this runs. */
  time: Uint8Array;
  freeMemory: Uint8Array;
  pcpus: Uint8Array[];
  domains: {
    domid: number;
    uuid: string;
    exits: number;
    vcpus: number;
    maxMemoryMiB: number;
    goneFor: number;
    series: Uint8Array;
  }[];
}

export class LiveHistory {
  /** For each point, the seconds since the host's power-on. */
  readonly time = new Series();
  readonly domains = new Map<number, DomainHistory>();
  /** Percent of the time busy. */
  readonly pcpus: Series[] = [];
  readonly freeMemory = new Series();
  totalMemoryMiB = 0;
  #previous: StatisticsSnapshot | null = null;
  /** Seconds from 1970 to the host's power-on, as of the last snapshot. */
  #epoch = NaN;

  /** Converts a time of this computer in milliseconds to seconds since the host's power-on. */
  hostTime(milliseconds: number): number {
    return milliseconds / 1000 - this.#epoch;
  }

  /** The reverse: returns milliseconds since 1970. */
  wallTime(hostSeconds: number): number {
    return (hostSeconds + this.#epoch) * 1000;
  }

  clear(): void {
    this.#previous = null;
    this.domains.clear();
    this.pcpus.length = 0;
    this.time.values.fill(NaN);
    this.freeMemory.values.fill(NaN);
  }

  /** Adds what happened since the snapshot before, per second. */
  add(snapshot: StatisticsSnapshot): void {
    const before = this.#previous;
    if (before && snapshot.time - before.time < LEAST_NS) return;
    this.#previous = snapshot;
    this.#epoch = Date.now() / 1000 - snapshot.time / 1e9;
    this.totalMemoryMiB = snapshot.totalMemoryMiB;
    if (!before) return;
    const seconds = (snapshot.time - before.time) / 1e9;
    this.time.push(snapshot.time / 1e9);
    this.freeMemory.push(snapshot.freeMemoryMiB);
    snapshot.pcpus.forEach(({ pcpu, idleTime }, i) => {
      const was = before.pcpus.find((each) => each.pcpu === pcpu);
      const busy = was ? 100 - ((idleTime - was.idleTime) / 1e9 / seconds) * 100 : NaN;
      (this.pcpus[i] ??= new Series()).push(Math.min(100, Math.max(0, busy)));
    });
    const alive = new Set<number>();
    for (const domain of snapshot.domains) {
      alive.add(domain.domid);
      const was = before.domains.find(({ domid, uuid }) => domid === domain.domid && uuid === domain.uuid);
      let history = this.domains.get(domain.domid);
      if (history?.uuid !== domain.uuid) this.domains.set(domain.domid, (history = new DomainHistory(domain.uuid)));
      const rate = (now: number | null, then: number | null | undefined): number =>
        now === null || then === null || then === undefined ? NaN : Math.max(0, (now - then) / seconds);
      history.cpu.push(((rate(domain.cpuTime, was?.cpuTime) / 1e9) * 100) / Math.max(1, domain.vcpus.length));
      history.memory.push(domain.memoryPages / PAGES_PER_MIB);
      history.memoryTarget.push(domain.memoryTargetMiB ?? NaN);
      history.memoryMax.push(domain.staticMaxMiB ?? NaN);
      history.maxMemoryMiB = domain.maxPages / PAGES_PER_MIB;
      history.hypercalls.push(rate(domain.hypercalls, was?.hypercalls));
      history.events.push(rate(domain.events, was?.events));
      history.pageFaults.push(rate(domain.pageFaults, was?.pageFaults));
      history.mips.push(rate(domain.instructions, was?.instructions) / 1e6);
      for (const each of TRAFFIC) history[each].push(rate(domain[each], was?.[each]));
      const all = (exits: number[] | null | undefined): number | null =>
        exits?.reduce((sum, each) => sum + each, 0) ?? null;
      history.exits.push(rate(all(domain.exits), all(was?.exits)));
      domain.exits?.forEach((count, cause) =>
        (history.exitsByCause[cause] ??= new Series()).push(rate(count, was?.exits?.[cause])),
      );
      domain.vcpus.forEach(({ vcpu, cpuTime, runstates }, i) => {
        const then = was?.vcpus.find((each) => each.vcpu === vcpu);
        (history.vcpus[i] ??= new Series()).push((rate(cpuTime, then?.cpuTime) / 1e9) * 100);
        const series = (history.runstates[i] ??= new RunstateSeries());
        for (const state of ["running", "runnable", "blocked"] as const)
          series[state].push((rate(runstates?.[state] ?? null, then?.runstates?.[state]) / 1e9) * 100);
      });
    }
    const gone = [...this.domains].filter(([domid]) => !alive.has(domid));
    for (const [domid] of gone.splice(0, Math.max(0, gone.length - MOST_GONE))) this.domains.delete(domid);
    for (const [domid, domain] of gone) {
      for (const series of domain.all()) series.push(NaN);
      if (++domain.goneFor >= HISTORY_POINTS) this.domains.delete(domid);
    }
  }
  dump(): LiveDump {
    const first = this.time.values.findIndex((value) => Number.isFinite(value));
    const points = first < 0 ? 0 : HISTORY_POINTS - first;
    const last = ({ values }: Series): Float64Array => values.slice(HISTORY_POINTS - points);
    const bytes = (series: Series): Uint8Array => new Uint8Array(Float32Array.from(last(series)).buffer);
    return {
      points,
      totalMemoryMiB: this.totalMemoryMiB,
      last: this.#previous,
      // An f32 would be wrong by a hundredth of a second after a day.
      time: new Uint8Array(last(this.time).buffer),
      freeMemory: bytes(this.freeMemory),
      pcpus: this.pcpus.map(bytes),
      domains: [...this.domains].map(([domid, domain]) => {
        const series = domain.all().map(bytes);
        const joined = new Uint8Array(series.length * points * Float32Array.BYTES_PER_ELEMENT);
        series.forEach((each, i) => joined.set(each, i * each.length));
        const { uuid, exitsByCause, vcpus, maxMemoryMiB, goneFor } = domain;
        return { domid, uuid, exits: exitsByCause.length, vcpus: vcpus.length, maxMemoryMiB, goneFor, series: joined };
      }),
    };
  }

  /** Takes over a dump. */
  load({ points, totalMemoryMiB, last, time, freeMemory, pcpus, domains }: LiveDump): void {
    this.clear();
    // The bytes are copied, because the copy is aligned.
    const fill = (series: Series, bytes: Uint8Array): void =>
      series.values.set(new Float32Array(bytes.slice().buffer), HISTORY_POINTS - points);
    this.totalMemoryMiB = totalMemoryMiB;
    this.#previous = last;
    if (last) this.#epoch = Date.now() / 1000 - last.time / 1e9;
    this.time.values.set(new Float64Array(time.slice().buffer), HISTORY_POINTS - points);
    fill(this.freeMemory, freeMemory);
    for (const bytes of pcpus) {
      const series = new Series();
      fill(series, bytes);
      this.pcpus.push(series);
    }
    for (const { domid, uuid, exits, vcpus, maxMemoryMiB, goneFor, series } of domains) {
      const domain = new DomainHistory(uuid);
      for (let i = 0; i < exits; i++) domain.exitsByCause.push(new Series());
      for (let i = 0; i < vcpus; i++) {
        domain.vcpus.push(new Series());
        domain.runstates.push(new RunstateSeries());
      }
      Object.assign(domain, { maxMemoryMiB, goneFor });
      const size = points * Float32Array.BYTES_PER_ELEMENT;
      domain.all().forEach((each, i) => fill(each, series.subarray(i * size, (i + 1) * size)));
      this.domains.set(domid, domain);
    }
  }
}
