/** Frames that are given back while they are being given out. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Arena, compiler } from "./arena.ts";

describe.skipIf(!compiler)("a guest races the allocator with itself (needs gcc, make)", () => {
  let arena: Arena;
  beforeAll(async () => (arena = await Arena.open()), 60_000);
  afterAll(() => arena?.close());

  it("frees frames before it has been given them", async () => {
    const domid = await arena.attack("race", { vcpus: 2, options: "rounds=3000" });
    expect(await arena.ended(domid)).toMatch(/^rounds 3000 /);
    await arena.until("its end", () => arena.stopped(domid));
    await arena.judge();
  }, 90_000);

  it("looks for a frame that it is given twice, and writes what it finds", async () => {
    const domid = await arena.attack("take", { vcpus: 2, options: "rounds=4000" });
    expect(await arena.ended(domid)).toMatch(/twice 0 changed 0$/);
    await arena.until("its end", () => arena.stopped(domid));
    await arena.judge();
  }, 90_000);

  it("takes and gives back on several vCPUs at once", async () => {
    const domid = await arena.attack("give", { vcpus: 3, options: "milliseconds=500 rest_ms=10000" });
    expect(await arena.ended(domid)).toMatch(/^[1-9]\d* and [1-9]/);
    expect(await arena.toolstack.request("checkInvariants")).toBe(0);
    await arena.destroy(domid);
    await arena.judge();
  }, 90_000);

  it("never owns more than it may, whatever an exchange gives back", async () => {
    const domid = await arena.attack("quota", { vcpus: 2, options: "rounds=20000" });
    const [, most, had] = /^may have (\d+), had (\d+)/.exec(await arena.ended(domid))!;
    expect(Number(had)).toBeLessThanOrEqual(Number(most));
    await arena.until("its end", () => arena.stopped(domid));
    await arena.judge();
  }, 90_000);
});
