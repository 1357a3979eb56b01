/*
 * What this kernel uses of Xen's public ABI for 64-bit PV guests (public/xen.h, event_channel.h, sched.h, vcpu.h,
 * memory.h, io/console.h, io/xs_wire.h), written from its description.
 */
#ifndef XEN_H
#define XEN_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef int s32;
typedef long s64;

#define NULL ((void *)0)
#define PAGE 4096ul
#define MAX_VCPUS 32
#define MAX_PORTS 256

enum {
    HYPERVISOR_set_trap_table = 0, HYPERVISOR_set_callbacks = 4, HYPERVISOR_memory_op = 12,
    HYPERVISOR_update_va_mapping = 14, HYPERVISOR_set_timer_op = 15, HYPERVISOR_xen_version = 17,
    HYPERVISOR_vcpu_op = 24, HYPERVISOR_sched_op = 29, HYPERVISOR_event_channel_op = 32,
};

enum { SCHEDOP_block = 1, SCHEDOP_shutdown = 2, SCHEDOP_poll = 3 };
enum { SHUTDOWN_poweroff = 0, SHUTDOWN_reboot = 1, SHUTDOWN_crash = 3 };
enum { VCPUOP_initialise = 0, VCPUOP_up = 1, VCPUOP_set_periodic_timer = 6 };
enum { EVTCHNOP_bind_virq = 1, EVTCHNOP_send = 4, EVTCHNOP_bind_ipi = 7 };
enum { VIRQ_TIMER = 0 };
enum { XENMEM_decrease_reservation = 1, XENMEM_populate_physmap = 6 };
enum { XENVER_version = 0, XENVER_extraversion = 1 };
enum { XS_DIRECTORY = 1, XS_READ = 2, XS_WATCH = 4, XS_WRITE = 11, XS_WATCH_EVENT = 15, XS_ERROR = 16 };

struct vcpu_time_info {
    u32 version, pad0;
    u64 tsc_timestamp, system_time;
    u32 tsc_to_system_mul;
    signed char tsc_shift;
    u8 flags, pad1[2];
};

struct vcpu_info {
    u8 evtchn_upcall_pending, evtchn_upcall_mask, pad[6];
    u64 evtchn_pending_sel;
    u64 cr2, arch_pad;
    struct vcpu_time_info time;
};

struct shared_info {
    struct vcpu_info vcpu[MAX_VCPUS];
    u64 evtchn_pending[64], evtchn_mask[64];
    u32 wc_version, wc_sec, wc_nsec, wc_sec_hi;
};

struct start_info {
    char magic[32];
    u64 nr_pages, shared_info;
    u32 flags, pad0;
    u64 store_mfn;
    u32 store_evtchn, pad1;
    u64 console_mfn;
    u32 console_evtchn, pad2;
    u64 pt_base, nr_pt_frames, mfn_list, mod_start, mod_len;
    char cmd_line[1024];
    u64 first_p2m_pfn, nr_p2m_frames;
};

struct console_ring {
    char in[1024], out[2048];
    u32 in_cons, in_prod, out_cons, out_prod;
};

struct store_ring {
    char req[1024], rsp[1024];
    u32 req_cons, req_prod, rsp_cons, rsp_prod;
};

struct trap_info { u8 vector, flags; u16 cs; u32 pad; u64 address; };

/* The registers as entry.S leaves them on the stack. */
struct registers {
    u64 r15, r14, r13, r12, rbp, rbx, r10, r9, r8, rax, rdx, rsi, rdi;
    u64 vector, rcx, r11, error, rip, cs, rflags, rsp, ss;
};

struct cpu_user_regs {
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    u32 error_code, entry_vector;
    u64 rip;
    u16 cs, pad0[1];
    u8 saved_upcall_mask, pad1[3];
    u64 rflags, rsp;
    u16 ss, pad2[3], es, pad3[3], ds, pad4[3], fs, pad5[3], gs, pad6[3];
};

struct vcpu_guest_context {
    u8 fpu[512];
    u64 flags;
    struct cpu_user_regs user_regs;
    struct trap_info trap[256];
    u64 ldt_base, ldt_entries, gdt_frames[16], gdt_entries, kernel_ss, kernel_sp, ctrlreg[8], debugreg[8];
    u64 event_callback, failsafe_callback, syscall_callback, vm_assist, fs_base, gs_base_kernel, gs_base_user;
};

struct memory_reservation { u64 *extents; u64 count; u32 order, mem_flags; u16 domid; };

#define KERNEL_CS 0xe033
#define KERNEL_SS 0xe02b
#define DOMID_SELF 0x7ff0

extern char hypercall_page[];
static inline s64 hypercall(u64 nr, u64 a, u64 b, u64 c, u64 d) {
    register u64 r10 asm("r10") = d;
    s64 result;
    u64 x = a, y = b, z = c;
    asm volatile("call *%[entry]" : "=a"(result), "+D"(x), "+S"(y), "+d"(z), "+r"(r10)
                 : [entry] "r"(hypercall_page + nr * 32) : "memory", "rcx", "r8", "r9", "r11");
    return result;
}

#define barrier() asm volatile("" ::: "memory")
#define fence() asm volatile("mfence" ::: "memory")

extern struct start_info *start_info;
extern struct shared_info *shared_info;
extern u64 *p2m;
static inline u32 vcpu_id(void) { u32 n; asm volatile("movl %%gs:0, %0" : "=r"(n)); return n; }

/* event.c */
typedef void (*port_handler)(u32 port);
void events_init(void);
void event_handle(u32 port, u32 vcpu, port_handler handler);
void event_send(u32 port);
u32 event_bind_ipi(u32 vcpu, port_handler handler);
u32 event_bind_timer(u32 vcpu);
extern u64 event_count[MAX_PORTS];
int events_mask(void);
void events_unmask(void);
void block(void);
void poll(u32 port);

/* time.c */
u64 now(void);

/* console.c */
void console_init(void);
void console_unlock(void);
void put(char c);
void print(const char *format, ...);
int console_waiting(void);
int console_read(void);

/* xenstore.c */
void store_init(void);
int store_waiting(void);
int store_request(u32 type, const char *path, const char *value, char *reply, u32 size);
int store_shutdown_requested(char *how, u32 size);

/* memory.c */
void memory_init(void);
u64 memory_pages(void);
s64 memory_give(u64 pages);
s64 memory_take(u64 pages);

/* smp.c */
extern u32 vcpus_online;
extern volatile u32 load_vcpus;
extern volatile u64 work_done[MAX_VCPUS];
extern volatile u64 ticks[MAX_VCPUS];
void smp_init(void);
void set_load(u32 vcpus);
void wake(u32 vcpu);
int work(void);

/* late.c: when each vCPU last heard its timer, and its IPI. */
extern volatile u64 woken_at[MAX_VCPUS];
void ticked(void);
void late(u64 n);

/* shell.c */
void shell_start(void);
void shell_input(int c);

/* string.c */
u64 length(const char *s);
int equal(const char *a, const char *b);
int starts(const char *s, const char *prefix);
void copy_bytes(void *to, const void *from, u64 n);
void clear_bytes(void *to, u64 n);

void poweroff(u32 reason) __attribute__((noreturn));
#endif
