/** Snapshots that were deleted: what lies in the bin, what comes back from it, what goes for good, and what is done with others meanwhile. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { MOST_BINNED } from "../../../core/library/snapshots/bin.ts";
import { parseTree, type Tree } from "../../../core/library/snapshots/tree.ts";
import { seeded } from "../../random.ts";
import { temporaryFolder } from "../../temporary.ts";
import { contentOf, DISK_BYTES, TestLibrary } from "./library.ts";

const folder = temporaryFolder("snapshot-bin");
const [HOUR, DAY] = [3600_000, 24 * 3600_000];
const BEGAN = 1_732_880_000_000;
/** Mounting a small file system needs the right to do so. */
const noTmpfs = process.getuid?.() === 0 && process.platform === "linux" ? null : "needs root on Linux";
let next = 0;
const fresh = (): TestLibrary => new TestLibrary(path.join(folder, String(next++)));
const treeFile = (library: TestLibrary, uuid: string): string =>
  path.join(library.folder, "domains", uuid, "snapshots", "tree.json");
const treeOf = (library: TestLibrary, uuid: string): Tree =>
  parseTree(readFileSync(treeFile(library, uuid), "utf8"), uuid);
const take = async (library: TestLibrary, uuid: string, name: string): Promise<string> =>
  (await library.snapshots.take(uuid, { name, memory: false })).snapshot.id;
const names = async (library: TestLibrary, uuid: string): Promise<string[]> =>
  ((await library.snapshots.report(uuid))?.snapshots ?? []).map(({ name }) => name);
const inBin = async (library: TestLibrary): Promise<string[]> =>
  (await library.snapshots.bin()).map(({ name }) => name);
/** Returns the disk of a snapshot. */
async function shown(library: TestLibrary, uuid: string, id: string): Promise<Buffer> {
  const { layers, snapshots } = treeOf(library, uuid);
  const { file } = snapshots.find((each) => each.id === id)!.disks[0]!;
  return contentOf(file, layers.find((layer) => layer.file === file)!.format);
}

/** A domain with the snapshots one, two and three in a row, whose disks begin with 1, 2 and 3; its own begins with 4. */
async function threeOf(library: TestLibrary): Promise<{ uuid: string; one: string; two: string; three: string }> {
  const uuid = await library.domain("web", "raw");
  const ids: string[] = [];
  for (const [i, name] of ["one", "two", "three"].entries()) {
    await library.write(uuid, 0, Buffer.alloc(65536, i + 1));
    ids.push(await take(library, uuid, name));
  }
  await library.write(uuid, 0, Buffer.alloc(65536, 4));
  const [one, two, three] = ids as [string, string, string];
  return { uuid, one, two, three };
}

it("what is deleted while the bin is emptied stays for its day", async () => {
  const library = fresh();
  const [first, second] = [await threeOf(library), await library.domain("other", "raw")];
  const ids = [await take(library, second, "earlier"), await take(library, second, "later")];
  await library.snapshots.remove(first.uuid, first.one);
  await library.snapshots.remove(second, ids[0]!);
  const bin = library.snapshots.bin.bind(library.snapshots);
  vi.spyOn(library.snapshots, "bin").mockImplementationOnce(async () => {
    const then = await bin();
    await library.snapshots.remove(second, ids[1]!);
    return then;
  });
  await library.snapshots.purgeAll();
  expect(await inBin(library)).toEqual(["later"]);
});

