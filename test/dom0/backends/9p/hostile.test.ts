/**
 * A 9pfs frontend that wants to do harm: 50,000 requests, most of them spoiled, with names, fids, sizes and indices that make no sense. It must hurt
 * only its own device, and touch nothing outside of its folder. XENARIUM_SEED=n tries other requests, XENARIUM_TRIES=n more of them.
 */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { T } from "../../../../core/dom0/backends/9p/messages.ts";
import { DEVICE_KINDS } from "../../../../core/dom0/backends/kinds.ts";
import { temporaryFolder } from "../../../temporary.ts";
import { pvElf } from "../../elf-files.ts";
import { fakeHost, type FakeHost } from "../../xenbus/host.ts";
import { HandShare } from "./frontend.ts";
import { message, NinepClient, text, u16, u32, u64, u8, type Field } from "./requests.ts";
import { seeded } from "../../../random.ts";

const SEED = Number(process.env.XENARIUM_SEED ?? 20261128);
const TRIES = Number(process.env.XENARIUM_TRIES ?? 50_000);
/** How long the backend may take, in milliseconds. Its files are read and written by threads that other programs may delay. */
const PATIENCE = 20_000;
const base = temporaryFolder("9p-hostile");

let host: FakeHost;
let domid: number;
let random: (below: number) => number;
const pick = <V>(list: readonly V[]): V => list[random(list.length)]!;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(done: () => boolean, what: () => string): Promise<void> {
  for (const last = Date.now() + PATIENCE; !done(); await turn()) if (Date.now() > last) throw new Error(what());
}
async function connect(share: HandShare): Promise<void> {
  if (share.state !== "2") {
    share.write(6);
    await until(
      () => share.state === "6",
      () => `state is ${share.state}`,
    );
    share.write(1);
    await until(
      () => share.state === "2",
      () => `state is ${share.state}`,
    );
  }
  share.connect();
  await until(
    () => share.state === "4",
    () => `state is ${share.state}: ${share.problem}`,
  );
}
/** The client of a frontend that behaves. */
function client(share: HandShare): NinepClient {
  return new NinepClient(async (request) => {
    share.put(request);
    share.notify();
    let answer: Buffer | null = null;
    await until(
      () => (answer = share.take()) !== null,
      () => `no answer; state is ${share.state}: ${share.problem}`,
    );
    return answer!;
  });
}

beforeEach(async () => {
  const next = seeded(SEED);
  random = (below) => Math.floor(next() * below);
  fs.rmSync(base, { recursive: true, force: true });
  for (const name of ["hostile/inner", "sibling", "outside"]) fs.mkdirSync(path.join(base, name), { recursive: true });
  fs.writeFileSync(path.join(base, "outside/secret"), "SECRET");
  fs.writeFileSync(path.join(base, "sibling/file"), "");
  fs.symlinkSync(path.join(base, "outside"), path.join(base, "hostile/out"));
  fs.symlinkSync("../outside/secret", path.join(base, "hostile/up"));
  fs.writeFileSync(path.join(base, "hostile/file"), "x".repeat(10_000));
  execFileSync("mkfifo", [path.join(base, "hostile/pipe")]);
  host = fakeHost(DEVICE_KINDS);
  const folders = ["hostile", "sibling"]
    .map((name) => `"tag=${name},security_model=none,path=${path.join(base, name)}"`)
    .join(", ");
  const config = `name = "tiny"\nkernel = "k"\nmemory = 8\np9 = [${folders}]\n`;
  ({ domid } = (await host.service.handle("create", { config, files: { k: pvElf() } })) as { domid: number });
});
afterEach(async () => {
  await host.service.handle("destroy", { domid });
  host.events.stop();
  await expect.poll(() => host.xen.grantMaps.size).toBe(0);
  if (process.platform === "linux")
    await expect
      .poll(() => fs.readdirSync("/proc/self/fd").filter((each) => opened(each).startsWith(base)))
      .toEqual([]);
});

const NAMES = [
  "file",
  "inner",
  "out",
  "up",
  "pipe",
  "..",
  ".",
  "",
  "a",
  "b",
  "c/d",
  "../outside",
  "a\0",
  "secret",
  "\u{1f600}",
];
const name = (): Field => text(random(20) ? pick(NAMES) : "n".repeat(random(400)));
const fid = (): Field => u32(random(12) ? random(6) : random(2 ** 32));
const number = (): Field => u32(random(3) ? random(16) : random(2 ** 32));
const long = (): Field => u64(random(3) ? random(20_000) : (BigInt(random(2 ** 32)) << 32n) | BigInt(random(2 ** 32)));
const flags = (): Field => u32(random(2) ? pick([0, 1, 2, 0o102, 0o1002, 0o2001, 0o202]) : random(2 ** 23));
const bytes = (count: number): Field => ["bytes", Buffer.alloc(count, random(256))];

