/** Files made to unpack to more than anybody has. While they are unpacked they must be bounded, whatever their headers say, in every format. */
import { existsSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { gunzipSync } from "node:zlib";
import { buildSync } from "esbuild";
import { describe, expect, it } from "vitest";
import { compressionOf, decompress } from "../../core/dom0/builder/decompress.ts";
import { inTurn, unpackBeside } from "../../core/dom0/builder/unpack.ts";
import { UnpackedCache } from "../../core/dom0/builder/unpacked-cache.ts";
import { temporaryFolder } from "../temporary.ts";
import { gzipBomb, lz4Bomb, lzmaBomb, zstdBomb } from "./bombs.ts";

const script = pathToFileURL(path.resolve(import.meta.dirname, "../../dist/unpack.js"));
const MIB = 2 ** 20;

/** 64 MiB of zeros, as `bzip2 -9` and `xz -9 --check=crc32 | gzip -9` pack them. */
const BZIP2 =
  "QlpoOTFBWSZTWQ4J4t8BX45AAMAAAAggADCATUZCoCWpCoCXMUFZJlNZvAS1wwCidcAAwAAACCAAIKQINjKKiE0qKiE4u5IpwoSFALuD6A==";
const XZ =
  "H4sIAAAAAAACA/trXhURxcDAmKl0z4yJQZFRhoGBQeB8xJn//wUZc2IZGPL//v+/ePt/dzsP0SLLxMAdkzSeLW5j//nuiVzTZf2jVjaM3hvrTnZ1+eov5r1Zv+xxj7Jg8INIiaOlXY/Kf2ybUs+TdeBeiWfKo5cxwZtYbnx34Vkdz5vr9vLp4bKO7dPC12zzfZgpm//bu0Mgx+l0h30MQ/8Fv/VqGlMK5W37VR4WzFuuHP9G43Trxakzuuq0Jn5SL/0ueYBthu+MvzfWX53Af0Q1+MfXiWaGrEs3vMs/WODrznNxouCqtQmyu85tVJeIiWx7mRYUse9l2ZrIJ0+jWTl+Hr+19s/vIO2Ss3LRCk4/7wbb/tBM4bRuOK2Vc3+r9Ycje/XiV/Hbeac5TRDm+y8w+UdhReQP7rP/p2q48a/8U3Pv9ywDvbAD/a2fmxsPpFLZ6j0e6s8i5v8XYNRmeFMcvPzvvnU1hlLzt/ca5o2cMCDN6kB++02jATYaYKMBNhpgowE2GmCjATYaYKMBNhpgowE2GmCjATYaYKMBNhpgowE2GmCjATYaYKMBNhpgowE2GmCjATYaYKMBNhpgowE2GmCjATYaYKMBNhpgowE2UAHWIHuPgY3h9cPzkeoMDAxvDV5vYmD879PQ0KCQeF94m50BbzcTUJyBMTIKAAa+wZ+kJgAA";
const bombs = [
  ["gzip", gzipBomb(4)],
  ["xz", gunzipSync(Buffer.from(XZ, "base64"))],
  ["lzma", lzmaBomb(245_000, 273n * 245_000n + 1n)],
  ["lz4", lz4Bomb(8)],
  ["zstd", zstdBomb(32)],
  ["bzip2", Buffer.from(BZIP2, "base64")],
] as const;

describe("a file that unpacks to too much", () => {
  it.each(bombs)("is refused while it is unpacked: %s", async (_name, bomb) => {
    const compression = compressionOf(bomb)!;
    await expect(unpackBeside(script, bomb, compression, { most: 16 * MIB })).rejects.toThrow(
      "it unpacks to more than 16 MiB",
    );
    // The same file is fine where it may be that large, so it is the bound that refuses it, and not damage. It is in shared memory, as a file that a
    // window has given.
    const shared = new Uint8Array(new SharedArrayBuffer(bomb.length));
    shared.set(bomb);
    const whole = await decompress(shared, compression, 80 * MIB);
    expect(whole.length).toBeGreaterThanOrEqual(63 * MIB);
    expect(Buffer.compare(whole, Buffer.alloc(whole.length))).toBe(0);
  });

  it("is refused at 1 GiB when 222 KB of lzma have no end, with little more memory than that", async () => {
    const bomb = lzmaBomb(6_000_000);
    expect(bomb.length).toBeLessThan(300_000);
    const before = process.memoryUsage().rss;
    let most = before;
    const look = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20);
    try {
      await expect(unpackBeside(script, bomb, "lzma")).rejects.toThrow("it unpacks to more than 1 GiB");
    } finally {
      clearInterval(look);
    }
    expect((most - before) / MIB).toBeLessThan(2560);
  });

  it("is not made room for by what its header says, be it blocks, a window or a dictionary", async () => {
    const before = process.memoryUsage().arrayBuffers;
    const tiny = Buffer.concat([
      Buffer.from([0x02, 0x21, 0x4c, 0x18]),
      ...Array.from({ length: 4000 }, () => Buffer.from([2, 0, 0, 0, 0x10, 65])),
    ]);
    expect(Buffer.from(await decompress(tiny, "lz4")).toString()).toBe("A".repeat(4000));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB);
    const window = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0xa0, 1, 0, 0]);
    await expect(decompress(window, "zstd")).rejects.toThrow("window of more than 128 MiB");
    const dictionary = lzmaBomb(10);
    dictionary.writeUInt32LE(0xffffffff, 1);
    await expect(decompress(dictionary, "lzma", 2730)).rejects.toThrow("more than");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB);
  });

  it("is refused when it ends too early, and not filled up with what is not there", async () => {
    for (const [name, bomb] of bombs)
      await expect(
        decompress(bomb.subarray(0, bomb.length - 9), compressionOf(bomb)!, 80 * MIB),
        name,
      ).rejects.toThrow();
  });
});

