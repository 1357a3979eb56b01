/** xenctrl.h. */

/** Types of memory ranges, as the BIOS of a PC and XENMEM_memory_map report them. */
export const E820_RAM = 1;
export const E820_RESERVED = 2;
export const E820_ACPI = 3;
export const E820_NVS = 4;
export const E820_UNUSABLE = 5;
export const E820MAX = 128;

/** struct e820entry */
export const E820ENTRY_SIZE = 20;
export const E820ENTRY_ADDR = 0;
/** @c size */
export const E820ENTRY_SIZE_MEMBER = 8;
export const E820ENTRY_TYPE = 16;
