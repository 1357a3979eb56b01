/* The shell: a line editor and a table of commands, driven by the bytes that arrive. It never waits. */
#include "xen.h"

enum { LINE = 128, HISTORY = 16 };
static char line[LINE], history[HISTORY][LINE];
static u32 used, cursor, remembered, browsing, escape;

static u64 number(const char *s) { u64 n = 0; while (*s >= '0' && *s <= '9') n = n * 10 + *s++ - '0'; return n; }

static void help(const char *arg);

static void info(const char *arg) {
    char extra[16] = "", name[64];
    u64 version = hypercall(HYPERVISOR_xen_version, XENVER_version, 0, 0, 0);
    hypercall(HYPERVISOR_xen_version, XENVER_extraversion, (u64)extra, 0, 0);
    (void)arg;
    if (store_request(XS_READ, "name", NULL, name, sizeof name) < 0) copy_bytes(name, "?", 2);
    print("name      %s\nXen       %u.%u%s\nmagic     %s\nvCPUs     %u\ncmdline   %s\n", name, version >> 16, version & 0xffff,
          extra, start_info->magic, (u64)vcpus_online, start_info->cmd_line);
}

static void mem(const char *arg) {
    (void)arg;
    print("owned     %u pages, %u MiB\nat start  %u pages\n", memory_pages(), memory_pages() >> 8, start_info->nr_pages);
}

static void cpu(const char *arg) {
    (void)arg;
    print("vCPU  ticks     work    state\n");
    for (u64 n = 0; n < MAX_VCPUS; n++)
        if (is_online(n)) print("%4u %6u %8u    %s\n", n, ticks[n], work_done[n], has_load(n) ? "load" : "idle");
}

static void uptime(const char *arg) {
    u64 t = now();
    (void)arg;
    print("up %u.%03u s, host up %u.%03u s\n", (t - boot) / 1000000000, (t - boot) / 1000000 % 1000, t / 1000000000, t / 1000000 % 1000);
}

static void load(const char *arg) {
    u64 n = number(arg);
    if (*arg < '0' || *arg > '9' || n > vcpus_online) { print("load N: N vCPUs busy, 0 to %u\n", (u64)vcpus_online); return; }
    set_load(n);
}

static void alloc(const char *arg) {
    if (!number(arg)) { print("alloc N: take N MiB back from the host\n"); return; }
    print("took %d pages\n", memory_take(number(arg) << 8));
}

static void give(const char *arg) {
    if (!number(arg)) { print("free N: give N MiB to the host\n"); return; }
    print("gave %d pages\n", memory_give(number(arg) << 8));
}

static void list(char *path, u32 at, u32 depth) {
    char children[1024], value[256];
    int n = store_request(XS_DIRECTORY, path, NULL, children, sizeof children);
    if (n < 0) { if (!depth) print("%s: %s\n", path, children); return; }
    for (int i = 0; i < n; i += length(children + i) + 1) {
        u32 size = length(children + i);
        if (at + size + 2 > 256) continue;
        path[at] = '/';
        copy_bytes(path + at + 1, children + i, size + 1);
        for (u32 d = 0; d < depth; d++) print("  ");
        if (store_request(XS_READ, path, NULL, value, sizeof value) < 0) value[0] = 0;
        print("%s = \"%s\"\n", children + i, value);
        if (depth < 6) list(path, at + 1 + size, depth + 1);
        path[at] = 0;
    }
}

static void xenstore_ls(const char *arg) {
    char path[256], domid[16];
    if (*arg) {
        u64 n = length(arg) < 200 ? length(arg) : 200;
        copy_bytes(path, arg, n);
        path[n] = 0;
    } else {
        if (store_request(XS_READ, "domid", NULL, domid, sizeof domid) < 0) { print("no domid: %s\n", domid); return; }
        copy_bytes(path, "/local/domain/", 15);
        copy_bytes(path + 14, domid, length(domid) + 1);
    }
    list(path, length(path), 0);
}

static void events(const char *arg) {
    (void)arg;
    print("port    count\n");
    for (u64 port = 1; port < MAX_PORTS; port++)
        if (event_count[port]) print("%4u %8u\n", port, event_count[port]);
}

/* Measures what it costs to enter the hypervisor and come back. Of all hypercalls this one does least. */
static void hypercalls(const char *arg) {
    u64 n = number(arg);
    if (!n || n > 100000000) { print("hypercalls N: times N of them, up to 100000000\n"); return; }
    u64 start = now();
    for (u64 i = 0; i < n; i++) hypercall(HYPERVISOR_xen_version, XENVER_version, 0, 0, 0);
    u64 took = now() - start;
    print("%u hypercalls, %u.%u ns each\n", n, took / n, took * 10 / n % 10);
}

static void lateness(const char *arg) {
    u64 n = number(arg);
    if (!n || n > 10000) { print("late N: N timers, and N IPIs if there are 2 vCPUs (a pCPU each), up to 10000\n"); return; }
    late(n);
}

