/** Guests that own their privileged state: 32-bit protected mode, paging on and off, long mode, second stages, and what is left to the platform. */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as exits from "../../core/machine/cpu/exits.ts";
import * as state from "../../core/machine/cpu/state.ts";
import { compileEngine } from "./engine.ts";
import { Machine, RAX, RBX, RCX, RDX, RSP } from "./machine.ts";

/** Guest-physical memory begins here. The second stage's tables and the log of the device lie after it. */
const GUEST = 0x3000000;
const GUEST_BYTES = 0x400000;
const SECOND = 0x3400000;
const LOG = 0x3500000;
const CODE = 0x100000;
const DEVICE = 0xfee00000;
const P = 1n;
const RW = 2n;
const US = 4n;

let compiled: WebAssembly.Module;
let m: Machine;

beforeAll(async () => {
  compiled = await compileEngine();
}, 300_000);

/** Writes to guest-physical memory through a second stage. */
function put(address: number, hex: string): void {
  m.put(GUEST + address, hex);
  m.exports.engine_code_written!(GUEST + (address & ~0xfff));
}
const put64 = (address: number, value: bigint): void =>
  m.view.setBigUint64(GUEST + address, BigInt.asUintN(64, value), true);
const put32 = (address: number, value: number): void => m.view.setUint32(GUEST + address, value, true);
const get32 = (address: number): number => m.view.getUint32(GUEST + address, true);
const cr = (offset: number): bigint => m.get(offset);
const u32 = (offset: number): number => m.view.getUint32(m.cpu + offset, true);

let nextTable = 0;
/** Sets the second-stage entry of a guest-physical page. Returns the address of the entry. */
function mapSecond(address: number, entry: bigint): number {
  let table = SECOND;
  for (let level = 4; level > 1; level--) {
    const at = table + (Math.floor(address / 2 ** (12 + 9 * (level - 1))) % 512) * 8;
    if (!(m.view.getBigUint64(at, true) & 1n)) {
      m.view.setBigUint64(at, BigInt(nextTable) | 7n, true);
      nextTable += 0x1000;
    }
    table = Number(m.view.getBigUint64(at, true) & 0xffffff000n);
  }
  const at = table + (Math.floor(address / 4096) % 512) * 8;
  m.view.setBigUint64(at, entry, true);
  return at;
}

beforeEach(() => {
  m = new Machine(compiled);
  nextTable = SECOND + 0x1000;
  for (let page = 0; page < GUEST_BYTES; page += 4096) mapSecond(page, BigInt(GUEST + page) | P | RW | US);
  m.exports.engine_power_on!();
  m.exports.engine_protected32!(CODE);
  m.set(state.CPU_SECOND_ROOT, BigInt(SECOND));
  m.view.setUint32(m.cpu + state.CPU_SPACE_ID, 1, true);
  m.exports.engine_outside!(LOG, 0, 0, 0, 0);
  m.setReg(RSP, 0x90000n);
});

/** A GDT at 0x1000: 8 code 32, 0x10 data, 0x18 code 64, 0x20 code 16, 0x28 data 16, 0x30 user code 32, 0x38 user data, 0x40 TSS at 0x3000. */
function tables(): void {
  const entries = [
    0n,
    0x00cf9b000000ffffn,
    0x00cf93000000ffffn,
    0x00af9b000000ffffn,
    0x00009b000000ffffn,
    0x000093000000ffffn,
    0x00cffb000000ffffn,
    0x00cff3000000ffffn,
    0x0000890030000067n,
    0n,
  ];
  entries.forEach((entry, n) => put64(0x1000 + 8 * n, entry));
  put(0x800, "4f00 00100000");
  put(0x806, "ff07 00200000");
}
const gate32 = (vector: number, target: number, type = 0x8e): void =>
  put64(
    0x2000 + 8 * vector,
    BigInt(target & 0xffff) | (8n << 16n) | (BigInt(type) << 40n) | (BigInt(target >>> 16) << 48n),
  );
const LOAD_TABLES = "0f011500080000 0f011d06080000";

