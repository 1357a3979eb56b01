/* GNTTABOP_set_version: what is left of the table, and when the call is refused. */
#include "abi.h"

enum { SETUP_TABLE = 2, SET_VERSION = 8, GET_STATUS_FRAMES = 9, GET_VERSION = 10 };

static s64 set_version(u32 version, u32 *result) {
    u32 op[2] = {version, 0};
    s64 error = hypercall(HYPERVISOR_grant_table_op, SET_VERSION, (u64)op, 1, 0);
    *result = op[0];
    return error;
}
static u64 version(void) {
    struct { u16 dom; u16 pad; u32 version; } op = {DOMID_SELF, 0, 0};
    hypercall(HYPERVISOR_grant_table_op, GET_VERSION, (u64)&op, 1, 0);
    return op.version;
}
struct v1 { u16 flags, domid; u32 frame; };
struct v2 { u16 flags, domid; u32 pad; u64 frame; };

void check_grant(void) {
    u64 frames[4] = {0};
    struct { u16 dom; u16 p; u32 nr; s32 status; u32 p2; u64 list; } setup = {DOMID_SELF, 0, 2, 0, 0, (u64)frames};
    u32 after;
    check("setup_table", hypercall(HYPERVISOR_grant_table_op, SETUP_TABLE, (u64)&setup, 1, 0));
    check("setup_table status", setup.status & 0xffff);
    volatile struct v1 *v1 = map_frame(frames[0], 1);
    volatile struct v2 *v2 = (volatile struct v2 *)v1;
    for (u32 i = 0; i < 12; i++) ((volatile u64 *)v1)[i] = 0;
    v1[3] = (struct v1){1 | 4 | 8, 0, 0x1234};
    v1[4] = (struct v1){1 | 16, 7, 0x2345};
    v1[9] = (struct v1){1, 7, 0x3456};
    check("set_version 3", set_version(3, &after));
    check("set_version 3 writes back", after);
    check("version at first", version());
    check("set_version 2", set_version(2, &after));
    check("set_version 2 writes back", after);
    check("version then", version());
    check("entry 3 flags", v2[3].flags);
    check("entry 3 domid", v2[3].domid);
    check("entry 3 frame", v2[3].frame);
    check("entry 4 flags", v2[4].flags);
    check("entry 4 frame", v2[4].frame);
    check("entry 9 flags", v2[9].flags);
    u64 status_frames[2] = {0};
    struct { u32 nr; u16 dom; u16 status; u64 list; } get = {1, DOMID_SELF, 0, (u64)status_frames};
    check("get_status_frames", hypercall(HYPERVISOR_grant_table_op, GET_STATUS_FRAMES, (u64)&get, 1, 0));
    volatile u16 *status = map_frame(status_frames[0], 2);
    check("status 4", status[4]);
    check("status 3", status[3]);
    check("set_version 1 with a mapped status frame", set_version(1, &after));
    check("and writes back", after);
    check("version stays", version());
    map_frame(mfn_of(spare_pages[2]), 2);
    v2[5] = (struct v2){1, 0, 0, 0x100000001};
    check("set_version 1 with a frame of 33 bits", set_version(1, &after));
    check("and writes back 2", after);
    v2[5] = (struct v2){3, 0, 0, 1};
    check("set_version 1 with a transitive entry", set_version(1, &after));
    v2[5] = (struct v2){0, 0, 0, 0};
    check("set_version 1", set_version(1, &after));
    check("set_version 1 writes back", after);
    check("entry 3 flags again", v1[3].flags);
    check("entry 3 frame again", v1[3].frame);
    check("entry 4 flags again", v1[4].flags);
    for (u32 i = 0; i < 16; i++) v1[i] = (struct v1){0, 0, 0};
    map_frame(mfn_of(spare_pages[3]), 1);
}
