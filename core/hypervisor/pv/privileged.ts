/**
 * Privileged instructions of PV guests, executed for them where the ABI says so (Xen's emulate_privileged_op). The engine left the
 * instruction undone (EXIT_PRIVILEGED); it is completed here, or the guest gets the exception that silicon raises.
 */
import * as H from "../../machine/cpu/handlers";
import * as I from "../../machine/cpu/ids";
import { effectiveAddress } from "../../machine/cpu/access";
import { getRflags } from "../../machine/cpu/flags";
import { refreshMode } from "../../machine/cpu/mode";
import { clearFault, cpu, fault, faultAddress, faultError } from "../../machine/cpu/machine";
import { OP_HANDLER, OP_ID, OP_LENGTH, OP_REG, OP_RM } from "../../machine/cpu/op";
import { getRm } from "../../machine/cpu/operands";
import {
  CPU_CR0,
  CPU_CR4,
  CPU_EXIT_ERROR,
  CPU_EXIT_OP,
  CPU_GPR,
  CPU_RIP,
  CPU_TSC_AUX,
  CPU_XCR0,
} from "../../machine/cpu/state";
import { GUEST_TS, Vcpu } from "../domain/domain";
import { doSchedOp } from "../hypercall/sched_op";
import { SCHEDOP_block } from "../abi/sched";
import { flushAddress } from "../memory/current";
import { domainMemory } from "../memory/domain_memory";
import { newBase } from "../memory/mmuext";
import { guestAddressOk } from "../memory/mmu_update";
import { enterGuestTlb, leaveGuestTlb } from "../sched/ipi";
import { RFLAGS_TF, injectGp, injectPageFault, injectTrap, injectUd } from "./bounce";
import { cpuidA, cpuidB, cpuidC, cpuidD, guestCpuid } from "./cpuid";
import { getDebugRegister, noteDebugConditions, setDebugRegister } from "./debugreg";
import { STRING_IO_AGAIN, STRING_IO_FAULT, STRING_IO_REFUSED, ioplAllows, portIo, stringIo } from "./io";
import { inKernelMode } from "./mode";
import { msrValue, readMsr, writeMsr } from "./msr";
import { CR4_TSD, processorCr4, readDomainTsc } from "./tsc";

const CR0_TS: u64 = 8;
const CR4_OSXSAVE: u64 = 1 << 18;
/** What a guest may set in CR4: TSD DE OSFXSR OSXMMEXCPT FSGSBASE OSXSAVE, of which these reach the processor. */
const CR4_GUEST: u64 = 4 | 8 | (1 << 16) | (1 << 18);
const DR6_SINGLE_STEP: u64 = 0x4000;
/** XCR0: x87 and SSE. */
const XCR0_VALID: u64 = 3;

// @ts-ignore: decorator
@inline
function register(n: u32): usize {
  return cpu + CPU_GPR + <usize>n * 8;
}
// @ts-ignore: decorator
@inline
function pair(): u64 {
  return (<u64>load<u32>(register(0))) | ((<u64>load<u32>(register(2))) << 32);
}
function setPair(value: u64): void {
  store<u64>(register(0), value & 0xffffffff);
  store<u64>(register(2), value >> 32);
}

/** Finishes an instruction of `length` bytes: RIP moves on, and a single-stepping guest gets its #DB. */
export function instructionDone(v: Vcpu, length: u64): void {
  store<u64>(cpu, load<u64>(cpu, CPU_RIP) + length, CPU_RIP);
  if (!(getRflags() & RFLAGS_TF)) return;
  noteDebugConditions(v, DR6_SINGLE_STEP);
  injectTrap(v, 1, 0, false);
}

/** CPUID by the registers of the running vCPU. */
export function executeCpuid(v: Vcpu): void {
  guestCpuid(v, load<u32>(register(0)), load<u32>(register(1)));
  store<u64>(register(0), cpuidA);
  store<u64>(register(3), cpuidB);
  store<u64>(register(1), cpuidC);
  store<u64>(register(2), cpuidD);
}

/** fpu_taskswitch, CLTS, CR0.TS: the engine raises #NM on the next FPU instruction while it is set. */
export function setTaskSwitched(v: Vcpu, set: bool): void {
  if (set) {
    v.guestFlags |= GUEST_TS;
    store<u64>(v.cpu, load<u64>(v.cpu, CPU_CR0) | CR0_TS, CPU_CR0);
  } else {
    v.guestFlags &= ~GUEST_TS;
    store<u64>(v.cpu, load<u64>(v.cpu, CPU_CR0) & ~CR0_TS, CPU_CR0);
  }
}

/** The guest's CR4 `value`; bits that are Xen's stay. */
export function setGuestCr4(v: Vcpu, value: u64): void {
  const c = v.cpu;
  v.cr4 = (v.cr4 & ~CR4_GUEST) | (value & CR4_GUEST);
  store<u64>(c, processorCr4(v, (load<u64>(c, CPU_CR4) & ~CR4_GUEST) | (value & CR4_GUEST)), CPU_CR4);
}

const DONE: i32 = 0;
const GP: i32 = 1;
const UD: i32 = 2;
/** RIP and whatever else is needed has been put in order already. */
const SETTLED: i32 = 3;

export function privilegedInstruction(v: Vcpu): void {
  const op = <usize>load<u32>(cpu, CPU_EXIT_OP);
  const length = <u64>load<u8>(op, OP_LENGTH);
  const family = <u32>load<u16>(op, OP_HANDLER);
  const id = <u32>load<u16>(op, OP_ID);
  let outcome: i32;
  if (family == H.H_SYSTEM) outcome = system(v, op, id);
  else if (family == H.H_CONTROL && id == I.ID_HLT) outcome = halt(v, length);
  else if (family == H.H_STRING) outcome = stringPorts(v, op);
  else outcome = <u32>load<u32>(cpu, CPU_EXIT_ERROR) == 6 ? UD : GP;
  if (outcome == DONE) instructionDone(v, length);
  else if (outcome == GP) injectGp(v);
  else if (outcome == UD) injectUd(v);
}

