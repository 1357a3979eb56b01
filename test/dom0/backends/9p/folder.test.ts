/**
 * What a guest can reach of a shared folder, and that it reaches nothing else. Both ways in which the host finds files are tested: by descriptors
 * (Linux), and by paths that are checked first (macOS, Windows).
 */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Folders } from "../../../../core/dom0/backends/9p/folders.ts";
import { hasDescriptors } from "../../../../core/dom0/backends/9p/folder/descriptors.ts";
import type { Folder } from "../../../../core/dom0/backends/9p/folder/folder.ts";
import { FreeSpace } from "../../../../core/dom0/backends/9p/folder/free-space.ts";
import { checkName, leadsDown } from "../../../../core/dom0/backends/9p/folder/names.ts";
import { Fields, readHead, T } from "../../../../core/dom0/backends/9p/messages.ts";
import { carryOut } from "../../../../core/dom0/backends/9p/requests/table.ts";
import { Session } from "../../../../core/dom0/backends/9p/session.ts";
import { ShareStatistics } from "../../../../core/dom0/backends/9p/statistics.ts";
import { temporaryFolder } from "../../../temporary.ts";
import { message, NinepClient, text, u16, u32, u64, u8 } from "./requests.ts";

const ways = [...(hasDescriptors() ? [true] : []), false];