describe("protected mode of 32 bits, without paging", () => {
  it("begins flat, and HLT leaves run() behind itself", () => {
    put(CODE, "b878563412 a300010000 f4");
    expect(m.run()).toBe(exits.EXIT_HALT);
    expect(get32(0x100)).toBe(0x12345678);
    expect(m.rip).toBe(BigInt(CODE + 11));
  });
  it("loads its tables, TR and segments, and jumps far", () => {
    tables();
    // lgdt; lidt; mov ax,0x40; ltr ax; mov ax,0x10; mov ss,ax; jmp 8:+0; str bx; sldt cx; hlt
    put(CODE, `${LOAD_TABLES} 66b84000 0f00d8 66b81000 8ed0 ea${"23001000"}0800 660f00cb 660f00c1 f4`);
    m.setReg(RBX, 0n);
    m.setReg(RCX, 0xffffn);
    expect(m.run()).toBe(exits.EXIT_HALT);
    expect([m.reg(RBX), m.reg(RCX)]).toEqual([0x40n, 0n]);
    // The TSS is busy now.
    expect(m.view.getUint8(GUEST + 0x1045)).toBe(0x8b);
  });
  it("delivers exceptions and interrupts through 32-bit gates, and IRET returns", () => {
    tables();
    gate32(0, 0x101000);
    gate32(0x30, 0x101100);
    put(0x101000, "5a b901000000 83042402 83c400 cf");
    // The handler of #DE: no error code; it skips the two bytes of DIV and returns.
    put(0x101000, "83042402 b901000000 cf");
    put(0x101100, "bb07000000 cf");
    put(CODE, `${LOAD_TABLES} 31d2 31c9 f7f1 fb 90 f4`);
    expect(m.run()).toBe(exits.EXIT_HALT);
    expect(m.reg(RCX)).toBe(1n);
    expect(m.exports.engine_interruptible!()).toBe(1);
    expect(m.exports.engine_interrupt!(0x30)).toBe(1);
    // An interrupt gate clears IF; the frame is EIP, CS, EFLAGS.
    expect(m.flags & 0x200).toBe(0);
    const sp = Number(m.reg(RSP));
    expect([get32(sp), get32(sp + 4), get32(sp + 8) & 0x200]).toEqual([CODE + 14 + 9, 8, 0x200]);
    put(CODE + 23, "f4");
    expect(m.run()).toBe(exits.EXIT_HALT);
    expect(m.reg(RBX)).toBe(7n);
    expect(m.flags & 0x200).toBe(0x200);
  });
  it("goes to ring 3 and comes back on the stack of the TSS, with an error code", () => {
    tables();
    put32(0x3004, 0x80000);
    put32(0x3008, 0x10);
    gate32(13, 0x101000);
    put(0x101000, "f4");
    // Ring 3: cli is #GP(0) there.
    put(0x102000, "fa");
    put(CODE, `${LOAD_TABLES} 66b84000 0f00d8 6a3b 6800500000 6802020000 6a33 6800201000 cf`);
    expect(m.run()).toBe(exits.EXIT_HALT);
    const at = 0x80000 - 24;
    expect([0, 4, 8, 16, 20].map((n) => get32(at + n))).toEqual([0, 0x102000, 0x33, 0x5000, 0x3b]);
    expect(m.reg(RSP)).toBe(BigInt(at));
    expect(u32(state.CPU_CPL)).toBe(0);
  });
  it("executes nothing beyond the limit of CS, and fetches nothing beyond it", () => {
    tables();
    gate32(13, 0x102000);
    put(0x102000, "f4");
    // 16-bit code at 0x101000 whose limit lies inside the last instruction.
    for (const [limit, last] of [
      [0xfff, 0xffe],
      [0xfff, 0xfff],
      [0xffd, 0xffc],
    ] as const) {
      put64(0x1048, BigInt(limit) | (0x101000n << 16n) | (0x9bn << 40n));
      put(0x101ff0, "90".repeat(16));
      // mov ax, imm16 has three bytes.
      put(0x101000 + last, "b8");
      put(CODE, `${LOAD_TABLES} ea f00f0000 4800`);
      m.exports.engine_flush!();
      m.setReg(RSP, 0x90000n);
      m.exports.engine_protected32!(CODE);
      expect([limit, m.run()]).toEqual([limit, exits.EXIT_HALT]);
      expect([limit, get32(0x90000 - 16), get32(0x90000 - 12)]).toEqual([limit, 0, last]);
    }
  });
  it("shuts down when nothing can be delivered", () => {
    put(CODE, "0f0b");
    expect(m.run()).toBe(exits.EXIT_SHUTDOWN);
    expect(m.rip).toBe(BigInt(CODE));
  });
  it("shuts down where a misaligned stack makes #AC of every delivery of #AC", () => {
    tables();
    put32(0x3004, 0x80000);
    put32(0x3008, 0x10);
    // The handler's code segment has ring 3, so the frame is pushed with ring 3's alignment checks.
    put64(0x2000 + 8 * 17, 0x1000n | (0x33n << 16n) | (0x8en << 40n) | (0x10n << 48n));
    put(0x102000, "a101050000");
    // CR0.AM; IRET to ring 3 with EFLAGS.AC and ESP 0x5002
    put(CODE, `${LOAD_TABLES} 66b84000 0f00d8 0f20c0 0d00000400 0f22c0 6a3b 6802500000 6802020400 6a33 6800201000 cf`);
    expect(m.run()).toBe(exits.EXIT_SHUTDOWN);
    expect([m.rip, u32(state.CPU_CPL)]).toEqual([0x102000n, 3]);
  });
});

