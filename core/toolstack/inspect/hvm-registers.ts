/**
 * The state of a PVH vCPU in words: from the records of an HVM context (public/arch-x86/hvm/save.h) and, as Intel's manual volume 3 describes it,
 * from the page of its local APIC.
 */
import * as abi from "../../abi/hvm_save.ts";
import { hex64 } from "./hex.ts";
import { CR0, CR4, flagsValue, rflagsValue, type Bits } from "./registers.ts";
import type { ApicReport, FlagsValue, SegmentValue, VcpuRegisters, VectorsReport } from "./report.ts";
import { vectorsReport } from "./vectors.ts";

const GENERAL = [
  ["RAX", abi.HVM_HW_CPU_RAX],
  ["RBX", abi.HVM_HW_CPU_RBX],
  ["RCX", abi.HVM_HW_CPU_RCX],
  ["RDX", abi.HVM_HW_CPU_RDX],
  ["RSI", abi.HVM_HW_CPU_RSI],
  ["RDI", abi.HVM_HW_CPU_RDI],
  ["RBP", abi.HVM_HW_CPU_RBP],
  ["RSP", abi.HVM_HW_CPU_RSP],
  ...Array.from({ length: 8 }, (_, n) => [`R${8 + n}`, abi.HVM_HW_CPU_R8 + 8 * n] as const),
] as const;
/** The segment registers in the order of the record. */
const SEGMENTS = ["CS", "DS", "ES", "FS", "GS", "SS", "TR", "LDTR"];
const EFER: Bits = [
  [0, "SCE"],
  [8, "LME"],
  [10, "LMA"],
  [11, "NXE"],
];
const APIC_BASE: Bits = [
  [8, "BSP"],
  [10, "EXTD"],
  [11, "EN"],
];
const LMA = 1n << 10n;
const VM = 1n << 17n;

/** Offsets in the page of an APIC. */
const ISR = 0x100;
const TMR = 0x180;
const IRR = 0x200;
const SVR = 0xf0;
const TPR = 0x80;
const APIC_REGISTERS: readonly (readonly [name: string, offset: number])[] = [
  ["ID", 0x20],
  ["Version", 0x30],
  ["TPR", TPR],
  ["LDR", 0xd0],
  ["DFR", 0xe0],
  ["SVR", SVR],
  ["ESR", 0x280],
  ["ICR", 0x300],
  ["ICR high", 0x310],
  ["LVT timer", 0x320],
  ["LVT thermal", 0x330],
  ["LVT counters", 0x340],
  ["LVT LINT0", 0x350],
  ["LVT LINT1", 0x360],
  ["LVT error", 0x370],
  ["Timer initial", 0x380],
  ["Timer divide", 0x3e0],
];
const LVT_MASKED: Bits = [[16, "masked"]];
const SVR_BITS: Bits = [[8, "enabled"]];
const TIMER_MODES = ["one-shot", "periodic", "TSC deadline", "reserved mode"];

/** Returns the record of that type for that vCPU. */
function recordOf(context: Uint8Array, code: number, vcpu: number): DataView | null {
  const view = new DataView(context.buffer, context.byteOffset, context.byteLength);
  for (let at = 0; at + abi.HVM_SAVE_DESCRIPTOR_SIZE <= context.length;) {
    const type = view.getUint16(at + abi.HVM_SAVE_DESCRIPTOR_TYPECODE, true);
    const length = view.getUint32(at + abi.HVM_SAVE_DESCRIPTOR_LENGTH, true);
    const body = at + abi.HVM_SAVE_DESCRIPTOR_SIZE;
    if (type === abi.HVM_SAVE_CODE_END) return null;
    if (type === code && view.getUint16(at + abi.HVM_SAVE_DESCRIPTOR_INSTANCE, true) === vcpu)
      return new DataView(context.buffer, context.byteOffset + body, length);
    at = body + length;
  }
  return null;
}

export class HvmVcpuState {
  readonly #cpu: DataView;
  readonly #context: Uint8Array;
  readonly #vcpu: number;

  private constructor(cpu: DataView, context: Uint8Array, vcpu: number) {
    this.#cpu = cpu;
    this.#context = context;
    this.#vcpu = vcpu;
  }

  /** `context` is what XEN_DOMCTL_gethvmcontext returns. The result is null for a vCPU that is down, which has no registers. */
  static of(context: Uint8Array, vcpu: number): HvmVcpuState | null {
    const cpu = recordOf(context, abi.HVM_SAVE_CODE_CPU, vcpu);
    return cpu && new HvmVcpuState(cpu, context, vcpu);
  }

