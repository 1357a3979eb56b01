/* Text, the command line, and power-off. */
#include <stdarg.h>
#include "pvh.h"

static void put(const char *text, u64 length) { hypercall(CONSOLE_IO, 0, length, (u64)text, 0); }

void say(const char *format, ...)
{
    char line[256];
    u64 n = 0;
    va_list args;
    va_start(args, format);
    for (; *format && n < sizeof(line) - 24; format++) {
        if (*format != '%') {
            line[n++] = *format;
            continue;
        }
        format++;
        if (*format == 's') {
            const char *text = va_arg(args, const char *);
            while (*text && n < sizeof(line) - 24) line[n++] = *text++;
        } else {
            u64 value = va_arg(args, u64), base = *format == 'd' ? 10 : 16;
            char digits[24];
            int length = 0;
            if (*format == 'd' && (s64)value < 0) {
                line[n++] = '-';
                value = -value;
            }
            do digits[length++] = "0123456789abcdef"[value % base];
            while (value /= base);
            while (length) line[n++] = digits[--length];
        }
    }
    va_end(args);
    line[n++] = '\n';
    put(line, n);
}

static const char *find(const char *word)
{
    const char *text = (const char *)info->cmdline;
    for (; *text; text++) {
        u64 i = 0;
        while (word[i] && text[i] == word[i]) i++;
        if (!word[i] && (text == (const char *)info->cmdline || text[-1] == ' ')) return text + i;
    }
    return 0;
}
int has_word(const char *word)
{
    const char *at = find(word);
    return at && (!*at || *at == ' ');
}
u64 number_of(const char *word, u64 otherwise)
{
    const char *at = find(word);
    u64 value = 0;
    if (!at || *at != '=') return otherwise;
    while (*++at >= '0' && *at <= '9') value = value * 10 + *at - '0';
    return value;
}

void power_off(u32 reason)
{
    hypercall(SCHED_OP, 2, (u64)&reason, 0, 0);
    for (;;) asm volatile("hlt");
}

void *memset(void *to, int value, u64 count)
{
    for (u64 i = 0; i < count; i++) ((u8 *)to)[i] = value;
    return to;
}
void *memcpy(void *to, const void *from, u64 count)
{
    for (u64 i = 0; i < count; i++) ((u8 *)to)[i] = ((const u8 *)from)[i];
    return to;
}
