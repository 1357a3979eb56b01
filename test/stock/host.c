/*
 * A host on which nothing changes, for Xen's own tools: when this file is preloaded into them, it answers what they ask libxenctrl, so that stock xl,
 * xenstored and the xenstore clients run where there is no Xen. It has two pCPUs on one node, and the domains Domain-0, "web" (running, two vCPUs),
 * "db" (paused) and "gone" (crashed). Requests that would change the host succeed and change nothing. It is written from the public libxenctrl.h of
 * libxen-dev.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#define PCPUS 2
#define DOMAINS 4

xc_interface *xc_interface_open(xentoollog_logger *l, xentoollog_logger *d, unsigned flags) { return calloc(1, 4096); }
int xc_interface_close(xc_interface *xch) { return 0; }

static const struct { int vcpus; unsigned flags; unsigned long mib; } domains[DOMAINS] = {
    { 2, XEN_DOMINF_running, 512 },
    { 2, XEN_DOMINF_running, 64 },
    { 1, XEN_DOMINF_paused, 96 },
    { 1, XEN_DOMINF_shutdown | (3 << XEN_DOMINF_shutdownshift), 32 },
};

static void describe(uint32_t domid, xc_domaininfo_t *info)
{
    memset(info, 0, sizeof *info);
    info->domain = domid;
    info->flags = domains[domid].flags;
    info->tot_pages = domains[domid].mib * 256;
    info->max_pages = info->tot_pages + 256;
    info->cpu_time = 1500000000ull * (domid + 1);
    info->nr_online_vcpus = domains[domid].vcpus;
    info->max_vcpu_id = domains[domid].vcpus - 1;
    if (domid) memset(info->handle, 0x10 + domid, sizeof info->handle);
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned max, xc_domaininfo_t *info)
{
    unsigned count = 0;
    for (; first + count < DOMAINS && count < max; count++) describe(first + count, info + count);
    return count;
}

int xc_domain_getinfo(xc_interface *xch, uint32_t first, unsigned max, xc_dominfo_t *info)
{
    unsigned count = 0;
    for (; first + count < DOMAINS && count < max; count++) {
        memset(info + count, 0, sizeof *info);
        info[count].domid = first + count;
        info[count].running = 1;
    }
    return count;
}

int xc_get_max_cpus(xc_interface *xch) { return PCPUS; }
int xc_get_online_cpus(xc_interface *xch) { return PCPUS; }
int xc_get_max_nodes(xc_interface *xch) { return 1; }
int xc_sched_id(xc_interface *xch, int *id) { *id = XEN_SCHEDULER_CREDIT; return 0; }

int xc_physinfo(xc_interface *xch, xc_physinfo_t *info)
{
    memset(info, 0, sizeof *info);
    info->threads_per_core = 1;
    info->cores_per_socket = PCPUS;
    info->nr_cpus = PCPUS;
    info->max_cpu_id = PCPUS - 1;
    info->nr_nodes = 1;
    info->cpu_khz = 1000000;
    info->capabilities = XEN_SYSCTL_PHYSCAP_pv;
    info->total_pages = 1024 * 256;
    info->free_pages = 300 * 256;
    return 0;
}

int xc_cputopoinfo(xc_interface *xch, unsigned *max, xc_cputopo_t *topology)
{
    if (topology)
        for (unsigned i = 0; i < *max && i < PCPUS; i++) topology[i] = (xc_cputopo_t){ .core = i, .socket = 0, .node = 0 };
    *max = PCPUS;
    return 0;
}

int xc_numainfo(xc_interface *xch, unsigned *max, xc_meminfo_t *memory, uint32_t *distance)
{
    if (memory && *max) memory[0] = (xc_meminfo_t){ .memsize = 1ull << 30, .memfree = 300ull << 20 };
    if (distance && *max) distance[0] = 10;
    *max = 1;
    return 0;
}

int xc_version(xc_interface *xch, int cmd, void *arg)
{
    switch (cmd) {
    case XENVER_version: return 4 << 16 | 17;
    case XENVER_extraversion: strcpy(arg, ".7"); return 0;
    case XENVER_pagesize: return 4096;
    case XENVER_capabilities: strcpy(arg, "xen-3.0-x86_64 "); return 0;
    case XENVER_platform_parameters: *(unsigned long *)arg = 0xffff800000000000; return 0;
    case XENVER_compile_info: memset(arg, 0, sizeof(xen_compile_info_t)); return 0;
    default: strcpy(arg, ""); return 0;
    }
}

int xc_vcpu_getinfo(xc_interface *xch, uint32_t domid, uint32_t vcpu, xc_vcpuinfo_t *info)
{
    memset(info, 0, sizeof *info);
    info->vcpu = vcpu;
    info->online = 1;
    info->running = domains[domid].flags == XEN_DOMINF_running;
    info->cpu_time = 750000000ull;
    info->cpu = vcpu % PCPUS;
    return 0;
}

/* Affinities are kept as long as the process lives. */
static uint8_t hard = 0xff, soft = 0xff;
int xc_vcpu_getaffinity(xc_interface *xch, uint32_t domid, int vcpu, xc_cpumap_t h, xc_cpumap_t s, uint32_t flags)
{
    if (flags & XEN_VCPUAFFINITY_HARD) *h = hard;
    if (flags & XEN_VCPUAFFINITY_SOFT) *s = soft;
    return 0;
}
int xc_vcpu_setaffinity(xc_interface *xch, uint32_t domid, int vcpu, xc_cpumap_t h, xc_cpumap_t s, uint32_t flags)
{
    if (vcpu >= domains[domid].vcpus) { errno = ESRCH; return -1; }
    if (flags & XEN_VCPUAFFINITY_HARD) {
        *h &= (1 << PCPUS) - 1;
        if (!*h) { errno = EINVAL; return -1; }
        hard = *h;
    }
    if (flags & XEN_VCPUAFFINITY_SOFT) {
        *s &= hard & ((1 << PCPUS) - 1);
        if (!*s) { errno = EINVAL; return -1; }
        soft = *s;
    }
    return 0;
}

