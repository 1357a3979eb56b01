/** A PVH domain whose maxmem is above its memory: it is told of all of maxmem, gets memory when it touches it, and gets no more than its target. */
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../../temporary.ts";
import { PvhHost, haveCompiler } from "./pvh.ts";

describe.skipIf(!haveCompiler)("memory on demand", () => {
  const folder = temporaryFolder("pvh-demand");
  let host: PvhHost;
  beforeAll(async () => {
    host = await PvhHost.open();
  }, 120_000);
  afterAll(() => host.close());
  const free = async (): Promise<number> => (await host.host.toolstack.request("hostInfo")).freeMemoryMiB;
  const OWNED = /^OWNED (\d+)$/;

  it("is given to whoever touches it first, and to Xen for the guest; beyond the target the guest is crashed", async () => {
    const before = await free();
    const domid = await host.start("demand", { memoryMiB: 24, maxmemMiB: 64 });
    const { reason, said } = await host.ended(domid);
    const log = host.log.slice(-3000);
    expect(said, log).toEqual(
      expect.arrayContaining([
        "READ 0 0",
        "WRITTEN 1234567",
        "BUFFER 0 46",
        "STACK 1",
        "NMI 1",
        "TRAPPED 0",
        "PORT 1",
        "GIVEN 1 reads ffffffffffffffff",
        "AGAIN 0",
        "GRANT 0 77",
        "SHARED 0",
        "ITSELF 0",
        "TOUCHED 4096",
      ]),
    );
    // The domain owns 24 MiB, and what every PVH domain has besides, from the beginning: they are in reserve.
    const owned = said.map((line) => OWNED.exec(line)?.[1]).filter((pages) => pages !== undefined);
    expect(Number(owned[0])).toBe(24 * 256 + 17);
    expect(said).not.toContain("ALL");
    expect(reason).toBe("crash");
    expect(log).toMatch(/touches more memory than it is to have/);
    expect(await host.violations(), log).toBe(0);
    await host.until("the end of the domain", () => host.log.includes("touches more memory"));
    await expect.poll(free, { timeout: 30_000 }).toBe(before);
  });

  it("is given once to two vCPUs that touch it at the same time, though it is the last there is", async () => {
    const domid = await host.start("demand together", { memoryMiB: 24, maxmemMiB: 64, vcpus: 2 });
    const { reason, said } = await host.ended(domid);
    const target = 24 * 256 + 17;
    expect(said, host.log.slice(-3000)).toEqual(
      expect.arrayContaining([`ALL TOUCHED ${target}`, `TOGETHER 2000 owned ${target}`]),
    );
    expect(reason).toBe("poweroff");
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
  });

  it("is written or lost where a vCPU touches it while another one gives it back, and the domain goes on", async () => {
    const domid = await host.start("demand withdrawn", { memoryMiB: 24, maxmemMiB: 64, vcpus: 2 });
    const { reason, said } = await host.ended(domid);
    expect(said.at(-1), host.log.slice(-3000)).toMatch(/^WITHDRAWN 7936 owned /);
    expect(reason).toBe("poweroff");
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
  });

  it("comes out of what the guest has left all zero, when the reserve is used up", async () => {
    const before = await free();
    const domid = await host.start("demand cleared", { memoryMiB: 24, maxmemMiB: 64 });
    const { reason, said } = await host.ended(domid);
    expect(said.slice(said.findIndex((line) => line.startsWith("CLEARED"))), host.log.slice(-3000)).toEqual([
      `CLEARED owned ${24 * 256 + 17}`,
      "GRANT 0 77",
    ]);
    expect(said.filter((line) => /^(LOST|NOT ZERO)/.test(line))).toEqual([]);
    expect(reason).toBe("poweroff");
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    await expect.poll(free, { timeout: 30_000 }).toBe(before);
  });

  it("is sought until it is found, also for a hypercall and for the stack of an interrupt, which are not made again", async () => {
    const domid = await host.start("demand sought", { memoryMiB: 64, maxmemMiB: 96 });
    const { reason, said } = await host.ended(domid);
    expect(said.slice(said.findIndex((line) => line.startsWith("FULL"))), host.log.slice(-3000)).toEqual([
      `FULL owned ${64 * 256 + 17}`,
      "SOUGHT 24 answered, 24 arrived",
    ]);
    // Where nothing is zero any more, a hypercall crashes the guest as an access of its own does: as often as it asks, all of it would be searched.
    expect(reason).toBe("crash");
    expect(host.log.split(`d${domid}v0 touches more memory than it is to have`)).toHaveLength(2);
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
  });

  it("is not sought for longer than a pCPU may be kept: the guest whose last zeroes are far away is crashed, as in Xen", async () => {
    const domid = await host.start("demand late", { memoryMiB: 320, maxmemMiB: 352 });
    const { reason, said } = await host.ended(domid);
    expect(reason, said.join("\n")).toBe("crash");
    expect(host.log).toContain(`d${domid}v0 touches more memory than it is to have`);
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
  });

  it("ends where nothing is zero any more: the guest is crashed then", async () => {
    const domid = await host.start("demand cleared then", { memoryMiB: 24, maxmemMiB: 64 });
    const { reason, said } = await host.ended(domid);
    expect(said, host.log.slice(-3000)).toContain(`CLEARED owned ${24 * 256 + 17}`);
    expect(said).not.toContain("ALL");
    expect(reason).toBe("crash");
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
  });

  it("is not taken from a frame that another vCPU writes to just then", async () => {
    const domid = await host.start("demand moments", { memoryMiB: 24, maxmemMiB: 64, vcpus: 2 });
    const { reason, said } = await host.ended(domid);
    expect(
      said.filter((line) => /^(LOST|NOT ZERO)/.test(line)),
      host.log.slice(-3000),
    ).toEqual([]);
    expect(said.at(-1)).toBe("MOMENTS 1");
    expect(reason).toBe("poweroff");
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
  });

  it("is in reserve: nobody else gets it, and with the target it grows and shrinks", async () => {
    const { toolstack } = host.host;
    const before = await free();
    const domid = await host.start("demand wait", { memoryMiB: 24, maxmemMiB: 64 });
    await host.until("its tour", () => host.said(domid).filter((line) => OWNED.test(line)).length === 2);
    const info = async () => (await toolstack.request("list")).find((each) => each.domid === domid)!;
    expect(Math.floor((await info()).memoryMiB)).toBe(24);
    expect(await free()).toBeLessThanOrEqual(before - 24);
    await toolstack.request("setMemory", { domid, memoryMiB: 40 });
    expect(Math.floor((await info()).memoryMiB)).toBe(40);
    expect(await free()).toBeLessThanOrEqual(before - 40);
    // As in Xen, the domain keeps what it was promised until its balloon driver gives it back.
    await toolstack.request("setMemory", { domid, memoryMiB: 16 });
    expect(Math.floor((await info()).memoryMiB)).toBe(40);
    expect(await free()).toBeLessThanOrEqual(before - 40);

    // Inspect says so, and gives it no memory either.
    const inspected = await toolstack.request("inspectWalk", {
      ...{ domid, vcpu: 0, tables: "kernel", address: 0x3e0_1000n },
    });
    expect(inspected.steps.at(-1)?.second).toMatchObject({
      end: expect.stringMatching(/^Populated on demand, by L[12] entry \d+ for (4 KiB|2 MiB): /) as string,
      machine: null,
    });
    expect(
      inspected.steps
        .at(-1)!
        .second!.steps.at(-1)!
        .flags.map(({ name }) => name),
    ).toContain("populate_on_demand");
    // Looking at the whole domain gives it no memory, so that there is something left for what it touches afterwards.
    const poke = async (domain: number, order: number): Promise<void> => {
      await host.until(`order ${order}`, () => host.said(domain).includes(`WAITS ${order}`));
      await toolstack.request("trigger", { domid: domain, trigger: "nmi", vcpu: 0 });
    };
    await toolstack.request("dumpCore", { domid, file: path.join(folder, "core") });
    const owned = 40 * 256 + 17;
    const refused = toolstack.request("save", { domid, file: path.join(folder, "refused") });
    await Promise.all([expect(refused).rejects.toThrow(/has not yet given back the 24 MiB/), poke(domid, 0)]);
    await host.until("its going on", () => host.said(domid).includes(`BACK owned ${owned}`));
    await poke(domid, 1);
    await host.until("what it touches", () => host.said(domid).includes("ALIVE 64"));
    expect(Math.floor((await info()).memoryMiB)).toBe(40);

    // What the domain gives back takes the reserve along. Then the domain can be saved, together with what it has not touched yet. In its tour it
    // gave back one frame, and put frames of Xen's or a grant at three places.
    const kept = 16 * 256 - 4 + 17;
    await poke(domid, 2);
    await host.until("its balloon", () => host.said(domid).includes(`BALLOONED owned ${kept}`));
    expect(Math.floor((await info()).memoryMiB)).toBe(16);
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    const file = path.join(folder, "saved");
    await Promise.all([toolstack.request("save", { domid, file }), poke(domid, 3)]);
    const restored = (await toolstack.request("restore", { file })).domid;
    await poke(restored, 4);
    const { reason, said } = await host.ended(restored);
    expect(said, host.log.slice(-3000)).toEqual([`BACK owned ${kept}`, "WAITS 4", "ALIVE 128"]);
    expect(reason).toBe("poweroff");
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    await expect.poll(free, { timeout: 30_000 }).toBe(before);
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
  });

  it("goes on at 4 GiB behind the hole, where it is kept when the domain is saved and restored", async () => {
    const { toolstack } = host.host;
    const before = await free();
    const domid = await host.start("demand above", { memoryMiB: 64, maxmemMiB: 4000 });
    await host.until("its memory", () => host.said(domid).some((line) => line.startsWith("WAITS")));
    // There are 3,840 MiB below the hole, and the rest is above it. Where nothing is, reads return ones.
    expect(host.said(domid), host.log.slice(-3000)).toEqual(
      expect.arrayContaining([
        "MAP 0 f0000000 type 1",
        "MAP fc000000 8040 type 3",
        "MAP feff8000 8000 type 2",
        "MAP 100000000 a000000 type 1",
        "ABOVE reads 0 0, behind it ffffffffffffffff",
      ]),
    );
    const kept = 0x2200 + 2 + 17;
    expect(host.said(domid)).toContain(`WAITS owned ${kept}`);
    // What was given back, page by page, needs no tables any more: they would be 8 MiB.
    expect(before - (await free())).toBeLessThan(kept / 256 + 2);
    const file = path.join(folder, "above");
    const saved = toolstack.request("save", { domid, file });
    await toolstack.request("trigger", { domid, trigger: "nmi", vcpu: 0 });
    await saved;
    const restored = (await toolstack.request("restore", { file })).domid;
    const { reason, said } = await host.ended(restored);
    expect(said, host.log.slice(-3000)).toEqual([`BACK owned ${kept}`, "KEPT 1111 2222"]);
    expect(reason).toBe("poweroff");
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    await expect.poll(free, { timeout: 30_000 }).toBe(before);
  });

  it("is refused where the host has less in reserve: it has what it had, and may have no more", async () => {
    const { toolstack } = host.host;
    const domid = await host.start("demand wait", { memoryMiB: 24, maxmemMiB: 600 });
    const memory = async () => {
      const { memoryMiB, maxmemMiB } = (await toolstack.request("list")).find((each) => each.domid === domid)!;
      return { memoryMiB, maxmemMiB };
    };
    const before = await memory();
    await expect(toolstack.request("setMemory", { domid, memoryMiB: 600 })).rejects.toThrow(/ENOMEM/);
    expect(await memory()).toEqual(before);
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    await toolstack.request("destroy", { domid });
  });
});
