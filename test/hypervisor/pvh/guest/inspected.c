/* A vCPU that stands still in a state that is known: an interrupt in service, one requested behind it, a timer that is masked. */
#include "pvh.h"

static const char marker[64] = "This stands in the memory of a PVH guest.";

static void keep(struct regs *r)
{
    /* Without an end of interrupt: it stays in service. */
    (void)r;
}

void inspected(void)
{
    on_interrupt = keep;
    apic_write(0xf0, 0x1ff);
    apic_write(0x320, 0x30000 | 0x70);
    apic_write(0x300, 0x40000 | 0x61);
    asm volatile("sti; nop; nop; cli" ::: "memory");
    apic_write(0x300, 0x40000 | 0x51);
    apic_write(0x80, 0x20);
    say("INSPECTED %x", (u64)marker);
    for (;;) asm volatile("sti; hlt" ::: "memory");
}
