/**
 * Images that several domains are based on, some of them unknown to the library. Whatever is deleted, merged or emptied from the bin must spoil
 * nobody's disk.
 */
import { cpSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it, vi } from "vitest";
import { temporaryFolder } from "../../temporary.ts";
import { contentOf, TestLibrary } from "./library.ts";

const folder = temporaryFolder("shared");
let next = 0;

/** A domain with two snapshots, another domain that was made from the first one, and what that domain's disk shows. */
async function withClone() {
  const library = new TestLibrary(path.join(folder, String(next++)));
  const first = await library.domain("first", "raw");
  await library.write(first, 0, Buffer.alloc(4096, 1));
  await library.snapshots.take(first, { name: "empty", memory: false });
  await library.write(first, 0, Buffer.alloc(4096, 2));
  const { snapshot } = await library.snapshots.take(first, { name: "base", memory: false });
  await library.write(first, 0, Buffer.alloc(4096, 3));
  const { uuid: clone } = await library.snapshots.clone(first, snapshot.id, "clone");
  const [image] = library.images(clone);
  const shown = await contentOf(image!.file, image!.format);
  expect(shown[0]).toBe(2);
  return { library, first, snapshot, clone, image: image!, shown };
}
const place = (library: TestLibrary, uuid: string): string => path.join(library.folder, "domains", uuid);

for (const where of ["beside it", "in the bin", "put aside"])
  it(`nothing is merged or deleted that a domain whose snapshots can't be read may be based on: ${where}`, async () => {
    const { library, first, snapshot, clone, image, shown } = await withClone();
    const tree = path.join(place(library, clone), "snapshots", "tree.json");
    writeFileSync(tree, "{");
    if (where !== "beside it") {
      const to = path.join(library.folder, where === "in the bin" ? "bin" : "spoiled");
      mkdirSync(to);
      renameSync(place(library, clone), path.join(to, `1700000000000-${clone}`));
    }
    const again = library.reopened();
    await again.snapshots.remove(first, snapshot.id);
    await expect(again.snapshots.purge(first, snapshot.id)).rejects.toThrow(/can't be read/);
    await expect(again.snapshots.merge(first)).rejects.toThrow(/can't be read/);
    await again.snapshots.restore(first, snapshot.id);
    await again.snapshots.revert(first, snapshot.id, null);
    expect((await contentOf(image.file, image.format)).equals(shown)).toBe(true);
    expect((await again.read(first)).equals(shown)).toBe(true);
  });

it("what a domain stands on whose definition was put aside is not written, and not merged", async () => {
  const { library, first, snapshot, clone, image, shown } = await withClone();
  mkdirSync(path.join(library.folder, "spoiled"));
  renameSync(place(library, clone), path.join(library.folder, "spoiled", `1700000000000-${clone}`));
  const again = library.reopened();
  await expect(again.snapshots.remove(first, snapshot.id)).rejects.toThrow("clone was made from the snapshot base");
  renameSync(place(library, first), path.join(library.folder, "spoiled", `1700000000001-${first}`));
  const frozen = (await library.reopened().snapshots.frozen()).map(({ file }) => file);
  expect(frozen).toContain(path.join(library.folder, "images", "first-0.img"));
  expect((await contentOf(image.file, image.format)).equals(shown)).toBe(true);
});

it("an image that another domain's configuration names stays, whatever becomes of the domain that it was made for", async () => {
  const library = new TestLibrary(path.join(folder, String(next++)));
  const first = await library.domain("first", "raw");
  const { snapshot } = await library.snapshots.take(first, { name: "one", memory: false });
  await library.write(first, 0, Buffer.alloc(4096, 7));
  const [image] = library.images(first);
  const other = crypto.randomUUID();
  const definition = library.definitions.known.get(first)!;
  library.definitions.known.set(other, {
    ...definition,
    name: "other",
    config: definition.config.replace("first", "other"),
  });
  await library.gone(first, snapshot.id);
  expect((await library.read(other))[0]).toBe(7);
  const binned = path.join(library.folder, "bin", `1700000000000-${first}`);
  mkdirSync(path.dirname(binned));
  library.definitions.known.delete(first);
  cpSync(place(library, first), binned, { recursive: true });
  renameSync(place(library, first), path.join(library.folder, "gone"));
  const again = library.reopened();
  await again.snapshots.purging(binned, []);
  expect(existsSync(image!.file)).toBe(true);
  expect((await again.read(other))[0]).toBe(7);
});

for (const place of ["bin", "spoiled"] as const)
  it(`an image that a domain's configuration names which is away (${place}) takes nothing in until that is gone for good`, async () => {
    const library = new TestLibrary(path.join(folder, String(next++)));
    const first = await library.domain("first", "raw");
    await library.write(first, 0, Buffer.alloc(4096, 1));
    const [{ file, format }] = library.images(first) as [{ file: string; format: string }];
    const { config, configName } = library.definitions.known.get(first)!;
    library.definitions.gone.push({ uuid: crypto.randomUUID(), name: "other", config, configName, place });
    const { snapshot } = await library.snapshots.take(first, { name: "one", memory: false });
    await library.write(first, 0, Buffer.alloc(4096, 2));
    await library.gone(first, snapshot.id);
    expect((await contentOf(file, format))[0]).toBe(1);
    expect((await library.read(first))[0]).toBe(2);
    library.definitions.gone.length = 0;
    await library.snapshots.purgeOld();
    expect(library.images(first)).toMatchObject([{ file, format }]);
    expect((await contentOf(file, format))[0]).toBe(2);
  });

it("nothing is merged or deleted while what lies in the bin can't be read", async () => {
  const library = new TestLibrary(path.join(folder, String(next++)));
  const first = await library.domain("first", "raw");
  const { snapshot } = await library.snapshots.take(first, { name: "one", memory: false });
  await library.snapshots.remove(first, snapshot.id);
  const files = library.files;
  const away = vi.spyOn(library.definitions, "away").mockRejectedValue(new Error("bin: EACCES"));
  await expect(library.snapshots.purge(first, snapshot.id)).rejects.toThrow(/can't be read.*bin: EACCES/);
  expect(library.files).toEqual(files);
  away.mockRestore();
  await library.snapshots.purge(first, snapshot.id);
  expect(library.files).toEqual(["first-0.img"]);
});