  #get(offset: number): bigint {
    return this.#cpu.getBigUint64(offset, true);
  }
  #segment(name: string): { selector: number; base: bigint; limit: number; attributes: number } {
    const place = SEGMENTS.indexOf(name);
    const word = (row: number): number => this.#cpu.getUint32(row + 4 * place, true);
    return {
      selector: word(abi.HVM_HW_CPU_CS_SEL),
      base: this.#get(abi.HVM_HW_CPU_CS_BASE + 8 * place),
      limit: word(abi.HVM_HW_CPU_CS_LIMIT),
      attributes: word(abi.HVM_HW_CPU_CS_ARBYTES),
    };
  }
  /** Returns the linear address of `offset` in a segment. Bases count only outside of 64-bit code. */
  #linear(segment: string, offset: bigint): bigint {
    if (this.bits === 64) return offset;
    return (this.#segment(segment).base + offset) & 0xffffffffn;
  }

  get control(): { cr0: bigint; cr3: bigint; cr4: bigint; efer: bigint } {
    return {
      cr0: this.#get(abi.HVM_HW_CPU_CR0),
      cr3: this.#get(abi.HVM_HW_CPU_CR3),
      cr4: this.#get(abi.HVM_HW_CPU_CR4),
      efer: this.#get(abi.HVM_HW_CPU_MSR_EFER),
    };
  }
  get bits(): 64 | 32 | 16 {
    const { attributes } = this.#segment("CS");
    if (this.control.efer & LMA && attributes & 0x200) return 64;
    return attributes & 0x400 && !(this.#get(abi.HVM_HW_CPU_RFLAGS) & VM) ? 32 : 16;
  }
  /** This is a linear address. */
  get rip(): bigint {
    return this.#linear("CS", this.#get(abi.HVM_HW_CPU_RIP));
  }
  get rsp(): bigint {
    return this.#linear("SS", this.#get(abi.HVM_HW_CPU_RSP));
  }
  get rbp(): bigint {
    return this.#linear("SS", this.#get(abi.HVM_HW_CPU_RBP));
  }

  report(): VcpuRegisters {
    const cpl = (this.#segment("SS").attributes >> 5) & 3;
    const { cr0, cr3, cr4, efer } = this.control;
    const apic = this.#apic();
    const priority = apic?.registers.find(({ name }) => name === "TPR");
    const msr = (name: string, offset: number): FlagsValue => flagsValue(name, this.#get(offset));
    const mtrr = recordOf(this.#context, abi.HVM_SAVE_CODE_MTRR, this.#vcpu);
    return {
      mode: cpl === 3 ? "user" : "kernel",
      online: true,
      eventsMasked: false,
      general: GENERAL.map(([name, offset]) => ({ name, value: hex64(this.#get(offset)) })),
      rflags: rflagsValue(this.#get(abi.HVM_HW_CPU_RFLAGS)),
      segments: [
        ...SEGMENTS.map((name): SegmentValue => {
          const { selector, base, limit, attributes } = this.#segment(name);
          return { name, selector, base: hex64(base), limit, attributes: attributesOf(name, attributes) };
        }),
        this.#table("GDTR", abi.HVM_HW_CPU_GDTR_BASE, abi.HVM_HW_CPU_GDTR_LIMIT),
        this.#table("IDTR", abi.HVM_HW_CPU_IDTR_BASE, abi.HVM_HW_CPU_IDTR_LIMIT),
      ],
      control: [
        flagsValue("CR0", cr0, CR0),
        flagsValue("CR2", this.#get(abi.HVM_HW_CPU_CR2)),
        flagsValue("CR3", cr3),
        flagsValue("CR4", cr4, CR4),
        flagsValue("CR8", priority ? BigInt(priority.value) >> 4n : 0n),
      ],
      msrs: [
        flagsValue("EFER", efer, EFER),
        msr("STAR", abi.HVM_HW_CPU_MSR_STAR),
        msr("LSTAR", abi.HVM_HW_CPU_MSR_LSTAR),
        msr("CSTAR", abi.HVM_HW_CPU_MSR_CSTAR),
        msr("FMASK", abi.HVM_HW_CPU_MSR_SYSCALL_MASK),
        msr("KERNEL_GS_BASE", abi.HVM_HW_CPU_SHADOW_GS),
        msr("SYSENTER_CS", abi.HVM_HW_CPU_SYSENTER_CS),
        msr("SYSENTER_ESP", abi.HVM_HW_CPU_SYSENTER_ESP),
        msr("SYSENTER_EIP", abi.HVM_HW_CPU_SYSENTER_EIP),
        msr("TSC", abi.HVM_HW_CPU_TSC),
        msr("TSC_AUX", abi.HVM_HW_CPU_MSR_TSC_AUX),
        ...(mtrr
          ? [
              flagsValue("PAT", mtrr.getBigUint64(abi.HVM_HW_MTRR_MSR_PAT_CR, true)),
              flagsValue("MTRR_DEF_TYPE", mtrr.getBigUint64(abi.HVM_HW_MTRR_MSR_MTRR_DEF_TYPE, true)),
            ]
          : []),
      ],
      apic,
      vectors: this.#vectors(),
    };
  }

  /** The record of XSAVE is there if the domain has it. */
  #vectors(): VectorsReport {
    const xsave = recordOf(this.#context, abi.CPU_XSAVE_CODE, this.#vcpu);
    if (!xsave) return vectorsReport(this.#cpu, null);
    const { buffer, byteOffset, byteLength } = xsave;
    const at = abi.HVM_HW_CPU_XSAVE_SAVE_AREA;
    return vectorsReport(
      new DataView(buffer, byteOffset + at, byteLength - at),
      xsave.getBigUint64(abi.HVM_HW_CPU_XSAVE_XCR0, true),
    );
  }

  #table(name: string, base: number, limit: number): SegmentValue {
    return {
      name,
      selector: null,
      base: hex64(this.#get(base)),
      limit: this.#cpu.getUint32(limit, true),
      attributes: [],
    };
  }

  #apic(): ApicReport | null {
    const hidden = recordOf(this.#context, abi.HVM_SAVE_CODE_LAPIC, this.#vcpu);
    const page = recordOf(this.#context, abi.HVM_SAVE_CODE_LAPIC_REGS, this.#vcpu);
    if (!hidden || !page) return null;
    const read = (offset: number): number => page.getUint32(offset, true);
    const vectors = (from: number): number[] =>
      Array.from({ length: 256 }, (_, vector) => vector).filter(
        (vector) => (read(from + (vector >> 5) * 16) >>> (vector & 31)) & 1,
      );
    const base = flagsValue("IA32_APIC_BASE", hidden.getBigUint64(abi.HVM_HW_LAPIC_APIC_BASE_MSR, true), APIC_BASE);
    const deadline = hidden.getBigUint64(abi.HVM_HW_LAPIC_TDT_MSR, true);
    return {
      base,
      mode: !base.set.includes("EN") ? "off" : base.set.includes("EXTD") ? "x2APIC" : "xAPIC",
      enabled: (read(SVR) & 0x100) !== 0,
      irr: vectors(IRR),
      isr: vectors(ISR),
      tmr: vectors(TMR),
      registers: [
        ...APIC_REGISTERS.map(([name, offset]): FlagsValue => {
          const value = read(offset);
          const bits = name === "SVR" ? SVR_BITS : name.startsWith("LVT") ? LVT_MASKED : [];
          const named = flagsValue(name, BigInt(value), bits);
          if (name === "LVT timer") named.set.push(TIMER_MODES[(value >> 17) & 3]!);
          return named;
        }),
        flagsValue("TSC deadline", deadline),
      ],
    };
  }
}

const DATA = ["read", "read/write", "read, expand-down", "read/write, expand-down"];
const CODE = ["execute", "execute/read", "execute, conforming", "execute/read, conforming"];

/** `value` has the form of the second word of a descriptor, from bit 8 on, without the bits of the limit (Intel SDM 3A 3.4.5). */
function attributesOf(name: string, value: number): string[] {
  if (!(value & 0x80)) return ["unusable"];
  const type = value & 15;
  const system = name === "TR" ? (type & 8 ? "32/64-bit TSS" : "16-bit TSS") : "LDT";
  const kind = !(value & 0x10) ? system : type & 8 ? CODE[(type >> 1) & 3]! : DATA[(type >> 1) & 3]!;
  return [
    kind,
    `DPL ${(value >> 5) & 3}`,
    ...(value & 0x200 ? ["L"] : []),
    ...(value & 0x400 ? ["D/B"] : []),
    ...(value & 0x800 ? ["G"] : []),
  ];
}
