/**
 * NATIVE_inspect of __HYPERVISOR_arch_7: lets a privileged native domain look at the memory, page tables, ports and grants of others. The arguments
 * are the command and the machine address of its structure, which lies inside one frame of the caller's. Looking changes nothing: it sets no accessed
 * bit, and takes no reference that outlives the call.
 */

/**
 * Follows a linear address through the page tables below `root`, including Xen's own slots. 0; -EAGAIN if the guest kept changing the tables
 * meanwhile; -EINVAL if `root` is no L4 table of the domain.
 */
export const INSPECT_walk = 0;
/** in: u32 domid; u64 mfn of the L4 table; u64 linear address. */
export const WALK_DOMID = 0;
export const WALK_ROOT = 8;
export const WALK_LINEAR = 16;
/** out: u32 number of entries that were read, 1 to 4; WALK_ENTRIES: each of them, with what the frame that it names is, as in INSPECT_frame. */
export const WALK_COUNT = 24;
export const WALK_ENTRIES = 32;
export const WALK_ENTRY_SIZE = 40;
/** u64 machine address of the entry; u64 the entry itself; then FRAME_COUNT, FRAME_TYPE, FRAME_M2P. */
export const WALK_ENTRY_ADDRESS = 0;
export const WALK_ENTRY_VALUE = 8;
export const WALK_ENTRY_FRAME = 16;
export const WALK_SIZE = 192;

/** Tells what a frame is. 0, or -EINVAL for one beyond the host's memory. */
export const INSPECT_frame = 1;
/** in: u64 mfn. */
export const FRAME_MFN = 0;
/** out, from FRAME_FACTS on: u64 count word, u64 type word (both below); u64 entry of the machine-to-physical table. */
export const FRAME_FACTS = 8;
export const FRAME_COUNT = 0;
export const FRAME_TYPE = 8;
export const FRAME_M2P = 16;
export const FRAME_INSPECT_SIZE = 32;

/** Reads bytes of memory inside one page. READ_* tell what the entries on the way allow. 0, or -EFAULT if nothing is mapped there. */
export const INSPECT_read = 2;
/** in: as INSPECT_walk; u64 machine address to write to, in a frame of the caller's; u32 bytes. */
export const READ_TO = 24;
export const READ_BYTES = 32;
export const READ_SIZE = 40;
export const READ_writable = 1;
export const READ_executable = 2;

/**
 * Reads bytes of a frame that the domain owns. 0, or -EINVAL for another's frame. The fields are those of INSPECT_read: WALK_LINEAR holds the machine
 * address, WALK_ROOT is ignored.
 */
export const INSPECT_read_machine = 3;

/**
 * Finds the mfn of a pseudo-physical frame: the frame of the domain that has this number in the machine-to-physical table. -ENOENT if there is none.
 * `guess` is looked at first.
 */
export const INSPECT_find_frame = 4;
/** in: u32 domid; u64 pfn; u64 guess. */
export const FIND_DOMID = 0;
export const FIND_PFN = 8;
export const FIND_GUESS = 16;
export const FIND_SIZE = 24;

/** Tells the state of a port. 0, or -EINVAL if the domain has no such port. */
export const INSPECT_port = 5;
/** in: u32 domid, u32 port. out: u32 number of events that were made pending since the port was bound (wraps); u32 FIFO priority. */
export const PORT_DOMID = 0;
export const PORT_PORT = 4;
export const PORT_EVENTS = 8;
export const PORT_PRIORITY = 12;
export const PORT_INSPECT_SIZE = 16;

/** Tells who uses a grant. 0, or -EINVAL if the table has no such reference. */
export const INSPECT_grant = 6;
/**
 * in: u32 domid, u32 reference. out: u32 pins, four counts of 8 bits (device read, device write, host read, host write); u32 domid of the domain that
 * holds them; u64 mfn. The last two are valid only while there is a pin.
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
 * Follows a guest-physical address through a domain's second stage. Structure and results are those of INSPECT_walk; WALK_LINEAR holds the address,
 * WALK_ROOT is ignored. A count of 0 means that the address is beyond what the second stage can map. -EINVAL if the domain has no second stage.
 */
export const INSPECT_second = 7;
/** Reads bytes behind a guest-physical address, inside one page. The structure is that of INSPECT_read_machine. -EFAULT if there is no memory. */
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
