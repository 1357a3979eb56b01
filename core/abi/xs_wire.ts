/** public/io/xs_wire.h. */

/** Types of messages. */
export const XS_CONTROL = 0;
export const XS_DIRECTORY = 1;
export const XS_READ = 2;
export const XS_GET_PERMS = 3;
export const XS_WATCH = 4;
export const XS_UNWATCH = 5;
export const XS_TRANSACTION_START = 6;
export const XS_TRANSACTION_END = 7;
export const XS_INTRODUCE = 8;
export const XS_RELEASE = 9;
export const XS_GET_DOMAIN_PATH = 10;
export const XS_WRITE = 11;
export const XS_MKDIR = 12;
export const XS_RM = 13;
export const XS_SET_PERMS = 14;
export const XS_WATCH_EVENT = 15;
export const XS_ERROR = 16;
export const XS_IS_DOMAIN_INTRODUCED = 17;
export const XS_RESUME = 18;
export const XS_SET_TARGET = 19;
export const XS_RESET_WATCHES = 21;
export const XS_DIRECTORY_PART = 22;
export const XS_TYPE_COUNT = 23;
export const XS_INVALID = 65535;
export const XS_WATCH_PATH = 0;
export const XS_WATCH_TOKEN = 1;

/** struct xsd_sockmsg */
export const XSD_SOCKMSG_SIZE = 16;
export const XSD_SOCKMSG_TYPE = 0;
export const XSD_SOCKMSG_REQ_ID = 4;
export const XSD_SOCKMSG_TX_ID = 8;
export const XSD_SOCKMSG_LEN = 12;

export const XENSTORE_RING_SIZE = 1024;
export const XENSTORE_PAYLOAD_MAX = 4096;
export const XENSTORE_ABS_PATH_MAX = 3072;
export const XENSTORE_REL_PATH_MAX = 2048;

/** struct xenstore_domain_interface */
export const XENSTORE_DOMAIN_INTERFACE_SIZE = 2076;
export const XENSTORE_DOMAIN_INTERFACE_REQ = 0;
export const XENSTORE_DOMAIN_INTERFACE_RSP = 1024;
export const XENSTORE_DOMAIN_INTERFACE_REQ_CONS = 2048;
export const XENSTORE_DOMAIN_INTERFACE_REQ_PROD = 2052;
export const XENSTORE_DOMAIN_INTERFACE_RSP_CONS = 2056;
export const XENSTORE_DOMAIN_INTERFACE_RSP_PROD = 2060;
export const XENSTORE_DOMAIN_INTERFACE_SERVER_FEATURES = 2064;
export const XENSTORE_DOMAIN_INTERFACE_CONNECTION = 2068;
export const XENSTORE_DOMAIN_INTERFACE_ERROR = 2072;

/** Its server_features, connection and error. */
export const XENSTORE_SERVER_FEATURE_RECONNECTION = 1;
export const XENSTORE_SERVER_FEATURE_ERROR = 2;
export const XENSTORE_CONNECTED = 0;
export const XENSTORE_RECONNECT = 1;
export const XENSTORE_ERROR_NONE = 0;
export const XENSTORE_ERROR_COMM = 1;
export const XENSTORE_ERROR_RINGIDX = 2;
export const XENSTORE_ERROR_PROTO = 3;
