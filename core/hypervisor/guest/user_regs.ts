/** struct cpu_user_regs (public/arch-x86/xen.h), which the contexts of all types of guests contain. */
import {
  CPU_USER_REGS_CS,
  CPU_USER_REGS_DS,
  CPU_USER_REGS_ES,
  CPU_USER_REGS_FS,
  CPU_USER_REGS_GS,
  CPU_USER_REGS_RAX,
  CPU_USER_REGS_RBP,
  CPU_USER_REGS_RBX,
  CPU_USER_REGS_RCX,
  CPU_USER_REGS_RDI,
  CPU_USER_REGS_RDX,
  CPU_USER_REGS_RFLAGS,
  CPU_USER_REGS_RIP,
  CPU_USER_REGS_RSI,
  CPU_USER_REGS_RSP,
  CPU_USER_REGS_SS,
} from "../../abi/arch_x86";
import { getRflags } from "../../machine/cpu/flags";
import { cpu, setCpu } from "../../machine/cpu/machine";
import * as s from "../../machine/cpu/state";

/** Converts the encoding order of CPU_GPR to offsets in cpu_user_regs. */
export function regOffset(n: u32): usize {
  switch (n) {
    case 0:
      return CPU_USER_REGS_RAX;
    case 1:
      return CPU_USER_REGS_RCX;
    case 2:
      return CPU_USER_REGS_RDX;
    case 3:
      return CPU_USER_REGS_RBX;
    case 4:
      return CPU_USER_REGS_RSP;
    case 5:
      return CPU_USER_REGS_RBP;
    case 6:
      return CPU_USER_REGS_RSI;
    case 7:
      return CPU_USER_REGS_RDI;
    default:
      return <usize>(15 - n) * 8 + (n < 12 ? 16 : 0);
  }
}

function selector(c: usize, n: usize): u16 {
  return load<u16>(c + s.CPU_SEG + n * s.SEG_SIZE, s.SEG_SELECTOR);
}

/** Writes the registers of the state at `c`, which no pCPU is executing, to the structure at `regs`. */
export function giveUserRegs(c: usize, regs: usize): void {
  for (let n: u32 = 0; n < 16; n++) store<u64>(regs + regOffset(n), load<u64>(c + s.CPU_GPR + <usize>n * 8));
  store<u64>(regs, load<u64>(c, s.CPU_RIP), CPU_USER_REGS_RIP);
  const before = cpu;
  setCpu(c);
  store<u64>(regs, getRflags(), CPU_USER_REGS_RFLAGS);
  setCpu(before);
  store<u16>(regs, selector(c, s.CS), CPU_USER_REGS_CS);
  store<u16>(regs, selector(c, s.SS), CPU_USER_REGS_SS);
  store<u16>(regs, selector(c, s.ES), CPU_USER_REGS_ES);
  store<u16>(regs, selector(c, s.DS), CPU_USER_REGS_DS);
  store<u16>(regs, selector(c, s.FS), CPU_USER_REGS_FS);
  store<u16>(regs, selector(c, s.GS), CPU_USER_REGS_GS);
}
