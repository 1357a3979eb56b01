/**
 * A PVH guest is saved in every mode of the processor, with interrupts in service and requested and with timers that wait. Afterwards it compares
 * everything that it has.
 */
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../../temporary.ts";
import { PvhHost, haveCompiler } from "./pvh.ts";

describe.skipIf(!haveCompiler)("a PVH domain that is saved and restored", () => {
  let host: PvhHost;
  beforeAll(async () => {
    host = await PvhHost.open();
  }, 120_000);
  afterAll(() => host.close());

  it("has all of its vCPUs' state again: of long mode, of modes before, asleep, with interrupts and timers on their way", async () => {
    const { toolstack } = host.host;
    const file = path.join(temporaryFolder("modes"), "modes.saved");
    const domid = await host.start("modes", { vcpus: 5 });
    const isSuspended = async (): Promise<boolean> =>
      (await toolstack.request("list")).some((each) => each.domid === domid && each.state.shutdown);
    await vi.waitUntil(isSuspended, { timeout: 60_000, interval: 20 });
    await toolstack.request("save", { domid, file });
    const restored = (await toolstack.request("restore", { file })).domid;
    const { said } = await host.ended(restored, 100);
    expect(said, host.log.slice(-3000)).toEqual([
      "GOES ON 0 forward 1 deadline 1",
      // First 16-bit code: ECX, ES and CS, the lowest bits of CR0. Then 32-bit code without paging and with 4 MiB pages: ECX, CR0 (an INIT sets CD
      // and NW), CR4.
      "MODE a000: 89abcdef a005678 10",
      "MODE b000: 13579bdf 60000011 0",
      "MODE c000: 2468ace0 e0000011 10",
      "REAL esp fedcba98",
      "CAME 61 51 71",
      "TIMER early 0",
      "SLEEPER 2",
      "END",
    ]);
    expect(await host.violations()).toBe(0);
  }, 150_000);
});
