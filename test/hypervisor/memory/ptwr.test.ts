import { beforeEach, expect, test } from "vitest";
import { type Core, Host, P, PvDomain, RW, US, dom0Page } from "./host.ts";

interface Engine extends Core {
  startEngine(): void;
  setGuest(domid: number, rip: bigint): void;
  setRegister(domid: number, index: number, value: bigint): void;
  getRegister(domid: number, index: number): bigint;
  getRip(domid: number): bigint;
  getFlagsOf(): bigint;
  getRetired(domid: number): bigint;
  setBreakpoint(domid: number, address: bigint): void;
  stepOrEmulate(domid: number): number;
}

const KERNEL = 1n << 52n;
const RAX = 0;
const RCX = 1;
const RSP = 4;
const RSI = 6;
const RDI = 7;
const CODE = 30;
const TABLE = 3;

let host: Host;
let engine: Engine;
let guest: PvDomain;
beforeEach(async () => {
  // It has all of ptwr-entry, and to compile the engine takes long enough once.
  host = await Host.boot(64, "downgrades-entry");
  engine = host.core as Engine;
  engine.startEngine();
  dom0Page(host);
  guest = new PvDomain(host, 1, 40);
});

/** Executes `code` with the linear address of frame 20's L1 entry in RDI, as the guest sees it. */
function execute(code: number[], rax: bigint): number {
  host.bytes.set(code, guest.address(CODE));
  guest.become();
  engine.setGuest(1, guest.va(CODE));
  engine.setRegister(1, RAX, rax);
  engine.setRegister(1, RDI, guest.va(TABLE) + 20n * 8n);
  return engine.stepOrEmulate(1);
}
const frame = (index: number): bigint => BigInt(guest.mfns[index]!) << 12n;
const entry = (): bigint => host.get64(guest.entryAddress(20));

test("a plain store to a page table becomes a checked update", () => {
  expect(execute([0x48, 0x89, 0x07], frame(21) | P | RW)).toBe(1);
  expect(entry() & ~0x60n).toBe(frame(21) | P | RW | US | KERNEL);
  expect(engine.getRip(1)).toBe(guest.va(CODE) + 3n);
  expect(host.core.pageTypeCount(guest.mfns[20]!)).toBe(0);
  expect(host.core.pageTypeCount(guest.mfns[21]!)).toBe(2);
  expect(host.core.checkMemory(), host.log()).toBe(0);
});

test("xchg returns the old entry", () => {
  const old = entry();
  expect(execute([0x48, 0x87, 0x07], 0n)).toBe(1);
  expect(entry()).toBe(0n);
  expect(engine.getRegister(1, RAX)).toBe(old);
  expect(host.core.checkMemory(), host.log()).toBe(0);
});

test("an entry that is not allowed: the instruction has not happened", () => {
  const old = entry();
  for (const bad of [frame(TABLE) | P | RW, (1n << 40n) | P, frame(20) | P | 0x10n]) {
    expect(execute([0x48, 0x87, 0x07], bad)).toBe(0);
    expect(entry()).toBe(old);
    expect(engine.getRegister(1, RAX)).toBe(bad);
    expect(engine.getRip(1)).toBe(guest.va(CODE));
  }
  expect(host.core.checkMemory(), host.log()).toBe(0);
});

test("a store across two entries, or to a table of another level, is not emulated", () => {
  const old = entry();
  host.bytes.set([0x48, 0x89, 0x47, 0x04], guest.address(CODE));
  guest.become();
  engine.setGuest(1, guest.va(CODE));
  engine.setRegister(1, RAX, 0x1234567812345678n);
  engine.setRegister(1, RDI, guest.va(TABLE) + 20n * 8n);
  expect(engine.stepOrEmulate(1)).toBe(0);
  expect(entry()).toBe(old);
  engine.setGuest(1, guest.va(CODE));
  engine.setRegister(1, RDI, guest.va(2) - 4n);
  expect(engine.stepOrEmulate(1)).toBe(0);
  expect(host.core.checkMemory(), host.log()).toBe(0);
});

test("a 32-bit store to half an entry", () => {
  // Clears the low half of the entry, and with it the present bit.
  expect(execute([0x89, 0x07], 0n)).toBe(1);
  expect(entry() & P).toBe(0n);
  expect(host.core.pageTypeCount(guest.mfns[20]!)).toBe(0);
  expect(host.core.checkMemory(), host.log()).toBe(0);
});

test("a repeated store is one checked update for each element, however many there are", () => {
  const count = 1n << 40n;
  host.bytes.set([0xf3, 0x48, 0xab], guest.address(CODE));
  guest.become();
  engine.setGuest(1, guest.va(CODE));
  engine.setRegister(1, RAX, 0n);
  engine.setRegister(1, RCX, count);
  engine.setRegister(1, RDI, guest.va(TABLE) + 20n * 8n);
  for (const done of [1n, 2n]) {
    const next = host.get64(guest.entryAddress(20 + Number(done)));
    expect(engine.stepOrEmulate(1)).toBe(1);
    expect(engine.getRip(1)).toBe(guest.va(CODE));
    expect(engine.getRegister(1, RCX)).toBe(count - done);
    expect(engine.getRegister(1, RDI)).toBe(guest.va(TABLE) + (20n + done) * 8n);
    expect(host.get64(guest.entryAddress(19 + Number(done)))).toBe(0n);
    expect(host.get64(guest.entryAddress(20 + Number(done)))).toBe(next);
  }
  expect(host.core.checkMemory(), host.log()).toBe(0);
});

