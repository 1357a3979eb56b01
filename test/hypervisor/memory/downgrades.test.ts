/**
 * A guest's flush forgets what its page tables no longer allow, and nothing else: see core/hypervisor/memory/downgrades.ts. Here several address spaces
 * share some tables and not others; tables are changed at every level, by the guest and by dom0; and after each flush every address is compared with
 * what the tables say.
 */
import { beforeEach, expect, test } from "vitest";
import {
  MMUEXT_NEW_BASEPTR,
  MMUEXT_NEW_USER_BASEPTR,
  MMUEXT_PIN_L1_TABLE,
  MMUEXT_PIN_L4_TABLE,
  MMUEXT_TLB_FLUSH_LOCAL,
  MMUEXT_UNPIN_TABLE,
} from "../../../core/abi/xen.ts";
import { seeded } from "../../random.ts";
import { type Core, DOM0, Host, P, PvDomain, RW, US, dom0Page } from "./host.ts";

interface Engine extends Core {
  startEngine(): void;
  setGuest(domid: number, rip: bigint): void;
  readAt(va: bigint): bigint;
  writeAt(va: bigint, value: bigint): number;
  fetchAt(va: bigint): number;
  relianceEpoch(): bigint;
  setUserMode(domid: number, user: number): void;
  leaveAnnounced(domid: number): void;
  endAnnounced(): void;
  comeToPcpu(domid: number): void;
  flushTlb(): void;
}

const FAULTED = 0x0a017ed000000000n;
const A = 0x20n;
const D = 0x40n;
const NX = 1n << 63n;
const FRAME = 0x000ffffffffff000n;
const GUEST = 1;

/** Frames of the domain: its first tables, arguments, and then these. */
const ROOTS = [40, 41, 42];
const L3S = [43, 44, 45, 46];
const L2S = [47, 48, 49];
/** The first three are mapped by L2 entries of one place in the TLB, the others by those of another. */
const L1S = [50, 51, 52, 53, 54, 55];
const DATA = [60, 61, 62, 63, 64, 65, 66, 67];
const PAGES = 70;

const SLOTS = [1n, 272n, 273n];
/** 0 and 8 have the same place in the TLB, 1 and 17 too. */
const L2_INDICES = [0n, 1n, 8n, 17n];
const L1_INDICES = [0n, 5n];
const canonical = (va: bigint): bigint => (va >> 47n ? va | 0xffff000000000000n : va);
const address = (slot: bigint, l2: bigint, l1: bigint): bigint => canonical((slot << 39n) | (l2 << 21n) | (l1 << 12n));
const ADDRESSES = SLOTS.flatMap((slot) => L2_INDICES.flatMap((l2) => L1_INDICES.map((l1) => address(slot, l2, l1))));

let host: Host;
let engine: Engine;
let guest: PvDomain;
const mfn = (index: number): bigint => BigInt(guest.mfns[index]!);
const entryTo = (index: number, flags = P | RW | US): bigint => (mfn(index) << 12n) | flags;
const at = (table: number, index: bigint | number): number => guest.address(table) + Number(index) * 8;

beforeEach(async () => {
  host = await Host.boot(64, "downgrades-entry");
  engine = host.core as Engine;
  engine.startEngine();
  dom0Page(host);
  guest = new PvDomain(host, GUEST, PAGES);
  // The linear addresses of the arguments stay the same in every address space; no table may be mapped writable.
  for (const table of [...ROOTS, ...L3S, ...L2S, ...L1S])
    expect(guest.mmuUpdate(guest.entryAddress(table), entryTo(table, P | US))).toBe(0n);
  for (const [n, frame] of DATA.entries()) host.set64(guest.address(frame), BigInt(n + 1));
  for (const l1 of L1S) pin(l1, 1);
  for (const l2 of L2S) pin(l2, 2);
  for (const l3 of L3S) pin(l3, 3);
  for (const root of ROOTS) {
    host.set64(at(root, 0), entryTo(1));
    pin(root, 4);
  }
  engine.setGuest(GUEST, 0n);
  load(ROOTS[0]!);
});

