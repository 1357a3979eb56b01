/**
 * A device that is attached after another one with the same id must not appear before the guest has seen that the other one is gone. The tests use
 * the fake hypervisor.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { DEVICE_KINDS } from "../../core/dom0/backends/kinds.ts";
import { LocalXenstore } from "../../core/dom0/xenstore/local.ts";
import { pvElf } from "../dom0/elf-files.ts";
import { fakeHost, type FakeHost } from "../dom0/xenbus/host.ts";
import { temporaryFolder } from "../temporary.ts";

const kernel = pvElf();
const folder = temporaryFolder("attach-again");
const DISK = "51728";
let host: FakeHost;
let domid: number;
/** The guest's own connection to xenstored. */
let guest: LocalXenstore;
let [front, back] = ["", ""];

beforeEach(async () => {
  host = fakeHost(DEVICE_KINDS);
  const config = `name = "tiny"\nkernel = "k"\nmemory = 4\n`;
  ({ domid } = (await host.service.handle("create", { config, files: { k: kernel } })) as { domid: number });
  guest = new LocalXenstore(host.xenstored, domid);
  front = `/local/domain/${domid}/device/vbd/${DISK}`;
  back = `/local/domain/0/backend/vbd/${domid}/${DISK}`;
  for (const name of ["one.img", "two.img"]) writeFileSync(path.join(folder, name), Buffer.alloc(4096));
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  host.events.stop();
});

const attach = (file: string): Promise<unknown> =>
  host.service.handle("deviceAttach", { domid, key: "disk", spec: `${file},raw,xvdb`, folder });
const detach = (force: boolean): Promise<unknown> =>
  host.service.handle("deviceDetach", { domid, key: "disk", device: "xvdb", force });
const params = (): string | null => host.store.read(`${back}/params`);
/** Attaches the device. Returns when that waits until the guest no longer watches the device that was there before. */
async function attachWaits(file: string): Promise<{ outcome: Promise<unknown> }> {
  const waits = vi.spyOn(host.store, "unwatched");
  const outcome = attach(file);
  // The first call asks whether there is anything to wait for.
  await expect.poll(() => waits.mock.calls.length).toBe(2);
  expect(waits.mock.settledResults[1], "it still waits").toBeUndefined();
  return { outcome };
}

it("is written when the guest has let go of the one that was taken away", async () => {
  await attach("one.img");
  const unwatch = guest.watch(`${back}/state`, () => {});
  await detach(true);
  const again = await attachWaits("two.img");
  expect(params()).toBeNull();
  unwatch();
  await again.outcome;
  expect(params()).toContain("two.img");
});

it("is not written for a domain that was destroyed while it waited for its guest", async () => {
  await attach("one.img");
  const unwatch = guest.watch(`${back}/state`, () => {});
  await detach(true);
  const again = await attachWaits("two.img");
  const refused = expect(again.outcome).rejects.toMatchObject({ code: "ESRCH" });
  await host.service.handle("destroy", { domid });
  unwatch();
  await refused;
  expect([params(), host.store.list("/local/domain"), host.store.list("/libxl")]).toEqual([null, ["0"], []]);
});

it("stays gone when its domain is destroyed while it gets ready", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const begun = new Promise<void>((resolve) => {
    host.store.watch(back, () => host.store.read(`${back}/state`) !== null && resolve());
  });
  const outcome = attach("one.img").catch((error: unknown) => error);
  await begun;
  await host.service.handle("destroy", { domid });
  const seen: string[] = [];
  host.store.watch(back, (node) => void seen.push(node));
  // A backend has 10 s to become ready.
  await vi.advanceTimersByTimeAsync(11_000);
  expect(await outcome).toMatchObject({ code: "ETIMEDOUT" });
  // Watches report it a little later.
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen, "what a watch tells when it begins").toEqual([back]);
});

it("does not wait for what others watch, nor for a guest that had nothing", async () => {
  await attach("one.img");
  const other = new LocalXenstore(host.xenstored, domid + 1);
  for (const store of [other, host.store]) store.watch(`${back}/state`, () => {});
  guest.watch(`/local/domain/0/backend/vbd/${domid}/51744/state`, () => {});
  guest.watch("device", () => {});
  const began = performance.now();
  await detach(true);
  await attach("two.img");
  expect(performance.now() - began).toBeLessThan(5000);
});

it("is seen by its guest when its backend is ready, and not at all when that refuses it", async () => {
  const seen: string[] = [];
  const unwatch = guest.watch("device", (node) => {
    if (node.endsWith(`${DISK}/state`))
      seen.push(`${node} with ${params()}, backend in ${host.store.read(`${back}/state`)}`);
  });
  await expect(attach("none.img")).rejects.toThrow(/none\.img: ENOENT/);
  expect([seen, host.store.list(`/libxl/${domid}/device/vbd`), params()]).toEqual([[], [], null]);
  await attach("two.img");
  await expect
    .poll(() => seen)
    .toEqual([`device/vbd/${DISK}/state with raw:${path.join(folder, "two.img")}, backend in 2`]);
  expect(host.store.permissions(front)).toEqual([`n${domid}`, "r0"]);
  unwatch();
});

it("comes after one that another domain's backend refused, which the guest has closed while it was still there", async () => {
  const config = `name = "driver"\nkernel = "k"\nmemory = 4\n`;
  const made = await host.service.handle("create", { config, files: { k: kernel } });
  const there = `/local/domain/${(made as { domid: number }).domid}/backend/vbd/${domid}/${DISK}`;
  const stateThere = (): string | null => host.store.read(`${there}/state`);
  const attachThere = (name: string): Promise<unknown> =>
    host.service.handle("deviceAttach", {
      domid,
      key: "disk",
      spec: `vdev=xvdb,backend=driver,target=${name}`,
      folder,
    });
  const paramsThere = (): string | null => host.store.read(`${there}/params`);
  const seen: string[] = [];
  const unwatchDevices = guest.watch("device", () => {
    if (seen.length || guest.read(`${front}/state`) === null) return;
    seen.push("found");
    const unwatch = guest.watch(`${there}/state`, () => {
      const state = stateThere();
      if (state === "5" && !seen.includes("closes")) {
        seen.push("closes");
        // This is not done at once, as in a driver that has something to wait for.
        setTimeout(() => {
          seen.push(guest.read(`${front}/state`) === null ? "gone too soon" : "closed");
          guest.write(`${front}/state`, 6);
        }, 20);
      } else if (state === null && !seen.includes("forgets")) {
        seen.push("forgets");
        setTimeout(() => {
          seen.push(`forgotten while there was ${paramsThere() ?? "none"}`);
          unwatch();
        }, 20);
      }
    });
  });
  const refused = expect(attachThere("/dev/none")).rejects.toThrow(/can't be set up/);
  await expect.poll(stateThere).toBe("1");
  host.store.write(`${there}/state`, 5);
  await refused;
  const again = attachThere("/dev/xvda");
  await expect.poll(stateThere, { timeout: 5000 }).toBe("1");
  host.store.write(`${there}/state`, 2);
  await again;
  unwatchDevices();
  expect(seen).toEqual(["found", "closes", "closed", "forgets", "forgotten while there was none"]);
  expect(paramsThere()).toContain("/dev/xvda");
});
