/*
 * A kernel that attacks its host. The command line says how: attack=NAME and the options of that attack (option()). Each attack prints what it saw in
 * its last line, which begins with "END". The tests beside this folder judge it.
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

/* In main.c. */
u64 option(const char *name, u64 otherwise);
/* Returns what follows "name=" up to the end of the command line, or NULL if the option is not there. */
const char *option_text(const char *name);
/* Gives a function to another vCPU. That calls it with its own number, and then waits for the next function. */
typedef void (*job)(u32 vcpu);
void give_job(u32 vcpu, job function);
/* Jobs end when this is set. */
extern volatile int stop;
/* A page fault at an address in [first, last) is not reported but only counted, and the access is made again. */
extern volatile u64 expected_first, expected_last, faults[MAX_VCPUS];
void wait_ms(u64 milliseconds);
/* Writes a line to Xen's log, with numbers after the text. For attacks that have closed the port of their console. */
void log_line(const char *text, u32 count, const s64 *values);

/* In window.c: pages of this kernel whose mappings are replaced. */
extern u8 pool[64][PAGE];
s64 set_entry(volatile void *page, u64 entry, u64 flags);
s64 set_table(u64 table_mfn, u32 index, u64 entry);
s64 mmuext(u32 cmd, u64 arg1);
s64 reservation(u32 operation, u64 *list, u64 count, u32 order);
/* Returns the address at which the first mapping of memory shows a frame. */
u64 *address_of(u64 mfn);
/*
 * Maps a GiB of linear addresses that shows three pages again and again. It serves as a list without end, of structures of any size up to three
 * pages. Returns 0 if it could not be made.
 */
enum { REPEATED = 3 * 512 };
u64 endless(void);
extern u64 repeated[REPEATED];
/* The L3 table of the kernel's half of the address space, and the index of a free entry in it. */
u64 kernel_l3(void);
s32 free_slot(u64 *table, u32 from, u32 below);

/* The attacks. */
void attack_race(void), attack_take(void), attack_quota(void), attack_canary(void);
void attack_exchange(void), attack_cacheflush(void), attack_console(void), attack_pin(void), attack_calls(void);
void attack_handle(void), attack_leak(void), attack_late(void), attack_offer(void), attack_hold(void);
void attack_own(void), attack_smc(void), attack_stale(void), attack_table(void), attack_flush(void);
void attack_rings(void), attack_mix(void), attack_kept(void);
#endif
