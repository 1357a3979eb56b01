/** Files that exist completely or not at all: the order in which things reach the disk, and what is left after a failure. */
import { lstatSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import * as promises from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { moveNew, moveWhole, moveWholeSync, removeParts, writeWhole, writeWholeSync } from "../../core/files/whole.ts";
import { temporaryFolder } from "../temporary.ts";

/** What was done to files, in order: "write x", "sync x", "rename x y". */
const deeds = vi.hoisted(() => [] as string[]);
/** The action that fails, as on a full or failing disk. */
const failing = vi.hoisted(() => ({ deed: "" }));
/** What the file system says to whoever wants a hard link; empty: it has them. */
const links = vi.hoisted(() => ({ refusal: "" }));

function did(deed: string): void {
  deeds.push(deed);
  if (deed === failing.deed) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
}
/** The random part of a name that is written is left out. */
const called = (file: unknown): string => path.basename(String(file)).replace(/\.[\da-f]{8}\.part$/, ".part");

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof promises>();
  return {
    ...real,
    open: async (file: string, ...rest: [string, number]) => {
      const handle = await real.open(file, ...rest);
      const { sync } = handle;
      handle.sync = () => {
        did(`sync ${called(file)}`);
        return sync.call(handle);
      };
      return handle;
    },
    rename: (from: string, to: string) => {
      did(`rename ${called(from)} ${called(to)}`);
      return real.rename(from, to);
    },
    link: async (from: string, to: string) => {
      if (links.refusal) throw Object.assign(new Error("no links here"), { code: links.refusal, syscall: "link" });
      return real.link(from, to);
    },
  };
});
vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  const names = new Map<number, string>();
  return {
    ...real,
    openSync: (file: string, ...rest: [string, number]) => {
      const descriptor = real.openSync(file, ...rest);
      names.set(descriptor, called(file));
      return descriptor;
    },
    fsyncSync: (descriptor: number) => {
      did(`sync ${names.get(descriptor)}`);
      real.fsyncSync(descriptor);
    },
    renameSync: (from: string, to: string) => {
      did(`rename ${called(from)} ${called(to)}`);
      real.renameSync(from, to);
    },
  };
});

async function* slowly(text: string): AsyncGenerator<Uint8Array> {
  for (const character of text) yield await Promise.resolve(Buffer.from(character));
}

const writers = [
  ["at once", async (file: string, text: string) => expect(await writeWhole(file, text)).toBe(text.length)],
  ["at once, while nobody else runs", async (file: string, text: string) => writeWholeSync(file, text)],
  ["bit by bit", async (file: string, text: string) => expect(await writeWhole(file, slowly(text))).toBe(text.length)],
] as const;

describe.each(writers)("a file written %s", (_name, write) => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = temporaryFolder("whole");
    mkdirSync(path.join(folder, "state"));
    file = path.join(folder, "state", "a");
    deeds.length = 0;
    failing.deed = "";
  });

  it("reaches the disk, then takes its place, then the folder reaches the disk; nobody else may read it", async () => {
    await write(file, "first");
    await write(file, "second");
    expect(readFileSync(file, "utf8")).toBe("second");
    const once = ["sync a.part", "rename a.part a", "sync state"];
    expect(deeds).toEqual([...once, ...once]);
    expect(readdirSync(path.dirname(file))).toEqual(["a"]);
    if (process.platform !== "win32") expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it.each(["sync a.part", "rename a.part a", "sync state"])(
    "is as it was before, alone, when “%s” fails",
    async (deed) => {
      await write(file, "first");
      failing.deed = deed;
      await expect(write(file, "second")).rejects.toThrow("no space");
      expect(readFileSync(file, "utf8")).toBe("first");
      expect(readdirSync(path.dirname(file))).toEqual(["a"]);
    },
  );

  it("is not there where it was not before, when the folder can't reach the disk", async () => {
    failing.deed = "sync state";
    await expect(write(file, "first")).rejects.toThrow("no space");
    expect(readdirSync(path.dirname(file))).toEqual([]);
  });

  it("takes the place of a link, and does not write where it leads", async () => {
    const elsewhere = path.join(folder, "elsewhere");
    writeFileSync(elsewhere, "mine");
    symlinkSync(elsewhere, file);
    await write(file, "state");
    expect(readFileSync(elsewhere, "utf8")).toBe("mine");
    expect(lstatSync(file).isFile()).toBe(true);
  });
});