describe("unpacking", () => {
  it("ends when its time is over, and when nobody wants it", async () => {
    const bomb = lzmaBomb(6_000_000);
    await expect(unpackBeside(script, bomb, "lzma", { milliseconds: 20 })).rejects.toThrow("more than 0.02 s");
    const wanted = new AbortController();
    const unpacking = unpackBeside(script, bomb, "lzma", { wanted: wanted.signal });
    wanted.abort(new Error("not any more"));
    await expect(unpacking).rejects.toThrow("not any more");
  });

  it("is done for so many at once, the others wait, and who has gone meanwhile is passed over", async () => {
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const turn = inTurn(2, async ([n]) => {
      begun.push(n!);
      await new Promise<void>((resolve) => ends.push(resolve));
      return new Uint8Array(0);
    });
    const gone = new AbortController();
    const stays = new AbortController().signal;
    const all = [0, 1, 2, 3, 4].map((n) => turn(Uint8Array.of(n), "xz", n === 2 ? gone.signal : stays));
    const outcomes = Promise.allSettled(all);
    gone.abort(new Error("gone"));
    expect(begun).toEqual([0, 1]);
    ends[1]!();
    await expect.poll(() => begun).toEqual([0, 1, 3]);
    ends[0]!();
    await expect.poll(() => begun).toEqual([0, 1, 3, 4]);
    for (const end of ends) end();
    expect((await outcomes).map(({ status }) => status)).toEqual([
      ...["fulfilled", "fulfilled"],
      ...["rejected", "fulfilled", "fulfilled"],
    ]);
  });

  it("goes on while one of those who asked still waits, and ends with the last", async () => {
    const signals: AbortSignal[] = [];
    const cache = new UnpackedCache(100, (_bytes, _compression, wanted) => {
      signals.push(wanted);
      return new Promise((_resolve, reject) => wanted.addEventListener("abort", () => reject(wanted.reason as Error)));
    });
    const [a, b] = [new AbortController(), new AbortController()];
    const first = cache.get(Uint8Array.of(1), "xz", a.signal);
    const second = cache.get(Uint8Array.of(1), "xz", b.signal);
    a.abort(new Error("a has gone"));
    await expect(first).rejects.toThrow("a has gone");
    expect(signals[0]!.aborted).toBe(false);
    b.abort(new Error("b has gone"));
    await expect(second).rejects.toThrow("b has gone");
    expect(signals[0]!.aborted).toBe(true);
    const again = cache.get(Uint8Array.of(1), "xz", AbortSignal.abort(new Error("never wanted")));
    await expect(again).rejects.toThrow("never wanted");
    void cache.get(Uint8Array.of(1), "xz").catch(() => {});
    expect(signals).toHaveLength(2);
  });
});

describe("a thread that waits for a promise", () => {
  it("lives until it has answered, though nothing else keeps it", async () => {
    const folder = temporaryFolder("answer");
    const source = path.resolve(import.meta.dirname, "../../core/machine/worker-answer.ts");
    // A timer that does not keep the process alive, like the compiling of WebAssembly in Node 24.
    const contents = `
      import { answerWith } from ${JSON.stringify(source)};
      await answerWith(new Promise((resolve) => setTimeout(() => resolve("answered"), 100).unref()));`;
    const outfile = path.join(folder, "worker.mjs");
    const options = { bundle: true, format: "esm", platform: "node", outfile } as const;
    buildSync({ ...options, stdin: { contents, resolveDir: folder } });
    expect(existsSync(outfile)).toBe(true);
    const worker = new Worker(outfile);
    const heard: unknown[] = [];
    worker.on("message", (message) => heard.push(message));
    const code = await new Promise((resolve) => worker.once("exit", resolve));
    expect([code, heard]).toEqual([0, ["answered"]]);
  });
});
