/** Grants whose frames get their memory while they are mapped. */
import { describe, expect, it } from "vitest";
import { GNTST_bad_page, GNTST_eagain } from "../../core/abi/grant_table.ts";
import { GrantError, GrantMap } from "../../core/dom0/kernel/grants.ts";
import type { Hypercalls } from "../../core/dom0/kernel/hypercalls.ts";

/** A hypervisor for which grant `ref` takes so many tries; -1: it never maps it; -2: it says that there is no such page. */
function hypervisor(tries: Record<number, number>): { grants: GrantMap; asked: number[][]; unmapped: number[] } {
  const asked: number[][] = [];
  const unmapped: number[] = [];
  const left = new Map(Object.entries(tries).map(([ref, count]) => [Number(ref), count]));
  const calls = {
    map: (_domid: number, refs: readonly number[]) => {
      asked.push([...refs]);
      return refs.map((ref) => {
        const more = left.get(ref)!;
        if (more === -2) return { status: GNTST_bad_page, handle: 0, address: 0 };
        if (more > 0) left.set(ref, more - 1);
        return { status: more ? GNTST_eagain : 0, handle: ref, address: ref * 4096 };
      });
    },
    unmap: (maps: readonly { handle: number }[]) => {
      unmapped.push(...maps.map(({ handle }) => handle));
      return 0;
    },
  };
  return { grants: new GrantMap({ grants: calls } as unknown as Hypercalls), asked, unmapped };
}
const statusOf = (act: () => unknown): number => {
  try {
    act();
  } catch (error) {
    if (error instanceof GrantError) return error.status;
    throw error;
  }
  return 0;
};

describe("grants of frames without memory", () => {
  it("are asked for again until they have it, and the others are not", () => {
    const { grants, asked } = hypervisor({ 8: 0, 9: 2, 10: 0, 11: 1 });
    expect(grants.mapAll(1, [8, 9, 10, 11]).map(({ ref, address }) => [ref, address])).toEqual([
      [8, 8 * 4096],
      [9, 9 * 4096],
      [10, 10 * 4096],
      [11, 11 * 4096],
    ]);
    expect(asked).toEqual([[8, 9, 10, 11], [9, 11], [9]]);
  });

  it("are given up in the end, with all that was mapped", () => {
    const { grants, asked, unmapped } = hypervisor({ 8: 0, 9: -1, 10: 3 });
    expect(statusOf(() => grants.mapAll(1, [8, 9, 10]))).toBe(GNTST_eagain);
    expect(asked.flat()).toHaveLength(3 + 64);
    expect(unmapped).toEqual([8, 10]);
    const many = hypervisor(Object.fromEntries(Array.from({ length: 352 }, (_, ref) => [ref, -1])));
    expect(statusOf(() => many.grants.mapAll(1, [...Array(352).keys()]))).toBe(GNTST_eagain);
    expect(many.asked.flat()).toHaveLength(352 + 64);
  });

  it("are not asked for again where there is none", () => {
    const { grants, asked } = hypervisor({ 8: -2 });
    expect(statusOf(() => grants.mapAll(1, [8]))).toBe(GNTST_bad_page);
    expect(asked).toHaveLength(1);
  });
});
