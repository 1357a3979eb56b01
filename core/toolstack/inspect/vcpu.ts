/** A vCPU that is being looked at, whatever its type: where it is, what memory it sees, and its registers in words. */
import { FLAT_RING3_CS32 } from "../../abi/arch_x86.ts";
import type { Inspector, PageRead } from "../../dom0/kernel/inspector.ts";
import { frameFacts } from "./frame-facts.ts";
import { GuestTables } from "./guest-tables.ts";
import { isCanonical } from "./hex.ts";
import type { HvmVcpuState } from "./hvm-registers.ts";
import { Refusal } from "../error.ts";
import { pvWalk, twoStageWalk, type Walked } from "./paging.ts";
import type { VcpuContext } from "./registers.ts";
import type { Tables, VcpuRegisters, VectorsReport } from "./report.ts";
import { vectorsReport } from "./vectors.ts";

export interface LookedVcpu {
  /** These are linear addresses. */
  readonly rip: bigint;
  readonly rsp: bigint;
  readonly rbp: bigint;
  readonly bits: 64 | 32 | 16;
  report(): VcpuRegisters;
  /** Reads up to the end of the page, through the tables that the vCPU uses now. Returns null where nothing is mapped. */
  read(linear: bigint, length: number): PageRead | null;
  /** Does the same through the tables that are named. Throws Refusal for tables that the vCPU does not have. */
  readBy(tables: Tables, linear: bigint, length: number): PageRead | null;
  walk(tables: Tables, linear: bigint): Walked;
}

const DESCRIPTOR_L = 1n << 53n;

/** What comes before the area of XSAVE: XCR0, and the components that it has had. */
const EXT_STATE_HEAD = 16;
/** Returns null for a vCPU without XSAVE, which has no area. */
function extVectors(state: Uint8Array): VectorsReport | null {
  if (state.length <= EXT_STATE_HEAD) return null;
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
  return vectorsReport(
    new DataView(state.buffer, state.byteOffset + EXT_STATE_HEAD, state.byteLength - EXT_STATE_HEAD),
    view.getBigUint64(0, true),
  );
}

/** The tables of a PV vCPU name machine frames, and they contain Xen's part. */
export class PvVcpu implements LookedVcpu {
  readonly #inspector: Inspector;
  readonly #domid: number;
  readonly #vcpu: number;
  readonly #context: VcpuContext;
  readonly #vectors: VectorsReport;

  /** `extState` is what XEN_DOMCTL_getvcpuextstate returns. */
  constructor(inspector: Inspector, domid: number, vcpu: number, context: VcpuContext, extState: Uint8Array) {
    this.#inspector = inspector;
    this.#domid = domid;
    this.#vcpu = vcpu;
    this.#context = context;
    this.#vectors = extVectors(extState) ?? vectorsReport(context.fxsave, null);
  }

  get rip(): bigint {
    return this.#context.rip;
  }
  get rsp(): bigint {
    return this.#context.rsp;
  }
  get rbp(): bigint {
    return this.#context.rbp;
  }
  /** As the descriptor of CS says. */
  get bits(): 64 | 32 {
    const at = this.#context.csDescriptor;
    if (!at) return (this.#context.cs | 3) === FLAT_RING3_CS32 ? 32 : 64;
    const bytes = this.#inspector.readMachine(this.#domid, (BigInt(at.mfn) << 12n) + BigInt(at.offset), 8);
    return bytes && !(Buffer.from(bytes).readBigUInt64LE() & DESCRIPTOR_L) ? 32 : 64;
  }
  report(): VcpuRegisters {
    return { ...this.#context.report(), vectors: this.#vectors };
  }

  read(linear: bigint, length: number): PageRead | null {
    const root = this.#context.root(this.#context.mode) || this.#context.root("kernel");
    return this.#inspector.read(this.#domid, root, linear, length);
  }
  readBy(tables: Tables, linear: bigint, length: number): PageRead | null {
    const root = this.#root(tables);
    return isCanonical(linear) ? this.#inspector.read(this.#domid, root, linear, length) : null;
  }
  walk(tables: Tables, linear: bigint): Walked {
    const root = this.#root(tables);
    const words = this.#inspector.frame(root);
    if (!words) throw new Refusal("EINVAL", `CR3 of vCPU ${this.#vcpu} names frame ${root}, which the host has not.`);
    const entries = isCanonical(linear) ? this.#inspector.walk(this.#domid, root, linear) : [];
    return { root: frameFacts(root, words), ...pvWalk(linear, entries) };
  }

  #root(tables: Tables): number {
    const root = this.#context.root(tables);
    if (root === 0) throw new Refusal("ENODATA", `vCPU ${this.#vcpu} has no page tables of its user’s.`);
    return root;
  }
}

/** The tables of a PVH vCPU are its own and name guest frame numbers. It has one set of them at a time. */
export class PvhVcpu implements LookedVcpu {
  readonly #state: HvmVcpuState;
  readonly #tables: GuestTables;

  /** `others` returns the other PVH domains. */
  constructor(inspector: Inspector, domid: number, state: HvmVcpuState, others: () => readonly number[]) {
    this.#state = state;
    this.#tables = new GuestTables(inspector, domid, state.control, others);
  }

  get rip(): bigint {
    return this.#state.rip;
  }
  get rsp(): bigint {
    return this.#state.rsp;
  }
  get rbp(): bigint {
    return this.#state.rbp;
  }
  get bits(): 64 | 32 | 16 {
    return this.#state.bits;
  }
  report(): VcpuRegisters {
    return this.#state.report();
  }
  read(linear: bigint, length: number): PageRead | null {
    const { linearBits } = this.#tables.format;
    const isAddress = linearBits < 48n ? linear >> linearBits === 0n : isCanonical(linear);
    return isAddress ? this.#tables.read(linear, length) : null;
  }
  readBy(_tables: Tables, linear: bigint, length: number): PageRead | null {
    return this.read(linear, length);
  }
  walk(_tables: Tables, linear: bigint): Walked {
    return twoStageWalk(linear, this.#tables);
  }
}
