/** A real block frontend, Debian's xen-blkfront, on this host's backend: what the guest writes is on the image and correct. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { openStore } from "../../core/dom0/storage/open.ts";
import { createQcow2 } from "../../core/dom0/storage/qcow2/create.ts";
import type { DomainInfo } from "../../core/toolstack/messages.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { debianKernel, guestsMissing, initramfs, kernelModules } from "./images.ts";
import { onConsole } from "./on-console.ts";

const guests = guestsMissing() ?? (spawnSync("mke2fs", ["-V"]).error ? "e2fsprogs is not installed" : null);
/** A small file system needs the privilege to mount one. */
const noTmpfs = process.getuid?.() === 0 && process.platform === "linux" ? null : "needs root on Linux";
const folder = temporaryFolder("disk");
let host: HostService;

const { ask, shown, ended } = onConsole(() => host, 90_000);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** A file system with one file in it. */
function ext4(name: string, mebibytes: number, seed: Buffer): string {
  const [image, content] = [path.join(folder, name), path.join(folder, `${name}.d`)];
  mkdirSync(content, { recursive: true });
  writeFileSync(path.join(content, "seed"), seed);
  writeFileSync(image, "");
  truncateSync(image, mebibytes << 20);
  execFileSync("mke2fs", ["-q", "-F", "-t", "ext4", "-d", content, image]);
  return image;
}
/** Returns the file in the image, as the host's own tools read it. */
function fileOf(image: string, name: string): Buffer {
  return execFileSync("debugfs", ["-R", `cat ${name}`, image], {
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "ignore"],
  });
}

/** `programs` are files in /bin. */
async function start(
  script: string,
  disks: string[],
  vcpus = 1,
  {
    modules = ["crc32c_generic", "ext4", "xen-blkfront"],
    ...programs
  }: { modules?: string[] } & Record<string, unknown> = {},
): Promise<number> {
  const config = [
    `name = "disk"`,
    `kernel = "${debianKernel()}"`,
    `ramdisk = "${initramfs("ready", script, programs as Record<string, string>, kernelModules(...modules))}"`,
    `cmdline = "console=hvc0 quiet"`,
    `memory = 256`,
    `vcpus = ${vcpus}`,
    `disk = [${disks.map((disk) => `'${disk}'`).join(", ")}]`,
  ].join("\n");
  return (await ask("create", { config, configName: path.join(folder, "disk.cfg") })).domid;
}

beforeAll(async () => {
  host = builtHost({ memoryMiB: 768 });
  await host.powerOn();
});
afterAll(() => host.powerOff(1000));

