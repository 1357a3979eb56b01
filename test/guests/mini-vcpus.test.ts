/** The bundled guest runs the vCPUs that xenstore says are online: as it starts, and as that changes. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { bundledGuest } from "../dist.ts";
import { onConsole } from "./on-console.ts";

let host: HostService;
const { ask, says, shown, types } = onConsole(() => host);

beforeAll(async () => {
  host = builtHost({ memoryMiB: 512, pcpus: 2 });
  await host.powerOn();
});
afterAll(() => host.powerOff(1000));

it("brings up the first vCPU alone where maxvcpus stands alone, follows vcpu-set up and down, and any other set of vCPUs", async () => {
  const { domid } = await ask("create", {
    config: 'name = "maxonly"\nkernel = "mini"\nmemory = 32\nmaxvcpus = 4\n',
    files: { mini: readFileSync(bundledGuest) },
  });
  const online = async (): Promise<number> => (await ask("list")).find((each) => each.domid === domid)!.onlineVcpus;
  const listed = async (): Promise<string[]> => {
    const before = (await shown(domid)).length;
    await types(domid, "cpu");
    let said = "";
    await expect
      .poll(async () => /state\s[\s\S]*mini> /.test((said = (await shown(domid)).slice(before))), { timeout: 60_000 })
      .toBe(true);
    return [...said.matchAll(/^ +(\d+) +\d+ +\d+ +(load|idle)/gm)].map(([, vcpu, state]) => `${vcpu} ${state}`);
  };
  await says(domid, /mini guest: 1 vCPU, 32 MiB/);
  expect(await online()).toBe(1);
  expect(await listed()).toEqual(["0 idle"]);

  await ask("setVcpus", { domid, vcpus: 4 });
  await says(domid, /xenstore asks: 4 vCPUs online/);
  expect(await online()).toBe(4);
  await types(domid, "load 4");
  expect(await listed()).toEqual(["0 load", "1 load", "2 load", "3 load"]);

  await ask("setVcpus", { domid, vcpus: 2 });
  await says(domid, /xenstore asks: 2 vCPUs online/);
  expect(await online()).toBe(2);
  // The same vCPUs come back, and go on with what was asked for.
  await ask("setVcpus", { domid, vcpus: 3 });
  await says(domid, /xenstore asks: 3 vCPUs online/);
  expect(await listed()).toEqual(["0 load", "1 load", "2 load"]);
  await types(domid, "load 2");

  await ask("xenstoreWrite", { path: `/local/domain/${domid}/cpu/1/availability`, value: "offline" });
  await says(domid, /3 vCPUs online[\s\S]*xenstore asks: 2 vCPUs online/);
  expect(await listed()).toEqual(["0 load", "2 load"]);
  expect(await ask("checkInvariants")).toBe(0);
  await ask("destroy", { domid });
}, 300_000);
