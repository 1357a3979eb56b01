/** The keyboard's backend with a frontend played by hand: keys and pointer arrive in order, by grant or by frame, and a hostile page ends it. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEVICE_KINDS } from "../../../../core/dom0/backends/kinds.ts";
import { pvElf } from "../../elf-files.ts";
import { HandFrontend } from "../../xenbus/frontend.ts";
import { fakeHost, type FakeHost } from "../../xenbus/host.ts";

let host: FakeHost;
let domid: number;
let front: HandFrontend;
let viewer: number;

const ask = <T>(name: Parameters<FakeHost["service"]["handle"]>[0], args: object): Promise<T> =>
  host.service.handle(name, args) as Promise<T>;
const back = (): string => `/local/domain/0/backend/vkbd/${domid}/0`;
const state = (): string | null => host.store.read(`${back()}/state`);
const set = (at: number, value: number): void => host.xen.view.setUint32(front.pages[0]! + at, value >>> 0, true);

/** Returns the events since the last time as numbers, and marks them as read. */
function read(): number[][] {
  const [consumer, producer] = [front.word(0), front.word(4)];
  const events = [];
  for (let i = consumer; i < producer; i++) {
    const at = 1024 + (i % 51) * 40;
    const [head, ...rest] = [0, 4, 8, 12].map((each) => front.word(at + each) | 0);
    const type = head! & 0xff;
    events.push(type === 3 ? [3, (head! >> 8) & 0xff, rest[0]!] : [type, ...rest]);
  }
  set(0, producer);
  return events;
}

async function connected(nodes: Record<string, string | number>): Promise<void> {
  if (state() !== "2") {
    front.state(6);
    await expect.poll(state).toBe("6");
    front.state(1);
    await expect.poll(state).toBe("2");
  }
  front.connect(nodes);
  host.xen.bytes(front.pages[0]!, 4096).fill(0);
  await expect.poll(state).toMatch(/[45]/);
}
const granted = (): Record<string, number> => ({
  "page-ref": front.pages[0]! / 4096,
  "page-gref": front.refs[0]!,
  "request-abs-pointer": 1,
});

beforeEach(async () => {
  host = fakeHost(DEVICE_KINDS);
  const config = `name = "tiny"\nkernel = "k"\nmemory = 8\nvfb = ["vnc=0"]\n`;
  ({ domid } = await ask<{ domid: number }>("create", { config, files: { k: pvElf() } }));
  front = new HandFrontend(host.xen, host.hypercalls, host.store, domid, "vkbd/0");
  ({ viewer } = await ask<{ viewer: number }>("displayOpen", { domid }));
});
afterEach(async () => {
  await ask("destroy", { domid });
  expect([...host.xen.mapped.values()].filter(Boolean)).toEqual([]);
  expect(host.xen.grantMaps.size).toBe(0);
  host.events.stop();
});