const pin = (table: number, level: number): void => guest.pin(table, MMUEXT_PIN_L1_TABLE + level - 1);
function load(root: number): void {
  expect(guest.mmuext(MMUEXT_NEW_BASEPTR, mfn(root))).toBe(0n);
}
function set(table: number, index: bigint | number, entry: bigint): bigint {
  return guest.mmuUpdate(at(table, index), entry);
}
/** The same change, made by another domain's vCPU. */
function setFromOutside(table: number, index: bigint | number, entry: bigint): bigint {
  const page = dom0Page(host);
  engine.become(DOM0);
  host.set64(page, at(table, index));
  host.set64(page + 8, entry);
  const result = engine.doMmuUpdate(BigInt(page), 1, 0n, GUEST | ((GUEST + 1) << 16));
  guest.become();
  return result;
}
const flush = (): void => void expect(guest.mmuext(MMUEXT_TLB_FLUSH_LOCAL)).toBe(0n);

/** What the tables under `root` say of an address: the entry that maps it and where it is, and whether the way to it allows writing. */
function walk(root: number, va: bigint): { entry: bigint; at: number; rw: boolean; nx: boolean } | null {
  let table = guest.address(root);
  let rw = true;
  let nx = false;
  for (let level = 4; ; level--) {
    const place = table + Number((va >> BigInt(12 + 9 * (level - 1))) & 511n) * 8;
    const entry = host.get64(place);
    if (!(entry & P)) return null;
    rw &&= (entry & RW) !== 0n;
    nx ||= (entry & NX) !== 0n;
    if (level === 1) return { entry, at: place, rw, nx };
    table = Number(entry & FRAME);
  }
}

/** Compares reads, instruction fetches and writes at every address with the tables. */
function compare(root: number, what: string): void {
  for (const va of ADDRESSES) {
    const found = walk(root, va);
    const where = `${what}: ${va.toString(16)}`;
    if (!found) {
      expect(engine.readAt(va), where).toBe(FAULTED);
      expect(engine.fetchAt(va), where).toBe(0);
      expect(engine.writeAt(va, 0n), where).toBe(0);
      continue;
    }
    const frame = Number(found.entry & FRAME);
    const value = host.get64(frame);
    expect(engine.readAt(va), where).toBe(value);
    expect(host.get64(found.at) & A, `${where} accessed`).toBe(A);
    expect(engine.fetchAt(va), where).toBe(found.nx ? 0 : frame);
    expect(engine.writeAt(va, value), where).toBe(found.rw ? 1 : 0);
    if (found.rw) expect(host.get64(found.at) & D, `${where} dirty`).toBe(D);
  }
}

const isFirstPlace = (l2Index: bigint): boolean => (l2Index & 7n) === 0n;

/** Maps frame `data` at all of a slot's addresses, by the tables with number `n` of each level. */
function mapSlot(root: number, slot: bigint, n: 0 | 1 | 2, data: number): void {
  const l3 = L3S[n]!;
  const l2 = L2S[n]!;
  for (const l1 of [L1S[n]!, L1S[n + 3]!])
    for (const index of L1_INDICES) expect(set(l1, index, entryTo(data))).toBe(0n);
  for (const index of L2_INDICES) expect(set(l2, index, entryTo(L1S[isFirstPlace(index) ? n : n + 3]!))).toBe(0n);
  expect(set(l3, 0, entryTo(l2))).toBe(0n);
  expect(set(root, slot, entryTo(l3))).toBe(0n);
}
const KERNEL = address(272n, 0n, 0n);
const USER = address(1n, 0n, 0n);

/** Two address spaces with the same kernel half, and with user halves of their own. */
function twoSpaces(): void {
  mapSlot(ROOTS[0]!, 272n, 0, DATA[0]!);
  expect(set(ROOTS[1]!, 272n, entryTo(L3S[0]!))).toBe(0n);
  mapSlot(ROOTS[0]!, 1n, 1, DATA[1]!);
  mapSlot(ROOTS[1]!, 1n, 2, DATA[2]!);
  flush();
}