describe("a snapshot that was deleted", () => {
  it("lies in the bin for a day with its size, and comes back to its place in the tree with its disk", async () => {
    const library = fresh();
    library.now = BEGAN;
    const { uuid, one, two, three } = await threeOf(library);
    const before = await library.snapshots.report(uuid);
    await library.snapshots.remove(uuid, two);
    expect(await library.snapshots.report(uuid)).toMatchObject({
      current: three,
      unmerged: 0,
      snapshots: [
        { id: one, parent: null },
        { id: three, parent: one },
      ],
    });
    const [entry, ...others] = await library.snapshots.bin();
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ id: two, uuid, domain: "web", name: "two", hasMemory: false });
    expect(entry).toMatchObject({ deletedAt: BEGAN, goneAt: BEGAN + DAY });
    // Two images have the first 64 KiB of the disk; one of the two goes.
    expect(entry!.bytes).toBeGreaterThanOrEqual(65536);
    expect(entry!.bytes).toBeLessThan(DISK_BYTES);
    for (const deed of [
      () => library.snapshots.revert(uuid, two, null),
      () => library.snapshots.clone(uuid, two, "copy"),
      () => library.snapshots.remove(uuid, two),
      () => library.snapshots.rename(uuid, two, "other"),
      () => library.snapshots.picture(uuid, two),
    ])
      await expect(deed()).rejects.toMatchObject({
        code: "ESRCH",
        message: "The snapshot two lies in the bin: put it back first.",
      });
    const again = library.reopened();
    expect(await again.snapshots.restore(uuid, two)).toBe("two");
    expect(await again.snapshots.report(uuid)).toEqual(before);
    expect(await again.snapshots.bin()).toEqual([]);
    await expect(again.snapshots.restore(uuid, two)).rejects.toMatchObject({ code: "ESRCH" });
    await again.snapshots.revert(uuid, two, null);
    expect((await again.read(uuid))[0]).toBe(2);
  });

  it("comes back under a name made of its own when another has that now, however long it is", async () => {
    const library = fresh();
    const uuid = await library.domain("web", "raw");
    for (const name of ["a", "x".repeat(128), `${"é".repeat(63)}😀`, "😀".repeat(64)]) {
      const first = await take(library, uuid, name);
      await library.snapshots.remove(uuid, first);
      const second = await take(library, uuid, name);
      const called = await library.snapshots.restore(uuid, first);
      expect(called).not.toBe(name);
      expect(called).toMatch(/ 2$/);
      expect(await names(library, uuid)).toContain(called);
      // What it is called now can be read again.
      expect(treeOf(library, uuid).snapshots.find(({ id }) => id === first)!.name).toBe(called);
      expect(called.isWellFormed()).toBe(true);
      for (const id of [first, second]) await library.gone(uuid, id);
    }
  });

  it("goes for good with a merge, alone or with all of its domain, and its disks are what they would have been", async () => {
    for (const all of [false, true]) {
      const library = fresh();
      const { uuid, one, two, three } = await threeOf(library);
      const now = await library.read(uuid);
      for (const id of [two, one, three]) await library.snapshots.remove(uuid, id);
      expect(library.files).toHaveLength(4);
      expect(await library.snapshots.report(uuid)).toMatchObject({ current: null, snapshots: [], unmerged: 0 });
      expect(await library.snapshots.domains()).toEqual([]);
      if (all) await library.snapshots.purge(uuid, null);
      else {
        await library.snapshots.purge(uuid, two);
        expect((await inBin(library)).toSorted()).toEqual(["one", "three"]);
        expect((await shown(library, uuid, one))[0]).toBe(1);
        expect((await shown(library, uuid, three))[0]).toBe(3);
        await library.snapshots.purgeAll();
      }
      expect(library.files).toEqual(["web-0.img"]);
      expect((await library.read(uuid)).equals(now)).toBe(true);
      await expect(library.snapshots.purge(uuid, one)).rejects.toMatchObject({ code: "ESRCH" });
    }
  });

  it("goes when it has lain there for a day and an hour later still; a clock that was set back or forward takes nothing", async () => {
    const library = fresh();
    library.now = BEGAN;
    const { uuid, two } = await threeOf(library);
    await library.snapshots.remove(uuid, two);
    const look = async (now: number): Promise<string[]> => {
      const again = library.reopened();
      again.now = now;
      await again.snapshots.purgeOld();
      return inBin(again);
    };
    for (const now of [
      BEGAN + DAY - 1,
      // The clock is wrong, and is set right at once.
      BEGAN + 400 * DAY,
      BEGAN + HOUR,
      BEGAN - 400 * DAY,
      BEGAN + DAY,
      BEGAN + DAY + HOUR - 1,
    ])
      expect(await look(now), String(now)).toEqual(["two"]);
    expect(await look(BEGAN + DAY + HOUR)).toEqual([]);
    expect(await names(library.reopened(), uuid)).toEqual(["one", "three"]);
    expect(library.files).toHaveLength(3);
    expect((await library.reopened().read(uuid))[0]).toBe(4);
  });

  it(
    "of those of a domain so many lie there, and the earliest go before a chain of images becomes too long",
    { timeout: 240_000 },
    async () => {
      // Seventy snapshots are many writes that wait for a disk.
      const memory = existsSync("/dev/shm") ? mkdtempSync("/dev/shm/snapshot-bin-") : path.join(folder, "many");
      onTestFinished(() => rmSync(memory, { recursive: true, force: true }));
      const library = new TestLibrary(memory);
      const uuid = await library.domain("web", "raw");
      const random = seeded(14);
      const model = Buffer.alloc(DISK_BYTES);
      for (let i = 0; i < MOST_BINNED + 6; i++) {
        library.now = BEGAN + i;
        const bytes = Buffer.alloc(512, 1 + (i % 255));
        const at = 512 * Math.floor(random() * (DISK_BYTES / 512));
        await library.write(uuid, at, bytes);
        bytes.copy(model, at);
        await library.snapshots.remove(uuid, await take(library, uuid, "again"));
      }
      expect(await library.snapshots.bin()).toHaveLength(MOST_BINNED);
      expect(library.files).toHaveLength(MOST_BINNED + 1);
      expect((await library.read(uuid)).equals(model)).toBe(true);
      expect(Math.min(...(await library.snapshots.bin()).map(({ deletedAt }) => deletedAt))).toBe(BEGAN + 6);
      // Fifty or more leave no chain for ever.
      library.now = BEGAN + 2 * DAY;
      await library.snapshots.purgeOld();
      library.now = BEGAN + 3 * DAY;
      await library.snapshots.purgeOld();
      expect(library.files).toEqual(["web-0.img"]);
      expect((await library.read(uuid)).equals(model)).toBe(true);
    },
  );

  it("stays while its domain is saved, and goes when that is over", async () => {
    const library = fresh();
    library.now = BEGAN;
    const { uuid, two } = await threeOf(library);
    const definition = library.definitions.known.get(uuid)!;
    library.definitions.known.set(uuid, { ...definition, isSaved: true });
    await library.snapshots.remove(uuid, two);
    const images = library.files;
    await expect(library.snapshots.purge(uuid, two)).rejects.toMatchObject({ code: "EBUSY" });
    const look = async (now: number): Promise<void> => {
      library.now = now;
      await library.snapshots.purgeOld();
    };
    await look(BEGAN + DAY);
    await look(BEGAN + 2 * DAY);
    expect(library.files).toEqual(images);
    expect(await inBin(library)).toEqual(["two"]);
    library.definitions.known.set(uuid, definition);
    await look(BEGAN + 3 * DAY);
    expect(await inBin(library)).toEqual([]);
    expect((await library.read(uuid))[0]).toBe(4);
  });

  it("one that domains were made from is not deleted, and nobody makes one of what lies in the bin", async () => {
    const library = fresh();
    const { uuid, two } = await threeOf(library);
    const clone = await library.snapshots.clone(uuid, two, "copy");
    await expect(library.snapshots.remove(uuid, two)).rejects.toMatchObject({ code: "EBUSY" });
    await library.snapshots.forget(clone.uuid);
    await library.snapshots.remove(uuid, two);
    await expect(library.snapshots.clone(uuid, two, "copy")).rejects.toMatchObject({ code: "ESRCH" });
  });

  it("that a merge of the day before was broken off is gone on with, unless somebody has cancelled it", async () => {
    const library = fresh();
    const { uuid, two } = await threeOf(library);
    await library.snapshots.remove(uuid, two);
    // As after a kill between the two steps of a purge.
    const tree = treeOf(library, uuid);
    const without = {
      ...tree,
      snapshots: tree.snapshots
        .filter(({ id }) => id !== two)
        .map((each) => (each.parent === two ? { ...each, parent: tree.snapshots[0]!.id } : each)),
    };
    writeFileSync(treeFile(library, uuid), JSON.stringify(without));
    const again = library.reopened();
    expect(await again.snapshots.report(uuid)).toMatchObject({ unmerged: 1 });
    await again.snapshots.purgeOld();
    expect(await again.snapshots.report(uuid)).toMatchObject({ unmerged: 0 });
    expect((await again.read(uuid))[0]).toBe(4);
    // Somebody cancels another.
    const { id } = (await again.snapshots.report(uuid))!.snapshots[0]!;
    await again.snapshots.remove(uuid, id);
    again.heard = (work) => {
      if (work?.what === "purge") again.snapshots.cancel(uuid);
    };
    await expect(again.snapshots.purge(uuid, id)).rejects.toMatchObject({ code: "ECANCELED" });
    await again.snapshots.purgeOld();
    expect(await again.snapshots.report(uuid)).toMatchObject({ unmerged: 1 });
    await again.snapshots.merge(uuid);
    expect(await again.snapshots.report(uuid)).toMatchObject({ unmerged: 0 });
    expect((await again.read(uuid))[0]).toBe(4);
  });

  it("whose image somebody has changed or taken away by hand: a sentence that names it, and all is right when it is there again", async () => {
    for (const spoil of [
      (file: string) => rmSync(file),
      (file: string) => truncateSync(file, 100),
      (file: string) => writeFileSync(file, "no image"),
    ]) {
      const library = fresh();
      const { uuid, one, two, three } = await threeOf(library);
      await library.snapshots.remove(uuid, two);
      const { file } = treeOf(library, uuid).snapshots.find(({ id }) => id === two)!.disks[0]!;
      const had = readFileSync(file);
      spoil(file);
      expect(await inBin(library)).toEqual(["two"]);
      await expect(library.snapshots.purge(uuid, two)).rejects.toThrow(path.basename(file));
      expect(await library.snapshots.report(uuid)).toMatchObject({ unmerged: 1 });
      writeFileSync(file, had);
      await library.snapshots.purgeOld();
      expect(await library.snapshots.report(uuid)).toMatchObject({ unmerged: 0 });
      expect((await shown(library, uuid, one))[0]).toBe(1);
      expect((await shown(library, uuid, three))[0]).toBe(3);
      expect((await library.read(uuid))[0]).toBe(4);
    }
  });

  it("a tree with a bin that is spoiled by hand is told of and left alone", async () => {
    const library = fresh();
    const { uuid, two } = await threeOf(library);
    await library.snapshots.remove(uuid, two);
    const good = readFileSync(treeFile(library, uuid), "utf8");
    for (const [text, why] of [
      [good.replace(/"at": \d+/, '"at": -1'), "snapshots.1.deleted.at"],
      [good.replace(/"at": \d+/, '"at": 1e300'), "snapshots.1.deleted.at"],
      [good.replace('"over": null', '"over": "never"'), "snapshots.1.deleted.over"],
    ] as const) {
      expect(text).not.toBe(good);
      writeFileSync(treeFile(library, uuid), text);
      const again = library.reopened();
      await expect(again.snapshots.report(uuid)).rejects.toThrow(why);
      expect(await again.snapshots.bin()).toEqual([]);
      await again.snapshots.purgeOld();
      expect(library.files).toHaveLength(4);
    }
    // One of a version before there was a bin has none.
    writeFileSync(treeFile(library, uuid), good.replace(/,\s*"deleted": (null|\{[^}]*\})/g, ""));
    expect(await names(library.reopened(), uuid)).toEqual(["one", "two", "three"]);
  });

  it.skipIf(noTmpfs !== null)(
    `a full disk: a sentence, and everything is as it was${noTmpfs ? ` (${noTmpfs})` : ""}`,
    async () => {
      const library = fresh();
      const domains = path.join(library.folder, "domains");
      mkdirSync(domains, { recursive: true });
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", domains]);
      try {
        const { uuid, one, two } = await threeOf(library);
        await library.snapshots.remove(uuid, two);
        const [tree, images] = [readFileSync(treeFile(library, uuid)), library.files];
        const fill = path.join(domains, "fill");
        for (const bytes of [65536, 4096, 1])
          try {
            for (;;) appendFileSync(fill, Buffer.alloc(bytes));
          } catch (error) {
            expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
          }
        for (const deed of [
          () => library.snapshots.remove(uuid, one),
          () => library.snapshots.restore(uuid, two),
          () => library.snapshots.purge(uuid, two),
        ])
          await expect(deed()).rejects.toThrow("disk is full");
        expect(await names(library, uuid)).toEqual(["one", "three"]);
        expect(await inBin(library)).toEqual(["two"]);
        expect(readFileSync(treeFile(library, uuid)).equals(tree)).toBe(true);
        expect(library.files).toEqual(images);
        rmSync(fill);
        expect(await library.reopened().snapshots.restore(uuid, two)).toBe("two");
      } finally {
        execFileSync("umount", [domains]);
      }
    },
  );

  it("of two who delete or put back the same, one does and the other is told", async () => {
    const library = fresh();
    const { uuid, two } = await threeOf(library);
    for (const deed of [() => library.snapshots.remove(uuid, two), () => library.snapshots.restore(uuid, two)]) {
      const results = await Promise.allSettled([deed(), deed()]);
      expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    }
    expect(await names(library, uuid)).toEqual(["one", "two", "three"]);
  });
});
