/**
 * Virtual-8086 mode with CR4.VME: VIF and VIP, and INT n that goes to the program's own handler; CR4.PVI in protected mode; and the 64 KiB behind 1 MiB
 * that 16-bit programs reach. QEMU's TCG has neither VME nor PVI, so what is expected is what Intel's manual says: volume 3, 20.3 and 20.4; volume 2,
 * CLI, STI, PUSHF, POPF, IRET and INT n.
 */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as exits from "../../core/machine/cpu/exits.ts";
import * as state from "../../core/machine/cpu/state.ts";
import { compileEngine } from "./engine.ts";
import { Machine, RAX, RSP } from "./machine.ts";

/** Guest-physical memory is 4 MiB of the host's, mapped by pages of 2 MiB, with the tables of the second stage behind it. */
const GUEST = 0x3000000;
const GUEST_BYTES = 0x400000;
const SECOND = GUEST + GUEST_BYTES;
const CODE = 0x100000;
const TSS = 0x3000;
const TSS_LIMIT = 0x2088;
/** Offset of the bitmap of redirected interrupts in the TSS: that of ports follows. */
const REDIRECTION = 0x68;
const KERNEL_STACK = 0x90000;
/** The program begins at 0800:0000, and its stack at 0900:0FF0. */
const PROGRAM = 0x8000;
const STACK = 0x9000;
const SP = 0xff0;
const VME = 1;
const PVI = 2;
const [TF, IF, IOPL, NT, VM, VIF, VIP] = [0x100, 0x200, 0x3000, 0x4000, 0x20000, 0x80000, 0x100000] as const;
/** Handlers of the kernel: one HLT each. */
const HANDLERS = 0x110000;

let compiled: WebAssembly.Module;
let m: Machine;
beforeAll(async () => {
  compiled = await compileEngine();
}, 300_000);

function put(address: number, hex: string): void {
  m.put(GUEST + address, hex);
  m.exports.engine_code_written!(GUEST + (address & ~0xfff));
}
const put16 = (address: number, value: number): void => m.view.setUint16(GUEST + address, value, true);
const put32 = (address: number, value: number): void => m.view.setUint32(GUEST + address, value, true);
const put64 = (address: number, value: bigint): void => m.view.setBigUint64(GUEST + address, value, true);
const get16 = (address: number): number => m.view.getUint16(GUEST + address, true);
const get32 = (address: number): number => m.view.getUint32(GUEST + address, true);

/** The vCPU is in the kernel again, as it began. Its memory stays. */
function begin(): void {
  m.exports.engine_power_on!();
  m.exports.engine_protected32!(CODE);
  m.set(state.CPU_SECOND_ROOT, BigInt(SECOND));
  m.view.setUint32(m.cpu + state.CPU_SPACE_ID, 1, true);
  m.setReg(RSP, BigInt(KERNEL_STACK));
  const gdt = [0n, 0x00cf9b000000ffffn, 0x00cf93000000ffffn, 0x00cffb000000ffffn, 0x00cff3000000ffffn];
  gdt.push(0x0000890000000000n | BigInt(TSS_LIMIT) | (BigInt(TSS) << 16n));
  gdt.forEach((entry, n) => put64(0x1000 + 8 * n, entry));
}

beforeEach(() => {
  m = new Machine(compiled);
  m.view.setBigUint64(SECOND, BigInt(SECOND + 0x1000) | 7n, true);
  m.view.setBigUint64(SECOND + 0x1000, BigInt(SECOND + 0x2000) | 7n, true);
  for (let at = 0; at < GUEST_BYTES; at += 0x200000)
    m.view.setBigUint64(SECOND + 0x2000 + (at / 0x200000) * 8, BigInt(GUEST + at) | 0x87n, true);
  put(0x800, "2f00 00100000");
  put(0x806, "ff07 00200000");
  for (let vector = 0; vector < 256; vector++) {
    const target = HANDLERS + vector;
    put64(0x2000 + 8 * vector, BigInt(target & 0xffff) | (8n << 16n) | (0xeen << 40n) | (BigInt(target >>> 16) << 48n));
    put(target, "f4");
  }
  put32(TSS + 4, KERNEL_STACK);
  put32(TSS + 8, 0x10);
  put16(TSS + 102, REDIRECTION + 32);
  // Nothing is redirected, and no port is allowed.
  m.bytes.fill(0xff, GUEST + TSS + REDIRECTION, GUEST + TSS + TSS_LIMIT + 1);
});

