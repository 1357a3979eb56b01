/**
 * Domains and vCPUs: structures of fixed layout in pages of the Xen heap, which every pCPU can reach. A structure that is freed is not reused for
 * QUARANTINE_NS. So code that looked a domain up may use it until it leaves the hypervisor, and must check `dying` where that matters.
 *
 * Domain: one page. Fields below, then DOMAIN_HYPERCALL_COUNTS (64 x u64).
 * Vcpu: two adjacent pages. Fields below, then the engine's CpuState at VCPU_CPU, then arrays at fixed offsets.
 * The first fields of both are read by watchers (abi/native.ts has their offsets): keep their places.
 */
import { DOMID_FIRST_RESERVED } from "../../abi/xen";
import { HYPERVISOR_ROOT } from "../memory/root";

// ---- hypervisor root words ---------------------------------------------------------------------------------------

/** u32: address of the table of Domain addresses by domid; DOMID_FIRST_RESERVED entries. */
export const ROOT_DOMAINS: usize = HYPERVISOR_ROOT + 0x40;
/** u32: first domain in ascending domid, linked by `next`. */
export const ROOT_DOMAIN_LIST: usize = HYPERVISOR_ROOT + 0x44;
/** Lock of list and table. */
export const ROOT_DOMAIN_LIST_LOCK: usize = HYPERVISOR_ROOT + 0x48;
/** Lock that lets one domctl or sysctl operation that changes domains run at a time. */
export const ROOT_DOMCTL_LOCK: usize = HYPERVISOR_ROOT + 0x4c;
/** u32: domid given to the last domain created. */
export const ROOT_LAST_DOMID: usize = HYPERVISOR_ROOT + 0x50;
/** u32: number of dead domains whose references have not all been dropped. */
export const ROOT_ZOMBIES: usize = HYPERVISOR_ROOT + 0x54;
/** u32: freed structures waiting for reuse, linked by `next`. */
export const ROOT_QUARANTINE: usize = HYPERVISOR_ROOT + 0x58;
export const ROOT_QUARANTINE_LOCK: usize = HYPERVISOR_ROOT + 0x5c;

// ---- Domain ------------------------------------------------------------------------------------------------------

/** Domain.flags */
export const DOMAIN_PRIVILEGED: u32 = 1;
/** The hardware domain: power-off of this domain is power-off of the host. */
export const DOMAIN_HARDWARE: u32 = 4;
export const DOMAIN_XENSTORE: u32 = 8;
export const DOMAIN_DEBUGGER: u32 = 32;

/** Domain.dying */
export const DOMDYING_alive: u32 = 0;
export const DOMDYING_dying: u32 = 1;
export const DOMDYING_dead: u32 = 2;

/** u64 counter per hypercall number, in the Domain's page. */
export const DOMAIN_HYPERCALL_COUNTS: usize = 0x800;
export const DOMAIN_PAGE_ORDER: u32 = 0;


@unmanaged
export class Domain {
  // -- watched (abi/native.ts) --
  /** 0x00 */
  domid: u32;
  /** 0x04 */
  reserved0: u32;
  /** 0x08: next domain, ascending domid. */
  next: usize;
  /** 0x0c: the memory side's DomainMemory. */
  memory: usize;
  /** 0x10: table of u32 addresses of Vcpus, maxVcpus entries; 0 = not created. */
  vcpus: usize;
  /** 0x14 */
  maxVcpus: u32;
  /** 0x18 */
  hypercalls: u64;
  /** 0x20: events sent by the domain's own hypercalls, and set pending for it. */
  eventsSent: u64;
  /** 0x28 */
  eventsReceived: u64;
  /** 0x30: host time of creation, ns. */
  created: u64;
  /** 0x38: xen_domain_handle_t, 16 bytes. */
  handle0: u64;
  handle1: u64;
  // -- end of watched --

