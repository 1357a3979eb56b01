import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as exits from "../../core/machine/cpu/exits.ts";
import * as state from "../../core/machine/cpu/state.ts";
import { compileEngine } from "./engine.ts";
import { Machine, NX, PRESENT, RAX, RBX, RCX, RDI, RSI, RSP, USER, WRITABLE } from "./machine.ts";

const CODE = 0x400000n;
const CODE_FRAME = 0x3800000;
const DATA = 0x600000n;
const DATA_FRAME = 0x3810000;
const STACK = 0x700000n;
const STACK_FRAME = 0x3820000;

let compiled: WebAssembly.Module;
let m: Machine;

beforeAll(async () => {
  compiled = await compileEngine();
});
beforeEach(() => {
  m = new Machine(compiled);
  m.map(CODE, CODE_FRAME);
  m.map(CODE + 0x1000n, CODE_FRAME + 0x1000);
  m.map(DATA, DATA_FRAME);
  m.map(STACK, STACK_FRAME);
  m.setReg(RSP, STACK + 0x800n);
  m.rip = CODE;
});

/** Loads code at the start of the code page and runs it until an exit. */
function execute(hex: string): number {
  m.put(CODE_FRAME, hex);
  m.exports.engine_code_written!(CODE_FRAME);
  return m.run();
}

function expectException(exit: number, vector: number, error: number, rip: bigint): void {
  expect({ exit, vector: m.vector, error: m.error, rip: m.rip.toString(16) }).toEqual({
    exit: exits.EXIT_EXCEPTION,
    vector,
    error,
    rip: rip.toString(16),
  });
}

