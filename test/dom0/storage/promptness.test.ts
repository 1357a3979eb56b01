/** Which transfers are done on the calling thread: few enough for others to get their turn, and none for a while after a slow one. */
import fs, { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it, vi } from "vitest";
import { HostFile } from "../../../core/dom0/storage/host-file.ts";
import { Promptness, READING, WRITING } from "../../../core/dom0/storage/promptness.ts";
import { temporaryFolder } from "../../temporary.ts";
import { withPatchedFs } from "./patched-fs.ts";

const folder = temporaryFolder("promptness");
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const MEBIBYTE = 1 << 20;

function clocked() {
  let now = 0;
  const promptness = new Promptness(READING, () => now);
  const pass = (ms: number): void => void (now += ms);
  const read = (ms: number): void => promptness.measure(4096, () => pass(ms));
  /** Whether the next turn of the event loop may read. */
  const isAllowed = async (): Promise<boolean> => {
    await nextTurn();
    return promptness.allows(4096);
  };
  return { promptness, pass, read, isAllowed, now: () => now };
}

it("forgives a slow read that is alone, as the thread may have lost its core, but not one that takes very long", async () => {
  await nextTurn();
  const { pass, read, isAllowed } = clocked();
  for (let i = 0; i < 4; i++) {
    read(5);
    expect(await isAllowed()).toBe(true);
    pass(100);
  }
  read(20);
  expect(await isAllowed()).toBe(true);
  pass(399);
  read(5);
  expect(await isAllowed()).toBe(false);
  pass(10_000);
  read(100);
  expect(await isAllowed()).toBe(false);
});

it("counts slow reads by their time, whatever prompt ones come between them", async () => {
  await nextTurn();
  const { read, isAllowed } = clocked();
  for (const ms of [3, 2]) {
    read(ms);
    expect(await isAllowed()).toBe(true);
    for (let prompt = 0; prompt < 50; prompt++) read(0.1);
  }
  read(2);
  expect(await isAllowed()).toBe(false);
});

it.each([0.6, 2, 5, 30, 90, 500])(
  "holds the thread for a twentieth of the time with slow reads, however they are mixed with prompt ones (%d ms each)",
  async (ms) => {
    await nextTurn();
    const { promptness, pass, read, now } = clocked();
    let slow = 0;
    while (now() < 25_000) {
      await nextTurn();
      if (!promptness.allows(4096)) {
        pass(5);
        continue;
      }
      slow += ms;
      read(ms);
      expect(slow, `after ${now()} ms`).toBeLessThanOrEqual(now() / 20 + 100 + ms);
      // These make a long pause short again.
      for (let i = 0; i < 1000; i++) read(0.00001);
    }
    expect(slow).toBeGreaterThan(ms);
  },
);

it("leaves the rest of the turn to others after a slow read", async () => {
  await nextTurn();
  const { promptness, read, isAllowed } = clocked();
  read(0.1);
  expect(promptness.allows(4096)).toBe(true);
  read(5);
  expect(promptness.allows(4096)).toBe(false);
  expect(clocked().promptness.allows(4096)).toBe(false);
  expect(await isAllowed()).toBe(true);
});

it("leaves reads to other threads for a while after two slow ones, and for longer after the next", async () => {
  await nextTurn();
  const { pass, read, isAllowed } = clocked();
  read(0.1);
  expect(await isAllowed()).toBe(true);
  read(3);
  read(3);
  expect(await isAllowed()).toBe(false);
  pass(49);
  expect(await isAllowed()).toBe(false);
  pass(1);
  expect(await isAllowed()).toBe(true);
  read(3);
  pass(99);
  expect(await isAllowed()).toBe(false);
  pass(1);
  expect(await isAllowed()).toBe(true);
});

it("waits ten seconds at most, and trusts a file again that was prompt a thousand times", async () => {
  await nextTurn();
  const { pass, read, isAllowed } = clocked();
  for (let i = 0; i < 20; i++) {
    read(3);
    read(3);
    pass(10_000);
    expect(await isAllowed()).toBe(true);
  }
  for (let i = 0; i < 1000; i++) read(0.01);
  read(3);
  read(3);
  pass(49);
  expect(await isAllowed()).toBe(false);
  pass(1);
  expect(await isAllowed()).toBe(true);
});

it("learns from a read that failed", async () => {
  await nextTurn();
  const { promptness, pass } = clocked();
  const failing = (): never => {
    pass(30);
    throw new Error("no such sector");
  };
  for (let i = 0; i < 2; i++) expect(() => promptness.measure(4096, failing)).toThrow("no such sector");
  expect(promptness.allows(4096)).toBe(false);
});

