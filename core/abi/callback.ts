/** public/callback.h. */

export const CALLBACKOP_register = 0;
export const CALLBACKOP_unregister = 1;

export const CALLBACKTYPE_event = 0;
export const CALLBACKTYPE_failsafe = 1;
export const CALLBACKTYPE_syscall = 2;
export const CALLBACKTYPE_sysenter_deprecated = 3;
export const CALLBACKTYPE_nmi = 4;
export const CALLBACKTYPE_sysenter = 5;
export const CALLBACKTYPE_syscall32 = 7;

export const CALLBACKF_mask_events = 1;

/** struct callback_register */
export const CALLBACK_REGISTER_SIZE = 16;
export const CALLBACK_REGISTER_SIZE_32 = 12;
export const CALLBACK_REGISTER_TYPE = 0;
export const CALLBACK_REGISTER_FLAGS = 2;
export const CALLBACK_REGISTER_ADDRESS = 8;
export const CALLBACK_REGISTER_ADDRESS_32 = 4;

/** struct callback_unregister */
export const CALLBACK_UNREGISTER_SIZE = 4;
export const CALLBACK_UNREGISTER_TYPE = 0;
