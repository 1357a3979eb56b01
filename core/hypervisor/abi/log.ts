/**
 * Levels of the Xen log (xen/include/xen/lib.h: XENLOG_*, XENLOG_G_*), in the byte that goes with each line: bits 0 and 1 the level,
 * then what else there is to say of it.
 */
export const LOG_ERR = 0;
export const LOG_WARNING = 1;
export const LOG_INFO = 2;
export const LOG_DEBUG = 3;
export const LOG_LEVEL_MASK = 3;
/** Printed without a level, as Xen prints what it says at boot, of crashes and for keys: passes as a warning (XENLOG_DEFAULT). */
export const LOG_NO_LEVEL = 4;
export const LOG_DEFAULT = 5;
/** Caused by a guest: guest_loglvl decides (XENLOG_GUEST). */
export const LOG_GUEST = 8;
export const LOG_G_ERR = 8;
export const LOG_G_WARNING = 9;
export const LOG_G_INFO = 10;
export const LOG_G_DEBUG = 11;
/** Not Xen's words but a domain's, by console_io: a whole line of a guest's, or bytes as they are of the hardware domain. */
export const LOG_DOMAIN = 16;
export const LOG_DOMAIN_LINE = 27;
export const LOG_DOMAIN_BYTES = 21;