it("allows so many bytes in a turn of the event loop, of all files together, and so many small reads", async () => {
  await nextTurn();
  const one = clocked();
  const other = clocked();
  one.promptness.measure(MEBIBYTE, () => {});
  other.promptness.measure(MEBIBYTE, () => {});
  expect(one.promptness.allows(512)).toBe(false);
  expect(other.promptness.allows(512)).toBe(false);
  await nextTurn();
  let reads = 0;
  for (; one.promptness.allows(512) && reads < 10_000; reads++) one.promptness.measure(512, () => {});
  expect(reads).toBe(128);
  await nextTurn();
  expect(one.promptness.allows(512)).toBe(true);
});

it("reads the same on this thread and on others, and after a slow read on others", async () => {
  const name = path.join(folder, "file");
  const content = Buffer.from(Array.from({ length: 8192 }, (_, i) => (i * 7) >> 3));
  writeFileSync(name, content);
  const { readv, readvSync } = fs;
  const ways: string[] = [];
  let now = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
  const patches = {
    readv: ((...all: Parameters<typeof readv>) => {
      ways.push("other");
      readv(...all);
    }) as typeof readv,
    // Returns half of what was asked for, as a host may.
    readvSync: ((fd: number, views: readonly Uint8Array[], at: number) => {
      ways.push("this");
      now += 100;
      return readvSync(fd, views.slice(0, 1), at);
    }) as typeof readvSync,
  };
  await withPatchedFs(patches, async () => {
    const file = await HostFile.open(name, "read");
    const read = async (at: number, length: number): Promise<Buffer> => {
      const views = [new Uint8Array(length / 2), new Uint8Array(length / 2)];
      await file.read(at, views);
      return Buffer.concat(views);
    };
    await nextTurn();
    expect(await read(1024, 4096)).toEqual(content.subarray(1024, 1024 + 4096));
    expect(ways.splice(0)).toEqual(["this", "other"]);
    expect(await read(0, 8192)).toEqual(content);
    expect(ways.splice(0)).toEqual(["other"]);
    // After the end there are zeroes.
    expect(await read(4096, 8192)).toEqual(Buffer.concat([content.subarray(4096), Buffer.alloc(4096)]));
    const closed = file.close();
    await expect(read(0, 4096)).rejects.toThrow("the image is closed");
    await closed;
  }).finally(() => clock.mockRestore());
});

it("ends what can be done at once before it returns, and says where it can't", async () => {
  const name = path.join(folder, "at-once");
  const content = Buffer.from(Array.from({ length: 8192 }, (_, i) => (i * 5) >> 2));
  writeFileSync(name, content);
  const { fdatasync, readvSync } = fs;
  let [now, took, most] = [0, 0, 2];
  let synced = (): void => {};
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
  const patches = {
    fdatasync: ((fd: number, done: fs.NoParamCallback) => {
      synced = () => fdatasync(fd, done);
    }) as typeof fdatasync,
    readvSync: ((fd: number, views: readonly Uint8Array[], at: number) => {
      now += took;
      return readvSync(fd, views.slice(0, most), at);
    }) as typeof readvSync,
  };
  await withPatchedFs(patches, async () => {
    const file = await HostFile.open(name, "read-write");
    const views = [new Uint8Array(1024), new Uint8Array(1024)];
    await nextTurn();
    expect(file.readAtOnce(4096, views)).toBe(true);
    expect(Buffer.concat(views)).toEqual(content.subarray(4096, 6144));
    // What the file does not have, and what the host moves in parts.
    expect(file.readAtOnce(7168, views)).toBe(false);
    most = 1;
    expect(file.readAtOnce(0, views)).toBe(false);
    most = 2;
    for (const view of views) view.fill(9);
    expect(file.writeAtOnce(0, views)).toBe(true);
    expect(readFileSync(name).subarray(0, 2049)).toEqual(Buffer.concat([...views, content.subarray(2048, 2049)]));
    expect(file.writeAtOnce(7168, views)).toBe(false);
    const flushed = file.flush();
    expect(file.writeAtOnce(0, views)).toBe(false);
    synced();
    await flushed;
    expect(file.writeAtOnce(0, views)).toBe(true);
    took = 100;
    expect(file.readAtOnce(0, views)).toBe(true);
    expect(file.readAtOnce(0, views)).toBe(false);
    await file.close();
    expect(file.writeAtOnce(0, views)).toBe(false);
  }).finally(() => clock.mockRestore());
});

