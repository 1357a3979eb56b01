/**
 * Driver domains with a malicious end: a frontend whose requests make no sense, in front of Linux's own backends, and a domain's backend that lies to
 * Linux's own frontends. Whatever becomes of the two, the host and the others' disks must go on. XENARIUM_SEED=n tries others, XENARIUM_TRIES=n more
 * of them.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { config, driverConfig, driverMissing } from "./driver.ts";
import { goesOn, honest } from "./honest.ts";
import { onConsole } from "./on-console.ts";
import { compilerMissing, program } from "./programs.ts";

const SEED = Number(process.env.XENARIUM_SEED ?? 20261129);
const TRIES = Number(process.env.XENARIUM_TRIES ?? 2000);
const missing = driverMissing ?? compilerMissing();
const folder = temporaryFolder("hostile-pair");
let host: HostService;

const consoles = onConsole(() => host, 240_000);
const { ask, shown, says, types } = consoles;
const create = async (text: string): Promise<number> => (await ask("create", { config: text })).domid;
const image = (name: string): string => {
  const file = path.join(folder, name);
  writeFileSync(file, Buffer.alloc(8 << 20));
  return file;
};

const startHonest = (disk: string): Promise<number> => create(honest(disk));
const worksOn = (domid: number): Promise<void> => goesOn(consoles, domid);
const ring = (): Record<string, string> => ({ ring: program("test/guests/hostile/ring.c") });

beforeAll(async () => {
  host = builtHost({ memoryMiB: 1024 });
  await host.powerOn();
});
/** A domain that was destroyed is listed, dying, until all of its memory is free; it can't be destroyed again. */
afterEach(async () => {
  for (const { domid, stateString } of await ask("list"))
    if (domid !== 0 && !stateString.endsWith("d")) await ask("destroy", { domid });
});
afterAll(() => host.powerOff(1000));

describe.skipIf(missing !== null)(`a pair of which one means harm${missing ? ` (${missing})` : ""}`, () => {
  it("a frontend: Linux's backends and who else they serve go on", async () => {
    const driver = await create(driverConfig([image("good.img"), image("bad.img")]));
    await says(driver, /DRIVER-READY/);
    const sibling = await startHonest("vdev=xvdb,backend=driver,target=/dev/xvda");
    await says(sibling, /ROUND 2/);
    const script = [
      `ring front vbd 51728 ${TRIES} ${SEED}`,
      `ring front vif 0 ${TRIES >> 3} ${SEED}`,
      "echo ALL-DONE; exec setsid -c sh",
    ];
    const villain = await create(
      config("villain", script, ["xen-evtchn", "xen-gntalloc"], ring(), [
        "disk = ['vdev=xvdb,backend=driver,target=/dev/xvdb']",
        "vif = ['backend=driver,bridge=xenbr0']",
      ]),
    );
    await says(villain, /ALL-DONE/);
    const told = await shown(villain);
    expect(told).not.toContain("HOSTILE-FAILED");
    const runs = [...told.matchAll(/HOSTILE-DONE rounds=(\d+) connections=(\d+)/g)];
    expect(runs).toHaveLength(2);
    // The disk's frontend comes back as often as it likes; netback abandons an interface that cheated.
    expect(Number(runs[0]![2])).toBeGreaterThan(1);
    expect(Number(runs[1]![2])).toBeGreaterThan(0);
    await worksOn(sibling);
    await types(driver, "echo STILL-$((1+1))");
    await says(driver, /STILL-2/);
    expect(await ask("wiring", { domid: driver })).toBeTruthy();
    expect(await ask("checkInvariants")).toBe(0);
    for (const domid of [villain, sibling, driver]) await ask("destroy", { domid });
    expect(await ask("checkInvariants")).toBe(0);
  }, 600_000);

  it.each([
    ["vbd", "51728", ["xen-blkfront"], "disk = ['vdev=xvdb,backend=liar,target=/dev/xvdz']"],
    ["vif", "0", ["xen-netfront"], "vif = ['backend=liar']"],
  ])(
    "a backend (%s): the host and others' disks go on",
    async (kind, id, modules, device) => {
      const liar = await create(
        config("liar", ["exec setsid -c sh"], ["xen-evtchn", "xen-gntdev"], ring(), ["driver_domain = 1"]),
      );
      const sibling = await startHonest(`${image(`${kind}.img`)},raw,xvdb,rw`);
      await says(sibling, /ROUND 2/);
      // This is for the next one.
      await types(liar, `ring back ${kind} ${sibling + 1} ${id} ${TRIES} ${SEED}`);
      const script = [
        "busybox ip link set eth0 up; busybox ip addr add 10.1.1.2/24 dev eth0; busybox arping -I eth0 10.1.1.1 > /dev/null &",
        "for i in 1 2 3 4 5 6 7 8; do dd if=/dev/xvdb of=/dev/null bs=4k count=$i; dd if=/dev/zero of=/dev/xvdb bs=4k count=$i; done &",
        "exec setsid -c sh",
      ];
      const victim = await create(config("victim", script, modules, {}, [device]));
      expect(victim).toBe(sibling + 1);
      const [, connections, reached] = await says(liar, /HOSTILE-DONE rounds=\d+ connections=(\d+) reached=(\d+)/);
      expect([connections, reached]).toEqual(["1", "0"]);
      expect(await shown(liar)).not.toContain("HOSTILE-FAILED");
      await worksOn(sibling);
      // What it wrote leads the toolstack nowhere else.
      const [entry] = await ask("deviceList", { domid: victim, kind });
      expect(entry).toMatchObject({
        id,
        backendDomid: liar,
        frontendPath: `/local/domain/${victim}/device/${kind}/${id}`,
      });
      const wired = (await ask("wiring", { domid: victim })).devices.find((each) => each.kind === kind)!;
      expect(wired.backendDomid).toBe(liar);
      expect(wired.vdev ?? "").not.toMatch(/\p{Cc}/u);
      const key = kind === "vbd" ? "disk" : "vif";
      await ask("deviceDetach", { domid: victim, key, device: id, force: true });
      expect(await ask("deviceList", { domid: victim, kind })).toEqual([]);
      expect(await ask("checkInvariants")).toBe(0);
      for (const domid of [victim, liar, sibling]) await ask("destroy", { domid });
      expect(await ask("checkInvariants")).toBe(0);
    },
    300_000,
  );
});
