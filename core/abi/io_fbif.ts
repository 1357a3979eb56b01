/** public/io/fbif.h. */

export const XENFB_TYPE_UPDATE = 2;
export const XENFB_TYPE_RESIZE = 3;
export const XENFB_OUT_EVENT_SIZE = 40;
export const XENFB_TYPE_REFRESH_PERIOD = 1;
export const XENFB_NO_REFRESH = 0;
export const XENFB_IN_EVENT_SIZE = 40;
export const XENFB_IN_RING_SIZE = 1024;
export const XENFB_IN_RING_LEN = 25;
export const XENFB_IN_RING_OFFS = 1024;
export const XENFB_OUT_RING_SIZE = 2048;
export const XENFB_OUT_RING_LEN = 51;
export const XENFB_OUT_RING_OFFS = 2048;

/** struct xenfb_update */
export const XENFB_UPDATE_SIZE = 20;
export const XENFB_UPDATE_TYPE = 0;
export const XENFB_UPDATE_X = 4;
export const XENFB_UPDATE_Y = 8;
export const XENFB_UPDATE_WIDTH = 12;
export const XENFB_UPDATE_HEIGHT = 16;

/** struct xenfb_resize */
export const XENFB_RESIZE_SIZE = 24;
export const XENFB_RESIZE_TYPE = 0;
export const XENFB_RESIZE_WIDTH = 4;
export const XENFB_RESIZE_HEIGHT = 8;
export const XENFB_RESIZE_STRIDE = 12;
export const XENFB_RESIZE_DEPTH = 16;
export const XENFB_RESIZE_OFFSET = 20;

/** struct xenfb_refresh_period */
export const XENFB_REFRESH_PERIOD_SIZE = 8;
export const XENFB_REFRESH_PERIOD_TYPE = 0;
export const XENFB_REFRESH_PERIOD_PERIOD = 4;

/** struct xenfb_page */
export const XENFB_PAGE_SIZE = 2088;
export const XENFB_PAGE_SIZE_32 = 1060;
export const XENFB_PAGE_IN_CONS = 0;
export const XENFB_PAGE_IN_PROD = 4;
export const XENFB_PAGE_OUT_CONS = 8;
export const XENFB_PAGE_OUT_PROD = 12;
export const XENFB_PAGE_WIDTH = 16;
export const XENFB_PAGE_HEIGHT = 20;
export const XENFB_PAGE_LINE_LENGTH = 24;
export const XENFB_PAGE_MEM_LENGTH = 28;
export const XENFB_PAGE_DEPTH = 32;
export const XENFB_PAGE_PD = 40;
export const XENFB_PAGE_PD_32 = 36;