it("writes on this thread what the file has room for, until one is slow or the file is on its way to the disk", async () => {
  const name = path.join(folder, "written");
  writeFileSync(name, Buffer.alloc(16384));
  const { fdatasync, writev, writevSync } = fs;
  const ways: string[] = [];
  let synced = (): void => {};
  let [now, took, most] = [0, 0, 2];
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
  const patches = {
    fdatasync: ((fd: number, done: fs.NoParamCallback) => {
      synced = () => fdatasync(fd, done);
    }) as typeof fdatasync,
    writev: ((...all: Parameters<typeof writev>) => {
      ways.push("other");
      writev(...all);
    }) as typeof writev,
    writevSync: ((fd: number, views: readonly Uint8Array[], at: number) => {
      ways.push("this");
      now += took;
      return writevSync(fd, views.slice(0, most), at);
    }) as typeof writevSync,
  };
  const wanted = Buffer.alloc(20480);
  await withPatchedFs(patches, async () => {
    const file = await HostFile.open(name, "read-write");
    const write = async (at: number, value: number): Promise<string[]> => {
      wanted.fill(value, at, at + 4096);
      await file.write(at, [new Uint8Array(2048).fill(value), new Uint8Array(2048).fill(value)]);
      return ways.splice(0);
    };
    await nextTurn();
    expect(await write(0, 1)).toEqual(["this"]);
    // Returns half of what was asked for, as a host may.
    most = 1;
    expect(await write(2048, 2)).toEqual(["this", "other"]);
    most = 2;
    const flushed = file.flush();
    expect(await write(4096, 3)).toEqual(["other"]);
    synced();
    await flushed;
    expect(await write(6144, 4)).toEqual(["this"]);
    // A write beyond its end makes the file grow.
    expect(await write(16384, 5)).toEqual(["other"]);
    expect(file.end).toBe(20480);
    took = 100;
    expect(await write(8192, 6)).toEqual(["this"]);
    now += WRITING.shortest - 1;
    expect(await write(8192, 7)).toEqual(["other"]);
    now++;
    took = 0;
    expect(await write(10240, 8)).toEqual(["this"]);
    const read = new Uint8Array(20480);
    await file.read(0, [read]);
    expect(wanted.equals(read)).toBe(true);
    const closed = file.close();
    await expect(write(0, 9)).rejects.toThrow("the image is closed");
    await closed;
  }).finally(() => clock.mockRestore());
});

it("writes nothing on this thread while another writes the file or changes its size: the host would let it wait for that", async () => {
  const name = path.join(folder, "shared");
  writeFileSync(name, Buffer.alloc(16384));
  const { ftruncate, writev, writevSync } = fs;
  const ways: string[] = [];
  /** Lets the others continue after they have begun. */
  const held: (() => void)[] = [];
  const patches = {
    ftruncate: ((...all: Parameters<typeof ftruncate>) => {
      held.push(() => ftruncate(...all));
    }) as typeof ftruncate,
    writev: ((...all: Parameters<typeof writev>) => {
      ways.push("other");
      held.push(() => writev(...all));
    }) as typeof writev,
    writevSync: ((...all: Parameters<typeof writevSync>) => {
      ways.push("this");
      return writevSync(...all);
    }) as typeof writevSync,
  };
  await withPatchedFs(patches, async () => {
    const file = await HostFile.open(name, "read-write");
    const begin = (at: number): Promise<void> => file.write(at, [new Uint8Array(512).fill(1)]);
    const goOn = (): void => held.splice(0).forEach((go) => go());
    await nextTurn();
    // A write that makes the file grow is done by another thread, together with what arrives in the meantime.
    const growing = begin(16384);
    const meanwhile = begin(0);
    expect(ways.splice(0)).toEqual(["other", "other"]);
    goOn();
    await Promise.all([growing, meanwhile]);
    const truncated = file.truncate(8192);
    const during = begin(0);
    expect(ways.splice(0)).toEqual(["other"]);
    goOn();
    await Promise.all([truncated, during]);
    await begin(0);
    expect(ways.splice(0)).toEqual(["this"]);
    await file.close();
  });
});

it.skipIf(process.platform !== "linux")("judges the file that is open, not what its name leads to by now", async () => {
  const name = path.join(folder, "exchanged");
  writeFileSync(name, Buffer.alloc(4096, 7));
  const { fstat, readvSync } = fs;
  let here = 0;
  const patches = {
    fstat: ((...all: Parameters<typeof fstat>) => {
      fs.rmSync(name);
      fs.symlinkSync("/proc/version", name);
      fstat(...all);
    }) as typeof fstat,
    readvSync: ((...all: Parameters<typeof readvSync>) => {
      here++;
      return readvSync(...all);
    }) as typeof readvSync,
  };
  await withPatchedFs(patches, async () => {
    const file = await HostFile.open(name, "read");
    const view = new Uint8Array(512);
    await nextTurn();
    await file.read(0, [view]);
    expect([here, view[0]]).toEqual([1, 7]);
    await file.close();
  });
});

it("an error of the host's names the file", async () => {
  const name = path.join(folder, "bad");
  writeFileSync(name, Buffer.alloc(4096));
  const fail = (): never => {
    throw Object.assign(new Error("input/output error"), { code: "EIO" });
  };
  await withPatchedFs({ readvSync: fail, writevSync: fail }, async () => {
    const file = await HostFile.open(name, "read-write");
    const wrong = { code: "EIO", message: `${name}: input/output error` };
    await nextTurn();
    await expect(file.read(0, [new Uint8Array(512)])).rejects.toMatchObject(wrong);
    await expect(file.write(0, [new Uint8Array(512)])).rejects.toMatchObject(wrong);
    await file.close();
  });
});
