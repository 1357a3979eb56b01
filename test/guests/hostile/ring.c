/*
 * A hostile program that plays one end of a split device by hand, through the devices that Linux's kernel gives to programs (/dev/xen/xenbus,
 * gntalloc, gntdev, evtchn). In its domain no driver has the device.
 *
 * ring front KIND ID ROUNDS SEED        the frontend of device/KIND/ID (vbd or vif): ROUNDS spoiled requests
 * ring broken KIND ID ROUNDS SEED       the same: ROUNDS connections whose rings are noise from the beginning, and attempts to reach what is not its own
 * ring storm KIND ID 0 SEED             the same: an event for each request, one after the other, as fast as it can, until there is a file /tmp/stop
 * ring back KIND DOMID ID ROUNDS SEED   the backend of that frontend: ROUNDS spoiled responses and states
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
typedef uint16_t domid_t;
typedef uint32_t grant_ref_t;
#include <xen/evtchn.h>
#include <xen/gntalloc.h>
#include <xen/gntdev.h>

#define PAGE 4096
enum { XS_READ = 2, XS_WRITE = 11, XS_ERROR = 16 };

static uint64_t seed;
static uint32_t any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16);
}
static void end(const char *why)
{
	printf("HOSTILE-FAILED %s (%s)\n", why, strerror(errno));
	exit(1);
}
static int opened(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		end(path);
	return fd;
}

static int store = -1;
static char reply[PAGE];
/* Returns the text of the reply, or NULL for an error. */
static char *xs(uint32_t type, const char *payload, uint32_t length)
{
	struct { uint32_t type, request, transaction, length; } head = { type, 1, 0, length };
	char message[2 * PAGE];
	if (store < 0)
		store = opened("/dev/xen/xenbus");
	memcpy(message, &head, sizeof head);
	memcpy(message + sizeof head, payload, length);
	if (write(store, message, sizeof head + length) < 0)
		end("xenbus");
	size_t have = 0;
	while (have < sizeof head) {
		ssize_t n = read(store, (char *)&head + have, sizeof head - have);
		if (n <= 0)
			end("xenbus");
		have += n;
	}
	for (have = 0; have < head.length;) {
		ssize_t n = read(store, reply + have, head.length - have);
		if (n <= 0)
			end("xenbus");
		have += n;
	}
	reply[head.length] = 0;
	return head.type == XS_ERROR ? NULL : reply;
}
static char *get(const char *directory, const char *name)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	return xs(XS_READ, path, strlen(path) + 1);
}
static long number(const char *directory, const char *name)
{
	char *text = get(directory, name);
	return text ? atol(text) : -1;
}
static int put(const char *directory, const char *name, const char *value)
{
	char payload[1024];
	int at = snprintf(payload, sizeof payload, "%s/%s", directory, name) + 1;
	int length = snprintf(payload + at, sizeof payload - at, "%s", value);
	return xs(XS_WRITE, payload, at + length) != NULL;
}
static int put_number(const char *directory, const char *name, long value)
{
	char text[24];
	snprintf(text, sizeof text, "%ld", value);
	return put(directory, name, text);
}
/* Waits for one of two states of the other end. Returns the state, or -1 if neither has come within that many seconds. */
static long wait_state(const char *directory, long one, long other, int seconds)
{
	for (int i = 0; i < 100 * seconds; i++) {
		long state = number(directory, "state");
		if (state == one || state == other)
			return state;
		usleep(10000);
	}
	return -1;
}

/* Returns a page for the ring of a frontend, or NULL. `ref` is its grant. */
static volatile uint8_t *grant_page(int gntalloc, int domid, uint32_t *ref)
{
	struct ioctl_gntalloc_alloc_gref alloc = { .domid = domid, .flags = GNTALLOC_FLAG_WRITABLE, .count = 1 };
	if (ioctl(gntalloc, IOCTL_GNTALLOC_ALLOC_GREF, &alloc))
		end("gntalloc");
	*ref = alloc.gref_ids[0];
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, gntalloc, alloc.index);
	if (page == MAP_FAILED)
		end("mmap of a granted page");
	return page;
}

static void spoil(volatile uint8_t *to, int bytes)
{
	for (int i = 0; i < bytes; i++)
		to[i] = any();
}
static volatile uint32_t *word(volatile uint8_t *page, int at)
{
	return (volatile uint32_t *)(page + at);
}

