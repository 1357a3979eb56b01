/** Copies whole frames. */
import { frameWritten } from "../../machine/cpu/frames/written";
import { frameAddress } from "./frames";

/**
 * Copies frame `from` into frame `to`, which is all zero. A page of zeros is only read: memory that nobody has written since power-on takes none of the
 * computer's. The caller has references of both.
 */
export function copyToZeros(to: u32, from: u32): void {
  const source = frameAddress(from);
  for (let i: usize = 0; i < 4096; i += 16)
    if (v128.any_true(v128.load(source + i))) {
      memory.copy(frameAddress(to), source, 4096);
      frameWritten(to);
      return;
    }
}
