/* What the hostile guest's two files have in common. */
#include "xen.h"

enum { HYPERVISOR_console_io = 18 };

void fuzz(void);
/* After a fault at `address` (0 if it was none): goes on with the next call, or returns if there is no sense in it. */
void fuzz_trapped(u32 vector, u64 address);
void install_traps(void);
/* A line in Xen's log. */
void say(const char *text, u64 value);
