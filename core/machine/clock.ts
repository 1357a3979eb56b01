/**
 * The machine's one clock: nanoseconds since power-on, the same in every thread.
 *
 * performance.now() is the cheapest clock that WebAssembly can call, but each worker counts from its own start;
 * process.hrtime is one clock for the process, but dear. So each thread measures their distance once.
 */

/** What process.hrtime said at power-on, in nanoseconds: handed to every worker. */
export type ClockBase = bigint;

export function powerOnClock(): ClockBase {
  return process.hrtime.bigint();
}

/**
 * The wall clock, in nanoseconds since 1970, at the moment when `now` was 0. It is read as it ticks, which takes a millisecond at most:
 * performance.timeOrigin is of the process's start, and does not know how the wall clock was set since.
 */
export function wallClockAtZero(now: () => number): bigint {
  const before = Date.now();
  let wall = before;
  while (wall === before) wall = Date.now();
  return BigInt(wall) * 1_000_000n - BigInt(Math.round(now()));
}

/** Nanoseconds since `base`. The distance is taken from the closest of several readings, so it is off by well under 1 us. */
export function startClock(base: ClockBase): () => number {
  // Captured: a look into the global object each time costs as much as the clock.
  const { performance } = globalThis;
  let offset = 0;
  let closest = Infinity;
  for (let attempt = 0; attempt < 64; attempt++) {
    const before = performance.now();
    const common = Number(process.hrtime.bigint() - base);
    const after = performance.now();
    if (after - before < closest) {
      closest = after - before;
      offset = common - ((before + after) / 2) * 1e6;
    }
  }
  return () => performance.now() * 1e6 + offset;
}
