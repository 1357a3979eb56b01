/** The last step of every delivery through a gate, when the frame is written and CS is the handler's: Intel's manual volume 3, 6.12.1.3. */
import { IF, NT, RF, TF, VM, getRflags, setRflags } from "./flags";
import { cpu, setModeStale } from "./machine";
import { CPU_RIP, CPU_SHADOW } from "./state";

/** `keepsIf` is set for a trap gate. */
export function startHandler(target: u64, keepsIf: bool): void {
  store<u64>(cpu, target, CPU_RIP);
  let flags = getRflags() & ~(<u64>(TF | NT | RF | VM));
  if (!keepsIf) flags &= ~(<u64>IF);
  setRflags(flags);
  store<u32>(cpu, 0, CPU_SHADOW);
  setModeStale(true);
}