function halt(v: Vcpu, length: u64): i32 {
  if (!inKernelMode(v)) return GP;
  instructionDone(v, length);
  doSchedOp(SCHEDOP_block, 0);
  return SETTLED;
}

function stringPorts(v: Vcpu, op: usize): i32 {
  enterGuestTlb();
  const outcome = stringIo(v, op);
  leaveGuestTlb();
  if (outcome == STRING_IO_REFUSED) return GP;
  if (outcome == STRING_IO_AGAIN) return SETTLED;
  if (outcome != STRING_IO_FAULT) return DONE;
  const vector = fault - 1;
  const address = faultAddress;
  const error = faultError;
  clearFault();
  if (vector == 14) injectPageFault(v, address, error);
  else injectTrap(v, vector, error, true);
  return SETTLED;
}

function system(v: Vcpu, op: usize, id: u32): i32 {
  switch (id) {
    case I.ID_CPUID:
      executeCpuid(v);
      return DONE;
    case I.ID_IN:
    case I.ID_OUT:
      return portIo(v, op) ? DONE : GP;
    case I.ID_CLI:
    case I.ID_STI:
      // With I/O privilege they are accepted and do nothing: the event mask is what disables events.
      return ioplAllows(v) ? DONE : GP;
    case I.ID_RDTSC:
    case I.ID_RDTSCP:
      // Here only with CR4.TSD: the guest keeps it from its user programs, or its mode is emulation.
      if (!inKernelMode(v) && v.cr4 & CR4_TSD) return GP;
      setPair(readDomainTsc(v.domain));
      if (id == I.ID_RDTSCP) store<u64>(register(1), load<u32>(cpu, CPU_TSC_AUX));
      return DONE;
    default:
      return inKernelMode(v) ? kernelOnly(v, op, id) : <u32>load<u32>(cpu, CPU_EXIT_ERROR) == 6 ? UD : GP;
  }
}

function kernelOnly(v: Vcpu, op: usize, id: u32): i32 {
  const reg = <u32>load<u8>(op, OP_REG);
  const rm = <u32>load<u8>(op, OP_RM);
  switch (id) {
    case I.ID_RDMSR:
      if (!readMsr(v, load<u32>(register(1)))) return GP;
      setPair(msrValue);
      return DONE;
    case I.ID_WRMSR:
      return writeMsr(v, load<u32>(register(1)), pair()) ? DONE : GP;
    case I.ID_MOV_FROM_CR:
      return readControl(v, reg, rm);
    case I.ID_MOV_TO_CR:
      return writeControl(v, reg, load<u64>(register(rm)));
    case I.ID_MOV_FROM_DR: {
      const value = getDebugRegister(v, reg);
      if (<i64>value < 0 && <i64>value > -4096) return UD;
      store<u64>(register(rm), value);
      return DONE;
    }
    case I.ID_MOV_TO_DR:
      return setDebugRegister(v, reg, load<u64>(register(rm))) ? GP : DONE;
    case I.ID_CLTS:
      setTaskSwitched(v, false);
      return DONE;
    case I.ID_LMSW: {
      // The operand may be in memory, and its frame given away at this moment by another vCPU.
      enterGuestTlb();
      const value = getRm(op, 2);
      leaveGuestTlb();
      if (fault) {
        clearFault();
        return GP;
      }
      setTaskSwitched(v, (value & CR0_TS) != 0);
      return DONE;
    }
    case I.ID_INVLPG: {
      const address = effectiveAddress(op);
      if (guestAddressOk(address)) flushAddress(address);
      return DONE;
    }
    case I.ID_INVD:
    case I.ID_WBINVD:
      // There are no caches to write back.
      return DONE;
    case I.ID_XSETBV: {
      if (!(v.cr4 & CR4_OSXSAVE)) return UD;
      const value = pair();
      if (load<u32>(register(1)) || !(value & 1) || value & ~XCR0_VALID) return GP;
      store<u64>(cpu, value, CPU_XCR0);
      return DONE;
    }
    default:
      return <u32>load<u32>(cpu, CPU_EXIT_ERROR) == 6 ? UD : GP;
  }
}

function readControl(v: Vcpu, number: u32, to: u32): i32 {
  let value: u64 = 0;
  if (number == 0) value = (v.cr0 & ~CR0_TS) | (v.guestFlags & GUEST_TS ? CR0_TS : 0);
  else if (number == 2) value = v.trapCr2;
  else if (number == 3) value = (<u64>v.kernelCr3) << 12;
  else if (number == 4) value = v.cr4;
  else return UD;
  store<u64>(register(to), value);
  return DONE;
}

function writeControl(v: Vcpu, number: u32, value: u64): i32 {
  if (number == 0) {
    // Only TS is the guest's.
    if ((value ^ v.cr0) & ~CR0_TS) return GP;
    setTaskSwitched(v, (value & CR0_TS) != 0);
    return DONE;
  }
  if (number == 2) {
    v.trapCr2 = value;
    return DONE;
  }
  if (number == 3) {
    const memory = domainMemory(v.domid);
    if (memory == null || newBase(value >> 12, memory)) return GP;
    return DONE;
  }
  if (number == 4) {
    setGuestCr4(v, value);
    refreshMode();
    return DONE;
  }
  return UD;
}