static int is_disk;
static int slot_bytes(void)
{
	return is_disk ? 112 : 12;
}
static int slots(void)
{
	return is_disk ? 32 : 256;
}

/* The request is plausible enough to be looked at, or it is nothing but noise. */
static void make_request(volatile uint8_t *slot, uint32_t ref)
{
	spoil(slot, slot_bytes());
	if (any() % 4 == 0)
		return;
	if (is_disk) {
		slot[0] = any() % 8;
		slot[1] = any() % 4 ? any() % 12 : any();
		*word(slot, 16) = any() % 3 ? any() % 20000 : any();
		*word(slot, 20) = any() % 3 ? 0 : any();
		for (int i = 0; i < 11; i++) {
			*word(slot, 24 + 8 * i) = any() % 3 ? ref + any() % 3 : any();
			slot[28 + 8 * i] = any() % 4 ? any() % 8 : any();
			slot[29 + 8 * i] = any() % 4 ? any() % 8 : any();
		}
	} else {
		*word(slot, 0) = any() % 3 ? ref + any() % 3 : any();
		*(volatile uint16_t *)(slot + 4) = any() % 3 ? any() % 4096 : any();
		*(volatile uint16_t *)(slot + 6) = any() % 3 ? any() % 16 : any();
		*(volatile uint16_t *)(slot + 10) = any() % 3 ? any() % 4096 : any();
	}
}

/* What every frontend here has. `other` and `second` are the ring for receiving, `data` is the first of three pages. */
static char mine[128], back_path[256];
static int gntalloc, evtchn, domid, port = -1;
static uint32_t ref, other, data;
static volatile uint8_t *ring, *second;

static void set_up(const char *kind, const char *id)
{
	snprintf(mine, sizeof mine, "device/%s/%s", kind, id);
	char *path = get(mine, "backend");
	if (!path)
		end("there is no such device");
	snprintf(back_path, sizeof back_path, "%s", path);
	domid = number(mine, "backend-id");
	gntalloc = opened("/dev/xen/gntalloc"), evtchn = opened("/dev/xen/evtchn");
	ring = grant_page(gntalloc, domid, &ref), second = grant_page(gntalloc, domid, &other);
	for (int i = 0; i < 3; i++)
		grant_page(gntalloc, domid, i ? &(uint32_t){ 0 } : &data);
}
/* A fresh ring and port, with which a driver begins. Returns -1 if the backend does not wait for one. */
static long begin(void)
{
	struct ioctl_evtchn_bind_unbound_port bind = { .remote_domain = domid };
	for (volatile uint8_t *page = ring;; page = second) {
		for (int i = 0; i < PAGE; i++)
			page[i] = 0;
		*word(page, 4) = *word(page, 12) = 1;
		if (page == second)
			break;
	}
	if (port >= 0)
		ioctl(evtchn, IOCTL_EVTCHN_UNBIND, &(struct ioctl_evtchn_unbind){ .port = port });
	port = ioctl(evtchn, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &bind);
	if (port < 0)
		end("evtchn");
	put_number(mine, "state", 1);
	return wait_state(back_path, 2, 4, 10);
}
/* Names the rings, of which `lies` make no sense. Returns the state that the backend answers with. */
static long name_rings(int lies)
{
	put_number(mine, is_disk ? "ring-ref" : "tx-ring-ref", lies ? any() : ref);
	put_number(mine, "rx-ring-ref", lies ? any() : other);
	put_number(mine, "request-rx-copy", lies ? any() : 1);
	put_number(mine, "event-channel", lies && any() % 2 ? any() : (uint32_t)port);
	put(mine, "protocol", lies ? "\x1b[2J none" : "x86_64-abi");
	put_number(mine, "multi-queue-num-queues", lies ? any() : 1);
	put_number(mine, "state", is_disk ? 3 : 4);
	return wait_state(back_path, 4, 5, 10);
}
static long give_up(void)
{
	put_number(mine, "state", 5);
	put_number(mine, "state", 6);
	return wait_state(back_path, 6, 2, 10);
}
static void notify(void)
{
	ioctl(evtchn, IOCTL_EVTCHN_NOTIFY, &(struct ioctl_evtchn_notify){ .port = port });
}

