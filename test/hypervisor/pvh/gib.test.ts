/** A PVH domain that has memory in an entry of 1 GiB: how Inspect shows it, and that the guest finds no difference. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { PvhHost, haveCompiler } from "./pvh.ts";

const HOST_MIB = 2304;
const MEMORY_MIB = 1056;

describe.skipIf(!haveCompiler)("a PVH domain of more than 1 GiB", () => {
  let host: PvhHost;
  beforeAll(async () => {
    host = await PvhHost.open(1, HOST_MIB);
  }, 120_000);
  afterAll(async () => {
    expect(await host.violations()).toBe(0);
    await host.close();
  });

  it("has an entry of 1 GiB, which is shown", async () => {
    const { toolstack } = host.host;
    const levels = async (domid: number, address: bigint): Promise<[number, string]> => {
      const { rootSecond, steps } = await toolstack.request("inspectWalk", {
        ...{ domid, vcpu: 0, tables: "kernel", address },
      });
      const { steps: second, end } = (steps.at(-1)?.second ?? rootSecond)!;
      return [second.at(-1)!.level, end];
    };
    const domid = await host.start("xstate suspends", { memoryMiB: MEMORY_MIB });
    const isSuspended = async (): Promise<boolean> =>
      (await toolstack.request("list")).some((each) => each.domid === domid && each.state.shutdown);
    await vi.waitUntil(isSuspended, { timeout: 60_000, interval: 20 });
    expect(await levels(domid, 0x10_0000n)).toEqual([3, "Mapped by L3 entry 0: a page of 1 GiB."]);
    // Memory by guest-physical address names the frame to which the walk leads, anywhere in that GiB.
    for (const address of [0x10_0000n, 0x2345_6000n]) {
      const at = { domid, vcpu: 0, tables: "kernel" as const, address };
      const { machine } = await toolstack.request("inspectWalk", at);
      const { pieces } = await toolstack.request("inspectMemory", { ...at, space: "pseudo-physical", bytes: 8 });
      expect(BigInt(pieces[0]!.mfn!) << 12n).toBe(BigInt(machine!));
    }
    expect(await host.violations()).toBe(0);
    await toolstack.request("destroy", { domid });
  });

  it("keeps the rules of its guest frames as one that has smaller entries does", async () => {
    // What it says of addresses that are memory here and none in a smaller domain, and of the larger pool, is left out.
    const said = async (memoryMiB: number): Promise<string[]> => {
      const lines = (await host.ended(await host.start("rules", { vcpus: 2, memoryMiB }))).said;
      expect(lines.at(-1)).toBe("END");
      return lines.slice(lines.indexOf("POPULATE 1"), lines.indexOf("MOVED 0") + 1);
    };
    const expected = await said(32);
    expect(expected).toHaveLength(8);
    expect(await said(MEMORY_MIB)).toEqual(expected);
    expect(await host.violations()).toBe(0);
  });
});