/**
 * Page tables of 3 levels at 0x10020 (a root in the middle of a page): an identity mapping of 4 MiB by one 2 MiB page and one table; linear 0x600000
 * is 0x101000.
 */
function paeTables(): void {
  put64(0x10020, 0x11000n | P);
  put64(0x11000, 0x0n | P | RW | 0x80n);
  put64(0x11008, 0x200000n | P | RW | 0x80n);
  put64(0x11018, 0x12000n | P | RW);
  put64(0x12000, 0x101000n | P | RW);
}
/** mov eax,cr4; or eax,0x20; mov cr4,eax; mov eax,0x10020; mov cr3,eax; mov eax,cr0; or eax,0x80000000; mov cr0,eax */
const PAE_ON = "0f20e0 83c820 0f22e0 b820000100 0f22d8 0f20c0 0d00000080 0f22c0";

describe("paging", () => {
  it("of 3 levels: PAE comes with CR4 before CR0.PG", () => {
    paeTables();
    put32(0x101000, 0xabcdef);
    put(CODE, `${PAE_ON} a100006000 8903 f4`);
    m.setReg(RBX, 0x700n);
    expect(m.run()).toBe(exits.EXIT_HALT);
    expect(get32(0x700)).toBe(0xabcdef);
  });
  it("of 2 levels, with pages of 4 MiB only where CR4.PSE says so", () => {
    put32(0x20000, 0x80 | 3);
    put32(0x20004, 0x21000 | 3);
    put32(0x21000, 0x101000 | 3);
    put32(0x101000, 0x5678);
    // CR4.PSE; CR3; CR0.PG
    put(CODE, `0f20e0 83c810 0f22e0 b800000200 0f22d8 0f20c0 0d00000080 0f22c0 a100004000 a300070000 f4`);
    expect(m.run()).toBe(exits.EXIT_HALT);
    expect(get32(0x700)).toBe(0x5678);
  });
  it("is kept apart by the id of the second stage: the same tables of two guests are two spaces", () => {
    paeTables();
    put32(0x101000, 1);
    put(CODE, `${PAE_ON} a100006000 f4`);
    m.run();
    expect(m.reg(RAX)).toBe(1n);
    // For another guest, frame 0x101000 is another frame of the host.
    const other = GUEST + 0x3f0000;
    m.view.setUint32(other, 2, true);
    const copy = 0x3600000;
    const from = SECOND;
    m.bytes.copyWithin(copy, from, nextTable);
    // It has its own copy of all tables.
    for (let table = copy; table < copy + nextTable - SECOND; table += 4096)
      for (let at = table; at < table + 4096; at += 8) {
        const entry = m.view.getBigUint64(at, true);
        const address = entry & 0xffffff000n;
        if (entry & 1n && address >= BigInt(SECOND) && address < BigInt(nextTable))
          m.view.setBigUint64(at, entry + BigInt(copy - SECOND), true);
        if (address === BigInt(GUEST + 0x101000)) m.view.setBigUint64(at, BigInt(other) | 7n, true);
      }
    const again = (): bigint => {
      m.rip = BigInt(CODE + 28);
      m.run();
      return m.reg(RAX);
    };
    m.set(state.CPU_SECOND_ROOT, BigInt(copy));
    m.view.setUint32(m.cpu + state.CPU_SPACE_ID, 2, true);
    expect(again()).toBe(2n);
    m.set(state.CPU_SECOND_ROOT, BigInt(SECOND));
    m.view.setUint32(m.cpu + state.CPU_SPACE_ID, 1, true);
    expect(again()).toBe(1n);
  });
  it("forgets what INVLPG names, of a large page too, and the rest of the tables at CR3", () => {
    paeTables();
    put32(0x101000, 1);
    put32(0x200100, 0x11);
    put32(0x102000, 2);
    put32(0x100, 0x22);
    // mov eax,[600000]; mov ecx,[200100]; hlt; the same again; invlpg of both; the same again
    const look = "8b0500006000 8b0d00012000 f4";
    put(CODE, `${PAE_ON} ${look} ${look} 0f013d00006000 0f013d00002000 ${look} 0f20d8 0f22d8 ${look}`);
    const seen = (): bigint[] => {
      expect(m.run()).toBe(exits.EXIT_HALT);
      return [m.reg(RAX), m.reg(RCX)];
    };
    expect(seen()).toEqual([1n, 0x11n]);
    put64(0x12000, 0x102000n | P | RW);
    put64(0x11008, 0n | P | RW | 0x80n);
    expect(seen()).toEqual([1n, 0x11n]);
    expect(seen()).toEqual([2n, 0x22n]);
    put64(0x12000, 0x101000n | P | RW);
    expect(seen()).toEqual([1n, 0x22n]);
  });
  it("refuses what may not be written to control registers", () => {
    tables();
    gate32(13, 0x101000);
    put(0x101000, "f4");
    for (const [what, hex] of [
      ["PG without PE", "0f20c0 25feffff7f 0d00000080 0f22c0"],
      ["NW without CD", "0f20c0 0d00000020 25ffffffbf 0f22c0"],
      ["an unknown bit of CR4", "b800004000 0f22e0"],
      ["PCIDE outside long mode", "b800000200 0f22e0"],
      ["an unknown bit of EFER", "b980000080 81e9000000c0 b9800000c0 b800000400 31d2 0f30"],
    ] as const) {
      m.rip = BigInt(CODE);
      put(CODE, `${LOAD_TABLES} ${hex} 90`);
      m.exports.engine_flush!();
      m.setReg(RSP, 0x90000n);
      expect([what, m.run(), m.rip]).toEqual([what, exits.EXIT_HALT, 0x101001n]);
      expect([what, get32(0x90000 - 16)]).toEqual([what, 0]);
    }
  });
});

