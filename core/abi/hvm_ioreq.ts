/** public/hvm/ioreq.h. */

/** struct ioreq */
export const IOREQ_SIZE = 32;
export const IOREQ_ADDR = 0;
export const IOREQ_DATA = 8;
export const IOREQ_COUNT = 16;
/** @c size */
export const IOREQ_SIZE_MEMBER = 20;
export const IOREQ_VP_EPORT = 24;
export const IOREQ_TYPE = 31;

/** Direction, state and type. */
export const IOREQ_READ = 1;
export const IOREQ_WRITE = 0;
export const STATE_IOREQ_NONE = 0;
export const STATE_IOREQ_READY = 1;
export const STATE_IOREQ_INPROCESS = 2;
export const STATE_IORESP_READY = 3;
export const IOREQ_TYPE_PIO = 0;
export const IOREQ_TYPE_COPY = 1;
export const IOREQ_TYPE_PCI_CONFIG = 2;
export const IOREQ_TYPE_TIMEOFFSET = 7;
export const IOREQ_TYPE_INVALIDATE = 8;
export const IOREQ_BUFFER_SLOT_NUM = 511;

/** struct buf_ioreq */
export const BUF_IOREQ_SIZE = 8;
export const BUF_IOREQ_TYPE = 0;
export const BUF_IOREQ_DATA = 4;

/** struct buffered_iopage */
export const BUFFERED_IOPAGE_SIZE = 4096;
export const BUFFERED_IOPAGE_READ_POINTER = 0;
export const BUFFERED_IOPAGE_WRITE_POINTER = 4;
export const BUFFERED_IOPAGE_BUF_IOREQ = 8;

/** The ports of ACPI, in version 1, which is QEMU's. */
export const ACPI_PM1A_EVT_BLK_ADDRESS_V1 = 0xb000;
export const ACPI_PM1A_CNT_BLK_ADDRESS_V1 = 0xb004;
export const ACPI_PM_TMR_BLK_ADDRESS_V1 = 0xb008;
export const ACPI_GPE0_BLK_ADDRESS_V1 = 0xafe0;
export const ACPI_GPE0_BLK_LEN_V1 = 4;
