/** The checker looks into the TLB of every pCPU while guests run. The tests plant entries that must not be there, and the checker must find them. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { TLB_ENTRIES, TLB_EXECUTE, TLB_READ, TLB_SPACES, TLB_WRITE } from "../../../core/machine/cpu/tlb_layout.ts";
import { PCPU_MAILBOX, PCPU_MAILBOX_SIZE, XEN_HEAP_START } from "../../../core/machine/layout.ts";
import { DEFAULT_BOOT_CONFIG } from "../../../core/toolstack/boot-config.ts";
import { PoweredHost } from "../../../core/toolstack/power.ts";
import { dist } from "../../dist.ts";

const root = path.resolve(import.meta.dirname, "../../..");
const PCPUS = 2;
const IPI_TLB_FLUSH = 4;
/** From memory/root.ts. */
const ROOT_TOTAL_FRAMES = XEN_HEAP_START;
const FRAME_TABLE = XEN_HEAP_START + 0x10000;
/** From sched/pcpu.ts: the address of pCPU 0's data, the bytes from one pCPU's data to the next, and where the address of its TLB stands in them. */
const PCPU_TABLE = XEN_HEAP_START + 0x2000;
const PCPU_SIZE = 0x400;
const PCPU_REGION = 0x68;

interface Entry {
  at: number;
  frame: number;
  owner: number;
}
interface Frame {
  mfn: number;
  owner: number;
  type: number;
  isFree: boolean;
  isXen: boolean;
  types: number;
  stamp: number;
}

let host: PoweredHost;
let view: DataView;
const domids: number[] = [];

beforeAll(async () => {
  const boot = { ...DEFAULT_BOOT_CONFIG, entries: [{ title: "All", cmdline: "dom0_mem=64M loglvl=all" }] };
  host = new PoweredHost({ memoryMiB: 512, pcpus: PCPUS, boot, imageFolder: dist });
  await host.start();
  const files = { "mini.elf": readFileSync(path.join(root, "assets/guests/mini.elf")) };
  for (const name of ["a", "b"]) {
    const config = `name = "${name}"\nkernel = "mini.elf"\nmemory = 32\n`;
    domids.push((await host.toolstack.request("create", { config, files })).domid);
  }
  view = new DataView(host.machine.memory.buffer);
}, 60_000);
afterAll(() => host.powerOff());

const check = () => host.toolstack.request("checkInvariants");

function frame(mfn: number): Frame {
  const at = FRAME_TABLE + mfn * 32;
  const flags = view.getUint16(at + 6, true);
  return {
    mfn,
    owner: view.getUint16(at + 4, true),
    isXen: (flags & 2) !== 0,
    isFree: (flags & 4) !== 0,
    types: view.getUint32(at + 8, true),
    type: view.getUint8(at + 12),
    stamp: view.getUint32(at + 24, true),
  };
}
function findFrame(wanted: (frame: Frame) => boolean): number {
  const frames = view.getUint32(ROOT_TOTAL_FRAMES, true);
  for (let mfn = FRAME_TABLE >> 12; mfn < frames; mfn++) if (wanted(frame(mfn))) return mfn;
  throw new Error("there is no such frame");
}

/**
 * Whether the frame is free and no frame of the block that it lies in was ever used. The block's first frame holds the block's order and a stamp
 * (memory/buddy.ts).
 */
function isUnused({ mfn, isFree }: Frame): boolean {
  for (let order = 0; isFree && order <= 18; order++) {
    const head = (mfn >> order) << order;
    const isHead = frame(head).isFree && view.getUint8(FRAME_TABLE + head * 32 + 30) === order;
    if (isHead) return frame(head).stamp === 0;
  }
  return false;
}

/** The entries that can still be hit: those of all pCPUs in a table, except pCPUs that flush before they execute again. */
function entries(table: number): Entry[] {
  const found: Entry[] = [];
  for (let id = 0; id < PCPUS; id++) {
    if (view.getUint32(PCPU_MAILBOX + id * PCPU_MAILBOX_SIZE, true) & IPI_TLB_FLUSH) continue;
    const region = view.getUint32(PCPU_TABLE + id * PCPU_SIZE + PCPU_REGION, true);
    const asids = new Set<number>();
    for (let slot = region + TLB_SPACES; slot < region + TLB_SPACES + 64 * 16; slot += 16)
      if (view.getBigUint64(slot, true)) asids.add(view.getUint32(slot + 8, true));
    for (let at = region + table; at < region + table + TLB_ENTRIES * 16; at += 16) {
      const tag = view.getUint32(at, true);
      if (!view.getBigUint64(at, true) || !asids.has(tag & 0xfff)) continue;
      const mfn = ((view.getUint32(at + 8, true) + tag) >>> 0) >>> 12;
      found.push({ at, frame: mfn, owner: frame(mfn).owner });
    }
  }
  return found;
}

/** Makes an entry lead to another frame at a moment when its guest does not run. Returns the checker's answer. */
async function checkWith(table: number, mfn: number): Promise<number> {
  const pause = async () => {
    for (const domid of domids) await host.toolstack.request("pause", { domid });
    return entries(table).find(({ owner }) => owner === domids[0]);
  };
  let entry = await pause();
  // The guest is given work until there is an entry.
  for (let tries = 0; !entry && tries < 100; tries++) {
    for (const domid of domids) await host.toolstack.request("unpause", { domid });
    await host.toolstack.request("consoleInput", { domid: domids[0]!, bytes: Buffer.from("help\r") });
    await new Promise((resolve) => setTimeout(resolve, 20));
    entry = await pause();
  }
  if (!entry) throw new Error("no pCPU has a translation of the guest");
  try {
    const addend = view.getUint32(entry.at + 8, true);
    view.setUint32(entry.at + 8, addend + (mfn - entry.frame) * 4096, true);
    const violations = await check();
    view.setUint32(entry.at + 8, addend, true);
    return violations;
  } finally {
    for (const domid of domids) await host.toolstack.request("unpause", { domid });
  }
}

it("finds nothing while guests run, again and again", async () => {
  for (let i = 0; i < 20; i++) expect(await check()).toBe(0);
}, 120_000);

it("finds translations for writing to page tables, of the guest's own too", async () => {
  for (const type of [1, 2, 3, 4]) {
    const table = findFrame((each) => each.owner === domids[0] && each.type === type && each.types > 0);
    expect(await checkWith(TLB_WRITE, table), `level ${type}`).toBe(1);
    expect(await checkWith(TLB_READ, table), `level ${type}`).toBe(0);
  }
});

it.each([
  ["writing", TLB_WRITE],
  ["reading", TLB_READ],
  ["executing", TLB_EXECUTE],
])("finds translations for %s to what is a stranger's, Xen's, or free", async (_, table) => {
  const own = findFrame((each) => each.owner === domids[0] && !each.isXen && each.type === 7);
  expect(await checkWith(table, own)).toBe(0);
  expect(
    await checkWith(
      table,
      findFrame((each) => each.owner === domids[1] && !each.isXen),
    ),
  ).toBe(1);
  expect(
    await checkWith(
      table,
      findFrame((each) => each.owner === 0 && !each.isXen && !each.isFree),
    ),
  ).toBe(1);
  expect(
    await checkWith(
      table,
      findFrame((each) => each.isXen && each.owner === 0x7ff2),
    ),
  ).toBe(1);
  // The frame was never used, so nobody flushes translations because of it.
  const free = findFrame(isUnused);
  expect(await checkWith(table, free)).toBe(1);
  expect(await check()).toBe(0);
});
