/* Accesses to ports and to what is no memory, in every width and form. Each is made by an instruction at a label whose address is printed. */
#include "pvh.h"

#define HOLE 0x30000000ul
/* An instruction that has a label of its own. */
#define MARK(name, instruction) ".globl at_" #name "\nat_" #name ": " instruction "\n\t"
#define TELL(name) do { extern char at_##name[]; say("AT " #name " %x", (u64)at_##name); } while (0)

static volatile u32 traps;
static void trapped(struct regs *r)
{
    (void)r;
    traps++;
}

static __attribute__((noinline)) void ports(void)
{
    static u8 bytes[4] = { 1, 2, 3, 4 };
    static u16 words[2];
    u64 from = (u64)bytes, to = (u64)words, count = 3;
    u32 in;
    asm volatile("xorl %%eax, %%eax\n\t" MARK(inb, "inb $0x71, %%al")
                 "movl $0x3f8, %%edx\n\t" MARK(inw, "inw %%dx, %%ax")
                 "movl $0xcf8, %%edx\n\t" MARK(inl, "inl %%dx, %%eax") : "=a"(in) :: "edx");
    asm volatile("movl $0x99995a, %%eax\n\t" MARK(outb, "outb %%al, $0x80")
                 "movl $0x991234, %%eax; movl $0x1f0, %%edx\n\t" MARK(outw, "outw %%ax, %%dx")
                 "movl $0x80000010, %%eax; movl $0xcf8, %%edx\n\t" MARK(outl, "outl %%eax, %%dx") ::: "eax", "edx");
    asm volatile("movl $0x3f9, %%edx; cld\n\t" MARK(outs, "rep outsb") : "+S"(from), "+c"(count) :: "edx", "memory");
    asm volatile("movl $0x1f0, %%edx\n\t" MARK(ins, "insw") : "+D"(to) :: "edx", "memory");
    /* The memory operand lies where no memory is, too. */
    from = HOLE + 0x60, to = HOLE + 0x61;
    asm volatile("movl $0x3f9, %%edx\n\t" MARK(outshole, "outsb")
                 "movl $0x1f0, %%edx\n\t" MARK(inshole, "insb") : "+S"(from), "+D"(to) :: "edx", "memory");
    say("PORTS in %x ins %x", (u64)in, (u64)words[0]);
}

static __attribute__((noinline)) void addresses(void)
{
    static u32 copied[4];
    u64 one, two, four, eight, pushed, version, from = HOLE + 0x100, to = (u64)copied, count = 4;
    asm volatile(MARK(read1, "movzbl 1(%6), %k0") MARK(read2, "movzwl 2(%6), %k1") MARK(read4, "movl 4(%6), %k2")
                 MARK(read8, "movq 8(%6), %3") MARK(push, "pushq 0x48(%6)") "popq %4\n\t"
                 MARK(apic, "movl 0x30(%7), %k5")
                 : "=&r"(one), "=&r"(two), "=&r"(four), "=&r"(eight), "=&r"(pushed), "=&r"(version)
                 : "r"(HOLE), "r"(0xfee00000ul) : "memory");
    say("READ %x %x %x %x %x version %x", one, two, four, eight, pushed, version);
    asm volatile(MARK(write1, "movb $0x5a, 1(%0)") MARK(write2, "movw $0x1234, 2(%0)") MARK(write4, "movl $0x12345678, 4(%0)")
                 MARK(write8, "movq %1, 8(%0)") MARK(add, "lock addl $5, 0x10(%0)")
                 MARK(wide, "movups 0x20(%0), %%xmm0")
                 :: "r"(HOLE), "r"(0x1122334455667788ul) : "memory", "cc");
    asm volatile("cld\n\t" MARK(copy, "rep movsl") : "+S"(from), "+D"(to), "+c"(count) :: "memory");
    say("COPIED %x", (u64)copied[3]);
    /* There is one trap for each instruction, also for one that is executed alone. */
    on_trap = trapped;
    asm volatile("pushfq; orq $0x100, (%%rsp); popfq\n\t" MARK(traced, "movl 0x44(%0), %%eax")
                 "pushfq; andq $~0x100, (%%rsp); popfq" :: "r"(HOLE) : "eax", "memory", "cc");
    say("TRAPS %d", (u64)traps);
}

static __attribute__((noinline)) void loop(u64 rounds)
{
    asm volatile("1:\n\t" MARK(loop, "movl 0x40(%1), %%eax") "decq %0; jnz 1b" : "+r"(rounds) : "r"(HOLE) : "eax", "memory", "cc");
}

/* Makes one of its own page tables lie where no memory is. */
static void table_outside(void)
{
    extern u64 pdpt[];
    pdpt[5] = HOLE | 7;
    say("TABLE");
    say("READ %x", *(volatile u64 *)(5ul << 30));
    power_off(0);
}

void accesses(void)
{
    if (has_word("table")) table_outside();
    TELL(inb); TELL(inw); TELL(inl); TELL(outb); TELL(outw); TELL(outl); TELL(outs); TELL(ins);
    TELL(outshole); TELL(inshole);
    TELL(read1); TELL(read2); TELL(read4); TELL(read8); TELL(push); TELL(apic);
    TELL(write1); TELL(write2); TELL(write4); TELL(write8); TELL(add); TELL(wide); TELL(copy); TELL(traced); TELL(loop);
    ports();
    addresses();
    loop(number_of("rounds", 1000));
    say("DONE");
    if (has_word("wait")) for (;;) asm volatile("pause");
    power_off(0);
}
