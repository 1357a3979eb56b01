/**
 * The trace of hypercalls and accesses (native.ts: NATIVE_trace_buffers, NATIVE_trace): rings of records in the Xen heap, one for each pCPU and one for
 * dom0's thread. The hypervisor writes a record at the end of each hypercall of a traced domain, and at each access of a traced PVH domain to a port or
 * to an address without memory. The reader stores how far it has read. A full ring is not written to: the vCPU counts what it could not record
 * (VCPU_TRACE_LOST).
 */
/** Buffers: u32 number of rings, u32 number of records in each (a power of two), then the u32 address of each ring. */
export const TRACE_RINGS = 0;
export const TRACE_RECORDS = 4;
export const TRACE_RING_TABLE = 8;

/**
 * Ring: u32 number of records written and u32 number of records read so far. Both wrap freely, and each is stored by one side only. Then the records.
 */
export const TRACE_PRODUCER = 0;
export const TRACE_CONSUMER = 64;
export const TRACE_DATA = 128;
export const TRACE_RING_RECORDS = 4096;

export const TRACE_RECORD_SIZE = 128;
/** u64 ns since power-on when the call began; u32 ns that it took, or the largest u32 if it took longer. */
export const TRACE_TIME = 0;
export const TRACE_DURATION = 8;
/** u16 each. */
export const TRACE_DOMID = 12;
export const TRACE_VCPU = 14;
/** u64, as the guest gave it; of an access, its port or guest-physical address. */
export const TRACE_NUMBER = 16;
/** u64 RIP after the SYSCALL; 0 for native domains; of an access, the RIP of its instruction. */
export const TRACE_RIP = 24;
/**
 * 6 x u64: RDI RSI RDX R10 R8 R9, or the arguments of a multicall's entry. Of an access the first is its width in bytes, and the second what was read or
 * written.
 */
export const TRACE_ARGS = 32;
/** i64; without meaning if the flags say so. */
export const TRACE_RESULT = 80;
/** u32: how many calls and accesses of this vCPU could not be recorded before this one began (the low half of VCPU_TRACE_LOST). */
export const TRACE_LOST = 88;
/** u8 TRACE_FLAG_*; u8 number of readable bytes in what follows. */
export const TRACE_FLAGS = 92;
export const TRACE_BYTES = 93;
/** u8 TRACE_KIND_*. */
export const TRACE_KIND = 94;
/**
 * The first bytes of the structure, list or text that the call's pointer names, as they were when the call ended, so including what the hypervisor
 * has filled in.
 */
export const TRACE_STRUCT = 96;
export const TRACE_STRUCT_SIZE = 32;

export const TRACE_KIND_hypercall = 0;
/** Accesses, each of 1, 2, 4 or 8 bytes. A locked instruction makes two: it reads and it writes. */
export const TRACE_KIND_port_read = 1;
export const TRACE_KIND_port_write = 2;
export const TRACE_KIND_memory_read = 3;
export const TRACE_KIND_memory_write = 4;

/** The call is an entry of a multicall. */
export const TRACE_FLAG_member = 1;
/** The call is not finished: the guest makes it again with what is left (Xen's continuations). */
export const TRACE_FLAG_continued = 2;
/** The call has set the registers itself, so there is no result. */
export const TRACE_FLAG_no_result = 4;
