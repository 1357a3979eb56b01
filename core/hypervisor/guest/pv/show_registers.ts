/** A PV vCPU's registers in the log, in Xen's format. */
import { getRflags } from "../../../machine/cpu/flags";
import { cpu, setCpu } from "../../../machine/cpu/machine";
import {
  CPU_GPR,
  CPU_KERNEL_GS_BASE,
  CPU_RIP,
  CS,
  DS,
  ES,
  FS,
  GS,
  SEG_BASE,
  SEG_SELECTOR,
  SS,
} from "../../../machine/cpu/state";
import { LOG_DEFAULT } from "../../abi/log";
import { logBegin, logDec, logEnd, logHex, logText, logVcpu } from "../../console/console";
import { Vcpu } from "../../domain/domain";
import { inKernelMode } from "./mode";
import { segmentOf } from "./segments";

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
function gpr(v: Vcpu, n: u32): u64 {
  return load<u64>(v.cpu + CPU_GPR + <usize>n * 8);
}
function line(v: Vcpu, a: string, an: u32, b: string, bn: u32, c: string, cn: u32): void {
  logBegin(LOG_DEFAULT);
  show(a, gpr(v, an));
  logText("   ");
  show(b, gpr(v, bn));
  logText("   ");
  show(c, gpr(v, cn));
  logEnd();
}
function selector(name: string, v: Vcpu, n: usize): void {
  logText(name);
  logText(": ");
  logHex(load<u16>(segmentOf(v.cpu, n), SEG_SELECTOR), 4);
}

/** The vCPU is not running elsewhere. */
export function showRegisters(v: Vcpu): void {
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
  logHex(load<u16>(segmentOf(v.cpu, CS), SEG_SELECTOR), 4);
  logText(":[<");
  logHex(load<u64>(v.cpu, CPU_RIP), 16);
  logText(">]");
  logEnd();
  logBegin(LOG_DEFAULT);
  show("RFLAGS", rflags);
  logText("   EM: ");
  logDec(inKernelMode(v) ? 1 : 0);
  logText("   CONTEXT: pv guest (");
  logVcpu(v.domid, v.vcpuId);
  logText(")");
  logEnd();
  line(v, "rax", RAX, "rbx", RBX, "rcx", RCX);
  line(v, "rdx", RDX, "rsi", RSI, "rdi", RDI);
  line(v, "rbp", RBP, "rsp", RSP, "r8 ", 8);
  line(v, "r9 ", 9, "r10", 10, "r11", 11);
  line(v, "r12", 12, "r13", 13, "r14", 14);
  logBegin(LOG_DEFAULT);
  show("r15", gpr(v, 15));
  logText("   ");
  show("cr0", v.cr0);
  logText("   ");
  show("cr4", v.cr4);
  logEnd();
  logBegin(LOG_DEFAULT);
  show("cr3", v.cr3Loaded);
  logText("   ");
  show("cr2", v.trapCr2);
  logEnd();
  logBegin(LOG_DEFAULT);
  show("fsb", load<u64>(segmentOf(v.cpu, FS), SEG_BASE));
  logText("   ");
  show("gsb", load<u64>(segmentOf(v.cpu, GS), SEG_BASE));
  logText("   ");
  show("gss", load<u64>(v.cpu, CPU_KERNEL_GS_BASE));
  logEnd();
  logBegin(LOG_DEFAULT);
  selector("ds", v, DS);
  selector("   es", v, ES);
  selector("   fs", v, FS);
  selector("   gs", v, GS);
  selector("   ss", v, SS);
  selector("   cs", v, CS);
  logEnd();
}
