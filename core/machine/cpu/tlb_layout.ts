/** Offsets of the tables in a pCPU's software TLB (tlb.ts); translated code looks into them itself. */
export const TLB_ENTRIES = 16384;
export const TLB_READ = 0;
export const TLB_WRITE = 0x40000;
export const TLB_EXECUTE = 0x80000;
/** Number of the bits of a table's size in bytes. */
export const TLB_TABLE_BITS = 18;
/** An entry has its u64 tag, followed by what is added to the low half of a linear address to get a host address. */
export const TLB_ADDEND = 8;
/** The bits of a linear address, shifted to the right by TLB_SHIFT, that are the offset of its entry in a table. */
export const TLB_SHIFT = 8;
export const TLB_PLACE = 0x3fff0;
/** Which address space has which ASID (tlb.ts). */
export const TLB_SPACES = 0xc0000;
