/**
 * What a PVH vCPU keeps while its domain is saved and restored, besides what Linux shows (../../guests/pvh-save.test.ts): the timer of its APIC, and
 * its TSC.
 */
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../../temporary.ts";
import { PvhHost, haveCompiler } from "./pvh.ts";

describe.skipIf(!haveCompiler)("a PVH vCPU that is saved", () => {
  const folder = temporaryFolder("pvh-kept");
  let host: PvhHost;
  beforeAll(async () => {
    host = await PvhHost.open();
  }, 120_000);
  afterAll(() => host.close());

  it.each(["periodic", "deadline"])(
    "keeps its APIC's timer, which goes on (%s), and how its TSC was moved",
    async (mode) => {
      const { toolstack } = host.host;
      const domid = await host.start(`kept ${mode}`);
      await host.until("its timer", () => host.said(domid).includes("READY"));
      expect(host.said(domid), host.log.slice(-2000)).toEqual(
        expect.arrayContaining(["ADJUST 10000000000 moved 1", "TSC moved 3"]),
      );
      const file = path.join(folder, `${mode}.saved`);
      await toolstack.request("consoleAttach", { domid });
      const saved = toolstack.request("save", { domid, file });
      // The guest suspends when something is typed.
      await toolstack.request("consoleInput", { domid, bytes: Buffer.from("s") });
      await saved;
      const restored = await toolstack.request("restore", { file });
      const { said } = await host.ended(restored.domid);
      const timer = mode === "deadline" ? "40070" : "20070";
      expect(said, host.log.slice(-2000)).toEqual(
        expect.arrayContaining([`ON adjust 1 tsc 1 divide 0 timer ${timer}`, "TICKS early 0", "END"]),
      );
      expect(await host.violations(), host.log.slice(-2000)).toBe(0);
    },
  );
});
