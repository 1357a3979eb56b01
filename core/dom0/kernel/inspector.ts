/**
 * What a control domain may see of the page tables, memory, ports and grants of a guest, through NATIVE_inspect. It changes nothing in the guest: it
 * sets no accessed bit, translates no code and leaves no reference.
 */
import { NATIVE_inspect } from "../../hypervisor/abi/native.ts";
import { HYPERVISOR_arch_7 } from "../../abi/xen.ts";
import * as abi from "../../hypervisor/abi/inspect.ts";
import { HypercallError } from "./errno.ts";
import type { Hypercalls } from "./hypercalls.ts";
import { PAGE_SIZE, type FrameAllocator, type PhysicalMemory } from "./memory.ts";

/** The words of the frame table and of the machine-to-physical table. */
export interface FrameWords {
  count: bigint;
  type: bigint;
  m2p: bigint;
}
export interface WalkedEntry {
  /** The machine address of the entry. */
  address: bigint;
  value: bigint;
  /** What the frame table says about the frame that the entry names; all 0 if it names no frame of the host. */
  frame: FrameWords;
}
export interface PageRead {
  bytes: Uint8Array;
  writable: boolean;
  executable: boolean;
}
export interface GrantUse {
  /** How often the frame is held in each of the ways that Xen counts in an active entry (grant_table.c, act->pin). */
  deviceRead: number;
  deviceWrite: number;
  hostRead: number;
  hostWrite: number;
  /** The domid of the domain that holds it; null while none does. */
  holder: number | null;
}

export class Inspector {
  readonly #hypercalls: Hypercalls;
  readonly #memory: PhysicalMemory;
  /** A frame for structures, and one into which memory is read. */
  readonly #struct: number;
  readonly #page: number;

  constructor(hypercalls: Hypercalls, frames: FrameAllocator) {
    this.#hypercalls = hypercalls;
    this.#memory = hypercalls.memory;
    this.#struct = frames.allocate() * PAGE_SIZE;
    this.#page = frames.allocate() * PAGE_SIZE;
  }

  /** Returns the entries on the way of a linear address, from the L4 table on. `root` is the mfn of that table. */
  walk(domid: number, root: number, linear: bigint): WalkedEntry[] {
    const at = this.#linear(abi.WALK_SIZE, domid, root, linear);
    this.#call(`page tables of domain ${domid}`, abi.INSPECT_walk);
    return this.#walked(at);
  }

  /** Returns the entries of the domain's second stage on the way of a guest-physical address. */
  second(domid: number, address: bigint): WalkedEntry[] {
    const at = this.#linear(abi.WALK_SIZE, domid, 0, address);
    this.#call(`second stage of domain ${domid}`, abi.INSPECT_second);
    return this.#walked(at);
  }