static int front(long rounds)
{
	long done = 0, connections = 0, refused = 0;
	while (done < rounds) {
		if (begin() < 0)
			break;
		/* Sometimes what it says about its rings makes no sense either. */
		if (name_rings(any() % 8 == 0) != 4) {
			refused++;
			done++;
			if (give_up() < 0)
				break;
			continue;
		}
		put_number(mine, "state", 4);
		connections++;
		uint32_t producer = 0;
		for (int i = 0; i < 400 && done < rounds; i++, done++) {
			for (uint32_t n = any() % 8; n; n--, producer++)
				make_request(ring + 64 + (producer % slots()) * slot_bytes(), data);
			/* Once in a while it claims what cannot be. */
			*word(ring, 0) = any() % 100 ? producer : any();
			if (any() % 50 == 0)
				spoil(ring, 64);
			notify();
			if (any() % 16 == 0)
				usleep(200);
		}
		long states[] = { 5, 6, 1, 0, 99, 7 };
		for (int i = any() % 4; i; i--)
			put_number(mine, "state", states[any() % 6]);
		if (give_up() < 0)
			break;
	}
	printf("HOSTILE-DONE rounds=%ld connections=%ld refused=%ld\n", done, connections, refused);
	return 0;
}

static int broken(long rounds)
{
	char home[64];
	snprintf(home, sizeof home, "/local/domain/%d", domid);
	/* Each of these attempts must fail. */
	int reached = put(back_path, "params", "/etc/passwd") + put(back_path, "mode", "w") + put(back_path, "online", "0") +
		      put(home, "control/shutdown", "poweroff") + put(home, "control/sysrq", "c") + put(home, "name", "taken");
	long done = 0, refused = 0;
	for (; done < rounds && begin() >= 0; done++) {
		spoil(ring, 64);
		spoil(second, 64);
		notify();
		long state = name_rings(0);
		refused += state == 5;
		for (int i = 0; i < 200; i++) {
			*word(ring, 0) = any();
			notify();
		}
		/* The device is there again before the other end has done with it. */
		if (any() % 2)
			put_number(mine, "state", 1);
		if (give_up() < 0)
			break;
	}
	printf("BROKEN-DONE rounds=%ld refused=%ld reached=%d\n", done, refused, reached);
	return 0;
}

/* A request that any driver might make: a page is read, or a short packet is sent. */
static void make_plain_request(volatile uint8_t *slot)
{
	for (int i = 0; i < slot_bytes(); i++)
		slot[i] = 0;
	if (is_disk) {
		slot[1] = 1;
		*word(slot, 24) = data;
		slot[29] = 7;
	} else {
		*word(slot, 0) = data;
		*(volatile uint16_t *)(slot + 10) = 60;
	}
}
static int storm(void)
{
	if (begin() < 0 || name_rings(0) != 4)
		end("no connection");
	put_number(mine, "state", 4);
	uint32_t producer = 0;
	unsigned long events = 0;
	printf("STORM-BEGINS %s\n", mine);
	for (; events % 256 || access("/tmp/stop", F_OK); events++) {
		if (producer - *word(ring, 8) < (uint32_t)slots()) {
			make_plain_request(ring + 64 + (producer % slots()) * slot_bytes());
			*word(ring, 0) = ++producer;
		}
		notify();
	}
	printf("STORM-DONE %s events=%lu answered=%u\n", mine, events, *word(ring, 8));
	give_up();
	return 0;
}

