/** Translations that outlive their cause would lead to every frame of the machine. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { XEN_HEAP_START } from "../../../core/machine/layout.ts";
import { Arena, compiler } from "./arena.ts";

/** memory/root.ts: the clock of TLB flushes. */
const ROOT_TLB_CLOCK = XEN_HEAP_START + 56;

describe.skipIf(!compiler)("a guest and its stale translations (needs gcc, make)", () => {
  let arena: Arena;
  beforeAll(async () => (arena = await Arena.open({ memoryMiB: 256 })), 60_000);
  afterAll(() => arena?.close());

  it("writes a page table through one, and through that all memory", async () => {
    const domid = await arena.attack("own", { memoryMiB: 32, options: "frames=65536" });
    // If there is no stale translation the write faults, and the guest ends.
    expect(await arena.ended(domid)).toBe("");
    expect(arena.text(domid)).toContain("pin 0, hook 0");
    expect(arena.text(domid)).toMatch(/trap 14/);
    await arena.judge();
  }, 90_000);

  it("runs code as it was before it was written anew", async () => {
    expect(await arena.ended(await arena.attack("smc", { memoryMiB: 32 }))).toBe("wrong 0 of 1000");
  }, 60_000);

  for (const attack of ["stale", "table"])
    it(`${attack}: other vCPUs write through them meanwhile`, async () => {
      const domid = await arena.attack(attack, { vcpus: 2, memoryMiB: 32, options: "rounds=200 seconds=8" });
      expect(await arena.ended(domid)).toMatch(/^rounds [1-9].* stale 0$/);
      await arena.until("its end", () => arena.stopped(domid));
      await arena.judge();
    }, 90_000);

  it("kept: after loading a root or flushing, other vCPUs see what tables of the kernel's half show now", async () => {
    const domid = await arena.attack("kept", { vcpus: 2, memoryMiB: 32, options: "seconds=6" });
    expect(await arena.ended(domid)).toMatch(/^changes [1-9]\d{2,} failed 0 looks [1-9]\d{3,} stale 0$/);
    await arena.until("its end", () => arena.stopped(domid));
    await arena.judge();
  }, 90_000);

  it("flush: the same when the low half of the clock of flushes has gone round", async () => {
    const clock = new BigUint64Array(arena.host.machine.memory.buffer, ROOT_TLB_CLOCK, 1);
    Atomics.store(clock, 0, 2n ** 32n - 300n);
    const options = "flush_ms=500 rounds=200 seconds=8";
    const domid = await arena.attack("flush", { vcpus: 2, memoryMiB: 32, options });
    expect(await arena.ended(domid)).toMatch(/^rounds [1-9].* stale 0$/);
    expect(Atomics.load(clock, 0)).toBeGreaterThan(2n ** 32n);
    await arena.until("its end", () => arena.stopped(domid));
    await arena.judge();
  }, 90_000);
});
