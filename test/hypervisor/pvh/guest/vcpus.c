/* Interrupt descriptors, and other vCPUs, which are started by INIT and start-up IPIs. */
#include "pvh.h"

extern volatile u32 vcpus_up;
extern u64 vectors[256];
extern char ap_start[], ap_result[], ap_end[];

static struct { u16 low, selector, flags, middle; u32 high, zero; } idt[256];

void traps_load(void)
{
    struct { u16 limit; u64 base; } __attribute__((packed)) pointer = { sizeof(idt) - 1, (u64)idt };
    asm volatile("lidt %0" :: "m"(pointer));
}

/* The first vCPU calls this once, after traps_load(). */
void traps_fill(void)
{
    for (u32 i = 0; i < 256; i++) {
        idt[i].low = vectors[i];
        idt[i].selector = 8;
        idt[i].flags = 0x8e00;
        idt[i].middle = vectors[i] >> 16;
    }
}

/* AP_PAGE has the trampoline, and after it the pointer to the trampoline's own descriptor table. */
#define AP_PAGE 0x8000ul
static void send(u64 vcpu, u32 command)
{
    apic_write(0x310, vcpu * 2 << 24);
    apic_write(0x300, command);
}
static void init(u64 vcpu) { send(vcpu, 0x4500); }
static void start_up(u64 vcpu) { send(vcpu, 0x4600 | AP_PAGE >> 12); }

void start_vcpus(u64 count)
{
    u64 length = ap_end - ap_start;
    for (u64 i = 0; i < length; i++) ((u8 *)AP_PAGE)[i] = ap_start[i];
    for (u64 vcpu = 1; vcpu < count; vcpu++) {
        init(vcpu);
        start_up(vcpu);
        while (vcpus_up <= vcpu) asm volatile("pause");
    }
    say("VCPUS %d", (u64)vcpus_up);
    say("REAL MODE hypercall %d", (s64)*(volatile s32 *)(AP_PAGE + (ap_result - ap_start)));
}

static void stay(u32 vcpu)
{
    (void)vcpu;
    for (;;) asm volatile("pause");
}

/* Resets a vCPU that runs, and starts it, whatever the time between the two. Every second time VCPUOP_up comes between, which does not start it. */
void restarts(void)
{
    u64 rounds = number_of("rounds", 1000);
    others_work = stay;
    vcpus_up = 1;
    start_vcpus(2);
    for (u64 turn = 0; turn < rounds; turn++) {
        vcpus_up = 1;
        init(1);
        for (u64 i = turn * 7 % 2000; i; i--) asm volatile("");
        if (turn & 1) hypercall(VCPU_OP, 1, 1, 0, 0);
        start_up(1);
        while (vcpus_up < 2) asm volatile("pause");
    }
    say("RESTARTS %d", rounds);
    power_off(0);
}
