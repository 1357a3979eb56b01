import { startClock, type ClockBase } from "./clock.ts";

/** What a worker needs to be part of the machine; it can be sent by structured cloning. */
export interface MachineParts {
  memory: WebAssembly.Memory;
  module: WebAssembly.Module;
  clockBase: ClockBase;
}

/** Returns core.wasm's import of that name; see cpu/machine.ts. */
export function waitIn(memory: WebAssembly.Memory): (address: number, expected: number, nanoseconds: number) => void {
  const words = new Int32Array(memory.buffer);
  return (address, expected, nanoseconds) =>
    void Atomics.wait(words, address >>> 2, expected | 0, nanoseconds < 0 ? Infinity : nanoseconds / 1e6);
}

/** Instantiates core.wasm over the machine's memory; the instance holds the per-CPU data of the caller. `adopt` is for pCPUs; see cpu/regions.ts. */
export function instantiateCore(
  { memory, module, clockBase }: MachineParts,
  adopt: () => boolean = () => false,
): WebAssembly.Exports {
  const now = startClock(clockBase);
  const instance = new WebAssembly.Instance(module, {
    env: {
      memory,
      now,
      wait: waitIn(memory),
      adopt,
      trap(code: number) {
        throw new Error(`core.wasm stopped itself: host bug ${code}`);
      },
    },
  });
  // Sets globals whose initial values are not constants (the build exports the start function instead of having it run).
  (instance.exports._start as () => void)();
  return instance.exports;
}