static int back(const char *kind, const char *id, long rounds)
{
	char theirs[256];
	snprintf(mine, sizeof mine, "backend/%s/%d/%s", kind, domid, id);
	for (int i = 0; number(mine, "state") < 0; i++) {
		if (i == 3000)
			end("there is no such device");
		usleep(10000);
	}
	snprintf(theirs, sizeof theirs, "%s", get(mine, "frontend"));
	int gntdev = opened("/dev/xen/gntdev");
	evtchn = opened("/dev/xen/evtchn");
	long done = 0, connections = 0;
	/* Tries nodes that it may not have. Each of these attempts must fail. */
	int reached = put("/local/domain/0", "name", "taken") + put(theirs, "state", "4") + put("/libxl/1", "name", "x") +
		      put("/local/domain/0/backend/vbd/1/51712", "params", "raw:/etc/passwd");
	put(mine, "frontend", "/local/domain/0/device/vbd/0");
	put(mine, "dev", "\x1b]0;taken\x07");
	while (done < rounds) {
		long features[] = { 0, 1, 256, 4294967295 };
		put_number(mine, "sectors", any() % 4 ? 16384 : features[any() % 4]);
		put_number(mine, "sector-size", any() % 4 ? 512 : features[any() % 4]);
		put_number(mine, "info", any() % 4 ? 0 : any());
		put_number(mine, "feature-persistent", any() % 2);
		put_number(mine, "feature-max-indirect-segments", features[any() % 4]);
		put_number(mine, "max-ring-page-order", features[any() % 4]);
		put_number(mine, "multi-queue-max-queues", 1);
		put_number(mine, "feature-rx-copy", 1);
		put(mine, "mac", "00:16:3e:00:00:09");
		put_number(mine, "state", 2);
		long state = wait_state(theirs, 3, 4, 200);
		if (state < 0)
			break;
		long first = number(theirs, is_disk ? "ring-ref" : "tx-ring-ref"), remote = number(theirs, "event-channel");
		if (first < 0)
			first = number(theirs, "ring-ref0");
		if (remote < 0)
			remote = number(theirs, "event-channel-tx");
		struct ioctl_gntdev_map_grant_ref map = { .count = 1, .refs = { { .domid = domid, .ref = first } } };
		ring = NULL;
		if (!ioctl(gntdev, IOCTL_GNTDEV_MAP_GRANT_REF, &map)) {
			void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, gntdev, map.index);
			ring = page == MAP_FAILED ? NULL : page;
		}
		struct ioctl_evtchn_bind_interdomain bind = { .remote_domain = domid, .remote_port = remote };
		port = ioctl(evtchn, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind);
		connections += ring != NULL && port >= 0;
		put_number(mine, "state", 4);
		for (long i = 0; i < rounds && done < rounds; i++, done++) {
			uint32_t requests = ring ? *word(ring, 0) : 0, responses = ring ? *word(ring, 8) : 0;
			/* At first it answers in order, so that the frontend gets as far as having a disk. */
			for (uint32_t n = responses; ring && n != requests && n - responses < 32; n++) {
				volatile uint8_t *slot = ring + 64 + (n % slots()) * slot_bytes();
				if (i > rounds / 10 && any() % 2)
					spoil(slot, 12);
				else if (is_disk) {
					uint32_t id = *word(slot, 8), high = *word(slot, 12);
					uint8_t operation = slot[0];
					*word(slot, 0) = id;
					*word(slot, 4) = high;
					slot[8] = operation;
					slot[9] = 0;
					*(volatile uint16_t *)(slot + 10) = 0;
				}
				*word(ring, 8) = n + 1;
			}
			if (ring && i > rounds / 2 && any() % 10 == 0)
				spoil(ring, 64);
			if (ring && i > rounds * 3 / 4)
				spoil(ring + any() % 4000, 64);
			if (i > rounds / 2 && any() % 20 == 0)
				put_number(mine, "state", any() % 12);
			if (port >= 0)
				notify();
			usleep(500);
		}
		put_number(mine, "state", 5);
		if (port >= 0)
			ioctl(evtchn, IOCTL_EVTCHN_UNBIND, &(struct ioctl_evtchn_unbind){ .port = port });
		if (ring)
			munmap((void *)ring, PAGE);
		put_number(mine, "state", 6);
		if (wait_state(theirs, 6, 1, 10) < 0)
			break;
		put_number(mine, "state", 1);
	}
	printf("HOSTILE-DONE rounds=%ld connections=%ld reached=%d\n", done, connections, reached);
	return 0;
}

int main(int count, char **args)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	is_disk = count > 2 && strcmp(args[2], "vbd") == 0;
	seed = strtoull(args[count - 1], NULL, 10) * 0x9e3779b97f4a7c15 + 1;
	if (count == 6) {
		set_up(args[2], args[3]);
		long rounds = atol(args[4]);
		if (strcmp(args[1], "front") == 0)
			return front(rounds);
		if (strcmp(args[1], "broken") == 0)
			return broken(rounds);
		if (strcmp(args[1], "storm") == 0)
			return storm();
	}
	if (count == 7 && strcmp(args[1], "back") == 0) {
		domid = atoi(args[3]);
		return back(args[2], args[4], atol(args[5]));
	}
	printf("HOSTILE-FAILED what is asked for\n");
	return 2;
}
