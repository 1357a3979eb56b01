/** Offsets of the local APIC's registers in its page (Intel's manual volume 3, table 10-1), and those of their bits that several files need. */
export const APIC_ID: u32 = 0x20;
export const APIC_VERSION: u32 = 0x30;
export const APIC_TPR: u32 = 0x80;
export const APIC_PPR: u32 = 0xa0;
export const APIC_EOI: u32 = 0xb0;
export const APIC_LDR: u32 = 0xd0;
export const APIC_DFR: u32 = 0xe0;
export const APIC_SVR: u32 = 0xf0;
export const APIC_ISR: u32 = 0x100;
export const APIC_IRR: u32 = 0x200;
export const APIC_ESR: u32 = 0x280;
/** For corrected machine checks, which never happen here; the guest's MCG_CAP says that the register exists. */
export const APIC_LVT_CMCI: u32 = 0x2f0;
export const APIC_ICR: u32 = 0x300;
export const APIC_ICR_HIGH: u32 = 0x310;
export const APIC_LVT_TIMER: u32 = 0x320;
export const APIC_LVT_ERROR: u32 = 0x370;
export const APIC_TIMER_INITIAL: u32 = 0x380;
export const APIC_TIMER_CURRENT: u32 = 0x390;
export const APIC_TIMER_DIVIDE: u32 = 0x3e0;
export const APIC_SELF_IPI: u32 = 0x3f0;

export const LVT_MASKED: u32 = 0x10000;
/** The timer's mode: one-shot (0), periodic, or TSC deadline; 0x60000 is reserved. */
export const LVT_TIMER_MODE: u32 = 0x60000;
export const LVT_TIMER_PERIODIC: u32 = 0x20000;
export const LVT_TIMER_TSC_DEADLINE: u32 = 0x40000;
export const SVR_ENABLED: u32 = 0x100;
/** ESR: an illegal vector was sent or received, or a register that does not exist was accessed. */
export const ERROR_SENT_VECTOR: u32 = 0x20;
export const ERROR_RECEIVED_VECTOR: u32 = 0x40;
export const ERROR_REGISTER: u32 = 0x80;
