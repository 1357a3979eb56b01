/** Snapshots of domains that do not run. Whatever is taken, reverted, deleted and cloned in whatever order, every disk must be what it was then. */
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { Snapshot } from "../../../core/library/snapshots/tree.ts";
import { seeded } from "../../random.ts";
import { temporaryFolder } from "../../temporary.ts";
import { contentOf, DISK_BYTES, TestLibrary } from "./library.ts";

const folder = temporaryFolder("snapshots");
/** Mounting a small file system needs the right to do so. */
const noTmpfs = process.getuid?.() === 0 && process.platform === "linux" ? null : "needs root on Linux";
let next = 0;
const fresh = (): TestLibrary => new TestLibrary(path.join(folder, String(next++)));

const treeOf = (
  library: TestLibrary,
  uuid: string,
): { snapshots: Snapshot[]; layers: { file: string; format: string }[] } =>
  JSON.parse(readFileSync(path.join(library.folder, "domains", uuid, "snapshots", "tree.json"), "utf8")) as never;

/** Returns the disk of a snapshot as a domain made from that snapshot would see it. */
async function shown(library: TestLibrary, uuid: string, id: string, disk = 0): Promise<Buffer> {
  const tree = treeOf(library, uuid);
  const { file } = tree.snapshots.find((each) => each.id === id)!.disks[disk]!;
  return contentOf(file, tree.layers.find((layer) => layer.file === file)!.format);
}

