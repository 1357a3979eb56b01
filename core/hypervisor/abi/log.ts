/**
 * Levels of the Xen log (xen/include/xen/lib.h: XENLOG_*, XENLOG_G_*), in the byte that accompanies each line. Bits 0 and 1 are the level; the bits
 * above it say more of the line.
 */
export const LOG_ERR = 0;
export const LOG_WARNING = 1;
export const LOG_INFO = 2;
export const LOG_DEBUG = 3;
export const LOG_LEVEL_MASK = 3;
/** Printed without a level, as Xen does at boot, for crashes and for debug keys. Such a line passes where a warning does (XENLOG_DEFAULT). */
export const LOG_NO_LEVEL = 4;
export const LOG_DEFAULT = 5;
/** Caused by a guest, so that guest_loglvl decides whether it is printed (XENLOG_GUEST). */
export const LOG_GUEST = 8;
export const LOG_G_ERR = 8;
export const LOG_G_WARNING = 9;
export const LOG_G_INFO = 10;
export const LOG_G_DEBUG = 11;
/** Written by a domain with console_io and not by Xen: a guest's whole line, or the hardware domain's bytes as they are. */
export const LOG_DOMAIN = 16;
export const LOG_DOMAIN_LINE = 27;
export const LOG_DOMAIN_BYTES = 21;
