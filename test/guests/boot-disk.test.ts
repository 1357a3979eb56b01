/** `bootloader = "pygrub"`: what is installed on a disk is what boots, at every boot. The console shows its menu. */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { plant } from "../dom0/bootloader/memory-store.ts";
import { temporaryFolder } from "../temporary.ts";
import { debianKernel, debianPackage, guestsMissing, initramfs, kernelModules } from "./images.ts";
import { onConsole } from "./on-console.ts";

const guests = guestsMissing() ?? (spawnSync("mke2fs", ["-V"]).error ? "e2fsprogs is not installed" : null);
const folder = temporaryFolder("bootdisk");
const image = path.join(folder, "disk.img");
let host: HostService;

const { ask } = onConsole(() => host);
const config = (name: string, disk: string, ...more: string[]): string =>
  [
    `name = "${name}"`,
    `bootloader = "pygrub"`,
    `memory = 192`,
    `extra = "from=xlcfg"`,
    `disk = ['${disk},raw,xvda,rw']`,
    ...more,
  ].join("\n");

const FIRST = `set timeout=60
menuentry 'one' { linux /boot/vmlinuz console=hvc0 quiet entry=one; initrd /boot/initrd.img; }
submenu 'more' {
  menuentry 'two \x1b[2J' { linux /boot/vmlinuz console=hvc0 quiet entry=two; initrd /boot/initrd.img; }
}
`;
/** The first boot writes another configuration and reboots, the second powers off. */
const INIT = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
echo "ROOT-ON-DISK $(/bin/busybox cat /proc/cmdline)"
if /bin/busybox grep -q entry=two /proc/cmdline; then
  echo "menuentry three { linux /boot/vmlinuz console=hvc0 quiet entry=three; initrd /boot/initrd.img; }" > /boot/grub/grub.cfg
  DO=reboot
else
  DO=poweroff