/** Instructions that write to the entry at [RDI], and what kernels do with them. RAX has `rax`, RCX `rcx`. */
const STORES: [name: string, code: number[], rax: (old: bigint) => bigint, rcx: (old: bigint) => bigint][] = [
  ["mov m64, r64", [0x48, 0x89, 0x07], () => frame(21) | P | RW, () => 0n],
  ["mov m64, imm32", [0x48, 0xc7, 0x07, 0, 0, 0, 0], () => 0n, () => 0n],
  ["mov m32, r32", [0x89, 0x07], (old) => old & ~RW, () => 0n],
  ["mov m16, r16", [0x66, 0x89, 0x07], (old) => old & ~RW, () => 0n],
  ["mov m8, r8", [0x88, 0x07], (old) => old & ~RW, () => 0n],
  ["mov m8 of the next byte, ah", [0x88, 0x67, 0x01], (old) => old | 0xe00n, () => 0n],
  ["movbe m64, r64", [0x48, 0x0f, 0x38, 0xf1, 0x07], () => 0n, () => 0n],
  ["xchg m64, r64", [0x48, 0x87, 0x07], () => 0n, () => 0n],
  ["xchg m32, r32", [0x87, 0x07], () => 0n, () => 0n],
  ["lock cmpxchg m64, equal", [0xf0, 0x48, 0x0f, 0xb1, 0x0f], (old) => old, (old) => old & ~RW],
  ["lock cmpxchg m64, not equal", [0xf0, 0x48, 0x0f, 0xb1, 0x0f], () => 5n, (old) => old & ~RW],
  ["cmpxchg m64, equal", [0x48, 0x0f, 0xb1, 0x0f], (old) => old, () => 0n],
  ["lock and m8, imm8", [0xf0, 0x80, 0x27, 0xfd], () => 7n, () => 0n],
  ["and m8, imm8", [0x80, 0x27, 0xfd], () => 7n, () => 0n],
  ["and m64, r64", [0x48, 0x21, 0x07], () => ~RW & 0xffffffffffffffffn, () => 0n],
  ["lock or m8, imm8", [0xf0, 0x80, 0x4f, 0x01, 0x02], () => 7n, () => 0n],
  ["lock btr m64, imm8", [0xf0, 0x48, 0x0f, 0xba, 0x37, 0x01], () => 7n, () => 0n],
  ["lock btr m64, imm8, of a clear bit", [0xf0, 0x48, 0x0f, 0xba, 0x37, 0x0b], () => 7n, () => 0n],
  ["btr m64, r64", [0x48, 0x0f, 0xb3, 0x0f], () => 7n, () => 1n],
  ["btr m64, r64, of the next entry", [0x48, 0x0f, 0xb3, 0x0f], () => 7n, () => 65n],
  ["lock xadd m64, r64", [0xf0, 0x48, 0x0f, 0xc1, 0x07], () => 0x200n, () => 0n],
  ["sub m64, r64", [0x48, 0x29, 0x07], () => 2n, () => 0n],
  ["adc m32, imm8", [0x83, 0x17, 0x00], () => 2n, () => 0n],
  ["not m64", [0x48, 0xf7, 0x17], () => 2n, () => 0n],
  ["inc m64", [0x48, 0xff, 0x07], () => 2n, () => 0n],
  ["add m64, r64, to what is no frame", [0x48, 0x01, 0x07], () => 1n << 45n, () => 0n],
  ["pop m64", [0x8f, 0x07], () => 2n, () => 0n],
  ["movsq", [0x48, 0xa5], () => 2n, () => 0n],
  ["mov of half of it and half of the next", [0x48, 0x89, 0x47, 0x04], () => 0x1234n, () => 0n],
];

test.each(STORES)("%s does the same executed on a copy of the entry and on one of the page", (_, code, rax, rcx) => {
  const old = entry();
  const next = host.get64(guest.entryAddress(21));
  const answers = [0n, 0x1000n].map((breakpoint) => {
    host.bytes.set(code, guest.address(CODE));
    guest.become();
    expect(guest.mmuUpdate(guest.entryAddress(20), old)).toBe(0n);
    expect(guest.mmuUpdate(guest.entryAddress(21), next)).toBe(0n);
    engine.setGuest(1, guest.va(CODE));
    // With a breakpoint set, whatever its address, the instruction is executed alone.
    engine.setBreakpoint(1, breakpoint);
    for (let n = 0; n < 16; n++) engine.setRegister(1, n, BigInt(n));
    engine.setRegister(1, RAX, rax(old));
    engine.setRegister(1, RCX, rcx(old));
    engine.setRegister(1, RSP, guest.va(CODE) + 0x100n);
    engine.setRegister(1, RSI, guest.va(CODE) + 0x100n);
    engine.setRegister(1, RDI, guest.va(TABLE) + 20n * 8n);
    const retired = engine.getRetired(1);
    const taken = engine.stepOrEmulate(1);
    return {
      taken,
      entry: entry() & ~0x60n,
      next: host.get64(guest.entryAddress(21)) & ~0x60n,
      registers: Array.from({ length: 16 }, (_, n) => engine.getRegister(1, n)),
      rip: engine.getRip(1),
      flags: engine.getFlagsOf(),
      retired: engine.getRetired(1) - retired,
    };
  });
  expect(answers[0]).toEqual(answers[1]);
  expect(host.core.checkMemory(), host.log()).toBe(0);
});
