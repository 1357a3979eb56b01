/** The memory side's name for the engine's notice that a frame was written by something other than instructions. */
import { codeFrameWritten } from "../../machine/cpu/code_frames";

/** Drops what any pCPU has decoded from the frame. Needs setCodeTables to have been called in this instance. */
// @ts-ignore: decorator
@inline
export function invalidateCodeFrame(mfn: u32): void {
  codeFrameWritten(mfn);
}
