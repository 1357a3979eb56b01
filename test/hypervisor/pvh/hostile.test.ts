/**
 * PVH guests that attack: nothing of others may be touched, the hypervisor's accounts must be right while they run and afterwards, and it must be
 * possible to destroy them.
 */
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../../temporary.ts";
import { PvhHost, haveCompiler } from "./pvh.ts";

/** Of a console: a guest makes them in a second or two. XENARIUM_TRIES=n makes others. */
const MUTATIONS = Number(process.env.XENARIUM_TRIES ?? 500_000);

describe.skipIf(!haveCompiler)("a hostile PVH guest", () => {
  let host: PvhHost;
  beforeAll(async () => {
    host = await PvhHost.open();
  }, 120_000);
  afterAll(() => host.close());

  it("has no rights to others' memory, parameters and grants, nor to machine frames", async () => {
    const victim = await host.start("vcpus=2", { vcpus: 2 });
    const domid = await host.start(`rights victim=${victim}`);
    const { said } = await host.ended(domid);
    expect(said, host.log.slice(-3000)).toEqual(
      expect.arrayContaining([
        "FOREIGN batch -1",
        "FOREIGN victim -1",
        "OTHERS info -1",
        "OTHERS memory -1",
        "OTHERS parameter -1",
        "OWN store page -1",
        "MMU_UPDATE -38",
        "MMUEXT -38",
        "DOMCTL -1",
        "GRANT refused",
        "GRANT into tables -1 -1",
        "PAGES of the machine -38",
        "END",
      ]),
    );
    await host.ended(victim);
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
  });

  it("takes frames away, puts them back, moves, grants and writes them on two vCPUs at a time, and finds none of others'", async () => {
    const free = (await host.host.toolstack.request("hostInfo")).freeMemoryMiB;
    const pair = [
      await host.start("races rounds=30000", { vcpus: 2 }),
      await host.start("races rounds=30000", { vcpus: 2 }),
    ];
    await host.until("both races", () =>
      pair.every((domid) => host.said(domid).some((line) => line.startsWith("TABLE"))),
    );
    for (let look = 0; look < 5; look++) expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    for (const domid of pair) {
      const { said } = await host.ended(domid, 100);
      expect(said, host.log.slice(-3000)).toEqual(expect.arrayContaining(["MAPPED grants", "RACES 1 and 1 foreign 0"]));
    }
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    await host.until("the structures of dead domains", () => true);
    const { freeMemoryMiB } = await host.host.toolstack.request("hostInfo");
    expect(free - freeMemoryMiB).toBeLessThanOrEqual(1);
  }, 150_000);

  it("is trapped by TF behind an instruction of Xen's while its stack is given away: nothing is written where it was", async () => {
    const domid = await host.start("trapped rounds=15000", { vcpus: 2 });
    const { said } = await host.ended(domid, 100);
    expect(said, host.log.slice(-3000)).toContain("TRAPPED enough stale 0");
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
  }, 150_000);

  it("can't give a new state to a vCPU that runs", async () => {
    const { said } = await host.ended(await host.start("rewritten", { vcpus: 2 }));
    expect(said, host.log.slice(-3000)).toEqual(expect.arrayContaining(["INITIALISE -17", "REWRITTEN done"]));
  });

  it("has a fault of an INS that no gate takes: a triple fault, as of any instruction", async () => {
    const { reason, said } = await host.ended(await host.start("undeliverable"), 20);
    expect(said, host.log.slice(-3000)).toContain("UNDELIVERABLE");
    expect(said).not.toContain("WENT ON");
    expect(reason).toBe("reboot");
  });

  it("sets the timers of its APICs to anything, and resets the vCPUs that do: the host keeps time, and the timers end with it", async () => {
    const domid = await host.start("timers vcpus=3", { vcpus: 3 });
    const { said } = await host.ended(domid, 100);
    expect(said, host.log.slice(-3000)).toEqual(expect.arrayContaining(["TIMERS 3", "END"]));
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    const { said: after } = await host.ended(await host.start("timer"));
    expect(after).toEqual(expect.arrayContaining(["ONCE early 0 current 0 again 0", "AGAIN early 0", "END"]));
  }, 150_000);

  it("resets a vCPU that runs and starts it at once or later: it never runs before it is started", async () => {
    const { reason, said } = await host.ended(await host.start("restarts rounds=5000", { vcpus: 2 }), 100);
    expect(`${reason} ${said.at(-1)}`, host.log.slice(-3000)).toBe("poweroff RESTARTS 5000");
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
  }, 150_000);

  it("calls, writes registers, ports, its APIC and nowhere without sense, and only harms itself", async () => {
    const seeds = [1, 2, 3];
    const domids = await Promise.all(seeds.map((seed) => host.start(`nonsense rounds=20000 seed=${seed}`)));
    for (const domid of domids) {
      const { reason, said } = await host.ended(domid, 100);
      // The line follows bytes that the guest wrote without the end of a line.
      expect(`${reason} ${said.join("\n")}`, host.log.slice(-3000)).toMatch(/^poweroff [^]*NONSENSE done/);
    }
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    const after = await host.ended(await host.start("hello"));
    expect(after.said).toContain("END");
  }, 150_000);

  it("spoils the indices and bytes of its console's ring, its page, its grant and its event channel: others are typed to and heard", async () => {
    const { toolstack } = host.host;
    const free = (await toolstack.request("hostInfo")).freeMemoryMiB;
    const sibling = await host.start("echo");
    await host.until("the sibling's console", () => host.said(sibling).some((line) => line.startsWith("CONSOLE")));
    const log = async (domid: number): Promise<string> => {
      const { log: bytes } = await toolstack.request("consoleAttach", { domid });
      await toolstack.request("consoleDetach", { domid });
      return Buffer.from(bytes).toString("latin1");
    };
    const hears = async (word: string): Promise<void> => {
      await toolstack.request("consoleInput", { domid: sibling, bytes: Buffer.from(word) });
      await expect.poll(() => log(sibling), { interval: 2, timeout: 20_000 }).toContain(word);
    };
    await hears("before\n");
    const domid = await host.start(`spoiler mutations=${MUTATIONS}`);
    let refused = 0;
    for (let round = 0; !host.said(domid).includes("END"); round++) {
      // Until its queue is full, as it takes what is typed only by chance.
      const bytes = Buffer.alloc(1 + ((round * 97) % 3000), "t");
      await toolstack.request("consoleInput", { domid, bytes }).catch(() => refused++);
      await hears(`word ${round}\n`);
      if (round % 20 === 10) expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    }
    const { reason, said } = await host.ended(domid, 100);
    expect(said, host.log.slice(-3000)).toEqual(
      expect.arrayContaining(["MENDED behind 1 notified often", "OWN console page -1", "SPOILED kept 1"]),
    );
    expect(reason).toBe("poweroff");
    // What it wrote when its ring was right again has come.
    expect(await log(domid)).toContain("mended");
    await hears("after\n");
    await toolstack.request("consoleInput", { domid: sibling, bytes: Buffer.from("q") });
    await host.ended(sibling);
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
    await expect
      .poll(async () => free - (await toolstack.request("hostInfo")).freeMemoryMiB, { timeout: 10_000 })
      .toBeLessThanOrEqual(1);
  }, 150_000);

  it("that gives its console's page away is not saved into a file that nobody could restore, and runs on", async () => {
    const { toolstack } = host.host;
    const domid = await host.start("giver");
    await host.until("what it waits for", () => host.said(domid).includes("READY"));
    const saved = toolstack.request("save", { domid, file: path.join(temporaryFolder("pvh-giver"), "given.saved") });
    await toolstack.request("consoleInput", { domid, bytes: Buffer.from("s") });
    await expect(saved).rejects.toThrow(/no memory any more where its console ring was/);
    const { reason, said } = await host.ended(domid);
    expect(said, host.log.slice(-3000)).toEqual(expect.arrayContaining(["GIVEN 0", "BACK 1", "END"]));
    expect(reason).toBe("poweroff");
    expect(await host.violations(), host.log.slice(-3000)).toBe(0);
  });
});
