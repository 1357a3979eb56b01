/** Every hypercall of which the guest says how long it is, as long as it can be. */
import { afterAll, beforeAll, describe, it } from "vitest";
import { Arena, compiler } from "./arena.ts";

const CALLS = [
  "multicall",
  "mmu_update",
  "mmuext flushes",
  "mmuext clear",
  "mmuext copy",
  "grant map",
  "grant unmap",
  "grant copy",
  "grant swap",
  "grant transfer",
  "poll",
  "set_gdt",
  "set_trap_table",
  "machphys_mfn_list",
  "multicall of console_io",
];

describe.skipIf(!compiler)("a guest makes calls without end (needs gcc, make)", () => {
  let arena: Arena;
  // One pCPU: who does not let go of it stops the sibling for good.
  beforeAll(async () => (arena = await Arena.open({ pcpus: 1 })), 60_000);
  afterAll(() => arena?.close());

  for (const attack of ["exchange", "cacheflush", "console", "pin"])
    it(
      attack,
      async () => {
        const domid = await arena.attack(attack, attack === "pin" ? { options: "rounds=100000 tables=8192" } : {});
        await arena.endure(domid, 1000);
        await arena.judge();
      },
      90_000,
    );

  CALLS.forEach((call, number) =>
    it(
      call,
      async () => {
        const domid = await arena.attack("calls", { memoryMiB: 32, options: `call=${number}` });
        await arena.endure(domid, 300);
      },
      60_000,
    ),
  );

  it("and nothing is left of them", async () => arena.judge(), 60_000);
});
