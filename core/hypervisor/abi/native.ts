/**
 * What native domains have beyond Xen's ABI, and where watchers find statistics. The operations belong to hypercall __HYPERVISOR_arch_7: the first
 * argument is the operation, and results are in the return value.
 */

/**
 * (domid, frame): returns the machine frame of what the domain calls `frame`, which for a PVH domain is a guest frame number. The caller gets a
 * reference, with which it may read and write the frame at its machine address.
 */
export const NATIVE_map_frame = 0;
/** (domid, mfn): drops that reference. 0. */
export const NATIVE_unmap_frame = 1;
/** (which): 0 returns the first mfn of the caller's memory, 1 the number of its frames, 2 the machine address of start_info. */
export const NATIVE_own_frames = 2;
/** (): returns the machine address of the statistics area. Privileged domains only. */
export const NATIVE_statistics = 3;
/** (): returns the number of violations that the invariant checker finds. Privileged domains only. */
export const NATIVE_check_invariants = 4;
/** (domid, port): returns PORT_BITS_* of one end of an event channel. Privileged domains only. */
export const NATIVE_port_bits = 5;
/** (INSPECT_* of abi/inspect.ts, machine address of its structure). Privileged domains only. */
export const NATIVE_inspect = 6;
/** (): returns the machine address of the trace buffers (trace.ts), which the first call makes. Privileged domains only. */
export const NATIVE_trace_buffers = 7;
/**
 * (domid, 1 or 0): starts or stops recording the domain's hypercalls, and, of a PVH domain, its accesses to ports and to addresses without memory.
 * NATIVE_trace_buffers must have been called before. Privileged domains only.
 */
export const NATIVE_trace = 8;

/** (MEMORY_*): returns where the memory side keeps its tables, or how large they are. Privileged domains only. */
export const NATIVE_memory = 9;
/** Machine addresses of the frame table and of the machine-to-physical table. */
export const MEMORY_frame_table = 0;
export const MEMORY_m2p = 1;
/** Numbers of frames: all of the machine, those of the M2P, those of the Xen heap now; then the first frame that the allocator was given. */
export const MEMORY_frames = 2;
export const MEMORY_m2p_frames = 3;
export const MEMORY_xenheap_frames = 4;
export const MEMORY_first_heap_frame = 5;
/**
 * (domid, frame): as NATIVE_map_frame, for a caller that writes. As long as this is held, the frame can't become a page table or a descriptor table.
 */
export const NATIVE_map_frame_writable = 10;
/** (domid, mfn): drops that hold. 0. */
export const NATIVE_unmap_frame_writable = 11;
/**
 * (domid, frame): as NATIVE_map_frame, for a caller that only reads. A frame that a PVH domain shares with others stays shared. Dropped by
 * NATIVE_unmap_frame.
 */
export const NATIVE_map_frame_to_read = 12;
/**
 * (domid from | domid to << 16, machine address of a list of the caller's, count): copies frames of a domain that stands still into frames of a new one,
 * which are all zero: nothing is written for a page of zeros. List: u32 frame of the one, u32 frame of the other, as these number their frames; COPY_MOST
 * at most. Returns 0; or with part of it done -EINVAL for a frame that is not the domain's, or is a page table of the new one. Privileged domains only.
 */
export const NATIVE_copy_frames = 13;
/**
 * (domid, first guest frame, count): makes a PVH domain's own memory there shareable, where nobody uses it in any other way: read-only, until the domain
 * writes to it. COPY_MOST at most. Privileged domains only.
 */
export const NATIVE_make_shareable = 14;
/**
 * (domid from | domid to << 16, first guest frame, count): gives a PVH domain that has nothing there what another has there. What is shareable they share,
 * copy-on-write, of other memory it gets a copy. COPY_MOST at most. Returns 0, or with part of it done -ENOMEM. Privileged domains only.
 */
export const NATIVE_copy_memory = 15;
/** The most frames in one of these calls. */
export const COPY_MOST = 1024;

/**
 * (domid, mfn | count << 32): tells a native domain that was created what NATIVE_own_frames answers it: so many adjacent frames of its memory, of
 * which the first has its start_info. 0. Privileged domains only.
 */
export const NATIVE_set_frames = 16;
/**
 * (domid, 1 or 0): tells the hypervisor that the thread of a native domain's vCPU has ended and will touch no memory any more. Unless it is 1, which
 * says that this was meant, the domain has crashed. 0. Privileged domains only.
 */
export const NATIVE_thread_ended = 17;

/** A flag of createdomain that only this hypervisor has, beside no other: a native domain. It has one vCPU. */
export const CDF_native = 0x40000000;

export const PORT_BITS_pending = 1;
export const PORT_BITS_masked = 2;
/** Set if the domain uses the FIFO ABI, clear if it uses the 2-level one. */
export const PORT_BITS_fifo = 4;

/* Statistics area: u32 words and addresses of live structures, which are read without locks. A structure that was freed stays readable for 2 s. A
   64-bit number is never torn, because it is stored aligned, but different numbers belong to slightly different moments. */
/** u32 STATISTICS_MAGIC_VALUE; u32 version 1; u32 number of pCPUs; u32 address of the first pCPU; u32 bytes from one pCPU to the next. */
export const STATISTICS_MAGIC = 0;
export const STATISTICS_VERSION = 4;
export const STATISTICS_PCPUS = 8;
export const STATISTICS_PCPU_TABLE = 12;
export const STATISTICS_PCPU_STRIDE = 16;
export const STATISTICS_MAGIC_VALUE = 0x54415458;
/** u32: address of the first domain (they are in ascending order of domid), 0 = none. */
export const STATISTICS_DOMAINS = 0x44;

