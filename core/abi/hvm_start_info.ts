/** public/arch-x86/hvm/start_info.h. */

export const XEN_HVM_START_MAGIC_VALUE = 0x336ec578;

/** struct hvm_start_info */
export const HVM_START_INFO_SIZE = 56;
export const HVM_START_INFO_MAGIC = 0;
export const HVM_START_INFO_VERSION = 4;
export const HVM_START_INFO_FLAGS = 8;
export const HVM_START_INFO_NR_MODULES = 12;
export const HVM_START_INFO_MODLIST_PADDR = 16;
export const HVM_START_INFO_CMDLINE_PADDR = 24;
export const HVM_START_INFO_RSDP_PADDR = 32;
export const HVM_START_INFO_MEMMAP_PADDR = 40;
export const HVM_START_INFO_MEMMAP_ENTRIES = 48;

/** struct hvm_modlist_entry */
export const HVM_MODLIST_ENTRY_SIZE = 32;
export const HVM_MODLIST_ENTRY_PADDR = 0;
/** @c size */
export const HVM_MODLIST_ENTRY_SIZE_MEMBER = 8;
export const HVM_MODLIST_ENTRY_CMDLINE_PADDR = 16;

/** struct hvm_memmap_table_entry */
export const HVM_MEMMAP_TABLE_ENTRY_SIZE = 24;
export const HVM_MEMMAP_TABLE_ENTRY_ADDR = 0;
/** @c size */
export const HVM_MEMMAP_TABLE_ENTRY_SIZE_MEMBER = 8;
export const HVM_MEMMAP_TABLE_ENTRY_TYPE = 16;

/** Its type. */
export const XEN_HVM_MEMMAP_TYPE_RAM = 1;
export const XEN_HVM_MEMMAP_TYPE_RESERVED = 2;
export const XEN_HVM_MEMMAP_TYPE_ACPI = 3;
export const XEN_HVM_MEMMAP_TYPE_NVS = 4;
export const XEN_HVM_MEMMAP_TYPE_UNUSABLE = 5;
export const XEN_HVM_MEMMAP_TYPE_DISABLED = 6;
export const XEN_HVM_MEMMAP_TYPE_PMEM = 7;
