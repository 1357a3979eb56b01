/** Offsets of the tables in a pCPU's software TLB (tlb.ts); translated code looks into them itself. */
export const TLB_READ = 0;
export const TLB_WRITE = 0x10000;
export const TLB_EXECUTE = 0x20000;
/** An entry has its u64 tag, followed by what is added to the low half of a linear address to get a host address. */
export const TLB_ADDEND = 8;
