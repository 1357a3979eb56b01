/** Where keys lead on the map of frames, without a window. */
import { expect, it } from "vitest";
import { afterKey } from "../../renderer/host/memory-map/keys.ts";
import { gridOf, scaleOf } from "../../renderer/host/memory-map/viewport.ts";

const FRAMES = 1000;
const grid = gridOf(FRAMES, 400, 300);
const all = { grid, view: { zoom: 1, left: 0, top: 0 }, width: 400, height: 300 };
const chosen = (key: string, from: number | null): number | undefined =>
  afterKey(key, { ...all, chosen: from })?.chosen;

it("go from frame to frame, by rows and pages, and never out of the map", () => {
  const { columns } = grid;
  expect([chosen("ArrowRight", 7), chosen("ArrowLeft", 7)]).toEqual([8, 6]);
  expect([chosen("ArrowDown", 7), chosen("ArrowUp", columns + 7)]).toEqual([7 + columns, 7]);
  expect(chosen("PageUp", 16 * columns + 3)).toBe(3);
  expect([chosen("Home", 500), chosen("End", 500)]).toEqual([0, FRAMES - 1]);
  expect([chosen("ArrowLeft", 0), chosen("ArrowUp", 5), chosen("PageDown", 990)]).toEqual([0, 0, FRAMES - 1]);
  expect(chosen("ArrowRight", null)).toBe(1);
});

it("come closer around the chosen frame, which stays where it is, and go back to all", () => {
  const at = { ...all, chosen: 517 };
  const { view, chosen: same } = afterKey("+", at)!;
  expect(same).toBeUndefined();
  expect(view.zoom).toBeGreaterThan(1);
  const x = (seen: typeof view): number =>
    seen.left + ((517 % grid.columns) + 0.5) * scaleOf(grid, seen, all.width, all.height);
  expect(x(view)).toBeCloseTo(x(all.view), 6);
  expect(afterKey("-", { ...at, view })!.view.zoom).toBeCloseTo(1, 6);
  expect(afterKey("0", { ...at, view })!.view).toEqual(all.view);
  expect(afterKey("x", at)).toBeNull();
});
