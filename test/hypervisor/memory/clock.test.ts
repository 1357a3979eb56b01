/** The TLB clock (memory/tlb.ts) when its low half wraps: whoever takes a frame again must flush first, however long ago it was freed. */
import { expect, it } from "vitest";
import { PCPU_MAILBOX, PCPU_MAILBOX_SIZE, XEN_HEAP_START } from "../../../core/machine/layout.ts";
import { Host } from "./host.ts";

/** From memory/root.ts. */
const ROOT_TLB_CLOCK = XEN_HEAP_START + 56;
const ROOT_TLB_FLUSHED = XEN_HEAP_START + 64;
const IPI_TLB_FLUSH = 4;
const DOMID = 1;
/** A second pCPU that never runs a guest. The bit in its mailbox shows that it was told to flush. */
const OTHER_MAILBOX = PCPU_MAILBOX + PCPU_MAILBOX_SIZE;

async function hostAt(clock: bigint) {
  const host = await Host.boot(64);
  host.core.makeDomain(DOMID, 0, 0x1000);
  host.core.setPcpus(2);
  host.set64(ROOT_TLB_CLOCK, clock);
  host.set64(ROOT_TLB_FLUSHED, clock);
  const take = () => host.core.allocDomheapPages(0, DOMID);
  const wasFlushed = () => {
    const bits = host.get32(OTHER_MAILBOX);
    host.set32(OTHER_MAILBOX, 0);
    return (bits & IPI_TLB_FLUSH) !== 0;
  };
  // The odd frame of each pair stays taken, so that the even one cannot join it and is given out again alone.
  const pair = () => {
    for (;;) {
      const mfn = take();
      if (mfn % 2 === 0 && take() === mfn + 1) return mfn;
    }
  };
  return { host, take, wasFlushed, pair };
}

const STARTS = [1n, 2n ** 31n - 3n, 2n ** 32n - 4n, 2n ** 32n - 1n, 2n ** 33n - 2n, 2n ** 48n - 2n];

it.each(STARTS)("flushes before a frame is used again, from %d on", async (clock) => {
  const { host, take, wasFlushed, pair } = await hostAt(clock);
  const mfn = pair();
  wasFlushed();
  for (let round = 0; round < 8; round++) {
    host.bytes.fill(0xaa, mfn * 4096, (mfn + 1) * 4096);
    host.core.freeDomheapPages(BigInt(mfn), 0, DOMID);
    expect(take()).toBe(mfn);
    expect(wasFlushed(), `round ${round}`).toBe(true);
    expect(host.bytes.subarray(mfn * 4096, (mfn + 1) * 4096).every((byte) => byte === 0)).toBe(true);
  }
  expect(host.core.checkMemory()).toBe(0);
});

it.each(STARTS)("does not flush for a frame that was given up before the last flush, from %d on", async (clock) => {
  const { host, take, wasFlushed, pair } = await hostAt(clock);
  const [early, late] = [pair(), pair()];
  host.core.freeDomheapPages(BigInt(early), 0, DOMID);
  host.core.freeDomheapPages(BigInt(late), 0, DOMID);
  expect(take()).toBe(late);
  expect(wasFlushed()).toBe(true);
  expect(take()).toBe(early);
  expect(wasFlushed()).toBe(false);
});

it("flushes for a frame that lay unused while the low half went round", async () => {
  const { host, take, wasFlushed, pair } = await hostAt(10n);
  const mfn = pair();
  host.core.freeDomheapPages(BigInt(mfn), 0, DOMID);
  host.set64(ROOT_TLB_CLOCK, 2n ** 32n + 5n);
  host.set64(ROOT_TLB_FLUSHED, 9n);
  expect(take()).toBe(mfn);
  expect(wasFlushed()).toBe(true);
});