describe("a keyboard", () => {
  it.each([
    ["granted", granted],
    ["named by its frame", () => ({ "page-ref": front.pages[0]! / 4096, "request-abs-pointer": 1 })],
  ])("with its page %s takes keys, pointer, buttons and wheel", async (_how, nodes) => {
    await connected(nodes());
    await ask("displayKey", { viewer, keycode: 30, isDown: true });
    await ask("displayKey", { viewer, keycode: 30, isDown: false });
    await ask("displayPointer", { viewer, x: 799, y: 0, buttons: 1, wheel: 0 });
    await ask("displayPointer", { viewer, x: 400, y: 599, buttons: 4, wheel: -1 });
    expect(read()).toEqual([
      [3, 1, 30],
      [3, 0, 30],
      [4, 799, 0, 0],
      [3, 1, 0x110],
      [4, 400, 599, -1],
      [3, 0, 0x110],
      [3, 1, 0x111],
    ]);
    // A key that is pressed again without a release repeats.
    for (let i = 0; i < 2; i++) await ask("displayKey", { viewer, keycode: 105, isDown: true });
    await ask("displayKey", { viewer, keycode: 105, isDown: false });
    expect(read()).toEqual([
      [3, 1, 105],
      [3, 0, 105],
      [3, 1, 105],
      [3, 0, 105],
    ]);
    // A viewer that goes releases everything.
    await ask("displayKey", { viewer, keycode: 42, isDown: true });
    await ask("displayClose", { viewer });
    expect(read()).toEqual([
      [3, 1, 42],
      [3, 0, 42],
      [3, 0, 0x111],
    ]);
  });

  it("that asks for no absolute pointer gets its motions", async () => {
    await connected({ ...granted(), "request-abs-pointer": 0 });
    await ask("displayPointer", { viewer, x: 100, y: 50, buttons: 0, wheel: 0 });
    await ask("displayPointer", { viewer, x: 90, y: 60, buttons: 2, wheel: 1 });
    expect(read()).toEqual([
      [1, 100, 50, 0],
      [1, -10, 10, 1],
      [3, 1, 0x112],
    ]);
  });

  it("that is not read keeps order, joins motions, and is bounded", async () => {
    await connected(granted());
    for (let i = 0; i < 60; i++) await ask("displayKey", { viewer, keycode: 1 + i, isDown: true });
    for (let i = 0; i < 500; i++) await ask("displayPointer", { viewer, x: i, y: i, buttons: 0, wheel: 0 });
    await ask("displayKey", { viewer, keycode: 99, isDown: true });
    let seen = read();
    expect(seen).toHaveLength(51);
    host.xen.guestNotify(domid, front.port);
    await expect.poll(() => front.word(4) - front.word(0)).toBeGreaterThan(0);
    seen = [...seen, ...read()];
    expect(seen.slice(0, 60).map(([, , keycode]) => keycode)).toEqual(Array.from({ length: 60 }, (_, i) => 1 + i));
    // Only the pointer's last position arrives, followed by what came after it.
    expect(seen.slice(60)).toEqual([
      [4, 499, 499, 0],
      [3, 1, 99],
    ]);
    for (let i = 0; i < 2000; i++) await ask("displayKey", { viewer, keycode: 200, isDown: i % 2 === 0 });
    const { devices } = await ask<{
      devices: { kind: string; behind: { figures: { name: string; value: number }[] } }[];
    }>("wiring", { domid });
    const figures = devices.find(({ kind }) => kind === "vkbd")!.behind.figures;
    // The release of the last press that was taken arrives too, so that no key stays down.
    expect(figures.find(({ name }) => name === "waiting")!.value).toBe(512 + 1);
    expect(figures.find(({ name }) => name === "lost")!.value).toBe(2000 - 51 - 512 - 1);
    const all: number[][] = [];
    await expect
      .poll(() => {
        all.push(...read());
        host.xen.guestNotify(domid, front.port);
        return all.length;
      })
      .toBe(51 + 512 + 1);
    expect(all.at(-1)).toEqual([3, 0, 200]);
  });

  it("is one for all who look: what one holds, another can't let go of", async () => {
    await connected(granted());
    const { viewer: other } = await ask<{ viewer: number }>("displayOpen", { domid });
    await ask("displayPointer", { viewer, x: 10, y: 10, buttons: 1, wheel: 0 });
    await ask("displayKey", { viewer, keycode: 42, isDown: true });
    expect(read()).toEqual([
      [4, 10, 10, 0],
      [3, 1, 0x110],
      [3, 1, 42],
    ]);
    await ask("displayPointer", { viewer: other, x: 20, y: 20, buttons: 4, wheel: 0 });
    await ask("displayPointer", { viewer: other, x: 21, y: 21, buttons: 0, wheel: 0 });
    await ask("displayKey", { viewer: other, keycode: 42, isDown: false });
    await ask("displayClose", { viewer: other });
    expect(read()).toEqual([
      [4, 20, 20, 0],
      [3, 1, 0x111],
      [4, 21, 21, 0],
      [3, 0, 0x111],
    ]);
    await ask("displayClose", { viewer });
    expect(read()).toEqual([
      [3, 0, 42],
      [3, 0, 0x110],
    ]);
  });

  it("with indices of nonsense is disconnected, and works again afterwards", async () => {
    for (const at of [0, 12]) {
      await connected(granted());
      expect(state()).toBe("4");
      set(at, 12345);
      await ask("displayKey", { viewer, keycode: 30, isDown: true });
      await expect.poll(state).toBe("5");
      expect(host.store.read(`/local/domain/0/error/backend/vkbd/${domid}/0/error`)).toMatch(/12345/);
    }
    await connected(granted());
    await ask("displayKey", { viewer, keycode: 31, isDown: true });
    expect(read()).toEqual([[3, 1, 31]]);
  });

  it("comes and goes while the domain runs", async () => {
    await ask("deviceDetach", { domid, key: "vkb", device: "0", force: true });
    await ask("displayKey", { viewer, keycode: 31, isDown: true });
    const spec = "backend-type=qemu,width=1024,height=768,feature-disable-pointer=1";
    expect(await ask("deviceAttach", { domid, key: "vkb", spec, folder: "/" })).toEqual({ kind: "vkbd", id: "0" });
    expect(host.store.read(`${back()}/feature-disable-pointer`)).toBe("1");
    await connected(granted());
    await ask("displayPointer", { viewer, x: 799, y: 599, buttons: 0, wheel: 0 });
    expect(read()).toEqual([[4, 1023, 767, 0]]);
  });
});
