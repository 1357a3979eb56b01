/** What the Inspect requests answer. Types only: safe to import anywhere. Numbers of 64 bits are "0x" and 16 hex digits. */
import type { GrantUse } from "../../dom0/kernel/inspector.ts";
import type { GrantReport, PortReport } from "../../dom0/kernel/observe.ts";

export type Hex = string;

/** A PV vCPU has two: a kernel's, which map its user's half too, and a user's. */
export type Tables = "kernel" | "user";

export interface VcpuArguments {
  domid: number;
  vcpu: number;
}
export interface WalkArguments extends VcpuArguments {
  tables: Tables;
  address: bigint;
}
export interface MemoryArguments extends WalkArguments {
  space: MemoryReport["space"];
  bytes: number;
}

export interface NamedValue {
  name: string;
  value: Hex;
}
/** A register whose bits have names; those of the bits that are set. */
export interface FlagsValue extends NamedValue {
  set: string[];
}
export interface SegmentValue {
  name: string;
  /** null for the base that SWAPGS would bring in. */
  selector: number | null;
  /** null where XEN_DOMCTL_getvcpucontext has none: the descriptor's is what counts. */
  base: Hex | null;
  /** Of a PVH vCPU, whose hidden parts Xen gives: its last byte, and what its attributes say. */
  limit: number | null;
  attributes: string[];
}
/** A local APIC, as its vCPU would read it (Intel SDM 3A 10.4). */
export interface ApicReport {
  /** IA32_APIC_BASE. */
  base: FlagsValue;
  mode: "off" | "xAPIC" | "x2APIC";
  /** By its register of spurious interrupts. */
  enabled: boolean;
  /** Vectors: requested, in service, and of those in service that were level-triggered. */
  irr: number[];
  isr: number[];
  tmr: number[];
  registers: FlagsValue[];
}
export interface CodeLine {
  address: Hex;
  bytes: string;
  text: string;
  /** Where a near branch or call goes to, or what an operand relative to RIP names. */
  target: Place | null;
}
export interface Place {
  address: Hex;
  /** "name+0x10"; null where no symbol is known. */
  symbol: string | null;
}
export interface StackFrame extends Place {
  /** Where on the stack it lies; null for RIP itself. */
  slot: Hex | null;
  /** `rip`; `frame`: RBP's chain leads there; `scan`: an executable address behind a CALL, which may be left over. */
  by: "rip" | "frame" | "scan";
}
export interface RegistersReport {
  domid: number;
  vcpu: number;
  online: boolean;
  running: boolean;
  blocked: boolean;
  mode: Tables;
  bits: 64 | 32 | 16;
  /** evtchn_upcall_mask: a PV vCPU takes no events, as with IF clear. */
  eventsMasked: boolean;
  general: NamedValue[];
  rip: Place;
  rflags: FlagsValue;
  segments: SegmentValue[];
  /** CR0, CR2, CR3 (the kernel's tables), CR3 of a PV vCPU's user's tables, CR4; of a PVH vCPU CR8 too. */
  control: FlagsValue[];
  /** Of a PVH vCPU, which has its own. */
  msrs: FlagsValue[];
  apic: ApicReport | null;
  code: CodeLine[];
  stack: StackFrame[];
  /** Bytes from RSP on that were looked through. */
  stackBytes: number;
  /** The vCPU ran between the reading of its registers and that of its code and stack: these may be newer. */
  ranMeanwhile: boolean;
  symbols: { state: "ready" | "reading" | "none"; count: number };
}

/** What of it is one vCPU's state. */
export type VcpuRegisters = Pick<
  RegistersReport,
  "mode" | "online" | "eventsMasked" | "general" | "rflags" | "segments" | "control" | "msrs" | "apic"
>;

/** A frame of the host's, as frame table and machine-to-physical table have it. */
export interface FrameFacts {
  mfn: number;
  /** "domain 1", "Xen", "free", … */
  owner: string;
  /** null when no domain owns it. */
  domid: number | null;
  references: number;
  /** PGC_* that are set. */
  flags: string[];
  /** PGT_*; it means something while there are references of it. */
  type: string;
  typeReferences: number;
  typeFlags: string[];
  /** The pseudo-physical number that its owner has it under; null for none. */
  pfn: number | null;
}
export interface WalkStep {
  level: 1 | 2 | 3 | 4;
  index: number;
  /** Machine address of the entry; in a PVH guest's own tables its guest-physical one. */
  address: Hex;
  value: Hex;
  flags: { name: string; meaning: string }[];
  /** What it names; null where it is not present or names no frame of the host's. */
  frame: FrameFacts | null;
  /** In a PVH guest's own tables: the way that the guest-physical address it names takes through the second stage. */
  second: SecondWalk | null;
}
/** A walk through a PVH domain's second stage. */
export interface SecondWalk {
  /** Guest-physical. */
  address: Hex;
  steps: WalkStep[];
  end: string;
  /** Where it leads to; null where nothing is mapped. */
  machine: Hex | null;
}
export interface WalkReport {
  domid: number;
  vcpu: number;
  tables: Tables;
  address: Hex;
  symbol: string | null;
  /** null where a PVH guest's CR3 names no memory, and where it has turned paging off. */
  root: FrameFacts | null;
  /** Of a PVH vCPU: from what CR3 names, or, with paging off, from the address itself, through the second stage; null of a PV one. */
  rootSecond: SecondWalk | null;
  /** The address' own parts, from its highest bits on: of a name and what stands there. */
  parts: { name: string; text: string; kind: "sign" | "index" | "offset" }[];
  steps: WalkStep[];
  /** Where it ends and why, a sentence. */
  end: string;
  /** Where it leads to; null if it ends before. */
  machine: Hex | null;
  pageBytes: number | null;
  /** As all its entries together allow. */
  rights: { writable: boolean; user: boolean; executable: boolean } | null;
}

export interface MemoryReport {
  domid: number;
  space: "virtual" | "pseudo-physical";
  address: Hex;
  /** From the address on, in pieces that end with their page; null: nothing is there. */
  pieces: { address: Hex; length: number; bytes: Uint8Array | null; mfn: number | null }[];
}

export interface EventPort extends PortReport {
  /** Made pending here, and at the other end, since the port was bound; they wrap at 2^32. `sent` is null for no other end. */
  received: number;
  sent: number | null;
  /** FIFO ABI: 0 is the highest. */
  priority: number;
}
export interface EventsReport {
  /** Nanoseconds since power-on. */
  time: number;
  domid: number;
  abi: "2-level" | "FIFO";
  ports: EventPort[];
}

export interface InspectedGrant extends GrantReport {
  use: GrantUse;
}
export interface GrantsReport {
  domid: number;
  version: number;
  frames: number;
  maxFrames: number;
  entries: InspectedGrant[];
  /** Entries in use that are not listed. */
  more: number;
}
