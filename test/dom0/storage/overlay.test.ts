/** A disposable disk: it reads as if it were written to, and the image does not change. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Disks } from "../../../core/dom0/backends/blk/disks.ts";
import { seeded } from "../../random.ts";
import { temporaryFolder } from "../../temporary.ts";

const BYTES = 1 << 20;
const folder = temporaryFolder("overlay");

describe("a disposable disk", () => {
  it("reads what was written, whatever order and size writes come in, several at once; its image is not touched", async () => {
    const number = seeded(7);
    const next = (below: number): number => Math.floor(number() * below);
    const image = path.join(folder, "base.img");
    const model = Buffer.from(Uint8Array.from({ length: BYTES }, () => next(256)));
    writeFileSync(image, model);
    const before = createHash("sha256").update(readFileSync(image)).digest("hex");
    const scratch = path.join(folder, "scratch");
    mkdirSync(scratch);
    const disks = new Disks(scratch);
    const store = await disks.open(image, "raw", "disposable");
    // Another reader may have the image, but a writer may not.
    const reader = await disks.open(image, "raw", "read");
    await expect(disks.open(image, "raw", "read-write")).rejects.toThrow("is in use");
    expect(readdirSync(scratch)).toEqual([]);
    for (let round = 0; round < 300; round++) {
      // Adjacent writes within one cluster, at the same time. Overlapping ones would have no order.
      const writes: Promise<void>[] = [];
      for (let at = 512 * next(BYTES / 512), i = 0; i < 4 && at < BYTES; i++) {
        const length = Math.min(512 * (1 + next(20)), BYTES - at);
        const bytes = Buffer.alloc(length, next(256));
        bytes.copy(model, at);
        const cut = 512 * next(length / 512 + 1);
        const sources = [bytes.subarray(0, cut), bytes.subarray(cut)].filter((each) => each.length);
        if (!store.writeAtOnce!(at, sources)) writes.push(store.write(at, sources));
        at += length;
      }
      await Promise.all(writes);
      const from = 512 * next(BYTES / 512);
      const got = Buffer.alloc(Math.min(512 * (1 + next(64)), BYTES - from));
      const half = 512 * Math.floor(got.length / 1024);
      const targets = [got.subarray(0, half), got.subarray(half)].filter((each) => each.length);
      if (!store.readAtOnce!(from, targets)) await store.read(from, targets);
      expect(got.equals(model.subarray(from, from + got.length)), `round ${round}`).toBe(true);
    }
    const all = Buffer.alloc(BYTES);
    await store.read(0, [all]);
    expect(all.equals(model)).toBe(true);
    await store.close();
    await reader.close();
    expect(createHash("sha256").update(readFileSync(image)).digest("hex")).toBe(before);
    expect(readdirSync(scratch)).toEqual([]);
    const writer = await disks.open(image, "raw", "read-write");
    await writer.close();
  });
});