/** Requests as a client makes them, of every type. */
const REQUESTS: (() => [number, ...Field[]])[] = [
  () => [T.version, u32(pick([8192, 8192, 16384, 4096, 10])), text(random(5) ? "9P2000.L" : "9P2000")],
  () => [T.attach, fid(), u32(0xffffffff), text("root"), text(""), u32(0)],
  () => [T.attach, fid(), u32(0xffffffff), text("root"), text(""), u32(0)],
  () => [T.walk, u32(0), fid(), u16(1), name()],
  () => [T.walk, fid(), fid(), u16(0)],
  () => [T.walk, fid(), fid(), u16(3), name(), name(), name()],
  () => [T.lopen, fid(), flags()],
  () => [T.lcreate, fid(), name(), flags(), number(), number()],
  () => [T.read, fid(), long(), number()],
  () => [T.read, fid(), u64(0), u32(5000)],
  () => {
    const count = random(3000);
    return [T.write, fid(), u64(random(20_000)), u32(count), bytes(count)];
  },
  () => [T.readdir, fid(), u64(random(8)), u32(random(9000))],
  () => [T.getattr, fid(), u64(0x7ff)],
  () => [T.setattr, fid(), number(), number(), number(), number(), u64(random(30_000)), long(), long(), long(), long()],
  () => [T.mkdir, fid(), name(), number(), number()],
  () => [T.symlink, fid(), name(), name(), number()],
  () => [T.link, fid(), fid(), name()],
  () => [T.mknod, fid(), name(), number(), number(), number(), number()],
  () => [T.renameat, fid(), name(), fid(), name()],
  () => [T.rename, fid(), fid(), name()],
  () => [T.unlinkat, fid(), name(), u32(pick([0, 0x200]))],
  () => [T.readlink, fid()],
  () => [T.statfs, fid()],
  () => [T.fsync, fid(), number()],
  () => [T.lock, fid(), u8(random(4)), number(), long(), long(), number(), name()],
  () => [T.getlock, fid(), u8(random(4)), long(), long(), number(), name()],
  () => [T.flush, u16(random(40))],
  () => [T.clunk, fid()],
  () => [T.remove, fid()],
  () => [T.xattrwalk, fid(), fid(), name()],
  () => [random(256), bytes(random(100))],
];

/** Makes a request that is spoiled inside more often than not. Its length stays correct. */
function request(): Buffer {
  const [type, ...fields] = pick(REQUESTS)();
  const made = message(type, random(40), ...fields);
  if (random(3) === 0) made[7 + random(Math.max(1, made.length - 7))] = random(256);
  if (random(12) === 0) {
    const shorter = made.subarray(0, 7 + random(Math.max(1, made.length - 7)));
    shorter.writeUInt32LE(shorter.length, 0);
    return shorter;
  }
  return made;
}

/** Everything below a folder. Node's own recursive reading follows links, and with two that lead to their own folder it never ends. */
function* below(folder: string): Generator<string> {
  for (const each of fs.readdirSync(folder, { withFileTypes: true })) {
    const at = path.join(folder, each.name);
    yield at;
    if (each.isDirectory()) yield* below(at);
  }
}

