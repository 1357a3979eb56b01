/**
 * The invariant checker finds what is wrong. One word is spoiled in each structure that it looks at, and the checker must report it and name it.
 * After the repair it must find nothing wrong.
 */
import { beforeAll, expect, it } from "vitest";
import { VIRQ_DEBUG } from "../../../core/abi/xen.ts";
import {
  MEMORY_RESERVATION_DOMID,
  MEMORY_RESERVATION_EXTENT_START,
  MEMORY_RESERVATION_NR_EXTENTS,
  XENMEM_populate_physmap,
} from "../../../core/abi/memory.ts";
import { XEN_HEAP_START } from "../../../core/machine/layout.ts";
import { EventDomain, type EventCore } from "../event/host.ts";
import { DOM0, Host, PvDomain, SELF, dom0Page } from "./host.ts";

interface CheckedCore extends EventCore {
  checkInvariants(): number;
  queue(domid: number): void;
  unqueue(domid: number): void;
  pageListAt(domid: number): number;
  totPagesAt(domid: number): number;
  xenheapPagesAt(domid: number): number;
  claimAt(domid: number): number;
  p2mTablesAt(domid: number): number;
  p2mRootMfn(domid: number): number;
  leafAt(domid: number, gfn: bigint): number;
  m2pAt(mfn: number): number;
  mappedAt(domid: number): number;
  pinnedAt(domid: number): number;
  maptrackFreeAt(domid: number): number;
  trackAt(domid: number, handle: number): number;
  activeAt(domid: number, ref: number): number;
  portAt(domid: number, port: number): number;
  notifyVcpuAt(domid: number, port: number): number;
  remoteDomidAt(domid: number, port: number): number;
  remotePortAt(domid: number, port: number): number;
  virqAt(domid: number, port: number): number;
  lastQueueAt(domid: number, port: number): number;
  portsActiveAt(domid: number): number;
  nextFreePortAt(domid: number): number;
  fifoAt(domid: number): number;
  controlBlockAt(domid: number, vcpu: number): number;
  tailAt(domid: number, vcpu: number, priority: number): number;
  virqPortAt(domid: number, vcpu: number, virq: number): number;
  domainAt(domid: number): number;
  nrVcpusAt(domid: number): number;
  vcpuIdAt(domid: number, vcpu: number): number;
  vcpuInfoMfnAt(domid: number, vcpu: number): number;
  queuePrevAt(domid: number, vcpu: number): number;
  queueNextAt(domid: number, vcpu: number): number;
  onQueueAt(domid: number, vcpu: number): number;
  processorAt(domid: number, vcpu: number): number;
  priorityAt(domid: number, vcpu: number): number;
  queueLengthAt(): number;
  queueLastAt(): number;
}

/** Two PV domains: one grants a frame, and the other maps the grant. */
const GRANTER = 1;
const MAPPER = 2;
const PVH = 3;
/** Two native domains with event channels between them. One of them uses the FIFO ABI. */
const FIFO = 4;
const TWO_LEVEL = 5;
const HANDLE = 0;
const REF = 8;
/** From memory/root.ts. */
const ROOT_FREE_PAGES = XEN_HEAP_START + 12;
const ROOT_XENHEAP_PAGES = XEN_HEAP_START + 36;
const ROOT_CLAIMED_PAGES = XEN_HEAP_START + 40;
const ROOT_FREE_LISTS = XEN_HEAP_START + 0x100;
/** From memory/frames.ts: the words of a frame's entry. */
const FRAME_TABLE = XEN_HEAP_START + 0x10000;
const OWNER = 4;
const FLAGS = 6;
const TYPE_FLAGS = 13;
const NEXT = 16;
const PREV = 20;
const ORDER = 30;
const NO_FRAME = 0x7fffffff;
/** The order of half of the host's memory. No free block is that large. */
const LARGEST_ORDER = 13;

let host: Host;
let core: CheckedCore;
let granter: PvDomain;
let mapper: PvDomain;
/** Ports: the FIFO domain's end of a channel, its VIRQ and its IPI, and the two-level domain's end. */
let fifoEnd: number;
let virqPort: number;
let ipiPort: number;
let twoLevelEnd: number;