fi
/bin/busybox sync
/bin/busybox mount -o remount,ro /
/bin/busybox $DO -f
`;

function makeDisk(): void {
  const root = path.join(folder, "root");
  const script = "mount -t ext4 /dev/xvda /mnt\numount /proc /sys\nexec busybox switch_root /mnt /init";
  const ramdisk = initramfs("ready", script, {}, kernelModules("crc32c_generic", "ext4", "xen-blkfront"));
  plant(root, {
    "boot/grub/grub.cfg": FIRST,
    init: INIT,
    "etc/os-release": 'NAME="Tiny"\nPRETTY_NAME="Tiny on disk 1.0"\n',
    "proc/.keep": "",
    "dev/.keep": "",
  });
  copyFileSync(debianKernel(), path.join(root, "boot/vmlinuz"));
  copyFileSync(ramdisk, path.join(root, "boot/initrd.img"));
  plant(root, { "bin/.keep": "" });
  copyFileSync(path.join(debianPackage("busybox-static"), "bin/busybox"), path.join(root, "bin/busybox"));
  execFileSync("chmod", ["755", path.join(root, "init"), path.join(root, "bin/busybox")]);
  writeFileSync(image, "");
  truncateSync(image, 48 << 20);
  execFileSync("mke2fs", ["-q", "-F", "-t", "ext4", "-d", root, image]);
}

beforeAll(async () => {
  if (guests !== null) return;
  makeDisk();
  host = builtHost({ memoryMiB: 512 });
  await host.powerOn();
});
afterAll(() => host?.powerOff(1000));

describe.skipIf(guests !== null)(`a disk${guests ? ` (${guests})` : ""}`, () => {
  it("lists what it boots; boots what its menu is told, and after the reboot what it says then", async () => {
    const report = await ask("inspectDisk", { path: image });
    expect(report).toMatchObject({ format: "raw", isCd: false, size: 48 << 20, bootProblem: null });
    expect(report.parts).toMatchObject([{ partition: 0, bytes: 48 << 20, holds: "ext4", system: "Tiny on disk 1.0" }]);
    expect(report.allocated).toBeLessThan(48 << 20);
    expect(report.boot).toMatchObject({ source: "/boot/grub/grub.cfg", default: 0, timeout: 60 });
    expect(report.boot!.entries.map(({ kernel, cmdline }) => [kernel, cmdline])).toEqual([
      ["/boot/vmlinuz", "console=hvc0 quiet entry=one"],
      ["/boot/vmlinuz", "console=hvc0 quiet entry=two"],
    ]);
    const logs = async (): Promise<{ domid: number; text: string }[]> => {
      const domids = (await ask("consoleLogs")).filter(({ name }) => name === "booted").map(({ domid }) => domid);
      return Promise.all(
        domids.map(async (domid) => {
          const { log } = await ask("consoleAttach", { domid });
          await ask("consoleDetach", { domid });
          return { domid, text: Buffer.from(log).toString() };
        }),
      );
    };
    const until = (fits: (all: { domid: number; text: string }[]) => boolean): Promise<void> =>
      expect.poll(async () => fits(await logs()), { timeout: 100_000, interval: 100 }).toBe(true);
    const created = ask("create", { config: config("booted", image), configName: path.join(folder, "a.cfg") });
    await until(([first]) => first?.text.includes("is booted in") ?? false);
    const { domid } = (await logs())[0]!;
    await ask("consoleInput", { domid, bytes: Buffer.from("\x1b[B\r") });
    expect((await created).domid).toBe(domid);
    await until((all) => all.length === 2 && all[1]!.text.includes("ROOT-ON-DISK"));
    const [first, second] = await logs();
    // Control characters in a title do not reach the terminal.
    expect(first!.text).toContain("Booting two ?[2J");
    expect(first!.text).toContain("ROOT-ON-DISK console=hvc0 quiet entry=two from=xlcfg");
    expect(second!.text).toContain("ROOT-ON-DISK console=hvc0 quiet entry=three from=xlcfg");
    await expect.poll(async () => (await ask("list")).length, { timeout: 60_000, interval: 100 }).toBe(1);
    execFileSync("e2fsck", ["-f", "-n", image], { stdio: "pipe" });
  }, 180_000);

  it("that has nothing to boot is refused with the reason, and nothing of the domain stays", async () => {
    const empty = path.join(folder, "empty.img");
    writeFileSync(empty, Buffer.alloc(1 << 20));
    const create = (text: string): Promise<unknown> =>
      ask("create", { config: text, configName: path.join(folder, "b.cfg") });
    await expect(create(config("empty", empty))).rejects.toThrow("empty.img: There is no file system on the disk");
    await expect(create(config("none", path.join(folder, "none.img")))).rejects.toThrow(/can't be read: .*none\.img/);
    await expect(create(config("entry", image, 'bootloader_args = ["--entry=7"]'))).rejects.toThrow("no entry 7");
    await expect(create(config("kernel", image, 'kernel = "/boot/missing"'))).rejects.toThrow(
      "There is no /boot/missing on the disk",
    );
    expect((await ask("list")).length).toBe(1);
    expect(await ask("checkInvariants")).toBe(0);
  }, 60_000);

  it("that waits in its menu can be given up", async () => {
    const cancelled = path.join(folder, "cancelled.img");
    const root = plant(path.join(folder, "cancelled"), { "boot/grub/grub.cfg": FIRST });
    writeFileSync(cancelled, "");
    truncateSync(cancelled, 8 << 20);
    execFileSync("mke2fs", ["-q", "-F", "-t", "ext4", "-d", root, cancelled]);
    const created = ask("create", { config: config("waits", cancelled) });
    const refused = expect(created).rejects.toThrow("waits was cancelled before it was created");
    const isThere = async (): Promise<boolean> => (await ask("consoleLogs")).some(({ name }) => name === "waits");
    await expect.poll(isThere, { timeout: 20_000, interval: 50 }).toBe(true);
    await ask("createCancel", { name: "waits" });
    await refused;
    expect((await ask("list")).length).toBe(1);
  }, 60_000);
});
