/* Descriptors: which of them a table may hold, and what one that it may not hold does to the others. */
#include "abi.h"

SUBJECT(load_ds, "mov %edi, %ds");
SUBJECT(load_es_back, "xor %eax, %eax; mov %eax, %ds; mov %eax, %es");
SUBJECT(load_fs, "mov %edi, %fs; xor %eax, %eax; mov %eax, %fs");
SUBJECT(lar, "lar %edi, %eax");

static u64 table[1024] __attribute__((aligned(4096), section(".bss.page")));
static u64 scratch_page[512] __attribute__((aligned(4096), section(".bss.page")));

/* A descriptor with base 0 and a limit of all ones, and with the given access byte and upper flags. */
static u64 descriptor(u64 access, u64 flags) { return access << 40 | flags << 52 | 0xffff | 0xful << 48; }
enum { DATA = 0xf2, CODE = 0xfa, LONG = 0xa, BIG = 0xc };
static const struct { const char *name; u64 value; } kinds[] = {
    {"data of ring 3", 0x00cff2000000ffff}, {"data of ring 0", 0x00cf92000000ffff}, {"long code", 0x00affa000000ffff},
    {"code with L and D", 0x00effa000000ffff}, {"nothing", 0}, {"present of type 0", 0x0000e00000000000}, {"not present TSS", 0x0000690000000067},
    {"TSS", 0x0000e90000000067}, {"LDT", 0x0000e20000000067}, {"interrupt gate", 0x0000ee0000330000}, {"trap gate", 0x0000ef0000330000},
    {"task gate", 0x0000e50000330000}, {"call gate to ring 3", 0x0000ec00e0330000}, {"call gate to null", 0x0000ec0000000000},
    {"call gate with a count", 0x0000ec04e0330000}, {"call gate to Xen", 0x0000ec00e0080000}, {"not present call gate", 0x00006c0000000000},
};

static s64 update(volatile u64 *entry, u64 value) {
    return hypercall(HYPERVISOR_update_descriptor, mfn_of((const void *)((u64)entry & ~4095ul)) << 12 | ((u64)entry & 4095), value, 0, 0);
}
static char name[80];
static const char *joined(const char *a, const char *b) {
    u32 n = 0;
    while (*a) name[n++] = *a++;
    while (*b) name[n++] = *b++;
    name[n] = 0;
    return name;
}
static void load(const char *what, u16 selector) {
    attempt(s_load_ds, selector);
    check_entry(what, s_load_ds);
    attempt(s_load_es_back, 0);
}

void check_descriptors(void) {
    for (u32 i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        scratch_page[i] = 0x1234;
        check(joined("descriptor ", kinds[i].name), update(scratch_page + i, kinds[i].value));
        check(joined("stored ", kinds[i].name), scratch_page[i]);
    }
    table[0] = descriptor(DATA, BIG);
    table[1] = descriptor(CODE, LONG | 4);
    table[2] = 0x0000e00000000000;
    table[3] = 0x0000ec00e0330000;
    table[4] = descriptor(DATA & 0x7f, BIG);
    table[512] = descriptor(DATA, BIG);
    table[513] = 0x0000e90000000067;
    table[514] = descriptor(DATA, BIG);
    remap(table, 0);
    remap(table + 512, 0);
    check("set_ldt", mmuext(MMUEXT_SET_LDT, (u64)table, 1024));
    load("load of the LDT", 0x7);
    load("load of L and D", 0xf);
    load("load of type 0", 0x17);
    load("load of a call gate", 0x1f);
    load("load of one that is not present", 0x27);
    load("load beside a TSS", 0x1007);
    load("load of a TSS", 0x100f);
    load("load behind a TSS", 0x1017);
    load("load beyond the LDT", 0x2007);
    check("set_ldt shorter", mmuext(MMUEXT_SET_LDT, (u64)table, 3));
    load("load of what is cut off", 0x1f);
    check("update in the LDT", update(table, descriptor(DATA, BIG)));
    check("bad update in the LDT", update(table, 0x0000e90000000067));
    check("set_ldt none", mmuext(MMUEXT_SET_LDT, 0, 0));
    load("load of no LDT", 0x7);
    load("load of null", 3);
    load("load of Xen's", 0xe008);
    load("load of Xen's flat data", 0xe02b);
    attempt(s_load_fs, 0x7);
    check_entry("load of no LDT into FS", s_load_fs);
    remap(table, 2);
    remap(table + 512, 2);
    (void)s_lar;
}
