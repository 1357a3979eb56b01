/** struct vcpu_guest_context in words (public/arch-x86/xen.h; flags: Intel SDM 1 3.4.3 and 3A 2.5). */
import * as abi from "../../abi/arch_x86.ts";
import { hex64 } from "./hex.ts";
import type { FlagsValue, NamedValue, SegmentValue, VcpuRegisters } from "./report.ts";

const GENERAL: readonly (readonly [name: string, offset: number])[] = [
  ["RAX", abi.CPU_USER_REGS_RAX],
  ["RBX", abi.CPU_USER_REGS_RBX],
  ["RCX", abi.CPU_USER_REGS_RCX],
  ["RDX", abi.CPU_USER_REGS_RDX],
  ["RSI", abi.CPU_USER_REGS_RSI],
  ["RDI", abi.CPU_USER_REGS_RDI],
  ["RBP", abi.CPU_USER_REGS_RBP],
  ["RSP", abi.CPU_USER_REGS_RSP],
  ["R8", abi.CPU_USER_REGS_R8],
  ["R9", abi.CPU_USER_REGS_R9],
  ["R10", abi.CPU_USER_REGS_R10],
  ["R11", abi.CPU_USER_REGS_R11],
  ["R12", abi.CPU_USER_REGS_R12],
  ["R13", abi.CPU_USER_REGS_R13],
  ["R14", abi.CPU_USER_REGS_R14],
  ["R15", abi.CPU_USER_REGS_R15],
];
const SEGMENTS: readonly (readonly [name: string, offset: number])[] = [
  ["CS", abi.CPU_USER_REGS_CS],
  ["SS", abi.CPU_USER_REGS_SS],
  ["DS", abi.CPU_USER_REGS_DS],
  ["ES", abi.CPU_USER_REGS_ES],
  ["FS", abi.CPU_USER_REGS_FS],
  ["GS", abi.CPU_USER_REGS_GS],
];
const FXSAVE_BYTES = 512;
export type Bits = readonly (readonly [bit: number, name: string])[];
const RFLAGS: Bits = [
  [0, "CF"],
  [2, "PF"],
  [4, "AF"],
  [6, "ZF"],
  [7, "SF"],
  [8, "TF"],
  [9, "IF"],
  [10, "DF"],
  [11, "OF"],
  [14, "NT"],
  [16, "RF"],
  [17, "VM"],
  [18, "AC"],
  [19, "VIF"],
  [20, "VIP"],
  [21, "ID"],
];
export const CR0: Bits = [
  [0, "PE"],
  [1, "MP"],
  [2, "EM"],
  [3, "TS"],
  [4, "ET"],
  [5, "NE"],
  [16, "WP"],
  [18, "AM"],
  [29, "NW"],
  [30, "CD"],
  [31, "PG"],
];
export const CR4: Bits = [
  [0, "VME"],
  [1, "PVI"],
  [2, "TSD"],
  [3, "DE"],
  [4, "PSE"],
  [5, "PAE"],
  [6, "MCE"],
  [7, "PGE"],
  [8, "PCE"],
  [9, "OSFXSR"],
  [10, "OSXMMEXCPT"],
  [11, "UMIP"],
  [16, "FSGSBASE"],
  [17, "PCIDE"],
  [18, "OSXSAVE"],
  [20, "SMEP"],
  [21, "SMAP"],
];

const namesOf = (value: bigint, bits: Bits): string[] =>
  bits.filter(([bit]) => ((value >> BigInt(bit)) & 1n) !== 0n).map(([, name]) => name);

export const flagsValue = (name: string, value: bigint, bits: Bits = []): FlagsValue => ({
  name,
  value: hex64(value),
  set: namesOf(value, bits),
});
export function rflagsValue(value: bigint): FlagsValue {
  const iopl = Number((value >> 12n) & 3n);
  const named = flagsValue("RFLAGS", value, RFLAGS);
  return { ...named, set: [...named.set, ...(iopl ? [`IOPL=${iopl}`] : [])] };
}

/** Those parts of a PV vCPU's context that the reports show. */
export class VcpuContext {
  readonly #view: DataView;

