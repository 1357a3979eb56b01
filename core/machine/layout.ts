/**
 * Where things lie in the host's physical memory. AssemblyScript and TypeScript share this file, so it has only constants. Everything below
 * XEN_HEAP_START belongs to the machine; the hypervisor lays out the rest at boot.
 */

/** Constant tables of core.wasm end here at the latest (checked by the build). */
export const STATIC_END = 0x100000;

// The machine page, from 0x100000 on. The host writes it before the first instruction.
/** u32: MiB of host RAM; u32: number of pCPUs. */
export const BOOT_MEMORY_MIB = 0x100000;
export const BOOT_PCPUS = 0x100004;
/** u32: power state, POWER_*. Hypervisor and host change it, with Atomics.notify. */
export const BOOT_POWER = 0x100008;
export const POWER_ON = 1;
export const POWER_OFF = 2;
export const POWER_REBOOT = 3;
export const POWER_CRASHED = 4;
/**
 * u32: the boot stage reached (BOOT_STAGE_*; the host sets the first two), with Atomics.notify on change. The f64 at +8 * stage in BOOT_STAGE_TIMES
 * is when it was reached.
 */
export const BOOT_STAGE = 0x10000c;
export const BOOT_STAGE_FIRMWARE = 1;
export const BOOT_STAGE_LOADED = 2;
export const BOOT_STAGE_HYPERVISOR = 3;
export const BOOT_STAGE_MEMORY = 4;
export const BOOT_STAGE_PCPUS = 5;
export const BOOT_STAGE_DOM0_BUILT = 6;
export const BOOT_STAGE_TIMES = 0x100040;
/** u32 at +4 * stage: number of bytes that the serial port had been given by then. */
export const BOOT_STAGE_SERIAL = 0x100080;
/** u64: wall clock at power-on, nanoseconds since 1970; f64 would lose nanoseconds. */
export const BOOT_WALLCLOCK = 0x100010;
/** u32: 1 = the host's processors order loads and stores less strictly than x86's, and so do guests. */
export const BOOT_WEAK_ORDER = 0x10001c;
/** Zero-terminated Xen command line, at most 2047 bytes. */
export const BOOT_CMDLINE = 0x100800;
export const BOOT_CMDLINE_SIZE = 2048;

/** Serial port: a ring of bytes from the hypervisor to the host. u32 producer (wraps freely), u32 consumer, then data. */
export const SERIAL_PRODUCER = 0x101000;
export const SERIAL_CONSUMER = 0x101004;
export const SERIAL_DATA = 0x102000;
export const SERIAL_SIZE = 0x10000;
/**
 * Marks beside the bytes, which a real wire would not carry: one for each piece that was written. u32 number of marks made (wraps freely; incremented
 * before SERIAL_PRODUCER is); u32 where the piece that is being written will end. A mark: u32 where the piece begins (counted as SERIAL_PRODUCER),
 * u16 its length, u8 kind (hypervisor/abi/log.ts), f64 nanoseconds since power-on.
 */
export const SERIAL_MARKS_PRODUCER = 0x101008;
export const SERIAL_CLAIMED = 0x10100c;
export const SERIAL_MARKS = 0x11c000;
export const SERIAL_MARK_COUNT = 1024;
export const SERIAL_MARK_SIZE = 16;
export const SERIAL_MARK_BYTES = 4;
export const SERIAL_MARK_KIND = 6;
export const SERIAL_MARK_TIME = 8;

/** Mailboxes of the pCPUs, 64 bytes each, at most 32 pCPUs: u32 pending word (IPI bits); for the rest see the hypervisor. */
export const PCPU_MAILBOX = 0x112000;
export const PCPU_MAILBOX_SIZE = 64;
export const MAX_PCPUS = 32;

/**
 * What a pCPU is doing, for a profiler that looks from outside; 64 bytes each: u32 ACTIVITY_*, or the index of the region that runs (layout of
 * regions below); u64 walks of page tables, u64 flushes of its whole TLB, u64 flushes of a page. Threads that are no pCPU share ACTIVITY_OF_OTHERS,
 * which nobody reads.
 */
export const ACTIVITY = 0x112800;
export const ACTIVITY_SIZE = 64;
export const ACTIVITY_OF_OTHERS = 0x100400;
export const ACTIVITY_IDLE = 0;
export const ACTIVITY_HYPERVISOR = 1;
export const ACTIVITY_INTERPRETER = 2;
/** Indices of regions, which are places in the function table, begin here, after the image's own functions (checked by the build). */
export const ACTIVITY_REGIONS = 256;
export const ACTIVITY_WALKS = 8;
export const ACTIVITY_FLUSHES = 16;
export const ACTIVITY_PAGE_FLUSHES = 24;
/**
 * u32: 1 = it may be using translations of guest memory; u64: generation of watched frames (cpu/frames/tables.ts) up to which it has forgotten write
 * translations to them. Other pCPUs and the translator look at both.
 */
export const ACTIVITY_EXECUTES = 32;
export const ACTIVITY_FOLLOWED = 40;