  flags: u32;
  /** Address of its GuestType (guest/type.ts). */
  guest: usize;
  /** 1: its hypercalls and accesses are traced (hypercall/trace.ts). */
  traced: u32;
  /** General lock of the domain's fields. */
  lock: u32;
  /** Number of pauses by the toolstack and by the hypervisor that have not ended; the domain's vCPUs run only while it is 0. Atomic. */
  pauseCount: u32;
  /** Of those, pauses by XEN_DOMCTL_pausedomain (at most 1 matters to Xen's getdomaininfo). */
  controllerPauseCount: u32;
  /** DOMDYING_*. */
  dying: u32;
  /** 1: all vCPUs are stopped for good, or until XEN_DOMCTL_resumedomain. */
  isShutDown: u32;
  /** 1: shutdown has begun, and not all vCPUs have stopped yet. */
  isShuttingDown: u32;
  /** SHUTDOWN_* or SHUTDOWN_CODE_INVALID. */
  shutdownCode: u32;
  /** Guards the shutdown fields. */
  shutdownLock: u32;
  /** Number of Vcpus created. */
  nrVcpus: u32;
  /** VMASST_TYPE_* bits. */
  vmAssist: u64;
  /** Shared info page: frame and machine address. */
  sharedInfoMfn: u32;
  sharedInfo: usize;
  /** Steps of domainKill already done. */
  teardownStep: u32;
  /** System time at which the structure was freed, ns. */
  retiredAt: u64;
  /** Seconds, added to the wall clock (XEN_DOMCTL_settimeoffset). */
  timeOffsetSeconds: i64;
  /** TSC_MODE_*, and what follows from it: guest/tsc.ts. */
  tscMode: u32;
  /** XEN_X86_MSR_RELAXED. */
  msrRelaxed: u32;
  tscIncarnation: u32;
  /** 1: RDTSC exits and shows the time since tscZero (system time, ns) at tscKhz. */
  tscEmulated: u32;
  tscKhz: u32;
  tscZero: u64;
  /** System time of the last emulated reading. Atomic. */
  tscLast: u64;
  /** Factors of vcpu_time_info for tscKhz. */
  tscMultiplier: u32;
  tscShift: i32;
  ssidref: u32;
  /** Domain that may act on this one's behalf (XEN_DOMCTL_set_target): the target's domid, or -1. */
  target: i32;

  // -- event channels (event/) --
  /** Lock of ports and of the pointers here. */
  evtchnLock: u32;
  /** Port table (event/ decides its form). */
  evtchn: usize;
  /** FIFO: address of the domain's FIFO structure, 0 = 2-level. */
  evtchnFifo: usize;
  /** Ports that exist (valid_evtchns), and the highest allowed port number + 1. */
  evtchnValid: u32;
  evtchnMaxPort: u32;
  evtchnNextFree: u32;
  evtchnActive: u32;
  /** First port that an unfinished reset, or the domain's destruction, has not closed; 0 = not begun. */
  evtchnNextReset: u32;
  evtchnNextDestroy: u32;
  /** Number of vCPUs in SCHEDOP_poll. Atomic. */
  pollers: u32;

  // -- grants (grant/) keeps its own in DomainMemory; limits from createdomain --
  maxGrantFrames: i32;
  maxMaptrackFrames: i32;
  grantVersion: u32;

  // -- scheduler --
  weight: u32;
  /** Percent of one pCPU, 0 = none. */
  cap: u32;
  /** Set while the domain takes part in credit accounting. */
  activeVcpus: u32;

  // -- console_io of this domain --
  /** Bytes collected until the newline; the buffer is CONSOLE_LINE_SIZE bytes at this address. */
  consoleLine: usize;
  consoleLineLength: u32;
  consoleLock: u32;

  // -- native domains --
  nativeFirstMfn: u32;
  nativeFrames: u32;
  startInfo: usize;
  /** Frames the domain holds through NATIVE_map_frame (guest/native/frames.ts): address of an open hash, its size, slots used and keys in it. */
  nativeMaps: usize;
  nativeMapsOrder: u32;
  nativeMapsUsed: u32;
  nativeMapsLive: u32;

