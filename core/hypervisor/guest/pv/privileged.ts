/**
 * Privileged instructions of PV guests, which are executed for them where the ABI says so (Xen's emulate_privileged_op). The engine has left the
 * instruction undone (EXIT_PRIVILEGED). It is completed here, or the guest gets the exception that silicon raises.
 */
import { CR0_TS, CR4_OSXSAVE, DR6_SINGLE_STEP } from "../../../machine/cpu/control_bits";
import * as H from "../../../machine/cpu/handlers";
import * as I from "../../../machine/cpu/ids";
import { getRflags } from "../../../machine/cpu/flags";
import { refreshMode } from "../../../machine/cpu/mode";
import { clearFault, cpu, fault, faultAddress, faultError } from "../../../machine/cpu/machine";
import { OP_HANDLER, OP_ID, OP_LENGTH, OP_OPSIZE, OP_PREFIX, OP_REG, OP_RM } from "../../../machine/cpu/op";
import { PREFIX_66, PREFIX_REP, PREFIX_REPNE } from "../../../machine/cpu/op";
import { setAccumulator } from "../../../machine/cpu/operands";
import { CPU_EXIT_ERROR, CPU_EXIT_OP, CPU_GPR, CPU_RIP, CPU_TSC_AUX } from "../../../machine/cpu/state";
import { isXcr0, setXcr0 } from "../../../machine/cpu/xcr0";
import { GUEST_TS, Vcpu } from "../../domain/domain";
import { ENODEV } from "../../../abi/errno";
import { domainMemory } from "../../memory/domain_memory";
import { newBase } from "../../memory/mmuext";
import { enterGuestTlb, leaveGuestTlb } from "../../sched/ipi";
import { RFLAGS_TF, injectGp, injectPageFault, injectTrap, injectUd, markFault } from "./bounce";
import { cpuidA, cpuidB, cpuidC, cpuidD } from "../cpuid";
import { pvCpuid } from "./cpuid";
import { debugValue, ioBreakpointsHit, noteDebugConditions, readDebugRegister, setDebugRegister } from "./debugreg";
import { STRING_IO_AGAIN, STRING_IO_FAULT, STRING_IO_NONE, portOf, stringIo, stringPort } from "../ports";
import { ioplAllows, portsAllowed } from "./io";
import { inKernelMode } from "./mode";
import { msrValue, readMsr, writeMsr } from "./msr";
import { setGuestCr4, setTaskSwitched } from "./state";
import { CR4_TSD, readDomainTsc } from "../tsc";

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

/** Finishes an instruction of `length` bytes: advances RIP, and gives a single-stepping guest its #DB. */
export function instructionDone(v: Vcpu, length: u64): void {
  store<u64>(cpu, load<u64>(cpu, CPU_RIP) + length, CPU_RIP);
  stepDone(v);
}

/** Raises what TF and I/O breakpoints demand after an instruction, or one element of a repeated one, that was executed here. */
function stepDone(v: Vcpu): void {
  const conditions = breakpointsHit | (getRflags() & RFLAGS_TF ? DR6_SINGLE_STEP : 0);
  breakpointsHit = 0;
  if (!conditions) return;
  noteDebugConditions(v, conditions);
  injectTrap(v, 1, 0, false);
}

/** Raises the trap for an instruction that a single-stepping guest has completed. */
export function singleStepTrap(v: Vcpu): void {
  noteDebugConditions(v, DR6_SINGLE_STEP);
  injectTrap(v, 1, 0, false);
}

/** DR6 bits of the I/O breakpoints that the present instruction has hit. */
let breakpointsHit: u64 = 0;

/** Executes CPUID on the registers of the running vCPU. `prefixed`: it has Xen's prefix. */
export function executeCpuid(v: Vcpu, prefixed: bool): void {
  pvCpuid(v, load<u32>(register(0)), load<u32>(register(1)), prefixed && inKernelMode(v));
  store<u64>(register(0), cpuidA);
  store<u64>(register(3), cpuidB);
  store<u64>(register(1), cpuidC);
  store<u64>(register(2), cpuidD);
}

const DONE: i32 = 0;
const GP: i32 = 1;
const UD: i32 = 2;
/** RIP and all other state is already as it should be. */
const SETTLED: i32 = 3;

