/** The initial states of a vCPU that owns its privileged state. The vCPU is the running one. */
import { setRflags } from "./flags";
import { cpu, setModeStale } from "./machine";
import * as s from "./state";

const CR0_PE_ET: u64 = 0x11;
const CR0_AFTER_INIT: u64 = 0x60000010;
const PAT_AFTER_INIT: u64 = 0x0007040600070406;
const FCW: u16 = 0x37f;
const MXCSR: u32 = 0x1f80;
/** Attributes: code and data of 32 bits with 4 KiB granularity; of 16 bits; a busy 32-bit TSS; an LDT. */
const CODE_32: u16 = 0xc9b;
const DATA_32: u16 = 0xc93;
const DATA_16: u16 = 0x93;
const CODE_16: u16 = 0x9b;
const TSS_BUSY: u16 = 0x8b;
const LDT: u16 = 0x82;

function segment(n: i32, selector: u16, base: u64, limit: u32, attributes: u16): void {
  const at = cpu + s.CPU_SEG + <usize>n * s.SEG_SIZE;
  store<u64>(at, base, s.SEG_BASE);
  store<u32>(at, limit, s.SEG_LIMIT);
  store<u16>(at, selector, s.SEG_SELECTOR);
  store<u16>(at, attributes, s.SEG_ATTR);
}

/** Sets the state after INIT: real mode at F000:FFF0. Registers that INIT does not touch (x87, SSE, TSC, PAT, second stage) stay. */
export function resetCpu(): void {
  memory.fill(cpu + s.CPU_GPR, 0, 16 * 8);
  store<u64>(cpu, 0xfff0, s.CPU_RIP);
  setRflags(2);
  segment(s.CS, 0xf000, 0xffff0000, 0xffff, CODE_16);
  for (let n: i32 = 0; n < 6; n++) if (n != s.CS) segment(n, 0, 0, 0xffff, DATA_16);
  segment(s.LDTR, 0, 0, 0xffff, LDT);
  segment(s.TR, 0, 0, 0xffff, TSS_BUSY);
  store<u64>(cpu, 0, s.CPU_GDTR_BASE);
  store<u32>(cpu, 0xffff, s.CPU_GDTR_LIMIT);
  store<u64>(cpu, 0, s.CPU_IDTR_BASE);
  store<u32>(cpu, 0xffff, s.CPU_IDTR_LIMIT);
  store<u64>(cpu, CR0_AFTER_INIT, s.CPU_CR0);
  store<u64>(cpu, 0, s.CPU_CR2);
  store<u64>(cpu, 0, s.CPU_CR3);
  store<u64>(cpu, 0, s.CPU_CR4);
  store<u64>(cpu, 0, s.CPU_EFER);
  for (let n: usize = 0; n < 6; n++) store<u64>(cpu + n * 8, 0, s.CPU_DR);
  store<u64>(cpu, 0xffff0ff0, s.CPU_DR + 6 * 8);
  store<u64>(cpu, 0x400, s.CPU_DR + 7 * 8);
  store<u32>(cpu, 0, s.CPU_CPL);
  store<u32>(cpu, 0, s.CPU_SHADOW);
  store<u32>(cpu, 0, s.CPU_NMI_BLOCKED);
  setModeStale(true);
}

/** Sets the state of a new vCPU: that of INIT, and what only power-on sets. */
export function powerOnCpu(): void {
  resetCpu();
  store<u32>(cpu, 0, s.CPU_DEPRIVILEGED);
  store<u64>(cpu, PAT_AFTER_INIT, s.CPU_PAT);
  store<u64>(cpu, 1, s.CPU_XCR0);
  store<u16>(cpu, FCW, s.CPU_FCW);
  store<u32>(cpu, MXCSR, s.CPU_MXCSR);
}

/** SIPI: starts in real mode at the beginning of the 4 KiB page `vector`. */
export function startAtPage(vector: u32): void {
  segment(s.CS, <u16>(vector << 8), (<u64>vector) << 12, 0xffff, CODE_16);
  store<u64>(cpu, 0, s.CPU_RIP);
  setModeStale(true);
}

/**
 * Enters protected mode without paging, with flat segments of 32 bits, at `eip`, as Xen's PVH entry and multiboot demand. Called after resetCpu().
 */
export function enterProtected32(eip: u32): void {
  store<u64>(cpu, CR0_PE_ET, s.CPU_CR0);
  segment(s.CS, 8, 0, 0xffffffff, CODE_32);
  for (let n: i32 = 0; n < 6; n++) if (n != s.CS) segment(n, 16, 0, 0xffffffff, DATA_32);
  segment(s.TR, 0, 0, 0x67, TSS_BUSY);
  store<u64>(cpu, eip, s.CPU_RIP);
  setModeStale(true);
}
