import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { guestsMissing } from "../images.ts";
import { compilerMissing } from "../programs.ts";
import { guestLoad, loadResult, runLoad } from "./load.ts";

const missing = guestsMissing() ?? compilerMissing();
/** `npm run test:load` takes as long as one likes. */
const SECONDS = 8;

describe.skipIf(missing !== null)(`a load of processes, pipes and signals${missing ? ` (${missing})` : ""}`, () => {
  it("is right about this machine", () => {
    const { jobs, wrong } = loadResult(execFileSync(guestLoad(), ["2"], { encoding: "utf8" }));
    expect(wrong).toEqual([]);
    expect(Object.keys(jobs)).toHaveLength(10);
  }, 60_000);

  it(`finds no wrong result in ${SECONDS} s on 2 vCPUs`, async () => {
    const { jobs, wrong } = await runLoad(SECONDS);
    expect(wrong).toEqual([]);
    expect(Object.keys(jobs)).toHaveLength(10);
    for (const [kind, count] of Object.entries(jobs)) expect(count, kind).toBeGreaterThan(0);
  }, 300_000);
});

describe("its result", () => {
  it("is wrong for wrong jobs, a kernel in trouble, and an output that ends early", () => {
    const end = "LOAD-JOBS exec 3\nLOAD-DONE jobs=3 wrong=0\n";
    expect(loadResult(end)).toEqual({ jobs: { exec: 3 }, wrong: [] });
    expect(loadResult(`LOAD-WRONG exec (process 5): no\n${end}`).wrong).toHaveLength(1);
    expect(loadResult(`[    9.1] BUG: scheduling while atomic\n${end}`).wrong).toHaveLength(1);
    expect(loadResult("LOAD-DONE jobs=3 wrong=2\n").wrong).toEqual(["2 results were wrong"]);
    expect(loadResult("LOAD-JOBS exec 3\n").wrong).toEqual(["the load did not come to its end"]);
  });
});