  // -- watchdogs: two per domain (SCHEDOP_watchdog); Timer structures (sched/timer.ts) --
  watchdogInUse: u32;
}
export const SHUTDOWN_CODE_INVALID: u32 = 0xffffffff;
/** Two Timers in the Domain's page. */
export const DOMAIN_WATCHDOG_TIMERS: usize = 0x400;
/** u64 by number: HVM_PARAM_* of a PVH domain, in the Domain's page. */
export const DOMAIN_HVM_PARAMS: usize = 0xc00;
/** The console line buffer, 256 bytes, in the Domain's page. */
export const DOMAIN_CONSOLE_LINE: usize = 0xa00;
export const CONSOLE_LINE_SIZE: u32 = 256;
/** FEATURE_WORDS x u32 in the Domain's page: its processor's features (guest/features.ts). */
export const DOMAIN_FEATURES: usize = 0xb00;

// ---- Vcpu --------------------------------------------------------------------------------------------------------

/** Vcpu.pauseFlags (Xen's VPF_*). Atomic. */
export const VPF_blocked: u32 = 1;
export const VPF_down: u32 = 2;
/** In SCHEDOP_poll (also blocked). */
export const VPF_polling: u32 = 4;
/** Parked by the scheduler: the domain has used up its cap. */
export const VPF_parked: u32 = 8;

/** Vcpu.guestFlags */
export const GUEST_KERNEL_MODE: u32 = 1;
/** VGCF_failsafe_disables_events, VGCF_syscall_disables_events. */
export const GUEST_FAILSAFE_DISABLES_EVENTS: u32 = 2;
export const GUEST_SYSCALL_DISABLES_EVENTS: u32 = 4;
/** CR0.TS as the guest has set it (HYPERVISOR_fpu_taskswitch). */
export const GUEST_TS: u32 = 8;
/** setvcpucontext was done (Xen's is_initialised). */
export const GUEST_INITIALISED: u32 = 16;

/** The engine's structure (core/machine/cpu/state.ts) inside the Vcpu. */
export const VCPU_CPU: usize = 0x800;
/** 16 x u32: frames of the guest's GDT (their type reference is held), by page. */
export const VCPU_GDT_FRAMES: usize = 0xd80;
/** 24 x u32: port bound to each VIRQ, 0 = none. */
export const VCPU_VIRQ_PORTS: usize = 0xdc0;
/** 4 Timers (sched/timer.ts): single-shot, periodic, poll, the local APIC's. */
export const VCPU_TIMERS: usize = 0xe40;
export const TIMER_SINGLESHOT: u32 = 0;
export const TIMER_PERIODIC: u32 = 1;
export const TIMER_POLL: u32 = 2;
export const TIMER_APIC: u32 = 3;
/** 11 x u64: exits by cause (EXIT_*). */
export const VCPU_EXIT_COUNTS: usize = 0xf00;
/** 4 x u64: accesses to ports and to what is no memory (guest/pvh/accesses.ts). */
export const VCPU_ACCESS_COUNTS: usize = 0xf58;
/** u64: page faults handed to the guest (abi/native.ts has its place). */
export const VCPU_PAGE_FAULT_COUNT: usize = 0xf78;
/** 256 x 16 bytes of struct trap_info by vector: u8 vector, u8 flags, u16 cs, 4 bytes, u64 address. */
export const VCPU_TRAPS: usize = 0x1000;
/** In its place, of PVH vCPUs: guest/pvh/state.ts, 2048 bytes. */
export const VCPU_HVM: usize = 0x1000;
export const VCPU_PAGE_ORDER: u32 = 1;

/**
 * `attached` of a native domain's vCPU: it has no thread; its thread is outside of the hypervisor; it looks whether it may enter, and holds nothing
 * yet; it makes a hypercall; it has none and gets none, because the domain is being destroyed.
 */
export const THREAD_NONE: u32 = 0;
export const THREAD_OUTSIDE: u32 = 1;
export const THREAD_ENTERING: u32 = 2;
export const THREAD_INSIDE: u32 = 3;
export const THREAD_REFUSED: u32 = 4;


