/** public/nmi.h. */

export const XENNMI_register_callback = 0;
export const XENNMI_unregister_callback = 1;

/** Bits of nmi_reason in `struct arch_shared_info`. */
export const XEN_NMIREASON_io_error = 1;
export const XEN_NMIREASON_pci_serr = 2;
export const XEN_NMIREASON_unknown = 4;

/** struct xennmi_callback */
export const XENNMI_CALLBACK_SIZE = 16;
export const XENNMI_CALLBACK_SIZE_32 = 8;
export const XENNMI_CALLBACK_HANDLER_ADDRESS = 0;
