/** Where the software TLB of a pCPU (tlb.ts) has its tables, from its beginning; translated code looks into them itself. */
export const TLB_READ = 0;
export const TLB_WRITE = 0x10000;
export const TLB_EXECUTE = 0x20000;
/** Of an entry: its u64 tag, and behind it what is added to the low half of a linear address to make a host address. */
export const TLB_ADDEND = 8;