describe("a 9pfs frontend", () => {
  it("has its files through rings whose pages lie anywhere and that go round", async () => {
    const share = new HandShare(host, domid, "0", 0);
    await connect(share);
    const guest = client(share);
    expect(await guest.begin()).toBe(share.size);
    const data = Buffer.from(Array.from({ length: 9000 }, (_, i) => (i * 7) >> 3));
    const file = await guest.create([], "made");
    for (let round = 0; round < 12; round++) {
      expect(await guest.write(file, round * 9000, data)).toBe(9000);
      expect((await guest.read(file, round * 9000, 9000)).equals(data)).toBe(true);
    }
    expect(fs.readFileSync(path.join(base, "hostile/made")).equals(Buffer.concat(Array(12).fill(data)))).toBe(true);
    expect((await guest.read(file, 108_000 - 5, 100)).length).toBe(5);
  });

  it("is answered when requests wait for each other, and lets go of everything when it goes meanwhile", async () => {
    const share = new HandShare(host, domid, "0", 0);
    const version = (tag: number): Buffer => message(T.version, tag, u32(8192), text("9P2000.L"));
    const flush = (tag: number, old: number): Buffer => message(T.flush, tag, u16(old));
    for (let round = 0; round < 3; round++) {
      await connect(share);
      share.put(
        Buffer.concat([version(5), version(6), flush(7, 8), flush(8, 7), version(9), flush(9, 9), flush(5, 6)]),
      );
      share.notify();
      const tags: number[] = [];
      await until(
        () => {
          for (let answer = share.take(); answer; answer = share.take()) tags.push(answer.readUInt16LE(5));
          return tags.length === 7;
        },
        () => `answers: ${tags.join()}`,
      );
    }
  });

  it.each([
    ["version", { version: 2 }, "version"],
    ["num-rings", { "num-rings": 5 }, "num-rings"],
    ["ring-ref0", { "ring-ref0": 500 }, "grant 500"],
  ])("that names a wrong %s is told so", async (_name, nodes, problem) => {
    const share = new HandShare(host, domid, "0", 0);
    share.connect(nodes);
    await until(
      () => share.state === "5",
      () => `state is ${share.state}`,
    );
    expect(share.problem).toContain(problem);
    await connect(share);
  });

  it("with a wrong ring_order or page of data is told so, and leaves nothing mapped", async () => {
    const share = new HandShare(host, domid, "0", 0);
    // The domain's own rings, of its console and xenstore.
    const before = host.xen.grantMaps.size;
    for (const spoil of [
      () => share.set(128, 0),
      () => share.set(128, 20),
      () => share.set(140, 501),
      () => share.set(68, 5),
    ]) {
      if (share.state !== "2") {
        share.write(6);
        await until(
          () => share.state === "6",
          () => `state is ${share.state}`,
        );
        share.write(1);
        await until(
          () => share.state === "2",
          () => `state is ${share.state}`,
        );
      }
      share.connect({}, spoil);
      await until(
        () => share.state === "5",
        () => `state is ${share.state}`,
      );
      expect(share.problem).toMatch(/ring_order|grant 501|a message has 0 bytes/);
      expect(host.xen.grantMaps.size).toBe(before);
    }
  });

  it(
    `hurts its own device only, whatever it asks (seed ${SEED}, ${TRIES} requests)`,
    async () => {
      const hostile = new HandShare(host, domid, "0", 0);
      const sibling = new HandShare(host, domid, "1", 40);
      await connect(hostile);
      await connect(sibling);
      const friend = client(sibling);
      await friend.begin();
      const own = await friend.open(["file"], 2);
      const secret = [...host.xen.domains.get(domid)!.frames].slice(1500, 1520).map((mfn) => mfn * 4096);
      for (const address of secret) host.xen.bytes(address, 4096).fill(0x5a);
      let [made, broken, siblings, answers, done] = [0, 0, 0, 0, 0];
      while (made < TRIES) {
        const batch = 1 + random(24);
        let asked = 0;
        for (let i = 0; i < batch; i++, made++) {
          const bytes = request();
          if (bytes.length > hostile.room) break;
          hostile.put(bytes);
          asked++;
        }
        let isBroken = false;
        if ((isBroken = random(100) === 0))
          pick([
            () => hostile.put(Buffer.from([random(7), 0, 0, 0, 100, 0, 0, 0])),
            () => hostile.put(Buffer.from([0, 0, 1 + random(255), random(256), 100, 0, 0, 0])),
            () => hostile.set(68, random(2 ** 32)),
            () => hostile.set(0, random(2 ** 32)),
            () => hostile.set(68, hostile.word(68) - 1 - random(64)),
          ])();
        hostile.notify();
        // It changes its requests and the answers while they are being read and written, so it no longer knows where a message begins.
        if (random(40) === 0) {
          for (let turns = random(4); turns > 0; turns--) await turn();
          host.xen.bytes(pick(hostile.pages), 4096).fill(random(256), random(4096));
          isBroken = true;
          await turn();
        } else if (!isBroken) {
          let taken = 0;
          await until(
            () => {
              for (let answer = hostile.take(); answer; answer = hostile.take()) {
                taken++;
                if (answer[4] !== 7) done++;
              }
              hostile.notify();
              return taken >= asked || hostile.state !== "4";
            },
            () => `${taken} answers to ${asked} requests`,
          );
          answers += taken;
        } else await turn();
        if (isBroken || hostile.state !== "4" || hostile.room < 4096) {
          broken++;
          await connect(hostile);
        }
        if (random(40) === 0) {
          const data = Buffer.alloc(1 + random(5000), 1 + random(255));
          expect(await friend.write(own, 0, data)).toBe(data.length);
          expect((await friend.read(own, 0, data.length)).equals(data)).toBe(true);
          siblings++;
        }
      }
      expect(broken).toBeGreaterThan(TRIES / 2000);
      expect(siblings).toBeGreaterThan(TRIES / 2500);
      expect(answers).toBeGreaterThan(TRIES / 3);
      expect(done).toBeGreaterThan(TRIES / 20);
      for (const address of secret) expect(host.xen.bytes(address, 4096).every((byte) => byte === 0x5a)).toBe(true);
      expect(fs.readdirSync(base).sort()).toEqual(["hostile", "outside", "sibling"]);
      expect(fs.readdirSync(path.join(base, "outside"))).toEqual(["secret"]);
      expect(fs.readFileSync(path.join(base, "outside/secret"), "utf8")).toBe("SECRET");
      expect(fs.readdirSync(path.join(base, "sibling"))).toEqual(["file"]);
      // If it is still there, nobody has it open.
      for (const at of below(path.join(base, "hostile"))) {
        if (fs.lstatSync(at).isFIFO())
          expect(() => fs.openSync(at, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK)).toThrow("ENXIO");
      }
    },
    120_000 + 4 * TRIES,
  );
});

/** Returns what a descriptor of this process stands for. */
function opened(descriptor: string): string {
  try {
    return fs.readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return "";
  }
}
