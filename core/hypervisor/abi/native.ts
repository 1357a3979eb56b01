/**
 * What native domains have beyond Xen's ABI, and where watchers find numbers. Operations are those of hypercall
 * __HYPERVISOR_arch_7: first argument the operation, results in the return value.
 */

/**
 * (domid, frame): the machine frame of what the domain calls that (of a PVH domain a guest frame number); a page reference for the caller, who may then
 * read and write the frame's machine address.
 */
export const NATIVE_map_frame = 0;
/** (domid, mfn): 0. */
export const NATIVE_unmap_frame = 1;
/** (which): 0 first mfn, 1 number of frames, 2 machine address of start_info. */
export const NATIVE_own_frames = 2;
/** (): machine address of the statistics area. Privileged domains only. */
export const NATIVE_statistics = 3;
/** (): number of violations the invariant checker finds. Privileged domains only. */
export const NATIVE_check_invariants = 4;
/** (domid, port): PORT_BITS_* of an event channel's end. Privileged domains only. */
export const NATIVE_port_bits = 5;
/** (INSPECT_* of abi/inspect.ts, machine address of its structure). Privileged domains only. */
export const NATIVE_inspect = 6;
/** (): machine address of the trace buffers (trace.ts), made when first asked for. Privileged domains only. */
export const NATIVE_trace_buffers = 7;
/** (domid, 1 or 0): the domain's hypercalls, and a PVH domain's accesses to ports and to what is no memory, are recorded from now on, or no more. After NATIVE_trace_buffers; privileged domains only. */
export const NATIVE_trace = 8;

/** (MEMORY_*): where the memory side keeps its tables, or how large they are. Privileged domains only. */
export const NATIVE_memory = 9;
/** Machine address of the frame table, and of the machine-to-physical table. */
export const MEMORY_frame_table = 0;
export const MEMORY_m2p = 1;
/** Frames: all of the machine, those of the M2P, those of the Xen heap now; and the first that the allocator was given. */
export const MEMORY_frames = 2;
export const MEMORY_m2p_frames = 3;
export const MEMORY_xenheap_frames = 4;
export const MEMORY_first_heap_frame = 5;
/** (domid, frame): as NATIVE_map_frame, for who writes: as long as it is held the frame can't become a page table or descriptor table. */
export const NATIVE_map_frame_writable = 10;
/** (domid, mfn): 0. */
export const NATIVE_unmap_frame_writable = 11;

export const PORT_BITS_pending = 1;
export const PORT_BITS_masked = 2;
/** The domain has the FIFO ABI; else the 2-level one. */
export const PORT_BITS_fifo = 4;

/*
 * Statistics area: u32 words, then addresses of live structures, read without locks. A structure that is let go stays
 * readable for 2 s. Numbers of 64 bits may be torn by nobody (aligned stores), but belong to slightly different moments.
 */
/** u32 STATISTICS_MAGIC_VALUE; u32 version 1; u32 pCPUs; u32 address of the first pCPU; u32 bytes from one to the next. */
export const STATISTICS_MAGIC = 0;
export const STATISTICS_VERSION = 4;
export const STATISTICS_PCPUS = 8;
export const STATISTICS_PCPU_TABLE = 12;
export const STATISTICS_PCPU_STRIDE = 16;
export const STATISTICS_MAGIC_VALUE = 0x54415458;
/** u32: address of the first domain (ascending domid), 0 = none. */
export const STATISTICS_DOMAINS = 0x44;

/** pCPU: u32 number, u32 online, u32 address of the vCPU on it (0 = idle), u32 idle; u64 ns idle, u64 ns idle since (if idle is 1). */
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
 * Switch ring of a pCPU (sched/switches.ts): u32 records written so far (free-running), then SWITCHES records, the newest over the
 * oldest: u64 ns of system time, u32 domid, u32 vCPU that came onto the pCPU then; SWITCH_IDLE for both when none did.
 */