xc_cpumap_t xc_cpumap_alloc(xc_interface *xch) { return calloc(1, 8); }
xc_cpupoolinfo_t *xc_cpupool_getinfo(xc_interface *xch, uint32_t pool)
{
    static uint8_t map[8] = { (1 << PCPUS) - 1 };
    if (pool) { errno = ENOENT; return NULL; }
    xc_cpupoolinfo_t *info = calloc(1, sizeof *info);
    info->sched_id = XEN_SCHEDULER_CREDIT;
    info->n_dom = DOMAINS;
    info->cpumap = map;
    return info;
}
void xc_cpupool_infofree(xc_interface *xch, xc_cpupoolinfo_t *info) { free(info); }
xc_cpumap_t xc_cpupool_freeinfo(xc_interface *xch) { return calloc(1, 8); }

int xc_sched_credit_domain_get(xc_interface *xch, uint32_t domid, struct xen_domctl_sched_credit *s)
{
    *s = (struct xen_domctl_sched_credit){ .weight = 256, .cap = 0 };
    return 0;
}
int xc_sched_credit_domain_set(xc_interface *xch, uint32_t domid, struct xen_domctl_sched_credit *s) { return 0; }
int xc_sched_credit_params_get(xc_interface *xch, uint32_t pool, struct xen_sysctl_credit_schedule *s)
{
    *s = (struct xen_sysctl_credit_schedule){ .tslice_ms = 30, .ratelimit_us = 1000, .vcpu_migr_delay_us = 0 };
    return 0;
}
int xc_sched_credit_params_set(xc_interface *xch, uint32_t pool, struct xen_sysctl_credit_schedule *s) { return 0; }

