/* Ports, as a program under a PV Linux kernel can reach them. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/io.h>

static sigjmp_buf refused;
static void on_signal(int number) { siglongjmp(refused, number); }

/* Reads the port. Prints the value, or the signal in which the attempt ended. */
static void in(const char *when, unsigned short port) {
    int number = sigsetjmp(refused, 1);
    if (number) printf("PORTS %s: signal %d\n", when, number);
    else printf("PORTS %s: %#x\n", when, inb(port));
}

static void ports(void) {
    signal(SIGSEGV, on_signal);
    in("at first", 0x80);
    if (ioperm(0x80, 2, 1)) perror("ioperm");
    in("after ioperm", 0x80);
    in("beside it", 0x82);
    if (ioperm(0x80, 2, 0)) perror("ioperm");
    in("after it was taken back", 0x80);
    if (iopl(3)) perror("iopl");
    in("after iopl", 0x82);
    if (iopl(0)) perror("iopl");
    in("after iopl 0", 0x82);
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    ports();
    return 0;
}
