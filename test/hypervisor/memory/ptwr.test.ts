import { beforeEach, expect, test } from "vitest";
import { type Core, Host, P, PvDomain, RW, US, dom0Page } from "./host.ts";

interface Engine extends Core {
  startEngine(): void;
  setGuest(domid: number, rip: bigint): void;
  setRegister(domid: number, index: number, value: bigint): void;
  getRegister(domid: number, index: number): bigint;
  getRip(domid: number): bigint;
  stepOrEmulate(domid: number): number;
}

const KERNEL = 1n << 52n;
const RAX = 0;
const RCX = 1;
const RDI = 7;
const CODE = 30;
const TABLE = 3;

let host: Host;
let engine: Engine;
let guest: PvDomain;
beforeEach(async () => {
  host = await Host.boot(64, "ptwr-entry");
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
