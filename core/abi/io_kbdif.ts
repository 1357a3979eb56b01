/** public/io/kbdif.h. */

export const XENKBD_TYPE_MOTION = 1;
export const XENKBD_TYPE_RESERVED = 2;
export const XENKBD_TYPE_KEY = 3;
export const XENKBD_TYPE_POS = 4;
export const XENKBD_TYPE_MTOUCH = 5;
export const XENKBD_MT_EV_DOWN = 0;
export const XENKBD_MT_EV_UP = 1;
export const XENKBD_MT_EV_MOTION = 2;
export const XENKBD_MT_EV_SYN = 3;
export const XENKBD_MT_EV_SHAPE = 4;
export const XENKBD_MT_EV_ORIENT = 5;
export const XENKBD_IN_EVENT_SIZE = 40;
export const XENKBD_OUT_EVENT_SIZE = 40;
export const XENKBD_IN_RING_SIZE = 2048;
export const XENKBD_IN_RING_LEN = 51;
export const XENKBD_IN_RING_OFFS = 1024;
export const XENKBD_OUT_RING_SIZE = 1024;
export const XENKBD_OUT_RING_LEN = 25;
export const XENKBD_OUT_RING_OFFS = 3072;

/** struct xenkbd_motion */
export const XENKBD_MOTION_SIZE = 16;
export const XENKBD_MOTION_TYPE = 0;
export const XENKBD_MOTION_REL_X = 4;
export const XENKBD_MOTION_REL_Y = 8;
export const XENKBD_MOTION_REL_Z = 12;

/** struct xenkbd_key */
export const XENKBD_KEY_SIZE = 8;
export const XENKBD_KEY_TYPE = 0;
export const XENKBD_KEY_PRESSED = 1;
export const XENKBD_KEY_KEYCODE = 4;

/** struct xenkbd_position */
export const XENKBD_POSITION_SIZE = 16;
export const XENKBD_POSITION_TYPE = 0;
export const XENKBD_POSITION_ABS_X = 4;
export const XENKBD_POSITION_ABS_Y = 8;
export const XENKBD_POSITION_REL_Z = 12;

/** struct xenkbd_mtouch */
export const XENKBD_MTOUCH_SIZE = 16;
export const XENKBD_MTOUCH_TYPE = 0;
export const XENKBD_MTOUCH_EVENT_TYPE = 1;
export const XENKBD_MTOUCH_CONTACT_ID = 2;
/** @c u.pos.abs_x */
export const XENKBD_MTOUCH_POS_ABS_X = 8;
/** @c u.pos.abs_y */
export const XENKBD_MTOUCH_POS_ABS_Y = 12;
/** @c u.shape.major */
export const XENKBD_MTOUCH_SHAPE_MAJOR = 8;
/** @c u.shape.minor */
export const XENKBD_MTOUCH_SHAPE_MINOR = 12;
/** @c u.orientation */
export const XENKBD_MTOUCH_ORIENTATION = 8;

/** struct xenkbd_page */
export const XENKBD_PAGE_SIZE = 16;
export const XENKBD_PAGE_IN_CONS = 0;
export const XENKBD_PAGE_IN_PROD = 4;
export const XENKBD_PAGE_OUT_CONS = 8;
export const XENKBD_PAGE_OUT_PROD = 12;
