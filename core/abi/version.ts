/** public/version.h. */

export const XENVER_version = 0;
export const XENVER_extraversion = 1;
export const XENVER_compile_info = 2;
export const XENVER_capabilities = 3;
export const XENVER_changeset = 4;
export const XENVER_platform_parameters = 5;
export const XENVER_get_features = 6;
export const XENVER_pagesize = 7;
export const XENVER_guest_handle = 8;
export const XENVER_commandline = 9;
export const XENVER_build_id = 10;

/** struct xen_compile_info */
export const COMPILE_INFO_SIZE = 144;
export const COMPILE_INFO_COMPILER = 0;
export const COMPILE_INFO_COMPILE_BY = 64;
export const COMPILE_INFO_COMPILE_DOMAIN = 80;
export const COMPILE_INFO_COMPILE_DATE = 112;

/** struct xen_platform_parameters */
export const PLATFORM_PARAMETERS_SIZE = 8;
export const PLATFORM_PARAMETERS_SIZE_32 = 4;
export const PLATFORM_PARAMETERS_VIRT_START = 0;

/** struct xen_feature_info */
export const FEATURE_INFO_SIZE = 8;
export const FEATURE_INFO_SUBMAP_IDX = 0;
export const FEATURE_INFO_SUBMAP = 4;

/** struct xen_build_id */
export const BUILD_ID_SIZE = 4;
export const BUILD_ID_LEN = 0;
export const BUILD_ID_BUF = 4;