static void crash(const char *arg) { (void)arg; *(volatile int *)0xdead000 = 1; }
static void reboot(const char *arg) { (void)arg; poweroff(SHUTDOWN_reboot); }
static void off(const char *arg) { (void)arg; poweroff(SHUTDOWN_poweroff); }

static const struct { const char *name; void (*run)(const char *arg); const char *what; } commands[] = {
    {"help", help, "this list"}, {"info", info, "who and where this guest is"}, {"mem", mem, "memory owned"},
    {"cpu", cpu, "vCPUs, their ticks and work"}, {"uptime", uptime, "how long this guest has run"},
    {"load", load, "load N: keep N vCPUs busy; load 0 stops"}, {"alloc", alloc, "alloc N: take N MiB back from the host"},
    {"free", give, "free N: give N MiB to the host"}, {"xenstore-ls", xenstore_ls, "xenstore-ls [PATH]: the tree below PATH"},
    {"events", events, "events handled, by port"},
    {"hypercalls", hypercalls, "hypercalls N: times N of them"},
    {"late", lateness, "late N: how late N timers and IPIs are"}, {"crash", crash, "touch an address that is not there"},
    {"reboot", reboot, "ask for a reboot"}, {"poweroff", off, "switch off"},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void help(const char *arg) {
    (void)arg;
    for (u32 i = 0; i < COMMANDS; i++) print("  %-12s %s\n", commands[i].name, commands[i].what);
}

static void prompt(void) { print("mini> "); }

static void execute(void) {
    char *p = line, *arg;
    while (*p == ' ') p++;
    if (*p) {
        copy_bytes(history[remembered++ % HISTORY], line, LINE);
        for (arg = p; *arg && *arg != ' '; arg++) ;
        if (*arg) *arg++ = 0;
        while (*arg == ' ') arg++;
        u32 i = 0;
        while (i < COMMANDS && !equal(commands[i].name, p)) i++;
        if (i < COMMANDS) commands[i].run(arg);
        else print("%s: not a command; 'help' lists them\n", p);
    }
    clear_bytes(line, LINE);
    used = cursor = 0;
    browsing = remembered;
    prompt();
}

void shell_redraw(void) {
    print("\rmini> %s\x1b[K", line);
    for (u32 i = used; i > cursor; i--) put('\b');
    print("");
}

static void recall(s32 step) {
    u32 to = browsing + step, oldest = remembered > HISTORY ? remembered - HISTORY : 0;
    if (to < oldest || to > remembered) return;
    browsing = to;
    if (to == remembered) clear_bytes(line, LINE);
    else copy_bytes(line, history[to % HISTORY], LINE);
    used = cursor = length(line);
    shell_redraw();
}

static void complete(void) {
    u32 found = COMMANDS, count = 0;
    for (u32 i = 0; i < COMMANDS; i++) if (starts(commands[i].name, line)) found = i, count++;
    if (count == 1) {
        copy_bytes(line, commands[found].name, length(commands[found].name));
        used = cursor = length(commands[found].name);
        line[used++] = ' ', cursor++;
        line[used] = 0;
    } else if (count > 1) {
        print("\n");
        for (u32 i = 0; i < COMMANDS; i++) if (starts(commands[i].name, line)) print("%s  ", commands[i].name);
        print("\n");
    }
    shell_redraw();
}

static void erase(void) {
    if (!cursor) return;
    for (u32 i = --cursor; i < used; i++) line[i] = line[i + 1];
    used--;
    shell_redraw();
}

void shell_input(int c) {
    if (escape == 1) { escape = c == '[' || c == 'O' ? 2 : 0; return; }
    if (escape == 2) {
        if (c >= '0' && c <= '9') return;
        escape = 0;
        if (c == 'A') recall(-1);
        else if (c == 'B') recall(1);
        else if (c == 'C' && cursor < used) cursor++, shell_redraw();
        else if (c == 'D' && cursor) cursor--, shell_redraw();
        else if (c == 'H') cursor = 0, shell_redraw();
        else if (c == 'F') cursor = used, shell_redraw();
        else if (c == '~' && cursor < used) cursor++, erase();
        return;
    }
    switch (c) {
    case 27: escape = 1; return;
    case '\r': case '\n': print("\n"); execute(); return;
    case 8: case 127: erase(); return;
    case '\t': complete(); return;
    case 1: cursor = 0; shell_redraw(); return;
    case 5: cursor = used; shell_redraw(); return;
    case 3: print("^C\n"); set_load(0); clear_bytes(line, LINE); used = cursor = 0; prompt(); return;
    case 21: clear_bytes(line, LINE); used = cursor = 0; shell_redraw(); return;
    case 12: print("\x1b[H\x1b[2J"); shell_redraw(); return;
    }
    if (c < 32 || used >= LINE - 2) return;
    for (u32 i = ++used; i > cursor; i--) line[i] = line[i - 1];
    line[cursor++] = c;
    line[used] = 0;
    if (cursor == used) { put(c); print(""); } else shell_redraw();
}

void shell_start(void) {
    boot = now();
    prompt();
}
