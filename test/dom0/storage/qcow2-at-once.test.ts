/** What a qcow2 image does where it is asked for, and what it leaves to other threads. Only Linux says that a file is near. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Disks } from "../../../core/dom0/backends/blk/disks.ts";
import type { BlockStore } from "../../../core/dom0/storage/block-store.ts";
import { createQcow2 } from "../../../core/dom0/storage/qcow2/create.ts";
import { temporaryFolder } from "../../temporary.ts";
import { toolMissing } from "../../tools.ts";

const missing = process.platform === "linux" ? toolMissing("qemu-img", "qemu-utils") : "not Linux";
const folder = temporaryFolder("qcow2-at-once");
const at = (name: string): string => path.join(folder, name);
const CLUSTER = 64 << 10;
const disks = new Disks(folder);
const open = (name: string, access: "read" | "read-write" = "read-write"): Promise<BlockStore> =>
  disks.open(at(name), "qcow2", access) as Promise<BlockStore>;
/** Two views of a buffer. */
const views = (bytes: Buffer): Buffer[] => [bytes.subarray(0, 512), bytes.subarray(512)];
/** One that was busy elsewhere is slow once, and is asked again. */
const soon = (transfer: () => boolean): Promise<void> => expect.poll(transfer).toBe(true);

describe.skipIf(missing !== null)(`a qcow2 image${missing ? ` (${missing})` : ""}`, () => {
  it("reads and writes at once where clusters have their places, over their ends too, and nowhere else", async () => {
    await createQcow2({ path: at("own.qcow2"), size: 1 << 20 });
    const store = await open("own.qcow2");
    const written = Buffer.alloc(3 * CLUSTER, 0x31);
    expect(store.writeAtOnce!(CLUSTER, views(written))).toBe(false);
    await store.write(CLUSTER, views(written));
    const change = Buffer.alloc(2 * CLUSTER, 0x32);
    await soon(() => store.writeAtOnce!(CLUSTER + 512, views(change)));
    // The last cluster of these has no place.
    expect(store.writeAtOnce!(3 * CLUSTER, views(change))).toBe(false);
    change.copy(written, 512);
    const got = Buffer.alloc(5 * CLUSTER, 0xee);
    await soon(() => store.readAtOnce!(0, views(got)));
    expect(got.equals(Buffer.concat([Buffer.alloc(CLUSTER), written, Buffer.alloc(CLUSTER)]))).toBe(true);
    await store.close();
    const again = await open("own.qcow2");
    // Its table is not in memory.
    expect(again.readAtOnce!(CLUSTER, views(got))).toBe(false);
    await soon(() => again.readAtOnce!(CLUSTER, views(got.fill(0).subarray(0, 3 * CLUSTER))));
    expect(got.subarray(0, 3 * CLUSTER).equals(written)).toBe(true);
    await again.close();
    execFileSync("qemu-img", ["check", at("own.qcow2")], { stdio: "ignore" });
  });

  it("leaves to write() what a snapshot shares, and to read() what is compressed", async () => {
    const model = Buffer.alloc(1 << 20, "some text that can be made smaller");
    writeFileSync(at("plain.img"), model);
    execFileSync("qemu-img", ["convert", "-c", "-O", "qcow2", at("plain.img"), at("small.qcow2")]);
    const small = await open("small.qcow2");
    await small.read(0, [Buffer.alloc(512)]);
    expect(small.readAtOnce!(0, [Buffer.alloc(4096)])).toBe(false);
    expect(small.writeAtOnce!(0, [Buffer.alloc(4096)])).toBe(false);
    await small.close();
    execFileSync("qemu-img", ["convert", "-O", "qcow2", at("plain.img"), at("shared.qcow2")]);
    execFileSync("qemu-img", ["snapshot", "-c", "before", at("shared.qcow2")]);
    const shared = await open("shared.qcow2");
    await shared.read(0, [Buffer.alloc(512)]);
    expect(shared.writeAtOnce!(0, [Buffer.alloc(4096, 1)])).toBe(false);
    await shared.write(0, [Buffer.alloc(4096, 1)]);
    await soon(() => shared.writeAtOnce!(0, [Buffer.alloc(4096, 2)]));
    await shared.close();
    execFileSync("qemu-img", ["snapshot", "-a", "before", at("shared.qcow2")]);
    const back = await open("shared.qcow2");
    const got = Buffer.alloc(model.length);
    await back.read(0, [got]);
    expect(got.equals(model)).toBe(true);
    await back.close();
  });

  it("reads at once through those that it is based on, as far as they go", async () => {
    writeFileSync(at("base.img"), Buffer.alloc(CLUSTER, 0x55));
    await createQcow2({ path: at("top.qcow2"), size: 1 << 20, backing: { file: "base.img", format: "raw" } });
    const top = await open("top.qcow2");
    const got = Buffer.alloc(CLUSTER);
    await soon(() => top.readAtOnce!(0, views(got)));
    expect(got.equals(Buffer.alloc(CLUSTER, 0x55))).toBe(true);
    // Half of it lies behind the other image's end.
    expect(top.readAtOnce!(CLUSTER / 2, views(got))).toBe(false);
    await top.write(0, [Buffer.alloc(512, 0x66)]);
    await soon(() => top.readAtOnce!(0, views(got)));
    expect(got.equals(Buffer.alloc(CLUSTER, 0x55).fill(0x66, 0, 512))).toBe(true);
    await top.close();
  });
});
