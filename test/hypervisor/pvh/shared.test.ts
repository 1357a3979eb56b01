/**
 * A running PVH domain and copies of it, which share its memory: each writes to it in every way that there is, with two vCPUs, and reads only what it
 * has written itself; they are saved, dumped and destroyed in any order; and the host's accounts are right.
 */
import { randomUUID } from "node:crypto";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../../temporary.ts";
import { PvhHost, haveCompiler } from "./pvh.ts";

const MEMORY_MIB = 24;
const DOMID_COW = 0x7ff3;

describe.skipIf(!haveCompiler)("memory that copies share", { timeout: 400_000 }, () => {
  const folder = temporaryFolder("pvh-shared");
  let host: PvhHost;
  beforeAll(async () => {
    host = await PvhHost.open(2, 384);
  }, 120_000);
  afterAll(() => host.close());
  afterEach(async () => {
    for (const { domid } of await request("list")) if (domid) await request("destroy", { domid }).catch(() => {});
  });

  const request: PvhHost["host"]["toolstack"]["request"] = (name, ...args) =>
    host.host.toolstack.request(name, ...args);
  const free = async (): Promise<number> => (await request("hostInfo")).freeMemoryMiB;
  const said = (domid: number, begin: string): string[] => host.said(domid).filter((line) => line.startsWith(begin));
  const ready = async (domid: number, round: number): Promise<void> => {
    await host.until(`round ${round} of domain ${domid}`, () => host.said(domid).includes(`READY ${round}`), 120);
    await request("consoleAttach", { domid });
  };
  const type = (domid: number): Promise<null> => request("consoleInput", { domid, bytes: Buffer.from("s") });
  const sharedFrames = async (): Promise<number> =>
    (await request("frameMap")).palette
      .filter(({ kind, domid }) => kind === "copy-on-write" && domid === DOMID_COW)
      .reduce((sum, { frames }) => sum + frames, 0);

  /** Copies of a domain that waits for something to be typed; all are paused, but the domain goes on. */
  const fork = async (domid: number, copies: number): Promise<number[]> => {
    const held = randomUUID();
    const { config } = await request("definition", { domid });
    const record = { file: path.join(folder, "record"), text: "" };
    const asked = request("checkpoint", { domid, memory: "held", held, copies, file: null, disks: [], record });
    await type(domid);
    const { problem, memoryMiB } = await asked;
    expect(problem, host.log.slice(-2000)).toBe(null);
    expect(Math.floor(memoryMiB)).toBe(MEMORY_MIB);
    const made: number[] = [];
    for (let i = 0; i < copies; i++) {
      const as = { config, name: `copy${randomUUID()}`, uuid: randomUUID() };
      made.push((await request("heldContinue", { held, as })).domid);
    }
    await expect(
      request("heldContinue", { held, as: { config, name: "none", uuid: randomUUID() } }),
    ).rejects.toMatchObject({ code: "ESRCH" });
    await request("heldForget", { held });
    return made;
  };
  /** What a domain has found and done in a round, in which it went on with what `as` had. */
  const right = async (domid: number, round: number, result: number): Promise<void> => {
    await host.until(`the end of round ${round} of domain ${domid}`, () => said(domid, `OWN ${round}`).length > 0, 120);
    expect(said(domid, `ON ${round}`), host.log.slice(-3000)).toEqual([
      `ON ${round} domain ${domid} result ${result} wrong 0`,
    ]);
    expect(said(domid, "WAYS").at(-1)).toBe("WAYS code 1 marked 1 interrupts 1 given 1 1 reads 0 granted 1 moved 1");
    expect(said(domid, `OWN ${round}`)).toEqual([`OWN ${round} wrong 0 foreign 0`]);
  };

  it("is each one's own where it is written to, while all write at once", async () => {
    const before = await free();
    const domid = await host.start("shared", { memoryMiB: MEMORY_MIB, vcpus: 2 });
    await ready(domid, 0);
    const copies = await fork(domid, 3);
    // All but what dom0 has mapped, and what the original writes, is shared; and each counts as much as it may write.
    expect(await sharedFrames()).toBeGreaterThan((MEMORY_MIB - 8) * 256);
    // Inspect names who has the frame of an address that nobody writes to. The kernel maps its memory one to one.
    const behind = async (of: number) => {
      const address = BigInt((MEMORY_MIB - 1) << 20);
      const { steps } = await request("inspectWalk", { domid: of, vcpu: 0, tables: "kernel", address });
      return steps.at(-1)!.second!;
    };
    const others = (of: number): string => {
      const [a, b, c] = [domid, ...copies].filter((each) => each !== of);
      return `domains ${a}, ${b} and ${c}`;
    };
    for (const each of [domid, ...copies]) {
      const { end, steps, machine } = await behind(each);
      expect(end).toMatch(new RegExp(`a page of 4 KiB, shared with ${others(each)}; whoever writes to it gets a copy`));
      expect(steps.at(-1)!.flags.map(({ name }) => name)).toEqual(["P", "ram_shared"]);
      expect(machine).toBe((await behind(domid)).machine);
    }
    const own = (await request("frameMap")).palette.filter((each) => each.domid === copies[2]);
    expect(own.reduce((sum, { frames }) => sum + frames, 0)).toBeLessThan(64);
    for (const each of await request("list")) if (each.domid) expect(Math.floor(each.memoryMiB)).toBe(MEMORY_MIB);
    expect(before - (await free())).toBeGreaterThanOrEqual(4 * MEMORY_MIB);
    // Who looks goes through page tables that are shared, and leaves them so.
    const frames = await sharedFrames();
    const walked = await request("inspectWalk", { domid: copies[0]!, vcpu: 0, tables: "kernel", address: 0x812345n });
    expect(walked).toMatchObject({ machine: expect.any(String), pageBytes: 2 ** 21 });
    expect(walked.steps.map(({ level }) => level)).toEqual([4, 3, 2]);
    const registers = await request("inspectRegisters", { domid: copies[0]!, vcpu: 0 });
    expect(registers.code.length).toBeGreaterThan(0);
    expect(await sharedFrames()).toBe(frames);
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    for (const each of copies) await request("unpause", { domid: each });
    const looked = (async () => {
      for (let i = 0; i < 3; i++) expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    })();
    await Promise.all([right(domid, 0, 1), ...copies.map((each) => right(each, 0, 0)), looked]);

    // A copy is copied, saved while it shares, and dumped; the original ends meanwhile.
    for (const each of [domid, ...copies]) await ready(each, 1);
    const again = await fork(copies[0]!, 1);
    await request("destroy", { domid });
    const shared = await sharedFrames();
    expect(shared).toBeGreaterThan(0);
    await request("dumpCore", { domid: again[0]!, file: path.join(folder, "core") });
    // Who only reads leaves what is shared.
    expect(await sharedFrames()).toBeGreaterThan(shared * 0.9);
    await request("unpause", { domid: again[0]! });
    await Promise.all([right(copies[0]!, 1, 1), right(again[0]!, 1, 0)]);
    const file = path.join(folder, "saved");
    const saving = request("save", { domid: copies[1]!, file });
    await type(copies[1]!);
    await saving;
    const restored = (await request("restore", { file })).domid;
    await right(restored, 1, 0);
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    for (const each of [copies[2]!, copies[0]!, restored, again[0]!]) {
      await request("destroy", { domid: each });
      expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    }
    await expect.poll(free, { timeout: 30_000 }).toBe(before);
    expect(await sharedFrames()).toBe(0);
  });

  it("is copied where the host has no room for a reserve of the original; too many copies are refused", async () => {
    const before = await free();
    const domid = await host.start("shared", { memoryMiB: MEMORY_MIB, vcpus: 2 });
    await ready(domid, 0);
    // A domain that takes all but what one copy needs.
    const room = (await free()) - MEMORY_MIB - 8;
    const other = await host.start("demand wait", { memoryMiB: room, paused: true });
    await expect(
      request("checkpoint", {
        ...{ domid, memory: "held", held: "x", copies: 2, file: null, disks: [] },
        record: { file: path.join(folder, "record"), text: "" },
      }),
    ).rejects.toMatchObject({ code: "ENOMEM" });
    const [copy] = await fork(domid, 1);
    expect(await sharedFrames()).toBe(0);
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    await request("unpause", { domid: copy! });
    await Promise.all([right(domid, 0, 1), right(copy!, 0, 0)]);
    for (const each of [domid, other, copy!]) await request("destroy", { domid: each });
    await expect.poll(free, { timeout: 30_000 }).toBe(before);
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
  });

  it("of copies that nothing was made of goes when they are forgotten, and when the domain is destroyed meanwhile", async () => {
    const before = await free();
    const domid = await host.start("shared once", { memoryMiB: MEMORY_MIB, vcpus: 2 });
    await ready(domid, 0);
    const record = { file: path.join(folder, "record"), text: "" };
    const asked = request("checkpoint", {
      ...{ domid, memory: "held", held: "left", copies: 3, file: null, disks: [] },
      record,
    });
    await type(domid);
    expect((await asked).problem).toBe(null);
    await right(domid, 0, 1);
    await host.ended(domid);
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    await request("heldForget", { held: "left" });
    await expect.poll(free, { timeout: 30_000 }).toBe(before);
    expect(await sharedFrames()).toBe(0);
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
  });
});
