/** Nonsense on rings. */
import { afterAll, beforeAll, describe, it } from "vitest";
import { Arena, compiler } from "./arena.ts";

describe.skipIf(!compiler)("a guest talks nonsense (needs gcc, make)", () => {
  let arena: Arena;
  beforeAll(async () => (arena = await Arena.open()), 60_000);
  afterAll(() => arena?.close());

  it("on the rings of xenstore and console", async () => {
    const domid = await arena.attack("rings", { memoryMiB: 32, options: "seconds=2" });
    await arena.watch(domid, 2000);
    await arena.until("its end", () => arena.stopped(domid));
    await arena.judge();
  }, 90_000);
});
