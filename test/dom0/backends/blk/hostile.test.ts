/**
 * A frontend that wants to do harm: 50,000 requests, most of them spoiled, with indices, grants, segments, sectors and operations that make no sense.
 * It must hurt only its own device. XENARIUM_SEED=n tries other requests, XENARIUM_TRIES=n more of them.
 */
import {
  BLKIF_OP_FLUSH_DISKCACHE,
  BLKIF_OP_INDIRECT,
  BLKIF_OP_READ,
  BLKIF_OP_WRITE,
  BLKIF_OP_WRITE_BARRIER,
  BLKIF_RSP_ERROR,
  BLKIF_RSP_OKAY,
} from "../../../../core/abi/io_blkif.ts";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BlockDevice } from "../../../../core/dom0/backends/blk/device.ts";
import { DEVICE_KINDS } from "../../../../core/dom0/backends/kinds.ts";
import { RawStore } from "../../../../core/dom0/storage/raw.ts";
import { temporaryFolder } from "../../../temporary.ts";
import { pvElf } from "../../elf-files.ts";
import { HandFrontend } from "../../xenbus/frontend.ts";
import { fakeHost, type FakeHost } from "../../xenbus/host.ts";
import { seeded } from "../../../random.ts";

const SEED = Number(process.env.XENARIUM_SEED ?? 20261128);
const TRIES = Number(process.env.XENARIUM_TRIES ?? 50_000);
const SLOTS = 32;
const SECTORS = 512;
const REF = 64;
const PAGES = 16;
const folder = temporaryFolder("blk");
const images = ["hostile.img", "sibling.img", "readonly.img"].map((name) => path.join(folder, name));

let host: FakeHost;
let domid: number;
let random: (below: number) => number;
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** How long the backend may take, in milliseconds. Its files are read and written by threads that other programs may delay. */
const PATIENCE = 20_000;

class Disk {
  readonly front: HandFrontend;
  readonly data: number[];
  readonly #back: string;
  asked = 0;

  constructor(id: number, first: number) {
    this.front = new HandFrontend(host.xen, host.hypercalls, host.store, domid, `vbd/${id}`, { first, slotBytes: 112 });
    this.data = Array.from({ length: PAGES }, (_, i) => this.front.grant(REF + first * PAGES + i));
    this.#back = `/local/domain/0/backend/vbd/${domid}/${id}`;
  }
  get state(): string | null {
    return host.store.read(`${this.#back}/state`);
  }
  async #until(state: string): Promise<void> {
    for (const last = Date.now() + PATIENCE; this.state !== state;) {
      if (Date.now() > last) throw new Error(`state is ${this.state}, not ${state}`);
      await turn();
    }
  }
  async connect(persistent = random(2)): Promise<void> {
    if (this.state !== "2") {
      this.front.state(6);
      await this.#until("6");
      this.front.state(1);
      await this.#until("2");
    }
    this.asked = 0;
    this.front.connect({ "ring-ref": this.front.refs[0]!, "feature-persistent": persistent, protocol: "x86_64-abi" });
    await this.#until("4");
  }
  put(words: number[]): void {
    this.front.put(...words);
    this.asked++;
  }
  /** Waits until everything that was asked is answered, or the backend has ended the connection. */
  async answered(): Promise<boolean> {
    // The ring is looked at first: reading the state costs more than the whole request.
    for (const last = Date.now() + PATIENCE; this.front.responses !== this.asked; await turn()) {
      if (this.state !== "4") return false;
      if (Date.now() > last) throw new Error(`${this.front.responses} answers to ${this.asked} requests`);
    }
    return true;
  }
  /** The status of the latest response. */
  status(back = 1): number {
    return (this.front.slot((this.asked - back) % SLOTS)[2]! << 0) >> 16;
  }
}

