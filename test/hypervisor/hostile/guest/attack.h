/*
 * A kernel that attacks its host. The command line says how: attack=NAME and what the attack wants (option()). Each attack prints
 * its last line as "END ..." with what it saw; the tests beside this folder judge.
 */
#ifndef ATTACK_H
#define ATTACK_H
#include "xen.h"

enum {
    HYPERVISOR_mmu_update = 1, HYPERVISOR_set_gdt = 2, HYPERVISOR_multicall = 13, HYPERVISOR_console_io = 18,
    HYPERVISOR_grant_table_op = 20, HYPERVISOR_mmuext_op = 26,
};
enum { XENMEM_machphys_mfn_list = 5, XENMEM_exchange = 11 };
enum { MMUEXT_PIN_L1_TABLE = 0, MMUEXT_PIN_L3_TABLE = 2, MMUEXT_UNPIN_TABLE = 4, MMUEXT_INVLPG_LOCAL = 7, MMUEXT_TLB_FLUSH_ALL = 10 };
enum { UVMF_NONE = 0, UVMF_TLB_FLUSH = 1, UVMF_INVLPG = 2 };
enum { PRESENT = 1, WRITE = 2, USER = 4, PTE_RO = 0x61, PTE_WR = 0x63 };
#define FRAME(entry) ((entry) >> 12 & 0xfffffffffful)

struct mmuext { u32 cmd, pad; u64 arg1, arg2; };
struct update { u64 pointer, value; };
struct multicall { u64 op, result, args[6]; };

/* main.c */
u64 option(const char *name, u64 otherwise);
/* What stands behind "name=", with all that follows it; NULL if nothing does. */
const char *option_text(const char *name);
/* Gives a function to another vCPU, which calls it with its number and then waits for the next one. */
typedef void (*job)(u32 vcpu);
void give_job(u32 vcpu, job function);
/* Jobs end when this is set. */
extern volatile int stop;
/* Page faults at [first, last) are not told, only counted: the access is made again. */
extern volatile u64 expected_first, expected_last, faults[MAX_VCPUS];
void wait_ms(u64 milliseconds);
/* A line of Xen's log, with numbers behind the text: for who has closed its console's port. */
void log_line(const char *text, u32 count, const s64 *values);

/* window.c: pages of this kernel whose mappings are replaced */
extern u8 pool[64][PAGE];
s64 set_entry(volatile void *page, u64 entry, u64 flags);
s64 set_table(u64 table_mfn, u32 index, u64 entry);
s64 mmuext(u32 cmd, u64 arg1);
s64 reservation(u32 operation, u64 *list, u64 count, u32 order);
/* Address of a frame of the first mapping. */
u64 *address_of(u64 mfn);
/*
 * A GiB of linear addresses that shows three pages again and again: lists without end, of structures of any size up to them. 0 if it
 * could not be made.
 */
enum { REPEATED = 3 * 512 };
u64 endless(void);
extern u64 repeated[REPEATED];
/* The L3 table of the kernel's half, and in it the index of an entry that is free. */
u64 kernel_l3(void);
s32 free_slot(u64 *table, u32 from, u32 below);

/* The attacks. */
void attack_race(void), attack_take(void), attack_quota(void), attack_canary(void);
void attack_exchange(void), attack_cacheflush(void), attack_console(void), attack_pin(void), attack_calls(void);
void attack_handle(void), attack_leak(void), attack_late(void), attack_offer(void), attack_hold(void);
void attack_own(void), attack_smc(void), attack_stale(void), attack_table(void), attack_flush(void);
void attack_rings(void), attack_mix(void);
#endif