const info = (mfn: number): number => FRAME_TABLE + mfn * 32;
/** Returns the mfn at place `index` of the list whose head is at `head`. */
function listed(head: number, index: number): number {
  let mfn = host.get32(head);
  for (let i = 0; i < index && mfn; i++) mfn = host.get32(info(mfn) + NEXT);
  if (!mfn) throw new Error(`the list has no frame ${index}`);
  return mfn;
}
/** A place in the middle of the list of single free frames, because frames are taken at its head while the checker looks. */
const free = (index: number): number => info(listed(ROOT_FREE_LISTS, index));
const owned = (index: number): number => info(listed(core.pageListAt(GRANTER), index));
const entryOf = (domain: PvDomain, index: number): number => domain.entryAddress(index);

beforeAll(async () => {
  host = await Host.boot(64, "check-entry");
  core = host.core as CheckedCore;
  granter = new PvDomain(host, GRANTER, 40);
  mapper = new PvDomain(host, MAPPER, 40);
  // A mapped grant, in the page-table entry of the mapper's own frame 30.
  granter.grantOp(2, (at) => {
    host.set16(at, SELF);
    host.set32(at + 4, 1);
    host.set64(at + 16, granter.va(7));
  });
  const table = Number(host.get64(granter.address(7))) * 4096;
  host.set32(table + REF * 8 + 4, granter.mfns[20]!);
  host.set16(table + REF * 8 + 2, MAPPER);
  host.set16(table + REF * 8, 1);
  const map = mapper.grantOp(0, (at) => {
    host.set64(at, mapper.entryAddress(30));
    host.set32(at + 8, 2 | 16);
    host.set32(at + 12, REF);
    host.set16(at + 16, GRANTER);
  });
  expect(host.get16(map + 18)).toBe(0);
  expect(host.get32(map + 20)).toBe(HANDLE);
  // A PVH domain that has two frames.
  expect(core.makeDomain(PVH, 4, 64)).toBe(1);
  core.become(DOM0);
  for (const gfn of [0n, 1n]) {
    const at = dom0Page(host);
    host.bytes.fill(0, at, at + 256);
    host.set64(at + MEMORY_RESERVATION_EXTENT_START, at + 256);
    host.set64(at + MEMORY_RESERVATION_NR_EXTENTS, 1);
    host.set16(at + MEMORY_RESERVATION_DOMID, PVH);
    host.set64(at + 256, gfn);
    expect(core.doMemoryOp(BigInt(XENMEM_populate_physmap), BigInt(at))).toBe(1n);
  }
  const a = new EventDomain(host, FIFO);
  const b = new EventDomain(host, TWO_LEVEL);
  expect([a.initControl(1), a.expandArray(2)]).toEqual([0, 0]);
  twoLevelEnd = b.allocUnbound(SELF, FIFO);
  fifoEnd = a.bindInterdomain(TWO_LEVEL, twoLevelEnd);
  virqPort = a.bindVirq(VIRQ_DEBUG);
  ipiPort = a.bindIpi();
  expect(a.send(ipiPort)).toBe(0);
  core.queue(TWO_LEVEL);
  expect(core.claim(GRANTER, BigInt(core.totPages(GRANTER) + 16))).toBe(0);
  // Single free frames, each of which has a buddy that stays taken.
  const frames = Array.from({ length: 24 }, () => core.allocDomheapPages(0, DOM0));
  for (let i = 0; i < frames.length; i += 2) core.freeDomheapPages(BigInt(frames[i]!), 0, DOM0);
  expect(core.checkInvariants(), host.log()).toBe(0);
}, 120_000);

type Word = [what: string, bits: 8 | 16 | 32 | 64, at: () => number, spoil: (was: number) => number, said: string];
const plus =
  (by: number) =>
  (was: number): number =>
    was + by;
const be = (value: () => number) => (): number => value();

