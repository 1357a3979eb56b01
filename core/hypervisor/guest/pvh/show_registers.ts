/** A PVH vCPU's registers in the log, in Xen's format. */
import { getRflags } from "../../../machine/cpu/flags";
import { cpu, setCpu } from "../../../machine/cpu/machine";
import * as s from "../../../machine/cpu/state";
import { LOG_DEFAULT } from "../../abi/log";
import { logBegin, logDec, logEnd, logHex, logText, logVcpu } from "../../console/console";
import { Vcpu } from "../../domain/domain";

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
function gpr(v: Vcpu, n: usize): u64 {
  return load<u64>(v.cpu + s.CPU_GPR + n * 8);
}
function selector(name: string, v: Vcpu, n: usize): void {
  logText(name);
  logText(": ");
  logHex(load<u16>(v.cpu + s.CPU_SEG + n * s.SEG_SIZE, s.SEG_SELECTOR), 4);
}

/** The vCPU is not running elsewhere. */
export function pvhShowRegisters(v: Vcpu): void {
  const before = cpu;
  setCpu(v.cpu);
  const rflags = getRflags();
  setCpu(before);
  logBegin(LOG_DEFAULT);
  logText("CPU:    ");
  logDec(v.processor);
  logEnd();
  logBegin(LOG_DEFAULT);
  selector("RIP", v, s.CS);
  logText(":[<");
  logHex(load<u64>(v.cpu, s.CPU_RIP), 16);
  logText(">]");
  logEnd();
  logBegin(LOG_DEFAULT);
  show("RFLAGS", rflags);
  logText("   CONTEXT: hvm guest (");
  logVcpu(v.domid, v.vcpuId);
  logText(")");
  logEnd();
  line("rax", gpr(v, 0), "rbx", gpr(v, 3), "rcx", gpr(v, 1));
  line("rdx", gpr(v, 2), "rsi", gpr(v, 6), "rdi", gpr(v, 7));
  line("rbp", gpr(v, 5), "rsp", gpr(v, 4), "r8 ", gpr(v, 8));
  line("r9 ", gpr(v, 9), "r10", gpr(v, 10), "r11", gpr(v, 11));
  line("r12", gpr(v, 12), "r13", gpr(v, 13), "r14", gpr(v, 14));
  line("r15", gpr(v, 15), "cr0", load<u64>(v.cpu, s.CPU_CR0), "cr4", load<u64>(v.cpu, s.CPU_CR4));
  line("cr3", load<u64>(v.cpu, s.CPU_CR3), "cr2", load<u64>(v.cpu, s.CPU_CR2), "efr", load<u64>(v.cpu, s.CPU_EFER));
  logBegin(LOG_DEFAULT);
  selector("ds", v, s.DS);
  selector("   es", v, s.ES);
  selector("   fs", v, s.FS);
  selector("   gs", v, s.GS);
  selector("   ss", v, s.SS);
  selector("   cs", v, s.CS);
  logEnd();
}
