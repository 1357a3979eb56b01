/* Ports: who may use them, by the I/O privilege level and by the bitmap. The ports 0x80 to 0x87 do no harm when dom0 really reads them. */
#include "abi.h"

SUBJECT(in_80, "in $0x80, %al; ud2");
SUBJECT(in_80_2, "in $0x80, %ax; ud2");
SUBJECT(in_84_4, "in $0x84, %eax; ud2");
SUBJECT(in_87_2, "in $0x87, %ax; ud2");
SUBJECT(in_88, "in $0x88, %al; ud2");
SUBJECT(user_sti, "sti; ud2");

static u8 bitmap[PAGE * 2] __attribute__((aligned(4096), section(".bss.page")));
static void set_iopl(u32 iopl) { hypercall(HYPERVISOR_physdev_op, 6, (u64)&iopl, 0, 0); }
static s64 set_bitmap(u64 address, u32 ports) {
    struct { u64 bitmap; u32 ports; u32 pad; } arg = {address, ports, 0};
    return hypercall(HYPERVISOR_physdev_op, 7, (u64)&arg, 0, 0);
}
static char name[80];
static void both(const char *what, const char *which, void (*code)(u64)) {
    for (u32 kernel = 0; kernel < 2; kernel++) {
        u32 n = 0;
        for (const char *s = kernel ? "kernel " : "user "; *s; s++) name[n++] = *s;
        for (const char *s = which; *s; s++) name[n++] = *s;
        name[n++] = ' ';
        for (const char *s = what; *s; s++) name[n++] = *s;
        name[n] = 0;
        if (kernel) attempt(code, 0);
        else attempt_user((void (*)(void))code, 0x202);
        check_entry(name, code);
    }
}
static void all(const char *what) {
    both(what, "in 0x80", s_in_80);
    both(what, "in 0x80 word", s_in_80_2);
    both(what, "in 0x84 long", s_in_84_4);
    both(what, "in 0x87 word", s_in_87_2);
    both(what, "in 0x88", s_in_88);
}

void check_io(void) {
    for (u32 i = 0; i < sizeof bitmap; i++) bitmap[i] = 0xff;
    all("without right");
    set_iopl(1);
    all("at IOPL 1");
    set_iopl(3);
    all("at IOPL 3");
    both("at IOPL 3", "sti", s_user_sti);
    set_iopl(0);
    bitmap[0x80 >> 3] = 0;
    check("set_iobitmap", set_bitmap((u64)bitmap, 65536));
    all("by bitmap");
    bitmap[0x80 >> 3] = 0xfe;
    all("by one bit");
    bitmap[0x80 >> 3] = 0;
    set_bitmap((u64)bitmap, 0x81);
    all("by a short bitmap");
    set_bitmap((u64)bitmap, 0x88);
    all("by a bitmap that ends");
    set_bitmap(0x100000000, 65536);
    all("by a bitmap in a hole");
    check("set_iobitmap too long", set_bitmap((u64)bitmap, 65537));
    set_bitmap(0, 0);
    u32 bad = 4;
    check("set_iopl 4", hypercall(HYPERVISOR_physdev_op, 6, (u64)&bad, 0, 0));
}
