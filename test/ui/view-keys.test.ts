/** Where keys lead in timelines, tables and trees, without a window. */
import { describe, expect, it } from "vitest";
import { toggled } from "../../renderer/host/chosen.ts";
import { afterKey as afterLaneKey } from "../../renderer/host/timeline/keys.ts";
import type { Lane } from "../../renderer/host/timeline/lanes.ts";
import { afterKey as afterSpanKey, type Span } from "../../renderer/inspect/trace/span.ts";
import { rowAfterKey } from "../../renderer/inspect/trace/table-keys.ts";
import { afterKey as afterGridKey } from "../../renderer/xenstore/grid-keys.ts";
import type { Row } from "../../renderer/xenstore/tree.ts";

describe("arrow keys in the timeline of the pCPUs", () => {
  const turn = (from: number) => ({ from, domid: 1, vcpu: 0 });
  const lanes: Lane[] = [
    { pcpu: 0, turns: [turn(100), turn(200), turn(300)] },
    { pcpu: 1, turns: [turn(150)] },
  ];
  const after = (key: string, lane: number, time: number) => afterLaneKey(key, { lane, time }, lanes, 120, 400);

  it("go to where turns begin, and not out of the time that is shown", () => {
    expect(after("ArrowRight", 0, 200)).toEqual({ lane: 0, time: 300 });
    expect(after("ArrowLeft", 0, 300)).toEqual({ lane: 0, time: 200 });
    expect(after("ArrowLeft", 0, 200)).toEqual({ lane: 0, time: 120 });
    expect(after("ArrowRight", 0, 300)).toEqual({ lane: 0, time: 399 });
  });
  it("go from lane to lane, and begin at the end of the first", () => {
    expect(after("ArrowDown", 0, 200)).toEqual({ lane: 1, time: 200 });
    expect(after("ArrowDown", 1, 200)).toEqual({ lane: 1, time: 200 });
    expect(after("ArrowUp", 0, 200)).toEqual({ lane: 0, time: 200 });
    expect(afterLaneKey("ArrowLeft", null, lanes, 120, 400)).toEqual({ lane: 0, time: 300 });
    expect(after("Enter", 0, 200)).toBeNull();
  });
});

describe("keys in the timeline of hypercalls", () => {
  const span: Span = { from: 1000e6, to: 2000e6 };
  it("move by a fifth of what is seen, zoom around its middle, and follow again", () => {
    expect(afterSpanKey("ArrowLeft", span)).toEqual({ from: 800e6, to: 1800e6 });
    expect(afterSpanKey("ArrowRight", span)).toEqual({ from: 1200e6, to: 2200e6 });
    for (const key of ["+", "=", "ArrowUp"]) expect(afterSpanKey(key, span)).toEqual({ from: 1250e6, to: 1750e6 });
    for (const key of ["-", "ArrowDown"]) expect(afterSpanKey(key, span)).toEqual({ from: 500e6, to: 2500e6 });
    expect(afterSpanKey("End", span)).toBe("follow");
    expect(afterSpanKey("a", span)).toBeNull();
  });
  it("stop at the closest and at the widest", () => {
    expect(afterSpanKey("+", { from: 0, to: 2000 })).toEqual({ from: 0, to: 2000 });
    expect(afterSpanKey("-", { from: 0, to: 600e9 })).toEqual({ from: 0, to: 600e9 });
  });
});

it("keys in the table of hypercalls go by rows and pages, from behind the last where none is selected", () => {
  expect(rowAfterKey("ArrowUp", 40, 40)).toBe(39);
  expect(rowAfterKey("ArrowDown", 39, 40)).toBe(39);
  expect(rowAfterKey("PageUp", 20, 40)).toBe(5);
  expect(rowAfterKey("PageUp", 7, 40)).toBe(0);
  expect(rowAfterKey("PageDown", 7, 40)).toBe(22);
  expect([rowAfterKey("Home", 7, 40), rowAfterKey("End", 7, 40)]).toEqual([0, 39]);
  expect(rowAfterKey("Escape", 7, 40)).toBeNull();
});

describe("keys in the tree of xenstore", () => {
  const row = (path: string, expanded: boolean, children: string[]): Row => ({
    path,
    name: path,
    depth: 0,
    node: { path, value: "", permissions: ["n0"], children } as unknown as Row["node"],
    expanded,
  });
  const rows = [row("/local", true, ["domain"]), row("/local/domain", false, ["0"]), row("/local/empty", false, [])];
  const after = (key: string, index: number) => afterGridKey(key, rows, index, "/local");

  it("unfold and fold, and go in and out", () => {
    expect(after("ArrowRight", 1)).toEqual({ expand: "/local/domain" });
    expect(after("ArrowRight", 0)).toEqual({ go: 1 });
    expect(after("ArrowRight", 2)).toBeNull();
    expect(after("ArrowLeft", 0)).toEqual({ collapse: "/local" });
    expect(after("ArrowLeft", 1)).toEqual({ select: "/local" });
    expect(afterGridKey("ArrowLeft", [row("/local", false, ["domain"])], 0, "/local")).toBeNull();
  });
  it("go by rows and pages; where no row is selected, in and out are none of its keys", () => {
    expect([after("ArrowDown", 0), after("ArrowUp", 2), after("End", 0)]).toEqual([{ go: 1 }, { go: 1 }, { go: 2 }]);
    expect([after("PageDown", 0), after("PageUp", 20)]).toEqual([{ go: 15 }, { go: 5 }]);
    expect([after("ArrowRight", -1), after("ArrowLeft", -1), after("x", 0)]).toEqual([undefined, undefined, undefined]);
  });
});

it("a click on a domain's box takes it in or out, with Shift all from the last one on", () => {
  const ids = [5, 3, 9, 1];
  const after = (chosen: number[], domid: number, anchor: number) => [...toggled(new Set(chosen), ids, domid, anchor)];
  expect(after([5], 9, 9)).toEqual([5, 9]);
  expect(after([5, 9], 9, 9)).toEqual([5]);
  expect(after([5], 1, 3)).toEqual([5, 3, 9, 1]);
  expect(after([5, 3, 9, 1], 3, 9)).toEqual([5, 1]);
  // The row that was clicked last is gone.
  expect(after([], 9, 77)).toEqual([9]);
});
