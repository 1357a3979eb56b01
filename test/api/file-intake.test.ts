/** Files on their way to the host: how many there may be, and what becomes of their tasks if a file cannot be removed. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { DiskImages } from "../../core/api/disk-images.ts";
import { FileIntake, type ComingFile } from "../../core/api/file-intake.ts";
import { HostJournal } from "../../core/api/journal/host-journal.ts";
import { temporaryFolder } from "../temporary.ts";

const who = { id: "test", words: "A test" };
let folder: string;
let images: DiskImages;
let journal: HostJournal;
let intake: FileIntake;

beforeEach(() => {
  folder = temporaryFolder("file-intake");
  images = new DiskImages(folder);
  journal = new HostJournal(() => {}, { gone: () => null, kept: () => null });
  intake = new FileIntake(journal, () => who);
});

const begin = (name: string, size: number, by = intake): Promise<{ intake: string }> =>
  by.begin(`Take ${name}`, () => images.begin(name, size));
const states = () => journal.entries.map(({ state }) => state);
/** Replaces the partial files that have been received by folders, so that removing them as files fails. */
function spoil(): void {
  for (const name of readdirSync(folder)) {
    rmSync(path.join(folder, name));
    mkdirSync(path.join(folder, name));
  }
}

describe("a file that can't be removed", () => {
  it("whose task is cancelled ends with it", async () => {
    await begin("a.img", 10);
    spoil();
    journal.cancel(journal.entries.at(-1)!.id);
    await expect.poll(states).toEqual(["cancelled"]);
  });

  it("stops nobody when its window goes, and its task ends", async () => {
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    try {
      await begin("a.img", 10);
      spoil();
      intake.end();
      await expect.poll(states).toEqual(["cancelled"]);
      // Node reports unhandled rejections before the next turn.
      await new Promise(setImmediate);
      expect(unhandled).not.toHaveBeenCalled();
    } finally {
      process.off("unhandledRejection", unhandled);
    }
  });

  it("is named to whoever drops it, and its name is free", async () => {
    const { intake: id } = await begin("a.img", 10);
    spoil();
    await expect(intake.drop(id)).rejects.toThrow(/^What has come of a\.img can't be removed: /);
    expect(states()).toEqual(["cancelled"]);
    const next = await images.begin("a.img", 10);
    expect(next.path).toBe(path.join(folder, "a.img"));
    await next.drop();
  });

  it("hides nothing of what failed first", async () => {
    const { intake: id } = await begin("a.img", 10);
    spoil();
    await expect(intake.chunk(id, 5, new Uint8Array(5))).rejects.toThrow(/begin at 0/);
    expect(states()).toEqual(["failed"]);
  });
});

describe("many", () => {
  it("that are begun at once are no more than may be taken at once", async () => {
    const begun = await Promise.allSettled(Array.from({ length: 9 }, (_, i) => begin(`${i}.img`, 10)));
    expect(begun.map(({ status }) => status)).toEqual([...Array<string>(8).fill("fulfilled"), "rejected"]);
    expect(readdirSync(folder)).toHaveLength(8);
    // A file that could not be begun must not take up one of the places.
    intake.end();
    const other = new FileIntake(journal, () => who);
    for (let i = 0; i < 9; i++)
      await expect(begin("a.img", 2 ** 50, other)).rejects.toMatchObject({ data: { code: "EFBIG" } });
    await other.drop((await begin("a.img", 10, other)).intake);
  });

  it("that were cancelled are known for a while, and not for ever", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 65; i++) {
      ids.push((await begin("a.img", 10)).intake);
      journal.cancel(journal.entries.at(-1)!.id);
      await expect.poll(() => journal.entries.at(-1)!.state, { interval: 1 }).toBe("cancelled");
    }
    const told = (id: string) => intake.chunk(id, 0, new Uint8Array(1));
    await expect(told(ids[0]!)).rejects.toMatchObject({ data: { code: "ENOENT" } });
    for (const id of [ids[1]!, ids[64]!]) await expect(told(id)).rejects.toMatchObject({ data: { code: "ECANCELED" } });
  });
});

describe("a file that comes to its end", () => {
  /** One whose end is reached when the test says so. `undo` is what removes it again, where that is possible. */
  async function ending(undo?: () => Promise<void>) {
    let whole!: (place: string) => void;
    let fails!: (error: Error) => void;
    const drop = vi.fn(() => Promise.resolve());
    const file: ComingFile = {
      size: 0,
      take: () => Promise.reject(new Error("everything has come")),
      finish: () =>
        new Promise((resolve, reject) => {
          whole = resolve;
          fails = reject;
        }),
      drop,
      ...(undo && { undo }),
    };
    const { intake: id } = await intake.begin("Take it", () => Promise.resolve(file));
    const end = intake.finish(id);
    end.catch(() => {});
    return { id, end, whole, fails, drop };
  }
  const ended = () => journal.entries.map(({ state, detail }) => [state, detail]);
  const cancel = () => journal.cancel(journal.entries.at(-1)!.id);

  it("and is cancelled meanwhile stays where it can't be removed any more, and its task says so", async () => {
    const { id, end, whole } = await ending();
    cancel();
    expect(states()).toEqual(["running"]);
    const dropped = intake.drop(id);
    whole("/there");
    await expect(end).resolves.toEqual({ path: "/there" });
    await expect(dropped).rejects.toMatchObject({ data: { code: "EBUSY" } });
    expect(ended()).toEqual([["done", ""]]);
  });

  it("and is cancelled meanwhile is removed again where it can be, once", async () => {
    const undo = vi.fn(() => Promise.resolve());
    const { id, end, whole } = await ending(undo);
    cancel();
    const dropped = intake.drop(id);
    whole("/there");
    await expect(end).rejects.toMatchObject({ data: { code: "ECANCELED" } });
    await expect(dropped).resolves.toBe(undefined);
    expect(undo).toHaveBeenCalledTimes(1);
    expect(ended()).toEqual([["cancelled", "It was cancelled."]]);
  });

  it("and fails after it was cancelled was cancelled", async () => {
    const { end, fails, drop } = await ending();
    cancel();
    fails(new Error("the disk is full"));
    await expect(end).rejects.toMatchObject({ data: { code: "ECANCELED" } });
    expect(drop).toHaveBeenCalledTimes(1);
    expect(ended()).toEqual([["cancelled", "It was cancelled."]]);
  });

  it("is not spoiled by a client that ends it twice, sends more, or goes", async () => {
    const { id, end, whole, drop } = await ending();
    await expect(intake.finish(id)).rejects.toMatchObject({ data: { code: "EBUSY" } });
    await expect(intake.chunk(id, 0, new Uint8Array(1))).rejects.toMatchObject({ data: { code: "EBUSY" } });
    intake.end();
    expect(states()).toEqual(["running"]);
    whole("/there");
    await expect(end).resolves.toEqual({ path: "/there" });
    expect(drop).not.toHaveBeenCalled();
    expect(ended()).toEqual([["done", ""]]);
  });
});