export const SWITCH_COUNT = 0;
export const SWITCH_RECORDS = 16;
export const SWITCH_RECORD_SIZE = 16;
export const SWITCH_TIME = 0;
export const SWITCH_DOMID = 8;
export const SWITCH_VCPU = 12;
export const SWITCHES = 2048;
export const SWITCH_IDLE = 0xffffffff;

/** Domain: u32 domid, u32 not used, u32 next domain, u32 memory, u32 table of u32 vCPU addresses, u32 its entries. */
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
/** Hypercall numbers are below this; NR_HYPERCALLS x u64: how often each was made. */
export const NR_HYPERCALLS = 64;
export const DOMAIN_HYPERCALLS_BY_NUMBER = 0x800;

/** Memory of a domain: u32 pages, u32 most pages. */
export const MEMORY_TOT_PAGES = 16;
export const MEMORY_MAX_PAGES = 20;

/** vCPU: u32 number, u32 domid, u32 RUNSTATE_*, u32 pCPU; u64 ns of system time of the last change; 4 x u64 ns by runstate. */
export const VCPU_ID = 0;
export const VCPU_DOMID = 4;
export const VCPU_RUNSTATE = 8;
export const VCPU_PROCESSOR = 12;
export const VCPU_RUNSTATE_SINCE = 16;
export const VCPU_RUNSTATE_TIMES = 24;
/** u64: times scheduled, migrations, hypercalls, upcalls. */
export const VCPU_SCHEDULED = 56;
export const VCPU_MIGRATIONS = 64;
export const VCPU_HYPERCALLS = 72;
export const VCPU_UPCALLS = 80;
/** u64: hypercalls and accesses of a traced domain that were not recorded as the ring was full. */
export const VCPU_TRACE_LOST = 88;
/** EXIT_CAUSES x u64: exits by EXIT_* (core/machine/cpu/exits.ts) from 0. */
export const VCPU_EXITS = 0xe00;
export const EXIT_CAUSES = 11;
/** ACCESS_KINDS x u64, by TRACE_KIND_* (trace.ts) from TRACE_KIND_port_read on: a PVH vCPU's accesses to ports, and to addresses without memory. */
export const VCPU_ACCESSES = 0xe58;
export const ACCESS_KINDS = 4;
/** u64: page faults handed to a PV guest's kernel by Xen. */
export const VCPU_PAGE_FAULTS = 0xe78;
/** u64: those that a PVH guest's kernel had without Xen (inside the vCPU's CpuState). */
export const VCPU_OWN_PAGE_FAULTS = 0xc70;
/** The engine's structure (core/machine/cpu/state.ts). */
export const VCPU_STATE = 0x800;
/** u64: instructions retired (inside the vCPU's CpuState). */
export const VCPU_RETIRED = 0xa20;

/** Entry of the frame table (memory/frames.ts), 32 bytes: u32 references, u16 owner, u16 flags, some of them below; u32 type references, u8 PGT_*, u8 flags of the type. */
export const FRAME_SIZE = 32;
export const FRAME_xen_heap = 2;
export const FRAME_free = 4;
export const FRAME_broken = 8;

/** Memory of a domain: u32 address of its grant table (grant/table.ts), 0 = none. */
export const MEMORY_GRANTS = 52;
/** Grant table: u32 frames, u32 mfn of the page of u32 mfns of pages of active entries, u32 active entries with pins; u32 mfns of its frames. */
export const GRANTS_FRAMES = 16;
export const GRANTS_ACTIVE_PAGES = 28;
export const GRANTS_PINNED = 52;
export const GRANTS_SHARED = 1024;
/** Pages of active entries to a frame, entries to a page; entry: u32 pins, u32 at 8 the mfn. */
export const ACTIVE_PAGES_PER_FRAME = 4;
export const ACTIVE_ENTRIES = 128;
export const ACTIVE_ENTRY_SIZE = 32;
export const ACTIVE_ENTRY_MFN = 8;