describe("page faults", () => {
  it("reports what was not present, who asked, and where", () => {
    m.setReg(RBX, 0x12345678n);
    expectException(execute("90 8b03"), 14, 4, CODE + 1n);
    expect(m.address).toBe(0x12345678n);
    m.rip = CODE + 0x100n;
    m.put(CODE_FRAME + 0x100, "8903");
    expectException(m.run(), 14, 6, CODE + 0x100n);
  });
  it("reports writes to read-only pages as protection violations, read-modify-write too", () => {
    m.map(DATA, DATA_FRAME, PRESENT | USER);
    m.setReg(RBX, DATA);
    expectException(execute("8b03 8903"), 14, 7, CODE + 2n);
    m.rip = CODE;
    expectException(execute("0103"), 14, 7, CODE);
    m.rip = CODE;
    expectException(execute("f0 ff03"), 14, 7, CODE);
  });
  it("refuses supervisor pages to user code, and instruction fetches from NX pages", () => {
    m.map(DATA, DATA_FRAME, PRESENT | WRITABLE);
    m.setReg(RBX, DATA);
    expectException(execute("8b03"), 14, 5, CODE);
    m.map(DATA, DATA_FRAME, PRESENT | WRITABLE | USER | NX);
    m.exports.engine_flush!();
    m.rip = DATA;
    expectException(m.run(), 14, 0x15, DATA);
  });
  it("reports reserved bits and machine addresses that are no memory", () => {
    m.map(DATA, DATA_FRAME, PRESENT | WRITABLE | USER | (1n << 51n));
    m.setReg(RBX, DATA + 8n);
    expectException(execute("8b03"), 14, 0xd, CODE);
    expect(m.address).toBe(DATA + 8n);
  });
  it("sets accessed and dirty bits, and no dirty bit for reads", () => {
    const at = m.map(DATA, DATA_FRAME);
    m.setReg(RBX, DATA);
    execute("8b03 cc");
    expect(m.view.getUint8(at) & 0x60).toBe(0x20);
    m.rip = CODE + 0x40n;
    m.put(CODE_FRAME + 0x40, "8903 cc");
    m.run();
    expect(m.view.getUint8(at) & 0x60).toBe(0x60);
  });
  it("faults on the second page of an access across two with the address of that page, having done nothing", () => {
    m.setReg(RBX, DATA + 0xffcn);
    m.setReg(RAX, 0x1122334455667788n);
    expectException(execute("488903"), 14, 6, CODE);
    expect(m.address).toBe(DATA + 0x1000n);
    expect(m.view.getUint32(DATA_FRAME + 0xffc, true)).toBe(0);
    m.map(DATA + 0x1000n, DATA_FRAME + 0x5000);
    m.put(CODE_FRAME + 3, "cc");
    m.exports.engine_flush!();
    expect(m.run()).toBe(exits.EXIT_EXCEPTION);
    expect(m.vector).toBe(3);
    expect(m.view.getUint32(DATA_FRAME + 0xffc, true)).toBe(0x55667788);
    expect(m.view.getUint32(DATA_FRAME + 0x5000, true)).toBe(0x11223344);
  });
  it("writes 16 bytes across two pages, each byte where it belongs, or none of them", () => {
    m.map(DATA + 0x1000n, DATA_FRAME + 0x5000);
    const bytes = Buffer.from("00112233445566778899aabbccddeeff", "hex");
    m.bytes.set(bytes, DATA_FRAME);
    m.setReg(RAX, DATA);
    for (const room of [1, 7, 8, 9, 15]) {
      m.bytes.fill(0x5a, DATA_FRAME + 0xfe0, DATA_FRAME + 0x1000).fill(0x5a, DATA_FRAME + 0x5000, DATA_FRAME + 0x5020);
      m.rip = CODE;
      m.setReg(RBX, DATA + 0x1000n - BigInt(room));
      // movups (%rax), %xmm0; movups %xmm0, (%rbx)
      expectException(execute("0f1000 0f1103 cc"), 3, 0, CODE + 7n);
      const before = m.bytes.subarray(DATA_FRAME + 0xfe0, DATA_FRAME + 0x1000);
      const behind = m.bytes.subarray(DATA_FRAME + 0x5000, DATA_FRAME + 0x5020);
      const expected = [Buffer.alloc(32 - room, 0x5a), bytes, Buffer.alloc(16 + room, 0x5a)];
      expect(Buffer.concat([before, behind]), `${room} bytes in front`).toEqual(Buffer.concat(expected));
    }
    m.map(DATA + 0x1000n, DATA_FRAME + 0x5000, PRESENT | USER);
    m.exports.engine_flush!();
    m.rip = CODE;
    m.setReg(RBX, DATA + 0xff8n);
    m.bytes.fill(0x5a, DATA_FRAME + 0xff0, DATA_FRAME + 0x1000);
    expectException(execute("0f1000 0f1103 cc"), 14, 7, CODE + 3n);
    expect(m.address).toBe(DATA + 0x1000n);
    expect(m.bytes[DATA_FRAME + 0xff8]).toBe(0x5a);
  });
  it("faults on the second page of an instruction across two", () => {
    m.put(CODE_FRAME + 0x1ffe, "48b8");
    m.rip = CODE + 0x1ffen;
    expectException(m.run(), 14, 0x14, CODE + 0x1ffen);
    expect(m.address).toBe(CODE + 0x2000n);
    m.map(CODE + 0x2000n, CODE_FRAME + 0x7000);
    m.put(CODE_FRAME + 0x7000, "8877665544332211 cc");
    expect(m.run()).toBe(exits.EXIT_EXCEPTION);
    expect(m.reg(RAX)).toBe(0x1122334455667788n);
  });
  it("keeps a translation until it is flushed", () => {
    m.setReg(RBX, DATA);
    execute("8b03 cc");
    const at = m.map(DATA, DATA_FRAME);
    m.view.setBigUint64(at, 0n, true);
    m.rip = CODE;
    expectException(m.run(), 3, 0, CODE + 3n);
    m.exports.engine_flush_page!(DATA);
    m.rip = CODE;
    expectException(m.run(), 14, 4, CODE);
  });
  it("answers non-canonical addresses with #GP, through SS with #SS", () => {
    m.setReg(RBX, 0x8000_0000_0000n);
    expectException(execute("8b03"), 13, 0, CODE);
    m.setReg(RSP, 0x8000_0000_0000n);
    m.rip = CODE + 0x10n;
    m.put(CODE_FRAME + 0x10, "58");
    expectException(m.run(), 12, 0, CODE + 0x10n);
    m.rip = CODE + 0x20n;
    m.put(CODE_FRAME + 0x20, "8b0424");
    expectException(m.run(), 12, 0, CODE + 0x20n);
  });
});

describe("decoding", () => {
  it("raises #UD for what does not exist and for LOCK where it may not be", () => {
    for (const hex of ["0f0b", "06", "f0 90", "f0 01d8", "f0 3903", "f0 8b03", "0f04", "62f17c4828c0", "d6", "8dc0"]) {
      m.exports.engine_flush!();
      m.rip = CODE;
      m.setReg(RBX, DATA);
      expectException(execute(`${hex} 90`), 6, 0, CODE);
    }
  });
  it("raises #GP for more than 15 bytes, not for 15", () => {
    expectException(execute(`${"66".repeat(14)} 90 cc`), 3, 0, CODE + 16n);
    m.exports.engine_flush!();
    m.rip = CODE;
    expectException(execute(`${"66".repeat(15)} 90 cc`), 13, 0, CODE);
  });
  it("addresses relative to RIP wherever the page is mapped", () => {
    m.map(0x500000n, CODE_FRAME);
    m.put(CODE_FRAME, "488d05f9ffffff cc");
    m.run();
    expect(m.reg(RAX)).toBe(CODE);
    m.rip = 0x500000n;
    m.run();
    expect(m.reg(RAX)).toBe(0x500000n);
  });
});

