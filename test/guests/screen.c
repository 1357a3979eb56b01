/*
 * What a guest does with its framebuffer and its input devices.
 *
 * screen draw SEED [WIDTH HEIGHT]   sets another mode if one is given, and then draws a pattern on the whole screen by mmap
 * screen events COUNT               prints that many events of all /dev/input/event*, a line each: name of the device, type, code, value
 */
#include <fcntl.h>
#include <linux/fb.h>
#include <linux/input.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int draw(int argc, char **argv) {
    int fd = open("/dev/fb0", O_RDWR);
    struct fb_var_screeninfo var;
    struct fb_fix_screeninfo fix;
    uint32_t seed = (uint32_t)strtoul(argv[2], NULL, 0);
    if (fd < 0 || ioctl(fd, FBIOGET_VSCREENINFO, &var)) return perror("fb0"), 1;
    if (argc > 4) {
        var.xres = var.xres_virtual = (uint32_t)atoi(argv[3]);
        var.yres = var.yres_virtual = (uint32_t)atoi(argv[4]);
        if (ioctl(fd, FBIOPUT_VSCREENINFO, &var)) return perror("mode"), 1;
    }
    if (ioctl(fd, FBIOGET_VSCREENINFO, &var) || ioctl(fd, FBIOGET_FSCREENINFO, &fix)) return perror("fb0"), 1;
    uint8_t *memory = mmap(NULL, fix.smem_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) return perror("mmap"), 1;
    for (uint32_t y = 0; y < var.yres; y++) {
        uint32_t *row = (uint32_t *)(memory + (size_t)y * fix.line_length);
        for (uint32_t x = 0; x < var.xres; x++) row[x] = ((x * 2654435761u) ^ (y * 40503u + seed)) & 0xffffff;
    }
    printf("DRAWN %u %ux%u %u\n", seed, var.xres, var.yres, fix.line_length);
    return 0;
}

static int events(int count) {
    struct pollfd fds[16];
    char names[16][64];
    int opened = 0;
    for (int i = 0; i < 16; i++) {
        char path[64];
        snprintf(path, sizeof path, "/dev/input/event%d", i);
        int fd = open(path, O_RDONLY);
        if (fd < 0) continue;
        memset(names[opened], 0, sizeof names[opened]);
        ioctl(fd, EVIOCGNAME(sizeof names[opened] - 1), names[opened]);
        fds[opened++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    printf("LISTENING %d\n", opened);
    fflush(stdout);
    while (count > 0 && poll(fds, (nfds_t)opened, -1) > 0)
        for (int i = 0; i < opened; i++) {
            struct input_event event;
            if (!(fds[i].revents & POLLIN) || read(fds[i].fd, &event, sizeof event) != sizeof event) continue;
            if (event.type == EV_SYN) continue;
            printf("EVENT %s %d %d %d\n", names[i], event.type, event.code, event.value);
            fflush(stdout);
            count--;
        }
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 2 && !strcmp(argv[1], "draw")) return draw(argc, argv);
    if (argc > 2 && !strcmp(argv[1], "events")) return events(atoi(argv[2]));
    return 2;
}
