/**
 * What differs between the types of guests: one structure for each type, which guest/table.ts fills from the type's own folder. The rest of the
 * hypervisor knows types only by these structures, and this file imports none of them. The structures lie in the hypervisor's root and are the same
 * on every pCPU, because function values are positions in the image's constants.
 */
import { HYPERVISOR_ROOT } from "../memory/root";
import { Domain, Vcpu } from "../domain/domain";

/** Numbers of the types, in the order of their structures. */
export const GUEST_NATIVE: u32 = 0;
export const GUEST_PV64: u32 = 1;
export const GUEST_PVH: u32 = 2;
const GUEST_TYPES: u32 = 3;

const ROOT_GUEST_TYPES: usize = HYPERVISOR_ROOT + 0x200;
const GUEST_TYPE_SIZE: usize = 0x80;

/** `traits`: its vCPUs execute x86 code and share pCPUs. Otherwise each vCPU is a thread of its own, which waits on the vCPU's event word. */
const RUNS_ON_PCPUS: u32 = 1;
/** `traits`: its address spaces are page tables of machine frames, which Xen validates. */
const HAS_PAGE_TABLES: u32 = 2;
/** `traits`: its frame numbers are guest frame numbers, which its second stage (p2m/) translates. */
const IS_TRANSLATED: u32 = 4;
export const TRAITS_NATIVE: u32 = 0;
export const TRAITS_PV: u32 = RUNS_ON_PCPUS | HAS_PAGE_TABLES;
export const TRAITS_PVH: u32 = RUNS_ON_PCPUS | IS_TRANSLATED;

/** What `translate` is asked for. */
export const TO_READ: u32 = 0;
export const TO_WRITE: u32 = 1;
/** To read without leaving a trace in the guest's page tables. */
export const TO_PEEK: u32 = 2;


@unmanaged
export class GuestType {
  traits: u32;
  /** Number of bits of a guest's addresses (XEN_DOMCTL_get_address_size). */
  addressSize: u32;
  /** The VMASST_TYPE_* that its guests may turn on. */
  vmAssists: u64;

  // -- domains --
  /** Whether struct xen_domctl_createdomain at `config` asks for this type, and for nothing that the type does not have. */
  accepts: (config: usize) => bool;
  /** Drops what the domain holds besides what its vCPUs hold. The domain is dying. */
  release: (d: Domain) => void;
  /** Tells the invariant checker (memory/expected.ts) every frame that the domain and its vCPUs hold. */
  countHeld: (d: Domain) => void;
  /** The features of the processor, in a word of CPUID (features.ts), that its vCPUs can have beyond those that all vCPUs can. */
  moreFeatures: (word: u32) => u32;
  /** Writes the hypercall page at machine address `page`. */
  fillHypercallPage: (page: usize) => void;

  // -- vCPUs --
  /** Sets the initial state; 0 or -errno. */
  initVcpu: (v: Vcpu) => i32;
  /** Drops what the vCPU holds. It will not run again. */
  releaseVcpu: (v: Vcpu) => void;
  /** Size of the structure that setContext takes, in bytes. */
  contextSize: u32;
  /**
   * Takes over struct vcpu_guest_context, or for a PVH guest vcpu_hvm_context, in hypervisor memory. 0 or -errno; -ERESTART to be called again. The
   * vCPU does not run.
   */
  setContext: (v: Vcpu, context: usize) => i32;
  /** Writes the context to zeroed memory. The vCPU does not run. */
  getContext: (v: Vcpu, context: usize) => void;
  /** The same for struct xen_domctl_ext_vcpucontext. 0 or -errno. */
  setExtContext: (v: Vcpu, context: usize) => i32;
  getExtContext: (v: Vcpu, context: usize) => i32;
  /** HVMOP_set_evtchn_upcall_vector. Only types with a second stage have it. */
  setUpcallVector: (v: Vcpu, vector: u32) => void;
  /**
   * Takes over a record of an HVM context (public/hvm/save.h), `length` bytes at `body` in hypervisor memory, at system time `now`: 0, -EINVAL for
   * what no vCPU can have, -EOPNOTSUPP for a record that is not understood. The domain does not run. Only types with a second stage have it.
   */
  takeHvmRecord: (v: Vcpu, code: u32, body: usize, length: u32, now: u64) => i32;
  /**
   * Writes the vCPU's records to zeroed memory, and returns the address after them. The domain does not run. Only types with a second stage have it.
   */
  giveHvmRecords: (v: Vcpu, at: usize, now: u64) => usize;
  /** Writes the vCPU's registers to the log. The vCPU does not run elsewhere. */
  showRegisters: (v: Vcpu) => void;

  // -- on a pCPU --
  /** Called when the vCPU comes onto this pCPU. */
  enter: (v: Vcpu) => void;
  /** Called when it leaves this pCPU. */
  leave: (v: Vcpu) => void;
  /** Called before each run: delivers what waits for the vCPU. Returns false if it may not run now. */
  beforeEnter: (v: Vcpu) => bool;
  /** Called after each run: handles the exit EXIT_*. */
  handleExit: (v: Vcpu, reason: i32) => void;

  // -- calls --
  /** The type's column of hypercalls: -ENOSYS for those that it does not have. */
  hypercall: (number: u64, a0: u64, a1: u64, a2: u64, a3: u64) => i64;
  /** Whether [guest, guest + bytes) may be a pointer of the guest at all. */
  rangeOk: (guest: u64, bytes: u64) => bool;
  /** Returns the machine address behind the pointer `guest` of vCPU `v`; 0 if there is none. `how` is TO_*. Called inside enterGuestAccess. */
  translate: (v: Vcpu, guest: u64, how: u32) => usize;
  /**
   * Called outside of enterGuestAccess, after a translate() of the running vCPU that found nothing: gives the guest the memory that it gets on demand
   * there. Returns true if it is worth translating again.
   */
  supply: (v: Vcpu) => bool;
}

/** The moreFeatures() of types whose vCPUs do not own their processor's state. */
export function noMoreFeatures(word: u32): u32 {
  return 0;
}

/** The supply() of types whose guests have all their memory from the beginning. */
export function suppliesNothing(v: Vcpu): bool {
  return false;
}

export function guestType(number: u32): GuestType {
  return changetype<GuestType>(ROOT_GUEST_TYPES + <usize>number * GUEST_TYPE_SIZE);
}

// @ts-ignore: decorator
@inline
export function typeOf(d: Domain): GuestType {
  return changetype<GuestType>(d.guest);
}

export function isOfType(d: Domain, number: u32): bool {
  return typeOf(d) == guestType(number);
}

/** Returns the type that struct xen_domctl_createdomain at `config` asks for; null if there is none. */
export function acceptingType(config: usize): GuestType | null {
  for (let number: u32 = 0; number < GUEST_TYPES; number++) {
    const type = guestType(number);
    if (type.accepts(config)) return type;
  }
  return null;
}

/** Whether its vCPUs execute x86 code on pCPUs, so that they are scheduled, have registers, and take interrupts. */
// @ts-ignore: decorator
@inline
export function runsOnPcpus(d: Domain): bool {
  return (typeOf(d).traits & RUNS_ON_PCPUS) != 0;
}
/** Whether its frame numbers are guest frame numbers. */
export function hasSecondStage(d: Domain): bool {
  return (typeOf(d).traits & IS_TRANSLATED) != 0;
}
/** Whether its address spaces are page tables of machine frames. */
// @ts-ignore: decorator
@inline
export function hasPageTables(d: Domain): bool {
  return (typeOf(d).traits & HAS_PAGE_TABLES) != 0;
}
