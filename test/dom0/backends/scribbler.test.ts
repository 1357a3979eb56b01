/**
 * Frontends of two vCPUs: one makes requests and sends events, and another, a thread, changes rings, descriptors and data all the time, also while the
 * backend reads them. They must hurt only their own devices: nobody's memory that was not granted changes, a sibling's does not, and dom0 goes on.
 * XENARIUM_SCRIBBLE_MS=n goes on for longer.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEVICE_KINDS } from "../../../core/dom0/backends/kinds.ts";
import { temporaryFolder } from "../../temporary.ts";
import { pvElf } from "../elf-files.ts";
import { HandFrontend } from "../xenbus/frontend.ts";
import { fakeHost, type FakeHost } from "../xenbus/host.ts";
import { HandShare } from "./9p/frontend.ts";
import { HandFramebuffer } from "./fb/frontend.ts";
import { Vif } from "./net/vif.ts";

const MS = Number(process.env.XENARIUM_SCRIBBLE_MS ?? 800);
const REF = 64;
const PAGES = 16;
const SECTORS = 512;
const folder = temporaryFolder("scribbler");
const [image, other] = ["hostile.img", "other.img"].map((name) => path.join(folder, name)) as [string, string];
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A ring as the thread sees it; places are those of bytes in a page, values those of 32-bit words. */
interface Scribbled {
  page: number;
  /** The producer goes on by `step` while it is less than `most` ahead of what `behind` says. */
  producer: number;
  behind: number;
  step: number;
  most: number;
  /** Slots of so many bytes from `from` to `to`, of which each word has one of the values that are listed for it, or any. */
  slots: { page: number; from: number; to: number; bytes: number; words: number[][] }[];
}

const THREAD = `
const { workerData: { memory, rings, stop, seed } } = require("node:worker_threads");
const words = new Int32Array(memory);
let state = seed;
const random = (below) => {
  state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
  return Math.floor(((state >>> 0) / 2 ** 32) * below);
};
while (Atomics.load(stop, 0) === 0) {
  for (const { page, producer, behind, step, most, slots } of rings) {
    for (const { page: at, from, to, bytes, words: choices } of slots) {
      const slot = from + bytes * random(Math.floor((to - from) / bytes));
      choices.forEach((values, i) => {
        if (random(3)) return;
        words[(at + slot + 4 * i) >> 2] = random(500) ? values[random(values.length)] : random(2 ** 32);
      });
    }
    const [ahead, back] = [(page + producer) >> 2, (page + behind) >> 2];
    if (((words[ahead] + step - words[back]) >>> 0) <= most) Atomics.store(words, ahead, (words[ahead] + step) | 0);
    if (random(200_000) === 0) Atomics.store(words, ahead, random(2 ** 32));
  }
}
Atomics.store(stop, 0, 2);
Atomics.notify(stop, 0);
`;

let host: FakeHost;
let domid: number;
let secret: number[];
const uncaught: string[] = [];

beforeEach(async () => {
  for (const file of [image, other]) writeFileSync(file, Buffer.alloc(SECTORS * 512, file.length));
  host = fakeHost(DEVICE_KINDS, { onHandlerError: (_, error) => uncaught.push(String(error)) });
  const config = `name = "two"
kernel = "k"
memory = 8
disk = ['${image},,xvda,w', '${other},,xvdb,w']
vif = ['mac=00:16:3e:00:00:00', 'mac=00:16:3e:00:00:01']
vfb = ["vnc=0"]
p9 = ["tag=share,security_model=none,path=${folder}/share"]
`;
  const { mkdirSync } = await import("node:fs");
  mkdirSync(path.join(folder, "share"), { recursive: true });
  ({ domid } = (await host.service.handle("create", { config, files: { k: pvElf() } })) as { domid: number });
  // Memory that it did not grant.
  secret = [...host.xen.domains.get(domid)!.frames].slice(900, 920).map((mfn) => mfn * 4096);
  for (const address of secret) host.xen.bytes(address, 4096).fill(0x5a);
});
afterEach(async () => {
  await host.service.handle("destroy", { domid });
  host.events.stop();
  expect(uncaught).toEqual([]);
  await expect.poll(() => host.xen.grantMaps.size).toBe(0);
});