test("translations of the kernel's half stay over a change of address spaces with the same one", () => {
  twoSpaces();
  expect(engine.readAt(KERNEL)).toBe(1n);
  expect(engine.fetchAt(KERNEL)).toBe(guest.address(DATA[0]!));
  const epoch = engine.relianceEpoch();
  // The entry is changed behind the hypervisor's back, so only a translation that was kept leads to the old frame.
  const place = at(L1S[0]!, 0);
  const entry = host.get64(place);
  host.set64(place, entryTo(DATA[5]!, P | RW | US | A | D));
  for (const root of [ROOTS[1]!, ROOTS[0]!, ROOTS[1]!]) {
    load(root);
    expect(engine.readAt(KERNEL)).toBe(1n);
    expect(engine.relianceEpoch()).toBe(epoch);
  }
  flush();
  expect(engine.readAt(KERNEL)).toBe(1n);
  host.set64(place, entry);
});

test("the users' halves are each address space's own", () => {
  twoSpaces();
  for (let n = 0; n < 5; n++) {
    load(ROOTS[n & 1]!);
    expect(engine.fetchAt(USER)).toBe(guest.address(DATA[1 + (n & 1)]!));
    compare(ROOTS[n & 1]!, `turn ${n}`);
  }
});

test("kernels' halves that differ in a slot are each address space's own", () => {
  twoSpaces();
  expect(set(ROOTS[0]!, 273n, entryTo(L3S[0]!))).toBe(0n);
  expect(set(ROOTS[1]!, 273n, entryTo(L3S[1]!))).toBe(0n);
  for (let n = 0; n < 5; n++) {
    load(ROOTS[n & 1]!);
    compare(ROOTS[n & 1]!, `turn ${n}`);
  }
});

test.each([
  ["the guest itself", set],
  ["another domain", setFromOutside],
])("a slot, an L3, an L2 and an L1 entry of the kernel's half that %s takes away or changes", (_, change) => {
  for (const [table, index, other] of [
    [ROOTS[0]!, 272, L3S[1]!],
    [L3S[0]!, 0, L2S[1]!],
    [L2S[0]!, 0, L1S[1]!],
    [L1S[0]!, 0, DATA[4]!],
  ] as const) {
    for (const entry of [0n, entryTo(other), entryTo(other, P | US), entryTo(other, P | RW | US | NX)]) {
      twoSpaces();
      load(ROOTS[0]!);
      compare(ROOTS[0]!, "before");
      expect(change(table, index, entry)).toBe(0n);
      flush();
      compare(ROOTS[0]!, `flush after ${index} = ${entry.toString(16)}`);
      twoSpaces();
      load(ROOTS[0]!);
      compare(ROOTS[0]!, "before");
      expect(change(table, index, entry)).toBe(0n);
      load(ROOTS[1]!);
      compare(ROOTS[1]!, `other space after ${index} = ${entry.toString(16)}`);
      load(ROOTS[0]!);
      compare(ROOTS[0]!, `and back after ${index} = ${entry.toString(16)}`);
    }
  }
  expect(engine.checkMemory(), host.log()).toBe(0);
});

test("a user's address space that is given up, filled anew and pinned again", () => {
  twoSpaces();
  const user = ROOTS[2]!;
  const other = L3S[2]!;
  expect(set(user, 1, entryTo(L3S[1]!))).toBe(0n);
  flush();
  for (const l3 of [other, L3S[1]!, other]) {
    expect(guest.mmuext(MMUEXT_NEW_USER_BASEPTR, mfn(user))).toBe(0n);
    engine.setUserMode(GUEST, 1);
    compare(user, "user mode before");
    engine.setUserMode(GUEST, 0);
    engine.readAt(KERNEL);
    expect(guest.mmuext(MMUEXT_NEW_USER_BASEPTR, 0n)).toBe(0n);
    expect(guest.mmuext(MMUEXT_UNPIN_TABLE, mfn(user))).toBe(0n);
    host.set64(at(user, 1), entryTo(l3));
    pin(user, 4);
    expect(guest.mmuext(MMUEXT_NEW_USER_BASEPTR, mfn(user))).toBe(0n);
    engine.setUserMode(GUEST, 1);
    compare(user, "user mode after");
    engine.setUserMode(GUEST, 0);
    expect(guest.mmuext(MMUEXT_NEW_USER_BASEPTR, 0n)).toBe(0n);
  }
});

