import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { guestsMissing } from "../guests/images.ts";
import { compilerMissing } from "../guests/programs.ts";
import { bootReport, measureBoots } from "./boot.ts";
import { PROCESS_FIGURES, cpuSeconds, residentMiB } from "../process.ts";
import { mergeResults } from "./results.ts";
import { median, medians, parseBench, table } from "./table.ts";
import { taskData } from "./work/data.ts";

const missing = guestsMissing() ?? compilerMissing();

describe("the benchmark's tables", () => {
  it("takes medians of the tests that every run has", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(medians([{ a: 1, b: 5 }, { a: 3, b: 6 }, { a: 2 }])).toEqual({ a: 2 });
  });

  it("reads guest-bench's lines and not what only looks like them", () => {
    const text = "[ 1.0] BENCH no 1.0 chk=1\nBENCH a_1 0.5000 chk=00ff\nBENCH total 0.5\n";
    expect(parseBench(text)).toEqual({ times: { a_1: 0.5 }, checks: { a_1: "00ff" } });
  });

  it("divides the peer's seconds by ours, and means over what both have", () => {
    const machines = new Map([
      ["us", { a: 1, b: 2 }],
      ["peer", { a: 4, b: 2 } as Record<string, number>],
      ["half", { a: 3 } as Record<string, number>],
    ]);
    const lines = table("us", machines).split("\n");
    expect(lines[2]).toBe("| a | 1.000 | 4.000 | 3.000 | 4.00 | 3.00 |");
    expect(lines[3]).toBe("| b | 2.000 | 2.000 | – | 1.00 | – |");
    expect(lines[4]).toBe("| geometric mean |  |  |  | 2.00 | 3.00 |");
  });

  it("replaces the sections that were measured and keeps the others with their date", () => {
    const first = mergeResults("", { Idle: "1 %", "guest-bench": "| table |" }, "monday");
    const second = mergeResults(first, { Idle: "2 %\n", Scaling: "1.9" }, "tuesday");
    expect(second).toBe(
      [
        "# Results of `npm run bench`",
        "## guest-bench",
        "monday",
        "| table |",
        "## Scaling",
        "tuesday",
        "1.9",
        "## Idle",
        "tuesday",
        "2 %\n",
      ].join("\n\n"),
    );
    expect(mergeResults(second, {}, "never")).toBe(second);
  });

  it("gives the work set the same files every time, and has every program and file that a task names", () => {
    const folder = path.join(import.meta.dirname, "work");
    const tasks = readFileSync(path.join(folder, "tasks.sh"), "utf8");
    expect(tasks.match(/^\w+\(\) /gm)!.length).toBeGreaterThanOrEqual(30);
    const made = [taskData(), taskData()];
    const [first, second] = made.map((files) =>
      [...files].map(([name, data]) => `${name} ${createHash("sha256").update(data).digest("hex")}`),
    );
    expect(first).toEqual(second);
    for (const [named] of tasks.matchAll(/programs\/\w+\.\w+/g))
      expect(readFileSync(path.join(folder, named)).length).toBeGreaterThan(0);
    const names = [...made[0]!.keys()];
    for (const [, named] of tasks.matchAll(/ ((?:text|table|records|source|small)\.(?:c|gz|xz|csv|json|changed))\b/g))
      expect(names).toContain(named);
  });

  it.skipIf(!PROCESS_FIGURES)("reads this process's memory and time", () => {
    const before = cpuSeconds(process.pid);
    for (const start = performance.now(); performance.now() - start < 100;);
    expect(cpuSeconds(process.pid)).toBeGreaterThan(before);
    const { now, most } = residentMiB(process.pid);
    expect(now).toBeGreaterThan(10);
    expect(most).toBeGreaterThanOrEqual(now);
  });
});

// No figure is compared with a limit here, because other load on the machine would decide.
// test/long/bench.long.ts has more of them.
describe.skipIf(missing !== null)(`what the benchmark measures${missing ? ` (${missing})` : ""}`, () => {
  it("boots the same kernel twice and counts what that took", async () => {
    const boots = await measureBoots("pv");
    for (const { seconds, instructions, vcpuSeconds, translation } of [boots.cold, boots.cached]) {
      expect(instructions).toBeGreaterThan(500e6);
      expect(vcpuSeconds).toBeGreaterThan(0);
      expect(seconds).toBeGreaterThan(vcpuSeconds * 0.9);
      expect(translation.regions).toBeGreaterThan(100);
      expect(translation.requests).toBeGreaterThanOrEqual(translation.regions);
      expect(translation.bytes).toBeGreaterThan(translation.modules * 100);
      for (const spent of [translation.translating, translation.adopting]) {
        expect(spent).toBeGreaterThan(0);
        expect(spent / 1e9).toBeLessThan(seconds);
      }
    }
    expect(bootReport([boots])).not.toMatch(/NaN|undefined/);
  }, 240_000);
});
