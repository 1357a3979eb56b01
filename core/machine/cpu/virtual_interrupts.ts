/**
 * INT n in virtual-8086 mode, which with CR4.VME goes to the program's own handler where a bitmap in the TSS says so. Intel's manual volume 3, 20.3.
 */
import { readSystem } from "./access";
import { CR4_VME } from "./control_bits";
import { IF, RF, TF, VIF, getRflags, setRflags } from "./flags";
import { VECTOR_GP, cpu, fault, raise, setModeStale } from "./machine";
import { hasIoPrivilege } from "./protection";
import { selectorOf, setVirtualSegment } from "./segment";
import { beginFrame, endFrame, pushFrame } from "./stack_frame";
import { CPU_CR4, CPU_RIP, CPU_SEG, CPU_SHADOW, CS, SEG_ATTR, SEG_BASE, SEG_LIMIT, SEG_SIZE, TR } from "./state";
import { virtualFlags } from "./virtual_flags";

/** Bits of the attributes that tell a TSS of 32 bits, busy or not, and its value there; the last byte that such a TSS must have. */
const TSS_KIND: u32 = 0x800d;
const TSS_32: u32 = 9;
const TSS_LAST: u32 = 103;
/** Where a TSS says at which offset its bitmap of ports begins. The bitmap of redirected interrupts, 32 bytes, ends there. */
const TSS_PORTS: u32 = 102;
const REDIRECTION_BYTES: u32 = 32;

/**
 * INT n; `back` is the address after it. Returns true if nothing is left to do: the program's own handler has been entered, or
 * a fault was raised. Otherwise the interrupt goes through the IDT.
 */
export function interruptVirtual8086(vector: u32, back: u64): bool {
  if (load<u64>(cpu, CPU_CR4) & CR4_VME) {
    const redirected = isRedirected(vector);
    if (fault) return true;
    if (redirected) {
      enterProgramsHandler(vector, back);
      return true;
    }
  }
  if (hasIoPrivilege()) return false;
  raise(VECTOR_GP, 0);
  return true;
}

function isRedirected(vector: u32): bool {
  const tss = cpu + CPU_SEG + TR * SEG_SIZE;
  const limit = load<u32>(tss, SEG_LIMIT);
  if (((<u32>load<u16>(tss, SEG_ATTR)) & TSS_KIND) != TSS_32 || limit < TSS_LAST) {
    raise(VECTOR_GP, 0);
    return false;
  }
  const base = load<u64>(tss, SEG_BASE);
  const at = <u32>readSystem(base + TSS_PORTS, 2) - REDIRECTION_BYTES + (vector >> 3);
  if (fault) return false;
  if (at > limit) {
    raise(VECTOR_GP, 0);
    return false;
  }
  return !(((<u32>readSystem(base + at, 1)) >> (vector & 7)) & 1) && !fault;
}

/** The table of the program's handlers is at linear address 0. */
function enterProgramsHandler(vector: u32, back: u64): void {
  const pointer = <u32>readSystem(<u64>vector * 4, 4);
  if (fault) return;
  const isPrivileged = hasIoPrivilege();
  beginFrame(false);
  pushFrame(2, isPrivileged ? getRflags() : virtualFlags());
  pushFrame(2, selectorOf(CS));
  pushFrame(2, back);
  if (fault) return;
  endFrame();
  setVirtualSegment(CS, pointer >> 16);
  store<u64>(cpu, pointer & 0xffff, CPU_RIP);
  setRflags(getRflags() & ~(<u64>(TF | RF | (isPrivileged ? IF : VIF))));
  store<u32>(cpu, 0, CPU_SHADOW);
  setModeStale(true);
}
