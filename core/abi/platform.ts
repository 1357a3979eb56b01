/** public/platform.h. */

export const XENPF_INTERFACE_VERSION = 0x3000001;

export const XENPF_settime32 = 17;
export const XENPF_settime64 = 62;
export const XENPF_settime = 62;
export const XENPF_add_memtype = 31;
export const XENPF_del_memtype = 32;
export const XENPF_read_memtype = 33;
export const XENPF_microcode_update = 35;
export const XENPF_platform_quirk = 39;
export const XENPF_efi_runtime_call = 49;
export const XENPF_firmware_info = 50;
export const XENPF_enter_acpi_sleep = 51;
export const XENPF_change_freq = 52;
export const XENPF_getidletime = 53;
export const XENPF_set_processor_pminfo = 54;
export const XENPF_get_cpuinfo = 55;
export const XENPF_get_cpu_version = 48;
export const XENPF_cpu_online = 56;
export const XENPF_cpu_offline = 57;
export const XENPF_cpu_hotadd = 58;
export const XENPF_mem_hotadd = 59;
export const XENPF_core_parking = 60;
export const XENPF_resource_op = 61;
export const XENPF_get_symbol = 63;

/** struct xen_platform_op */
export const PLATFORM_OP_SIZE = 136;
export const PLATFORM_OP_CMD = 0;
export const PLATFORM_OP_INTERFACE_VERSION = 4;
export const PLATFORM_OP_U = 8;

/** struct xenpf_settime32 */
export const XENPF_SETTIME32_SIZE = 16;
export const XENPF_SETTIME32_SECS = 0;
export const XENPF_SETTIME32_NSECS = 4;
export const XENPF_SETTIME32_SYSTEM_TIME = 8;

/** struct xenpf_settime64 */
export const XENPF_SETTIME64_SIZE = 24;
export const XENPF_SETTIME64_SECS = 0;
export const XENPF_SETTIME64_NSECS = 8;
export const XENPF_SETTIME64_MBZ = 12;
export const XENPF_SETTIME64_SYSTEM_TIME = 16;

/** struct xenpf_firmware_info */
export const XENPF_FIRMWARE_INFO_SIZE = 40;
export const XENPF_FIRMWARE_INFO_SIZE_32 = 36;
export const XENPF_FIRMWARE_INFO_TYPE = 0;
export const XENPF_FIRMWARE_INFO_INDEX = 4;
export const XENPF_FIRMWARE_INFO_U = 8;

/** Its type. */
export const XEN_FW_DISK_INFO = 1;
export const XEN_FW_DISK_MBR_SIGNATURE = 2;
export const XEN_FW_VBEDDC_INFO = 3;
export const XEN_FW_KBD_SHIFT_FLAGS = 5;

/** struct xenpf_enter_acpi_sleep */
export const XENPF_ENTER_ACPI_SLEEP_SIZE = 12;
export const XENPF_ENTER_ACPI_SLEEP_VAL_A = 0;
export const XENPF_ENTER_ACPI_SLEEP_VAL_B = 2;
export const XENPF_ENTER_ACPI_SLEEP_SLEEP_STATE = 4;
export const XENPF_ENTER_ACPI_SLEEP_FLAGS = 8;

/** struct xenpf_getidletime */
export const XENPF_GETIDLETIME_SIZE = 32;
export const XENPF_GETIDLETIME_SIZE_32 = 20;
export const XENPF_GETIDLETIME_CPUMAP_BITMAP = 0;
export const XENPF_GETIDLETIME_CPUMAP_NR_CPUS = 8;
export const XENPF_GETIDLETIME_CPUMAP_NR_CPUS_32 = 4;
export const XENPF_GETIDLETIME_IDLETIME = 16;
export const XENPF_GETIDLETIME_IDLETIME_32 = 8;
export const XENPF_GETIDLETIME_NOW = 24;
export const XENPF_GETIDLETIME_NOW_32 = 12;

/** struct xenpf_pcpuinfo */
export const XENPF_PCPUINFO_SIZE = 20;
export const XENPF_PCPUINFO_XEN_CPUID = 0;
export const XENPF_PCPUINFO_MAX_PRESENT = 4;
export const XENPF_PCPUINFO_FLAGS = 8;
export const XENPF_PCPUINFO_APIC_ID = 12;
export const XENPF_PCPUINFO_ACPI_ID = 16;

/** Its flags. */
export const XEN_PCPU_FLAGS_ONLINE = 1;
export const XEN_PCPU_FLAGS_INVALID = 2;

/** struct xenpf_pcpu_version */
export const XENPF_PCPU_VERSION_SIZE = 32;
export const XENPF_PCPU_VERSION_XEN_CPUID = 0;
export const XENPF_PCPU_VERSION_MAX_PRESENT = 4;
export const XENPF_PCPU_VERSION_VENDOR_ID = 8;
export const XENPF_PCPU_VERSION_FAMILY = 20;
export const XENPF_PCPU_VERSION_MODEL = 24;
export const XENPF_PCPU_VERSION_STEPPING = 28;

/** struct xenpf_cpu_ol */
export const XENPF_CPU_OL_SIZE = 4;
export const XENPF_CPU_OL_CPUID = 0;

/** struct xenpf_symdata */
export const XENPF_SYMDATA_SIZE = 32;
export const XENPF_SYMDATA_SIZE_32 = 24;
export const XENPF_SYMDATA_NAMELEN = 0;
export const XENPF_SYMDATA_SYMNUM = 4;
export const XENPF_SYMDATA_NAME = 8;
export const XENPF_SYMDATA_ADDRESS = 16;
export const XENPF_SYMDATA_ADDRESS_32 = 12;
export const XENPF_SYMDATA_TYPE = 24;
export const XENPF_SYMDATA_TYPE_32 = 20;