@unmanaged
export class Vcpu {
  // -- watched (abi/native.ts) --
  /** 0x00 */
  vcpuId: u32;
  /** 0x04: domid, copied for watchers. */
  domid: u32;
  /** 0x08: RUNSTATE_*; changes under the runqueue lock. */
  runstate: u32;
  /** 0x0c: pCPU it runs on, is queued on or ran on last. */
  processor: u32;
  /** 0x10: host time of the last runstate change, ns. */
  runstateSince: u64;
  /** 0x18: ns in RUNSTATE_running, runnable, blocked, offline. */
  runstateTime0: u64;
  runstateTime1: u64;
  runstateTime2: u64;
  runstateTime3: u64;
  /** 0x38: times put on a pCPU. */
  scheduled: u64;
  /** 0x40: times moved to another pCPU. */
  migrations: u64;
  /** 0x48: hypercalls. */
  hypercalls: u64;
  /** 0x50: upcalls delivered. */
  upcalls: u64;
  /** 0x58: hypercalls and accesses that should have been traced and were not (hypercall/trace.ts). */
  traceLost: u64;
  // -- end of watched --

  domain: Domain;

  // -- scheduling (sched/) --
  /** VPF_*. Atomic. */
  pauseFlags: u32;
  /** Atomic. */
  pauseCount: u32;
  /** 1 from the moment a pCPU chooses the vCPU until its context has been saved. */
  isRunning: u32;
  /** On a runqueue: neighbours' addresses; onQueue 1. */
  queueNext: usize;
  queuePrev: usize;
  onQueue: u32;
  /** PRIORITY_* */
  priority: i32;
  /** Nanoseconds of pCPU time it may use before it is OVER. */
  credit: i64;
  /** When it was put on the pCPU / last charged. */
  startedAt: u64;
  chargedAt: u64;
  creditActive: u32;
  /** 1: the local APIC's timer is due (guest/pvh/apic_timer.ts). Atomic. */
  apicTimerDue: u32;
  /** Bit set of pCPUs. */
  hardAffinity: u64;
  softAffinity: u64;
  /** hardAffinity before SCHEDOP_pin_override; 0 = not overridden. */
  savedAffinity: u64;
  /** Number of pauses of this vCPU that the domain's shutdown made. */
  pausedForShutdown: u32;
  pausedForContext: u32;

  // -- time --
  /** ns; 0 = off. */
  periodicPeriod: u64;
  periodicLast: u64;

  // -- guest-mapped areas --
  /** Machine address of the vcpu_info: in the shared info page or where register_vcpu_info put it. */
  vcpuInfo: usize;
  /** Frame of a registered vcpu_info (reference and writable type reference held), 0 = none. */
  vcpuInfoMfn: u32;
  /** Guest linear addresses, 0 = none. */
  runstateGuest: u64;
  timeInfoGuest: u64;

  // -- SCHEDOP_poll: number of ports (0 = not polling) and the port if it is 1, or -1 --
  pollPort: i32;

  // -- PV state (guest/pv/) --
  guestFlags: u32;
  /** callbacks: linear addresses. */
  eventCallback: u64;
  failsafeCallback: u64;
  syscallCallback: u64;
  syscall32Callback: u64;
  sysenterCallback: u64;
  syscall32DisablesEvents: u32;
  sysenterDisablesEvents: u32;
  nmiCallback: u64;
  nmiPending: u32;
  /** vcpu_iret state: interrupted by an NMI. */
  nmiMasked: u32;
  kernelSs: u64;
  kernelSp: u64;
  gdtEntries: u32;
  ldtEntries: u32;
  ldtBase: u64;
  /** Page table roots: machine frames, 0 = none. `cr3Loaded` is the machine address in use now. */
  kernelCr3: u32;
  userCr3: u32;
  cr3Loaded: u64;
  /** Control registers as the guest sees them. */
  cr0: u64;
  cr4: u64;
  iopl: u32;
  trapCr2: u64;
  /** I/O bitmap (PHYSDEVOP_set_iobitmap): guest linear address and number of ports. */
  ioBitmap: u64;
  ioBitmapPorts: u32;
  /** DR7's enable bits of I/O breakpoints (guest/pv/debugreg.ts). */
  ioBreakpoints: u32;
  /** IA32_MCG_STATUS: the guest's own, as no machine check ever comes. */
  mcgStatus: u64;