describe("running", () => {
  it("counts retired instructions exactly, through loops, faults and calls", () => {
    // mov ecx,10; l: dec ecx; jnz l; call f; int3; f: ret
    expectException(execute("b90a000000 ffc9 75fc e801000000 cc c3"), 3, 0, CODE + 0xfn);
    expect(m.retired).toBe(1 + 20 + 1 + 1 + 1);
  });
  it("comes back when the budget is used up or the pending word is set", () => {
    m.put(CODE_FRAME, "ebfe");
    m.exports.engine_budget!(1000);
    expect(m.run()).toBe(exits.EXIT_POLL);
    expect(m.retired).toBe(1000);
    m.exports.engine_budget!(0x7fffffff);
    m.view.setUint32(DATA_FRAME, 1, true);
    m.exports.engine_poll_address!(DATA_FRAME);
    expect(m.run()).toBe(exits.EXIT_POLL);
    expect(m.retired).toBe(1000);
  });
  it("steps over exactly one instruction", () => {
    m.put(CODE_FRAME, "ffc0 ffc0 ebfa");
    for (const [rip, rax] of [
      [2n, 1n],
      [4n, 2n],
      [0n, 2n],
      [2n, 3n],
    ]) {
      expect(m.step()).toBe(exits.EXIT_POLL);
      expect(m.rip).toBe(CODE + rip!);
      expect(m.reg(RAX)).toBe(rax);
    }
    expect(m.retired).toBe(4);
  });
  it("leaves a repeated move at the faulting element", () => {
    m.setReg(RSI, DATA);
    m.setReg(RDI, DATA + 0xf00n);
    m.setReg(RCX, 0x200n);
    m.bytes.fill(0x5a, DATA_FRAME, DATA_FRAME + 0x100);
    expectException(execute("f3a4"), 14, 6, CODE);
    expect(m.address).toBe(DATA + 0x1000n);
    expect([m.reg(RCX), m.reg(RSI), m.reg(RDI)]).toEqual([0x100n, DATA + 0x100n, DATA + 0x1000n]);
    expect(m.bytes[DATA_FRAME + 0xfff]).toBe(0x5a);
  });
  it("repeats a pattern when a move overlaps ahead", () => {
    m.put(DATA_FRAME, "010203");
    m.setReg(RSI, DATA);
    m.setReg(RDI, DATA + 3n);
    m.setReg(RCX, 300n);
    expectException(execute("f3a4 cc"), 3, 0, CODE + 3n);
    expect([...m.bytes.subarray(DATA_FRAME + 300, DATA_FRAME + 303)]).toEqual([1, 2, 3]);
  });
  it("divides by zero as #DE with nothing changed", () => {
    m.setReg(RAX, 77n);
    expectException(execute("31c9 f7f1"), 0, 0, CODE + 2n);
    expect(m.reg(RAX)).toBe(77n);
  });
});

describe("code that changes", () => {
  it("executes what an instruction of the same block has just written", () => {
    // mov byte [rip+1], 0x40 (into the next instruction's immediate); mov al, 0; int3
    expectException(execute("c6050100000040 b000 cc"), 3, 0, CODE + 10n);
    expect(m.reg(RAX) & 0xffn).toBe(0x40n);
  });
  it("sees writes through another mapping, again and again", () => {
    m.map(DATA + 0x1000n, CODE_FRAME + 0x1000);
    m.put(CODE_FRAME + 0x1000, "b001 c3");
    m.setReg(RBX, DATA + 0x1001n);
    m.setReg(RSI, CODE + 0x1000n);
    // l: call rsi; add edx, eax; inc byte [rbx]; cmp byte [rbx], 50; jne l; int3
    m.put(CODE_FRAME, "31c0 31d2 ffd6 01c2 fe03 803b32 75f5 cc");
    m.run();
    expect(m.vector).toBe(3);
    expect(m.reg(2)).toBe(BigInt((49 * 50) / 2));
  });
  it("drops code that the hypervisor has written when told", () => {
    execute("b001 cc");
    m.rip = CODE;
    m.put(CODE_FRAME + 1, "02");
    m.exports.engine_code_written!(CODE_FRAME);
    m.run();
    expect(m.reg(RAX) & 0xffn).toBe(2n);
  });
});

