/**
 * A kernel of ours tries gates, tasks, rings, page tables, virtual-8086, real and long mode, and prints what it sees. The output must be that of
 * QEMU's TCG.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { compileEngine } from "./engine.ts";
import { recorded, sourcesHash } from "./ring0/kernel.ts";
import { runKernel } from "./ring0/run.ts";

let compiled: WebAssembly.Module;

beforeAll(async () => {
  compiled = await compileEngine();
}, 300_000);

describe("the kernel that prints what ring 0 sees", () => {
  it("is the one that was recorded", () => {
    expect(recorded().sources).toBe(sourcesHash());
  });
  it("prints on the engine what it printed in QEMU's TCG", () => {
    const { image, text } = recorded();
    expect(text.split("\n").length).toBeGreaterThan(250);
    expect(runKernel(compiled, image).split("\n")).toEqual(text.split("\n"));
  });
});