/**
 * The translator's page: u32 head of the ring of requests (wraps freely, claimed by pCPUs), tail (the translator's), bell (Atomics.notify on
 * request), ready (changes when there is something to adopt); u32 addresses of the tables of cpu/frames/tables.ts.
 */
export const TRANSLATOR_HEAD = 0x113000;
export const TRANSLATOR_TAIL = 0x113004;
export const TRANSLATOR_BELL = 0x113008;
export const TRANSLATOR_READY = 0x11300c;
export const TRANSLATOR_CODE_VERSIONS = 0x113010;
export const TRANSLATOR_CODE_FLAGS = 0x113014;
/** u64: nanoseconds spent translating; u32: functions made, modules made. */
export const TRANSLATOR_TIME = 0x113018;
export const TRANSLATOR_FUNCTIONS = 0x113020;
export const TRANSLATOR_MODULES = 0x113024;
/** u64: nanoseconds that all pCPUs have spent taking over what was made; u64: bytes of the modules; u32: number of modules given up. */
export const TRANSLATOR_ADOPT_TIME = 0x113028;
export const TRANSLATOR_BYTES = 0x113030;
export const TRANSLATOR_EVICTED = 0x113038;
/** u32: clusters made. */
export const TRANSLATOR_CLUSTERS = 0x11303c;
/**
 * The path that a request for a cluster comes with: u32 owner (0: nobody; PATH_TRANSLATED: the translator, which lets it go; otherwise the pCPU that
 * records it, by the address of its table of regions), and PATH_LENGTH times i32, the decoded blocks that were executed one after the other, as a linear
 * distance from the page in which the requested region begins.
 */
export const TRANSLATOR_PATH_OWNER = 0x113040;
export const TRANSLATOR_PATH = 0x5a0000;
export const PATH_LENGTH = 8192;
/** u32: 1 if there is a cache on disk of translated code, so that pages are to be requested (EXTENT_KNOWN) whose code has just become warm. */
export const TRANSLATOR_KNOWS = 0x113044;
/** u32: regions that were taken from that cache. */
export const TRANSLATOR_KNOWN_REGIONS = 0x113048;
/** A page that only the translator uses, as the state of a vCPU that has nothing (translator/warm-up.ts). */
export const TRANSLATOR_SCRATCH = 0x59a000;
export const PATH_TRANSLATED = 1;
/**
 * A request: u32 machine address of the first byte (0 = not written yet), u16 EXTENT_*, u16 MODE_* of its code, u64 its linear address,
 * u64 key of the address space, u32 machine address of the sets (cpu/block_layout.ts) of the asking pCPU's decoded blocks, u32 machine address of the
 * root of the second stage of translation (0: none).
 */
export const TRANSLATOR_RING = 0x114000;
export const TRANSLATOR_REQUESTS = 1024;
export const REQUEST_SIZE = 32;
export const REQUEST_EXTENT = 4;
export const REQUEST_MODE = 6;
export const REQUEST_LINEAR = 8;
export const REQUEST_SPACE = 16;
export const REQUEST_BLOCKS = 24;
export const REQUEST_SECOND = 28;
/** How much code a region is to have: a block and what it branches to, also what it calls, or what a path (TRANSLATOR_PATH) has executed. */
export const EXTENT_SMALL = 0;
export const EXTENT_LARGE = 1;
export const EXTENT_CLUSTER = 2;
/** All that the cache on disk knows of the page. */
export const EXTENT_KNOWN = 3;
/**
 * The pages of regions, by index in the function table: u32 number of pages, u32 how often the region was entered, u32 address of the list of its pages
 * if that is not here (0: it is), i32 linear distance of the page in which it begins from the first of the list, then for each page i32 linear distance
 * from the first one, u32 its machine address, u32 its code version. Written before the region is announced. At the end, u32: how often it soon left an instruction undone.
 */
export const TRANSLATOR_RECORDS = 0x120000;
export const RECORD_SIZE = 128;
export const RECORD_COUNT = 0;
export const RECORD_ENTERED = 4;
export const RECORD_LIST = 8;
export const RECORD_DISTANCE = 12;
export const RECORD_PAGES = 16;
export const RECORD_PAGE_SIZE = 12;
export const RECORD_PAGE_OFFSET = 0;
export const RECORD_PAGE_HOST = 4;
export const RECORD_PAGE_VERSION = 8;
export const RECORD_MOST_PAGES = 9;
export const RECORD_BAILED = 124;
export const TRANSLATOR_MOST_REGIONS = 32768;
/** The lists of pages of clusters, one for all entrances of one. */
export const TRANSLATOR_PAGE_LISTS = 0x520000;
export const PAGE_LIST_MOST_PAGES = 40;
export const PAGE_LIST_SIZE = 480;
export const PAGE_LISTS = 1024;
/** The translator's pool: decoded operations that translated code passes to the interpreter. */
export const TRANSLATOR_POOL = 0x5b0000;
export const TRANSLATOR_POOL_END = 0x1000000;

export const XEN_HEAP_START = 0x1000000;
