/**
 * Guests whose other vCPU refills a ring while it is emptied, and which send events all the time: each device gets its share of a turn of dom0's event
 * loop, and no more with each event.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { T } from "../../../core/dom0/backends/9p/messages.ts";
import { FlexRing } from "../../../core/dom0/backends/9p/ring.ts";
import { ConsoleRing } from "../../../core/dom0/backends/console/ring.ts";
import { DEVICE_KINDS } from "../../../core/dom0/backends/kinds.ts";
import { EventPage } from "../../../core/dom0/xenbus/event-page.ts";
import { Connection } from "../../../core/dom0/xenstore/connection.ts";
import { RingTransport } from "../../../core/dom0/xenstore/ring.ts";
import { temporaryFolder } from "../../temporary.ts";
import { pvElf } from "../elf-files.ts";
import { HandFrontend } from "../xenbus/frontend.ts";
import { fakeHost, type FakeHost } from "../xenbus/host.ts";
import { HandShare } from "./9p/frontend.ts";
import { message, u32 } from "./9p/requests.ts";
import { HandFramebuffer } from "./fb/frontend.ts";

/** Events that the guest sends while the ring is full. */
const EVENTS = 100;
let host: FakeHost;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const ask = <T>(name: Parameters<FakeHost["service"]["handle"]>[0], args: object): Promise<T> =>
  host.service.handle(name, args) as Promise<T>;
async function guest(line: string): Promise<number> {
  const config = `name = "flood"\nkernel = "k"\nmemory = 8\n${line}\n`;
  return (await ask<{ domid: number }>("create", { config, files: { k: pvElf() } })).domid;
}

beforeEach(() => {
  host = fakeHost(DEVICE_KINDS);
});
afterEach(() => {
  vi.restoreAllMocks();
  host.events.stop();
});

/** Returns how often the ring was looked into in one turn, after many events. `looks` counts them. */
async function looksInATurn(notify: () => void, looks: () => number): Promise<number> {
  for (let i = 0; i < EVENTS; i++) {
    notify();
    host.events.deliver();
  }
  await turn();
  const before = looks();
  await turn();
  return looks() - before;
}

describe("a guest that never lets its ring become empty", () => {
  it("has one share of a turn for its console, however many events it sends", async () => {
    const domid = await guest('channel = ["name=flood,connection=pty"]');
    const front = new HandFrontend(host.xen, host.hypercalls, host.store, domid, "console/1", { first: 1 });
    const state = (): string | null => host.store.read(`/local/domain/0/backend/console/${domid}/1/state`);
    await expect.poll(state).toBe("2");
    const page = host.xen.bytes(front.pages[0]!, 4096).fill(0);
    front.port = host.hypercalls.ports.allocUnbound(domid, 0);
    host.store.writeAll(front.path, { "ring-ref": front.refs[0]!, port: front.port, state: 3 });
    await expect.poll(state).toBe("4");
    const words = new DataView(page.buffer, page.byteOffset, 4096);
    const take = ConsoleRing.prototype.takeOutput;
    let looks = 0;
    const spy = vi.spyOn(ConsoleRing.prototype, "takeOutput").mockImplementation(function (this: ConsoleRing) {
      looks++;
      words.setUint32(3084, words.getUint32(3080, true) + 2048, true);
      return take.call(this);
    });
    const notify = (): void => host.xen.guestNotify(domid, front.port);
    const seen = await looksInATurn(notify, () => looks);
    expect(seen).toBeGreaterThan(0);
    expect(seen).toBeLessThanOrEqual(64);
    // When it has become empty, the console goes on with the next event.
    spy.mockRestore();
    await turn();
    const at = words.getUint32(3080, true);
    for (const [i, byte] of [..."hello"].entries()) page[1024 + ((at + i) % 2048)] = byte.charCodeAt(0);
    words.setUint32(3084, at + 5, true);
    notify();
    const log = async (): Promise<string> =>
      Buffer.from((await ask<{ log: Uint8Array }>("consoleAttach", { domid, console: 1 })).log).toString("latin1");
    await expect.poll(log).toMatch(/hello$/);
  });

  it("has one share of a turn for its requests to xenstored", async () => {
    const bytes = new SharedArrayBuffer(4096);
    const [page, words] = [new Uint8Array(bytes), new Int32Array(bytes)];
    const ring = new RingTransport(host.xenstored, bytes, 0, () => {});
    ring.attach(new Connection(7, () => {}));
    const [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD] = [512, 513, 514, 515];
    // One that is refused, and takes a sixty-fourth of the ring.
    const request = Buffer.alloc(16);
    request.writeUInt32LE(99, 0);
    for (let at = 0; at < 1024; at += 16) page.set(request, at);
    let looks = 0;
    const spy = vi.spyOn(host.xenstored, "handle").mockImplementation(() => {
      looks++;
      words[REQ_PROD] = words[REQ_CONS]! + 1024;
      words[RSP_CONS] = words[RSP_PROD]!;
      return Buffer.alloc(0);
    });
    words[REQ_PROD] = 1024;
    const seen = await looksInATurn(
      () => ring.service(),
      () => looks,
    );
    expect(seen).toBeGreaterThan(0);
    expect(seen).toBeLessThanOrEqual(128);
    spy.mockRestore();
    ring.close();
  });

  it("has one share of a turn for its shared folder, also where nothing has to be asked of the host", async () => {
    const domid = await guest(`p9 = ["tag=share,security_model=none,path=${temporaryFolder("flood")}"]`);
    const share = new HandShare(host, domid, "0", 200);
    await expect.poll(() => share.state).toBe("2");
    share.connect();
    await expect.poll(() => share.state).toBe("4");
    const refused = message(T.clunk, 1, u32(99));
    const take = FlexRing.prototype.take;
    let looks = 0;
    vi.spyOn(FlexRing.prototype, "take").mockImplementation(function (this: FlexRing, count: number) {
      take.call(this, count);
      // It gives up, so that a backend without a bound comes to an end too.
      if (++looks > 20_000) return;
      share.set(0, share.word(4));
      while (share.room >= refused.length) share.put(refused);
    });
    share.put(refused);
    const before = looks;
    for (let i = 0; i < EVENTS; i++) {
      share.notify();
      host.events.deliver();
    }
    await turn();
    const first = looks - before;
    const seen = await looksInATurn(
      () => share.notify(),
      () => looks,
    );
    expect(first).toBeLessThanOrEqual(256);
    expect(seen).toBeGreaterThan(0);
    expect(seen).toBeLessThanOrEqual(256);
    expect(share.state).toBe("4");
  });

  it("has one share of a turn for its screen", async () => {
    const domid = await guest('vfb = ["vnc=0"]');
    const front = new HandFramebuffer(host, domid);
    await expect.poll(() => front.state).toBe("2");
    front.make({ width: 320, height: 200, depth: 32 });
    front.connect();
    await expect.poll(() => front.state).toBe("4");
    const { viewer } = await ask<{ viewer: number }>("displayOpen", { domid });
    const asked = ask("displayPart", { viewer });
    const take = EventPage.prototype.take;
    let looks = 0;
    const spy = vi.spyOn(EventPage.prototype, "take").mockImplementation(function (this: EventPage) {
      looks++;
      front.set(12, front.get(8) + 51);
      return take.call(this);
    });
    const seen = await looksInATurn(
      () => front.notify(),
      () => looks,
    );
    expect(seen).toBeGreaterThan(0);
    expect(seen).toBeLessThanOrEqual(512);
    spy.mockRestore();
    await asked;
    expect(front.state).toBe("4");
  });
});
