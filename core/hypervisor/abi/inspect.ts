/**
 * NATIVE_inspect of __HYPERVISOR_arch_7: what a privileged native domain may see of others' memory, page tables, ports and
 * grants. Arguments: the command and the machine address of its structure, inside one frame of the caller's. Nothing of
 * what is looked at changes: no accessed bit, no reference that outlives the call.
 */

/**
 * The way through the page tables below `root` that a linear address takes, Xen's own slots included. 0, or -EAGAIN: the
 * guest changed the tables again and again meanwhile. -EINVAL: `root` is no L4 table of the domain.
 */
export const INSPECT_walk = 0;
/** in: u32 domid; u64 mfn of the L4 table; u64 linear address. */
export const WALK_DOMID = 0;
export const WALK_ROOT = 8;
export const WALK_LINEAR = 16;
/** out: u32 entries that were read, 1 to 4; WALK_ENTRIES: each with what the frame it names is, as INSPECT_frame has it. */
export const WALK_COUNT = 24;
export const WALK_ENTRIES = 32;
export const WALK_ENTRY_SIZE = 40;
/** u64 machine address of the entry; u64 the entry; then FRAME_COUNT, FRAME_TYPE, FRAME_M2P. */
export const WALK_ENTRY_ADDRESS = 0;
export const WALK_ENTRY_VALUE = 8;
export const WALK_ENTRY_FRAME = 16;
export const WALK_SIZE = 192;

/** What a frame is. 0, or -EINVAL for one beyond the host's memory. */
export const INSPECT_frame = 1;
/** in: u64 mfn. */
export const FRAME_MFN = 0;
/** out, from FRAME_FACTS on: u64 count word, u64 type word (below); u64 of the machine-to-physical table. */
export const FRAME_FACTS = 8;
export const FRAME_COUNT = 0;
export const FRAME_TYPE = 8;
export const FRAME_M2P = 16;
export const FRAME_INSPECT_SIZE = 32;

/** Bytes of memory, inside one page. READ_*: what the entries on the way allow; -EFAULT: nothing is mapped there. */
export const INSPECT_read = 2;
/** in: as INSPECT_walk; u64 machine address to write to, in a frame of the caller's; u32 bytes. */
export const READ_TO = 24;
export const READ_BYTES = 32;
export const READ_SIZE = 40;
export const READ_writable = 1;
export const READ_executable = 2;

/**
 * Bytes of a frame that the domain owns. 0, or -EINVAL for another's frame. Places as INSPECT_read has them: WALK_LINEAR is the
 * machine address, WALK_ROOT is not looked at.
 */
export const INSPECT_read_machine = 3;

/**
 * mfn of a pseudo-physical frame: the frame of the domain that the machine-to-physical table has under that number.
 * -ENOENT if none is. The first one looked at is `guess`.
 */
export const INSPECT_find_frame = 4;
/** in: u32 domid; u64 pfn; u64 guess. */
export const FIND_DOMID = 0;
export const FIND_PFN = 8;
export const FIND_GUESS = 16;
export const FIND_SIZE = 24;

/** 0, or -EINVAL for no port of the domain. */
export const INSPECT_port = 5;
/** in: u32 domid, u32 port. out: u32 events that were made pending since it was bound (wraps); u32 FIFO priority. */
export const PORT_DOMID = 0;
export const PORT_PORT = 4;
export const PORT_EVENTS = 8;
export const PORT_PRIORITY = 12;
export const PORT_INSPECT_SIZE = 16;

/** Who uses a grant. 0, or -EINVAL for no reference of the table. */
export const INSPECT_grant = 6;
/**
 * in: u32 domid, u32 reference. out: u32 pins, four counts of 8 bits (device read, device write, host read, host write);
 * u32 domid of who holds them; u64 mfn. The last two mean something while there is a pin.
 */
export const GRANT_DOMID = 0;
export const GRANT_REF = 4;
export const GRANT_PINS = 8;
export const GRANT_HOLDER = 12;
export const GRANT_MFN = 16;
export const GRANT_INSPECT_SIZE = 24;
export const PIN_SHIFT_device_read = 0;
export const PIN_SHIFT_device_write = 8;
export const PIN_SHIFT_host_read = 16;
export const PIN_SHIFT_host_write = 24;

/**
 * The way through a domain's second stage that a guest-physical address takes; structure and answers as of INSPECT_walk, WALK_LINEAR is the address and
 * WALK_ROOT is not looked at. A count of 0: the address is beyond all that it could map. -EINVAL: the domain has no second stage.
 */
export const INSPECT_second = 7;
/** Bytes of the memory behind a guest-physical address, inside one page; structure as of INSPECT_read_machine. -EFAULT: there is none. */
export const INSPECT_read_physical = 8;

/** Count word: references (bits 0 to 31), owner's domid (32 to 47), flags from bit 48 on. */
export const COUNT_OWNER_SHIFT = 32;
export const COUNT_BIT_allocated = 48;
export const COUNT_BIT_xen_heap = 49;
export const COUNT_BIT_free = 50;
export const COUNT_BIT_broken = 51;
/** Type word: references of the type (bits 0 to 31), PGT_* (32 to 39), flags from bit 40 on. */
export const TYPE_SHIFT = 32;
export const TYPE_BIT_validated = 40;
export const TYPE_BIT_pinned = 41;
export const TYPE_BIT_locked = 42;