  // -- event channels (event/) --
  evtchnFifo: usize;
  virqLock: u32;
  /** 1: events have become pending since the vCPU's type last looked (a PVH vCPU's upcall vector). Atomic. */
  upcallRaised: u32;

  // -- native --
  /** u32 word that native_event_word() names, changed on every event. */
  eventWord: u32;
  /** THREAD_*: changed by the thread, by who pauses it (sched/vcpu.ts) or destroys its domain, and when it has ended. Atomic. */
  attached: u32;
  /** Line buffer and mailbox stand-in of the native thread: a Pcpu structure (sched/pcpu.ts). */
  nativePcpu: usize;
  /** Address of the pCPU region whose TLB has this vCPU's translations, 0 = none. */
  lastRegion: usize;
  /** How far this vCPU has followed the log of its domain's page tables, for the TLB of that pCPU (memory/downgrades.ts). */
  downgradesFollowed: u64;

  // @ts-ignore: decorator
  @inline
  get cpu(): usize {
    return changetype<usize>(this) + VCPU_CPU;
  }
  // @ts-ignore: decorator
  @inline
  get traps(): usize {
    return changetype<usize>(this) + VCPU_TRAPS;
  }
}

// ---- lookups -----------------------------------------------------------------------------------------------------

/** The vCPU this pCPU runs, or that this native thread is; address 0 while idle or in boot. Wasm global: per pCPU. */
export let currentVcpu: Vcpu = changetype<Vcpu>(0);
export function setCurrentVcpu(v: Vcpu): void {
  currentVcpu = v;
}

/** A live or dying domain; null if there is none or the number is a reserved one (DOMID_SELF: see domainOrSelf). */
export function domainById(domid: u32): Domain | null {
  if (domid >= <u32>DOMID_FIRST_RESERVED) return null;
  const table = atomic.load<u32>(ROOT_DOMAINS);
  if (!table) return null;
  return changetype<Domain | null>(<usize>atomic.load<u32>(<usize>table + ((<usize>domid) << 2)));
}

/** Likewise, DOMID_SELF being the caller's own domain. */
export function domainOrSelf(domid: u32): Domain | null {
  if (domid == <u32>DOMID_FIRST_RESERVED) return currentVcpu.domain;
  return domainById(domid);
}

/** A vCPU that exists, or null. */
export function vcpuOf(d: Domain, vcpu: u32): Vcpu | null {
  if (vcpu >= d.maxVcpus) return null;
  return changetype<Vcpu | null>(<usize>atomic.load<u32>(d.vcpus + ((<usize>vcpu) << 2)));
}

export function firstDomain(): Domain | null {
  return changetype<Domain | null>(<usize>atomic.load<u32>(ROOT_DOMAIN_LIST));
}
/** Address of the first Domain, 0 = none; the next one's is in `next`. */
export function domainList(): usize {
  return <usize>atomic.load<u32>(ROOT_DOMAIN_LIST);
}
// @ts-ignore: decorator
@inline
export function nextDomain(d: Domain): Domain | null {
  return changetype<Domain | null>(d.next);
}

// @ts-ignore: decorator
@inline
export function isPrivileged(d: Domain): bool {
  return (d.flags & DOMAIN_PRIVILEGED) != 0;
}
/** Trap table entry of a vector. */
// @ts-ignore: decorator
@inline
export function trapInfo(v: Vcpu, vector: u32): usize {
  return changetype<usize>(v) + VCPU_TRAPS + ((<usize>vector) << 4);
}
