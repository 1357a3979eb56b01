/**
 * Frontends that mean harm in front of the backends of a native driver domain: its thread, the host and the disks of others must go on.
 * XENARIUM_SEED=n tries others, XENARIUM_TRIES=n more of them.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { config } from "./driver.ts";
import { driverHost } from "./driver-host.ts";
import { goesOn, honest } from "./honest.ts";
import { guestsMissing } from "./images.ts";
import { compilerMissing, program } from "./programs.ts";

const SEED = Number(process.env.XENARIUM_SEED ?? 20261129);
const TRIES = Number(process.env.XENARIUM_TRIES ?? 1000);
const missing = guestsMissing() ?? compilerMissing();
const drivers = driverHost("hostile-native", 240_000, { pcpus: 2 });
const { ask, image, nativeDriver, notices, says, shown, types } = drivers;
const create = async (text: string): Promise<number> => (await ask("create", { config: text })).domid;
const BAD = ["disk = ['vdev=xvdb,backend=driver,target=/dev/xvdb']", "vif = ['backend=driver']"];

/** A domain of which programs have the frontends of a disk and an interface. It does what is typed at it. */
const villain = (name: string, script: string[]): Promise<number> =>
  create(
    config(
      name,
      [...script, "exec setsid -c sh"],
      ["xen-evtchn", "xen-gntalloc"],
      { ring: program("test/guests/hostile/ring.c") },
      BAD,
    ),
  );

describe.skipIf(missing !== null)(
  `a native driver domain whose frontends mean harm${missing ? ` (${missing})` : ""}`,
  () => {
    it("goes on, and so do the disks of others", async () => {
      const [good, bad] = [image("good.img"), image("bad.img")];
      const driver = await nativeDriver("driver", [good, bad]);
      const sibling = await create(honest("vdev=xvdb,backend=driver,target=/dev/xvda"));
      await says(sibling, /ROUND 2\D/);
      const hostile = await villain("villain", ["echo HERE"]);
      await says(hostile, /HERE/);
      const does = async (command: string, done: RegExp): Promise<RegExpExecArray> => {
        await types(hostile, `${command}; echo`);
        const said = await says(hostile, done);
        expect(await shown(hostile)).not.toContain("HOSTILE-FAILED");
        await goesOn(drivers, sibling);
        return said;
      };
      for (const device of ["vbd 51728", "vif 0"]) {
        const at = device.slice(0, 3);
        await does(
          `ring front ${device} ${at === "vbd" ? TRIES : TRIES >> 2} ${SEED} | sed s/^/${at}:/`,
          new RegExp(`${at}:HOSTILE-DONE`),
        );
        const [, refused, reached] = await does(
          `ring broken ${device} 20 ${SEED} | sed s/^/${at}:/`,
          new RegExp(`${at}:BROKEN-DONE rounds=20 refused=(\\d+) reached=(\\d+)`),
        );
        expect(Number(refused)).toBeGreaterThan(0);
        expect(reached).toBe("0");
        // While it goes on, the other's disk works.
        await types(hostile, `rm -f /tmp/stop; ring storm ${device} 0 1 &`);
        await says(hostile, new RegExp(`STORM-BEGINS device/${at}`));
        await goesOn(drivers, sibling, 2);
        await types(hostile, "touch /tmp/stop");
        const [, events, answered] = await says(
          hostile,
          new RegExp(`STORM-DONE device/${at}\\S+ events=(\\d+) answered=(\\d+)`),
        );
        expect(Number(events)).toBeGreaterThan(1000);
        expect(Number(answered)).toBeGreaterThan(100);
      }
      expect(notices.filter((notice) => notice.includes("has ended by an error"))).toEqual([]);
      expect(readFileSync(good).length).toBe(8 << 20);
      expect(await ask("checkInvariants")).toBe(0);
      for (const domid of [hostile, sibling, driver]) await ask("destroy", { domid });
      await expect.poll(async () => (await ask("list")).length).toBe(1);
      expect(await ask("checkInvariants")).toBe(0);
    }, 900_000);
  },
);
