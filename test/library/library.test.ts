/** The library of domains on a disk: what is there after each step and after the next start, and what it does where something is in its way. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { Library } from "../../core/library/library.ts";
import { temporaryFolder } from "../temporary.ts";

const DAY = 24 * 3600_000;
const uuidOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
const configOf = (name: string, more = ""): string => `# ${name}'s\nname = "${name}"\nkernel = "vmlinuz"\n${more}`;
const given = (n: number, name: string, kernel = "kernel") => ({
  uuid: uuidOf(n),
  config: configOf(name),
  configName: null,
  files: { vmlinuz: Buffer.from(kernel), unnamed: Buffer.from("nobody names it") },
});

let root: string;
let now: number;
let warnings: string[];
let changes: number;
const make = (): Library =>
  new Library(root, { changed: () => changes++, warn: (text) => warnings.push(text), now: () => now });
async function opened(): Promise<Library> {
  const library = make();
  await library.open();
  return library;
}
const files = (): string[] => readdirSync(path.join(root, "files"));
const below = (): string[] => readdirSync(root, { recursive: true, encoding: "utf8" }).sort();
const names = (library: Library): string[] => library.all.map(({ name }) => name);

beforeEach(() => {
  root = path.join(temporaryFolder("library"), "library");
  now = 1_700_000_000_000;
  warnings = [];
  changes = 0;
});

describe("definitions", () => {
  it("are there for who opens the library next, whole, with the files that they name, each content once", async () => {
    const library = await opened();
    await library.keep(given(1, "web"));
    now += 1000;
    await library.keep(given(2, "mail"));
    await library.define({ ...given(3, "other", "another kernel"), configName: "/etc/xen/other.cfg" });
    expect(files()).toHaveLength(2);
    const again = await opened();
    expect(again.all).toEqual(library.all);
    expect(again.get(uuidOf(1))).toMatchObject({
      name: "web",
      config: configOf("web"),
      configName: null,
      createdAt: now - 1000,
      lastRunAt: now - 1000,
      autostart: false,
      template: false,
      saved: null,
    });
    expect(again.get(uuidOf(3))).toMatchObject({ lastRunAt: null, configName: "/etc/xen/other.cfg" });
    const read = await again.files(uuidOf(2));
    expect(Object.entries(read).map(([name, bytes]) => [name, Buffer.from(bytes).toString()])).toEqual([
      ["vmlinuz", "kernel"],
    ]);
    expect(again.byName("mail")?.uuid).toBe(uuidOf(2));
    expect([again.byName("nobody"), again.find(uuidOf(9))]).toEqual([null, null]);
    expect(warnings).toEqual([]);
  });

  it("are changed in one step each, under names that are theirs alone", async () => {
    const library = await opened();
    await library.keep(given(1, "web"));
    await library.keep(given(2, "mail"));
    now += 5000;
    await library.keep({ ...given(1, "web"), config: configOf("web", "vcpus = 2\n") });
    await library.set(uuidOf(1), { autostart: true });
    await library.rename(uuidOf(1), 'we"b');
    await library.ran(uuidOf(2));
    const again = await opened();
    expect(again.all).toEqual(library.all);
    expect(again.get(uuidOf(1))).toMatchObject({
      name: 'we"b',
      config: '# web\'s\nname = "we\\"b"\nkernel = "vmlinuz"\nvcpus = 2\n',
      createdAt: now - 5000,
      autostart: true,
    });
    expect(again.get(uuidOf(2)).lastRunAt).toBe(now);
    await expect(library.rename(uuidOf(1), "mail")).rejects.toThrow(/another domain named mail .*names are unique/);
    await expect(library.rename(uuidOf(1), "a\nb")).rejects.toThrow(/can't be a name/);
    await expect(library.keep(given(3, "mail"))).rejects.toMatchObject({ code: "EEXIST" });
    await expect(library.edit(uuidOf(1), { config: `uuid = "${uuidOf(7)}"\nname = "x"` })).rejects.toThrow(
      /uuid is .*7, and the domain's is .*1/,
    );
    await expect(library.define({ ...given(3, "x"), config: "vcpus = 1" })).rejects.toThrow(/has no name/);
    await expect(library.edit(uuidOf(1), { config: `name = "x"\n#${"x".repeat(300_000)}` })).rejects.toThrow(/256 KiB/);
    expect((await opened()).all).toEqual(again.all);
    // There is one text and one description.
    expect(readdirSync(path.join(root, "domains", uuidOf(1)))).toHaveLength(2);
  });

  it("keep a text that is not understood as it is, under the name that they had", async () => {
    const library = await opened();
    await library.keep(given(1, "web"));
    await library.edit(uuidOf(1), { config: "[[[" });
    expect((await opened()).get(uuidOf(1))).toMatchObject({ name: "web", config: "[[[" });
  });

  it("let go of files that nobody names any more, and of what a crash has left", async () => {
    const library = await opened();
    await library.keep(given(1, "web"));
    await library.keep(given(2, "mail"));
    await library.edit(uuidOf(1), {
      config: configOf("web").replace("vmlinuz", "other"),
      files: { other: Buffer.from("o") },
    });
    expect(files()).toHaveLength(2);
    await library.edit(uuidOf(2), { config: 'name = "mail"' });
    expect(files()).toHaveLength(1);
    const domain = path.join(root, "domains", uuidOf(1));
    writeFileSync(path.join(root, "files", "0".repeat(64)), "an orphan");
    writeFileSync(path.join(root, "files", `${"0".repeat(64)}.0123abcd.part`), "half");
    writeFileSync(path.join(domain, "config.00000000.cfg"), "never described");
    writeFileSync(path.join(domain, "domain.json.0123abcd.part"), "half");
    mkdirSync(path.join(root, "domains", `${uuidOf(5)}.0123abcd.part`));
    mkdirSync(path.join(root, "bin", "1700000000000-x.part"), { recursive: true });
    mkdirSync(path.join(domain, "snapshots"));
    writeFileSync(path.join(domain, "snapshots", "theirs"), "others'");
    const again = await opened();
    expect(names(again)).toEqual(["web", "mail"]);
    const text = (uuid: string): string =>
      readdirSync(path.join(root, "domains", uuid)).find((name) => /cfg$/.test(name))!;
    expect(below()).toEqual(
      [
        ...["bin", "domains", "files", `files/${files()[0]}`],
        ...["", "/domain.json", "/snapshots", "/snapshots/theirs", `/${text(uuidOf(1))}`].map(
          (each) => `domains/${uuidOf(1)}${each}`,
        ),
        ...["", "/domain.json", `/${text(uuidOf(2))}`].map((each) => `domains/${uuidOf(2)}${each}`),
      ].sort(),
    );
    expect(warnings).toEqual([]);
  });
});

describe("the bin", () => {
  it("has what was deleted for a day, with all that is its own, and gives it back", async () => {
    const library = await opened();
    await library.keep(given(1, "web"));
    await library.keep(given(2, "mail", "its own kernel"));
    writeFileSync(path.join(root, "domains", uuidOf(2), "beside"), "x".repeat(1000));
    await library.remove(uuidOf(2));
    expect(names(library)).toEqual(["web"]);
    expect(files()).toHaveLength(2);
    const again = await opened();
    const [entry] = await again.bin();
    expect(entry).toMatchObject({ uuid: uuidOf(2), name: "mail", deletedAt: now, goneAt: now + DAY });
    expect(entry!.bytes).toBeGreaterThan(1000 + "its own kernel".length);
    await again.rename(uuidOf(1), "mail");
    await expect(again.restore(entry!.id)).rejects.toThrow(/another domain named mail/);
    await again.rename(uuidOf(1), "web");
    expect(await again.restore(entry!.id)).toMatchObject({ name: "mail" });
    expect(await again.bin()).toEqual([]);
    expect(Buffer.from((await again.files(uuidOf(2))).vmlinuz!).toString()).toBe("its own kernel");
    expect((await opened()).all).toEqual(again.all);
    await expect(again.restore(entry!.id)).rejects.toMatchObject({ code: "ESRCH" });
  });

  it("is emptied after a day by itself, or before when somebody says so", async () => {
    const library = await opened();
    for (const n of [1, 2, 3]) await library.keep(given(n, `d${n}`, `kernel ${n}`));
    await library.remove(uuidOf(1));
    now += DAY - 1;
    await library.remove(uuidOf(2));
    expect((await library.bin()).map(({ name }) => name)).toEqual(["d2", "d1"]);
    now += 1;
    await library.purgeOld();
    now += 3600_000;
    await library.purgeOld();
    expect((await library.bin()).map(({ name }) => name)).toEqual(["d2"]);
    expect(files()).toHaveLength(2);
    writeFileSync(path.join(root, "bin", (await library.bin())[0]!.id, "domain.json"), "spoiled");
    mkdirSync(path.join(root, "bin", "something else"));
    expect(await library.bin()).toEqual([]);
    await expect(library.purge(`${now}-${uuidOf(9)}`)).rejects.toMatchObject({ code: "ESRCH" });
    for (const id of await library.inBin()) await library.purge(id);
    expect(readdirSync(path.join(root, "bin"))).toEqual(["something else"]);
    expect(files()).toHaveLength(1);
  });
});

describe("a clock that is wrong", () => {
  it("a day ahead when the computer starts empties no bin, however often it starts so; a day that has passed does", async () => {
    const library = await opened();
    await library.keep(given(1, "web"));
    await library.remove(uuidOf(1));
    const right = now;
    for (let start = 0; start < 3; start++) {
      now = right + 2 * DAY + start;
      expect(await (await opened()).bin()).toHaveLength(1);
      // The clock is set right a moment later.
      now = right + start;
      const again = await opened();
      await again.purgeOld();
      expect(await again.bin()).toHaveLength(1);
    }
    now = right + DAY;
    const last = await opened();
    expect(await last.bin()).toHaveLength(1);
    now += 3600_000;
    await last.purgeOld();
    expect(await last.bin()).toEqual([]);
    await last.purgeOld();
    expect(readdirSync(path.join(root, "bin"))).toEqual([]);
  });
});

describe("a folder that somebody else has been in", () => {
  const spoil = (n: number, file: string, text: string): void =>
    writeFileSync(path.join(root, "domains", uuidOf(n), file), text);

  it("stops nobody: what can't be used is put aside and told of, and its files stay", async () => {
    const library = await opened();
    for (let n = 1; n <= 9; n++) await library.keep(given(n, `d${n}`, `kernel ${n}`));
    const text = readFileSync(path.join(root, "domains", uuidOf(2), "domain.json"), "utf8");
    spoil(1, "domain.json", "{");
    spoil(2, "domain.json", text.replace('"version": 1', '"version": 7'));
    spoil(3, "domain.json", text);
    spoil(4, "domain.json", " ".repeat(2 ** 21));
    const folder = (n: number): string => path.join(root, "domains", uuidOf(n));
    rmSync(path.join(folder(5), "domain.json"));
    symlinkSync("/etc/passwd", path.join(folder(5), "domain.json"));
    rmSync(folder(6), { recursive: true });
    symlinkSync(folder(7), folder(6));
    const secret = path.join(root, "..", "secret");
    writeFileSync(secret, 'name = "secret"');
    const outside = readFileSync(path.join(folder(8), "domain.json"), "utf8").replace(
      /config\.\w+\.cfg/,
      "../../../secret",
    );
    spoil(8, "domain.json", outside);
    writeFileSync(path.join(root, "domains", "README"), "not ours");
    writeFileSync(path.join(root, "domains", uuidOf(10)), "no folder");
    const again = await opened();
    expect(names(again).sort()).toEqual(["d7", "d9"]);
    expect(warnings.join("\n")).toMatch(
      /is no JSON[^]*not understood \(version[^]*of another domain[^]*more than[^]*no folder[^]*not understood \(config/,
    );
    expect(warnings).toHaveLength(8);
    for (const warning of warnings)
      expect(warning).toMatch(/^The definition of a domain .* It was put aside as .*spoiled/);
    expect(readdirSync(path.join(root, "spoiled"))).toHaveLength(8);
    expect(readFileSync(secret, "utf8")).toBe('name = "secret"');
    // The files that d2 and d8 name wait for somebody to mend the configurations. Of the others nobody can tell any more what they named.
    expect(files()).toHaveLength(4);
    warnings = [];
    expect(names(await opened()).sort()).toEqual(["d7", "d9"]);
    expect(warnings).toEqual([]);
  });

  it("removes nothing while a folder can't be read, as on a drive that is not there now", async () => {
    const library = await opened();
    await library.keep(given(1, "web"));
    await library.keep(given(2, "mail", "another kernel"));
    await library.remove(uuidOf(2));
    for (const gone of ["domains", "bin"])
      for (const target of [gone, "not-mounted"]) {
        const folder = path.join(root, gone);
        renameSync(folder, path.join(root, "elsewhere"));
        symlinkSync(target, folder);
        warnings = [];
        const again = await opened();
        expect(warnings.join(), `${gone} -> ${target}`).toContain(folder);
        await again.keep(given(3, "other", `a third kernel for ${gone}`)).catch(() => {});
        await again.edit(uuidOf(1), { config: configOf("web", "vcpus = 2\n").replace("vmlinuz", "x") }).catch(() => {});
        rmSync(folder);
        renameSync(path.join(root, "elsewhere"), folder);
        const healed = await opened();
        if (gone === "domains") expect(Buffer.from((await healed.files(uuidOf(1))).vmlinuz!).toString()).toBe("kernel");
        const [entry] = await healed.bin();
        await healed.restore(entry!.id);
        expect(Buffer.from((await healed.files(uuidOf(2))).vmlinuz!).toString()).toBe("another kernel");
        await healed.remove(uuidOf(2));
      }
  });

  it("is told of when a file that was given is gone or another", async () => {
    const library = await opened();
    await library.keep(given(1, "web"));
    const file = path.join(root, "files", files()[0]!);
    writeFileSync(file, "kerneI");
    await expect(library.files(uuidOf(1))).rejects.toThrow(/vmlinuz, which was given with it, is damaged/);
    rmSync(file);
    await expect(library.files(uuidOf(1))).rejects.toThrow(/vmlinuz, which was given with it, can't be read/);
    symlinkSync("/etc/passwd", file);
    await expect(library.files(uuidOf(1))).rejects.toThrow(/can't be read/);
  });

  it("refuses in a sentence where it can't be written, and keeps what was", async () => {
    const library = await opened();
    await library.keep(given(1, "web"));
    const before = library.all;
    rmSync(path.join(root, "domains", uuidOf(1)), { recursive: true });
    await expect(library.rename(uuidOf(1), "other")).rejects.toThrow(
      /^web can't be changed: .* Everything is as it was/,
    );
    expect(library.all).toEqual(before);
    rmSync(root, { recursive: true });
    writeFileSync(root, "a file");
    await expect(library.keep(given(2, "mail"))).rejects.toThrow(
      /^mail can't be kept: .* Everything is as it was before\.$/,
    );
    expect(names(await opened())).toEqual([]);
  });
});

describe("a host that keeps nothing", () => {
  it("says so, and has no definitions", async () => {
    const library = new Library(null, { changed: () => {}, warn: () => {} });
    await library.open();
    expect([library.isKept, library.all, await library.bin()]).toEqual([false, [], []]);
    await expect(library.keep(given(1, "web"))).rejects.toThrow(/keeps nothing on disk/);
    await library.purgeOld();
  });
});

it("opens a folder of 500 definitions in moments", async () => {
  const library = await opened();
  await library.keep(given(0, "d0"));
  const text = readFileSync(path.join(root, "domains", uuidOf(0), "domain.json"), "utf8");
  const config = (JSON.parse(text) as { config: string }).config;
  for (let n = 1; n < 500; n++) {
    const folder = path.join(root, "domains", uuidOf(n));
    mkdirSync(folder);
    writeFileSync(path.join(folder, "domain.json"), text.replace(uuidOf(0), uuidOf(n)).replace('"d0"', `"d${n}"`));
    writeFileSync(path.join(folder, config), configOf(`d${n}`));
  }
  const began = performance.now();
  const again = await opened();
  const took = performance.now() - began;
  expect(again.all.map(({ config: each }) => each)).toEqual(Array.from({ length: 500 }, (_, n) => configOf(`d${n}`)));
  expect(warnings).toEqual([]);
  expect(took).toBeLessThan(10_000);
});
