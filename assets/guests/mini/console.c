/* The PV console ring (public/io/console.h): bytes in, bytes out, one event channel. */
#include "xen.h"

static struct console_ring *ring;
static u32 lock;

static void notify(void) { event_send(start_info->console_evtchn); }

static int is_full(void) { return ring->out_prod - *(volatile u32 *)&ring->out_cons >= sizeof ring->out; }

void put(char c) {
    if (c == '\n') put('\r');
    while (is_full()) {
        notify();
        int masked = events_mask();
        if (is_full()) poll(start_info->console_evtchn);
        if (!masked) events_unmask();
    }
    ring->out[ring->out_prod & (sizeof ring->out - 1)] = c;
    barrier();
    ring->out_prod++;
}

static void put_number(u64 value, u32 base, int width, char fill, int negative) {
    char digits[24];
    int n = 0;
    do digits[n++] = "0123456789abcdef"[value % base]; while (value /= base);
    if (negative) digits[n++] = '-';
    for (int i = n; i < width; i++) put(fill);
    while (n) put(digits[--n]);
}

/* %s %c %d %u %x with optional zero fill and width; all numbers are 64 bits wide. */
void print(const char *format, ...) {
    __builtin_va_list args;
    __builtin_va_start(args, format);
    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE)) asm volatile("pause");
    for (; *format; format++) {
        if (*format != '%') { put(*format); continue; }
        char fill = ' ';
        int width = 0, left = 0;
        if (*++format == '-') left = 1, format++;
        if (*format == '0') fill = '0';
        while (*format >= '0' && *format <= '9') width = width * 10 + *format++ - '0';
        switch (*format) {
        case 's': {
            const char *s = __builtin_va_arg(args, const char *);
            int n = length(s);
            if (!left) for (int i = n; i < width; i++) put(' ');
            while (*s) put(*s++);
            if (left) for (int i = n; i < width; i++) put(' ');
            break;
        }
        case 'c': put(__builtin_va_arg(args, u64)); break;
        case 'd': { s64 v = __builtin_va_arg(args, s64); put_number(v < 0 ? -v : v, 10, width, fill, v < 0); break; }
        case 'u': put_number(__builtin_va_arg(args, u64), 10, width, fill, 0); break;
        case 'x': put_number(__builtin_va_arg(args, u64), 16, width, fill, 0); break;
        default: put(*format);
        }
    }
    __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
    __builtin_va_end(args);
    notify();
}

int console_waiting(void) { return ring->in_cons != *(volatile u32 *)&ring->in_prod; }

int console_read(void) {
    fence();
    if (!console_waiting()) return -1;
    u8 c = ring->in[ring->in_cons & (sizeof ring->in - 1)];
    barrier();
    ring->in_cons++;
    notify();
    return c;
}

/* The event only wakes vCPU 0's loop, which reads the ring itself. */
static void woken(u32 port) { (void)port; }

void *map_frame(u64 mfn, u32 slot);

void console_init(void) {
    ring = map_frame(start_info->console_mfn, 1);
    event_handle(start_info->console_evtchn, 0, woken);
}

/* For a trap inside print(): the machine is going down, its last words matter more than their order. */
void console_unlock(void) { lock = 0; }
