/** The framebuffer's backend with a frontend played by hand: what is seen is what the guest draws, in every depth and size, and nothing else. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEVICE_KINDS } from "../../../../core/dom0/backends/kinds.ts";
import type { ScreenPart } from "../../../../core/toolstack/messages.ts";
import { pvElf } from "../../elf-files.ts";
import { fakeHost, type FakeHost } from "../../xenbus/host.ts";
import { HandFramebuffer, type HandMode } from "./frontend.ts";

let host: FakeHost;
let domid: number;
let front: HandFramebuffer;

const ask = <T>(name: Parameters<FakeHost["service"]["handle"]>[0], args: object): Promise<T> =>
  host.service.handle(name, args) as Promise<T>;

/** After this the backend has handled what the frontend has sent. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

class Eye {
  width = 0;
  height = 0;
  isConnected = false;
  pixels = new Uint32Array();
  parts = 0;
  viewer = 0;

  static async open(): Promise<Eye> {
    const eye = new Eye();
    ({ viewer: eye.viewer } = await ask<{ viewer: number }>("displayOpen", { domid }));
    return eye;
  }
  async part(): Promise<ScreenPart> {
    const part = await ask<ScreenPart>("displayPart", { viewer: this.viewer });
    if (part.width !== this.width || part.height !== this.height) {
      this.width = part.width;
      this.height = part.height;
      this.pixels = new Uint32Array(part.width * part.height);
    }
    this.isConnected = part.isConnected;
    this.parts++;
    const words = new Uint32Array(part.pixels.buffer);
    let from = 0;
    for (const [x, y, width, height] of part.rectangles)
      for (let row = y; row < y + height; row++) {
        this.pixels.set(words.subarray(from, from + width), row * this.width + x);
        from += width;
      }
    expect(from).toBe(words.length);
    return part;
  }
  /** 0xRRGGBB. */
  at(x: number, y: number): number {
    const word = this.pixels[y * this.width + x]!;
    return ((word & 0xff) << 16) | (word & 0xff00) | ((word >>> 16) & 0xff);
  }
  /** Takes parts until the pixel has that colour. */
  async until(x: number, y: number, colour: number): Promise<void> {
    while (this.at(x, y) !== colour) await this.part();
  }
}

async function connected(mode: HandMode, nodes = {}): Promise<void> {
  if (front.state !== "2") {
    front.write(6);
    await expect.poll(() => front.state).toBe("6");
    front.write(1);
    await expect.poll(() => front.state).toBe("2");
  }
  front.make(mode);
  front.connect(nodes);
  await expect.poll(() => front.state).toMatch(/[45]/);
}

beforeEach(async () => {
  host = fakeHost(DEVICE_KINDS);
  const config = `name = "tiny"\nkernel = "k"\nmemory = 8\nvfb = ["vncdisplay=300"]\n`;
  ({ domid } = await ask<{ domid: number }>("create", { config, files: { k: pvElf() } }));
  front = new HandFramebuffer(host, domid);
});
afterEach(async () => {
  await ask("destroy", { domid });
  expect([...host.xen.mapped.values()].filter(Boolean)).toEqual([]);
  host.events.stop();
});