export function privilegedInstruction(v: Vcpu): void {
  const op = <usize>load<u32>(cpu, CPU_EXIT_OP);
  const length = <u64>load<u8>(op, OP_LENGTH);
  const family = <u32>load<u16>(op, OP_HANDLER);
  const id = <u32>load<u16>(op, OP_ID);
  let outcome: i32;
  if (family == H.H_SYSTEM) outcome = system(v, op, id);
  else if (family == H.H_STRING) outcome = stringPorts(v, op);
  else outcome = <u32>load<u32>(cpu, CPU_EXIT_ERROR) == 6 ? UD : GP;
  if (outcome == DONE) instructionDone(v, length);
  else if (outcome != SETTLED) {
    markFault();
    if (outcome == GP) injectGp(v);
    else injectUd(v);
  }
}

/** Nothing answers on this machine's bus: reads give all ones, writes are lost. */
function portIo(v: Vcpu, op: usize, input: bool): i32 {
  const bytes = <u32>load<u8>(op, OP_OPSIZE);
  const port = portOf(v, op);
  if (!portsAllowed(v, port, bytes)) return GP;
  if (input) setAccumulator(bytes, 0xffffffffffffffff);
  breakpointsHit |= ioBreakpointsHit(v, port, bytes);
  return DONE;
}

function stringPorts(v: Vcpu, op: usize): i32 {
  const port = stringPort(v);
  const bytes = <u32>load<u8>(op, OP_OPSIZE);
  if (!portsAllowed(v, port, bytes)) return GP;
  enterGuestTlb();
  const outcome = stringIo(v, op);
  leaveGuestTlb();
  if (outcome != STRING_IO_FAULT && outcome != STRING_IO_NONE) breakpointsHit |= ioBreakpointsHit(v, port, bytes);
  if (outcome == STRING_IO_AGAIN) {
    stepDone(v);
    return SETTLED;
  }
  if (outcome != STRING_IO_FAULT) return DONE;
  const vector = fault - 1;
  const address = faultAddress;
  const error = faultError;
  clearFault();
  markFault();
  if (vector == 14) injectPageFault(v, address, error);
  else injectTrap(v, vector, error, true);
  return SETTLED;
}

function system(v: Vcpu, op: usize, id: u32): i32 {
  switch (id) {
    case I.ID_CPUID:
      executeCpuid(v, false);
      return DONE;
    case I.ID_IN:
    case I.ID_OUT:
      return portIo(v, op, id == I.ID_IN);
    case I.ID_CLI:
    case I.ID_STI:
      // With I/O privilege these instructions are accepted and do nothing, because the event mask is what disables events.
      return ioplAllows(v) ? DONE : GP;
    case I.ID_RDTSC:
    case I.ID_RDTSCP:
      // The engine leaves this instruction to us only with CR4.TSD set: by the guest, against its user programs, or by its TSC mode, to emulate it.
      if (!inKernelMode(v) && v.cr4 & CR4_TSD) return GP;
      setPair(readDomainTsc(v.domain));
      if (id == I.ID_RDTSCP) store<u64>(register(1), load<u32>(cpu, CPU_TSC_AUX));
      return DONE;
    case I.ID_XSETBV:
      // Xen looks at the guest's CR4 first, in user mode too.
      if (!(v.cr4 & CR4_OSXSAVE) || load<u8>(op, OP_PREFIX) & (PREFIX_66 | PREFIX_REP | PREFIX_REPNE)) return UD;
      if (!inKernelMode(v) || load<u32>(register(1)) || !isXcr0(pair())) return GP;
      setXcr0(pair());
      refreshMode();
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
    case I.ID_MOV_FROM_DR:
      if (!readDebugRegister(v, reg)) return UD;
      store<u64>(register(rm), debugValue);
      return DONE;
    case I.ID_MOV_TO_DR: {
      const error = setDebugRegister(v, reg, load<u64>(register(rm)));
      return error == -ENODEV ? UD : error ? GP : DONE;
    }
    case I.ID_CLTS:
      setTaskSwitched(v, false);
      return DONE;
    case I.ID_WBINVD:
      // There are no caches to write back.
      return DONE;
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
  else return GP;
  store<u64>(register(to), value);
  return DONE;
}

function writeControl(v: Vcpu, number: u32, value: u64): i32 {
  if (number == 0) {
    // The guest owns only TS.
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
  return GP;
}