const words: Word[] = [
  // The lists of frames.
  [
    "a page list's link",
    32,
    () => owned(9) + NEXT,
    be(() => listed(core.pageListAt(GRANTER), 11)),
    "page list length d1",
  ],
  ["a page list's way back", 32, () => owned(9) + PREV, plus(1), "page list's way back d1"],
  ["a page list's end", 32, () => owned(9) + NEXT, () => NO_FRAME, "page list leaves memory d1"],
  [
    "a page list's circle",
    32,
    () => owned(9) + NEXT,
    be(() => listed(core.pageListAt(GRANTER), 3)),
    "page list length d1",
  ],
  ["a stranger in a page list", 32, () => owned(9) + NEXT, be(() => mapper.mfns[20]!), "page list has a stranger d1"],
  ["the head of a page list", 32, () => core.pageListAt(GRANTER), () => 0, "page list length d1"],
  ["the number of a domain's frames", 32, () => core.totPagesAt(GRANTER), plus(1), "frames owned d1"],
  ["the number of frames shared with it", 32, () => core.xenheapPagesAt(GRANTER), plus(1), "frames shared d1"],
  ["a frame's owner", 16, () => owned(9) + OWNER, () => MAPPER, "page list has a stranger d1"],
  ["a frame's flags", 16, () => owned(9) + FLAGS, () => 1 | 2, "page list has a frame that is Xen's d1"],
  ["the free list's link", 32, () => free(4) + NEXT, be(() => listed(ROOT_FREE_LISTS, 6)), "frames in free lists"],
  ["the free list's way back", 32, () => free(4) + PREV, plus(1), "free list's way back"],
  ["the free list's end", 32, () => free(4) + NEXT, () => NO_FRAME, "free list leaves memory"],
  ["the free list's circle", 32, () => free(6) + NEXT, be(() => listed(ROOT_FREE_LISTS, 4)), "free list's way back"],
  ["the order of a free block", 8, () => free(4) + ORDER, () => 3, "order of a free block"],
  [
    "a free block that is not aligned",
    32,
    () => ROOT_FREE_LISTS + 4 * LARGEST_ORDER,
    be(() => core.p2mRootMfn(PVH)),
    "free block not aligned",
  ],
  ["a free frame's flag", 16, () => free(4) + FLAGS, () => 0, "frame in a free block not free"],
  ["a free frame's references", 32, () => free(4), () => 1, "free frame has references"],
  ["the number of free frames", 32, () => ROOT_FREE_PAGES, plus(1), "free frames"],
  ["the size of the Xen heap", 32, () => ROOT_XENHEAP_PAGES, plus(1), "frames of the Xen heap"],
  ["the sum of claims", 32, () => ROOT_CLAIMED_PAGES, plus(1), "claims"],
  ["a claim", 32, () => core.claimAt(GRANTER), () => 0, "claims"],
  // References and page tables.
  ["a frame's references", 32, () => info(granter.mfns[25]!), plus(1), "references of"],
  ["a frame's type references", 32, () => info(granter.mfns[25]!) + 8, plus(1), "type references of"],
  ["a frame's type", 8, () => info(granter.mfns[25]!) + 12, () => 5, "type of a frame in use"],
  ["a table's pin", 8, () => info(granter.mfns[0]!) + TYPE_FLAGS, (was) => was & ~2, "references of"],
  ["a pin of nothing", 8, () => info(granter.mfns[25]!) + TYPE_FLAGS, (was) => was | 2, "references of"],
  ["a table's validation", 8, () => info(granter.mfns[3]!) + TYPE_FLAGS, (was) => was & ~1, "page table not validated"],
  [
    "an entry to another's frame",
    64,
    () => entryOf(mapper, 31),
    be(() => granter.mfns[25]! * 4096 + 7),
    "writable entries without a grant mapping for",
  ],
  [
    "the same, to read",
    64,
    () => entryOf(mapper, 31),
    be(() => granter.mfns[25]! * 4096 + 5),
    "entries without a grant mapping for",
  ],
  ["an entry to no frame", 64, () => entryOf(mapper, 31), () => NO_FRAME * 4096 + 7, "entry names no frame"],
  [
    "a granted entry that may write more",
    64,
    () => entryOf(mapper, 30),
    plus(4096),
    "entries without a grant mapping for",
  ],
  [
    "an entry to another's table",
    64,
    () => mapper.address(2) + 8 * 200,
    be(() => granter.mfns[3]! * 4096 + 7),
    "table of another domain in",
  ],
  ["a vCPU's info frame", 32, () => core.vcpuInfoMfnAt(GRANTER, 1), be(() => granter.mfns[25]!), "references of"],
  // A second stage, and what the M2P says about its frames.
  [
    "an M2P entry",
    64,
    () => core.m2pAt(core.leafAt(PVH, 1n) && Number((host.get64(core.leafAt(PVH, 1n)) >> 12n) & 0xffffffn)),
    () => 7,
    "second stage: M2P entry of",
  ],
  ["a second stage's frame", 64, () => core.leafAt(PVH, 1n), plus(4096), "second stage: "],
  [
    "a second stage to a stranger's frame",
    64,
    () => core.leafAt(PVH, 1n),
    (was) => (was % 4096) + granter.mfns[25]! * 4096,
    "second stage: owner of",
  ],
  ["a second stage's kind", 64, () => core.leafAt(PVH, 1n), plus(5 << 9), "second stage: kind of"],
  ["a second stage's kind left out", 64, () => core.leafAt(PVH, 1n), plus(-1 << 9), "second stage: kind of"],
  ["a second stage's table", 64, () => core.p2mRootMfn(PVH) * 4096, plus(2 ** 40), "second stage: no table of it"],
  ["the number of its tables", 32, () => core.p2mTablesAt(PVH), plus(1), "tables of the second stage"],
  // Grants.
  [
    "the free handles' head",
    32,
    () => core.maptrackFreeAt(MAPPER),
    () => HANDLE + 1,
    "used handle in the free list d2",
  ],
  ["a free handle's link", 32, () => core.trackAt(MAPPER, 7), plus(1), "handles d2"],
  ["the free handles' circle", 32, () => core.trackAt(MAPPER, 7), () => 4, "free handles d2"],
  ["a handle's flags", 16, () => core.trackAt(MAPPER, HANDLE) + 6, () => 0, "map tracks in use"],
  ["a handle that may only read", 16, () => core.trackAt(MAPPER, HANDLE) + 6, (was) => was | 4, "pins of d1 8"],
  ["a handle's granter", 16, () => core.trackAt(MAPPER, HANDLE) + 4, () => FIFO, "pins of d1 8"],
  ["a handle's reference", 32, () => core.trackAt(MAPPER, HANDLE), plus(1), "pins of d1 8"],
  [
    "a handle's reference, too large",
    32,
    () => core.trackAt(MAPPER, HANDLE),
    plus(1 << 20),
    "track of no reference d2",
  ],
  ["the number of handles in use", 32, () => core.mappedAt(MAPPER), plus(1), "map tracks in use"],
  ["a reference's pins", 32, () => core.activeAt(GRANTER, REF), plus(0x10000), "pins of d1 8"],
  [
    "who has a reference pinned",
    16,
    () => core.activeAt(GRANTER, REF) + 4,
    () => FIFO,
    "reference mapped by a stranger d1 8",
  ],
  ["a reference's frame", 32, () => core.activeAt(GRANTER, REF) + 8, plus(1), "entries without a grant mapping for"],
  ["the number of pinned references", 32, () => core.pinnedAt(GRANTER), plus(1), "pinned references d1"],
  // Event channels.
  ["a port's state", 32, () => core.portAt(FIFO, ipiPort), () => 0, "number of ports d4"],
  ["a state that there is not", 32, () => core.portAt(FIFO, ipiPort), () => 9, "unknown state d4"],
  ["a channel's state", 32, () => core.portAt(FIFO, fifoEnd), () => 2, "not paired d5"],
  ["the vCPU that is told", 32, () => core.notifyVcpuAt(FIFO, ipiPort), () => 77, "tells no vCPU d4"],
  ["a remote domain", 32, () => core.remoteDomidAt(FIFO, fifoEnd), () => 99, "bound to nothing d4"],
  ["a remote port", 32, () => core.remotePortAt(FIFO, fifoEnd), plus(1), "not paired d4"],
  ["a remote port beyond all", 32, () => core.remotePortAt(FIFO, fifoEnd), plus(1 << 20), "bound to nothing d4"],
  ["a VIRQ's number", 32, () => core.virqAt(FIFO, virqPort), plus(1), "VIRQ not noted d4"],
  ["a VIRQ's port", 32, () => core.virqPortAt(FIFO, 0, VIRQ_DEBUG), be(() => ipiPort), "VIRQ of no port d4"],
  ["a VIRQ's port forgotten", 32, () => core.virqPortAt(FIFO, 0, VIRQ_DEBUG), () => 0, "VIRQ not noted d4"],
  ["the number of ports", 32, () => core.portsActiveAt(FIFO), plus(1), "number of ports d4"],
  ["the first free port", 32, () => core.nextFreePortAt(FIFO), plus(1), "free port passed over d4"],
  ["a queue's tail", 32, () => core.tailAt(FIFO, 0, 7), be(() => virqPort), "tail of another queue d4"],
  ["a queue's tail beyond all", 32, () => core.tailAt(FIFO, 0, 7), () => 0x1ffff, "tail is no port d4"],
  [
    "the queue that a port was linked to",
    32,
    () => core.lastQueueAt(FIFO, ipiPort),
    plus(1),
    "tail of another queue d4",
  ],
  ["a control block", 32, () => core.controlBlockAt(FIFO, 0), () => 0, "queues without control block d4"],
  ["a domain's FIFO pages", 32, () => core.fifoAt(FIFO), () => 0, "queues without FIFO d4"],
  // Run queues, and the list of domains.
  ["a run queue's way back", 32, () => core.queuePrevAt(TWO_LEVEL, 1), () => 0, "queue links broken d5 1"],
  ["a run queue's link", 32, () => core.queueNextAt(TWO_LEVEL, 0), () => 0, "queue length of pCPU d0 0"],
  ["a run queue's end", 32, () => core.queueLastAt(), () => 0, "queue length of pCPU d0 0"],
  ["the length of a run queue", 32, () => core.queueLengthAt(), plus(1), "queue length of pCPU d0 0"],
  ["what is on a run queue", 32, () => core.onQueueAt(TWO_LEVEL, 1), () => 0, "queue links broken d5 1"],
  ["whose queue it is", 32, () => core.processorAt(TWO_LEVEL, 1), () => 1, "queued on another pCPU's queue d5 1"],
  ["a run queue's order", 32, () => core.priorityAt(TWO_LEVEL, 1), plus(1), "queue order d5 1"],
  ["the order of domains", 32, () => core.domainAt(TWO_LEVEL), () => 2, "domain list order d2"],
  ["the number of vCPUs", 32, () => core.nrVcpusAt(TWO_LEVEL), plus(1), "number of vCPUs d5"],
  ["a vCPU's number", 32, () => core.vcpuIdAt(TWO_LEVEL, 2), plus(1), "vCPU of another domain d5 2"],
];

const read = {
  8: (at: number) => host.bytes[at]!,
  16: (at: number) => host.get16(at),
  32: (at: number) => host.get32(at),
  64: (at: number) => Number(host.get64(at)),
};
function write(bits: 8 | 16 | 32 | 64, at: number, value: number): void {
  if (bits === 8) host.bytes[at] = value;
  else if (bits === 16) host.set16(at, value);
  else if (bits === 32) host.set32(at, value);
  else host.set64(at, BigInt(value));
}

it.each(words)("finds %s", (_, bits, where, spoil, said) => {
  core.become(DOM0);
  const at = where();
  const was = read[bits](at);
  const exact = bits === 64 ? host.get64(at) : 0n;
  const before = host.log().length;
  write(bits, at, spoil(was));
  try {
    expect(core.checkInvariants()).toBeGreaterThan(0);
    expect(host.log().slice(before)).toContain(said);
  } finally {
    if (bits === 64) host.set64(at, exact);
    else write(bits, at, was);
  }
  expect(core.checkInvariants(), host.log().slice(before)).toBe(0);
});
