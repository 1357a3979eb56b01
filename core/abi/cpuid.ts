/** public/arch-x86/cpuid.h. */

export const XEN_CPUID_FIRST_LEAF = 0x40000000;
export const XEN_CPUID_SIGNATURE_EBX = 0x566e6558;
export const XEN_CPUID_SIGNATURE_ECX = 0x65584d4d;
export const XEN_CPUID_SIGNATURE_EDX = 0x4d4d566e;
export const XEN_CPUID_MAX_NUM_LEAVES = 5;

/** Bits of ECX of leaf 2. */
export const XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD = 1;

/** Bits of EAX of leaf 4, of HVM domains. */
export const XEN_HVM_CPUID_APIC_ACCESS_VIRT = 1;
export const XEN_HVM_CPUID_X2APIC_VIRT = 2;
export const XEN_HVM_CPUID_IOMMU_MAPPINGS = 4;
export const XEN_HVM_CPUID_VCPU_ID_PRESENT = 8;
export const XEN_HVM_CPUID_DOMID_PRESENT = 16;
export const XEN_HVM_CPUID_EXT_DEST_ID = 32;
export const XEN_HVM_CPUID_UPCALL_VECTOR = 64;

/** Bits of EBX of leaf 5, of PV domains. */
export const XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK = 0xff;
