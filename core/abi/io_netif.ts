/** public/io/netif.h. */

/** The smallest number of slots in one packet that every backend must accept. */
export const XEN_NETIF_NR_SLOTS_MIN = 18;
export const XEN_NETIF_MAX_TX_SIZE = 0xffff;

/** Flags of a transmit request. */
export const NETTXF_csum_blank = 1;
export const NETTXF_data_validated = 2;
export const NETTXF_more_data = 4;
export const NETTXF_extra_info = 8;

/** Flags of a receive response. */
export const NETRXF_data_validated = 1;
export const NETRXF_csum_blank = 2;
export const NETRXF_more_data = 4;
export const NETRXF_extra_info = 8;
export const NETRXF_gso_prefix = 16;

/** The status of a response. */
export const NETIF_RSP_DROPPED = -2;
export const NETIF_RSP_ERROR = -1;
export const NETIF_RSP_OKAY = 0;
export const NETIF_RSP_NULL = 1;

/** Slots with extra information. */
export const XEN_NETIF_EXTRA_TYPE_NONE = 0;
export const XEN_NETIF_EXTRA_TYPE_GSO = 1;
export const XEN_NETIF_EXTRA_TYPE_MCAST_ADD = 2;
export const XEN_NETIF_EXTRA_TYPE_MCAST_DEL = 3;
export const XEN_NETIF_EXTRA_TYPE_HASH = 4;
export const XEN_NETIF_EXTRA_TYPE_MAX = 5;
export const XEN_NETIF_EXTRA_FLAG_MORE = 1;
export const XEN_NETIF_GSO_TYPE_NONE = 0;
export const XEN_NETIF_GSO_TYPE_TCPV4 = 1;
export const XEN_NETIF_GSO_TYPE_TCPV6 = 2;

/** struct netif_tx_request */
export const NETIF_TX_REQUEST_SIZE = 12;
export const NETIF_TX_REQUEST_GREF = 0;
export const NETIF_TX_REQUEST_OFFSET = 4;
export const NETIF_TX_REQUEST_FLAGS = 6;
export const NETIF_TX_REQUEST_ID = 8;
/** @c size */
export const NETIF_TX_REQUEST_SIZE_MEMBER = 10;

/** struct netif_tx_response */
export const NETIF_TX_RESPONSE_SIZE = 4;
export const NETIF_TX_RESPONSE_ID = 0;
export const NETIF_TX_RESPONSE_STATUS = 2;

/** struct netif_rx_request */
export const NETIF_RX_REQUEST_SIZE = 8;
export const NETIF_RX_REQUEST_ID = 0;
export const NETIF_RX_REQUEST_GREF = 4;

/** struct netif_rx_response */
export const NETIF_RX_RESPONSE_SIZE = 8;
export const NETIF_RX_RESPONSE_ID = 0;
export const NETIF_RX_RESPONSE_OFFSET = 2;
export const NETIF_RX_RESPONSE_FLAGS = 4;
export const NETIF_RX_RESPONSE_STATUS = 6;

/** struct netif_extra_info */
export const NETIF_EXTRA_INFO_SIZE = 8;
export const NETIF_EXTRA_INFO_TYPE = 0;
export const NETIF_EXTRA_INFO_FLAGS = 1;
/** @c u.gso.size */
export const NETIF_EXTRA_INFO_GSO_SIZE = 2;
/** @c u.gso.type */
export const NETIF_EXTRA_INFO_GSO_TYPE = 4;
/** @c u.gso.features */
export const NETIF_EXTRA_INFO_GSO_FEATURES = 6;
/** @c u.mcast.addr */
export const NETIF_EXTRA_INFO_MCAST_ADDR = 2;
/** @c u.hash.type */
export const NETIF_EXTRA_INFO_HASH_TYPE = 2;
/** @c u.hash.algorithm */
export const NETIF_EXTRA_INFO_HASH_ALGORITHM = 3;
/** @c u.hash.value */
export const NETIF_EXTRA_INFO_HASH_VALUE = 4;

/** union netif_tx_sring_entry */
export const NETIF_TX_SRING_ENTRY_SIZE = 12;

/** union netif_rx_sring_entry */
export const NETIF_RX_SRING_ENTRY_SIZE = 8;

/** The control ring. */
export const XEN_NETIF_CTRL_HASH_TYPE_IPV4 = 1;
export const XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP = 2;
export const XEN_NETIF_CTRL_HASH_TYPE_IPV6 = 4;
export const XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP = 8;
export const XEN_NETIF_CTRL_HASH_ALGORITHM_NONE = 0;
export const XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ = 1;
export const XEN_NETIF_CTRL_TYPE_INVALID = 0;
export const XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS = 1;
export const XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS = 2;
export const XEN_NETIF_CTRL_TYPE_SET_HASH_KEY = 3;
export const XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE = 4;
export const XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE = 5;
export const XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING = 6;
export const XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM = 7;
export const XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE = 8;
export const XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING = 9;
export const XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING = 10;
export const XEN_NETIF_CTRL_STATUS_SUCCESS = 0;
export const XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED = 1;
export const XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER = 2;
export const XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW = 3;

/** struct xen_netif_ctrl_request */
export const NETIF_CTRL_REQUEST_SIZE = 16;
export const NETIF_CTRL_REQUEST_ID = 0;
export const NETIF_CTRL_REQUEST_TYPE = 2;
export const NETIF_CTRL_REQUEST_DATA = 4;

/** struct xen_netif_ctrl_response */
export const NETIF_CTRL_RESPONSE_SIZE = 12;
export const NETIF_CTRL_RESPONSE_ID = 0;
export const NETIF_CTRL_RESPONSE_TYPE = 2;
export const NETIF_CTRL_RESPONSE_STATUS = 4;
export const NETIF_CTRL_RESPONSE_DATA = 8;