const LOAD_TABLES = "0f011500080000 0f011d06080000 66b82800 0f00d8";
const immediate = (value: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes.toString("hex");
};
const pushes = (...values: number[]): string => values.map((value) => `68${immediate(value)}`).join(" ");
const cr4 = (value: number): string => `b8${immediate(value)} 0f22e0`;

interface Ended {
  /** Of the handler that stopped it; #GP is 13. */
  vector: number;
  error: number | null;
  ip: number;
  cs: number;
  flags: number;
  sp: number;
}
/** The frame on the kernel's stack. Exceptions with an error code have one word more. */
function ended(virtual: boolean): Ended {
  expect(m.run()).toBe(exits.EXIT_HALT);
  const vector = Number(m.rip) - 1 - HANDLERS;
  let at = Number(m.reg(RSP));
  expect(KERNEL_STACK - at).toBe((virtual ? 36 : 20) + (vector === 13 ? 4 : 0));
  const error = vector === 13 ? get32(at) : null;
  if (error !== null) at += 4;
  const [ip, cs, flags, sp] = [0, 4, 8, 12].map((offset) => get32(at + offset)) as [number, number, number, number];
  // RF of a fault's frame is not what these tests are about.
  return { vector, error, ip, cs, flags: flags & ~0x10000, sp };
}
/** Runs a program in virtual-8086 mode until it comes to the kernel. */
function virtual(program: string, { flags, control }: { flags: number; control: number }): Ended {
  begin();
  put(PROGRAM, program);
  put(CODE, `${LOAD_TABLES} ${cr4(control)} ${pushes(0, 0, 0, 0, STACK >> 4, SP, flags | VM | 2, PROGRAM >> 4, 0)} cf`);
  return ended(true);
}
/** The end of a program: INT3 goes to the kernel whatever the bitmap says. */
const END = "cc";
const refused = { vector: 13, error: 0, ip: 0, sp: SP };

describe("virtual-8086 mode without I/O privilege", () => {
  it("without VME refuses CLI, STI, PUSHF, POPF, IRET and INT n", () => {
    for (const program of ["fa", "fb", "9c", "9d", "cf", "cd21"]) {
      expect([program, virtual(program + END, { flags: VIF, control: 0 })]).toMatchObject([program, refused]);
    }
  });
  it("has CLI clear VIF and STI set it, and IF stays", () => {
    expect(virtual(`fa${END}`, { flags: VIF | IF, control: VME })).toMatchObject({ vector: 3, flags: VM | IF | 2 });
  });
  it("has STI set VIF", () => {
    expect(virtual(`fb${END}`, { flags: 0, control: VME })).toMatchObject({ vector: 3, flags: VM | VIF | 2 });
  });
  it("has STI refused while an interrupt waits, and CLI not", () => {
    expect(virtual(`fa fb ${END}`, { flags: VIP, control: VME })).toMatchObject({
      ...refused,
      ip: 1,
      flags: VM | VIP | 2,
    });
  });
  it.each([
    ["VIF is seen as IF", VIF, IOPL | IF | 2],
    ["the processor's own IF is not seen", IF, IOPL | 2],
  ])("PUSHF: %s, and IOPL as 3", (_, flags, seen) => {
    expect(virtual(`9c${END}`, { flags, control: VME })).toMatchObject({
      vector: 3,
      sp: SP - 2,
      flags: flags | VM | 2,
    });
    expect(get16(STACK + SP - 2)).toBe(seen);
  });
  it.each(["669c", "669d", "66cf"])("refuses PUSHF, POPF and IRET of 32 bits: %s", (program) => {
    expect(virtual(program + END, { flags: VIF, control: VME })).toMatchObject(refused);
  });
  it.each([
    ["sets VIF", IF | NT | 1 | 2, 0, VIF | NT | 1],
    ["clears VIF", 2, VIF | IF, IF],
    ["leaves IOPL alone", IOPL | 2, VIF, 0],
  ])("POPF %s", (_, image, flags, after) => {
    expect(virtual(`68${immediate(image).slice(0, 4)} 9d ${END}`, { flags, control: VME })).toMatchObject({
      vector: 3,
      sp: SP,
      flags: after | VM | 2,
    });
  });
  it.each([
    ["TF", TF | 2, 0],
    ["IF while an interrupt waits", IF | 2, VIP],
  ])("refuses POPF and IRET with %s", (_, image, flags) => {
    const word = immediate(image).slice(0, 4);
    expect(virtual(`68${word} 9d ${END}`, { flags, control: VME })).toMatchObject({
      ...refused,
      ip: 3,
      sp: SP - 2,
      flags: flags | VM | 2,
    });
    expect(virtual(`68${word} 680008 680d00 cf`, { flags, control: VME })).toMatchObject({
      ...refused,
      ip: 9,
      sp: SP - 6,
      flags: flags | VM | 2,
    });
  });
  it("IRET returns with VIF as the frame's IF, and without the frame's IOPL", () => {
    put(PROGRAM + 0x20, END);
    const word = immediate(IF | IOPL | 1 | 2).slice(0, 4);
    expect(virtual(`68${word} 680208 680000 cf`, { flags: 0, control: VME })).toMatchObject({
      vector: 3,
      cs: 0x802,
      ip: 1,
      sp: SP,
      flags: VIF | VM | 1 | 2,
    });
  });
});

