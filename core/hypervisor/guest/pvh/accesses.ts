/**
 * Accesses of PVH guests to ports, and to guest-physical addresses without memory: each is counted, and recorded while the domain is traced
 * (abi/trace.ts).
 *
 * Within run() nobody knows the RIP of an instruction that accesses what is no memory. So of a traced domain such an instruction leaves run(), undone, and
 * is executed alone here; untraced it costs a count.
 */
import { stepPart } from "../../../machine/cpu/interpreter";
import { cpu, setUnspent, unspent, unspentInterpreted } from "../../../machine/cpu/machine";
import { CPU_RIP } from "../../../machine/cpu/state";
import { VCPU_ACCESS_COUNTS, Vcpu } from "../../domain/domain";
import { traceAccess } from "../../hypercall/trace";
import { enterGuestTlb, leaveGuestTlb } from "../../sched/ipi";
import { TRACE_KIND_port_read } from "../../abi/trace";

/** In run() of a traced domain: what would access a device leaves it. */
let leaves: bool = false;
/** In executeAlone(), and RIP of the instruction. */
let alone: bool = false;
let aloneRip: u64 = 0;

function count(v: Vcpu, kind: u32): void {
  const at = changetype<usize>(v) + VCPU_ACCESS_COUNTS + ((<usize>(kind - <u32>TRACE_KIND_port_read)) << 3);
  store<u64>(at, load<u64>(at) + 1);
}

/** Its low `bytes`, 1, 2, 4 or 8. */
function cut(value: u64, bytes: u32): u64 {
  return bytes < 8 ? value & (((<u64>1) << (bytes << 3)) - 1) : value;
}

/** IN, OUT, or an element of INS or OUTS, whose RIP is CPU_RIP. */
export function portAccess(v: Vcpu, kind: u32, port: u32, bytes: u32, value: u64): void {
  count(v, kind);
  if (v.domain.traced) traceAccess(kind, port, bytes, cut(value, bytes), load<u64>(cpu, CPU_RIP));
}

/** An access of a device's, or of where nothing is. */
// @ts-ignore: decorator
@inline
export function memoryAccess(v: Vcpu, kind: u32, address: u64, bytes: u32, value: u64): void {
  count(v, kind);
  if (alone) traceAccess(kind, address, bytes, cut(value, bytes), aloneRip);
}

/** Before run(), and before whatever else accesses what the guest does. */
// @ts-ignore: decorator
@inline
export function beginAccesses(v: Vcpu): void {
  leaves = v.domain.traced != 0;
}
// @ts-ignore: decorator
@inline
export function endAccesses(): void {
  leaves = false;
}

/** Whether an access to a device is to leave run(). */
// @ts-ignore: decorator
@inline
export function accessLeaves(): bool {
  return leaves;
}

/** Executes the instruction at RIP, or a part of a repeated one, and records its accesses. EXIT_* as of run(). */
export function executeAlone(): i32 {
  const left = unspent;
  const interpreted = unspentInterpreted;
  aloneRip = load<u64>(cpu, CPU_RIP);
  alone = true;
  enterGuestTlb();
  const reason = stepPart();
  leaveGuestTlb();
  alone = false;
  setUnspent(left, interpreted);
  return reason;
}
