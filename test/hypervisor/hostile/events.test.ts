/** Event channels that are reset while they are used. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Arena, compiler } from "./arena.ts";

const ROUNDS = 8000;

describe.skipIf(!compiler)("a guest and its event channels (needs gcc, make)", () => {
  let arena: Arena;
  beforeAll(async () => (arena = await Arena.open()), 60_000);
  afterAll(() => arena?.close());

  it("resets them all while other vCPUs send, bind, close, stop and start each other", async () => {
    const domid = await arena.attack("mix", { vcpus: 4, memoryMiB: 32, options: `rounds=${ROUNDS}` });
    await arena.watch(domid, 1000);
    const [resets, ...others] = (/: ([\d ]+)$/.exec(await arena.ended(domid))?.[1] ?? "").split(" ").map(Number);
    expect(resets).toBe(ROUNDS);
    expect(
      Math.min(...others),
      "resets to the other ABI, pages given, ports bound, events sent, vCPUs stopped",
    ).toBeGreaterThan(20);
    await arena.until("its end", () => arena.stopped(domid));
    await arena.judge();
  }, 90_000);
});