describe("leaving for the hypervisor", () => {
  it("SYSCALL, INT n, INT3, HLT, CPUID, IN, MOV CR", () => {
    expect(execute("0f05")).toBe(exits.EXIT_SYSCALL);
    expect([m.rip, m.reg(RCX), m.reg(11)]).toEqual([CODE + 2n, CODE + 2n, 0x202n]);
    m.put(CODE_FRAME + 2, "cd80");
    expect(m.run()).toBe(exits.EXIT_SOFTWARE_INTERRUPT);
    expect([m.vector, m.rip]).toEqual([0x80, CODE + 4n]);
    m.rip = CODE + 0x100n;
    for (const hex of ["f4", "0fa2", "ec", "0f20d8", "0f22d8", "fa", "0f30", "0f01d1", "0f01f8", "480f07"]) {
      m.exports.engine_flush!();
      m.put(CODE_FRAME + 0x100, hex);
      expect([hex, m.run(), m.rip, m.error]).toEqual([hex, exits.EXIT_PRIVILEGED, CODE + 0x100n, 13]);
    }
  });
  it("reads and writes the override page instead of the mapped one", () => {
    m.map(DATA, DATA_FRAME, PRESENT | USER);
    m.setReg(RBX, DATA + 8n);
    m.setReg(RAX, 0x1234n);
    m.put(CODE_FRAME, "480103");
    const scratch = 0x3900000;
    m.view.setBigUint64(scratch + 8, 1n, true);
    m.exports.engine_override!(DATA + 8n, scratch);
    expect(m.step()).toBe(exits.EXIT_POLL);
    m.exports.engine_end_override!();
    expect(m.view.getBigUint64(scratch + 8, true)).toBe(0x1235n);
    expect(m.view.getBigUint64(DATA_FRAME + 8, true)).toBe(0n);
    m.rip = CODE;
    expectException(m.run(), 14, 7, CODE);
  });
});

describe("debugging", () => {
  it("traps after each instruction while TF is set", () => {
    m.put(CODE_FRAME, "90 ffc0 cc");
    m.flags = 0x302;
    expectException(m.run(), 1, 0, CODE + 1n);
    expect(m.address).toBe(0x4000n);
    expectException(m.run(), 1, 0, CODE + 3n);
  });
  it("stops at an instruction breakpoint once, RF lets it pass", () => {
    m.put(CODE_FRAME, "90 90 90 cc");
    m.set(state.CPU_DR, CODE + 1n);
    m.set(state.CPU_DR + 56, 0x401n);
    expectException(m.run(), 1, 0, CODE + 1n);
    expect(m.address).toBe(1n);
    m.flags |= 0x10000;
    expectException(m.run(), 3, 0, CODE + 4n);
    expect(m.flags & 0x10000).toBe(0);
  });
  it("traps after an access to a data breakpoint", () => {
    m.put(CODE_FRAME, "8b03 8943fc 8903 90 cc");
    m.setReg(RBX, DATA + 4n);
    m.set(state.CPU_DR + 8, DATA + 4n);
    m.set(state.CPU_DR + 56, 0x404n | (0xdn << 20n));
    expectException(m.run(), 1, 0, CODE + 7n);
    expect(m.address).toBe(2n);
  });
  it("checks alignment when asked", () => {
    m.put(CODE_FRAME, "8b03 8b4301 cc");
    m.setReg(RBX, DATA);
    m.flags = 0x40202;
    expectException(m.run(), 17, 0, CODE + 2n);
  });
});

