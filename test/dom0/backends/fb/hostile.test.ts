/**
 * Frontends that want to do harm: 50,000 events and pages, most of them spoiled, of a framebuffer and a keyboard that are in use while a sibling
 * draws and types. They must hurt only their own devices. XENARIUM_SEED=n tries others, XENARIUM_TRIES=n more of them.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEVICE_KINDS } from "../../../../core/dom0/backends/kinds.ts";
import type { ScreenPart } from "../../../../core/toolstack/messages.ts";
import { pvElf } from "../../elf-files.ts";
import { fakeHost, type FakeHost } from "../../xenbus/host.ts";
import { HandFramebuffer } from "./frontend.ts";
import { seeded } from "../../../random.ts";

const SEED = Number(process.env.XENARIUM_SEED ?? 20261128);
const TRIES = Number(process.env.XENARIUM_TRIES ?? 50_000);
const MODE = { width: 320, height: 200, depth: 32 };

let host: FakeHost;
let random: (below: number) => number;
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const ask = <T>(name: Parameters<FakeHost["service"]["handle"]>[0], args: object): Promise<T> =>
  host.service.handle(name, args) as Promise<T>;

beforeEach(() => {
  const next = seeded(SEED);
  random = (below) => Math.floor(next() * below);
  host = fakeHost(DEVICE_KINDS);
});
afterEach(() => host.events.stop());

async function guest(name: string): Promise<number> {
  const config = `name = "${name}"\nkernel = "k"\nmemory = 8\nvfb = ["vnc=0"]\n`;
  return (await ask<{ domid: number }>("create", { config, files: { k: pvElf() } })).domid;
}
async function connect(front: HandFramebuffer, spoil: () => void = () => {}): Promise<void> {
  if (front.state !== "2") {
    front.write(6);
    await expect.poll(() => front.state, { interval: 1 }).toBe("6");
    front.write(1);
    await expect.poll(() => front.state, { interval: 1 }).toBe("2");
  }
  front.make(MODE);
  spoil();
  front.connect();
  await expect.poll(() => front.state, { interval: 1 }).toMatch(/[45]/);
}

const NUMBERS = [0, 1, -1, 31, 32, 320, 200, 4096, 0x7fffffff, -0x80000000, 0xffff, 65536];
const any = (): number => (random(2) ? pick(NUMBERS) : random(2 ** 32));

/** Spoils the page or puts an event. Most of it has no effect, some of it costs the connection. */
const HARM: ((front: HandFramebuffer) => void)[] = [
  (front) => front.put(2, any(), any(), any(), any()),
  (front) => front.put(2, any(), any(), any(), any()),
  (front) => front.put(2, 0, 0, 320, 200),
  (front) => front.put(random(256) | (random(2 ** 24) << 8), any(), any(), any(), any(), any()),
  (front) => front.put(3, 1 + random(320), 1 + random(200), 1280, 32, 0),
  (front) => front.put(3, 1 + random(320), 1 + random(100), 1280, pick([8, 16, 24, 32]), random(20000)),
  // After the connection, changes to the page's description of the framebuffer must have no effect.
  (front) => front.set(16 + 4 * random(5), any()),
  (front) => front.set(40 + 8 * random(4), any()),
  (front) => front.set(1024 + 4 * random(768), any()),
  (front) => front.draw(random(300), random(190), 20, 10, any()),
];
const BREAK: ((front: HandFramebuffer) => void)[] = [
  (front) => front.put(3, any(), any(), any(), any(), any()),
  (front) => front.set(4 * random(4), any()),
  (front) => front.set(12, front.get(12) + 52 + random(1000)),
];

describe("a hostile framebuffer and keyboard", () => {
  it(
    `hurt their own devices only (seed ${SEED}, ${TRIES} events)`,
    async () => {
      const [hostileDomid, siblingDomid] = [await guest("hostile"), await guest("sibling")];
      const hostile = new HandFramebuffer(host, hostileDomid);
      const sibling = new HandFramebuffer(host, siblingDomid);
      await connect(hostile);
      await connect(sibling);
      const watcher = (await ask<{ viewer: number }>("displayOpen", { domid: hostileDomid })).viewer;
      const friend = (await ask<{ viewer: number }>("displayOpen", { domid: siblingDomid })).viewer;
      // The viewer of the hostile screen keeps taking what is sent.
      let [parts, isOver] = [0, false];
      const looking = (async () => {
        while (!isOver) {
          const part = await ask<ScreenPart>("displayPart", { viewer: watcher });
          const pixels = part.rectangles.reduce((sum, [, , width, height]) => sum + width * height, 0);
          expect(part.pixels.length).toBe(4 * pixels);
          parts++;
        }
      })().catch((error: unknown) => error);
      const own = new Set([...host.xen.domains.get(hostileDomid)!.frames].map((mfn) => mfn * 4096));
      // Memory that is not its own must not change: here the sibling's memory outside of the sibling's framebuffer.
      const secret = [...host.xen.domains.get(siblingDomid)!.frames].slice(0, 40).map((mfn) => mfn * 4096);
      const before = secret.map((address) => Buffer.from(host.xen.bytes(address, 4096)));
      let [broken, drawn] = [0, 0];
      for (let made = 0; made < TRIES;) {
        const batch = 1 + random(48);
        for (let i = 0; i < batch; i++, made++) pick(HARM)(hostile);
        if (random(12) === 0) pick(BREAK)(hostile);
        hostile.notify();
        await turn();
        if (hostile.state !== "4") {
          broken++;
          // Sometimes it describes nonsense when it connects.
          if (random(3) === 0) {
            await connect(hostile, () => hostile.set(16 + 4 * random(10), any()));
            if (hostile.state !== "4") await connect(hostile);
          } else await connect(hostile);
        }
        if (random(60) === 0) {
          const colour = 1 + random(0xffffff);
          sibling.draw(10, 20, 30, 40, colour);
          sibling.update(10, 20, 30, 40);
          for (let found = 0; found !== colour;) {
            const { rectangles, pixels } = await ask<ScreenPart>("displayPart", { viewer: friend });
            const words = new Uint32Array(pixels.buffer);
            let from = 0;
            for (const [x, y, width, height] of rectangles) {
              if (x <= 10 && y <= 20 && x + width > 10 && y + height > 20) {
                const word = words[from + (20 - y) * width + 10 - x]!;
                found = ((word & 0xff) << 16) | (word & 0xff00) | ((word >>> 16) & 0xff);
              }
              from += width * height;
            }
          }
          drawn++;
        }
      }
      expect(broken).toBeGreaterThan(TRIES / 2000);
      expect(drawn).toBeGreaterThan(5);
      expect(parts).toBeGreaterThan(10);
      secret.forEach((address, i) => expect(host.xen.bytes(address, 4096).equals(before[i]!)).toBe(true));
      isOver = true;
      await ask("destroy", { domid: hostileDomid });
      expect([...host.xen.mapped].filter(([mfn, count]) => count > 0 && own.has(mfn * 4096))).toEqual([]);
      expect(await looking).toMatchObject({ code: "ENODEV" });
      await ask("destroy", { domid: siblingDomid });
      await expect.poll(() => [...host.xen.mapped.values()].filter(Boolean)).toEqual([]);
    },
    120_000 + 2 * TRIES,
  );
});
