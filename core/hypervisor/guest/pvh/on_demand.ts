/** Memory on demand (../../p2m/on_demand.ts) of the running vCPU's domain: what was missing in the last access that the second stage did not let through. */
import { deliverInterrupt, deliverNmi, injectException } from "../../../machine/cpu/exceptions";
import { FAULT_OUTSIDE, fault } from "../../../machine/cpu/machine";
import { outsideAddress } from "../../../machine/cpu/outside";
import { NO_ADDRESS } from "../../../machine/cpu/paging/walk";
import { LOG_G_ERR } from "../../abi/log";
import { logBegin, logDec, logEnd, logText, logVcpu } from "../../console/console";
import { Vcpu } from "../../domain/domain";
import { domainCrash } from "../../domain/lifecycle";
import { DomainMemory } from "../../memory/domain_memory";
import { NO_RESERVE, POPULATED, populate } from "../../p2m/on_demand";
import { enterGuestTlb, leaveGuestTlb } from "../../sched/ipi";
import { missingAddress } from "./address";

/** Gives the domain its memory at a guest-physical address. False: it gets none there on demand; or no more at all, and is crashed. Outside of run() and of guest accesses. */
export function supplied(v: Vcpu, address: u64): bool {
  const memory = changetype<DomainMemory>(v.domain.memory);
  const outcome = populate(memory, address >> 12);
  if (outcome == NO_RESERVE) {
    logBegin(LOG_G_ERR);
    logVcpu(v.domid, v.vcpuId);
    logText(" touches more memory than it is to have, and has not given back what is on demand: ");
    logDec(memory.totPages);
    logText(" pages, ");
    logDec(memory.onDemand);
    logText(" on demand");
    logEnd();
    domainCrash(v.domain);
  }
  return outcome == POPULATED;
}

/**
 * For translations of the hypervisor's own: the GuestType's `supply`. A pointer to where no more memory is to be had is a bad one: a crash would
 * come back here, for the guest's stack is read to be shown then.
 */
export function pvhSupply(v: Vcpu): bool {
  if (missingAddress == NO_ADDRESS) return false;
  return populate(changetype<DomainMemory>(v.domain.memory), missingAddress >> 12) == POPULATED;
}

/** For the delivery of something to the guest that has failed: whether it is to be tried again. */
function suppliedForDelivery(v: Vcpu): bool {
  return fault >= FAULT_OUTSIDE && supplied(v, outsideAddress);
}

// ---- deliveries, each with all the memory on demand that it touches. False as in machine/cpu/exceptions.ts. ----

export function deliverInterruptTo(v: Vcpu, vector: u32): bool {
  do {
    enterGuestTlb();
    const delivered = deliverInterrupt(vector);
    leaveGuestTlb();
    if (delivered) return true;
  } while (suppliedForDelivery(v));
  return false;
}

export function deliverNmiTo(v: Vcpu): bool {
  do {
    enterGuestTlb();
    const delivered = deliverNmi();
    leaveGuestTlb();
    if (delivered) return true;
  } while (suppliedForDelivery(v));
  return false;
}

export function injectExceptionInto(v: Vcpu, vector: i32, error: u32 = 0, address: u64 = 0): bool {
  do {
    enterGuestTlb();
    const delivered = injectException(vector, error, address);
    leaveGuestTlb();
    if (delivered) return true;
  } while (suppliedForDelivery(v));
  return false;
}
