/** Computes figures from two reports of a wiring: what went through between them, per second. */
import type { DeviceTraffic, DeviceWiring, DomainWiring, RingDirection, RingWiring } from "../../core/api/schema.ts";
import { Series } from "../../core/api/history/live.ts";
import { keyOf } from "./handshake.ts";

/** What went through a ring since the report before; NaN if there was no earlier report. */
export interface RingSample {
  wiring: RingWiring;
  /** By direction, in the ring's unit per second. */
  flow: Record<string, number>;
  /** Events per second that the backend received, and that it sent. */
  toBackend: number;
  toFrontend: number;
}
export interface DeviceSample {
  key: string;
  wiring: DeviceWiring;
  rings: RingSample[];
  /** Events per second that the backend received from all its rings. */
  kicks: number;
  /** What went through the device since the report before. It is null if nobody counts it, and its figures are NaN if there was no earlier report. */
  traffic: {
    /** Bytes per second. */
    inRate: number;
    outRate: number;
    /** The mean of the requests that ended, in microseconds; NaN if none ended or none is timed. */
    latency: number;
  } | null;
}

export interface DeviceHistory {
  toBackend: Series;
  toFrontend: Series;
}

/** Returns how many entries of the ring have not been taken; null when the guest's indices make no sense. */
export function usedOf({ producer, consumer, size }: RingDirection): number | null {
  const used = (producer - consumer) >>> 0;
  return used <= size ? used : null;
}

export class WiringSamples {
  readonly histories = new Map<string, DeviceHistory>();
  #before: DomainWiring | null = null;

  take(report: DomainWiring): DeviceSample[] {
    const comparable = this.#before?.domid === report.domid && this.#before.time < report.time;
    const before = comparable ? this.#before : null;
    this.#before = report;
    const seconds = before ? (report.time - before.time) / 1e9 : NaN;
    const samples = report.devices.map((wiring): DeviceSample => {
      const key = keyOf(wiring);
      const was = before?.devices.find((each) => keyOf(each) === key);
      const rings = wiring.rings.map((ring, i) => sampleOf(ring, was?.rings[i], seconds));
      const kicks = rings.reduce((sum, { toBackend }) => sum + toBackend, rings.length ? 0 : NaN);
      return { key, wiring, rings, kicks, traffic: trafficOf(wiring.traffic, was?.traffic ?? null, seconds) };
    });
    this.#keep(samples);
    return samples;
  }

  #keep(samples: readonly DeviceSample[]): void {
    const kept = new Set<string>();
    for (const { key, rings } of samples)
      rings.forEach(({ toBackend, toFrontend }, i) => {
        const name = historyKey(key, i);
        kept.add(name);
        let history = this.histories.get(name);
        if (!history) this.histories.set(name, (history = { toBackend: new Series(), toFrontend: new Series() }));
        history.toBackend.push(toBackend);
        history.toFrontend.push(toFrontend);
      });
    for (const name of [...this.histories.keys()]) if (!kept.has(name)) this.histories.delete(name);
  }
}

function trafficOf(now: DeviceTraffic | null, was: DeviceTraffic | null, seconds: number): DeviceSample["traffic"] {
  if (!now) return null;
  if (!was) return { inRate: NaN, outRate: NaN, latency: NaN };
  const ended = (now.timed?.count ?? NaN) - (was.timed?.count ?? NaN);
  const took = (now.timed?.nanoseconds ?? NaN) - (was.timed?.nanoseconds ?? NaN);
  return {
    inRate: Math.max(0, now.inBytes - was.inBytes) / seconds,
    outRate: Math.max(0, now.outBytes - was.outBytes) / seconds,
    latency: ended > 0 ? took / ended / 1000 : NaN,
  };
}

export function historyKey(key: string, ring: number): string {
  return `${key}#${ring}`;
}

function sampleOf(wiring: RingWiring, was: RingWiring | undefined, seconds: number): RingSample {
  const flow: Record<string, number> = {};
  for (const direction of wiring.directions) {
    const then = was?.directions.find(({ name }) => name === direction.name);
    // Indices run freely through 32 bits. Either end may have moved since the reading.
    flow[direction.name] = then
      ? Math.max((direction.producer - then.producer) >>> 0, (direction.consumer - then.consumer) >>> 0) / seconds
      : NaN;
    if (usedOf(direction) === null) flow[direction.name] = NaN;
  }
  const rate = (now: number | null | undefined, then: number | null | undefined): number =>
    typeof now === "number" && typeof then === "number" ? Math.max(0, now - then) / seconds : NaN;
  return {
    wiring,
    flow,
    toBackend: rate(wiring.backendPort?.received, was?.backendPort?.received),
    toFrontend: rate(wiring.backendPort?.sent, was?.backendPort?.sent),
  };
}