describe("a framebuffer", () => {
  it("has its keyboard with it, and says what it offers", () => {
    expect(host.store.read(`${front.back}/feature-resize`)).toBe("1");
    expect(host.store.read(`/local/domain/${domid}/console/vnc-port`)).toMatch(/^6[23]\d\d$/);
    const keyboard = `/local/domain/0/backend/vkbd/${domid}/0`;
    expect(host.store.read(`${keyboard}/feature-abs-pointer`)).toBe("1");
    expect([host.store.read(`${keyboard}/width`), host.store.read(`${keyboard}/height`)]).toEqual(["800", "600"]);
  });

  it("is black before it is drawn on, then shows what is drawn, and only what changed goes again", async () => {
    const eye = await Eye.open();
    await eye.part();
    expect([eye.width, eye.height, eye.isConnected, eye.at(0, 0)]).toEqual([800, 600, false, 0]);
    await connected({ width: 640, height: 480, depth: 32 });
    front.draw(0, 0, 640, 480, 0x123456);
    expect(host.store.read(`${front.back}/request-update`)).toBe("1");
    front.update(0, 0, 640, 480);
    await eye.until(639, 479, 0x123456);
    expect([eye.width, eye.height, eye.isConnected]).toEqual([640, 480, true]);
    front.draw(100, 50, 8, 16, 0xffffffff);
    // The frontend reports more than was drawn. What has not changed is not sent.
    front.update(0, 0, 640, 480);
    const { rectangles } = await eye.part();
    expect(rectangles).toEqual([[96, 32, 32, 64]]);
    expect([eye.at(99, 50), eye.at(100, 50), eye.at(107, 65), eye.at(108, 65)]).toEqual([
      0x123456, 0xffffff, 0xffffff, 0x123456,
    ]);
    await ask("displayClose", { viewer: eye.viewer });
  });

  it.each([
    [8, 0b101_010_11, 0xb649ff],
    [16, 0b10101_010101_00111, 0xad553a],
    [24, 0x80c0e0, 0x80c0e0],
    [32, 0xff80c0e0, 0x80c0e0],
  ])("shows depth %i", async (depth, value, colour) => {
    // Rows that begin anywhere in a page, and pixels that lie across two pages.
    const stride = Math.ceil((333 * depth) / 8) + (depth === 24 ? 1 : 4);
    await connected({ width: 333, height: 77, depth, stride });
    const eye = await Eye.open();
    const bytes = depth / 8;
    for (const [x, y] of [
      [0, 0],
      [332, 76],
      [17, 13],
    ] as const)
      front.poke(y * stride + x * bytes, ...Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255));
    for (let y = 0; y < 77; y++)
      front.poke(y * stride + 5 * bytes, ...Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255));
    await eye.part();
    expect([eye.at(0, 0), eye.at(332, 76), eye.at(17, 13), eye.at(1, 0)]).toEqual([colour, colour, colour, 0]);
    for (let y = 0; y < 77; y++) expect(eye.at(5, y)).toBe(colour);
  });

  it.each([
    [{ width: 1, height: 1, depth: 32 }, null],
    [{ width: 1, height: 1, depth: 8 }, null],
    [{ width: 16384, height: 100, depth: 8 }, null],
    [{ width: 8192, height: 8192, depth: 8, bytes: 4096 }, /8192x8192; allowed/],
    [{ width: 0, height: 1, depth: 32, stride: 4, bytes: 4096 }, /is 0x1/],
    [{ width: -1, height: 1, depth: 32, stride: 4, bytes: 4096 }, /is -1x1/],
    [{ width: 10, height: 10, depth: 15, stride: 40, bytes: 4096 }, /depth is 15; allowed: 8, 16, 24, 32/],
    [{ width: 10, height: 10, depth: 32, stride: 39, bytes: 4096 }, /line_length is 39; allowed: 40/],
    [{ width: 10, height: 200, depth: 32, stride: 40, bytes: 7999 }, /do not fit the framebuffer's 7999 bytes/],
    [{ width: 10, height: 10, depth: 32, stride: 0xffffffff, bytes: 4096 }, /line_length is 4294967295/],
  ])("of %j: %s", async (mode, problem) => {
    await connected(mode);
    if (problem === null) {
      expect(front.state).toBe("4");
      const eye = await Eye.open();
      await eye.part();
      expect([eye.width, eye.height]).toEqual([mode.width, mode.height]);
    } else {
      expect(front.state).toBe("5");
      expect(front.problem).toMatch(problem);
    }
  });

  it.each([
    ["mem_length", (): void => front.set(28, 0xffffffff), /mem_length is 4294967295/],
    ["no memory", (): void => front.set(28, 0), /mem_length is 0/],
    ["a directory of others' frames", (): void => front.set(40, 3), /frame 3 of the framebuffer is not a frame/],
    ["a frame that is none", (): void => front.set(44, 0x7fffffff), /is not a frame of the domain/],
    ["a ring of nonsense", (): void => front.set(12, 1000), /out_prod is 1000/],
    ["an answer to nothing", (): void => front.set(0, 77), /in_cons is 77/],
  ])("is refused with %s, and connects when that is right", async (_what, spoil, problem) => {
    front.make({ width: 64, height: 64, depth: 32 });
    spoil();
    front.connect();
    await expect.poll(() => front.state).toBe("5");
    expect(front.problem).toMatch(problem);
    expect([...host.xen.mapped.values()].filter(Boolean)).toEqual([]);
    await connected({ width: 64, height: 64, depth: 32 });
    expect(front.state).toBe("4");
  });

  it("is refused where its page is a page table, and with an ABI that is none", async () => {
    front.make({ width: 64, height: 64, depth: 32 });
    const [root] = host.xen.domains.get(domid)!.pinned;
    front.connect({ "page-ref": root! });
    await expect.poll(() => front.state).toBe("5");
    expect(front.problem).toMatch(/is not memory of the domain that it can write/);
    front.write(6);
    await expect.poll(() => front.state).toBe("6");
    front.write(1);
    await expect.poll(() => front.state).toBe("2");
    front.make({ width: 64, height: 64, depth: 32 });
    front.connect({ protocol: "arm-abi" });
    await expect.poll(() => front.state).toBe("5");
    expect(front.problem).toMatch(/allowed: x86_64-abi, x86_32-abi/);
  });

  it("may be resized within its memory, and beyond it costs the connection", async () => {
    await connected({ width: 640, height: 480, depth: 32 });
    const eye = await Eye.open();
    await eye.part();
    for (let i = 0; i < 120; i++) {
      const width = 1 + ((i * 37) % 640);
      front.resize(width, 1 + ((i * 17) % 240), 2560, 32, 2560 * (i % 200));
      if (i % 40 === 39) await expect.poll(() => front.get(8)).toBe(front.get(12));
      await new Promise((resolve) => setImmediate(resolve));
    }
    front.resize(320, 200, 1280, 32, 4096);
    front.poke(4096 + 199 * 1280 + 319 * 4, 1, 2, 3);
    while (eye.width !== 320) await eye.part();
    expect([eye.height, eye.at(319, 199)]).toEqual([200, 0x030201]);
    front.resize(320, 200, 1280, 32, 640 * 480 * 4 - 100);
    await expect.poll(() => front.state).toBe("5");
    expect(front.problem).toMatch(/do not fit/);
    while (eye.isConnected) await eye.part();
    expect(eye.at(319, 199)).toBe(0);
  });

  it("leaves the frontend in peace while nobody looks, and takes all that was drawn when somebody does", async () => {
    await connected({ width: 640, height: 480, depth: 32 });
    for (let i = 0; i < 51; i++) front.update(0, 0, 1, 1);
    await turn();
    // The ring is full, so a frontend sends no more.
    expect([front.get(8), front.get(12)]).toEqual([0, 51]);
    front.draw(600, 400, 4, 4, 0xabcdef);
    const eye = await Eye.open();
    await eye.until(603, 403, 0xabcdef);
    await expect.poll(() => front.get(8)).toBe(51);
    // The frontend is told that somebody looks: refresh, every 33 ms.
    expect([front.get(4), front.get(1024), front.get(1028)]).toEqual([1, 1, 33]);
    await ask("displayClose", { viewer: eye.viewer });
    expect([front.get(4), front.get(1064), front.get(1068)]).toEqual([2, 1, 0]);
    for (let i = 0; i < 10; i++) front.update(0, 0, 1, 1);
    await turn();
    expect([front.get(8), front.get(12)]).toEqual([51, 61]);
  });

  it("is looked at again and again where its frontend does not tell", async () => {
    await connected({ width: 64, height: 64, depth: 32 }, { "feature-update": 0 });
    expect(host.store.read(`${front.back}/request-update`)).toBe(null);
    const eye = await Eye.open();
    await eye.part();
    for (const colour of [1, 2, 3]) {
      front.draw(40, 40, 1, 1, colour);
      await eye.until(40, 40, colour);
    }
  });

  it("is on every window that looks, each at its own pace", async () => {
    await connected({ width: 640, height: 480, depth: 32 });
    const [quick, slow] = [await Eye.open(), await Eye.open()];
    await quick.part();
    for (let i = 1; i <= 10; i++) {
      front.draw(10 * i, 20, 1, 1, 0x111111 * i);
      front.update(10 * i, 20, 1, 1);
      await quick.until(10 * i, 20, 0x111111 * i);
    }
    await slow.part();
    expect(slow.parts).toBe(1);
    for (let i = 1; i <= 10; i++) expect(slow.at(10 * i, 20)).toBe(0x111111 * i);
    await ask("deviceDetach", { domid, key: "vfb", device: "0", force: true });
    const seenToItsEnd = async (): Promise<void> => {
      for (;;) await slow.part();
    };
    await expect(seenToItsEnd()).rejects.toThrow(/no framebuffer any more|looked at no more/);
    await expect(Eye.open()).rejects.toThrow(/has no framebuffer/);
  });
});