/** A request as a driver makes it. */
function request(operation: number, id: number, sector: number, segments: readonly (readonly number[])[]): number[] {
  const words = [operation | (segments.length << 8), 0, id, 0xabcd, sector, 0];
  for (const [ref, first, last] of segments) words.push(ref!, first! | (last! << 8));
  while (words.length < 28) words.push(0);
  return words;
}
function valid(first: number, id: number): number[] {
  const operation = pick([BLKIF_OP_READ, BLKIF_OP_WRITE, BLKIF_OP_READ, BLKIF_OP_FLUSH_DISKCACHE]);
  const count = operation === BLKIF_OP_FLUSH_DISKCACHE ? 0 : 1 + random(11);
  const segments = Array.from({ length: count }, () => {
    const from = random(8);
    return [REF + first * PAGES + random(PAGES), from, from + random(8 - from)];
  });
  return request(operation, id, random(SECTORS - 96), segments);
}
/** Each spoils one thing. No driver does the last three, and they cost the connection. */
const SPOIL: ((words: number[]) => void)[] = [
  (words) => (words[0] = (words[0]! & ~0xff) | pick([2, 4, 5, 7, 99, 255])),
  (words) => (words[4] = pick([SECTORS, SECTORS - 1, 0xffffffff, random(2 ** 32)])),
  (words) => (words[5] = pick([1, 0x7fffffff, 0xffffffff, random(2 ** 32)])),
  (words) => (words[2] = random(2 ** 32)),
  (words) => (words[1] = random(2 ** 32)),
  (words) => (words[25 + random(3)] = random(2 ** 32)),
  (words) => (words[0] = (words[0]! & 0xffff) | (random(65536) << 16)),
];
const BREAK: ((words: number[]) => void)[] = [
  (words) => (words[0] = (words[0]! & ~0xff00) | ((12 + random(244)) << 8)),
  (words) => (words[6] = pick([random(512), random(2 ** 32), 0xffffffff])),
  (words) => (words[7] = random(2 ** 16)),
  (words) => (words[0] = BLKIF_OP_INDIRECT | (random(256) << 8) | (random(65536) << 16)),
  (words) => words.forEach((_, i) => (words[i] = random(2 ** 32))),
];

beforeEach(async () => {
  const next = seeded(SEED);
  random = (below) => Math.floor(next() * below);
  for (const image of images) writeFileSync(image, Buffer.alloc(SECTORS * 512, image.length));
  host = fakeHost(DEVICE_KINDS);
  const disks = images.map((image, i) => `'${image},,xvd${"abc"[i]},${i === 2 ? "r" : "w"}'`).join(", ");
  const config = `name = "tiny"\nkernel = "k"\nmemory = 4\ndisk = [${disks}]\n`;
  ({ domid } = (await host.service.handle("create", { config, files: { k: pvElf() } })) as { domid: number });
});
afterEach(() => {
  vi.restoreAllMocks();
  host.events.stop();
});

