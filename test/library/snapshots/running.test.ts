/** Snapshots of a real Linux that runs and writes to its disk, over the API. They are taken, reverted to, merged and cloned live. */
import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ApiClient } from "../../../core/api/client.ts";
import type { HostService } from "../../../core/api/host-service.ts";
import { snapshot } from "../../../core/cli/snapshot.ts";
import { builtHost } from "../../built-host.ts";
import { connectInMemory } from "../../api/in-memory.ts";
import { debianKernel, guestsMissing, initramfs, kernelModules } from "../../guests/images.ts";
import { onConsole } from "../../guests/on-console.ts";
import { temporaryFolder } from "../../temporary.ts";
import { contentOf } from "./library.ts";

const missing = guestsMissing();
const folder = temporaryFolder("live-snapshots");
const image = path.join(folder, "data.img");
const SLOW = { timeout: 120_000, interval: 100 };
const DISK_BYTES = 64 << 20;
const AT = 20 << 20;

describe.skipIf(missing !== null)(
  `snapshots of a running Linux${missing ? ` (${missing})` : ""}`,
  { timeout: 300_000 },
  () => {
    let host: HostService;
    let client: ApiClient;
    let domid: number;
    let uuid: string;

    const consoles = onConsole(() => host);
    const shown = (): Promise<string> => consoles.shown(domid);
    let commands = 0;
    /** Returns what the shell answers. */
    const shell = async (command: string): Promise<string> => {
      const mark = `m${++commands}`;
      const text = `echo ${mark}-$(${command})-end\n`;
      await host.toolstack.request("consoleInput", { domid, bytes: Buffer.from(text) });
      const answer = new RegExp(`^${mark}-(.*)-end`, "m");
      await expect.poll(shown, SLOW).toMatch(answer);
      return answer.exec(await shown())![1]!;
    };
    /** Writes a block and flushes it to the disk. */
    const write = (text: string, at = AT) =>
      shell(
        `printf %-4096s ${text} | dd of=/dev/xvda bs=4096 seek=${at / 4096} conv=notrunc,fsync 2>/dev/null; echo ok`,
      );
    const read = (at = AT) =>
      shell(
        `echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/xvda bs=4096 skip=${at / 4096} count=1 2>/dev/null | tr -d " "`,
      );
    const tree = async () => (await client.request("snapshots", { uuid }))!;
    const current = async (): Promise<{ file: string; format: string }> =>
      (await host.toolstack.request("keptDisks", { domid }))[0]!;

    beforeAll(async () => {
      writeFileSync(image, "");
      truncateSync(image, DISK_BYTES);
      host = builtHost({ memoryMiB: 640, libraryFolder: path.join(folder, "library") });
      await host.powerOn();
      client = connectInMemory(host, true).client;
      const config = [
        `name = "linux"`,
        `kernel = "${debianKernel()}"`,
        `ramdisk = "${initramfs("shell", undefined, {}, kernelModules("xen-blkfront"))}"`,
        `cmdline = "console=hvc0 no_console_suspend quiet"`,
        `memory = 128`,
        `disk = ["data.img,raw,xvda,rw"]`,
      ].join("\n");
      ({ domid, uuid } = await client.request("create", { config, configName: path.join(folder, "linux.cfg") }));
    });
    afterAll(() => host.powerOff(0));

    it("is taken with memory while the guest goes on, and its image stays as it is from then on", async () => {
      await expect.poll(shown, SLOW).toMatch(/GUEST-READY[\s\S]*# /);
      await shell("X=then");
      expect(await write("one")).toBe("ok");
      await host.toolstack.request("consoleInput", { domid, bytes: Buffer.from("X=then\n") });
      const { stood } = await client.request("snapshotTake", { uuid, name: "one", memory: true });
      console.log(`128 MiB: stood still for ${Math.round(stood)} ms`);
      const before = readFileSync(image);
      expect(before.toString("latin1", AT, AT + 4)).toBe("one ");
      expect(await write("two")).toBe("ok");
      expect(await read()).toBe("two");
      expect(readFileSync(image).equals(before)).toBe(true);
      const { snapshots, current: at } = await tree();
      expect(snapshots).toEqual([
        expect.objectContaining({ name: "one", hasMemory: true, parent: null, memoryMiB: 128, picture: "console" }),
      ]);
      expect(at).toBe(snapshots[0]!.id);
      const picture = await client.request("snapshotPicture", { uuid, snapshot: at! });
      expect(Buffer.from(picture!.bytes).toString()).toContain("GUEST-READY");
      const output = path.join(folder, "one.txt");
      expect(await snapshot(["picture", "linux", "one", "--output", output], async () => client)).toBe(0);
      expect(readFileSync(output).equals(Buffer.from(picture!.bytes))).toBe(true);
    });

    it("without memory its disks are as after a loss of power; the domain is started from what it has now", async () => {
      await client.request("snapshotTake", { uuid, name: "two", memory: false });
      expect(await write("three")).toBe("ok");
      expect(await read()).toBe("three");
      const { snapshots } = await tree();
      expect(snapshots[1]).toMatchObject({ name: "two", hasMemory: false, parent: snapshots[0]!.id });
      const { config } = (await client.request("list")).find((each) => each.domid === domid)!;
      expect(String(config!.devices[0]!.back.params)).toBe(`qcow2:${(await current()).file}`);
      const other = `name = "thief"\nkernel = "${debianKernel()}"\nmemory = 128\ndisk = ["${image},raw,xvda,rw"]\n`;
      await expect(client.request("create", { config: other })).rejects.toThrow(
        "must not be written: snapshots of linux are based on it",
      );
    });

    it("the command line shows them as a tree, and says what it does not find", async () => {
      let text = "";
      const write = process.stdout.write.bind(process.stdout);
      process.stdout.write = ((piece: string) => (text += piece)) as never;
      try {
        await snapshot(["list", "linux"], () => Promise.resolve(client));
        await snapshot(["list"], () => Promise.resolve(client));
        await snapshot(["rename", "linux", "two", "second"], () => Promise.resolve(client));
        await snapshot(["rename", "linux", "second", "two"], () => Promise.resolve(client));
      } finally {
        process.stdout.write = write;
      }
      expect(text).toMatch(/^one  [\da-f]{8}  [-\d]{10} [:\d]{5}  memory and disks  [.\d]+ MiB$/m);
      expect(text).toMatch(/^  two  [\da-f]{8}  .*  disks  [.\d]+ MiB\n    \(now\)$/m);
      expect(text).toMatch(/^linux  2 snapshots$/m);
      await expect(snapshot(["delete", "linux", "three"], () => Promise.resolve(client))).rejects.toThrow(
        "linux has no snapshot three; it has one, two",
      );
    });

    it("reverted, the guest goes on where it was, with its memory and its disk of then, and what was can be kept", async () => {
      await host.toolstack.request("consoleInput", { domid, bytes: Buffer.from("X=later\n") });
      const [one] = (await tree()).snapshots;
      const reverted = await client.request("snapshotRevert", { uuid, snapshot: one!.id, keepNow: "before" });
      domid = reverted.domid!;
      expect((await client.request("list")).find((each) => each.domid === domid)).toMatchObject({
        uuid,
        name: "linux",
      });
      expect(await shell("echo $X")).toBe("then");
      expect(await read()).toBe("one");
      expect(await write("four")).toBe("ok");
      const { snapshots, current: at } = await tree();
      expect(at).toBe(one!.id);
      const kept = snapshots.find(({ name }) => name === "before")!;
      domid = (await client.request("snapshotRevert", { uuid, snapshot: kept.id })).domid!;
      expect(await shell("echo $X")).toBe("later");
      expect(await read()).toBe("three");
    });

    it("another domain made from one goes on from there too; while it is kept, also in the bin, its images are", async () => {
      const [one] = (await tree()).snapshots;
      const first = domid;
      const made = await client.request("snapshotClone", { uuid, snapshot: one!.id, name: "copy" });
      domid = made.domid!;
      expect(await shell("echo $X")).toBe("then");
      expect(await read()).toBe("one");
      expect(await write("mine")).toBe("ok");
      const { file } = await current();
      domid = first;
      expect(await read()).toBe("three");
      const remove = (): Promise<unknown> => client.request("snapshotDelete", { uuid, snapshot: one!.id });
      await expect(remove()).rejects.toThrow("copy was made from the snapshot one and needs its disks");
      await client.request("destroy", { domid: made.domid! });
      await client.request("keptDelete", { uuid: made.uuid });
      await expect(remove()).rejects.toThrow("copy was made from the snapshot one and needs its disks");
      expect(existsSync(file)).toBe(true);
      await client.request("binPurge", {});
      expect(existsSync(file)).toBe(false);
      expect((await tree()).snapshots[0]!.clones).toEqual([]);
    });

    it("that is called off while its memory is written is not taken: the guest goes on, and its disk is as it was", async () => {
      const before = await current();
      const { snapshots } = await tree();
      const part = path.join(folder, "library", "domains", uuid, "snapshots");
      const taking = client.request("snapshotTake", { uuid, name: "never", memory: true });
      const names = async (): Promise<string[]> => (await readdir(part)).filter((name) => name.endsWith(".part"));
      await expect.poll(names, { timeout: 60_000, interval: 1 }).not.toEqual([]);
      await client.request("snapshotCancel", { uuid }).catch(() => {});
      const ended = await taking.then(
        () => "taken",
        (error: Error) => error.message,
      );
      if (ended === "taken") {
        // The snapshot was written before it could be cancelled.
        const { id } = (await tree()).snapshots.find(({ name }) => name === "never")!;
        await client.request("snapshotDelete", { uuid, snapshot: id });
        await client.request("snapshotPurge", { uuid });
      } else expect(ended).toContain("cancelled");
      expect(await write("five", AT + 4096)).toBe("ok");
      expect(await read(AT + 4096)).toBe("five");
      expect((await tree()).snapshots).toEqual(snapshots);
      expect((await current()).file).toBe(before.file);
    });

    it("deleted while it runs, the disks are merged into the image that everything began with", async () => {
      // There is more than fits into the last step, and the guest writes and checks meanwhile.
      await shell("dd if=/dev/urandom of=/dev/xvda bs=1M count=19 conv=notrunc,fsync 2>/dev/null; echo ok");
      const sum = "dd if=/dev/xvda bs=1M count=19 2>/dev/null | md5sum | cut -c 1-32";
      const whole = await shell(sum);
      await client.request("snapshotTake", { uuid, name: "last", memory: false });
      await shell("dd if=/dev/urandom of=/dev/xvda bs=1M seek=30 count=18 conv=notrunc,fsync 2>/dev/null; echo ok");
      const counting =
        "(i=1000; while [ ! -e /stop ]; do i=$((i+1)); printf %-4096s n$i | dd of=/dev/xvda bs=4096 seek=$((6144+i%500)) conv=notrunc,fsync 2>/dev/null; echo $i > /n; done) &";
      await host.toolstack.request("consoleInput", { domid, bytes: Buffer.from(`${counting}\n`) });
      for (const { id } of (await tree()).snapshots) await client.request("snapshotDelete", { uuid, snapshot: id });
      await client.request("snapshotPurge", {});
      await shell("echo > /stop; sleep 1; echo ok");
      const n = Number(await shell("cat /n"));
      expect(n).toBeGreaterThan(1000);
      expect(await current()).toEqual(expect.objectContaining({ file: image, format: "raw" }));
      expect(await tree()).toMatchObject({ snapshots: [], unmerged: 0, current: null });
      expect(await shell(`echo 3 > /proc/sys/vm/drop_caches; ${sum}`)).toBe(whole);
      const content = await contentOf(image, "raw");
      for (let i = n; i > n - 400 && i > 1000; i--) {
        const at = (6144 + (i % 500)) * 4096;
        expect(content.toString("latin1", at, at + 8)).toBe(`n${i}`.padEnd(8));
      }
      expect(await read()).toBe("three");
    });
  },
);
