/**
 * The trace of hypercalls and accesses (native.ts: NATIVE_trace_buffers, NATIVE_trace): rings of records in Xen heap, one for each pCPU and one for
 * dom0's thread. The hypervisor writes a record at the end of each hypercall of a domain that is traced, and of each access of a PVH domain to a port or to
 * an address without memory; who reads says how far it has come. A full ring is left alone: the vCPU counts what it could not record (VCPU_TRACE_LOST).
 */
/** Buffers: u32 number of rings, u32 records of each (a power of two), then a u32 address for each ring. */
export const TRACE_RINGS = 0;
export const TRACE_RECORDS = 4;
export const TRACE_RING_TABLE = 8;

/** Ring: u32 records written and u32 records read so far, both free-running; each is stored by one side only. Then the records. */
export const TRACE_PRODUCER = 0;
export const TRACE_CONSUMER = 64;
export const TRACE_DATA = 128;
export const TRACE_RING_RECORDS = 4096;

export const TRACE_RECORD_SIZE = 128;
/** u64 ns since power-on when the call began; u32 ns it took, the largest u32 if longer. */
export const TRACE_TIME = 0;
export const TRACE_DURATION = 8;
/** u16 each. */
export const TRACE_DOMID = 12;
export const TRACE_VCPU = 14;
/** u64 as the guest gave it; of an access its port or guest-physical address. */
export const TRACE_NUMBER = 16;
/** u64 RIP behind the SYSCALL; 0 for native domains; of an access that of its instruction. */
export const TRACE_RIP = 24;
/** 6 x u64: RDI RSI RDX R10 R8 R9, or a multicall entry's; of an access in the first its width in bytes, in the second what was read or written. */
export const TRACE_ARGS = 32;
/** i64; says nothing when the flags say so. */
export const TRACE_RESULT = 80;
/** u32: of this vCPU's calls, how many could not be recorded until this one began (low half of VCPU_TRACE_LOST). */
export const TRACE_LOST = 88;
/** u8 TRACE_FLAG_*; u8 bytes of what follows that were readable. */
export const TRACE_FLAGS = 92;
export const TRACE_BYTES = 93;
/** u8 TRACE_KIND_*. */
export const TRACE_KIND = 94;
/**
 * First bytes of the structure (or list, or text) that the call's pointer names, as they were when it ended: with what the hypervisor
 * has filled in.
 */
export const TRACE_STRUCT = 96;
export const TRACE_STRUCT_SIZE = 32;

export const TRACE_KIND_hypercall = 0;
/** Accesses, each of 1, 2, 4 or 8 bytes; a locked instruction reads and writes. */
export const TRACE_KIND_port_read = 1;
export const TRACE_KIND_port_write = 2;
export const TRACE_KIND_memory_read = 3;
export const TRACE_KIND_memory_write = 4;

/** An entry of a multicall. */
export const TRACE_FLAG_member = 1;
/** Not finished: the guest makes it again with what is left (Xen's continuations). */
export const TRACE_FLAG_continued = 2;
/** It put the registers in order itself: there is no result. */
export const TRACE_FLAG_no_result = 4;
