/**
 * How much memory a PVH domain may ask for. What can't be given is refused with a sentence, when the domain is made or before, and leaves nothing
 * behind.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PvhHost, haveCompiler, pvhKernel } from "./pvh.ts";

/** The memory of the host in MiB. */
const HOST = 256;

describe.skipIf(!haveCompiler)("the size of a PVH domain", () => {
  let host: PvhHost;
  beforeAll(async () => {
    host = await PvhHost.open(1, HOST);
  }, 120_000);

  const create = async (lines: string, ramdiskBytes = 0): Promise<number> => {
    const ramdisk = ramdiskBytes ? { ramdisk: new Uint8Array(ramdiskBytes) } : {};
    const { domid } = await host.host.toolstack.request("create", {
      config: `name = "sized"\ntype = "pvh"\nkernel = "k"\n${ramdiskBytes ? 'ramdisk = "ramdisk"\n' : ""}${lines}\n`,
      files: { k: pvhKernel(), ...ramdisk },
      paused: true,
    });
    return domid;
  };
  const free = async (): Promise<number> => (await host.host.toolstack.request("hostInfo")).freeMemoryMiB;
  let before: number;
  beforeAll(async () => {
    before = await free();
  });
  afterAll(() => host.close());

  it.each([
    ["memory = 0", /memory is "0"; allowed: a whole number from 1 to 3584 \(MiB\)/],
    ["memory = -1", /expected a value for memory/],
    ['memory = "-1"', /memory is "-1"; allowed/],
    ["memory = 3585", /memory is "3585"; allowed: a whole number from 1 to 3584/],
    ["memory = 999999999999", /memory is "999999999999"; allowed/],
    ["memory = 32\nmaxmem = 31", /maxmem is "31"; allowed: at least memory, which is 32/],
    ["memory = 32\nmaxmem = 16385", /maxmem is "16385"; allowed: a whole number from 1 to 16384/],
    ["maxmem = 16384", /sized wants 16385 MiB of memory and the host has \d+ MiB free/],
    ["memory = 3584", /sized wants 3585 MiB of memory and the host has \d+ MiB free/],
    ["memory = 1", /The kernel is to be loaded up to \d+ MiB, and the domain has 1 MiB of memory/],
  ])("%j is refused", async (lines, sentence) => {
    await expect(create(lines)).rejects.toThrow(sentence);
  });

  it("must hold the RAM disk too", async () => {
    await expect(create("memory = 4\nmaxmem = 8192", 4 << 20)).rejects.toThrow(
      /The domain's 4 MiB of memory are too few: kernel and ramdisk need \d+ MiB/,
    );
  });

  it("may be all that the host has, and no page more: the end is a sentence", async () => {
    const outcomes: string[] = [];
    for (let memory = before - 3; memory <= before + 1; memory++) {
      const outcome = await create(`memory = ${memory}`).catch((error: Error) => error.message);
      if (typeof outcome === "number") await host.host.toolstack.request("destroy", { domid: outcome });
      else expect(outcome).toMatch(/sized wants \d+ MiB of memory and the host has \d+ MiB free/);
      outcomes.push(typeof outcome);
    }
    expect(outcomes[0]).toBe("number");
    expect(outcomes.at(-1)).toBe("string");
  });

  it("may go far beyond what the host has when it comes on demand", async () => {
    const domid = await create("memory = 24\nmaxmem = 16384");
    // What the domain was promised belongs to nobody else.
    expect(await free()).toBeLessThanOrEqual(before - 24);
    await host.host.toolstack.request("destroy", { domid });
  });

  it("leaves nothing behind, whatever it was", async () => {
    // The structures of a domain are freed a moment after its end.
    await expect.poll(free, { timeout: 30_000 }).toBe(before);
    expect(await host.violations(), host.log.slice(-2000)).toBe(0);
  });
});