describe("INT n in virtual-8086 mode with VME", () => {
  const redirect = (vector: number): void => {
    m.bytes[GUEST + TSS + REDIRECTION + (vector >> 3)]! &= ~(1 << (vector & 7));
  };
  const handler = (vector: number): void => {
    put16(4 * vector, 0x40);
    put16(4 * vector + 2, PROGRAM >> 4);
    put(PROGRAM + 0x40, END);
  };
  it.each([0x00, 0x21, 0xff])("goes to the program's own handler where the bit is clear: %d", (vector) => {
    redirect(vector);
    handler(vector);
    const flags = VIF | IF;
    const program = `cd${vector.toString(16).padStart(2, "0")}`;
    // VIF is cleared, and IF is left to the kernel.
    expect(virtual(program, { flags, control: VME })).toMatchObject({
      vector: 3,
      cs: PROGRAM >> 4,
      ip: 0x41,
      sp: SP - 6,
      flags: IF | VM | 2,
    });
    expect([2, 4, 6].map((n) => get16(STACK + SP - n))).toEqual([IOPL | IF | 2, PROGRAM >> 4, 2]);
  });
  it("pushes the real flags and clears IF with I/O privilege", () => {
    redirect(0x21);
    handler(0x21);
    expect(virtual("cd21", { flags: IOPL | IF, control: VME })).toMatchObject({
      vector: 3,
      ip: 0x41,
      sp: SP - 6,
      flags: IOPL | VM | 2,
    });
    expect(get16(STACK + SP - 2)).toBe(IOPL | IF | 2);
  });
  it("is refused where the bit is set, or goes to the kernel with I/O privilege", () => {
    handler(0x21);
    expect(virtual("cd21", { flags: VIF, control: VME })).toMatchObject(refused);
    expect(virtual("cd21", { flags: IOPL, control: VME })).toMatchObject({ vector: 0x21, ip: 2, flags: IOPL | VM | 2 });
  });
  it("asks the bitmap of no other instruction: INT3 goes to the kernel", () => {
    redirect(3);
    handler(3);
    expect(virtual("cc", { flags: 0, control: VME })).toMatchObject({ vector: 3, ip: 1, sp: SP });
  });
  it("is refused if the bitmap lies behind the end of the TSS", () => {
    put16(TSS + 102, TSS_LIMIT + 1);
    redirect(0x21);
    handler(0x21);
    // The byte of vector 21 lies in the TSS, 28 bytes before its end; with the next offset that of vector FF lies just behind it.
    expect(virtual("cdff", { flags: IOPL, control: VME })).toMatchObject({ vector: 0xff });
    put16(TSS + 102, TSS_LIMIT + 2);
    expect(virtual("cdff", { flags: IOPL, control: VME })).toMatchObject(refused);
    put16(TSS + 102, 4);
    expect(virtual("cd21", { flags: IOPL, control: VME })).toMatchObject({ vector: 13, error: 0 });
  });
  it("has nothing done if its frame can't be pushed", () => {
    redirect(0x21);
    handler(0x21);
    // SP is 1: a push would cross the end of the segment.
    begin();
    put(PROGRAM, "bc0100 cd21");
    put(CODE, `${LOAD_TABLES} ${cr4(VME)} ${pushes(0, 0, 0, 0, STACK >> 4, SP, VM | VIF | 2, PROGRAM >> 4, 0)} cf`);
    expect(m.run()).toBe(exits.EXIT_HALT);
    const at = Number(m.reg(RSP)) + 4;
    expect([Number(m.rip) - 1 - HANDLERS, get32(at), get32(at + 8) & ~0x10000, get32(at + 12)]).toEqual([
      12,
      3,
      VM | VIF | 2,
      1,
    ]);
  });
});

