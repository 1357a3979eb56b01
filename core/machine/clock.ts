/**
 * The machine's only clock: nanoseconds since power-on, the same in every thread.
 * performance.now() is the cheapest clock that WebAssembly can call, but each worker counts from its own start. process.hrtime is one clock for the
 * whole process, but expensive. So each thread measures once how far the two are apart.
 */

/** What process.hrtime said at power-on, in nanoseconds; every worker is given it. */
export type ClockBase = bigint;

export function powerOnClock(): ClockBase {
  return process.hrtime.bigint();
}

/**
 * Returns the wall clock, in nanoseconds since 1970, at the moment when `now` was 0. It is read when it ticks, which takes a millisecond at most:
 * performance.timeOrigin belongs to the process's start, and does not know whether the wall clock was set since.
 */
export function wallClockAtZero(now: () => number): bigint {
  const before = Date.now();
  let wall = before;
  while (wall === before) wall = Date.now();
  return BigInt(wall) * 1_000_000n - BigInt(Math.round(now()));
}

/**
 * Returns a clock for the nanoseconds since `base`. The distance of the two clocks is taken from the closest of several readings, so the error is
 * well under 1 us.
 */
export function startClock(base: ClockBase): () => number {
  // Captured here, because a look into the global object each time costs as much as the clock.
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
