/** public/io/console.h. */

/** struct xencons_interface */
export const XENCONS_INTERFACE_SIZE = 3088;
export const XENCONS_INTERFACE_IN = 0;
export const XENCONS_INTERFACE_OUT = 1024;
export const XENCONS_INTERFACE_IN_CONS = 3072;
export const XENCONS_INTERFACE_IN_PROD = 3076;
export const XENCONS_INTERFACE_OUT_CONS = 3080;
export const XENCONS_INTERFACE_OUT_PROD = 3084;
/** @c sizeof(((struct xencons_interface *)0)->in) */
export const XENCONS_INTERFACE_IN_BYTES = 1024;
/** @c sizeof(((struct xencons_interface *)0)->out) */
export const XENCONS_INTERFACE_OUT_BYTES = 2048;