describe("protected mode of level 3 with PVI", () => {
  function user(program: string, { flags, control }: { flags: number; control: number }): Ended {
    begin();
    put(0x102000, program);
    put(CODE, `${LOAD_TABLES} ${cr4(control)} ${pushes(0x23, 0x80000, flags | 2, 0x1b, 0x102000)} cf`);
    return ended(false);
  }
  it("has CLI and STI act on VIF", () => {
    expect(user("fa cc", { flags: VIF | IF, control: PVI })).toMatchObject({ vector: 3, flags: IF | 2 });
    expect(user("fb cc", { flags: 0, control: PVI })).toMatchObject({ vector: 3, flags: VIF | 2 });
  });
  it("has STI refused while an interrupt waits", () => {
    expect(user("fb cc", { flags: VIP, control: PVI })).toMatchObject({
      vector: 13,
      error: 0,
      ip: 0x102000,
      flags: VIP | 2,
    });
  });
  it("has PUSHF and POPF as without it: VIF is in its own place, and IF does not change", () => {
    // pushf; push 0x200; popf; int3
    expect(user("9c 6800020000 9d cc", { flags: VIF, control: PVI })).toMatchObject({ vector: 3, flags: VIF | 2 });
    expect(get32(0x80000 - 4)).toBe(VIF | 2);
  });
  it("is what VME is not, and the other way round", () => {
    expect(user("fa cc", { flags: VIF, control: VME })).toMatchObject({ vector: 13 });
    expect(virtual("fa", { flags: VIF, control: PVI })).toMatchObject(refused);
  });
});

describe("the address line 20", () => {
  /** es: mov byte [0x10], 0x5a with ES = FFFF: the first byte behind 1 MiB, or the first of memory if the line were switched off. */
  const STORE = "b8ffff 8ec0 26c60610005a";
  it("is on in real mode, as in a guest of Xen's", () => {
    put(0, "11");
    put(CODE, "22");
    begin();
    m.exports.engine_power_on!();
    // The vCPU begins at F000:FFF0 with base FFFF0000; it is put to 0800:0000.
    m.segment(state.CS, PROGRAM >> 4, 0x9b, BigInt(PROGRAM), 0xffff);
    m.rip = 0n;
    put(PROGRAM, `${STORE} f4`);
    expect(m.run()).toBe(exits.EXIT_HALT);
    expect([m.bytes[GUEST], m.bytes[GUEST + 0x100000]]).toEqual([0x11, 0x5a]);
  });
  it("is on in virtual-8086 mode", () => {
    put(0, "11");
    m.bytes[GUEST + 0x10fff0 - 1] = 0x33;
    // The last byte that can be reached is at FFFF:FFFF.
    expect(virtual("b8ffff 8ec0 26a0ffff cc", { flags: 0, control: 0 })).toMatchObject({ vector: 3 });
    expect([m.bytes[GUEST], Number(m.reg(RAX) & 0xffn)]).toEqual([0x11, 0x33]);
  });
});
