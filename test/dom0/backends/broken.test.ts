/** Backends of dom0 with a fault of our own, which none is known to have: each fails its own device with a reason, and dom0 and the others go on. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConsoleRing } from "../../../core/dom0/backends/console/ring.ts";
import { DEVICE_KINDS } from "../../../core/dom0/backends/kinds.ts";
import { BackRing } from "../../../core/dom0/xenbus/back-ring.ts";
import { temporaryFolder } from "../../temporary.ts";
import { pvElf } from "../elf-files.ts";
import { HandFrontend } from "../xenbus/frontend.ts";
import { fakeHost, type FakeHost } from "../xenbus/host.ts";

const folder = temporaryFolder("broken");
const FLUSH = 3;
let host: FakeHost;
let domid: number;
const back = (device: string): string => `/local/domain/0/backend/${device.replace("/", `/${domid}/`)}`;
const state = (device: string): string | null => host.store.read(`${back(device)}/state`);
const errorOf = (device: string): string | null =>
  host.store.read(`${back(device).replace("/backend/", "/error/backend/")}/error`);

beforeEach(async () => {
  host = fakeHost(DEVICE_KINDS);
  const images = ["a.img", "b.img"].map((name) => path.join(folder, name));
  for (const image of images) writeFileSync(image, Buffer.alloc(4096));
  const config = `name = "tiny"
kernel = "k"
memory = 4
disk = ['${images[0]},,xvda,w', '${images[1]},,xvdb,w']
channel = ["name=c,connection=pty"]
`;
  ({ domid } = (await host.service.handle("create", { config, files: { k: pvElf() } })) as { domid: number });
});
afterEach(() => {
  vi.restoreAllMocks();
  host.events.stop();
});

/** Connects a disk whose ring has a flush in it already, which is found without an event. */
async function disk(device: string, first: number): Promise<HandFrontend> {
  const front = new HandFrontend(host.xen, host.hypercalls, host.store, domid, device, { first, slotBytes: 112 });
  await expect.poll(() => state(device)).toBe("2");
  front.clear();
  front.port = host.hypercalls.ports.allocUnbound(domid, 0);
  front.put(FLUSH, 0, 1, 0, -1, -1);
  front.push();
  host.store.writeAll(front.path, { "ring-ref": front.refs[0]!, "event-channel": front.port, state: 3 });
  return front;
}

describe("a fault of a backend, outside of an event,", () => {
  it("fails the disk that it is of", async () => {
    vi.spyOn(BackRing.prototype, "push").mockImplementationOnce(() => {
      throw new Error("a fault of ours");
    });
    await disk("vbd/51712", 0);
    await expect.poll(() => state("vbd/51712")).toBe("5");
    expect(errorOf("vbd/51712")).toBe("a fault of ours");
    const other = await disk("vbd/51728", 1);
    await expect.poll(() => other.responses).toBe(1);
    expect(state("vbd/51728")).toBe("4");
    // The same frontend may begin again.
    host.store.write(`/local/domain/${domid}/device/vbd/51712/state`, 6);
    await expect.poll(() => state("vbd/51712")).toBe("6");
    host.store.write(`/local/domain/${domid}/device/vbd/51712/state`, 1);
    const again = await disk("vbd/51712", 0);
    await expect.poll(() => again.responses).toBe(1);
  });

  it("fails the console that it is of, which works when it begins again", async () => {
    const device = "console/1";
    const front = new HandFrontend(host.xen, host.hypercalls, host.store, domid, device, { first: 2 });
    const connect = async (): Promise<void> => {
      await expect.poll(() => state(device)).toBe("2");
      const page = host.xen.bytes(front.pages[0]!, 4096).fill(0);
      page.set(Buffer.from("hello"), 1024);
      host.xen.view.setUint32(front.pages[0]! + 3084, 5, true);
      front.port = host.hypercalls.ports.allocUnbound(domid, 0);
      host.store.writeAll(front.path, { "ring-ref": front.refs[0]!, port: front.port, state: 3 });
    };
    // Its ring is as full again until the next turn.
    const take = ConsoleRing.prototype.takeOutput;
    const [words, at] = [host.xen.view, front.pages[0]!];
    let looks = 0;
    const spy = vi.spyOn(ConsoleRing.prototype, "takeOutput").mockImplementation(function (this: ConsoleRing) {
      if (++looks > 32) {
        spy.mockRestore();
        throw new Error("a fault of ours");
      }
      words.setUint32(at + 3084, words.getUint32(at + 3080, true) + 1, true);
      return take.call(this);
    });
    await connect();
    await expect.poll(() => state(device)).toBe("5");
    expect(errorOf(device)).toBe("a fault of ours");
    host.store.write(`${front.path}/state`, 6);
    await expect.poll(() => state(device)).toBe("6");
    host.store.write(`${front.path}/state`, 1);
    await connect();
    const log = async (): Promise<string> => {
      const { log: bytes } = (await host.service.handle("consoleAttach", { domid, console: 1 })) as { log: Uint8Array };
      return Buffer.from(bytes).toString("latin1");
    };
    await expect.poll(log).toMatch(/hello$/);
  });
});
