/** A screen that is taken in parts while its guest draws all the time: each viewer sees all of it in the end, and as soon as before the guest drew. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Viewer } from "../../../core/dom0/display/viewer.ts";
import { Painted, screenOf, type Typed } from "./painted.ts";

const [WIDTH, TILE, PARTS] = [64, 32, 16];
/** So a part is one row of tiles. */
const MOST = 1;

describe("parts of a screen on which something is drawn all the time", () => {
  const surface = new Painted(WIDTH, TILE * PARTS);
  let looks: number;
  let viewer: Viewer;
  let typed: Typed;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    looks = 0;
    vi.spyOn(surface, "readRow");
    typed = screenOf(null);
    typed.screen.show(surface);
    viewer = typed.screen.look();
  });
  afterEach(() => {
    viewer.leave();
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  /** Draws everywhere or at the top only, every millisecond. Returns the rows that a viewer saw who takes so long for each part. */
  function seen(milliseconds: number, each: number, height: number): number[] {
    const rows: number[] = [];
    let isWaiting = false;
    for (let now = 0; now < milliseconds; now++) {
      vi.mocked(surface.readRow).mockImplementation((_x, y, count, target, at) => {
        if (y === 0) looks++;
        target.fill(now, at, at + count);
      });
      typed.screen.damage({ x: 0, y: 0, width: WIDTH, height });
      if (now % each === 0 && !isWaiting) {
        isWaiting = true;
        viewer.wait(() => {
          isWaiting = false;
          rows.push(...viewer.take(MOST).rectangles.map(({ y }) => y / TILE));
        });
      }
      vi.advanceTimersByTime(1);
    }
    return rows;
  }

  it.each([1, 50])(
    "reach the bottom, whatever is drawn at the top, with a viewer that takes %d ms for each",
    (each) => {
      const rows = seen(40 * 50, each, TILE);
      expect(new Set(rows).size).toBe(PARTS);
    },
  );

  it("need no look at the screen each", () => {
    const rows = seen(1000, 1, TILE * PARTS);
    expect(looks).toBeLessThanOrEqual(1000 / 33 + 1);
    // Two looks each have sixteen parts, and the second begins 33 ms after the first.
    expect(rows.length).toBeGreaterThan(10 * (looks - 1));
    for (let row = 0; row < PARTS; row++) expect(rows.filter((each) => each === row).length).toBeGreaterThan(10);
  });
});