describe("snapshots of a domain that does not run", () => {
  it("its disk goes on in a new image beside the old one, which stays as it is; reverted, it is as it was", async () => {
    const library = fresh();
    const uuid = await library.domain("web", "raw");
    const [original] = library.images(uuid);
    await library.write(uuid, 512, Buffer.alloc(512, 1));
    const { snapshot } = await library.snapshots.take(uuid, { name: "before", memory: true });
    expect(snapshot).toMatchObject({ name: "before", parent: null, hasMemory: false });
    const before = readFileSync(original!.file);
    expect(library.images(uuid)[0]).toEqual(
      expect.objectContaining({
        format: "qcow2",
        file: path.join(library.folder, "images", `web-0.xvda-${snapshot.id}.qcow2`),
      }),
    );
    expect(library.definitions.known.get(uuid)!.config).toContain('kernel = "k" # mine');
    await library.write(uuid, 512, Buffer.alloc(512, 2));
    expect(readFileSync(original!.file).equals(before)).toBe(true);
    expect((await library.snapshots.frozen()).map(({ file }) => file)).toEqual([original!.file]);
    await library.snapshots.revert(uuid, snapshot.id, null);
    expect((await library.read(uuid)).equals(before)).toBe(true);
    // Nothing is left of what was written since.
    expect(library.files).toHaveLength(2);
  });

  it("reverts with a snapshot of now first, and there and back again", async () => {
    const library = fresh();
    const uuid = await library.domain("web", "qcow2", 2);
    await library.write(uuid, 0, Buffer.alloc(512, 1), 1);
    const first = (await library.snapshots.take(uuid, { name: "one", memory: false })).snapshot;
    await library.write(uuid, 0, Buffer.alloc(512, 2), 1);
    await library.snapshots.revert(uuid, first.id, "what I had");
    expect((await library.read(uuid, 1))[0]).toBe(1);
    const report = (await library.snapshots.report(uuid))!;
    const kept = report.snapshots.find(({ name }) => name === "what I had")!;
    expect(kept.parent).toBe(first.id);
    expect(report.current).toBe(first.id);
    await library.snapshots.revert(uuid, kept.id, null);
    expect((await library.read(uuid, 1))[0]).toBe(2);
  });

  it("when the last is deleted the domain has the image again that it began with, and nothing else is there", async () => {
    for (const format of ["raw", "qcow2"] as const) {
      const library = fresh();
      const uuid = await library.domain("web", format);
      const [original] = library.images(uuid);
      const ids: string[] = [];
      for (let i = 1; i <= 4; i++) {
        await library.write(uuid, i * 70_000, Buffer.alloc(5000, i));
        ids.push((await library.snapshots.take(uuid, { name: `s${i}`, memory: false })).snapshot.id);
      }
      await library.write(uuid, 0, Buffer.alloc(512, 9));
      const now = await library.read(uuid);
      for (const id of [ids[1]!, ids[3]!, ids[0]!, ids[2]!]) {
        await library.gone(uuid, id);
        expect((await library.read(uuid)).equals(now)).toBe(true);
      }
      expect(library.images(uuid)[0]!.file).toBe(original!.file);
      expect(library.files).toEqual([path.basename(original!.file)]);
      expect(await library.snapshots.frozen()).toEqual([]);
    }
  });

  it("whatever is done in whatever order, also over restarts", { timeout: 240_000 }, async () => {
    const random = seeded(20261128);
    const below = (count: number): number => Math.floor(random() * count);
    let library = fresh();
    const first = await library.domain("web", "raw");
    interface Known {
      now: Buffer;
      then: Map<string, Buffer>;
      /** The same of those in the bin. */
      binned: Map<string, Buffer>;
      /** The snapshots that have clones. */
      origin: { uuid: string; id: string } | null;
    }
    const known = new Map<string, Known>([
      [first, { now: await library.read(first), then: new Map(), binned: new Map(), origin: null }],
    ]);
    let names = 0;
    for (let step = 0; step < 70; step++) {
      const uuids = [...known.keys()];
      const uuid = uuids[below(uuids.length)]!;
      const mine = known.get(uuid)!;
      const ids = [...mine.then.keys()];
      const id = ids[below(ids.length)];
      const gone = [...mine.binned.keys()][below(mine.binned.size)];
      switch (below(10)) {
        case 0:
        case 1:
        case 2: {
          const bytes = Buffer.alloc(512 * (1 + below(300)), 1 + below(255));
          const offset = 512 * below((DISK_BYTES - bytes.length) / 512);
          await library.write(uuid, offset, bytes);
          bytes.copy(mine.now, offset);
          break;
        }
        case 3: {
          const { snapshot } = await library.snapshots.take(uuid, { name: `s${names++}`, memory: false });
          mine.then.set(snapshot.id, Buffer.from(mine.now));
          break;
        }
        case 4:
          if (id === undefined) break;
          await library.snapshots.revert(uuid, id, null);
          mine.now = Buffer.from(mine.then.get(id)!);
          break;
        case 5: {
          if (id === undefined) break;
          const isUsed =
            (await library.snapshots.report(uuid))!.snapshots.find((each) => each.id === id)!.clones.length > 0;
          const removing = library.snapshots.remove(uuid, id);
          if (isUsed) await expect(removing).rejects.toThrow("made from the snapshot");
          else {
            await removing;
            mine.binned.set(id, mine.then.get(id)!);
            mine.then.delete(id);
          }
          break;
        }
        case 6: {
          if (id === undefined || known.size > 3) break;
          const clone = await library.snapshots.clone(uuid, id, `clone-${names++}`);
          const now = Buffer.from(mine.then.get(id)!);
          known.set(clone.uuid, { now, then: new Map(), binned: new Map(), origin: { uuid, id } });
          break;
        }
        case 7:
          library = library.reopened();
          break;
        case 8:
          if (gone === undefined) break;
          await library.snapshots.restore(uuid, gone);
          mine.then.set(gone, mine.binned.get(gone)!);
          mine.binned.delete(gone);
          break;
        case 9: {
          const all = below(3) === 0;
          if (gone === undefined) break;
          await library.snapshots.purge(uuid, all ? null : gone);
          if (all) mine.binned.clear();
          else mine.binned.delete(gone);
        }
      }
      for (const [each, { now, then, binned }] of known) {
        expect((await library.read(each)).equals(now), `step ${step}`).toBe(true);
        for (const [snapshot, bytes] of [...then, ...binned])
          expect((await shown(library, each, snapshot)).equals(bytes), `step ${step}`).toBe(true);
      }
    }
    expect(library.warnings).toEqual([]);
    // Deletes clones first. Then everything else can be deleted, and only the image with which everything began is left.
    for (const uuid of [...known.keys()].reverse()) {
      for (const id of known.get(uuid)!.then.keys()) await library.snapshots.remove(uuid, id);
      await library.snapshots.purge(uuid, null);
      if (uuid !== first) await library.snapshots.forget(uuid);
    }
    await library.snapshots.merge(first);
    expect((await library.read(first)).equals(known.get(first)!.now)).toBe(true);
    expect(library.files).toEqual(["web-0.img"]);
  });

  it("an image that its user has taken out of the configuration stays, with what is on it", async () => {
    const library = fresh();
    const uuid = await library.domain("web", "raw", 2);
    await library.snapshots.take(uuid, { name: "both", memory: false });
    await library.write(uuid, 0, Buffer.alloc(512, 7), 1);
    const second = library.images(uuid)[1]!;
    const before = library.definitions.known.get(uuid)!;
    const one = before.config.replace(/, "[^"]*vdev=xvdb[^"]*"/, "");
    library.definitions.known.set(uuid, { ...before, config: one });
    const { snapshot } = await library.snapshots.take(uuid, { name: "one", memory: false });
    await library.gone(uuid, snapshot.id);
    expect((await contentOf(second.file, "qcow2"))[0]).toBe(7);
    expect((await library.snapshots.frozen()).map(({ file }) => file)).not.toContain(second.file);
  });

  it.skipIf(noTmpfs !== null)(
    `a full disk: a sentence, and everything is as it was${noTmpfs ? ` (${noTmpfs})` : ""}`,
    async () => {
      const library = fresh();
      for (const full of ["images", "domains"] as const) {
        const small = path.join(library.folder, full);
        mkdirSync(small, { recursive: true });
        execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", small]);
        try {
          const uuid = await library.domain(`on-${full}`, "raw");
          await library.write(uuid, 0, Buffer.alloc(512, 5));
          const { snapshot } = await library.snapshots.take(uuid, { name: "one", memory: false });
          await library.write(uuid, 0, Buffer.alloc(512, 6));
          const before = library.images(uuid);
          const tree = treeOf(library, uuid);
          const fill = path.join(small, "fill");
          for (const bytes of [65536, 4096, 1])
            try {
              for (;;) appendFileSync(fill, Buffer.alloc(bytes));
            } catch (error) {
              expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
            }
          await expect(library.snapshots.take(uuid, { name: "two", memory: false })).rejects.toThrow("disk is full");
          await expect(library.snapshots.revert(uuid, snapshot.id, null)).rejects.toThrow("disk is full");
          rmSync(fill);
          expect(library.images(uuid)).toEqual(before);
          expect((await library.read(uuid))[0]).toBe(6);
          expect((await shown(library, uuid, snapshot.id))[0]).toBe(5);
          const again = library.reopened();
          expect(await again.snapshots.report(uuid)).toMatchObject({ snapshots: [{ name: "one" }], unmerged: 0 });
          // `former` is what the configuration may have named before it was written. The next operation that can write removes it.
          expect({ ...treeOf(library, uuid), former: [] }).toEqual({ ...tree, former: [] });
          expect(library.files.filter((name) => name.startsWith(`on-${full}`))).toHaveLength(2);
        } finally {
          execFileSync("umount", [small]);
        }
      }
    },
  );

  it("refuses with a sentence what it can't do", async () => {
    const library = fresh();
    const uuid = await library.domain("web", "raw");
    await library.snapshots.take(uuid, { name: "one", memory: false });
    await expect(library.snapshots.take(uuid, { name: "one", memory: false })).rejects.toThrow(
      "There is a snapshot named one already.",
    );
    await expect(library.snapshots.revert(uuid, "01234567", null)).rejects.toThrow("There is no such snapshot.");
    await expect(library.snapshots.take(crypto.randomUUID(), { name: "x", memory: false })).rejects.toThrow(
      "That domain is not kept here",
    );
    const both = [
      library.snapshots.take(uuid, { name: "two", memory: false }),
      library.snapshots.take(uuid, { name: "three", memory: false }),
    ];
    await expect(Promise.all(both)).rejects.toThrow("Something else is done");
    await Promise.allSettled(both);
  });

  it("a tree that is spoiled is told of and left alone, and so are its images; a missing image is named", async () => {
    const library = fresh();
    const uuid = await library.domain("web", "raw");
    const { snapshot } = await library.snapshots.take(uuid, { name: "one", memory: false });
    const file = path.join(library.folder, "domains", uuid, "snapshots", "tree.json");
    const good = readFileSync(file, "utf8");
    const { files } = library;
    const spoil: [string, string][] = [
      ["{", "no JSON"],
      [good.replace('"version": 1', '"version": 9'), "version"],
      [good.replace(uuid, crypto.randomUUID()), "of the domain"],
      [good.replace(/"base": "[^"]*"/, '"base": "/etc/passwd"'), "no first image"],
      [good.replace('"parent": null', `"parent": "${snapshot.id}"`), "no beginning"],
      [good.replace(/"file": "[^"]*"/, '"file": "../x"'), "whole path"],
      [good.replace('"name": "one"', '"name": "o\\u0000ne"'), "one line"],
    ];
    for (const [text, why] of spoil) {
      writeFileSync(file, text);
      const again = library.reopened();
      await expect(again.snapshots.report(uuid), why).rejects.toThrow(why);
      await expect(again.snapshots.take(uuid, { name: "two", memory: false })).rejects.toThrow(why);
      expect(again.warnings.join()).toContain(why);
      expect(readFileSync(file, "utf8")).toBe(text);
      expect(again.files).toEqual(files);
    }
    writeFileSync(file, good.replaceAll("web-0.img", "gone.img"));
    await expect(library.reopened().snapshots.revert(uuid, snapshot.id, null)).rejects.toThrow("gone.img");
  });
});