describe.skipIf(guests !== null)(`disks${guests ? ` (${guests})` : ""}`, () => {
  it("are read, written and flushed by Linux; the file system is clean and its content right", async () => {
    const seed = Buffer.from(Array.from({ length: 3_000_001 }, (_, i) => (i * i) >> 3));
    const image = ext4("root.img", 96, seed);
    const script = [
      "mount -t ext4 /dev/xvda /mnt || echo MOUNT-FAILED",
      'echo "SEED $(sha256sum /mnt/seed | cut -d" " -f1)"',
      "dd if=/dev/urandom of=/mnt/written bs=64k count=400 2>/dev/null",
      "dd if=/dev/urandom of=/mnt/small bs=1 count=777 2>/dev/null",
      "sync",
      "echo 3 > /proc/sys/vm/drop_caches",
      'echo "WRITTEN $(sha256sum /mnt/written | cut -d" " -f1)"',
      'echo "SMALL $(sha256sum /mnt/small | cut -d" " -f1)"',
      "cat /sys/block/xvda/size /sys/block/xvda/queue/write_cache",
      "dmesg | grep blkfront",
      "umount /mnt",
      "poweroff -f",
    ].join("\n");
    const domid = await start(script, [`${image},raw,xvda,rw`]);
    const log = await ended(domid);
    expect(log).toContain(`SEED ${sha256(seed)}`);
    expect(log).toMatch(new RegExp(`${(96 << 20) / 512}\\s+write back`));
    expect(log).toContain("flush diskcache: enabled; persistent grants: enabled; indirect descriptors: enabled");
    expect(log).not.toMatch(/op failed|I\/O error/i);
    execFileSync("e2fsck", ["-f", "-n", image], { stdio: "pipe" });
    for (const name of ["written", "small"]) {
      const told = new RegExp(`${name.toUpperCase()} ([0-9a-f]{64})`).exec(log)![1];
      expect(sha256(fileOf(image, name)), name).toBe(told);
    }
    expect(fileOf(image, "written").length).toBe(400 * 65536);
    expect(await ask("checkInvariants")).toBe(0);
  }, 120_000);

  it("go over several queues and pages, come and go while it runs; drives get another medium; what is read-only stays as it is", async () => {
    const seed = Buffer.from(Array.from({ length: 500_000 }, (_, i) => (i * 7) >> 4));
    const image = ext4("ro.img", 16, seed);
    const before = sha256(readFileSync(image));
    const file = (name: string, mebibytes: number): string => {
      writeFileSync(path.join(folder, name), Buffer.alloc(mebibytes << 20, name));
      return path.join(folder, name);
    };
    const [copy, late, iso] = [file("copy.img", 16), file("late.img", 2), file("medium.iso", 3)];
    const script = [
      "insmod /bin/xen-blkfront.ko max_ring_page_order=1 max_queues=2",
      "mount -t ext4 -o ro /dev/xvdb /mnt",
      'echo "SEED $(sha256sum /mnt/seed | cut -d" " -f1)"',
      "umount /mnt",
      "dd if=/dev/zero of=/dev/xvdb bs=512 count=1 2>/dev/null && echo WROTE-READ-ONLY",
      "dd if=/dev/xvdb of=/dev/xvda bs=1M count=8 2>/dev/null & dd if=/dev/xvdb of=/dev/xvda bs=4k skip=2048 seek=2048 2>/dev/null; wait",
      "sync",
      "cmp /dev/xvda /dev/xvdb && echo SAME",
      "until test -e /dev/xvdc; do usleep 20000; done",
      'echo "LATE $(sha256sum /dev/xvdc | cut -d" " -f1)"',
      "while test -e /dev/xvdc; do usleep 20000; done",
      "echo GONE",
      "while test $(cat /sys/block/xvdd/size) = 0; do usleep 20000; done",
      'echo "MEDIUM $(sha256sum /dev/xvdd | cut -d" " -f1)"',
      "until test $(cat /sys/block/xvdd/size) = 0; do usleep 20000; done",
      "echo EJECTED",
      "poweroff -f",
    ].join("\n");
    const [blkfront] = kernelModules("xen-blkfront");
    const disks = [`${copy},,xvda`, `${image},,xvdb,r`, ",,xvdd,cdrom"];
    const domid = await start(script, disks, 2, { modules: ["crc32c_generic", "ext4"], "xen-blkfront.ko": blkfront! });
    const says = (pattern: RegExp): Promise<void> =>
      expect.poll(() => shown(domid), { timeout: 60_000, interval: 50 }).toMatch(pattern);
    await says(/SAME/);
    const { devices } = await ask("wiring", { domid });
    const device = devices.find(({ kind, id }) => kind === "vbd" && id === "51712")!;
    expect(device.rings.map(({ grants, directions }) => [grants.length, directions[0]!.size])).toEqual([
      [2, 64],
      [2, 64],
    ]);
    const folderOf = { domid, key: "disk", folder };
    await ask("deviceAttach", { ...folderOf, spec: "late.img,,xvdc" });
    await says(/LATE/);
    await expect(ask("deviceAttach", { ...folderOf, spec: "iso,,xvdc" })).rejects.toThrow(/there is another disk xvdc/);
    await expect(ask("deviceAttach", { ...folderOf, spec: "none.img,,xvde" })).rejects.toThrow(/none\.img: ENOENT/);
    await expect(ask("deviceAttach", { ...folderOf, spec: "late.img,,xvde" })).rejects.toThrow(/is in use/);
    const list = await ask("deviceList", { domid, kind: "vbd" });
    expect(list.map(({ id, frontendState, backendState }) => [id, frontendState, backendState])).toEqual([
      ["51712", 4, 4],
      ["51728", 4, 4],
      ["51760", 4, 4],
      ["51744", 4, 4],
    ]);
    await ask("deviceDetach", { domid, key: "disk", device: "xvdc" });
    await says(/GONE/);
    await ask("mediumInsert", { ...folderOf, spec: "medium.iso,,xvdd,cdrom" });
    await says(/MEDIUM/);
    await ask("mediumInsert", { ...folderOf, spec: ",,xvdd,cdrom" });
    const log = await ended(domid);
    expect(log).toContain("EJECTED");
    expect(log).not.toContain("WROTE-READ-ONLY");
    expect(log).toContain(`SEED ${sha256(seed)}`);
    expect(log).toContain(`LATE ${sha256(readFileSync(late))}`);
    expect(log).toContain(`MEDIUM ${sha256(readFileSync(iso))}`);
    expect(sha256(readFileSync(image))).toBe(before);
    expect(sha256(readFileSync(copy))).toBe(before);
    expect(await ask("checkInvariants")).toBe(0);
  }, 180_000);

  it.skipIf(noTmpfs !== null)(
    `that the host has no room for wait, and their domain with them, until there is room${noTmpfs ? ` (${noTmpfs})` : ""}`,
    async () => {
      const small = path.join(folder, "small");
      mkdirSync(small);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=12m", "xenarium-test", small]);
      try {
        await createQcow2({ path: path.join(small, "thin.qcow2"), size: 64 << 20 });
        const script = [
          "dd if=/dev/urandom of=/tmp/data bs=1M count=20 2>/dev/null",
          'echo "DATA $(sha256sum /tmp/data | cut -d" " -f1)"',
          "dd if=/tmp/data of=/dev/xvda bs=1M conv=fsync && echo WRITTEN",
          "echo 3 > /proc/sys/vm/drop_caches",
          'echo "DISK $(dd if=/dev/xvda bs=1M count=20 2>/dev/null | sha256sum | cut -d" " -f1)"',
          "poweroff -f",
        ].join("\n");
        const domid = await start(script, [`${small}/thin.qcow2,qcow2,xvda,rw`]);
        const info = async (): Promise<DomainInfo> => (await ask("list")).find((each) => each.domid === domid)!;
        await expect
          .poll(async () => (await info()).held, { timeout: 60_000 })
          .toMatch(/The host's disk is full.*thin\.qcow2/);
        expect((await info()).state.paused).toBe(true);
        expect(await shown(domid)).not.toContain("WRITTEN");
        execFileSync("mount", ["-o", "remount,size=64m", small]);
        const log = await ended(domid);
        expect(log).toContain("WRITTEN");
        expect(log).not.toMatch(/I\/O error/i);
        expect(/DISK (\w+)/.exec(log)![1]).toBe(/DATA (\w+)/.exec(log)![1]);
        expect(await ask("checkInvariants")).toBe(0);
      } finally {
        execFileSync("umount", ["-l", small]);
      }
    },
    120_000,
  );

  it("become larger while the guest has them; what is wrong is refused", async () => {
    const image = path.join(folder, "grows.qcow2");
    await createQcow2({ path: image, size: 8 << 20 });
    const script = [
      "cat /sys/block/xvda/size",
      "echo SMALL",
      `until test $(cat /sys/block/xvda/size) = ${(24 << 20) / 512}; do usleep 20000; done`,
      "dd if=/dev/urandom of=/tmp/data bs=1M count=4 2>/dev/null",
      "dd if=/tmp/data of=/dev/xvda bs=1M seek=20 conv=fsync 2>/dev/null && echo LARGE",
      'echo "DATA $(sha256sum /tmp/data | cut -d" " -f1)"',
      "poweroff -f",
    ].join("\n");
    const domid = await start(script, [`${image},qcow2,xvda,rw`]);
    await expect.poll(() => shown(domid), { timeout: 60_000 }).toContain("SMALL");
    const resize = (device: string, bytes: number) => ask("diskResize", { domid, device, bytes });
    await expect(resize("xvdb", 24 << 20)).rejects.toThrow("no disk xvdb");
    await expect(resize("xvda", 4 << 20)).rejects.toThrow("at least the 8388608 bytes");
    await expect(resize("xvda", (24 << 20) + 1)).rejects.toThrow("multiple of 512");
    await resize("xvda", 24 << 20);
    const log = await ended(domid);
    expect(log).toContain("LARGE");
    const store = await openStore(image, "qcow2", "read");
    const bytes = Buffer.alloc(4 << 20);
    await store.read(20 << 20, [bytes]);
    await store.close();
    expect(sha256(bytes)).toBe(/DATA (\w+)/.exec(log)![1]);
  }, 120_000);
});
