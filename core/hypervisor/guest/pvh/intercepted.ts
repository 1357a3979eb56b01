/** Instructions of a PVH guest that the engine leaves to the hypervisor (EXIT_PRIVILEGED), because they concern the platform. */
import * as H from "../../../machine/cpu/handlers";
import * as I from "../../../machine/cpu/ids";
import { getReg64, setReg64 } from "../../../machine/cpu/access";
import { clearFault, cpu, fault, faultAddress, faultError } from "../../../machine/cpu/machine";
import { OP_HANDLER, OP_ID, OP_OPSIZE, OP_RM } from "../../../machine/cpu/op";
import { outsideAddress } from "../../../machine/cpu/outside";
import { setAccumulator } from "../../../machine/cpu/operands";
import { CPU_EXIT_ERROR, CPU_EXIT_OP, CPU_GPR } from "../../../machine/cpu/state";
import { TRACE_KIND_port_read, TRACE_KIND_port_write } from "../../abi/trace";
import { Vcpu } from "../../domain/domain";
import { enterGuestTlb, leaveGuestTlb } from "../../sched/ipi";
import { cpuidA, cpuidB, cpuidC, cpuidD } from "../cpuid";
import {
  ALL_ONES,
  STRING_IO_AGAIN,
  STRING_IO_DONE,
  STRING_IO_FAULT,
  portOf,
  stringIo,
  stringIoValue,
  stringPort,
} from "../ports";
import { beginAlone, endAlone, portAccess } from "./accesses";
import { setTaskPriority, taskPriority } from "./apic";
import { pvhCpuid } from "./cpuid";
import { finish } from "./finish";
import { msrValue, readMsr, writeMsr } from "./msr";
import { injectExceptionInto, supplied } from "./on_demand";

const RAX: usize = CPU_GPR;
const RCX: usize = CPU_GPR + 8;
const RDX: usize = CPU_GPR + 16;
const RBX: usize = CPU_GPR + 24;

const DONE: i32 = 0;
const FAULT: i32 = 1;
/** RIP and all other state is already as it should be. */
const SETTLED: i32 = 2;
/** An exception of the instruction could not be delivered to the guest, which is a triple fault. */
const TRIPLE_FAULT: i32 = 3;

/** Returns true if the guest continues, false if its vCPU has shut down. */
export function intercepted(v: Vcpu): bool {
  const op = <usize>load<u32>(cpu, CPU_EXIT_OP);
  const outcome = <u32>load<u16>(op, OP_HANDLER) == H.H_STRING ? stringPorts(v, op) : system(v, op);
  if (outcome == DONE) return finish(v, op) < 0;
  if (outcome == SETTLED) return true;
  if (outcome == TRIPLE_FAULT) return false;
  // The guest's own handler gets the exception.
  return injectExceptionInto(v, <i32>load<u32>(cpu, CPU_EXIT_ERROR));
}

function system(v: Vcpu, op: usize): i32 {
  switch (<u32>load<u16>(op, OP_ID)) {
    case I.ID_CPUID:
      pvhCpuid(v, load<u32>(cpu, RAX), load<u32>(cpu, RCX));
      store<u64>(cpu, cpuidA, RAX);
      store<u64>(cpu, cpuidB, RBX);
      store<u64>(cpu, cpuidC, RCX);
      store<u64>(cpu, cpuidD, RDX);
      return DONE;
    case I.ID_RDMSR:
      if (!readMsr(v, load<u32>(cpu, RCX))) return FAULT;
      store<u64>(cpu, msrValue & 0xffffffff, RAX);
      store<u64>(cpu, msrValue >> 32, RDX);
      return DONE;
    case I.ID_WRMSR: {
      const value = (<u64>load<u32>(cpu, RAX)) | ((<u64>load<u32>(cpu, RDX)) << 32);
      return writeMsr(v, load<u32>(cpu, RCX), value) ? DONE : FAULT;
    }
    // Only CR8, which belongs to the local APIC, comes here.
    case I.ID_MOV_FROM_CR:
      setReg64(load<u8>(op, OP_RM), taskPriority(v));
      return DONE;
    case I.ID_MOV_TO_CR: {
      const value = getReg64(load<u8>(op, OP_RM));
      if (value >> 4) return FAULT;
      setTaskPriority(v, <u32>value);
      return DONE;
    }
    // No port answers.
    case I.ID_IN: {
      const bytes = <u32>load<u8>(op, OP_OPSIZE);
      portAccess(v, TRACE_KIND_port_read, portOf(v, op), bytes, ALL_ONES);
      setAccumulator(bytes, ALL_ONES);
      return DONE;
    }
    case I.ID_OUT:
      portAccess(v, TRACE_KIND_port_write, portOf(v, op), load<u8>(op, OP_OPSIZE), load<u64>(cpu, RAX));
      return DONE;
    // There are no caches.
    case I.ID_INVD:
    case I.ID_WBINVD:
      return DONE;
    default:
      return FAULT;
  }
}

/** Carries out one element; a repeated instruction comes back for the next one. If its memory is a device, that access is recorded before the port's. */
function stringPorts(v: Vcpu, op: usize): i32 {
  clearFault();
  beginAlone(v);
  enterGuestTlb();
  const outcome = stringIo(v, op);
  leaveGuestTlb();
  endAlone();
  if (outcome == STRING_IO_DONE || outcome == STRING_IO_AGAIN) {
    const kind = <u32>load<u16>(op, OP_ID) == I.ID_INS ? TRACE_KIND_port_read : TRACE_KIND_port_write;
    portAccess(v, kind, stringPort(v), load<u8>(op, OP_OPSIZE), stringIoValue);
  }
  if (outcome == STRING_IO_AGAIN) return SETTLED;
  if (outcome != STRING_IO_FAULT) return DONE;
  const vector = fault - 1;
  const error = faultError;
  const address = faultAddress;
  clearFault();
  // The memory operand's page tables lie in no memory, or it may not be written, and nothing answers, as at the port; or memory is supplied on demand now.
  if (vector > VECTOR_LAST) return supplied(v, outsideAddress) ? SETTLED : DONE;
  return injectExceptionInto(v, vector, error, address) ? SETTLED : TRIPLE_FAULT;
}
const VECTOR_LAST: i32 = 31;