/**
 * Scribbles for a while, and until the frontend has come as far as `least`, however busy the computer is. `go` is called again and again, and returns
 * how far it has come.
 */
async function scribble(rings: Scribbled[], go: () => Promise<number>, least = 100): Promise<void> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { memory: host.xen.memory.buffer, rings, stop, seed: 20261130 };
  const thread = new Worker(THREAD, { eval: true, workerData });
  let [far, before] = [0, 0];
  try {
    for (const end = Date.now() + MS; Date.now() < end || far < least; await turn()) {
      const now = await go();
      far += now >= before ? now - before : now;
      before = now;
    }
  } finally {
    Atomics.store(stop, 0, 1);
    await Atomics.waitAsync(stop, 0, 1).value;
    await thread.terminate();
  }
  for (const address of secret) expect(host.xen.bytes(address, 4096).every((byte) => byte === 0x5a)).toBe(true);
}

const stateOf = (device: string): string | null => host.store.read(`/local/domain/0/backend/${device}/state`);
/** Begins again with a device that was disconnected. */
async function again(device: string, write: (state: number) => void, connect: () => void): Promise<void> {
  if (stateOf(device) === "4") return;
  if (stateOf(device) !== "2") {
    await expect.poll(() => stateOf(device), { interval: 1 }).toMatch(/[56]/);
    write(6);
    await expect.poll(() => stateOf(device), { interval: 1 }).toBe("6");
    write(1);
    await expect.poll(() => stateOf(device), { interval: 1 }).toBe("2");
  }
  connect();
  await expect.poll(() => stateOf(device), { interval: 1 }).toMatch(/[45]/);
}

