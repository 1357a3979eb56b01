/** Files that the host's user puts into a shared folder while its guest, which may be hostile, does what it likes in there. */
import { execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { hasDescriptors } from "../../../../core/dom0/backends/9p/folder/descriptors.ts";
import type { Folder } from "../../../../core/dom0/backends/9p/folder/folder.ts";
import { IncomingFile } from "../../../../core/dom0/backends/9p/folder/incoming-file.ts";
import { removeLeftFiles } from "../../../../core/dom0/backends/9p/folder/left-files.ts";
import { Folders } from "../../../../core/dom0/backends/9p/folders.ts";
import { temporaryFolder } from "../../../temporary.ts";

/** What happens right after the host has given a file its second name, and before it has asked for the room that there is. */
const linked = vi.hoisted(() => ({ then: (): void => {} }));
const asking = vi.hoisted(() => ({ before: (): Promise<void> => Promise.resolve() }));
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  return {
    ...real,
    link: async (from: string, to: string) => {
      await real.link(from, to);
      linked.then();
    },
    statfs: async (of: string) => {
      await asking.before();
      return real.statfs(of);
    },
  };
});

const core = path.resolve(import.meta.dirname, "../../../../core/dom0/backends/9p");
const BUNDLE = { bundle: true, platform: "node", format: "esm", logLevel: "warning" } as const;
const ways = [...(hasDescriptors() ? [true] : []), false];
const noTmpfs = process.getuid?.() === 0 && process.platform === "linux" ? null : "needs root on Linux";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe.each(ways)("a file for a shared folder, found by descriptors: %s", (byDescriptors) => {
  let base: string;
  let share: string;
  let folder: Folder;

  beforeEach(async () => {
    base = temporaryFolder("9p-incoming");
    share = path.join(base, "share");
    fs.mkdirSync(path.join(share, "inner"), { recursive: true });
    fs.writeFileSync(path.join(base, "secret"), "SECRET");
    folder = await new Folders(byDescriptors).open(share);
  });
  afterEach(() => {
    folder.close();
    // Whatever was done, this must be unchanged.
    expect(fs.readdirSync(base).sort()).toEqual(["secret", "share"]);
    expect(fs.readFileSync(path.join(base, "secret"), "utf8")).toBe("SECRET");
  });
  const at = (name: string): string => path.join(share, name);
  const here = (): string[] => fs.readdirSync(share).sort();
  const content = (name: string): string => fs.readFileSync(at(name), "utf8");
  /** The name that a file has until it is whole. */
  const part = (): string => here().find((name) => name.startsWith(".xenarium-incomplete-"))!;
  async function put(name: string, text: string, replaces = false): Promise<void> {
    const file = await IncomingFile.begin(folder, name, text.length, replaces);
    await file.take(0, bytes(text));
    await file.finish();
  }

  it("is whole or not there", async () => {
    const file = await IncomingFile.begin(folder, "note", 10, false);
    expect(here()).toEqual([expect.stringMatching(/^\.xenarium-incomplete-\d+-[\da-f]{8}-[-\da-f]{36}$/), "inner"]);
    await file.take(0, bytes("01234"));
    await expect(file.finish()).rejects.toThrow("5 of its 10 bytes");
    for (const [offset, text] of [
      [0, "x"],
      [6, "x"],
      [5, "567890"],
    ] as const)
      await expect(file.take(offset, bytes(text))).rejects.toThrow(/begin at 5 and end by 10/);
    await file.take(5, bytes("56789"));
    await file.finish();
    expect([here(), content("note")]).toEqual([["inner", "note"], "0123456789"]);
    expect(fs.statSync(at("note")).mode & 0o7777 & 0o111).toBe(0);
    await put("empty", "");
    expect(content("empty")).toBe("");
    const dropped = await IncomingFile.begin(folder, "dropped", 10, false);
    await dropped.take(0, bytes("01"));
    await dropped.drop();
    await dropped.drop();
    expect(here()).toEqual(["empty", "inner", "note"]);
  });

  it("takes the place of another only if that was asked for, also of one that has come meanwhile, and never of a directory", async () => {
    fs.writeFileSync(at("old"), "old");
    await expect(put("old", "new")).rejects.toMatchObject({ code: "EEXIST" });
    for (const replaces of [false, true])
      await expect(put("inner", "new", replaces)).rejects.toMatchObject({ code: "EISDIR" });
    const late = await IncomingFile.begin(folder, "late", 3, false);
    await late.take(0, bytes("new"));
    fs.writeFileSync(at("late"), "the guest's");
    await expect(late.finish()).rejects.toMatchObject({ code: "EEXIST" });
    expect([content("old"), content("late")]).toEqual(["old", "the guest's"]);
    await put("old", "new", true);
    await put("late", "newer", true);
    expect([here(), content("old"), content("late")]).toEqual([["inner", "late", "old"], "new", "newer"]);
  });

  it("has a name of one entry", async () => {
    for (const name of ["", ".", "..", "../secret", "a/b", "/etc/x", "a\0b"])
      await expect(put(name, "new", true)).rejects.toMatchObject({ code: "EINVAL" });
    await expect(put("n".repeat(256), "new")).rejects.toMatchObject({ code: "ENAMETOOLONG" });
    expect(here()).toEqual(["inner"]);
    const hard = '-rf * "\u202e😀';
    await put(hard, "kept");
    expect(content(hard)).toBe("kept");
  });

  it("follows no link, wherever one leads and whenever it comes", async () => {
    for (const target of ["../secret", path.join(base, "secret"), "../missing", "inner"]) {
      fs.symlinkSync(target, at("link"));
      await expect(put("link", "new")).rejects.toMatchObject({ code: "EEXIST" });
      // A link to a directory is replaced as any link: it is no directory.
      await put("link", "new", true);
      expect(fs.lstatSync(at("link")).isFile()).toBe(true);
      fs.rmSync(at("link"));
    }
    for (const replaces of [false, true]) {
      // The guest puts a link where the file is, and keeps the file.
      const file = await IncomingFile.begin(folder, "note", 3, replaces);
      fs.renameSync(at(part()), at("kept"));
      const name = path.basename(at("kept"));
      await file.take(0, bytes("new"));
      await expect(file.finish()).rejects.toMatchObject({ code: "ESTALE" });
      expect([here(), content(name)]).toEqual([["inner", "kept"], ""]);
      fs.rmSync(at("kept"));
      const other = await IncomingFile.begin(folder, "note", 3, replaces);
      const place = part();
      fs.rmSync(at(place));
      fs.symlinkSync("../secret", at(place));
      await other.take(0, bytes("new"));
      await expect(other.finish()).rejects.toMatchObject({ code: "ESTALE" });
      expect(here()).toEqual([place, "inner"]);
      fs.rmSync(at(place));
    }
  });

  it("is whole, or nothing of it has the name, whatever the guest does between the two steps in which it gets it", async () => {
    const deeds: [() => void, Record<string, unknown> | null][] = [
      [() => fs.rmSync(at(part())), null],
      [
        () => {
          const place = part();
          fs.rmSync(at(place));
          fs.mkdirSync(at(place));
        },
        null,
      ],
      [() => fs.rmSync(at("note")), { code: "ESTALE" }],
      [
        () => {
          fs.rmSync(at("note"));
          fs.writeFileSync(at("note"), "the guest's");
        },
        { code: "ESTALE" },
      ],
    ];
    for (const [deed, refused] of deeds) {
      linked.then = deed;
      const isPut = put("note", "new").finally(() => (linked.then = () => {}));
      if (refused) await expect(isPut).rejects.toMatchObject(refused);
      else await isPut;
      const left = fs.existsSync(at("note")) ? content("note") : null;
      expect(left).toBe(refused ? (left === null ? null : "the guest's") : "new");
      for (const name of here()) if (name !== "inner") fs.rmSync(at(name), { recursive: true });
    }
  });

  it("whose first name can't be taken away has neither", async () => {
    const file = await IncomingFile.begin(folder, "note", 3, false);
    await file.take(0, bytes("new"));
    const place = part();
    const error = Object.assign(new Error("no"), { code: "EIO" });
    linked.then = () => {
      linked.then = () => {};
      throw error;
    };
    await expect(file.finish()).rejects.toBe(error);
    expect([fs.existsSync(at("note")), fs.existsSync(at(place))]).toEqual([false, false]);
  });

  it("goes nowhere else when the device is detached while it begins", async () => {
    const others: number[] = [];
    asking.before = async () => {
      asking.before = () => Promise.resolve();
      const { descriptor } = folder.root;
      folder.close();
      // What the next has that is opened, once the operating system has closed the folder's.
      await new Promise(setImmediate);
      while (others.length < 50 && others.at(-1) !== descriptor) others.push(fs.openSync(at("inner"), "r"));
    };
    try {
      const file = await IncomingFile.begin(folder, "note", 3, false);
      expect(fs.readdirSync(at("inner"))).toEqual([]);
      await file.take(0, bytes("new"));
      await file.finish();
      expect([here(), content("note")]).toEqual([["inner", "note"], "new"]);
    } finally {
      for (const other of others) fs.closeSync(other);
      folder = await new Folders(byDescriptors).open(share);
    }
  });

  it("goes nowhere else when the folder itself is put elsewhere", async () => {
    const file = await IncomingFile.begin(folder, "note", 3, false);
    fs.renameSync(share, path.join(base, "moved"));
    fs.symlinkSync("moved", share);
    await file.take(0, bytes("new"));
    if (byDescriptors) await file.finish();
    else await expect(file.finish()).rejects.toMatchObject({ code: "ESTALE" });
    fs.rmSync(share);
    fs.renameSync(path.join(base, "moved"), share);
    if (byDescriptors) expect(content("note")).toBe("new");
    else expect(fs.existsSync(at("note"))).toBe(false);
  });

  it("is removed when its application was killed, and nothing else is, whatever it is called", async () => {
    // Another application's, which is killed while a file comes, with the same code.
    const program = `
      import { Folders } from ${JSON.stringify(path.join(core, "folders.ts"))};
      import { IncomingFile } from ${JSON.stringify(path.join(core, "folder/incoming-file.ts"))};
      const folder = await new Folders(${byDescriptors}).open(${JSON.stringify(share)});
      const file = await IncomingFile.begin(folder, "note", 10, false);
      await file.take(0, Buffer.from("01234"));
      process.stdout.write("here");
      setInterval(() => {}, 1000);`;
    const code = path.join(temporaryFolder("9p-killed"), "program.mjs");
    await build({ stdin: { contents: program, resolveDir: import.meta.dirname }, outfile: code, ...BUNDLE });
    const other = spawn(process.execPath, [code], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      await new Promise((resolve) => other.stdout.once("data", resolve));
      const left = part();
      expect(content(left)).toBe("01234");
      const own = await IncomingFile.begin(folder, "own", 10, false);
      const owned = here().find((name) => name.startsWith(".xenarium") && name !== left)!;
      // Both processes live.
      await removeLeftFiles(folder);
      expect(here()).toEqual([left, owned, "inner"].sort());
      other.kill("SIGKILL");
      await new Promise((resolve) => other.once("exit", resolve));
      const others = [`${left}.txt`, `x${left}`, left.replace("xenarium", "other"), left.toUpperCase()];
      for (const name of others) fs.writeFileSync(at(name), "mine");
      const [link, directory] = ["0", "1", "2"]
        .map((digit) => left.slice(0, -1) + digit)
        .filter((name) => name !== left) as [string, string];
      fs.symlinkSync("../secret", at(link));
      fs.mkdirSync(at(directory));
      await removeLeftFiles(folder);
      expect(here()).toEqual([owned, "inner", link, directory, ...others].sort());
      await own.drop();
    } finally {
      other.kill("SIGKILL");
    }
  });

  it("that was left when another process had its number is removed too", async () => {
    const own = await IncomingFile.begin(folder, "own", 10, false);
    const owned = part();
    const left = owned.replace(/-[\da-f]{8}-/, "-00000000-");
    fs.writeFileSync(at(left), "left");
    await removeLeftFiles(folder);
    expect(here()).toEqual([owned, "inner"]);
    await own.drop();
  });

  it.skipIf(noTmpfs !== null)(
    `leaves nothing behind on a full disk, and says so before anything is sent${noTmpfs ? ` (${noTmpfs})` : ""}`,
    async () => {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", at("inner")]);
      const small = await new Folders(byDescriptors).open(at("inner"));
      try {
        await expect(IncomingFile.begin(small, "large", 1 << 20, false)).rejects.toMatchObject({ code: "ENOSPC" });
        const file = await IncomingFile.begin(small, "note", 200 << 10, false);
        fs.writeFileSync(path.join(at("inner"), "other"), new Uint8Array(150 << 10));
        await expect(file.take(0, new Uint8Array(200 << 10))).rejects.toMatchObject({ code: "ENOSPC" });
        await file.drop();
        expect(fs.readdirSync(at("inner"))).toEqual(["other"]);
      } finally {
        small.close();
        await expect.poll(() => spawned("umount", at("inner"))).toBe(true);
      }
    },
  );
});

function spawned(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
