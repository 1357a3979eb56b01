/** public/hvm/hvm_op.h. */

export const HVMOP_set_param = 0;
export const HVMOP_get_param = 1;
export const HVMOP_flush_tlbs = 5;
export const HVMOP_pagetable_dying = 9;
export const HVMOP_get_time = 10;
export const HVMOP_xentrace = 11;
export const HVMOP_set_mem_access = 12;
export const HVMOP_get_mem_access = 13;
export const HVMOP_get_mem_type = 15;
export const HVMOP_set_evtchn_upcall_vector = 23;
export const HVMOP_guest_request_vm_event = 24;
export const HVMOP_altp2m = 25;

/** struct xen_hvm_param */
export const HVM_PARAM_SIZE = 16;
export const HVM_PARAM_DOMID = 0;
export const HVM_PARAM_INDEX = 4;
export const HVM_PARAM_VALUE = 8;

/** struct xen_hvm_pagetable_dying */
export const HVM_PAGETABLE_DYING_SIZE = 16;
export const HVM_PAGETABLE_DYING_DOMID = 0;
export const HVM_PAGETABLE_DYING_GPA = 8;

/** struct xen_hvm_get_time */
export const HVM_GET_TIME_SIZE = 8;
export const HVM_GET_TIME_NOW = 0;

/** struct xen_hvm_get_mem_type */
export const HVM_GET_MEM_TYPE_SIZE = 16;
export const HVM_GET_MEM_TYPE_DOMID = 0;
export const HVM_GET_MEM_TYPE_MEM_TYPE = 2;
export const HVM_GET_MEM_TYPE_PFN = 8;

/** Memory types. */
export const HVMMEM_ram_rw = 0;
export const HVMMEM_ram_ro = 1;
export const HVMMEM_mmio_dm = 2;
export const HVMMEM_unused = 3;
export const HVMMEM_ioreq_server = 4;

/** struct xen_hvm_evtchn_upcall_vector */
export const HVM_EVTCHN_UPCALL_VECTOR_SIZE = 8;
export const HVM_EVTCHN_UPCALL_VECTOR_VCPU = 0;
export const HVM_EVTCHN_UPCALL_VECTOR_VECTOR = 4;
