/** Two reports of a wiring make figures: what went through between them, per second. */
import type { DeviceWiring, DomainWiring, RingDirection } from "../../core/api/schema.ts";
import { Series } from "../../core/api/history/live.ts";

/** A device with what went through it since the report before; NaN until there was one. */
export interface DeviceSample {
  key: string;
  wiring: DeviceWiring;
  /** Bytes a second by direction of the ring. */
  bytes: Record<string, number>;
  /** Events a second that dom0 took, and sent. */
  toBackend: number;
  toFrontend: number;
}

export interface DeviceHistory {
  toBackend: Series;
  toFrontend: Series;
}

/** Bytes in the ring that have not been taken; null when the guest's indices make no sense. */
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
      const was = before?.devices.find(({ kind, domid }) => kind === wiring.kind && domid === wiring.domid);
      const bytes: Record<string, number> = {};
      for (const direction of wiring.ring.directions) {
        const then = was?.ring.directions.find(({ name }) => name === direction.name);
        // Indices run freely through 32 bits. Either end may have moved since.
        bytes[direction.name] = then
          ? Math.max((direction.producer - then.producer) >>> 0, (direction.consumer - then.consumer) >>> 0) / seconds
          : NaN;
        if (usedOf(direction) === null) bytes[direction.name] = NaN;
      }
      const rate = (now: number | null | undefined, then: number | null | undefined): number =>
        typeof now === "number" && typeof then === "number" ? Math.max(0, now - then) / seconds : NaN;
      return {
        key: `${wiring.domid}/${wiring.kind}`,
        wiring,
        bytes,
        toBackend: rate(wiring.backendPort?.received, was?.backendPort?.received),
        toFrontend: rate(wiring.backendPort?.sent, was?.backendPort?.sent),
      };
    });
    this.#keep(samples);
    return samples;
  }

  #keep(samples: readonly DeviceSample[]): void {
    for (const { key, toBackend, toFrontend } of samples) {
      let history = this.histories.get(key);
      if (!history) this.histories.set(key, (history = { toBackend: new Series(), toFrontend: new Series() }));
      history.toBackend.push(toBackend);
      history.toFrontend.push(toFrontend);
    }
    for (const key of [...this.histories.keys()])
      if (!samples.some((sample) => sample.key === key)) this.histories.delete(key);
  }
}
