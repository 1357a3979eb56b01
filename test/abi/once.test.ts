/** The check that no name of the interface is declared a second time. */
import { expect, it } from "vitest";
import { declaredAgain } from "../../core/abi-once.mjs";

const ABI = ["abi/xen.ts", "export const DOMID_SELF = 0x7ff0;\n"] as const;

it("finds a second declaration, exported or not, in either language", () => {
  const files = [
    [
      "hypervisor/domain/domain.ts",
      "export const A: u32 = 1;\n@unmanaged\nclass D {}\nexport const DOMID_SELF: u32 = 0x7ff0;\n",
    ],
    ["dom0/kernel/domains.ts", 'import { x } from "./x.ts";\nconst B = x,\n  DOMID_SELF = 5;\n'],
    ABI,
    ["abi/memory.ts", "export const DOMID_SELF = 0x7ff0;\n"],
    ["hypervisor/abi/native.ts", "export const NATIVE_trace = 8;\n"],
    ["toolstack/trace.ts", "const NATIVE_trace = 8;\n"],
  ] as const;
  expect(declaredAgain(files)).toEqual([
    "hypervisor/domain/domain.ts:4: DOMID_SELF stands in abi/xen.ts already",
    "dom0/kernel/domains.ts:3: DOMID_SELF stands in abi/xen.ts already",
    "abi/memory.ts:1: DOMID_SELF stands in abi/xen.ts already",
    "toolstack/trace.ts:1: NATIVE_trace stands in hypervisor/abi/native.ts already",
  ]);
});

it("finds nothing in imports, uses, and names inside functions", () => {
  const text =
    'import { DOMID_SELF } from "../abi/xen";\nfunction f(): void {\n  const DOMID_SELF = 1;\n}\nexport const A = DOMID_SELF;\n';
  expect(declaredAgain([ABI, ["hypervisor/domain/domain.ts", text]])).toEqual([]);
});

it("finds x86's control bits a second time in either language, and vectors in AssemblyScript, which can import them", () => {
  const files = [
    ["hypervisor/guest/pv/exception.ts", "const VECTOR_PF: u32 = 14;\nconst CR0_TS: u64 = 8;\nlet cpu: usize = 0;\n"],
    ["machine/cpu/control_bits.ts", "export const CR0_TS: u64 = 1 << 3;\n"],
    ["machine/cpu/machine.ts", "export let cpu: usize = 0;\nexport const VECTOR_PF: i32 = 14;\n"],
    ["machine/cpu/bit_numbers.ts", "export const CR0_TS_BIT = 3;\n"],
    ["toolstack/inspect/guest-tables.ts", "const VECTOR_PF = 14;\nconst CR0_TS = 8n;\nconst CR0_TS_BIT = 3n;\n"],
  ] as const;
  expect(declaredAgain(files)).toEqual([
    "hypervisor/guest/pv/exception.ts:1: VECTOR_PF stands in machine/cpu/machine.ts already",
    "hypervisor/guest/pv/exception.ts:2: CR0_TS stands in machine/cpu/control_bits.ts already",
    "toolstack/inspect/guest-tables.ts:2: CR0_TS stands in machine/cpu/control_bits.ts already",
    "toolstack/inspect/guest-tables.ts:3: CR0_TS_BIT stands in machine/cpu/bit_numbers.ts already",
  ]);
});
