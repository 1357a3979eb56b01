/** A native driver domain's conversation with xenstored, which a frontend can't end, however many events it makes, nor what a device is called. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEVICE_KINDS } from "../../../core/dom0/backends/kinds.ts";
import { XS } from "../../../core/dom0/xenstore/wire.ts";
import { RingClient } from "../ring-client.ts";
import { pvElf } from "../elf-files.ts";
import { fakeHost, type FakeHost } from "../xenbus/host.ts";
import { driverDomain, type Driver } from "./driver.ts";

let host: FakeHost;
let driver: Driver;
let front: number;

beforeEach(async () => {
  host = fakeHost(DEVICE_KINDS);
  const config = 'name = "tiny"\nkernel = "k"\nmemory = 4\n';
  ({ domid: front } = (await host.service.handle("create", { config, files: { k: pvElf() } })) as { domid: number });
  driver = driverDomain(host);
});
afterEach(() => {
  host.events.stop();
  expect(driver.crashes).toEqual([]);
});
const vif = (id: number): string => driver.add("vif", front, id, { mac: `00:16:3e:00:00:0${id}`, bridge: "xenbr0" });

describe("a frontend that makes more events than may wait for its backend's domain", () => {
  it("by one transaction ends nothing: all devices, watches and requests go on", async () => {
    const [one, other] = [vif(0), vif(1)];
    for (const back of [one, other]) await expect.poll(() => driver.state(back)).toBe("2");
    host.xenstored.quota.outputBytes = 100_000;
    const guest = new RingClient(host.xenstored, front);
    const heard: string[] = [];
    driver.store.watch(
      "/local/domain/5/heard",
      (path) => heard.push(path),
      ({ message }) => expect.unreachable(message),
    );
    await expect.poll(() => heard).toHaveLength(1);
    const troubles: string[] = [];
    host.xenstored.onTrouble = (_, message) => troubles.push(message);
    for (let round = 0; round < 3; round++) {
      const t = Number(guest.request(XS.TRANSACTION_START, "\0").replace("\0", ""));
      const name = `device/vif/0/state/${"x".repeat(1500)}`;
      for (let i = 0; i < 100; i++) expect(guest.request(XS.WRITE, `${name}/${round}-${i}\0`, t)).toBe("OK\0");
      // Requests are on their way when the conversation ends: each has its answer.
      const asked = [
        driver.store.read("/local/domain/5/backend/vif"),
        driver.store.list(one),
        driver.store.write("/local/domain/5/x", round),
      ];
      const removed = driver.store.remove("/local/domain/5/y").catch((error: { code: string }) => error.code);
      expect(guest.request(XS.TRANSACTION_END, "T\0", t)).toBe("OK\0");
      expect((await Promise.all(asked))[1]).toContain("frontend");
      expect([undefined, "EAGAIN"]).toContain(await removed);
      expect(host.store.read("/local/domain/5/x")).toBe(String(round));
    }
    expect(troubles).not.toEqual([]);
    // The watches are there again, each once: it hears at first, after each of the three ends, and of this.
    await expect.poll(() => heard).toHaveLength(4);
    host.store.write("/local/domain/5/heard", "now");
    await expect.poll(() => heard).toHaveLength(5);
    const third = vif(2);
    await expect.poll(() => driver.state(third)).toBe("2");
    for (const [id, back] of [
      [0, one],
      [1, other],
    ] as const) {
      host.store.write(`/local/domain/${front}/device/vif/${id}/state`, 6);
      await expect.poll(() => driver.state(back)).toBe("6");
    }
    expect(heard).toHaveLength(5);
  });

  it("while the toolstack gives up a device hides that from nobody", async () => {
    const [one, other] = [vif(0), vif(1)];
    for (const back of [one, other]) await expect.poll(() => driver.state(back)).toBe("2");
    host.xenstored.quota.outputBytes = 100_000;
    host.store.transaction((t) => {
      for (let i = 0; i < 100; i++)
        host.store.write(`/local/domain/${front}/device/vif/0/state/${"x".repeat(1500)}/${i}`, "", t);
      host.store.writeAll(other, { online: 0, state: 5 }, t);
      host.store.write(`/local/domain/${front}/device/vif/1/state`, 6, t);
    });
    await expect.poll(() => host.store.read(`${other}/state`)).toBeNull();
    expect(driver.state(one)).toBe("2");
  });
});

it("a device whose nodes are as long as can be fails alone", async () => {
  const params = `/dev/${"x".repeat(4050)}`;
  const back = driver.add("vbd", front, 51712, { params, mode: "w" });
  await expect.poll(() => driver.state(back)).toBe("5");
  const next = vif(0);
  await expect.poll(() => driver.state(next)).toBe("2");
});
