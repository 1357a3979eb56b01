/** Logs a vCPU's registers in Xen's format. The types of guests keep their control registers in different places. */
import { getRflags } from "../../machine/cpu/flags";
import { cpu, setCpu } from "../../machine/cpu/machine";
import {
  CPU_GPR,
  CPU_KERNEL_GS_BASE,
  CPU_RIP,
  CPU_SEG,
  CS,
  DS,
  ES,
  FS,
  GS,
  SEG_BASE,
  SEG_SELECTOR,
  SEG_SIZE,
  SS,
} from "../../machine/cpu/state";
import { LOG_DEFAULT } from "../abi/log";
import { logBegin, logDec, logEnd, logHex, logText, logVcpu } from "../console/console";
import { Vcpu } from "../domain/domain";

/** Encoding order. */
const RAX: u32 = 0;
const RCX: u32 = 1;
const RDX: u32 = 2;
const RBX: u32 = 3;
const RSP: u32 = 4;
const RBP: u32 = 5;
const RSI: u32 = 6;
const RDI: u32 = 7;

function show(name: string, value: u64): void {
  logText(name);
  logText(": ");
  logHex(value, 16);
}
function line(a: string, av: u64, b: string, bv: u64, c: string, cv: u64): void {
  logBegin(LOG_DEFAULT);
  show(a, av);
  logText("   ");
  show(b, bv);
  logText("   ");
  show(c, cv);
  logEnd();
}
function gpr(v: Vcpu, n: u32): u64 {
  return load<u64>(v.cpu + CPU_GPR + <usize>n * 8);
}
function segment(v: Vcpu, n: usize): usize {
  return v.cpu + CPU_SEG + n * SEG_SIZE;
}
function selector(name: string, v: Vcpu, n: usize): void {
  logText(name);
  logText(": ");
  logHex(load<u16>(segment(v, n), SEG_SELECTOR), 4);
}

/** For a guest that has no event mask of its own. */
export const NO_EVENT_MASK: i32 = -1;

/** `context` is Xen's name for the type of guest; `eventMask` is 0, 1 or NO_EVENT_MASK. The vCPU is not running elsewhere. */
export function showRegisters(v: Vcpu, context: string, eventMask: i32, cr0: u64, cr2: u64, cr3: u64, cr4: u64): void {
  const before = cpu;
  setCpu(v.cpu);
  const rflags = getRflags();
  setCpu(before);
  logBegin(LOG_DEFAULT);
  logText("CPU:    ");
  logDec(v.processor);
  logEnd();
  logBegin(LOG_DEFAULT);
  logText("RIP:    ");
  logHex(load<u16>(segment(v, CS), SEG_SELECTOR), 4);
  logText(":[<");
  logHex(load<u64>(v.cpu, CPU_RIP), 16);
  logText(">]");
  logEnd();
  logBegin(LOG_DEFAULT);
  show("RFLAGS", rflags);
  if (eventMask != NO_EVENT_MASK) {
    logText("   EM: ");
    logDec(<u64>eventMask);
  }
  logText("   CONTEXT: ");
  logText(context);
  logText(" (");
  logVcpu(v.domid, v.vcpuId);
  logText(")");
  logEnd();
  line("rax", gpr(v, RAX), "rbx", gpr(v, RBX), "rcx", gpr(v, RCX));
  line("rdx", gpr(v, RDX), "rsi", gpr(v, RSI), "rdi", gpr(v, RDI));
  line("rbp", gpr(v, RBP), "rsp", gpr(v, RSP), "r8 ", gpr(v, 8));
  line("r9 ", gpr(v, 9), "r10", gpr(v, 10), "r11", gpr(v, 11));
  line("r12", gpr(v, 12), "r13", gpr(v, 13), "r14", gpr(v, 14));
  line("r15", gpr(v, 15), "cr0", cr0, "cr4", cr4);
  logBegin(LOG_DEFAULT);
  show("cr3", cr3);
  logText("   ");
  show("cr2", cr2);
  logEnd();
  const kernelGs = load<u64>(v.cpu, CPU_KERNEL_GS_BASE);
  line("fsb", load<u64>(segment(v, FS), SEG_BASE), "gsb", load<u64>(segment(v, GS), SEG_BASE), "gss", kernelGs);
  logBegin(LOG_DEFAULT);
  selector("ds", v, DS);
  selector("   es", v, ES);
  selector("   fs", v, FS);
  selector("   gs", v, GS);
  selector("   ss", v, SS);
  selector("   cs", v, CS);
  logEnd();
}