test("a kernel's address space that is given up, filled anew and pinned again", () => {
  twoSpaces();
  compare(ROOTS[0]!, "before");
  load(ROOTS[1]!);
  compare(ROOTS[1]!, "meanwhile");
  expect(guest.mmuext(MMUEXT_UNPIN_TABLE, mfn(ROOTS[0]!))).toBe(0n);
  host.set64(at(ROOTS[0]!, 1), entryTo(L3S[2]!));
  host.set64(at(ROOTS[0]!, 272), 0n);
  pin(ROOTS[0]!, 4);
  load(ROOTS[0]!);
  compare(ROOTS[0]!, "after");
});

test("a table of the kernel's half that is taken out, becomes data, and is a table again elsewhere", () => {
  twoSpaces();
  load(ROOTS[0]!);
  compare(ROOTS[0]!, "before");
  expect(set(L2S[0]!, 0, 0n)).toBe(0n);
  for (const index of [1, 8, 17]) expect(set(L2S[0]!, index, 0n)).toBe(0n);
  expect(guest.mmuext(MMUEXT_UNPIN_TABLE, mfn(L1S[0]!))).toBe(0n);
  host.set64(at(L1S[0]!, 0), entryTo(DATA[6]!));
  pin(L1S[0]!, 1);
  expect(set(L2S[0]!, 17, entryTo(L1S[0]!))).toBe(0n);
  flush();
  compare(ROOTS[0]!, "after");
  // Now that only one entry maps it, its place is known again.
  expect(set(L1S[0]!, 0, entryTo(DATA[7]!))).toBe(0n);
  flush();
  compare(ROOTS[0]!, "changed");
});

test("accessed and dirty bits that a guest clears are set again after its flush", () => {
  twoSpaces();
  for (let n = 0; n < 3; n++) {
    compare(ROOTS[0]!, "before");
    expect(
      set(L1S[0]!, 0, entryTo(DATA[0]!, n === 0 ? P | RW | US : n === 1 ? P | RW | US | A : P | RW | US | D)),
    ).toBe(0n);
    flush();
    compare(ROOTS[0]!, "after");
  }
});

test("more is taken back than the log holds", () => {
  twoSpaces();
  compare(ROOTS[0]!, "before");
  expect(set(L1S[0]!, 5, entryTo(DATA[3]!))).toBe(0n);
  for (let n = 0; n < 600; n++) {
    engine.readAt(KERNEL);
    expect(set(L1S[0]!, 0, entryTo(DATA[n % 8]!, P | US | A))).toBe(0n);
  }
  flush();
  compare(ROOTS[0]!, "after");
});

test("a linear page table, through which tables are seen at addresses that no L1 table knows", () => {
  twoSpaces();
  // Slot 273 shows the tables below: the L4 is its own L3, so L3s are seen as L2s, and L1s as pages.
  expect(set(ROOTS[0]!, 273, entryTo(ROOTS[0]!, P | US))).toBe(0n);
  const seen = canonical((273n << 39n) | (272n << 30n));
  expect(engine.readAt(seen)).toBe(host.get64(at(L1S[0]!, 0)));
  expect(set(L2S[0]!, 0, entryTo(L1S[1]!))).toBe(0n);
  flush();
  expect(engine.readAt(seen)).toBe(host.get64(at(L1S[1]!, 0)));
});