int xc_domain_pause(xc_interface *xch, uint32_t domid) { return 0; }
int xc_domain_unpause(xc_interface *xch, uint32_t domid)
{
    if (domains[domid].flags & XEN_DOMINF_paused) return 0;
    errno = EINVAL;
    return -1;
}
int xc_domain_setmaxmem(xc_interface *xch, uint32_t domid, uint64_t kib) { return 0; }
int xc_domain_send_trigger(xc_interface *xch, uint32_t domid, uint32_t trigger, uint32_t vcpu) { return 0; }
int xc_send_debug_keys(xc_interface *xch, const char *keys) { return 0; }
long xc_sharing_freed_pages(xc_interface *xch) { return 0; }
long xc_sharing_used_frames(xc_interface *xch) { return 0; }
int xc_flask_getenforce(xc_interface *xch) { errno = ENOSYS; return -1; }
int xc_flask_sid_to_context(xc_interface *xch, int sid, char *buffer, uint32_t size) { errno = ENOSYS; return -1; }
int xc_flask_context_to_sid(xc_interface *xch, char *buffer, uint32_t size, uint32_t *sid) { errno = ENOSYS; return -1; }

xenevtchn_handle *xenevtchn_open(xentoollog_logger *l, unsigned flags) { return calloc(1, 4096); }
int xenevtchn_close(xenevtchn_handle *x) { return 0; }
int xenevtchn_fd(xenevtchn_handle *x) { static int ends[2]; if (!ends[0]) pipe(ends); return ends[0]; }
xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *x, unsigned virq) { return 1; }
xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *x, uint32_t domid, evtchn_port_t port) { return 2; }
int xenevtchn_notify(xenevtchn_handle *x, evtchn_port_t port) { return 0; }
int xenevtchn_unbind(xenevtchn_handle *x, evtchn_port_t port) { return 0; }
int xenevtchn_unmask(xenevtchn_handle *x, evtchn_port_t port) { return 0; }
xengnttab_handle *xengnttab_open(xentoollog_logger *l, unsigned flags) { return calloc(1, 4096); }
int xengnttab_close(xengnttab_handle *x) { return 0; }
int xengnttab_set_max_grants(xengnttab_handle *x, uint32_t n) { return 0; }

/* xenstored's own domain has a page and a port, as Domain-0 has them on a host. */
void *xengnttab_map_grant_ref(xengnttab_handle *x, uint32_t domid, uint32_t ref, int prot) { return aligned_alloc(4096, 4096); }
int xengnttab_unmap(xengnttab_handle *x, void *at, uint32_t count) { return 0; }
/* The locks that libxl takes are placed in the folder STOCK_FOLDER, and xl.conf is read from there too. */
static const char *placed(const char *path, char *room, size_t size)
{
    const char *folder = getenv("STOCK_FOLDER");
    size_t skip = !strncmp(path, "/etc/xen/xl.conf", 16) ? 9 : !strncmp(path, "/var/lib/xen/", 13) ? 13 : 0;
    if (!folder || !skip) return path;
    snprintf(room, size, "%s/%s", folder, path + skip);
    return room;
}
int stat(const char *restrict path, struct stat *restrict found)
{
    char room[4096];
    return fstatat(AT_FDCWD, placed(path, room, sizeof room), found, 0);
}
FILE *fopen(const char *path, const char *mode)
{
    char room[4096];
    FILE *(*next)(const char *, const char *) = dlsym(RTLD_NEXT, "fopen");
    return next(placed(path, room, sizeof room), mode);
}
int open(const char *path, int flags, ...)
{
    unsigned mode = 0;
    if (flags & O_CREAT) {
        va_list more;
        va_start(more, flags);
        mode = va_arg(more, unsigned);
        va_end(more);
    }
    if (strstr(path, "xsd_port")) {
        int ends[2];
        if (pipe(ends) || write(ends[1], "1", 1) != 1) return -1;
        close(ends[1]);
        return ends[0];
    }
    if (strstr(path, "xsd_kva")) {
        int memory = memfd_create("store", 0);
        if (memory >= 0 && ftruncate(memory, 4096)) return -1;
        return memory;
    }
    char room[4096];
    return syscall(SYS_openat, AT_FDCWD, placed(path, room, sizeof room), flags, mode);
}
