import { writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { decompress } from "../../core/dom0/builder/decompress.ts";
import { limitTime } from "../../core/dom0/builder/time-limit.ts";
import { unpackBeside } from "../../core/dom0/builder/unpack.ts";
import { temporaryFolder } from "../temporary.ts";
import { UnpackedCache } from "../../core/dom0/builder/unpacked-cache.ts";

const KIB = 1024;
const packed = (fill: number) => Uint8Array.of(fill);

/** Unpacks n to n KiB of n, and counts. */
function counting(limit: number) {
  const calls: number[] = [];
  const cache = new UnpackedCache(limit, async ([n]) => {
    calls.push(n!);
    await new Promise((resolve) => setImmediate(resolve));
    if (n === 0) throw new Error("damaged");
    return new Uint8Array(n! * KIB).fill(n!);
  });
  return { calls, cache };
}

describe("the cache of unpacked kernels", () => {
  it("unpacks the same content once, from whatever buffer it comes", async () => {
    const { calls, cache } = counting(100 * KIB);
    const first = await cache.get(packed(3), "xz");
    expect(first).toEqual(new Uint8Array(3 * KIB).fill(3));
    expect(await cache.get(new Uint8Array([9, 3]).subarray(1), "xz")).toBe(first);
    expect(calls).toEqual([3]);
  });

  it("takes the same bytes in another compression for something else", async () => {
    const { calls, cache } = counting(100 * KIB);
    await cache.get(packed(3), "xz");
    await cache.get(packed(3), "zstd");
    expect(calls).toEqual([3, 3]);
  });

  it("lets those who ask meanwhile wait for the same", async () => {
    const { calls, cache } = counting(100 * KIB);
    const [a, b, other] = await Promise.all([3, 3, 4].map((n) => cache.get(packed(n), "xz")));
    expect(a).toBe(b);
    expect(other).toHaveLength(4 * KIB);
    expect(calls).toEqual([3, 4]);
    expect(cache.total).toBe(7 * KIB);
  });

  it("tells all who wait that it is damaged, and tries again when asked again", async () => {
    const { calls, cache } = counting(100 * KIB);
    const outcomes = await Promise.allSettled([cache.get(packed(0), "xz"), cache.get(packed(0), "xz")]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect(cache.get(packed(0), "xz")).rejects.toThrow("damaged");
    expect(calls).toEqual([0, 0]);
    expect(cache.total).toBe(0);
  });

  it("holds no more than its bytes, and lets what was not asked for longest go first", async () => {
    const { calls, cache } = counting(10 * KIB);
    for (const n of [4, 5, 4, 3]) await cache.get(packed(n), "xz");
    expect(cache.total).toBe(7 * KIB);
    await cache.get(packed(4), "xz");
    expect(calls).toEqual([4, 5, 3]);
    await cache.get(packed(5), "xz");
    expect(calls).toEqual([4, 5, 3, 5]);
    expect(cache.total).toBeLessThanOrEqual(10 * KIB);
  });

  it("keeps what it has when something comes that does not fit at all", async () => {
    const { calls, cache } = counting(10 * KIB);
    await cache.get(packed(6), "xz");
    expect(await cache.get(packed(11), "xz")).toHaveLength(11 * KIB);
    await cache.get(packed(6), "xz");
    expect(calls).toEqual([6, 11]);
    expect(cache.total).toBe(6 * KIB);
  });
});

describe("the unpacking thread", () => {
  const script = pathToFileURL(path.resolve(import.meta.dirname, "../../dist/unpack.js"));
  const plain = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * i) >> 3);
  const bytes = new Uint8Array(gzipSync(plain));

  it("gives what unpacking here gives, and leaves the caller's bytes alone", async () => {
    const inside = new Uint8Array(bytes.length + 7);
    inside.set(bytes, 5);
    const view = inside.subarray(5, 5 + bytes.length);
    expect(Buffer.compare(await unpackBeside(script, view, "gzip"), await decompress(bytes, "gzip"))).toBe(0);
    expect(Buffer.compare(view, bytes)).toBe(0);
  });

  it("ends alone when it wants more heap than it may have, and says so", async () => {
    const greedy = path.join(temporaryFolder("greedy"), "greedy.mjs");
    // Does what a decoder would do that keeps a table of all it has seen. It never answers by itself.
    writeFileSync(greedy, "const kept = []; for (let i = 0; ; i++) kept.push({ i });");
    const before = process.memoryUsage().rss;
    await expect(unpackBeside(pathToFileURL(greedy), bytes, "gzip")).rejects.toThrow(
      "unpacking it takes too much memory",
    );
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(512);
  });

  it("passes on why something can't be unpacked", async () => {
    await expect(unpackBeside(script, bytes.subarray(0, 1000), "gzip")).rejects.toThrow(/unexpected end/);
    await expect(unpackBeside(script, Uint8Array.of(0xfd, 0x37), "xz")).rejects.toThrow();
  });
});

describe("the time that unpacking may take", () => {
  /** A thread that gets a share of the processor, with a limit of 100 ms. Returns when it was late, by the clock. */
  async function lateAt(part: number, most: number): Promise<number | null> {
    vi.useFakeTimers();
    try {
      const began = Date.now();
      let at: number | null = null;
      const end = limitTime(
        () => Promise.resolve((Date.now() - began) * part),
        100,
        () => (at = Date.now() - began),
      );
      await vi.advanceTimersByTimeAsync(most);
      end();
      return at;
    } finally {
      vi.useRealTimers();
    }
  }

  it("is the processor's, whatever else the computer does meanwhile", async () => {
    expect(await lateAt(1, 5000)).toBe(100);
    expect(await lateAt(0.25, 399)).toBe(null);
    const late = await lateAt(0.25, 5000);
    expect(late).toBeGreaterThanOrEqual(400);
    expect(late).toBeLessThan(450);
  });

  it("has an end for a thread that does nothing, or says nothing", async () => {
    expect(await lateAt(0, 999)).toBe(null);
    expect(await lateAt(0, 5000)).toBe(1000);
    vi.useFakeTimers();
    try {
      const late = vi.fn();
      limitTime(() => new Promise(() => {}), 100, late);
      await vi.advanceTimersByTimeAsync(5000);
      expect(late).toHaveBeenCalledTimes(1);
    } finally {
      vi.useRealTimers();
    }
  });
});
