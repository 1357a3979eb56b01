/** A native driver domain's end of xenstore when xenstored refuses it something: only what it was for is lost. */
import { beforeEach, describe, expect, it } from "vitest";
import { XenstoreClient } from "../../../core/dom0/native/xenstore-client.ts";
import { BackendDevices } from "../../../core/dom0/xenbus/devices.ts";
import type { BackendKernel } from "../../../core/dom0/xenbus/kind.ts";
import { Connection } from "../../../core/dom0/xenstore/connection.ts";
import { LocalXenstore } from "../../../core/dom0/xenstore/local.ts";
import { RingTransport } from "../../../core/dom0/xenstore/ring.ts";
import { Xenstored } from "../../../core/dom0/xenstore/xenstored.ts";
import { ECHO } from "../xenbus/echo/kind.ts";

const DRIVER = 5;
const FRONT = 6;
const HOME = `/local/domain/${DRIVER}`;

let xenstored: Xenstored;
let dom0: LocalXenstore;
let store: XenstoreClient;

beforeEach(() => {
  xenstored = new Xenstored();
  dom0 = new LocalXenstore(xenstored);
  for (const domid of [DRIVER, FRONT]) {
    dom0.mkdir(`/local/domain/${domid}`);
    dom0.setPermissions(`/local/domain/${domid}`, [`n${domid}`]);
  }
  const page = new SharedArrayBuffer(4096);
  const ring = new RingTransport(xenstored, page, 0, () => setImmediate(() => store.service()));
  ring.attach(new Connection(DRIVER, (path, token) => ring.sendEvent(path, token)));
  store = new XenstoreClient(page, 0, () => setImmediate(() => ring.service()));
});

/** Writes both directories of a device, as the toolstack does. */
function addDevice(id: number): string {
  const [front, back] = [`/local/domain/${FRONT}/device/echo/${id}`, `${HOME}/backend/echo/${FRONT}/${id}`];
  dom0.writeAll(front, { backend: back, "backend-id": DRIVER, state: 1 }, 0);
  dom0.setPermissions(`${front}/state`, [`n${FRONT}`, `r${DRIVER}`]);
  dom0.transaction((t) => {
    dom0.mkdir(back, t);
    dom0.setPermissions(back, [`n${DRIVER}`, `r${FRONT}`], t);
    dom0.writeAll(back, { frontend: front, "frontend-id": FRONT, online: 1, state: 1 }, t);
  });
  return back;
}
const devices = (): BackendDevices =>
  new BackendDevices({ domid: DRIVER, store } as unknown as BackendKernel, [ECHO], (error) => {
    throw error;
  });
const state = (back: string): string | null => dom0.read(`${back}/state`);
const errorOf = (id: number): string | null => dom0.read(`${HOME}/error/backend/echo/${FRONT}/${id}/error`);

describe("a driver domain that has as many watches as it may", () => {
  it("fails the device that is one too many, says why, and serves the others and the next one", async () => {
    // One for the directory of all backends, and one for each of three frontends.
    xenstored.quota.watches = 4;
    const all = devices();
    const backs = [0, 1, 2].map(addDevice);
    await expect.poll(() => backs.map(state)).toEqual(["2", "2", "2"]);
    const states: (string | null)[] = [];
    const fourth = `${HOME}/backend/echo/${FRONT}/3`;
    dom0.watch(fourth, () => states.push(state(fourth)));
    addDevice(3);
    await expect.poll(() => state(fourth)).toBe("5");
    expect(states, "it is never said to be ready").not.toContain("2");
    expect(errorOf(3)).toBe(
      `xenstored refuses to watch /local/domain/${FRONT}/device/echo/3/state: this domain has as many watches as it may have (E2BIG)`,
    );
    expect(all.find("echo", FRONT, "3")!.problem).toBe(errorOf(3));
    expect(backs.map(state)).toEqual(["2", "2", "2"]);
    // Neither the end of a watch that was refused nor that of one that was taken is an error; the place that has become free is used.
    for (const back of [fourth, backs[0]!]) dom0.remove(back);
    await expect.poll(() => [...all.of()].length).toBe(2);
    const next = addDevice(4);
    await expect.poll(() => state(next)).toBe("2");
  });

  it("is told of a watch that is refused once, and of nothing after it has ended the watch", async () => {
    xenstored.quota.watches = 0;
    const heard: string[] = [];
    store.watch(
      HOME,
      () => heard.push("event"),
      ({ message }) => heard.push(message),
    );
    store.watch(
      HOME,
      () => heard.push("event"),
      () => heard.push("refused"),
    )();
    await store.list(HOME);
    expect(heard).toEqual([expect.stringMatching(/^xenstored refuses to watch \/local\/domain\/5: .*\(E2BIG\)$/)]);
  });
});

describe("a driver domain that owns as many nodes as it may", () => {
  it("closes the device whose nodes it can't write", async () => {
    devices();
    const back = addDevice(0);
    xenstored.quota.nodes = 0;
    await expect.poll(() => state(back)).toBe("5");
    expect(errorOf(0)).toBeNull();
  });
});