describe.each(ways)("a shared folder, found by descriptors: %s", (byDescriptors) => {
  let base: string;
  let share: string;
  let folders: Folders;
  let sessions: Session[];

  beforeEach(() => {
    base = temporaryFolder("9p");
    share = path.join(base, "share");
    fs.mkdirSync(path.join(share, "inner/deep"), { recursive: true });
    fs.mkdirSync(path.join(base, "outside"));
    fs.writeFileSync(path.join(base, "outside/secret"), "SECRET");
    fs.writeFileSync(path.join(share, "file"), "content");
    fs.writeFileSync(path.join(share, "inner/deep/leaf"), "leaf");
    folders = new Folders(byDescriptors);
    sessions = [];
  });
  afterEach(() => {
    for (const session of sessions) {
      session.close();
      session.folder.close();
    }
    // Whatever was asked, this must be unchanged.
    expect(fs.readdirSync(path.join(base, "outside"))).toEqual(["secret"]);
    expect(fs.readFileSync(path.join(base, "outside/secret"), "utf8")).toBe("SECRET");
  });

  async function client(isReadOnly = false, where = share): Promise<NinepClient> {
    const folder = await folders.open(where);
    const session = new Session({ folder, isReadOnly, folders, statistics: new ShareStatistics() }, 65536);
    sessions.push(session);
    const asked = new NinepClient(async (request) => {
      const [type, tag, bytes] = [request[4]!, request.readUInt16LE(5), Uint8Array.from(request)];
      const fields = new Fields(bytes);
      try {
        if (type === T.read) {
          const [fid, offset, count] = [fields.u32(), fields.u64(), fields.u32()];
          const data = Buffer.alloc(count);
          const got = await session.read(fid, offset, [data]);
          return Buffer.concat([readHead(tag, got), data.subarray(0, got)]);
        }
        if (type === T.write) {
          const [fid, offset] = [fields.u32(), fields.u64()];
          const count = await session.write(fid, offset, [request.subarray(23)], request.length - 23);
          return message(T.write + 1, tag, u32(count));
        }
      } catch (error) {
        return Buffer.from(session.refusal(tag, error));
      }
      return Buffer.from(await carryOut(session, type, tag, bytes));
    });
    await asked.begin();
    return asked;
  }

  it("has nothing above it, and takes no name that is none", async () => {
    const guest = await client();
    const up = await guest.walk(["..", "..", "..", "inner", "..", "file"]);
    await guest.call(T.lopen, u32(up), u32(0));
    expect((await guest.read(up)).toString()).toBe("content");
    for (const name of ["", ".", "a/b", "/etc", "../outside", "../outside/secret", "a\0b", "inner/../../outside"]) {
      await expect(guest.walk([name]), JSON.stringify(name)).rejects.toThrow("EINVAL");
      await expect(guest.create([], name), JSON.stringify(name)).rejects.toThrow("EINVAL");
      const root = u32(guest.root);
      await expect(guest.call(T.mkdir, root, text(name), u32(0o755), u32(0))).rejects.toThrow("EINVAL");
      await expect(guest.call(T.renameat, root, text("file"), root, text(name))).rejects.toThrow("EINVAL");
      await expect(guest.call(T.renameat, root, text(name), root, text("got"))).rejects.toThrow("EINVAL");
      await expect(guest.call(T.unlinkat, root, text(name), u32(0))).rejects.toThrow("EINVAL");
      await expect(guest.call(T.symlink, root, text(name), text("x"), u32(0))).rejects.toThrow("EINVAL");
      await expect(guest.call(T.link, root, u32(up), text(name))).rejects.toThrow("EINVAL");
    }
    const root = u32(guest.root);
    await expect(guest.call(T.mkdir, root, text(".."), u32(0o755), u32(0))).rejects.toThrow("EINVAL");
    await expect(guest.call(T.unlinkat, root, text(".."), u32(0x200))).rejects.toThrow("EINVAL");
    await expect(guest.walk(["x".repeat(256)])).rejects.toThrow("ENAMETOOLONG");
    await expect(guest.call(T.attach, u32(77), u32(0xffffffff), text(""), text(base), u32(0))).rejects.toThrow(
      "ENOENT",
    );
    await expect(guest.call(T.remove, u32(guest.root))).rejects.toThrow();
    expect(fs.existsSync(share)).toBe(true);
  });

  it("follows no link, whoever made it, and lets a guest make and move none that leads out", async () => {
    fs.symlinkSync(path.join(base, "outside/secret"), path.join(share, "absolute"));
    fs.symlinkSync("../outside", path.join(share, "climbing"));
    fs.symlinkSync("inner", path.join(share, "down"));
    const guest = await client();
    const root = u32(guest.root);
    for (const names of [
      ["climbing", "secret"],
      ["down", "deep"],
    ])
      await expect(guest.walk(names)).rejects.toThrow();
    for (const name of ["absolute", "climbing", "down"]) {
      for (const flags of [0, 1, 2, 0o1001]) await expect(guest.open([name], flags)).rejects.toThrow("ELOOP");
      await expect(guest.create([], name)).rejects.toThrow("ELOOP");
      await expect(guest.create([], name, 0o202)).rejects.toThrow("EEXIST");
      await expect(guest.create([name], "new")).rejects.toThrow("ENOTDIR");
      const fid = await guest.walk([name]);
      const attributes = (mask: number, size = 0) =>
        guest.call(
          T.setattr,
          u32(fid),
          u32(mask),
          u32(0o777),
          u32(0),
          u32(0),
          u64(size),
          u64(1),
          u64(0),
          u64(1),
          u64(0),
        );
      await expect(attributes(1)).rejects.toThrow("EOPNOTSUPP");
      await expect(attributes(8)).rejects.toThrow("ELOOP");
      await attributes(16 | 32 | 128 | 256);
      expect(fs.lstatSync(path.join(share, name)).mtimeMs).toBe(1000);
      await expect(guest.call(T.link, root, u32(fid), text("again"))).rejects.toThrow("EPERM");
      await expect(guest.call(T.mkdir, u32(fid), text("d"), u32(0o755), u32(0))).rejects.toThrow("ENOTDIR");
    }
    expect(fs.statSync(path.join(base, "outside/secret")).mtimeMs).not.toBe(1000);
    for (const name of ["absolute", "climbing"]) {
      await expect(guest.call(T.renameat, root, text(name), root, text("moved"))).rejects.toThrow("EPERM");
      const fid = await guest.walk([name]);
      await expect(guest.call(T.rename, u32(fid), root, text("moved"))).rejects.toThrow("EPERM");
    }
    await guest.call(T.renameat, root, text("down"), root, text("moved"));
    const target = await guest.call(T.readlink, u32(await guest.walk(["climbing"])));
    expect(target.subarray(2).toString()).toBe("../outside");
    for (const wrong of ["/etc", "..", "a/../..", "inner/..", "../x", "", "c:x", "a\\b"])
      await expect(guest.call(T.symlink, root, text("made"), text(wrong), u32(0))).rejects.toThrow("EPERM");
    await guest.call(T.symlink, root, text("made"), text("inner/deep"), u32(0));
    expect(fs.readlinkSync(path.join(share, "made"))).toBe("inner/deep");
    await guest.call(T.unlinkat, root, text("climbing"), u32(0));
    expect(fs.existsSync(path.join(base, "outside/secret"))).toBe(true);
  });

  it("moves no directory with a link of the host's own that does not lead down, but gives it another name where it is", async () => {
    fs.mkdirSync(path.join(share, "a/b/c"), { recursive: true });
    fs.mkdirSync(path.join(share, "a/plain/below"), { recursive: true });
    // From here it leads to the shared folder's file; from a place that is less deep it would lead out of the folder.
    fs.symlinkSync("../../../file", path.join(share, "a/b/c/up"));
    fs.symlinkSync("below", path.join(share, "a/plain/down"));
    const guest = await client();
    const root = u32(guest.root);
    const [a, b] = [u32(await guest.walk(["a"])), u32(await guest.walk(["a", "b"]))];
    await expect(guest.call(T.renameat, a, text("b"), root, text("b"))).rejects.toThrow("EPERM");
    await expect(guest.call(T.renameat, b, text("c"), root, text("c"))).rejects.toThrow("EPERM");
    await expect(guest.call(T.rename, u32(await guest.walk(["a", "b", "c"])), a, text("c"))).rejects.toThrow("EPERM");
    await guest.call(T.renameat, a, text("plain"), root, text("plain"));
    await guest.call(T.renameat, b, text("c"), b, text("d"));
    await guest.call(T.renameat, a, text("b"), a, text("other"));
    expect(fs.readFileSync(path.join(share, "a/other/d/up"), "utf8")).toBe("content");
    // All of this is done at once, so that a checked path cannot become another one in the meantime.
    fs.mkdirSync(path.join(share, "a/empty"));
    for (let i = 0; i < 40; i++) {
      await Promise.allSettled([
        guest.call(T.renameat, a, text("empty"), root, text("out")),
        guest.call(T.renameat, a, text("empty"), a, text("aside")),
        guest.call(T.renameat, a, text("other"), a, text("empty")),
      ]);
      expect(fs.existsSync(path.join(share, "out/d"))).toBe(false);
      for (const [from, to] of [
        ["a/empty/d", "a/other"],
        ["a/aside", "a/empty"],
        ["out", "a/empty"],
      ])
        if (fs.existsSync(path.join(share, from!)))
          fs.renameSync(path.join(share, from!.replace("/d", "")), path.join(share, to!));
    }
    fs.mkdirSync(path.join(share, "many"));
    for (let i = 0; i < 5001; i++) fs.closeSync(fs.openSync(path.join(share, "many", String(i)), "w"));
    await expect(guest.call(T.renameat, root, text("many"), a, text("many"))).rejects.toThrow("EXDEV");
    await guest.call(T.renameat, root, text("many"), root, text("more"));
  });

  it("lets a guest that moves things for long hold only those who share the same folder, or one in it or above it", async () => {
    fs.mkdirSync(path.join(base, "another"));
    fs.writeFileSync(path.join(base, "another/file"), "another");
    fs.writeFileSync(path.join(base, "top"), "top");
    const one = await client();
    const other = await client(false, path.join(base, "another"));
    const inner = await client(false, path.join(share, "inner"));
    let end!: () => void;
    const long = sessions[0]!.folder.moves.take(() => new Promise<void>((resolve) => (end = resolve)));
    // The way by paths first finds folders, in which all requests take turns.
    await expect.poll(() => end).toBeDefined();
    const ended: string[] = [];
    const rename = (name: string, client: NinepClient, from: string): Promise<unknown> =>
      client
        .call(T.renameat, u32(client.root), text(from), u32(client.root), text("moved"))
        .then(() => ended.push(name));
    const held = [rename("same", one, "file"), rename("inner", inner, "deep")];
    await rename("other", other, "file");
    // Another request, which has both below it, does not let them pass what is under way.
    const above = await client(false, base);
    held.push(rename("above", above, "top"), rename("late", other, "moved"));
    // A round of requests that nothing delays.
    await Promise.all([one, other, inner, above].map((each) => each.walk([])));
    expect(ended).toEqual(["other"]);
    end();
    await Promise.all([long, ...held]);
    expect(ended.sort()).toEqual(["above", "inner", "late", "other", "same"]);
  });

  it.skipIf(process.platform === "win32")("opens no pipe and no device, and gives no program rights", async () => {
    execFileSync("mkfifo", [path.join(share, "pipe")]);
    const guest = await client();
    for (const flags of [0, 1, 2]) {
      await expect(guest.open(["pipe"], flags)).rejects.toThrow("ENXIO");
      await expect(guest.create([], "pipe", 0o100 | flags)).rejects.toThrow("ENXIO");
    }
    expect(() => fs.openSync(path.join(share, "pipe"), fs.constants.O_WRONLY | fs.constants.O_NONBLOCK)).toThrow(
      "ENXIO",
    );
    await expect(
      guest.call(T.mknod, u32(guest.root), text("null"), u32(0o20666), u32(1), u32(3), u32(0)),
    ).rejects.toThrow("EPERM");
    const fid = await guest.create([], "program", 0o102, 0o6777);
    const mode = (): number => fs.statSync(path.join(share, "program")).mode & 0o7000;
    expect(mode()).toBe(0);
    const zero = [u64(0), u64(0), u64(0), u64(0), u64(0)];
    await guest.call(T.setattr, u32(fid), u32(1), u32(0o7755), u32(0), u32(0), ...zero);
    expect(mode()).toBe(0);
    await guest.call(T.mkdir, u32(guest.root), text("directory"), u32(0o7777), u32(0));
    expect(fs.statSync(path.join(share, "directory")).mode & 0o7000).toBe(0);
    await expect(guest.call(T.setattr, u32(fid), u32(2), u32(0), u32(12345), u32(0), ...zero)).rejects.toThrow("EPERM");
  });

  it("that is read-only is not changed by any request", async () => {
    const guest = await client(true);
    const root = u32(guest.root);
    const file = await guest.walk(["file"]);
    const open = await guest.open(["file"]);
    const zero = [u64(0), u64(0), u64(0), u64(0), u64(0)];
    const refused = [
      () => guest.open(["file"], 1),
      () => guest.open(["file"], 2),
      () => guest.open(["file"], 0o1000),
      () => guest.create([], "new"),
      () => guest.write(open, 0, Buffer.from("x")),
      () => guest.call(T.mkdir, root, text("d"), u32(0o755), u32(0)),
      () => guest.call(T.symlink, root, text("l"), text("file"), u32(0)),
      () => guest.call(T.link, root, u32(file), text("l")),
      () => guest.call(T.mknod, root, text("p"), u32(0o10666), u32(0), u32(0), u32(0)),
      () => guest.call(T.rename, u32(file), root, text("r")),
      () => guest.call(T.renameat, root, text("file"), root, text("r")),
      () => guest.call(T.unlinkat, root, text("file"), u32(0)),
      () => guest.call(T.setattr, u32(file), u32(8), u32(0), u32(0), u32(0), ...zero),
      () => guest.call(T.remove, u32(file)),
    ];
    for (const each of refused) await expect(each()).rejects.toThrow("EROFS");
    expect(await guest.content("file")).toBe("content");
    expect(fs.readdirSync(share).sort()).toEqual(["file", "inner"]);
  });

  it("goes on under what the host and the guest rename and remove", async () => {
    const guest = await client();
    const root = u32(guest.root);
    const deep = await guest.walk(["inner", "deep"]);
    await guest.call(T.renameat, root, text("inner"), root, text("outer"));
    const leaf = await guest.walk(["leaf"], deep);
    await guest.call(T.lopen, u32(leaf), u32(2));
    await guest.call(T.unlinkat, u32(deep), text("leaf"), u32(0));
    expect(await guest.write(leaf, 4, Buffer.from(" and more"))).toBe(9);
    expect((await guest.read(leaf)).toString()).toBe("leaf and more");
    const getattr = (fid: number) => guest.call(T.getattr, u32(fid), u64(0x7ff));
    expect((await getattr(leaf)).readBigUInt64LE(49)).toBe(13n);
    expect(await guest.walk([".."], deep)).toBeGreaterThan(0);
    // Another folder in its place is not the folder that it was.
    fs.renameSync(path.join(share, "outer"), path.join(base, "elsewhere"));
    fs.mkdirSync(path.join(share, "outer/deep"), { recursive: true });
    await expect(guest.walk([".."], await guest.walk(["outer", "deep"]))).resolves.toBeGreaterThan(0);
    await expect(guest.call(T.remove, u32(deep))).rejects.toThrow("ESTALE");
    expect(fs.existsSync(path.join(share, "outer/deep"))).toBe(true);
    if (byDescriptors) {
      // It is still the same directory, wherever that is now, and above it there is only the folder.
      const moved = await guest.walk(["outer", "deep"]);
      fs.renameSync(path.join(share, "outer/deep"), path.join(base, "outside/moved"));
      await expect(guest.walk([".."], moved)).resolves.toBeGreaterThan(0);
      await expect(guest.walk(["..", "secret"], moved)).rejects.toThrow("ENOENT");
      fs.renameSync(path.join(base, "outside/moved"), path.join(share, "back"));
    }
  });

  it("lists a directory in pieces, from any place that it has told of", async () => {
    for (let i = 0; i < 300; i++) fs.writeFileSync(path.join(share, `inner/${i}`), "");
    const guest = await client();
    const fid = await guest.open(["inner"]);
    const found: string[] = [];
    const places: bigint[] = [];
    for (let place = 0n; ;) {
      const piece = await guest.list(fid, place, 500);
      if (piece.length === 0) break;
      found.push(...piece.map(({ name }) => name));
      place = piece.at(-1)!.next;
      places.push(place);
    }
    expect(found.sort()).toEqual([".", "..", "deep", ...Array.from({ length: 300 }, (_, i) => String(i))].sort());
    const again = await guest.list(fid, places[3]!, 500);
    expect((await guest.list(fid, places[3]!, 500)).map(({ name }) => name)).toEqual(again.map(({ name }) => name));
    expect((await guest.list(fid, 0n, 500))[0]!.name).toBe(".");
    const [one] = again;
    expect(one!.inode).toBe(fs.statSync(path.join(share, "inner", one!.name), { bigint: true }).ino);
  });

  it("keeps two guests' locks apart, and lets go of them with what they are on", async () => {
    const [one, two] = [await client(), await client()];
    const [a, b] = [await one.open(["file"], 2), await two.open(["file"], 2)];
    const lock = async (guest: NinepClient, fid: number, type: number, start: number, length: number, process = 1) =>
      (await guest.call(T.lock, u32(fid), u8(type), u32(0), u64(start), u64(length), u32(process), text("linux")))[0];
    expect(await lock(one, a, 1, 10, 10)).toBe(0);
    expect(await lock(two, b, 0, 15, 1)).toBe(1);
    expect(await lock(two, b, 1, 20, 0)).toBe(0);
    expect(await lock(one, a, 0, 0, 0)).toBe(1);
    expect(await lock(one, a, 2, 12, 4)).toBe(0);
    expect(await lock(two, b, 1, 12, 4)).toBe(0);
    expect(await lock(two, b, 1, 10, 1)).toBe(1);
    // What lies after the released part is still locked.
    expect(await lock(two, b, 1, 16, 4)).toBe(1);
    const found = await two.call(T.getlock, u32(b), u8(1), u64(0), u64(0), u32(9), text("linux"));
    expect([found[0], found.readBigUInt64LE(1), found.readBigUInt64LE(9)]).toEqual([1, 10n, 2n]);
    await one.clunk(a);
    expect(await lock(two, b, 1, 0, 0)).toBe(0);
    const many = Array.from({ length: 1200 }, (_, i) => i);
    await lock(two, b, 2, 0, 0);
    const statuses = [];
    for (const i of many) statuses.push(await lock(two, b, 1, 2 * i, 1));
    expect(statuses.filter((each) => each === 0).length).toBe(1024);
  });

  it("bounds what it keeps and what a message may hold", async () => {
    const guest = await client();
    const most = folders.mostFids;
    for (let i = 1; i < most; i++) await guest.call(T.walk, u32(0), u32(100_000 + i), u16(0));
    await expect(guest.walk([])).rejects.toThrow("errno 23");
    await guest.clunk(100_001);
    await guest.walk([]);
    expect(await guest.begin(8192)).toBe(8192);
    await expect(guest.call(T.version, u32(100), text("9P2000.L"))).rejects.toThrow("EINVAL");
    await expect(guest.call(T.walk, u32(0), u32(5), u16(17))).rejects.toThrow("EINVAL");
    await expect(guest.call(T.walk, u32(0), u32(5), u16(1), u16(2), u8(0xff), u8(0xfe))).rejects.toThrow("EILSEQ");
    await expect(guest.call(T.walk, u32(0), u32(5), u16(4))).rejects.toThrow("errno 71");
    await expect(guest.call(T.xattrwalk, u32(0), u32(5), text("user.x"))).rejects.toThrow("EOPNOTSUPP");
    await expect(guest.call(255)).rejects.toThrow("EOPNOTSUPP");
  }, 60_000);

  it.skipIf(!byDescriptors)(
    "is not led out by a directory that becomes a link while it is walked",
    async () => {
      fs.mkdirSync(path.join(share, "real"));
      fs.writeFileSync(path.join(share, "real/secret"), "INSIDE");
      fs.symlinkSync(path.join(base, "outside"), path.join(share, "link"));
      const swapper = new Worker(
        `const { renameSync } = require("node:fs");
         const { workerData: [real, link, place, stop] } = require("node:worker_threads");
         while (Atomics.load(stop, 0) === 0) for (const each of [real, link]) { renameSync(each, place); renameSync(place, each); }
         Atomics.store(stop, 0, 2); Atomics.notify(stop, 0);`,
        {
          eval: true,
          workerData: [
            path.join(share, "real"),
            path.join(share, "link"),
            path.join(share, "place"),
            new Int32Array(new SharedArrayBuffer(4)),
          ],
        },
      );
      const guest = await client();
      const seen = { inside: 0, refused: 0, made: 0 };
      try {
        for (let i = 0; i < 3000; i++)
          try {
            const fid = await guest.open(["place", "secret"], 2);
            const content = (await guest.read(fid)).toString();
            expect(content).toBe("INSIDE");
            await guest.write(fid, 0, Buffer.from("INSIDE"));
            await guest.clunk(fid);
            seen.inside++;
            const made = await guest.create(["place"], `made${i}`, 0o202);
            await guest.clunk(made);
            const place = await guest.walk(["place"]);
            await guest.call(T.mkdir, u32(place), text(`d${i}`), u32(0o755), u32(0));
            await guest.call(T.unlinkat, u32(place), text(`made${i}`), u32(0));
            await guest.clunk(place);
            seen.made++;
          } catch (error) {
            if ((error as Error).name === "AssertionError") throw error;
            seen.refused++;
          }
      } finally {
        await swapper.terminate();
      }
      expect(seen.inside).toBeGreaterThan(0);
      expect(seen.made).toBeGreaterThan(0);
      expect(seen.refused).toBeGreaterThan(100);
    },
    60_000,
  );

  it("is a folder of files, and no other file system is entered from it", async () => {
    await expect(folders.open(path.join(share, "file"))).rejects.toThrow("ENOTDIR");
    await expect(folders.open(path.join(share, "nothing"))).rejects.toThrow("ENOENT");
    if (!byDescriptors) return;
    await expect(folders.open("/proc")).rejects.toThrow("the kernel's own files");
    const guest = await client(true, "/");
    for (const name of ["proc", "sys"]) await expect(guest.walk([name])).rejects.toThrow("EXDEV");
  });
});

