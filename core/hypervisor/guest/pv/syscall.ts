/** The hypercall convention of 64-bit PV guests: number in RAX, arguments in RDI RSI RDX R10 R8 R9, result in RAX. */
import { CPU_GPR, CPU_RIP } from "../../../machine/cpu/state";
import { Vcpu } from "../../domain/domain";
import {
  HYPERCALL_CONTINUE,
  beginHypercall,
  nextArg0,
  nextArg1,
  nextArg2,
  nextArg3,
  nextArg4,
  nextArg5,
  registersReplaced,
} from "../../hypercall/continuation";
import { beginsUntraced, hypercall } from "../../hypercall/dispatch";
import { pvColumn } from "./hypercalls";

const RDX: usize = 16;
const RSI: usize = 48;
const RDI: usize = 56;
const R8: usize = 64;
const R9: usize = 72;
const R10: usize = 80;
/** Length of SYSCALL, over which a continuation steps back. */
const SYSCALL_LENGTH: u64 = 2;

/** Carries out the hypercall that a PV vCPU has just made by SYSCALL from kernel mode. */
export function pvHypercall(v: Vcpu): void {
  const gpr = v.cpu + CPU_GPR;
  beginHypercall();
  const number = load<u64>(gpr);
  const a0 = load<u64>(gpr + RDI);
  const a1 = load<u64>(gpr + RSI);
  const a2 = load<u64>(gpr + RDX);
  const a3 = load<u64>(gpr + R10);
  let result: i64;
  if (beginsUntraced(number)) result = pvColumn(number, a0, a1, a2, a3);
  else result = hypercall(number, a0, a1, a2, a3, load<u64>(gpr + R8), load<u64>(gpr + R9));
  if (registersReplaced) return;
  if (result == HYPERCALL_CONTINUE) {
    store<u64>(gpr, number);
    store<u64>(gpr + RDI, nextArg0);
    store<u64>(gpr + RSI, nextArg1);
    store<u64>(gpr + RDX, nextArg2);
    store<u64>(gpr + R10, nextArg3);
    store<u64>(gpr + R8, nextArg4);
    store<u64>(gpr + R9, nextArg5);
    store<u64>(v.cpu, load<u64>(v.cpu, CPU_RIP) - SYSCALL_LENGTH, CPU_RIP);
    return;
  }
  store<u64>(gpr, result);
}
