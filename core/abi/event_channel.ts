/** public/event_channel.h. */

export const EVTCHNOP_bind_interdomain = 0;
export const EVTCHNOP_bind_virq = 1;
export const EVTCHNOP_bind_pirq = 2;
export const EVTCHNOP_close = 3;
export const EVTCHNOP_send = 4;
export const EVTCHNOP_status = 5;
export const EVTCHNOP_alloc_unbound = 6;
export const EVTCHNOP_bind_ipi = 7;
export const EVTCHNOP_bind_vcpu = 8;
export const EVTCHNOP_unmask = 9;
export const EVTCHNOP_reset = 10;
export const EVTCHNOP_init_control = 11;
export const EVTCHNOP_expand_array = 12;
export const EVTCHNOP_set_priority = 13;
export const EVTCHNOP_reset_cont = 14;

export const EVTCHNSTAT_closed = 0;
export const EVTCHNSTAT_unbound = 1;
export const EVTCHNSTAT_interdomain = 2;
export const EVTCHNSTAT_pirq = 3;
export const EVTCHNSTAT_virq = 4;
export const EVTCHNSTAT_ipi = 5;

/** struct evtchn_alloc_unbound */
export const EVTCHN_ALLOC_UNBOUND_SIZE = 8;
export const EVTCHN_ALLOC_UNBOUND_DOM = 0;
export const EVTCHN_ALLOC_UNBOUND_REMOTE_DOM = 2;
export const EVTCHN_ALLOC_UNBOUND_PORT = 4;

/** struct evtchn_bind_interdomain */
export const EVTCHN_BIND_INTERDOMAIN_SIZE = 12;
export const EVTCHN_BIND_INTERDOMAIN_REMOTE_DOM = 0;
export const EVTCHN_BIND_INTERDOMAIN_REMOTE_PORT = 4;
export const EVTCHN_BIND_INTERDOMAIN_LOCAL_PORT = 8;

/** struct evtchn_bind_virq */
export const EVTCHN_BIND_VIRQ_SIZE = 12;
export const EVTCHN_BIND_VIRQ_VIRQ = 0;
export const EVTCHN_BIND_VIRQ_VCPU = 4;
export const EVTCHN_BIND_VIRQ_PORT = 8;

/** struct evtchn_bind_pirq */
export const EVTCHN_BIND_PIRQ_SIZE = 12;
export const EVTCHN_BIND_PIRQ_PIRQ = 0;
export const EVTCHN_BIND_PIRQ_FLAGS = 4;
export const EVTCHN_BIND_PIRQ_PORT = 8;

/** Its flags. */
export const BIND_PIRQ__WILL_SHARE = 1;

/** struct evtchn_bind_ipi */
export const EVTCHN_BIND_IPI_SIZE = 8;
export const EVTCHN_BIND_IPI_VCPU = 0;
export const EVTCHN_BIND_IPI_PORT = 4;

/** struct evtchn_close */
export const EVTCHN_CLOSE_SIZE = 4;
export const EVTCHN_CLOSE_PORT = 0;

/** struct evtchn_send */
export const EVTCHN_SEND_SIZE = 4;
export const EVTCHN_SEND_PORT = 0;

/** struct evtchn_status */
export const EVTCHN_STATUS_SIZE = 24;
export const EVTCHN_STATUS_DOM = 0;
export const EVTCHN_STATUS_PORT = 4;
export const EVTCHN_STATUS_STATUS = 8;
export const EVTCHN_STATUS_VCPU = 12;
/** @c u.unbound.dom */
export const EVTCHN_STATUS_UNBOUND_DOM = 16;
/** @c u.interdomain.dom */
export const EVTCHN_STATUS_INTERDOMAIN_DOM = 16;
/** @c u.interdomain.port */
export const EVTCHN_STATUS_INTERDOMAIN_PORT = 20;
/** @c u.pirq */
export const EVTCHN_STATUS_PIRQ = 16;
/** @c u.virq */
export const EVTCHN_STATUS_VIRQ = 16;

/** struct evtchn_bind_vcpu */
export const EVTCHN_BIND_VCPU_SIZE = 8;
export const EVTCHN_BIND_VCPU_PORT = 0;
export const EVTCHN_BIND_VCPU_VCPU = 4;

/** struct evtchn_unmask */
export const EVTCHN_UNMASK_SIZE = 4;
export const EVTCHN_UNMASK_PORT = 0;

/** struct evtchn_reset */
export const EVTCHN_RESET_SIZE = 2;
export const EVTCHN_RESET_DOM = 0;

/** struct evtchn_init_control */
export const EVTCHN_INIT_CONTROL_SIZE = 24;
export const EVTCHN_INIT_CONTROL_CONTROL_GFN = 0;
export const EVTCHN_INIT_CONTROL_OFFSET = 8;
export const EVTCHN_INIT_CONTROL_VCPU = 12;
export const EVTCHN_INIT_CONTROL_LINK_BITS = 16;

/** struct evtchn_expand_array */
export const EVTCHN_EXPAND_ARRAY_SIZE = 8;
export const EVTCHN_EXPAND_ARRAY_ARRAY_GFN = 0;

/** struct evtchn_set_priority */
export const EVTCHN_SET_PRIORITY_SIZE = 8;
export const EVTCHN_SET_PRIORITY_PORT = 0;
export const EVTCHN_SET_PRIORITY_PRIORITY = 4;

/** struct evtchn_op */
export const EVTCHN_OP_SIZE = 28;
export const EVTCHN_OP_CMD = 0;
export const EVTCHN_OP_U = 4;

/** The two-level ABI. */
export const EVTCHN_2L_NR_CHANNELS = 4096;
export const EVTCHN_2L_NR_CHANNELS_32 = 1024;

/** The FIFO ABI: priorities, and then the bits of an event word. The low bits of the word link to the next port of the queue. */
export const EVTCHN_FIFO_PRIORITY_MAX = 0;
export const EVTCHN_FIFO_PRIORITY_DEFAULT = 7;
export const EVTCHN_FIFO_PRIORITY_MIN = 15;
export const EVTCHN_FIFO_MAX_QUEUES = 16;
export const EVTCHN_FIFO_PENDING = 31;
export const EVTCHN_FIFO_MASKED = 30;
export const EVTCHN_FIFO_LINKED = 29;
export const EVTCHN_FIFO_BUSY = 28;
export const EVTCHN_FIFO_LINK_BITS = 17;
export const EVTCHN_FIFO_LINK_MASK = 0x1ffff;
export const EVTCHN_FIFO_NR_CHANNELS = 0x20000;

/** struct evtchn_fifo_control_block */
export const EVTCHN_FIFO_CONTROL_BLOCK_SIZE = 72;
export const EVTCHN_FIFO_CONTROL_BLOCK_READY = 0;
export const EVTCHN_FIFO_CONTROL_BLOCK_HEAD = 8;