/**
 * pCPU: u32 number, u32 online, u32 address of the vCPU on it (0 = idle), u32 idle; u64 ns it has been idle, u64 time in ns since when it is idle (if
 * idle is 1).
 */
export const PCPU_ID = 0;
export const PCPU_ONLINE = 4;
export const PCPU_CURRENT = 8;
export const PCPU_IDLE = 12;
export const PCPU_IDLE_TIME = 16;
export const PCPU_IDLE_SINCE = 24;
export const PCPU_SWITCHES = 32;
export const PCPU_IPIS = 40;
/** u32: address of its switch ring. */
export const PCPU_SWITCH_RING = 48;

/**
 * Switch ring of a pCPU (sched/switches.ts): u32 number of records written so far, which wraps freely, then SWITCHES records, of which the newest
 * overwrites the oldest: u64 ns of system time, u32 domid and u32 number of the vCPU that came onto the pCPU then; both are SWITCH_IDLE when none
 * did.
 */
export const SWITCH_COUNT = 0;
export const SWITCH_RECORDS = 16;
export const SWITCH_RECORD_SIZE = 16;
export const SWITCH_TIME = 0;
export const SWITCH_DOMID = 8;
export const SWITCH_VCPU = 12;
export const SWITCHES = 2048;
export const SWITCH_IDLE = 0xffffffff;

/**
 * Domain: u32 domid, u32 not used, u32 address of the next domain, u32 address of its memory structure, u32 address of the table of u32 vCPU
 * addresses, u32 number of its entries.
 */
export const DOMAIN_DOMID = 0;
export const DOMAIN_NEXT = 8;
export const DOMAIN_MEMORY = 12;
export const DOMAIN_VCPUS = 16;
export const DOMAIN_MAX_VCPUS = 20;
/** u64 each. */
export const DOMAIN_HYPERCALLS = 24;
export const DOMAIN_EVENTS_SENT = 32;
export const DOMAIN_EVENTS_RECEIVED = 40;
export const DOMAIN_CREATED = 48;
/** 16 bytes. */
export const DOMAIN_HANDLE = 56;
/** Hypercall numbers are below this. NR_HYPERCALLS x u64: how often each was made. */
export const NR_HYPERCALLS = 64;
export const DOMAIN_HYPERCALLS_BY_NUMBER = 0x800;

/** Memory of a domain: u32 pages, u32 the most pages it may have. */
export const MEMORY_TOT_PAGES = 16;
export const MEMORY_MAX_PAGES = 20;

/** vCPU: u32 number, u32 domid, u32 RUNSTATE_*, u32 pCPU; u64 system time in ns of the last change; 4 x u64 ns spent in each runstate. */
export const VCPU_ID = 0;
export const VCPU_DOMID = 4;
export const VCPU_RUNSTATE = 8;
export const VCPU_PROCESSOR = 12;
export const VCPU_RUNSTATE_SINCE = 16;
export const VCPU_RUNSTATE_TIMES = 24;
/** u64 each: times scheduled, migrations, hypercalls, upcalls. */
export const VCPU_SCHEDULED = 56;
export const VCPU_MIGRATIONS = 64;
export const VCPU_HYPERCALLS = 72;
export const VCPU_UPCALLS = 80;
/** u64: hypercalls and accesses of a traced domain that were not recorded because the ring was full. */
export const VCPU_TRACE_LOST = 88;
/** EXIT_CAUSES x u64: exits by reason, EXIT_* (core/machine/cpu/exits.ts), from 0 on. */
export const VCPU_EXITS = 0xf00;
export const EXIT_CAUSES = 11;
/** ACCESS_KINDS x u64: a PVH vCPU's accesses to ports and to addresses without memory, by TRACE_KIND_* (trace.ts) from TRACE_KIND_port_read on. */
export const VCPU_ACCESSES = 0xf58;
export const ACCESS_KINDS = 4;
/** u64: page faults that Xen passed to the kernel of a PV guest. */
export const VCPU_PAGE_FAULTS = 0xf78;
/** u64: those that a PVH guest's kernel had without Xen (inside the vCPU's CpuState). */
export const VCPU_OWN_PAGE_FAULTS = 0xc70;
/** The engine's structure (core/machine/cpu/state.ts). */
export const VCPU_STATE = 0x800;
/** u64: instructions retired (a field of the vCPU's CpuState). */
export const VCPU_RETIRED = 0xa20;

/**
 * Entry of the frame table (memory/frames.ts), 32 bytes: u32 references, u16 owner, u16 flags, of which some stand below; u32 type references, u8
 * PGT_*, u8 flags of the type.
 */
export const FRAME_SIZE = 32;
export const FRAME_xen_heap = 2;
export const FRAME_free = 4;
export const FRAME_broken = 8;

/** Memory of a domain: u32 address of its grant table (grant/table.ts), 0 = none. */
export const MEMORY_GRANTS = 52;
/**
 * Grant table: u32 number of frames, u32 mfn of the page with the u32 mfns of the pages of active entries, u32 number of active entries with pins;
 * u32 mfns of its frames.
 */
export const GRANTS_FRAMES = 16;
export const GRANTS_ACTIVE_PAGES = 28;
export const GRANTS_PINNED = 52;
export const GRANTS_SHARED = 1024;
/** Pages of active entries for each frame, and entries in each page. Entry: u32 pins, and at 8 the u32 mfn. */
export const ACTIVE_PAGES_PER_FRAME = 4;
export const ACTIVE_ENTRIES = 128;
export const ACTIVE_ENTRY_SIZE = 32;
export const ACTIVE_ENTRY_MFN = 8;