/** Long mode: 4 levels at 0x14000, an identity mapping of 4 MiB by 2 MiB pages, code segment 0x18. */
function longTables(): void {
  put64(0x14000, 0x15000n | P | RW | US);
  put64(0x15000, 0x16000n | P | RW | US);
  put64(0x16000, 0n | P | RW | US | 0x80n);
  put64(0x16008, 0x200000n | P | RW | US | 0x80n);
  // Gates have 16 bytes.
  for (const [vector, target] of [
    [14, 0x101000],
    [3, 0x101100],
  ] as const) {
    put64(
      0x2000 + 16 * vector,
      BigInt(target & 0xffff) | (0x18n << 16n) | (0x8en << 40n) | (BigInt(target >>> 16) << 48n),
    );
    put64(0x2008 + 16 * vector, 0n);
  }
}
/** cr4.pae; cr3; efer.lme (and SCE); cr0.pg; far jump to 64-bit code at CODE + 0x80 */
const LONG_ON = `${LOAD_TABLES} 0f20e0 83c820 0f22e0 b800400100 0f22d8 b9800000c0 0f32 0d01010000 0f30 0f20c0 0d00000080 0f22c0 ea800010001800`;

describe("long mode", () => {
  beforeEach(() => {
    tables();
    longTables();
    put(CODE, LONG_ON);
  });
  it("is reached by EFER.LME, CR4.PAE, CR0.PG and a far jump, and EFER.LMA tells it", () => {
    put(CODE + 0x80, "b9800000c0 0f32 48bbefcdab8967452301 f4");
    expect(m.run()).toBe(exits.EXIT_HALT);
    expect([m.reg(RAX), m.reg(RBX)]).toEqual([0x501n, 0x0123456789abcdefn]);
  });
  it("delivers a page fault with CR2 and its error code, and IRETQ returns", () => {
    put(0x101000, "0f20d3 5a 48830424 07 48cf");
    put(CODE + 0x80, "8b0425 00008000 f4");
    expect(m.run()).toBe(exits.EXIT_HALT);
    expect([m.reg(RBX), m.reg(RDX)]).toEqual([0x800000n, 0n]);
  });
  it("calls and returns by SYSCALL and SYSRET", () => {
    // STAR: kernel 0x18, user base 0x23 (code 64 at 0x33); LSTAR 0x102000. The user's code at 0x103000: syscall; the kernel's: hlt, then sysretq
    put(0x102000, "f4 480f07");
    put(0x103000, "0f05 0f05");
    put(
      CODE + 0x80,
      "b9810000c0 31c0 ba18002300 0f30 b9820000c0 b800201000 31d2 0f30 b9840000c0 b800020000 0f30 48c7c100301000 49c7c302020000 480f07",
    );
    expect(m.run()).toBe(exits.EXIT_HALT);
    expect([m.reg(RCX), m.reg(11), u32(state.CPU_CPL)]).toEqual([0x103002n, 0x202n, 0]);
    expect(m.flags & 0x200).toBe(0);
    expect(m.run()).toBe(exits.EXIT_HALT);
    expect(m.reg(RCX)).toBe(0x103004n);
  });
  describe("handlers that fault at their first instruction, on a stack of their own, use up run()'s budget", () => {
    /** Sets a gate of `vector` with IST 1. */
    function gate(vector: number, target: number): void {
      const low = BigInt(target & 0xffff) | (0x18n << 16n) | (1n << 32n) | (0x8en << 40n);
      put64(0x2000 + 16 * vector, low | (BigInt(target >>> 16) << 48n));
      put64(0x2008 + 16 * vector, 0n);
    }
    const LOAD_TASK = "66b84000 0f00d8";
    beforeEach(() => put64(0x3024, 0x80000n));

    it("by what it is", () => {
      gate(6, 0x101200);
      put(0x101200, "0f0b");
      put(CODE + 0x80, `${LOAD_TASK} 0f0b`);
      expect(m.run()).toBe(exits.EXIT_POLL);
      expect(m.rip).toBe(0x101200n);
    });
    it("because it is in no memory", () => {
      gate(14, 0x800000);
      put(CODE + 0x80, `${LOAD_TASK} 8b042500008000`);
      expect(m.run()).toBe(exits.EXIT_POLL);
      expect([m.rip, cr(state.CPU_CR2)]).toEqual([0x800000n, 0x800000n]);
    });
    it("because there is a breakpoint at it", () => {
      gate(1, 0x101300);
      put(0x101300, "f4");
      put(CODE + 0x80, `${LOAD_TASK} b800131000 0f23c0 b801000000 0f23f8 e964120000`);
      expect(m.run()).toBe(exits.EXIT_POLL);
      expect(m.rip).toBe(0x101300n);
    });
  });
  it("is left again by CR0.PG from compatibility mode", () => {
    // far return to 32-bit code 8:0x102000, which turns paging off
    put(CODE + 0x80, "6a08 6800201000 48cb");
    put(0x102000, "0f20c0 25ffffff7f 0f22c0 b9800000c0 0f32 f4");
    expect(m.run()).toBe(exits.EXIT_HALT);
    expect(m.reg(RAX)).toBe(0x101n);
    expect(cr(state.CPU_CR0) >> 31n).toBe(0n);
  });
});

