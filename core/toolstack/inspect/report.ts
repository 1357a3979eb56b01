/**
 * What the requests of Inspect answer. There are only types here, so every file may import this one. Numbers of 64 bits are "0x" and 16 hex digits.
 */
import type { GrantUse } from "../../dom0/kernel/inspector.ts";
import type { GrantReport, PortReport } from "../../dom0/kernel/observe.ts";

export type Hex = string;

/** A PV vCPU has two sets of tables: those of the kernel, which map the user's half too, and those of the user. */
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
/** A register whose bits have names, and the names of the bits that are set. */
export interface FlagsValue extends NamedValue {
  set: string[];
}
export interface SegmentValue {
  name: string;
  /** null for the base that SWAPGS would load. */
  selector: number | null;
  /** null where XEN_DOMCTL_getvcpucontext returns none. Then the base in the descriptor is what counts. */
  base: Hex | null;
  /** For a PVH vCPU, whose hidden parts Xen returns: the last byte of the segment, and what its attributes say. */
  limit: number | null;
  attributes: string[];
}
/** The vector registers of a vCPU. XMM0 to XMM15 have 32 digits; where XCR0 enables AVX, they are YMM0 to YMM15 with 64. */
export interface VectorsReport {
  /** null for a vCPU without XSAVE. */
  xcr0: FlagsValue | null;
  mxcsr: FlagsValue;
  registers: NamedValue[];
}
/** A local APIC as its vCPU would read it (Intel SDM 3A 10.4). */
export interface ApicReport {
  /** The register IA32_APIC_BASE. */
  base: FlagsValue;
  mode: "off" | "xAPIC" | "x2APIC";
  /** According to its spurious-interrupt register. */
  enabled: boolean;
  /** The vectors that are requested, that are in service, and of the latter those that are level-triggered. */
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
  /** "name+0x10"; null if no symbol is known. */
  symbol: string | null;
}
export interface StackFrame extends Place {
  /** Where it lies on the stack; null for RIP itself. */
  slot: Hex | null;
  /** `rip`; `frame`: the chain of RBP leads there; `scan`: an executable address after a CALL, which may be left over from an earlier call. */
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
  /** evtchn_upcall_mask: the PV vCPU takes no events, as if IF were clear. */
  eventsMasked: boolean;
  general: NamedValue[];
  rip: Place;
  rflags: FlagsValue;
  segments: SegmentValue[];
  /** CR0, CR2, CR3 (the kernel's tables), the CR3 of a PV vCPU's user tables, and CR4; for a PVH vCPU CR8 too. */
  control: FlagsValue[];
  /** For a PVH vCPU, which has MSRs of its own. */
  msrs: FlagsValue[];
  apic: ApicReport | null;
  vectors: VectorsReport;
  code: CodeLine[];
  stack: StackFrame[];
  /** The number of bytes from RSP on that were searched. */
  stackBytes: number;
  /** The vCPU ran between the reading of its registers and that of its code and stack, so code and stack may be newer. */
  ranMeanwhile: boolean;
  symbols: { state: "ready" | "reading" | "none"; count: number };
}

/** The part of it that is the state of one vCPU. */
export type VcpuRegisters = Pick<
  RegistersReport,
  "mode" | "online" | "eventsMasked" | "general" | "rflags" | "segments" | "control" | "msrs" | "apic" | "vectors"
>;

/** A frame of the host as the frame table and the machine-to-physical table describe it. */
export interface FrameFacts {
  mfn: number;
  /** "domain 1", "Xen", "free", … */
  owner: string;
  /** null if no domain owns it. */
  domid: number | null;
  references: number;
  /** The PGC_* flags that are set. */
  flags: string[];
  /** The PGT_* type. It has a meaning only while there are references of it. */
  type: string;
  typeReferences: number;
  typeFlags: string[];
  /** The pseudo-physical number under which the owner knows it; null if there is none. */
  pfn: number | null;
}
export interface WalkStep {
  level: 1 | 2 | 3 | 4;
  index: number;
  /** The machine address of the entry. In the tables of a PVH guest it is the guest-physical address. */
  address: Hex;
  value: Hex;
  flags: { name: string; meaning: string }[];
  /** The frame that the entry names; null if it is not present or names no frame of the host. */
  frame: FrameFacts | null;
  /** In the tables of a PVH guest: the way through the second stage of the guest-physical address that the entry names. */
  second: SecondWalk | null;
}
/** A walk through the second stage of a PVH domain. */
export interface SecondWalk {
  /** A guest-physical address. */
  address: Hex;
  steps: WalkStep[];
  end: string;
  /** Where it leads to; null if nothing is mapped. */
  machine: Hex | null;
}
export interface WalkReport {
  domid: number;
  vcpu: number;
  tables: Tables;
  address: Hex;
  symbol: string | null;
  /** null if the CR3 of a PVH guest names no memory, or if the guest has turned paging off. */
  root: FrameFacts | null;
  /** For a PVH vCPU: the walk through the second stage from what CR3 names or, with paging off, from the address itself. null for a PV vCPU. */
  rootSecond: SecondWalk | null;
  /** The parts of the address, from its highest bits on: the name of each, and the text for its value. */
  parts: { name: string; text: string; kind: "sign" | "index" | "offset" }[];
  steps: WalkStep[];
  /** A sentence that says where the walk ends and why. */
  end: string;
  /** Where the walk leads to; null if it ends before. */
  machine: Hex | null;
  pageBytes: number | null;
  /** What all entries of the walk together allow. */
  rights: { writable: boolean; user: boolean; executable: boolean } | null;
}

export interface MemoryReport {
  domid: number;
  space: "virtual" | "pseudo-physical";
  address: Hex;
  /** The bytes from the address on, in pieces that end at the end of their page. null where nothing is mapped. */
  pieces: { address: Hex; length: number; bytes: Uint8Array | null; mfn: number | null }[];
}

export interface EventPort extends PortReport {
  /**
   * How often it was made pending here, and at the other end, since the port was bound. The counters wrap at 2^32. `sent` is null if there is no
   * other end.
   */
  received: number;
  sent: number | null;
  /** In the FIFO ABI 0 is the highest. */
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
  /** The number of entries in use that are not listed. */
  more: number;
}
