/** Two reports of a wiring make figures: what went through between them, per second. */
import type { DeviceTraffic, DeviceWiring, DomainWiring, RingDirection, RingWiring } from "../../core/api/schema.ts";
import { Series } from "../../core/api/history/live.ts";
import { keyOf } from "./handshake.ts";

/** What went through a ring since the report before; NaN until there was one. */
export interface RingSample {
  wiring: RingWiring;
  /** In the ring's unit, a second, by direction. */
  flow: Record<string, number>;
  /** Events a second that the backend took, and sent. */
  toBackend: number;
  toFrontend: number;
}
export interface DeviceSample {
  key: string;
  wiring: DeviceWiring;
  rings: RingSample[];
  /** Events a second that the backend took, of all its rings. */
  kicks: number;
  /** What went through it since the report before; null where nobody counts it, NaN in it where there was no report before. */
  traffic: {
    /** Bytes a second. */
    inRate: number;
    outRate: number;
    /** Microseconds, the mean of the requests that ended; NaN where none did, or none is timed. */
    latency: number;
  } | null;
}

export interface DeviceHistory {
  toBackend: Series;
  toFrontend: Series;
}

/** What in the ring has not been taken; null when the guest's indices make no sense. */
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
    // Indices run freely through 32 bits. Either end may have moved since.
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
