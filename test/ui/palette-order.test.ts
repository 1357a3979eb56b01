/** The order in which the palette lists what fits the typed text. */
import { describe, expect, it } from "vitest";
import type { Command } from "../../renderer/app/command.ts";
import { inOrder } from "../../renderer/app/palette-order.ts";

const command = (group: string, title: string, keywords: string[] = []): Command =>
  ({ id: `${group} ${title}`, group, title, keywords, run: () => {} }) as unknown as Command;
/** As the palette has them before anything is typed: by groups. */
const COMMANDS = [
  command("Host", "Host: Overview", ["view"]),
  command("Host", "Save the Xen log to a file", ["snapshot of the log"]),
  command("Host", "Power the host off…", ["stop", "shut down"]),
  command("This domain", "Save deb", []),
  command("This domain", "Snapshots", ["deb", "tab", "view"]),
  command("This domain", "Take a snapshot of deb…", ["checkpoint"]),
  command("Go to", "deb-shop: Snapshots", ["3"]),
  command("Window", "Tasks and events", ["log"]),
  command("Window", "Unsnappable", []),
];
/** As the palette guesses, but plainly: whether the letters stand in the title in that order. */
const guess = ({ title }: Command, typed: string): number => {
  let at = -1;
  for (const letter of typed) if ((at = title.toLowerCase().indexOf(letter, at + 1)) < 0) return 0;
  return 1 / title.length;
};
const listed = (text: string): string[] => inOrder(COMMANDS, text, guess).map(({ title }) => title);

describe("the palette's order", () => {
  it("is that of the groups while nothing is typed", () => {
    expect(listed("  ")).toEqual(COMMANDS.map(({ title }) => title));
  });

  it("has titles that begin with the text first, then words that do, then those that contain it, then keywords, whatever their groups", () => {
    expect(listed("snap")).toEqual([
      "Snapshots",
      "Take a snapshot of deb…",
      "deb-shop: Snapshots",
      "Unsnappable",
      "Save the Xen log to a file",
    ]);
    expect(listed("SNAPSHOTS ")[0]).toBe("Snapshots");
  });

  it("has an exact title before one that begins so, the dots of one that asks left out", () => {
    const two = [command("A", "Save deb to a file"), command("B", "Save deb…")];
    expect(inOrder(two, "save deb", guess).map(({ title }) => title)).toEqual(["Save deb…", "Save deb to a file"]);
  });

  it("finds the typed words in any order, each where a word begins", () => {
    expect(listed("deb snap")).toEqual(["Take a snapshot of deb…", "deb-shop: Snapshots", "Snapshots"]);
    expect(listed("shut down")).toEqual(["Power the host off…"]);
  });

  it("guesses by letters only where nothing fits, the likelier first, and finds nothing where that fails too", () => {
    expect(listed("tks")).toEqual(["Tasks and events", "Take a snapshot of deb…"]);
    expect(listed("qqq")).toEqual([]);
  });
});
