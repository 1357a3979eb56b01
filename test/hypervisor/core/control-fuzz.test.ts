import { afterAll, beforeAll, expect, it } from "vitest";
import * as layout from "../../../core/machine/layout.ts";
import { attachDom0, compileCore, Machine, type Dom0 } from "./machine.ts";

/** A control domain that makes domctls, sysctls and other calls with structures that are nearly right. */
let machine: Machine;
let dom0: Dom0;

beforeAll(async () => {
  machine = new Machine(await compileCore(), { pcpus: 2, cmdline: "dom0_mem=8M" });
  await machine.stage(layout.BOOT_STAGE_DOM0_BUILT);
  dom0 = attachDom0(machine);
});
afterAll(async () => {
  await machine.off();
  expect(machine.errors).toEqual([]);
});

/** xorshift32 */
function random(seed: number): (below: number) => number {
  let x = seed | 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

const DOMCTLS = [
  1, 2, 3, 4, 5, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 24, 25, 27, 28, 35, 36, 42, 43, 46, 59, 60, 61, 68,
  99,
];
const SYSCTLS = [1, 3, 4, 5, 6, 7, 8, 9, 16, 17, 18, 19, 99];
/** Without sched_op (29) and its older form (6), which would end dom0, and without vcpu_op. */
const OTHERS = [1, 10, 12, 13, 14, 15, 17, 20, 21, 22, 26, 32, 33, 34, 40, 55, 62];

it.each([1, 7, 1234567])("survives it, seed %i", async (seed) => {
  const next = random(seed);
  const { physical, core } = dom0;
  const at = dom0.frames.allocate(4) * 4096;
  const odd = [0n, 1n, 0xffffffffn, 0xffffffffffffffffn, 0x201000n, 0x7ff0n, 1n << 40n];
  const number = (): bigint => {
    const kind = next(6);
    if (kind === 0) return odd[next(odd.length)]!;
    if (kind === 1) return BigInt(at + next(16384));
    if (kind === 2) return BigInt(next(0x8000));
    return BigInt(next(8));
  };
  for (let i = 0; i < 30_000; i++) {
    for (let word = 0; word < 24; word++) physical.set64(at + 8 * word, BigInt.asUintN(64, number()));
    const kind = next(4);
    let result: bigint;
    if (kind < 2) {
      physical.set32(at, DOMCTLS[next(DOMCTLS.length)]!);
      physical.set32(at + 4, 0x15);
      // Small domids, so that many calls meet a domain. createdomain lets the hypervisor choose.
      physical.set64(at + 8, next(12));
      if (physical.get32(at) === 1) {
        physical.zero(at + 16, 64);
        physical.set64(at + 8, 0);
        physical.set32(at + 44, 1 + next(130));
        physical.set32(at + 60, 1 + next(2));
      }
      result = core.native_hypercall(36, BigInt(at), 0n, 0n, 0n, 0n);
    } else if (kind === 2) {
      physical.set32(at, SYSCTLS[next(SYSCTLS.length)]!);
      physical.set32(at + 4, 0x15);
      result = core.native_hypercall(35, BigInt(at), 0n, 0n, 0n, 0n);
    } else {
      const nr = OTHERS[next(OTHERS.length)]!;
      // A multicall must not contain the calls that are left out above.
      if (nr === 13) for (let entry = 0; entry < 3; entry++) physical.set64(at + 64 * entry, 17);
      const first = nr === 13 ? BigInt(at) : number();
      const second = nr === 13 ? 3n : number();
      result = core.native_hypercall(nr, first, second, number(), number(), number());
    }
    expect(result >= -200n).toBe(true);
  }
  expect(core.check_invariants()).toBe(0);
  for (const { domid } of dom0.calls.host.listDomains()) if (domid) dom0.calls.domains.destroy(domid);
  // Dead domains are listed until they are reaped. A pCPU may be doing that just now, or be delayed by other load on the machine.
  await expect.poll(() => dom0.calls.host.listDomains().map((d) => d.domid), { timeout: 5000 }).toEqual([0]);
  expect(core.check_invariants()).toBe(0);
});
