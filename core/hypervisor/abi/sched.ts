/** Numbers of public/sched.h. */
export const SCHEDOP_yield = 0;
export const SCHEDOP_block = 1;
export const SCHEDOP_shutdown = 2;
export const SCHEDOP_poll = 3;
export const SCHEDOP_remote_shutdown = 4;
export const SCHEDOP_shutdown_code = 5;
export const SCHEDOP_watchdog = 6;
export const SCHEDOP_pin_override = 7;
export const SHUTDOWN_poweroff = 0;
export const SHUTDOWN_reboot = 1;
export const SHUTDOWN_suspend = 2;
export const SHUTDOWN_crash = 3;
export const SHUTDOWN_watchdog = 4;
export const SHUTDOWN_soft_reset = 5;
export const SHUTDOWN_MAX = 5;
/** struct sched_poll: u64 ports, u32 nr_ports, u64 timeout at 16. */
export const SCHED_POLL_SIZE = 24;
export const SCHED_POLL_NR_PORTS = 8;
export const SCHED_POLL_TIMEOUT = 16;
/** Most ports one SCHEDOP_poll may name. */
export const SCHED_POLL_MOST = 128;