  /** The bytes that XEN_DOMCTL_getvcpucontext returns. */
  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #get(offset: number): bigint {
    return this.#view.getBigUint64(offset, true);
  }
  #user(offset: number): bigint {
    return this.#get(abi.VCPU_GUEST_CONTEXT_USER_REGS + offset);
  }
  #control(n: number): bigint {
    return this.#get(abi.VCPU_GUEST_CONTEXT_CTRLREG + 8 * n);
  }

  get rip(): bigint {
    return this.#user(abi.CPU_USER_REGS_RIP);
  }
  get rsp(): bigint {
    return this.#user(abi.CPU_USER_REGS_RSP);
  }
  get rbp(): bigint {
    return this.#user(abi.CPU_USER_REGS_RBP);
  }
  get cs(): number {
    return Number(this.#user(abi.CPU_USER_REGS_CS) & 0xffffn);
  }
  get mode(): "kernel" | "user" {
    return this.#get(abi.VCPU_GUEST_CONTEXT_FLAGS) & BigInt(abi.VGCF_in_kernel) ? "kernel" : "user";
  }
  get online(): boolean {
    return (this.#get(abi.VCPU_GUEST_CONTEXT_FLAGS) & BigInt(abi.VGCF_online)) !== 0n;
  }
  /** Returns the mfn of the vCPU's L4 table, or 0 if it has none. */
  root(tables: "kernel" | "user"): number {
    return Number(this.#control(tables === "kernel" ? 3 : 1) >> 12n);
  }
  /** Where the descriptor of CS is: a frame of the GDT and the offset in it. null for Xen's own descriptors and for those in the LDT. */
  get csDescriptor(): { mfn: number; offset: number } | null {
    const { cs } = this;
    if (cs & 4 || cs >> 12 >= 14) return null;
    const mfn = Number(this.#get(abi.VCPU_GUEST_CONTEXT_GDT_FRAMES + 8 * (cs >> 12)));
    return mfn === 0 ? null : { mfn, offset: cs & 0xff8 };
  }

  /** The image of FXSAVE in it. */
  get fxsave(): DataView {
    const { buffer, byteOffset } = this.#view;
    return new DataView(buffer, byteOffset + abi.VCPU_GUEST_CONTEXT_FPU_CTXT, FXSAVE_BYTES);
  }

  /** All but the vector registers, which this context has only in part. */
  report(): Omit<VcpuRegisters, "vectors"> {
    const rflags = this.#user(abi.CPU_USER_REGS_RFLAGS);
    const bases: Record<string, bigint> = {
      FS: this.#get(abi.VCPU_GUEST_CONTEXT_FS_BASE),
      GS: this.#get(
        this.mode === "kernel" ? abi.VCPU_GUEST_CONTEXT_GS_BASE_KERNEL : abi.VCPU_GUEST_CONTEXT_GS_BASE_USER,
      ),
    };
    const inactive = this.#get(
      this.mode === "kernel" ? abi.VCPU_GUEST_CONTEXT_GS_BASE_USER : abi.VCPU_GUEST_CONTEXT_GS_BASE_KERNEL,
    );
    return {
      mode: this.mode,
      online: this.online,
      eventsMasked:
        (this.#view.getUint8(abi.VCPU_GUEST_CONTEXT_USER_REGS + abi.CPU_USER_REGS_SAVED_UPCALL_MASK) & 1) !== 0,
      general: GENERAL.map(([name, offset]): NamedValue => ({ name, value: hex64(this.#user(offset)) })),
      rflags: rflagsValue(rflags),
      segments: [
        ...SEGMENTS.map(([name, offset]): SegmentValue => {
          const base = bases[name];
          return {
            name,
            selector: Number(this.#user(offset) & 0xffffn),
            base: base === undefined ? null : hex64(base),
            limit: null,
            attributes: [],
          };
        }),
        {
          name: this.mode === "kernel" ? "GS user" : "GS kernel",
          selector: null,
          base: hex64(inactive),
          limit: null,
          attributes: [],
        },
      ],
      control: [
        flagsValue("CR0", this.#control(0), CR0),
        flagsValue("CR2", this.#control(2)),
        flagsValue("CR3", this.#control(3)),
        flagsValue("CR3 user", this.#control(1)),
        flagsValue("CR4", this.#control(4), CR4),
      ],
      msrs: [],
      apic: null,
    };
  }
}