  #walked(at: number): WalkedEntry[] {
    return Array.from({ length: this.#memory.get32(at + abi.WALK_COUNT) }, (_, n) => {
      const entry = at + abi.WALK_ENTRIES + n * abi.WALK_ENTRY_SIZE;
      return {
        address: this.#memory.get64(entry + abi.WALK_ENTRY_ADDRESS),
        value: this.#memory.get64(entry + abi.WALK_ENTRY_VALUE),
        frame: this.#words(entry + abi.WALK_ENTRY_FRAME),
      };
    });
  }

  /** Returns null for a number that is no frame of the host. */
  frame(mfn: number): FrameWords | null {
    const at = this.#zeroed(abi.FRAME_INSPECT_SIZE);
    this.#memory.set64(at + abi.FRAME_MFN, mfn);
    if (!this.#found(`frame ${mfn}`, abi.INSPECT_frame, "EINVAL")) return null;
    return this.#words(at + abi.FRAME_FACTS);
  }

  /** Reads up to the end of the page. Returns null if nothing is mapped. */
  read(domid: number, root: number, linear: bigint, bytes: number): PageRead | null {
    const length = Math.min(bytes, PAGE_SIZE - Number(linear & 0xfffn));
    this.#readTo(this.#linear(abi.READ_SIZE, domid, root, linear), length);
    const rights = this.#found(`memory of domain ${domid}`, abi.INSPECT_read, "EFAULT");
    if (!rights) return null;
    return {
      bytes: this.#memory.bytes(this.#page, length).slice(),
      writable: (rights.value & abi.READ_writable) !== 0,
      executable: (rights.value & abi.READ_executable) !== 0,
    };
  }

  /** Reads from a frame that the domain owns, up to its end. Returns null for a frame of somebody else. */
  readMachine(domid: number, machine: bigint, bytes: number): Uint8Array | null {
    const length = Math.min(bytes, PAGE_SIZE - Number(machine & 0xfffn));
    this.#readTo(this.#linear(abi.READ_SIZE, domid, 0, machine), length);
    if (!this.#found(`memory of domain ${domid}`, abi.INSPECT_read_machine, "EINVAL")) return null;
    return this.#memory.bytes(this.#page, length).slice();
  }

  /** Reads what is behind a guest-physical address of a domain with a second stage, up to the end of the page. Returns null if there is no memory. */
  readPhysical(domid: number, address: bigint, bytes: number): Uint8Array | null {
    const length = Math.min(bytes, PAGE_SIZE - Number(address & 0xfffn));
    this.#readTo(this.#linear(abi.READ_SIZE, domid, 0, address), length);
    if (!this.#found(`memory of domain ${domid}`, abi.INSPECT_read_physical, "EFAULT")) return null;
    return this.#memory.bytes(this.#page, length).slice();
  }

  /** Returns the mfn of the domain's pseudo-physical frame, or null if it has none. `guess` is looked at first. */
  findFrame(domid: number, pfn: number, guess: number): number | null {
    const at = this.#zeroed(abi.FIND_SIZE);
    this.#memory.set32(at + abi.FIND_DOMID, domid);
    this.#memory.set64(at + abi.FIND_PFN, pfn);
    this.#memory.set64(at + abi.FIND_GUESS, guess);
    return this.#found(`frame of pfn ${pfn}`, abi.INSPECT_find_frame, "ENOENT")?.value ?? null;
  }

  /** Returns the number of events that were made pending since the port was bound (it wraps at 2^32), and the port's FIFO priority. */
  port(domid: number, port: number): { events: number; priority: number } {
    const at = this.#zeroed(abi.PORT_INSPECT_SIZE);
    this.#memory.set32(at + abi.PORT_DOMID, domid);
    this.#memory.set32(at + abi.PORT_PORT, port);
    this.#call(`port ${port} of domain ${domid}`, abi.INSPECT_port);
    return { events: this.#memory.get32(at + abi.PORT_EVENTS), priority: this.#memory.get32(at + abi.PORT_PRIORITY) };
  }

  grant(domid: number, ref: number): GrantUse {
    const at = this.#zeroed(abi.GRANT_INSPECT_SIZE);
    this.#memory.set32(at + abi.GRANT_DOMID, domid);
    this.#memory.set32(at + abi.GRANT_REF, ref);
    this.#call(`grant ${ref} of domain ${domid}`, abi.INSPECT_grant);
    const pins = this.#memory.get32(at + abi.GRANT_PINS);
    const count = (shift: number): number => (pins >>> shift) & 0xff;
    return {
      deviceRead: count(abi.PIN_SHIFT_device_read),
      deviceWrite: count(abi.PIN_SHIFT_device_write),
      hostRead: count(abi.PIN_SHIFT_host_read),
      hostWrite: count(abi.PIN_SHIFT_host_write),
      holder: pins === 0 ? null : this.#memory.get32(at + abi.GRANT_HOLDER),
    };
  }

  #linear(size: number, domid: number, root: number, linear: bigint): number {
    const at = this.#zeroed(size);
    this.#memory.set32(at + abi.WALK_DOMID, domid);
    this.#memory.set64(at + abi.WALK_ROOT, root);
    this.#memory.set64(at + abi.WALK_LINEAR, linear);
    return at;
  }

  #readTo(at: number, length: number): void {
    this.#memory.set64(at + abi.READ_TO, this.#page);
    this.#memory.set32(at + abi.READ_BYTES, length);
  }

  #words(at: number): FrameWords {
    return {
      count: this.#memory.get64(at + abi.FRAME_COUNT),
      type: this.#memory.get64(at + abi.FRAME_TYPE),
      m2p: this.#memory.get64(at + abi.FRAME_M2P),
    };
  }

  #call(what: string, command: number): number {
    return this.#hypercalls.call(what, HYPERVISOR_arch_7, NATIVE_inspect, command, this.#struct);
  }

  /** Returns null if the hypervisor answers that there is no such thing. */
  #found(what: string, command: number, none: string): { value: number } | null {
    try {
      return { value: this.#call(what, command) };
    } catch (error) {
      if (error instanceof HypercallError && error.code === none) return null;
      throw error;
    }
  }

  #zeroed(size: number): number {
    this.#memory.zero(this.#struct, size);
    return this.#struct;
  }
}