describe("what is the platform's", () => {
  it("comes out of run() with the instruction, in ring 0", () => {
    for (const hex of ["0fa2", "0f32", "0f30", "0f33", "ec", "ef", "e460", "6e", "6d"]) {
      m.rip = BigInt(CODE);
      m.setReg(RCX, 0x1bn);
      put(CODE, `${hex} f4`);
      m.exports.engine_flush!();
      expect([hex, m.run(), m.rip]).toEqual([hex, exits.EXIT_PRIVILEGED, BigInt(CODE)]);
      expect([hex, m.exports.engine_finish!(), m.rip]).toEqual([hex, -1, BigInt(CODE + hex.length / 2)]);
    }
  });
  it("is refused to ring 3 before: #GP through the guest's own IDT; CPUID is not", () => {
    tables();
    put32(0x3004, 0x80000);
    put32(0x3008, 0x10);
    // No I/O bitmap.
    m.view.setUint16(GUEST + 0x3066, 0x68, true);
    gate32(13, 0x101000);
    put(0x101000, "f4");
    for (const hex of ["0f32", "ec", "6e", "f4", "0f20c0", "0f011500080000"]) {
      m.rip = BigInt(CODE);
      m.setReg(RSP, 0x90000n);
      m.view.setUint8(GUEST + 0x1045, 0x89);
      put(0x102000, `${hex} 90`);
      put(CODE, `${LOAD_TABLES} 66b84000 0f00d8 6a3b 6800500000 6802020000 6a33 6800201000 cf`);
      m.exports.engine_flush!();
      expect([hex, m.run(), m.rip]).toEqual([hex, exits.EXIT_HALT, 0x101001n]);
      expect([hex, get32(0x80000 - 20)]).toEqual([hex, 0x102000]);
      // The guest is back in ring 0.
      m.exports.engine_protected32!(CODE);
      m.view.setUint32(m.cpu + state.CPU_CPL, 0, true);
    }
  });
  it("is a hypercall by VMCALL and VMMCALL", () => {
    for (const hex of ["0f01c1", "0f01d9"]) {
      m.rip = BigInt(CODE);
      put(CODE, `${hex} f4`);
      m.exports.engine_flush!();
      expect([hex, m.run(), m.rip]).toEqual([hex, exits.EXIT_VMCALL, BigInt(CODE)]);
      m.exports.engine_finish!();
      expect(m.run()).toBe(exits.EXIT_HALT);
    }
  });
  it("tells when an interrupt can come in: after the instruction behind STI", () => {
    put(CODE, "90 fb 90 90 f4");
    m.view.setUint32(m.cpu + state.CPU_WINDOW, 1, true);
    expect(m.run()).toBe(exits.EXIT_WINDOW);
    expect(m.rip).toBe(BigInt(CODE + 3));
    m.view.setUint32(m.cpu + state.CPU_WINDOW, 0, true);
    expect(m.run()).toBe(exits.EXIT_HALT);
  });
});