describe("the host's disk", () => {
  it("is never filled by a guest: some of it stays free", async () => {
    const status = { bsize: 4096, blocks: 1 << 20, bavail: 1 << 19, files: 1000, ffree: 500 };
    let looks = 0;
    const space = new FreeSpace({
      reach: () => (looks++, Promise.resolve(status)),
    } as unknown as Folder);
    for (let i = 0; i < 64; i++) await space.take(1 << 20);
    expect(looks).toBe(4);
    // A twentieth of 4 GiB is 205 MiB, which is the reserve that remains.
    status.bavail = (205 << 20) / 4096;
    await expect(space.take(4 << 20)).rejects.toThrow("ENOSPC");
    status.bavail = (210 << 20) / 4096;
    await space.take(4 << 20);
    status.ffree = 40;
    await expect(space.take(8 << 20)).rejects.toThrow("ENOSPC");
  });
});

describe("names", () => {
  it("that Windows takes for devices, streams or others are refused there", () => {
    for (const name of [
      "con",
      "NUL.txt",
      "com1",
      "LPT9.x",
      "a:b",
      "a\\b",
      "end.",
      "end ",
      "a*",
      "q?",
      "\u0001",
      "CONIN$",
    ])
      expect(() => checkName(name, "win32"), name).toThrow("Windows");
    for (const name of ["console", "com", "a.b", "nulls", "ä"]) checkName(name, "win32");
    checkName("con", "linux");
  });
  it("in links lead down or not", () => {
    expect(["a", "a/b", "./a", "a..b"].map(leadsDown)).toEqual([true, true, true, true]);
    expect(["/a", "..", "a/..", "../a", "", "a/../b", "a\\..\\b"].some(leadsDown)).toBe(false);
  });
});
