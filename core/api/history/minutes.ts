/** Figures of a minute: least, mean and largest of what was measured in it. */

/** Minutes kept: a day. */
export const KEPT_MINUTES = 1440;

/** CPU: percent of one pCPU, of all vCPUs together; runnable: percent, waiting for a pCPU. Memory in MiB, counts per second. */
export const DOMAIN_METRICS = ["cpu", "runnable", "memory", "hypercalls", "events", "pageFaults", "mips"] as const;
/** CPU: percent busy of all pCPUs; free memory in MiB. */
export const HOST_METRICS = ["cpu", "freeMemory"] as const;

export interface Minute {
  /** Minutes since 1970. */
  minute: number;
  /** Measurements in it. */
  samples: number;
  /** For each metric: least, mean, largest. */
  values: Float32Array;
}

/** A measurement joins its minute; NaN where something could not be measured. */
export function joined(into: Minute | null, minute: number, measured: readonly number[]): Minute {
  const values = new Float32Array(measured.length * 3);
  measured.forEach((value, i) => values.fill(value, 3 * i, 3 * i + 3));
  const single = { minute, samples: 1, values };
  return into === null ? single : merged(into, single);
}

/** Two parts of the same minute. */
export function merged(a: Minute, b: Minute): Minute {
  const samples = a.samples + b.samples;
  const values = new Float32Array(a.values.length);
  for (let i = 0; i < values.length; i += 3) {
    const known = [a, b].filter((each) => !Number.isNaN(each.values[i + 1]));
    if (known.length < 2) {
      values.set((known[0] ?? a).values.subarray(i, i + 3), i);
      continue;
    }
    values[i] = Math.min(a.values[i]!, b.values[i]!);
    values[i + 1] = (a.values[i + 1]! * a.samples + b.values[i + 1]! * b.samples) / samples;
    values[i + 2] = Math.max(a.values[i + 2]!, b.values[i + 2]!);
  }
  return { minute: a.minute, samples, values };
}

/** Bytes of a minute: u32 minute, u32 samples, then the values as f32; little-endian. */
export function minuteBytes(metrics: number): number {
  return 8 + 12 * metrics;
}
export function writeMinute({ minute, samples, values }: Minute): Uint8Array {
  const bytes = new Uint8Array(8 + 4 * values.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, minute, true);
  view.setUint32(4, samples, true);
  values.forEach((value, i) => view.setFloat32(8 + 4 * i, value, true));
  return bytes;
}
export function readMinute(bytes: Uint8Array, metrics: number): Minute {
  const view = new DataView(bytes.buffer, bytes.byteOffset, minuteBytes(metrics));
  return {
    minute: view.getUint32(0, true),
    samples: view.getUint32(4, true),
    values: Float32Array.from({ length: 3 * metrics }, (_, i) => view.getFloat32(8 + 4 * i, true)),
  };
}