describe("a second stage", () => {
  const told = (): bigint[][] =>
    Array.from({ length: m.view.getUint32(LOG, true) }, (_, n) =>
      [0, 8, 16].map((field) => m.view.getBigUint64(LOG + 8 + 24 * n + field, true)),
    );

  it("leaves run() with the guest-physical address, nothing done, and the instruction can be made again", () => {
    put(CODE, "8903 f4");
    m.setReg(RBX, 0x700123n);
    expect(m.run()).toBe(exits.EXIT_OUTSIDE);
    expect([m.rip, m.address, m.error]).toEqual([BigInt(CODE), 0x700123n, 1]);
    mapSecond(0x700000, BigInt(GUEST + 0x5000) | P | RW | US);
    m.setReg(RAX, 0x77n);
    expect(m.run()).toBe(exits.EXIT_HALT);
    expect(get32(0x5123)).toBe(0x77);
  });
  it("is walked again when its owner has changed it", () => {
    put(CODE, "8b03 f4");
    put32(0x5120, 0x99);
    m.setReg(RBX, 0x700120n);
    const at = mapSecond(0x700000, 0n);
    m.exports.engine_outside!(LOG, 0x700000, at, GUEST + 0x5000 + 7, 0);
    expect(m.run()).toBe(exits.EXIT_HALT);
    expect(m.reg(RAX)).toBe(0x99n);
    // What the engine has learned holds until it is forgotten for this second stage and no other.
    put32(0x6120, 0x66);
    mapSecond(0x700000, BigInt(GUEST + 0x6000) | P | RW | US);
    for (const [flushed, seen] of [
      [0, 0x99n],
      [2, 0x99n],
      [1, 0x66n],
    ] as const) {
      m.exports.engine_flush_space!(flushed);
      m.rip = BigInt(CODE);
      m.run();
      expect(m.reg(RAX)).toBe(seen);
    }
  });
  it("has devices: every width, read-modify-write, locked, string", () => {
    // mov al,[ebx]; mov [ebx+4],cx; add dword [ebx+8],1; lock or byte [ebx+12],1; xchg [ebx+16],edx; rep stosd; rep movsb from it
    put(CODE, "8a03 66894b04 83430801 f0804b0c01 875310 31c0 f3ab 8bf3 b902000000 bf00600000 f3a4 f4");
    m.setReg(RBX, BigInt(DEVICE));
    m.setReg(7, BigInt(DEVICE + 32));
    m.setReg(RCX, 2n);
    m.setReg(RDX, 5n);
    expect(m.run()).toBe(exits.EXIT_HALT);
    const d = BigInt(DEVICE);
    // A locked access may read more than once before it writes.
    const once = told().filter((access, n, all) => String(access) !== String(all[n - 1]));
    expect(once).toEqual([
      [d, 1n, 0n],
      [d + 4n, 2n, 2n],
      [d + 8n, 4n, 0n],
      [d + 8n, 4n, 0x55667789n],
      [d + 12n, 1n, 0n],
      [d + 12n, 1n, 0x89n],
      [d + 16n, 4n, 0n],
      [d + 16n, 4n, 5n],
      [d + 32n, 4n, 0n],
      [d + 36n, 4n, 0n],
      [d, 1n, 0n],
      [d + 1n, 1n, 0n],
    ]);
    expect(m.reg(RDX)).toBe(0x55667788n);
    expect(get32(0x6000) & 0xffff).toBe(0x8888);
  });
  it("asks a device nothing before it is certain that the other page of an access is there: what is asked for may change the device", () => {
    // Pages of 4 KiB at 0x400000: memory; the device; and nothing yet, where the owner adds memory when asked, but not the first time
    put32(0x20000, 0x21000 | 3);
    put32(0x21000 + (CODE >> 10), CODE | 3);
    put32(0x20000 + 4, 0x22000 | 3);
    put32(0x22000, 0x5000 | 3);
    put32(0x22004, DEVICE | 3);
    put32(0x22008, 0x700000 | 3);
    const at = mapSecond(0x700000, 0n);
    // mov eax,[ebx]; movups xmm0,[ebx]
    for (const [read, width] of [
      ["8b03", 4],
      ["0f1003", 16],
    ] as const) {
      m.view.setBigUint64(at, 0n, true);
      m.exports.engine_flush!();
      m.exports.engine_outside!(LOG, 0, 0, 0, 0);
      put(CODE, `b800000200 0f22d8 b800060000 0f22e0 b833000080 0f22c0 ${read} f4`);
      m.setReg(RBX, 0x401ffen);
      m.rip = BigInt(CODE);
      expect(m.run()).toBe(exits.EXIT_OUTSIDE);
      expect([m.address, told()]).toEqual([0x700000n, []]);
      m.exports.engine_outside!(LOG, 0x700000, at, GUEST + 0x6000 + 7, 0);
      expect(m.run()).toBe(exits.EXIT_HALT);
      const device = BigInt(DEVICE);
      expect([width, told()]).toEqual([
        width,
        [
          [device + 0xffen, 1n, 0n],
          [device + 0xfffn, 1n, 0n],
        ],
      ]);
    }
  });
  it("is left where a table of the guest's lies at a device, which is not told what was to be accessed", () => {
    put32(0x20000, 0x21000 | 3);
    put32(0x20000 + 4, DEVICE | 3);
    put32(0x21000 + (CODE >> 10), CODE | 3);
    m.exports.engine_outside!(LOG, 0, 0, 0, 0);
    // Paging with 2 levels; a write through a table that lies in the device
    put(CODE, "b800000200 0f22d8 0f20c0 0d00000080 0f22c0 a300004000 f4");
    const told = m.view.getUint32(LOG, true);
    expect(m.run()).toBe(exits.EXIT_OUTSIDE);
    expect([m.rip, m.address]).toEqual([BigInt(CODE + 19), BigInt(DEVICE)]);
    expect(m.view.getUint32(LOG, true)).toBe(told);
  });
  it("waits for a device that answers later", () => {
    m.exports.engine_outside!(LOG, 0, 0, 0, 1);
    put(CODE, "0303 f4");
    m.setReg(RBX, BigInt(DEVICE + 16));
    m.setReg(RAX, 1n);
    expect(m.run()).toBe(exits.EXIT_OUTSIDE);
    expect([m.rip, m.address, m.reg(RAX)]).toEqual([BigInt(CODE), BigInt(DEVICE + 16), 1n]);
    expect(m.run()).toBe(exits.EXIT_HALT);
    expect(m.reg(RAX)).toBe(0x55667789n);
  });
});
