/**
 * Accesses of PVH guests to ports, and to guest-physical addresses without memory: each is counted, and recorded while the domain is traced
 * (abi/trace.ts).
 *
 * While run() executes guest code, nothing here can tell the RIP of an instruction that accesses an address without memory. So in a traced domain such an
 * instruction leaves run() undone, and is executed alone here. In a domain that is not traced, and while the ring has no room, it does not leave: its
 * accesses are only counted.
 */
import { step } from "../../../machine/cpu/interpreter";
import { cpu, setUnspent, unspent, unspentInterpreted } from "../../../machine/cpu/machine";
import { CPU_RIP } from "../../../machine/cpu/state";
import { VCPU_ACCESS_COUNTS, Vcpu } from "../../domain/domain";
import { traceAccess, traceHasRoom } from "../../hypercall/trace";
import { enterGuestTlb, leaveGuestTlb } from "../../sched/ipi";
import { TRACE_KIND_port_read } from "../../abi/trace";

/** Set while run() executes a traced domain, and the ring had room when it began: an instruction that would access a device leaves it. */
let leaves: bool = false;
/** The same where the ring had no room: accesses are made at once, and are counted as not recorded. */
let loses: bool = false;
/** Set while one instruction of a traced domain is executed alone or carried out by the hypervisor, and its RIP. */
let alone: bool = false;
let aloneRip: u64 = 0;

function count(v: Vcpu, kind: u32): void {
  const at = changetype<usize>(v) + VCPU_ACCESS_COUNTS + ((<usize>(kind - <u32>TRACE_KIND_port_read)) << 3);
  store<u64>(at, load<u64>(at) + 1);
}

/** Returns the low `bytes` bytes of a value: 1, 2, 4 or 8. */
function cut(value: u64, bytes: u32): u64 {
  return bytes < 8 ? value & (((<u64>1) << (bytes << 3)) - 1) : value;
}

/** Counts and records an IN, an OUT, or an element of INS or OUTS. CPU_RIP is the instruction. */
export function portAccess(v: Vcpu, kind: u32, port: u32, bytes: u32, value: u64): void {
  count(v, kind);
  if (v.domain.traced) traceAccess(kind, port, bytes, cut(value, bytes), load<u64>(cpu, CPU_RIP));
}

/** Counts and records an access to a device, or to where nothing is. */
// @ts-ignore: decorator
@inline
export function memoryAccess(v: Vcpu, kind: u32, address: u64, bytes: u32, value: u64): void {
  count(v, kind);
  if (alone) traceAccess(kind, address, bytes, cut(value, bytes), aloneRip);
  else if (loses) v.traceLost++;
}

/** Called just before run(). */
// @ts-ignore: decorator
@inline
export function beginAccesses(v: Vcpu): void {
  const traced = v.domain.traced != 0;
  leaves = traced && traceHasRoom();
  loses = traced && !leaves;
}
/**
 * Called before the hypervisor delivers anything to the guest, and after run(). Returns whether an access to a device has left run(): the domain may be
 * traced no longer, or only since run() began.
 */
// @ts-ignore: decorator
@inline
export function endAccesses(): bool {
  const left = leaves;
  leaves = false;
  loses = false;
  return left;
}

/** Tells whether an access to a device is to leave run(). */
// @ts-ignore: decorator
@inline
export function accessLeaves(): bool {
  return leaves;
}

/** From now on all accesses to devices are made by the instruction at RIP, and are recorded if the domain is traced. */
export function beginAlone(v: Vcpu): void {
  aloneRip = load<u64>(cpu, CPU_RIP);
  alone = v.domain.traced != 0;
}
export function endAlone(): void {
  alone = false;
}

/** Executes the instruction at RIP, or an element of a repeated one, and records its accesses. Returns EXIT_*, as run() does. */
export function executeAlone(v: Vcpu): i32 {
  const left = unspent;
  const interpreted = unspentInterpreted;
  beginAlone(v);
  enterGuestTlb();
  const reason = step();
  leaveGuestTlb();
  endAlone();
  setUnspent(left - 1, interpreted - 1);
  return reason;
}
