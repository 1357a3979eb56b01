/** Frontends of a native driver domain that mean harm: only their own device may fail, for an error that nobody catches ends the whole domain. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEVICE_KINDS } from "../../../core/dom0/backends/kinds.ts";
import { temporaryFolder } from "../../temporary.ts";
import { pvElf } from "../elf-files.ts";
import { HandFrontend } from "../xenbus/frontend.ts";
import { fakeHost, type FakeHost } from "../xenbus/host.ts";
import { driverDomain, type Driver } from "./driver.ts";

const folder = temporaryFolder("native-hostile");
const DISK = 51712;
let host: FakeHost;
let driver: Driver;
let front: number;
let uncaught: string[];

beforeEach(async () => {
  const image = path.join(folder, "disk.img");
  writeFileSync(image, Buffer.alloc(1 << 20, 0x5a));
  uncaught = [];
  host = fakeHost(DEVICE_KINDS, { onHandlerError: (_, error) => uncaught.push(String(error)) });
  const config = 'name = "tiny"\nkernel = "k"\nmemory = 4\n';
  ({ domid: front } = (await host.service.handle("create", { config, files: { k: pvElf() } })) as { domid: number });
  driver = driverDomain(host, [{ name: "/dev/xvda", file: image, format: "raw", isWritable: true }]);
});
afterEach(() => {
  host.events.stop();
  expect(uncaught).toEqual([]);
  expect(driver.crashes).toEqual([]);
});

/** Adds a disk, and waits for its backend. */
async function disk(params = "/dev/xvda"): Promise<{ back: string; frontend: HandFrontend }> {
  const back = driver.add("vbd", front, DISK, { params, mode: "w" });
  await expect.poll(() => driver.state(back)).not.toBe("1");
  const frontend = new HandFrontend(host.xen, host.hypercalls, host.store, front, `vbd/${DISK}`, { slotBytes: 112 });
  return { back, frontend };
}
async function vif(): Promise<{ back: string; tx: HandFrontend; rx: HandFrontend }> {
  const back = driver.add("vif", front, 0, { mac: "00:16:3e:00:00:01", bridge: "xenbr0" });
  await expect.poll(() => driver.state(back)).toBe("2");
  const make = (first: number, slotBytes: number): HandFrontend =>
    new HandFrontend(host.xen, host.hypercalls, host.store, front, "vif/0", { first, slotBytes });
  return { back, tx: make(2, 12), rx: make(3, 8) };
}

describe("a frontend", () => {
  it("whose ring claims what cannot be from the beginning fails its device only, and may begin again", async () => {
    const { back, frontend } = await disk();
    const connect = (): void => frontend.connect({ "ring-ref": frontend.refs[0]!, protocol: "x86_64-abi" });
    connect();
    frontend.push(4000);
    await expect.poll(() => driver.state(back)).toBe("5");
    expect(driver.errorOf(back)).toMatch(/request producer is 4000/);
    frontend.state(6);
    await expect.poll(() => driver.state(back)).toBe("6");
    frontend.state(1);
    await expect.poll(() => driver.state(back)).toBe("2");
    connect();
    await expect.poll(() => driver.state(back)).toBe("4");
  });

  it("whose second event channel is none fails its interface only, although the first has events", async () => {
    const { back, tx, rx } = await vif();
    tx.connect({
      "tx-ring-ref": tx.refs[0]!,
      "rx-ring-ref": rx.refs[0]!,
      "request-rx-copy": 1,
      "event-channel-tx": 0,
      "event-channel-rx": 999,
    });
    host.store.write(`${tx.path}/event-channel-tx`, tx.port);
    await expect.poll(() => driver.state(back)).toBe("5");
    expect(driver.errorOf(back)).toMatch(/event channel bind_interdomain/);
  });

  it("that goes on with its events after it has broken its ring is failed once", async () => {
    const { back, frontend } = await disk();
    frontend.connect({ "ring-ref": frontend.refs[0]!, protocol: "x86_64-abi" });
    await expect.poll(() => driver.state(back)).toBe("4");
    let failures = 0;
    host.store.watch(`${back.replace("/backend/", "/error/backend/")}/error`, () => {
      if (driver.errorOf(back) !== null) failures++;
    });
    frontend.push(4000);
    let events = 0;
    while (driver.state(back) === "4") {
      frontend.push(4000);
      host.events.deliver();
      events++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(driver.state(back)).toBe("5");
    expect(events).toBeGreaterThan(2);
    await driver.store.list("/");
    expect(failures).toBe(1);
  });
});
