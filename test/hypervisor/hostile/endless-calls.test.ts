/** Every hypercall whose length the guest chooses, made as long as it can be, by a PV and by a PVH guest. */
import { afterAll, beforeAll, describe, it } from "vitest";
import { EACCES, EINVAL, EPERM } from "../../../core/abi/errno.ts";
import { GNTST_general_error } from "../../../core/abi/grant_table.ts";
import { Arena, compiler } from "./arena.ts";
import type { AttackOptions, CallEnd } from "./arena.ts";

/** The entries of the lists, which consist of these again and again. */
const ENTRIES = 3 * 512;
const LAST_PORT = 131_071;

/**
 * What becomes of each call (guest/counted.c, ../pvh/guest/calls.c). A call that "runs" is interrupted for others again and again and never ends. The
 * others are bounded by what the domain has, or are refused; they are made again and again.
 */
const PV_CALLS: Record<string, CallEnd> = {
  multicall: "runs",
  multicall_console: "runs",
  mmu_update: "runs",
  flush_all: "runs",
  flush_multi: "runs",
  invlpg_multi: "runs",
  clear_page: "runs",
  copy_page: "runs",
  grant_map: "runs",
  grant_unmap: "runs",
  grant_transfer: "runs",
  grant_copy: "runs",
  grant_replace: "runs",
  grant_swap: "runs",
  setup_table_too_large: GNTST_general_error,
  setup_table: 0,
  set_version: 0,
  status_frames: 0,
  increase: ENTRIES,
  populate: ENTRIES,
  add_to_physmap: -EACCES,
  add_to_physmap_batch: -EACCES,
  acquire_resource: -EPERM,
  memory_map: 0,
  machphys_mfn_list: 0,
  poll: -EINVAL,
  reset_fifo: LAST_PORT,
  set_gdt: -EINVAL,
  set_trap_table: "runs",
};
const PVH_CALLS: Record<string, CallEnd> = {
  multicall: "runs",
  console: "runs",
  grant_map: "runs",
  grant_unmap: "runs",
  grant_transfer: "runs",
  grant_copy: "runs",
  grant_replace: "runs",
  grant_swap: "runs",
  cache_flush: "runs",
  setup_table_too_large: GNTST_general_error,
  setup_table: 0,
  set_version: 0,
  status_frames: 0,
  populate: ENTRIES,
  increase: ENTRIES,
  add_to_physmap_range: 0,
  add_to_physmap_batch: 0,
  acquire_resource: -EPERM,
  memory_map: 0,
  poll: -EINVAL,
  reset_fifo: LAST_PORT,
};
/** A range of frames is as long as can be expressed. */
const OPTIONS: Record<string, AttackOptions> = {
  add_to_physmap_range: { memoryMiB: 260 },
};
/**
 * vCPUs that begin a call one after the other. For a call that never ends there would otherwise be only one beginning, and one slow answer of the
 * sibling is allowed.
 */
const BEGINNINGS = 4;

describe.skipIf(!compiler)("a guest makes calls without end (needs gcc, make)", () => {
  let arena: Arena;
  // There is one pCPU, so a call that does not leave it stops the sibling for good.
  beforeAll(async () => (arena = await Arena.open({ pcpus: 1, memoryMiB: 768 })), 60_000);
  afterAll(() => arena?.close());

  for (const attack of ["exchange", "cacheflush", "console", "pin"])
    it(
      attack,
      async () => {
        const domid = await arena.attack(attack, attack === "pin" ? { options: "rounds=100000 tables=8192" } : {});
        await arena.endure(domid, 1000, "runs");
        await arena.judge();
      },
      90_000,
    );

  for (const [call, end] of Object.entries(PV_CALLS))
    it(`${call} of a PV guest`, async () => {
      const domid = await arena.attack("calls", {
        memoryMiB: 32,
        vcpus: end === "runs" ? BEGINNINGS : 1,
        options: `call=${call}`,
      });
      await arena.endure(domid, 300, end);
    }, 60_000);

  for (const [call, end] of Object.entries(PVH_CALLS))
    it(`${call} of a PVH guest`, async () => {
      const domid = await arena.create("pvh", { memoryMiB: 32, ...OPTIONS[call], options: `calls ${call}` });
      await arena.endure(domid, 300, end);
    }, 60_000);

  it("and nothing is left of them", async () => arena.judge(), 60_000);
});