test("while somebody is between announcing and recording, a flush is one of everything, and his change is followed later", () => {
  twoSpaces();
  expect(engine.readAt(KERNEL)).toBe(1n);
  const place = at(L1S[0]!, 0);
  engine.leaveAnnounced(GUEST);
  host.set64(place, entryTo(DATA[5]!, P | RW | US | A | D));
  flush();
  expect(engine.readAt(KERNEL)).toBe(6n);
  engine.endAnnounced();
  expect(set(L1S[0]!, 0, entryTo(DATA[4]!))).toBe(0n);
  flush();
  expect(engine.readAt(KERNEL)).toBe(5n);
  // The same while it comes to a pCPU.
  engine.leaveAnnounced(GUEST);
  engine.comeToPcpu(GUEST);
  engine.endAnnounced();
  host.set64(place, entryTo(DATA[3]!, P | RW | US | A | D));
  flush();
  expect(engine.readAt(KERNEL)).toBe(4n);
});

/** A random change at one of the levels. `mixes`: an L1 table may come to any place. Returns a description. */
function changeSomething(next: () => number, mixes: boolean): string {
  const any = <T>(of: readonly T[]): T => of[next() % of.length]!;
  const level = 1 + (next() % 4);
  const table = any([L1S, L2S, L3S, ROOTS][level - 1]!);
  const index = any([L1_INDICES, L2_INDICES, [0n], SLOTS][level - 1]!);
  const l1s = mixes && next() % 50 === 0 ? L1S : isFirstPlace(index) ? L1S.slice(0, 3) : L1S.slice(3);
  const below = any([DATA, l1s, L2S, L3S][level - 1]!);
  const flags = P | US | any([0n, RW, RW]) | any([0n, A, A | D]) | any([0n, 0n, 0n, NX]);
  const entry = next() % 4 === 0 ? 0n : entryTo(below, flags);
  const outside = next() % 3 === 0;
  const result = (outside ? setFromOutside : set)(table, index, entry);
  return `L${level} ${table}[${index}] = ${entry.toString(16)}${outside ? " from outside" : ""}: ${result}`;
}

test.each([1, 2, 3, 4, 5, 6])(
  "after whatever changes at all levels every flush leaves what the tables say, seed %i",
  (seed) => {
    const numbers = seeded(seed);
    const next = (): number => Math.floor(numbers() * 2 ** 30);
    let root = ROOTS[0]!;
    twoSpaces();
    load(root);
    let story: string[] = [];
    for (let round = 0; round < 1000; round++) {
      for (let n = next() % 6; n > 0; n--) story.push(changeSomething(next, seed % 2 === 0));
      for (let n = next() % 8; n > 0; n--) {
        const va = ADDRESSES[next() % ADDRESSES.length]!;
        if (next() % 3) engine.readAt(va);
        else if (next() % 2) engine.fetchAt(va);
        else engine.writeAt(va, engine.readAt(va));
      }
      const other = ROOTS[next() % ROOTS.length]!;
      const kind = next() % 6;
      if (kind === 0) {
        flush();
        story.push("flush");
      } else if (kind === 1 && other !== root) {
        // A root that nobody uses is unpinned, and pinned again with another slot.
        expect(guest.mmuext(MMUEXT_NEW_USER_BASEPTR, 0n)).toBe(0n);
        expect(guest.mmuext(MMUEXT_UNPIN_TABLE, mfn(other))).toBe(0n);
        const slot = SLOTS[next() % SLOTS.length]!;
        host.set64(at(other, slot), next() % 3 ? entryTo(L3S[next() % L3S.length]!) : 0n);
        guest.pin(other, MMUEXT_PIN_L4_TABLE);
        story.push(`root ${other} again`);
        continue;
      } else if (kind === 2) {
        expect(guest.mmuext(MMUEXT_NEW_USER_BASEPTR, mfn(other))).toBe(0n);
        flush();
        engine.setUserMode(GUEST, 1);
        compare(other, `${story.slice(-12).join("\n")}\nuser mode of ${other}`);
        engine.setUserMode(GUEST, 0);
      } else if (kind === 3) {
        engine.comeToPcpu(GUEST);
        engine.flushTlb();
      } else {
        load(other);
        root = other;
        story.push(`load ${other}`);
      }
      compare(root, story.slice(-12).join("\n"));
    }
    story = [];
    expect(engine.checkMemory(), host.log()).toBe(0);
  },
);
