/**
 * How long a PVH guest takes to write to 64 MiB right after it was forked, which its copy shares with it: figures for core/library/snapshots/README.md. First
 * the copy writes, and then the original, to whom each frame is left.
 */
import { randomUUID } from "node:crypto";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PvhHost, haveCompiler } from "../hypervisor/pvh/pvh.ts";
import { temporaryFolder } from "../temporary.ts";

const MEMORY_MIB = 96;
const TIMES = Number(process.env.XENARIUM_FORK_TIMES ?? 3);

describe.skipIf(!haveCompiler)("64 MiB written after a fork", { timeout: 600_000 }, () => {
  const folder = temporaryFolder("fork-touch");
  let host: PvhHost;
  beforeAll(async () => {
    host = await PvhHost.open(2, 1024);
  }, 120_000);
  afterAll(() => host.close());

  it.each([
    ["in order, one vCPU", "touched", 1],
    ["in no order, one vCPU", "touched scattered", 1],
    ["in order, another vCPU computes", "touched two", 2],
    ["in order, another vCPU reads it", "touched two beside", 2],
  ])("%s", async (name, words, vcpus) => {
    const request: (typeof host.host.toolstack)["request"] = (...args) => host.host.toolstack.request(...args);
    const type = (domid: number): Promise<null> => request("consoleInput", { domid, bytes: Buffer.from("x") });
    const line = async (domid: number, begin: string): Promise<string> => {
      const found = (): string | undefined => host.said(domid).find((each) => each.startsWith(begin));
      await host.until(`${begin} of domain ${domid}`, () => found() !== undefined, 120);
      return found()!;
    };
    const domid = await host.start(words, { memoryMiB: MEMORY_MIB, vcpus });
    await line(domid, "READY 1");
    await request("consoleAttach", { domid });
    const took: Record<"copy" | "original", number[]> = { copy: [], original: [] };
    for (let round = 1; round <= TIMES; round++) {
      await line(domid, `READY ${round}`);
      const held = randomUUID();
      const { config } = await request("definition", { domid });
      const record = { file: path.join(folder, "record"), text: "" };
      const asked = request("checkpoint", { domid, memory: "held", held, copies: 1, file: null, disks: [], record });
      await type(domid);
      expect((await asked).problem).toBe(null);
      const as = { config, name: `copy${randomUUID()}`, uuid: randomUUID() };
      const copy = (await request("heldContinue", { held, as })).domid;
      await request("heldForget", { held });
      await request("consoleAttach", { domid: copy });
      await request("unpause", { domid: copy });
      for (const [who, each] of [
        ["copy", copy],
        ["original", domid],
      ] as const) {
        await line(each, `BACK ${round}`);
        await type(each);
        const [, ns, wrong] = / in (\d+) ns, (\d+) wrong/.exec(await line(each, `TOUCHED ${round}`))!;
        expect(wrong).toBe("0");
        took[who].push(Number(ns) / 1e6);
      }
      await request("destroy", { domid: copy });
      expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    }
    const figures = Object.entries(took).map(([who, all]) => `${who} ${all.map((ms) => ms.toFixed(0)).join(", ")} ms`);
    console.log(`${name}: ${figures.join("; ")}`);
    await request("destroy", { domid });
  });
});