describe("a frontend that changes what it shares while it is read", () => {
  it("as a disk's hurts nothing but its own image", async () => {
    const device = `vbd/${domid}/51712`;
    const front = new HandFrontend(host.xen, host.hypercalls, host.store, domid, "vbd/51712", { slotBytes: 112 });
    const data = Array.from({ length: PAGES }, (_, i) => front.grant(REF + i));
    const refs = Array.from({ length: PAGES }, (_, i) => REF + i);
    const sectors = [7 << 8, 7 << 8, 3 << 8, (5 << 8) | 2, 0];
    const heads = [0, 1, 0x100, 0x101, 0x200, 0x300, 0xb00, 0xb01, 3, 0x103, 6 | (9 << 16), 6 | (1 << 8) | (4 << 16)];
    const places = [0, 8, 100, SECTORS - 8, SECTORS - 1, SECTORS];
    const segments = Array.from({ length: 11 }, () => [refs, sectors]).flat();
    const words = [heads, [0], [1, 2, 3], [4], places, [0], ...segments];
    const list = Array.from({ length: 8 }, () => [refs, sectors]).flat();
    await scribble(
      [
        {
          ...{ page: front.pages[0]!, producer: 0, behind: 8, step: 1, most: 32 },
          slots: [
            { page: front.pages[0]!, from: 64, to: 64 + 32 * 112, bytes: 112, words },
            // Each page may be one of descriptors.
            ...data.map((page) => ({ page, from: 0, to: 4096, bytes: 64, words: list })),
          ],
        },
      ],
      async () => {
        await again(
          device,
          (state) => front.state(state),
          () => front.connect({ "ring-ref": front.refs[0]!, "feature-persistent": Date.now() % 2 }),
        );
        host.xen.guestNotify(domid, front.port);
        return front.responses & 0xffff;
      },
    );
    expect(readFileSync(other).every((byte) => byte === (other.length & 0xff))).toBe(true);
  });

  it("as an interface's hurts no neighbour on the bridge", async () => {
    const [own, sibling] = [new Vif(host, domid, 0), new Vif(host, domid, 1)];
    await sibling.connect();
    sibling.post(200);
    const refs = Array.from({ length: 10 }, (_, i) => own.ref(i));
    const offsets = [0, 0, 100, 4000, 4 << 16, 8 << 16, 1 << 16];
    const sizes = [60 << 16, 1514 << 16, 4096 << 16, 9000 << 16, 5, 14 << 16];
    const page = own.tx.pages[0]!;
    const frame = [[-1], [0xffff], [0x3e1600], [0x8000000], [0x450008], [0x40000000], [0x6400640]];
    await scribble(
      [
        {
          ...{ page, producer: 0, behind: 8, step: 1, most: 256 },
          slots: [
            { page, from: 64, to: 64 + 256 * 12, bytes: 12, words: [refs, offsets, sizes] },
            ...own.data.slice(0, 10).map((at) => ({ page: at, from: 0, to: 128, bytes: 64, words: frame })),
          ],
        },
        {
          ...{ page: own.rx.pages[0]!, producer: 0, behind: 8, step: 1, most: 256 },
          slots: [{ page: own.rx.pages[0]!, from: 64, to: 64 + 256 * 8, bytes: 8, words: [[1, 2, 3], refs] }],
        },
      ],
      async () => {
        if (own.state !== "4") await own.connect().catch(() => {});
        host.xen.guestNotify(domid, own.tx.port);
        if (sibling.outstanding < 50) sibling.post(100);
        return own.tx.responses & 0xffff;
      },
    );
    expect(sibling.state).toBe("4");
  });

  it("as a shared folder's reaches nothing outside of the folder", async () => {
    const share = new HandShare(host, domid, "0", 200);
    const device = `9pfs/${domid}/0`;
    share.connect();
    await expect.poll(() => stateOf(device)).toBe("4");
    // Messages of 32 bytes: version, attach, walk, lopen, lcreate, read, write, clunk and others, with small numbers in their fields.
    const kinds = [100, 104, 110, 12, 14, 116, 118, 120, 24, 40, 52, 72, 74, 26];
    const heads = kinds.map((kind) => kind | (1 << 8));
    const fields = [0, 1, 2, 3, 0x10000, 0x20001, 9, 0x610001, 0xffff];
    const words = [[32], heads, fields, fields, fields, fields, fields, fields];
    const half = share.size;
    const outs = share.pages.slice(half / 4096);
    await scribble(
      [
        {
          ...{ page: share.page, producer: 68, behind: 64, step: 32, most: half },
          slots: outs.map((page) => ({ page, from: 28, to: 4092, bytes: 32, words })),
        },
        // It reads all answers.
        { page: share.page, producer: 0, behind: 4, step: 0, most: 0, slots: [] },
      ],
      async () => {
        await again(
          device,
          (state) => share.write(state),
          () => share.connect(),
        );
        share.set(0, share.word(4));
        share.notify();
        return share.word(64) & 0xffff;
      },
    );
  });

  it("as a screen's shows something, and nothing else happens", async () => {
    const front = new HandFramebuffer(host, domid, 1000);
    const device = `vfb/${domid}/0`;
    const connect = (): void => {
      front.make({ width: 64, height: 64, depth: 32 });
      front.connect();
    };
    await again(device, (state) => front.write(state), connect);
    const { viewer } = (await host.service.handle("displayOpen", { domid })) as { viewer: number };
    const sizes = [0, 1, 31, 64, 65, 256, -1, 0x7fffffff];
    const looking = (async () => {
      for (;;) await host.service.handle("displayPart", { viewer });
    })().catch(() => {});
    await scribble(
      [
        {
          ...{ page: front.page, producer: 12, behind: 8, step: 1, most: 51 },
          slots: [
            {
              page: front.page,
              from: 2048,
              to: 4088,
              bytes: 40,
              words: [[2, 2, 2, 3], sizes, sizes, sizes, sizes, [0]],
            },
            { page: front.page, from: 16, to: 40, bytes: 24, words: [sizes, sizes, sizes, sizes, [32]] },
          ],
        },
      ],
      async () => {
        await again(device, (state) => front.write(state), connect);
        front.notify();
        return front.get(8) & 0xffff;
      },
      1,
    );
    await host.service.handle("displayClose", { viewer });
    await looking;
  });
});
