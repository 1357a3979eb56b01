/** Grant handles, pins and references that a guest tries to lose or to have twice. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Arena, compiler } from "./arena.ts";

describe.skipIf(!compiler)("a guest and its grants (needs gcc, make)", () => {
  let arena: Arena;
  beforeAll(async () => (arena = await Arena.open()), 60_000);
  afterAll(() => arena?.close());

  it("unmaps the two halves of a handle at once", async () => {
    const domid = await arena.attack("handle", { vcpus: 2, options: "rounds=2000" });
    expect(await arena.ended(domid)).toMatch(/^mapped 2000 twice 0$/);
    await arena.until("its end", () => arena.stopped(domid));
    await arena.judge();
  }, 90_000);

  it("dies with grants of its own mapped and copied", async () => {
    const domid = await arena.attack("leak");
    expect(await arena.ended(domid)).toBe("mapped 32 copied 1000");
    await arena.until("its end", () => arena.stopped(domid));
    await arena.judge();
  }, 90_000);

  it("writes to a frame that its granter has back", async () => {
    const domid = await arena.attack("late", { vcpus: 2, options: "rounds=300" });
    expect(await arena.ended(domid)).toMatch(/^unmapped 300 late 0 faults [1-9]/);
    await arena.until("its end", () => arena.stopped(domid));
    await arena.judge();
  }, 90_000);

  it("holds a frame of a dead domain: who destroys that again is told, and it goes with the holder", async () => {
    const first = await arena.attack("offer", { memoryMiB: 16, options: "peer=0" });
    await arena.destroy(first);
    // Domids are given out in order.
    const dead = await arena.attack("offer", { memoryMiB: 16, options: `peer=${first + 2}` });
    const holder = await arena.attack("hold", { memoryMiB: 16, options: `peer=${first + 1}` });
    expect([dead, holder]).toEqual([first + 1, first + 2]);
    for (const domid of [dead, holder]) await arena.until("both", () => arena.text(domid).includes("BEGIN"));
    await arena.destroy(dead);
    await expect(arena.toolstack.request("destroy", { domid: dead })).rejects.toThrow(
      /is destroyed already\. Others still hold 1 of its pages/,
    );
    await arena.destroy(holder);
    await arena.judge();
    await expect(arena.toolstack.request("destroy", { domid: dead })).rejects.toThrow(/There is no domain/);
  }, 90_000);
});
