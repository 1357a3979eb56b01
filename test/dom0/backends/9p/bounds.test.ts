/** What a guest can make a shared folder keep in dom0's memory is bounded, whatever order of requests it finds for that. */
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Folders } from "../../../../core/dom0/backends/9p/folders.ts";
import { hasDescriptors } from "../../../../core/dom0/backends/9p/folder/descriptors.ts";
import { FileLocks } from "../../../../core/dom0/backends/9p/locks.ts";
import { T } from "../../../../core/dom0/backends/9p/messages.ts";
import { carryOut } from "../../../../core/dom0/backends/9p/requests/table.ts";
import { Session } from "../../../../core/dom0/backends/9p/session.ts";
import { ShareStatistics } from "../../../../core/dom0/backends/9p/statistics.ts";
import { temporaryFolder } from "../../../temporary.ts";
import { NinepClient, text, u32, u64, u8 } from "./requests.ts";

const ways = [...(hasDescriptors() ? [true] : []), false];
/** PATH_MAX without its zero. */
const MOST = 4095;

describe.each(ways)("a guest of a shared folder, found by descriptors: %s", (byDescriptors) => {
  let share: string;
  let session: Session;
  let guest: NinepClient;

  beforeEach(async () => {
    share = temporaryFolder("9p-bounds");
    fs.writeFileSync(path.join(share, "file"), "content");
    const folders = new Folders(byDescriptors);
    const folder = await folders.open(share);
    session = new Session({ folder, isReadOnly: false, folders, statistics: new ShareStatistics() }, 65536);
    guest = new NinepClient(async (request) =>
      Buffer.from(await carryOut(session, request[4]!, request.readUInt16LE(5), Uint8Array.from(request))),
    );
    await guest.begin();
  });
  afterEach(() => {
    session.close();
    session.folder.close();
  });

  it("has no more locks by releasing every second byte of one", async () => {
    const fid = await guest.open(["file"], 2);
    const lock = async (type: number, start: number, length: number): Promise<number> =>
      (await guest.call(T.lock, u32(fid), u8(type), u32(0), u64(start), u64(length), u32(1), text("linux")))[0]!;
    expect(await lock(1, 0, 0)).toBe(0);
    const statuses = [];
    for (let i = 0; i < 1200; i++) statuses.push(await lock(2, 2 * i + 1, 1));
    expect(session.folders.locks.count(session)).toBe(1024);
    expect(statuses.indexOf(2)).toBe(1023);
    // What leaves fewer of them, or as many, is done.
    expect(await lock(2, 0, 1)).toBe(0);
    expect(await lock(2, 0, 0)).toBe(0);
    expect(session.folders.locks.count(session)).toBe(0);
  });

  it("has no longer paths than a path of the host's by going down step by step, or by moving one tree below another", async () => {
    const name = "d".repeat(199);
    /** Makes directories in directories as deep as it can, and returns how many there are. */
    const dig = async (first: string): Promise<{ depth: number; bottom: number }> => {
      let [at, depth] = [guest.root, 0];
      for (let next = first; depth < 50; next = name, depth++)
        try {
          await guest.call(T.mkdir, u32(at), text(next), u32(0o755), u32(0));
          at = await guest.walk([next], at);
        } catch (error) {
          expect((error as Error).message).toBe("ENAMETOOLONG");
          break;
        }
      return { depth, bottom: at };
    };
    const one = await dig("a".repeat(199));
    expect(one.depth).toBe(Math.floor(MOST / 200));
    for (const make of [
      () => guest.call(T.mkdir, u32(one.bottom), text(name), u32(0o755), u32(0)),
      () => guest.call(T.symlink, u32(one.bottom), text(name), text("x"), u32(0)),
      async () => guest.call(T.lcreate, u32(await guest.walk([], one.bottom)), text(name), u32(2), u32(0o644), u32(0)),
      async () => guest.call(T.link, u32(one.bottom), u32(await guest.walk(["file"])), text(name)),
      () => guest.call(T.renameat, u32(guest.root), text("file"), u32(one.bottom), text(name)),
    ])
      await expect(make()).rejects.toThrow("ENAMETOOLONG");
    // Nothing was made that can't be found.
    expect(await guest.list(await opened(one.bottom))).toHaveLength(2);
    // A tree that the guest is deep inside of does not become deeper with it.
    const two = await dig("b".repeat(199));
    const half = await guest.walk(Array.from({ length: 10 }, (_, i) => (i ? name : "a".repeat(199))));
    await expect(guest.call(T.renameat, u32(guest.root), text("b".repeat(199)), u32(half), text("c"))).rejects.toThrow(
      "ENAMETOOLONG",
    );
    await guest.clunk(two.bottom);
    // It goes on at the bottom, and up from there.
    const up = await guest.walk([".."], one.bottom);
    expect((await guest.list(await opened(up))).map((each) => each.name)).toEqual([".", "..", name]);
  });

  /** Opens a directory beside the fid that leads to it. */
  async function opened(fid: number): Promise<number> {
    const other = await guest.walk([], fid);
    await guest.call(T.lopen, u32(other), u32(0));
    return other;
  }
});

it("a lock is split only by a range that leaves a part on both sides", () => {
  const locks = new FileLocks();
  const device = {};
  const held = {
    owner: "a",
    type: "write",
    start: 10n,
    last: 20n,
    holder: {},
    device,
    process: 1,
    client: "",
  } as const;
  expect(locks.lock("f", held)).toBeNull();
  const splits = (start: bigint, last: bigint, owner = "a"): boolean => locks.splits("f", { owner, start, last });
  expect([splits(11n, 19n), splits(10n, 19n), splits(11n, 20n), splits(0n, 30n), splits(30n, 31n)]).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
  expect(splits(11n, 19n, "b")).toBe(false);
});