const movers = [
  ["moved", moveWhole],
  ["moved while nobody else runs", async (from: string, to: string) => moveWholeSync(from, to)],
] as const;
describe.each(movers)("what is %s", (_name, move) => {
  let folder: string;
  const lies = (...names: string[]): string => path.join(folder, ...names);
  beforeEach(() => {
    folder = temporaryFolder("moved");
    for (const name of ["state", "bin"]) mkdirSync(lies(name));
    writeFileSync(lies("state", "a"), "it");
    deeds.length = 0;
    failing.deed = "";
  });

  it("is there for good in its new folder before it is gone from the old one for good", async () => {
    await move(lies("state", "a"), lies("bin", "b"));
    expect(deeds).toEqual(["rename a b", "sync bin", "sync state"]);
    expect([readdirSync(lies("state")), readFileSync(lies("bin", "b"), "utf8")]).toEqual([[], "it"]);
  });

  it("takes the place of what was there, in one folder, which reaches the disk once", async () => {
    writeFileSync(lies("state", "b"), "other");
    await move(lies("state", "a"), lies("state", "b"));
    expect(deeds).toEqual(["rename a b", "sync state"]);
    expect(readFileSync(lies("state", "b"), "utf8")).toBe("it");
  });

  it("stays where it is when it can't be moved", async () => {
    failing.deed = "rename a b";
    await expect(move(lies("state", "a"), lies("bin", "b"))).rejects.toThrow("no space");
    expect([readdirSync(lies("state")), readdirSync(lies("bin"))]).toEqual([["a"], []]);
  });
});

// exFAT refuses links with EPERM, SMB with ENOTSUP.
describe.each(["", "EPERM", "ENOTSUP"])(
  "what takes a place where nothing may be, where links are refused with “%s”",
  (refusal) => {
    let folder: string;
    const lies = (name: string): string => path.join(folder, name);
    beforeEach(() => {
      folder = temporaryFolder("new");
      deeds.length = 0;
      failing.deed = "";
      links.refusal = refusal;
    });
    afterEach(() => void (links.refusal = ""));

    it("is there whole, and what was there before stays", async () => {
      writeFileSync(lies("a"), "it");
      await moveNew(lies("a"), lies("b"));
      expect([readdirSync(folder), readFileSync(lies("b"), "utf8")]).toEqual([["b"], "it"]);
      writeFileSync(lies("a"), "other");
      await expect(moveNew(lies("a"), lies("b"))).rejects.toMatchObject({ code: "EEXIST" });
      expect([readFileSync(lies("a"), "utf8"), readFileSync(lies("b"), "utf8")]).toEqual(["other", "it"]);
      symlinkSync("nowhere", lies("c"));
      await expect(moveNew(lies("a"), lies("c"))).rejects.toMatchObject({ code: "EEXIST" });
      expect(lstatSync(lies("c")).isSymbolicLink()).toBe(true);
    });

    it("is one of those that come at the same moment, again and again; the others are told so and have theirs yet", async () => {
      for (let round = 0; round < 20; round++) {
        const names = Array.from({ length: 8 }, (_, i) => `${round}-${i}`);
        for (const name of names) writeFileSync(lies(name), name);
        const ended = await Promise.allSettled(names.map((name) => moveNew(lies(name), lies(`to-${round}`))));
        const winners = names.filter((_, i) => ended[i]!.status === "fulfilled");
        expect(winners).toHaveLength(1);
        expect(readFileSync(lies(`to-${round}`), "utf8")).toBe(winners[0]);
        for (const each of ended) if (each.status === "rejected") expect(each.reason).toMatchObject({ code: "EEXIST" });
        for (const name of names.filter((each) => each !== winners[0]))
          expect(readFileSync(lies(name), "utf8")).toBe(name);
      }
    });

    const leavesNothing = async (deed: string): Promise<void> => {
      writeFileSync(lies("a"), "it");
      failing.deed = deed;
      await expect(moveNew(lies("a"), lies("b"))).rejects.toThrow("no space");
      expect(readdirSync(folder)).not.toContain("b");
    };
    it("is not there when the folder can't reach the disk", () => leavesNothing(`sync ${path.basename(folder)}`));
    it.skipIf(refusal === "")("is not there when it can't be moved", () => leavesNothing("rename a b"));
  },
);

describe("what a crash has left half written", () => {
  it("is removed, and nothing else is", async () => {
    const folder = temporaryFolder("parts");
    for (const name of ["a", "a.0123abcd.part", "b.part", "partly"]) writeFileSync(path.join(folder, name), "");
    await removeParts(folder);
    expect(readdirSync(folder).toSorted()).toEqual(["a", "partly"]);
    await removeParts(path.join(folder, "none"));
  });
});
