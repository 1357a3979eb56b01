/**
 * What differs between the types of guests: one structure a type, which guest/table.ts fills from the type's own folder. The rest of the
 * hypervisor knows types by these structures only, so this file imports none of them. The structures lie in the hypervisor's root, and hold
 * the same on every pCPU: function values are places in the image's constants.
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

/** `traits`: its vCPUs execute x86 code on pCPUs, by turns. Else each is a thread of its own, which waits on the vCPU's event word. */
const RUNS_ON_PCPUS: u32 = 1;
/** `traits`: its address spaces are page tables of machine frames, which Xen validates. */
const HAS_PAGE_TABLES: u32 = 2;
/** `traits`: its frame numbers are guest frame numbers, which its second stage (p2m/) translates. */
const IS_TRANSLATED: u32 = 4;
export const TRAITS_NATIVE: u32 = 0;
export const TRAITS_PV: u32 = RUNS_ON_PCPUS | HAS_PAGE_TABLES;
export const TRAITS_PVH: u32 = RUNS_ON_PCPUS | IS_TRANSLATED;

/** How `translate` is asked. */
export const TO_READ: u32 = 0;
export const TO_WRITE: u32 = 1;
/** To read without a trace in the guest's page tables. */
export const TO_PEEK: u32 = 2;


@unmanaged
export class GuestType {
  traits: u32;
  /** Bits of a guest's addresses (XEN_DOMCTL_get_address_size). */
  addressSize: u32;
  /** VMASST_TYPE_* that its guests may turn on. */
  vmAssists: u64;

  // -- domains --
  /** Whether struct xen_domctl_createdomain at `config` asks for this type, and for nothing that it has not. */
  accepts: (config: usize) => bool;
  /** Lets go of what the domain holds besides what its vCPUs hold. It is dying. */
  release: (d: Domain) => void;
  /** Tells the invariant checker (memory/expected.ts) of every frame that the domain and its vCPUs hold. */
  countHeld: (d: Domain) => void;
  /** Writes the hypercall page at machine address `page`. */
  fillHypercallPage: (page: usize) => void;

  // -- vCPUs --
  /** Start values; 0 or -errno. */
  initVcpu: (v: Vcpu) => i32;
  /** Lets go of what the vCPU holds. It will not run again. */
  releaseVcpu: (v: Vcpu) => void;
  /** Bytes of what setContext takes. */
  contextSize: u32;
  /** Takes over struct vcpu_guest_context, or a PVH guest's vcpu_hvm_context, in hypervisor memory. 0 or -errno; -ERESTART to be called again. The vCPU does not run. */
  setContext: (v: Vcpu, context: usize) => i32;
  /** Writes it, to zeroed memory. The vCPU does not run. */
  getContext: (v: Vcpu, context: usize) => void;
  /** The same of struct xen_domctl_ext_vcpucontext. 0 or -errno. */
  setExtContext: (v: Vcpu, context: usize) => i32;
  getExtContext: (v: Vcpu, context: usize) => i32;
  /** HVMOP_set_evtchn_upcall_vector. Of types with a second stage. */
  setUpcallVector: (v: Vcpu, vector: u32) => void;
  /**
   * Takes over a record of an HVM context (public/hvm/save.h), `length` bytes at `body`, in hypervisor memory, at system time `now`: 0, -EINVAL for
   * what no vCPU can have, -EOPNOTSUPP for a record that is not understood. The domain does not run. Likewise.
   */
  takeHvmRecord: (v: Vcpu, code: u32, body: usize, length: u32, now: u64) => i32;
  /** Writes the vCPU's records, to zeroed memory: the address behind them. The domain does not run. Likewise. */
  giveHvmRecords: (v: Vcpu, at: usize, now: u64) => usize;
  /** The vCPU's registers to the log. It does not run elsewhere. */
  showRegisters: (v: Vcpu) => void;

  // -- on a pCPU --
  /** The vCPU comes onto this pCPU. */
  enter: (v: Vcpu) => void;
  /** It leaves this pCPU. */
  leave: (v: Vcpu) => void;
  /** Before each run: delivers what waits for the vCPU. False: it may not run now. */
  beforeEnter: (v: Vcpu) => bool;
  /** After each run: does what it stopped for, EXIT_*. */
  handleExit: (v: Vcpu, reason: i32) => void;

  // -- calls --
  /** The type's column of hypercalls: -ENOSYS for what it has not. */
  hypercall: (number: u64, a0: u64, a1: u64, a2: u64, a3: u64) => i64;
  /** Whether [guest, guest + bytes) may be a guest's pointer at all. */
  rangeOk: (guest: u64, bytes: u64) => bool;
  /** Machine address behind the guest's pointer `guest` of vCPU `v`; 0 if there is none. How: TO_*. Inside enterGuestAccess. */
  translate: (v: Vcpu, guest: u64, how: u32) => usize;
  /**
   * After a translate() of the running vCPU that found nothing, outside of enterGuestAccess: gives the guest the memory that it gets on demand there.
   * True: it is worth asking again.
   */
  supply: (v: Vcpu) => bool;
}

/** The supply() of types whose guests have all their memory from the first. */
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

/** The type that struct xen_domctl_createdomain at `config` asks for; null if none is so. */
export function acceptingType(config: usize): GuestType | null {
  for (let number: u32 = 0; number < GUEST_TYPES; number++) {
    const type = guestType(number);
    if (type.accepts(config)) return type;
  }
  return null;
}

/** Its vCPUs execute x86 code on pCPUs: they are scheduled, have registers, and take interrupts. */
// @ts-ignore: decorator
@inline
export function runsOnPcpus(d: Domain): bool {
  return (typeOf(d).traits & RUNS_ON_PCPUS) != 0;
}
/** Its frame numbers are guest frame numbers. */
export function hasSecondStage(d: Domain): bool {
  return (typeOf(d).traits & IS_TRANSLATED) != 0;
}
/** Its address spaces are page tables of machine frames. */
// @ts-ignore: decorator
@inline
export function hasPageTables(d: Domain): bool {
  return (typeOf(d).traits & HAS_PAGE_TABLES) != 0;
}
