/** public/vcpu.h. */

export const VCPUOP_initialise = 0;
export const VCPUOP_up = 1;
export const VCPUOP_down = 2;
export const VCPUOP_is_up = 3;
export const VCPUOP_get_runstate_info = 4;
export const VCPUOP_register_runstate_memory_area = 5;
export const VCPUOP_set_periodic_timer = 6;
export const VCPUOP_stop_periodic_timer = 7;
export const VCPUOP_set_singleshot_timer = 8;
export const VCPUOP_stop_singleshot_timer = 9;
export const VCPUOP_register_vcpu_info = 10;
export const VCPUOP_send_nmi = 11;
export const VCPUOP_get_physid = 12;
export const VCPUOP_register_vcpu_time_memory_area = 13;

/** struct vcpu_runstate_info */
export const VCPU_RUNSTATE_INFO_SIZE = 48;
export const VCPU_RUNSTATE_INFO_SIZE_32 = 44;
export const VCPU_RUNSTATE_INFO_STATE = 0;
export const VCPU_RUNSTATE_INFO_STATE_ENTRY_TIME = 8;
export const VCPU_RUNSTATE_INFO_STATE_ENTRY_TIME_32 = 4;
export const VCPU_RUNSTATE_INFO_TIME = 16;
export const VCPU_RUNSTATE_INFO_TIME_32 = 12;

/** Its state. */
export const RUNSTATE_running = 0;
export const RUNSTATE_runnable = 1;
export const RUNSTATE_blocked = 2;
export const RUNSTATE_offline = 3;

/** struct vcpu_register_runstate_memory_area */
export const VCPU_REGISTER_RUNSTATE_MEMORY_AREA_SIZE = 8;
export const VCPU_REGISTER_RUNSTATE_MEMORY_AREA_ADDR = 0;

/** struct vcpu_set_periodic_timer */
export const VCPU_SET_PERIODIC_TIMER_SIZE = 8;
export const VCPU_SET_PERIODIC_TIMER_PERIOD_NS = 0;

/** struct vcpu_set_singleshot_timer */
export const VCPU_SET_SINGLESHOT_TIMER_SIZE = 16;
export const VCPU_SET_SINGLESHOT_TIMER_SIZE_32 = 12;
export const VCPU_SET_SINGLESHOT_TIMER_TIMEOUT_ABS_NS = 0;
export const VCPU_SET_SINGLESHOT_TIMER_FLAGS = 8;

/** Its flags. */
export const VCPU_SSHOTTMR_future = 1;

/** struct vcpu_register_vcpu_info */
export const VCPU_REGISTER_VCPU_INFO_SIZE = 16;
export const VCPU_REGISTER_VCPU_INFO_MFN = 0;
export const VCPU_REGISTER_VCPU_INFO_OFFSET = 8;

/** struct vcpu_get_physid */
export const VCPU_GET_PHYSID_SIZE = 8;
export const VCPU_GET_PHYSID_PHYS_ID = 0;

/** struct vcpu_register_time_memory_area */
export const VCPU_REGISTER_TIME_MEMORY_AREA_SIZE = 8;
export const VCPU_REGISTER_TIME_MEMORY_AREA_ADDR = 0;
