import { startClock, type ClockBase } from "./clock.ts";

/** What a worker needs to be part of the machine; structured-cloneable. */
export interface MachineParts {
  memory: WebAssembly.Memory;
  module: WebAssembly.Module;
  clockBase: ClockBase;
}

/** core.wasm's import of that name: see cpu/machine.ts. */
export function waitIn(memory: WebAssembly.Memory): (address: number, expected: number, nanoseconds: number) => void {
  const words = new Int32Array(memory.buffer);
  return (address, expected, nanoseconds) =>
    void Atomics.wait(words, address >>> 2, expected | 0, nanoseconds < 0 ? Infinity : nanoseconds / 1e6);
}

/** Instantiates core.wasm over the machine's memory: the per-CPU data of whoever calls. `adopt`: see cpu/regions.ts; for pCPUs. */
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
  // Globals whose initial values are not constants (the build exports the start function instead of running it).
  (instance.exports._start as () => void)();
  return instance.exports;
}