describe("a vCPU with its own descriptor tables", () => {
  const GDT_FRAME = 0x3830000;
  const IDT = 0x801000n;
  beforeEach(() => {
    m.map(0x800000n, GDT_FRAME, PRESENT | WRITABLE);
    m.map(IDT, GDT_FRAME + 0x1000, PRESENT | WRITABLE);
    m.map(0x802000n, GDT_FRAME + 0x2000, PRESENT | WRITABLE);
    m.map(0x803000n, GDT_FRAME + 0x3000, PRESENT | WRITABLE);
    m.view.setUint32(m.cpu + state.CPU_DEPRIVILEGED, 0, true);
    m.set(state.CPU_GDTR_BASE, 0x800000n);
    m.view.setUint32(m.cpu + state.CPU_GDTR_LIMIT, 0xff, true);
    m.set(state.CPU_IDTR_BASE, IDT);
    m.view.setUint32(m.cpu + state.CPU_IDTR_LIMIT, 0xfff, true);
    const gdt = (selector: number, value: bigint) => m.view.setBigUint64(GDT_FRAME + (selector & ~7), value, true);
    gdt(0x08, 0x00af9b000000ffffn); // kernel code
    gdt(0x10, 0x00cf93000000ffffn);
    gdt(0x18, 0x00cffb000000ffffn); // 32-bit user code
    gdt(0x28, 0x00cff3000000ffffn); // user data
    gdt(0x30, 0x00affb000000ffffn); // 64-bit user code
    m.segment(state.TR, 0x40, 0x8b, 0x802000n, 0x67);
    m.view.setBigUint64(GDT_FRAME + 0x2004, 0x803800n, true); // RSP0
  });
  function gate(vector: number, target: bigint, dpl = 0): void {
    const low =
      (target & 0xffffn) | (8n << 16n) | (BigInt(0x8e | (dpl << 5)) << 40n) | (((target >> 16n) & 0xffffn) << 48n);
    m.view.setBigUint64(GDT_FRAME + 0x1000 + vector * 16, low, true);
    m.view.setBigUint64(GDT_FRAME + 0x1008 + vector * 16, target >> 32n, true);
  }

  it("delivers #PF through a gate on RSP0 and returns with IRETQ", () => {
    // The handler's page: supervisor only. mov rbx, cr2-mapped page; add rsp,8; iretq
    m.map(0x804000n, GDT_FRAME + 0x4000, PRESENT | WRITABLE);
    m.put(GDT_FRAME + 0x4000, "48c7c300006000 4883c408 48cf");
    gate(14, 0x804000n);
    gate(3, 0x804100n, 3);
    m.put(GDT_FRAME + 0x4100, "f4");
    m.setReg(RBX, 0x123000n);
    m.view.setUint32(DATA_FRAME, 0xabcd, true);
    expect(execute("8b03 cc")).toBe(exits.EXIT_HALT);
    expect(m.reg(RAX)).toBe(0xabcdn);
    expect(m.get(state.CPU_CR2)).toBe(0x123000n);
    expect(m.view.getUint32(m.cpu + state.CPU_CPL, true)).toBe(0);
    // The frame of INT3: RIP, CS, RFLAGS, RSP, SS.
    const frame = (n: number) => m.view.getBigUint64(GDT_FRAME + 0x3800 - 40 + 8 * n, true);
    expect([frame(0), frame(1), frame(3), frame(4)]).toEqual([CODE + 3n, 0x33n, STACK + 0x800n, 0x2bn]);
  });
  it("makes a fault in delivery a double fault, and that one's fault a shutdown", () => {
    m.setReg(RBX, 0x123000n);
    expect(execute("8b03")).toBe(exits.EXIT_SHUTDOWN);
    expect(m.rip).toBe(CODE);
  });
  it("runs 32-bit code after a far return, and comes back by SYSCALL-less INT", () => {
    gate(0x80, 0x804000n, 3);
    m.map(0x804000n, GDT_FRAME + 0x4000, PRESENT | WRITABLE);
    m.put(GDT_FRAME + 0x4000, "f4");
    m.put(STACK_FRAME + 0x800, "00014000 00000000 1b00000000000000 0008700000000000 2b00000000000000");
    // 32-bit: inc eax (40), push eax, pop ecx, mov edx,[0x600000], int 0x80
    m.put(CODE_FRAME + 0x100, "40 50 59 8b1500006000 64 90 cd80");
    m.segment(state.DS, 0x2b, 0xcf3);
    m.segment(state.ES, 0x2b, 0xcf3);
    m.setReg(RAX, 0xffffffff_fffffffen);
    m.view.setUint32(DATA_FRAME, 99, true);
    expect(execute("48cb")).toBe(exits.EXIT_HALT);
    expect([m.reg(RAX), m.reg(RCX), m.reg(2)]).toEqual([0xffffffffn, 0xffffffffn, 99n]);
  });
  it("loads segment registers with all checks", () => {
    expect(m.exports.engine_load_segment!(state.DS, 0x2b)).toBe(0);
    expect(m.exports.engine_load_segment!(state.DS, 0x10)).toBe(14);
    expect(m.exports.engine_load_segment!(state.DS, 0x200)).toBe(14);
    expect(m.exports.engine_load_segment!(state.SS, 0x0)).toBe(14);
    expect(m.exports.engine_load_segment!(state.FS, 0x0)).toBe(0);
    expect(m.exports.engine_load_segment!(state.SS, 0x33)).toBe(14);
  });
});
