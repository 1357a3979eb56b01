/** The figures of a minute: minimum, mean and maximum of what was measured in it, and what each vCPU did. */

/** Number of minutes kept: a day. */
export const KEPT_MINUTES = 1440;
/** The most vCPUs of a domain whose time is kept; of more, the first ones. */
export const MOST_KEPT_VCPUS = 64;

/**
 * CPU: percent of one pCPU, for all vCPUs together; runnable: percent of the time waiting for a pCPU. Memory in MiB: what it has, its target, the
 * most it may have. The others are counts per second (mips: millions); exits by EXIT_* (core/machine/cpu/exits.ts) in that order; disk and network
 * traffic in bytes per second.
 */
export const DOMAIN_METRICS = [
  "cpu",
  "runnable",
  "memory",
  "memoryTarget",
  "memoryMax",
  "hypercalls",
  "events",
  "pageFaults",
  "mips",
  "exitsPoll",
  "exitsException",
  "exitsSyscall",
  "exitsSysenter",
  "exitsPrivileged",
  "exitsHalt",
  "exitsSoftwareInterrupt",
  "diskRead",
  "diskWritten",
  "netReceived",
  "netSent",
] as const;
/** CPU: percent of the time that all pCPUs were busy; free memory in MiB. */
export const HOST_METRICS = ["cpu", "freeMemory"] as const;
/** For each vCPU, in percent of the time. */
export const VCPU_STATES = ["running", "runnable", "blocked"] as const;

export interface Minute {
  /** Minutes since 1970. */
  minute: number;
  /** Number of measurements in it. */
  samples: number;
  /** For each metric: minimum, mean, maximum; NaN where it was not measured. */
  values: Float32Array;
  /** For each vCPU: the mean of each of VCPU_STATES; NaN where it was not measured. */
  vcpus: Float32Array;
}

/** Adds a measurement to its minute; NaN where something could not be measured. `vcpus` has VCPU_STATES of each vCPU. */
export function joined(
  into: Minute | null,
  minute: number,
  measured: readonly number[],
  vcpus: readonly number[] = [],
): Minute {
  const values = new Float32Array(measured.length * 3);
  measured.forEach((value, i) => values.fill(value, 3 * i, 3 * i + 3));
  const kept = vcpus.slice(0, VCPU_STATES.length * MOST_KEPT_VCPUS);
  const single = { minute, samples: 1, values, vcpus: Float32Array.from(kept) };
  return into === null ? single : merged(into, single);
}

/** Joins two parts of the same minute. */
export function merged(a: Minute, b: Minute): Minute {
  const samples = a.samples + b.samples;
  const mean = (x: number | undefined, y: number | undefined): number => {
    if (x === undefined || Number.isNaN(x)) return y ?? NaN;
    if (y === undefined || Number.isNaN(y)) return x;
    return (x * a.samples + y * b.samples) / samples;
  };
  const values = new Float32Array(a.values.length);
  for (let i = 0; i < values.length; i += 3) {
    const known = [a, b].filter((each) => !Number.isNaN(each.values[i + 1]));
    if (known.length < 2) {
      values.set((known[0] ?? a).values.subarray(i, i + 3), i);
      continue;
    }
    values[i] = Math.min(a.values[i]!, b.values[i]!);
    values[i + 1] = mean(a.values[i + 1], b.values[i + 1]);
    values[i + 2] = Math.max(a.values[i + 2]!, b.values[i + 2]!);
  }
  const vcpus = Float32Array.from({ length: Math.max(a.vcpus.length, b.vcpus.length) }, (_, i) =>
    mean(a.vcpus[i], b.vcpus[i]),
  );
  return { minute: a.minute, samples, values, vcpus };
}

/** Stands for NaN among the percentages of vCPUs. */
const NOT_MEASURED = 0xffff;

/**
 * Returns the size of a minute in bytes: u32 minute, u32 number of measurements, then the values as f32, then for each vCPU VCPU_STATES as u16 in
 * hundredths of a percent, with 65535 for "not measured"; little-endian.
 */
export function minuteBytes(metrics: number, vcpus: number): number {
  return 8 + 12 * metrics + 2 * VCPU_STATES.length * vcpus;
}
/** `vcpus` is the number of vCPUs for which the record has room, at least that of the minute. */
export function writeMinute({ minute, samples, values, vcpus: states }: Minute, vcpus: number): Uint8Array {
  const bytes = new Uint8Array(minuteBytes(values.length / 3, vcpus));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, minute, true);
  view.setUint32(4, samples, true);
  values.forEach((value, i) => view.setFloat32(8 + 4 * i, value, true));
  const from = 8 + 4 * values.length;
  for (let i = 0; i < VCPU_STATES.length * vcpus; i++) {
    const percent = states[i] ?? NaN;
    const kept = Number.isNaN(percent)
      ? NOT_MEASURED
      : Math.min(NOT_MEASURED - 1, Math.max(0, Math.round(percent * 100)));
    view.setUint16(from + 2 * i, kept, true);
  }
  return bytes;
}
export function readMinute(bytes: Uint8Array, metrics: number, vcpus: number): Minute {
  const view = new DataView(bytes.buffer, bytes.byteOffset, minuteBytes(metrics, vcpus));
  const from = 8 + 12 * metrics;
  return {
    minute: view.getUint32(0, true),
    samples: view.getUint32(4, true),
    values: Float32Array.from({ length: 3 * metrics }, (_, i) => view.getFloat32(8 + 4 * i, true)),
    vcpus: Float32Array.from({ length: VCPU_STATES.length * vcpus }, (_, i) => {
      const kept = view.getUint16(from + 2 * i, true);
      return kept === NOT_MEASURED ? NaN : kept / 100;
    }),
  };
}