describe("a block frontend", () => {
  it("reads what it wrote, and the image has it; on a read-only disk it can only read", async () => {
    const disk = new Disk(51712, 0);
    const readonly = new Disk(51744, 2);
    for (const persistent of [0, 1]) {
      await disk.connect(persistent);
      host.xen.bytes(disk.data[0]!, 4096).fill(0x77 + persistent);
      host.xen.bytes(disk.data[1]!, 4096).fill(0);
      // Sectors 2 to 5 of the page, at sector 10.
      disk.put(request(BLKIF_OP_WRITE, 1, 10, [[REF, 2, 5]]));
      disk.front.push();
      expect(await disk.answered()).toBe(true);
      disk.put(request(BLKIF_OP_READ, 2, 9, [[REF + 1, 1, 6]]));
      disk.put(request(BLKIF_OP_WRITE_BARRIER, 3, 0, []));
      disk.put(request(BLKIF_OP_FLUSH_DISKCACHE, 4, 0xffffffff, []));
      disk.front.push();
      expect(await disk.answered()).toBe(true);
      expect([1, 2, 3, 4].map((back) => disk.status(back))).toEqual([0, 0, 0, 0]);
      const read = host.xen.bytes(disk.data[1]!, 4096);
      expect([read[511], read[512], read[1024], read[3071], read[3072], read[3584]]).toEqual([
        0,
        images[0]!.length & 0xff,
        0x77 + persistent,
        0x77 + persistent,
        images[0]!.length & 0xff,
        0,
      ]);
      expect(
        readFileSync(images[0]!)
          .subarray(10 * 512, 14 * 512)
          .every((byte) => byte === 0x77 + persistent),
      ).toBe(true);
      disk.front.state(5);
    }
    await readonly.connect();
    readonly.put(request(BLKIF_OP_WRITE, 1, 0, [[REF + 2 * PAGES, 0, 7]]));
    readonly.put(request(BLKIF_OP_READ, 2, 0, [[REF + 2 * PAGES, 0, 7]]));
    readonly.front.push();
    expect(await readonly.answered()).toBe(true);
    const ids = [1, 2].map((back) => [readonly.front.slot(readonly.asked - back)[0], readonly.status(back)]);
    expect(ids.sort()).toEqual([
      [1, BLKIF_RSP_ERROR],
      [2, BLKIF_RSP_OKAY],
    ]);
  });

  it("reads a mebibyte by one indirect request, whose descriptors are a page of its own", async () => {
    const disk = new Disk(51712, 0);
    await disk.connect();
    const list = disk.data[PAGES - 1]!;
    const count = PAGES - 1;
    for (let i = 0; i < count; i++) {
      host.xen.view.setUint32(list + 8 * i, REF + i, true);
      host.xen.view.setUint32(list + 8 * i + 4, 7 << 8, true);
    }
    const words = request(BLKIF_OP_INDIRECT, 5, 16, []);
    words[0] = BLKIF_OP_INDIRECT | (BLKIF_OP_READ << 8) | (count << 16);
    words[7] = REF + PAGES - 1;
    disk.put(words);
    disk.front.push();
    expect(await disk.answered()).toBe(true);
    expect(disk.status()).toBe(0);
    for (let i = 0; i < count; i++)
      expect(host.xen.bytes(disk.data[i]!, 4096).every((byte) => byte === (images[0]!.length & 0xff))).toBe(true);
  });

  // Elsewhere no file is known to be near (storage/near.ts).
  it.skipIf(process.platform !== "linux")(
    "has its answers when the event that told of its requests has been delivered, where the host's memory has what they ask for",
    async () => {
      const disk = new Disk(51712, 0);
      await disk.connect();
      await turn();
      host.xen.bytes(disk.data[1]!, 4096).fill(0x55);
      disk.put(request(BLKIF_OP_READ, 1, 0, [[REF, 0, 7]]));
      disk.put(request(BLKIF_OP_WRITE, 2, 8, [[REF + 1, 0, 7]]));
      disk.put(request(BLKIF_OP_READ, 3, 8, [[REF + 2, 0, 7]]));
      disk.front.push();
      host.events.deliver();
      expect(disk.front.responses).toBe(3);
      expect([3, 2, 1].map((back) => [disk.front.slot(disk.asked - back)[0], disk.status(back)])).toEqual([
        [1, BLKIF_RSP_OKAY],
        [2, BLKIF_RSP_OKAY],
        [3, BLKIF_RSP_OKAY],
      ]);
      expect(host.xen.bytes(disk.data[2]!, 4096).every((byte) => byte === 0x55)).toBe(true);
    },
  );

  it("closes while it writes, and its image is given to nobody else before that write has ended", async () => {
    const connects = vi.spyOn(BlockDevice.prototype, "connect");
    const disconnects = vi.spyOn(BlockDevice.prototype, "disconnect");
    let end = (): void => {};
    vi.spyOn(RawStore.prototype, "flush").mockResolvedValue();
    vi.spyOn(RawStore.prototype, "writeAtOnce").mockReturnValue(false);
    const writes = vi
      .spyOn(RawStore.prototype, "write")
      .mockImplementation(() => new Promise<void>((resolve) => (end = resolve)));
    const disk = new Disk(51712, 0);
    await disk.connect();
    disk.put(request(BLKIF_OP_WRITE, 1, 0, [[REF, 0, 7]]));
    disk.front.push();
    await expect.poll(() => writes.mock.calls.length).toBe(1);
    disk.front.state(5);
    await expect.poll(() => disconnects.mock.calls.length).toBe(1);
    let isHeld = false;
    const device = connects.mock.contexts[0] as BlockDevice;
    const held = device.hold().then((image) => {
      isHeld = true;
      return image;
    });
    for (let i = 0; i < 50; i++) await turn();
    expect(isHeld).toBe(false);
    end();
    (await held).release();
  });

  it("is disconnected for a segment that ends behind its page, or before it begins, and nothing is read or written", async () => {
    const disk = new Disk(51712, 0);
    const behind = host.xen.bytes(disk.data[0]! + 4096, 4096);
    const before = Buffer.from(behind);
    for (const [operation, first, last] of [
      [BLKIF_OP_READ, 0, 8],
      [BLKIF_OP_READ, 8, 8],
      [BLKIF_OP_WRITE, 0, 8],
      [BLKIF_OP_WRITE, 3, 2],
    ] as const) {
      await disk.connect();
      disk.put(request(operation, 1, 0, [[REF, first, last]]));
      disk.front.push();
      expect(await disk.answered(), `from ${first} to ${last}`).toBe(false);
    }
    expect(Buffer.compare(behind, before)).toBe(0);
    expect(readFileSync(images[0]!).every((byte) => byte === (images[0]!.length & 0xff))).toBe(true);
  });

  it(
    `hurts its own device only, whatever it asks (seed ${SEED}, ${TRIES} requests)`,
    async () => {
      const hostile = new Disk(51712, 0);
      const sibling = new Disk(51728, 1);
      await hostile.connect();
      await sibling.connect();
      // Memory that it did not grant must not change.
      const secret = [...host.xen.domains.get(domid)!.frames].slice(700, 720).map((mfn) => mfn * 4096);
      for (const address of secret) host.xen.bytes(address, 4096).fill(0x5a);
      let [made, broken, siblings] = [0, 0, 0];
      while (made < TRIES) {
        const batch = 1 + random(SLOTS - 1);
        let isBroken = false;
        for (let i = 0; i < batch && !isBroken; i++, made++) {
          const words = valid(0, made);
          if (random(4) > 0) pick(SPOIL)(words);
          if ((isBroken = random(200) === 0)) pick(BREAK)(words);
          hostile.put(words);
        }
        if (random(300) === 0) hostile.front.push(pick([hostile.asked + SLOTS + 1, random(2 ** 32)]));
        else hostile.front.push();
        // The guest reuses its memory and writes into it while it is being read and written.
        if (random(8) === 0) host.xen.bytes(pick(hostile.data), 4096).fill(random(256));
        if (!(await hostile.answered())) {
          broken++;
          await hostile.connect();
        }
        if (random(20) === 0) {
          const value = 1 + random(255);
          host.xen.bytes(sibling.data[0]!, 4096).fill(value);
          host.xen.bytes(sibling.data[1]!, 4096).fill(0);
          sibling.put(request(BLKIF_OP_WRITE, 1, 8, [[REF + PAGES, 0, 7]]));
          sibling.front.push();
          expect(await sibling.answered()).toBe(true);
          sibling.put(request(BLKIF_OP_READ, 2, 8, [[REF + PAGES + 1, 0, 7]]));
          sibling.front.push();
          expect(await sibling.answered()).toBe(true);
          expect(host.xen.bytes(sibling.data[1]!, 4096).every((byte) => byte === value)).toBe(true);
          siblings++;
        }
      }
      expect(broken).toBeGreaterThan(TRIES / 2000);
      expect(siblings).toBeGreaterThan(TRIES / 1000);
      for (const address of secret) expect(host.xen.bytes(address, 4096).every((byte) => byte === 0x5a)).toBe(true);
      expect(images.map((image) => statSync(image).size)).toEqual(images.map(() => SECTORS * 512));
      const rest = readFileSync(images[1]!);
      expect(rest.subarray(0, 8 * 512).every((byte) => byte === (images[1]!.length & 0xff))).toBe(true);
      await host.service.handle("destroy", { domid });
      await expect.poll(() => host.xen.grantMaps.size).toBe(0);
    },
    120_000 + 2 * TRIES,
  );
});
