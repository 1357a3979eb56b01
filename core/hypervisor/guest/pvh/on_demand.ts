/**
 * Gives the running vCPU's domain the memory of its own that an access of the vCPU did not find: on demand (../../p2m/on_demand.ts), or in the place of
 * a frame that the domain shares with others (../../p2m/sharing.ts).
 */
import { deliverInterrupt, deliverNmi, injectException } from "../../../machine/cpu/exceptions";
import { FAULT_OUTSIDE, fault } from "../../../machine/cpu/machine";
import { outsideAddress } from "../../../machine/cpu/outside";
import { NO_ADDRESS } from "../../../machine/cpu/paging/walk";
import { LOG_G_ERR } from "../../abi/log";
import { logBegin, logDec, logEnd, logText, logVcpu } from "../../console/console";
import { Vcpu } from "../../domain/domain";
import { domainCrash } from "../../domain/lifecycle";
import { DomainMemory } from "../../memory/domain_memory";
import { NO_RESERVE, POPULATED, SEARCHING, populateForItself } from "../../p2m/on_demand";
import { enterGuestTlb, leaveGuestTlb } from "../../sched/ipi";
import { missingAddress } from "./address";

/**
 * Gives the domain its memory at a guest-physical address. Returns false if it has none there, or if no more is to be had, for which the domain is
 * crashed. If it returns true the access is to be made again, and may come here again. Called outside of run() and of guest accesses.
 */
export function supplied(v: Vcpu, address: u64): bool {
  const outcome = populateForItself(changetype<DomainMemory>(v.domain.memory), address >> 12);
  if (outcome == NO_RESERVE) crashForMemory(v);
  return outcome == POPULATED || outcome == SEARCHING;
}

/**
 * How often a search goes on for one access: through 256 MiB that are not zero, for some tens of milliseconds. Xen's sweep goes through 4 MiB, and then on
 * until its pCPU has something else to do. A guest can always have the frame that is found be the last that is looked at, and ask again.
 */
const MOST_SEARCHES: u32 = 8;

/**
 * The same for an access that is not made again later, so the vCPU waits for what is being looked for, as in Xen, whose sweep for such frames is part of
 * the access.
 */
function suppliedAtOnce(v: Vcpu, address: u64): bool {
  const memory = changetype<DomainMemory>(v.domain.memory);
  let outcome: i32;
  let searches: u32 = 0;
  do outcome = populateForItself(memory, address >> 12);
  while (outcome == SEARCHING && ++searches < MOST_SEARCHES);
  if (outcome == NO_RESERVE || outcome == SEARCHING) crashForMemory(v);
  return outcome == POPULATED;
}

/** The domain of this pCPU's vCPU is being crashed: its stack is read to be shown, and may itself want memory. */
let isCrashing: bool = false;

function crashForMemory(v: Vcpu): void {
  if (isCrashing) return;
  isCrashing = true;
  const memory = changetype<DomainMemory>(v.domain.memory);
  logBegin(LOG_G_ERR);
  logVcpu(v.domid, v.vcpuId);
  logText(" touches more memory than it is to have, and has not given back what is on demand: ");
  logDec(memory.totPages);
  logText(" pages, ");
  logDec(memory.onDemand);
  logText(" on demand");
  logEnd();
  domainCrash(v.domain);
  isCrashing = false;
}

/**
 * The GuestType's `supply`, for translations by the hypervisor itself. If no more memory is to be had, the domain is crashed, as in Xen: otherwise it could
 * have all of its memory searched again by each hypercall.
 */
export function pvhSupply(v: Vcpu): bool {
  if (missingAddress == NO_ADDRESS || isCrashing || v.domain.isShuttingDown) return false;
  return suppliedAtOnce(v, missingAddress);
}

/** Delivers something to the running vCPU (machine/cpu/exceptions.ts). */
type Delivery = (vector: i32, error: u32, address: u64) => bool;

/**
 * Makes a delivery together with all the memory on demand that it touches. Returns false as in machine/cpu/exceptions.ts, and if no more memory is to
 * be had, for which the domain was crashed.
 */
function delivered(v: Vcpu, delivery: Delivery, vector: i32, error: u32, address: u64): bool {
  do {
    enterGuestTlb();
    const arrived = delivery(vector, error, address);
    leaveGuestTlb();
    if (arrived) return true;
  } while (fault >= FAULT_OUTSIDE && suppliedAtOnce(v, outsideAddress));
  return false;
}

export function deliverInterruptTo(v: Vcpu, vector: u32): bool {
  return delivered(v, (which, _error, _address) => deliverInterrupt(<u32>which), <i32>vector, 0, 0);
}

export function deliverNmiTo(v: Vcpu): bool {
  return delivered(v, (_vector, _error, _address) => deliverNmi(), 0, 0, 0);
}

export function injectExceptionInto(v: Vcpu, vector: i32, error: u32 = 0, address: u64 = 0): bool {
  return delivered(v, (which, code, at) => injectException(which, code, at), vector, error, address);
}
