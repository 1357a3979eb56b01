/** public/physdev.h. */

export const PHYSDEVOP_eoi = 12;
export const PHYSDEVOP_pirq_eoi_gmfn_v1 = 17;
export const PHYSDEVOP_pirq_eoi_gmfn_v2 = 28;
export const PHYSDEVOP_irq_status_query = 5;
export const PHYSDEVOP_set_iopl = 6;
export const PHYSDEVOP_set_iobitmap = 7;
export const PHYSDEVOP_apic_read = 8;
export const PHYSDEVOP_apic_write = 9;
export const PHYSDEVOP_alloc_irq_vector = 10;
export const PHYSDEVOP_free_irq_vector = 11;
export const PHYSDEVOP_map_pirq = 13;
export const PHYSDEVOP_unmap_pirq = 14;
export const PHYSDEVOP_manage_pci_add = 15;
export const PHYSDEVOP_manage_pci_remove = 16;
export const PHYSDEVOP_restore_msi = 19;
export const PHYSDEVOP_manage_pci_add_ext = 20;
export const PHYSDEVOP_setup_gsi = 21;
export const PHYSDEVOP_get_free_pirq = 23;
export const PHYSDEVOP_pci_mmcfg_reserved = 24;
export const PHYSDEVOP_pci_device_add = 25;
export const PHYSDEVOP_pci_device_remove = 26;
export const PHYSDEVOP_restore_msi_ext = 27;
export const PHYSDEVOP_prepare_msix = 30;
export const PHYSDEVOP_release_msix = 31;
export const PHYSDEVOP_dbgp_op = 29;
export const PHYSDEVOP_pirq_eoi_gmfn = 28;

/** struct physdev_eoi */
export const PHYSDEV_EOI_SIZE = 4;
export const PHYSDEV_EOI_IRQ = 0;

/** struct physdev_irq_status_query */
export const PHYSDEV_IRQ_STATUS_QUERY_SIZE = 8;
export const PHYSDEV_IRQ_STATUS_QUERY_IRQ = 0;
export const PHYSDEV_IRQ_STATUS_QUERY_FLAGS = 4;

/** Its flags. */
export const XENIRQSTAT_needs_eoi = 1;
export const XENIRQSTAT_shared = 2;

/** struct physdev_set_iopl */
export const PHYSDEV_SET_IOPL_SIZE = 4;
export const PHYSDEV_SET_IOPL_IOPL = 0;

/** struct physdev_set_iobitmap */
export const PHYSDEV_SET_IOBITMAP_SIZE = 16;
export const PHYSDEV_SET_IOBITMAP_SIZE_32 = 8;
export const PHYSDEV_SET_IOBITMAP_BITMAP = 0;
export const PHYSDEV_SET_IOBITMAP_NR_PORTS = 8;
export const PHYSDEV_SET_IOBITMAP_NR_PORTS_32 = 4;

/** struct physdev_apic */
export const PHYSDEV_APIC_SIZE = 16;
export const PHYSDEV_APIC_SIZE_32 = 12;
export const PHYSDEV_APIC_APIC_PHYSBASE = 0;
export const PHYSDEV_APIC_REG = 8;
export const PHYSDEV_APIC_REG_32 = 4;
export const PHYSDEV_APIC_VALUE = 12;
export const PHYSDEV_APIC_VALUE_32 = 8;

/** struct physdev_irq */
export const PHYSDEV_IRQ_SIZE = 8;
export const PHYSDEV_IRQ_IRQ = 0;
export const PHYSDEV_IRQ_VECTOR = 4;

/** struct physdev_map_pirq */
export const PHYSDEV_MAP_PIRQ_SIZE = 40;
export const PHYSDEV_MAP_PIRQ_SIZE_32 = 36;
export const PHYSDEV_MAP_PIRQ_DOMID = 0;
export const PHYSDEV_MAP_PIRQ_TYPE = 4;
export const PHYSDEV_MAP_PIRQ_INDEX = 8;
export const PHYSDEV_MAP_PIRQ_PIRQ = 12;
export const PHYSDEV_MAP_PIRQ_BUS = 16;
export const PHYSDEV_MAP_PIRQ_DEVFN = 20;
export const PHYSDEV_MAP_PIRQ_ENTRY_NR = 24;
export const PHYSDEV_MAP_PIRQ_TABLE_BASE = 32;
export const PHYSDEV_MAP_PIRQ_TABLE_BASE_32 = 28;

/** Its type. */
export const MAP_PIRQ_TYPE_MSI = 0;
export const MAP_PIRQ_TYPE_GSI = 1;
export const MAP_PIRQ_TYPE_UNKNOWN = 2;
export const MAP_PIRQ_TYPE_MSI_SEG = 3;
export const MAP_PIRQ_TYPE_MULTI_MSI = 4;

/** struct physdev_unmap_pirq */
export const PHYSDEV_UNMAP_PIRQ_SIZE = 8;
export const PHYSDEV_UNMAP_PIRQ_DOMID = 0;
export const PHYSDEV_UNMAP_PIRQ_PIRQ = 4;

/** struct physdev_setup_gsi */
export const PHYSDEV_SETUP_GSI_SIZE = 8;
export const PHYSDEV_SETUP_GSI_GSI = 0;
export const PHYSDEV_SETUP_GSI_TRIGGERING = 4;
export const PHYSDEV_SETUP_GSI_POLARITY = 5;

/** struct physdev_get_free_pirq */
export const PHYSDEV_GET_FREE_PIRQ_SIZE = 8;
export const PHYSDEV_GET_FREE_PIRQ_TYPE = 0;
export const PHYSDEV_GET_FREE_PIRQ_PIRQ = 4;

/** struct physdev_op */
export const PHYSDEV_OP_SIZE = 24;
export const PHYSDEV_OP_SIZE_32 = 16;
export const PHYSDEV_OP_CMD = 0;
export const PHYSDEV_OP_U = 8;
export const PHYSDEV_OP_U_32 = 4;

/** struct physdev_pci_device */
export const PHYSDEV_PCI_DEVICE_SIZE = 4;
export const PHYSDEV_PCI_DEVICE_SEG = 0;
export const PHYSDEV_PCI_DEVICE_BUS = 2;
export const PHYSDEV_PCI_DEVICE_DEVFN = 3;

/** struct physdev_pci_device_add */
export const PHYSDEV_PCI_DEVICE_ADD_SIZE = 12;
export const PHYSDEV_PCI_DEVICE_ADD_SEG = 0;
export const PHYSDEV_PCI_DEVICE_ADD_BUS = 2;
export const PHYSDEV_PCI_DEVICE_ADD_DEVFN = 3;
export const PHYSDEV_PCI_DEVICE_ADD_FLAGS = 4;

/** struct physdev_pci_mmcfg_reserved */
export const PHYSDEV_PCI_MMCFG_RESERVED_SIZE = 16;
export const PHYSDEV_PCI_MMCFG_RESERVED_ADDRESS = 0;
export const PHYSDEV_PCI_MMCFG_RESERVED_SEGMENT = 8;
export const PHYSDEV_PCI_MMCFG_RESERVED_START_BUS = 10;
export const PHYSDEV_PCI_MMCFG_RESERVED_END_BUS = 11;
export const PHYSDEV_PCI_MMCFG_RESERVED_FLAGS = 12;

/** struct physdev_dbgp_op */
export const PHYSDEV_DBGP_OP_SIZE = 6;
export const PHYSDEV_DBGP_OP_OP = 0;
export const PHYSDEV_DBGP_OP_BUS = 1;
export const PHYSDEV_DBGP_OP_U = 2;
