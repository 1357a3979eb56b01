/** Debian's frontends in a PVH guest: its disk, network, framebuffer and keyboard, on backends that know nothing about types of guests. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { debianKernel, guestsMissing, initramfs, kernelModules } from "./images.ts";
import { onConsole } from "./on-console.ts";

const missing = guestsMissing() ?? (spawnSync("mke2fs", ["-V"]).error ? "e2fsprogs is not installed" : null);
const folder = temporaryFolder("pvh-devices");
let host: HostService;

const { ask, shown, says } = onConsole(() => host, 120_000);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const UDHCPC = [
  "#!/bin/busybox sh",
  'test "$1" = bound || exit 0',
  "ifconfig $interface $ip netmask $subnet",
  'echo "BOUND $ip"',
].join("\n");

/** An ext4 file system of 64 MiB with one file in it. */
function ext4(seed: Buffer): string {
  const [image, content] = [path.join(folder, "disk.img"), path.join(folder, "content")];
  mkdirSync(content);
  writeFileSync(path.join(content, "seed"), seed);
  writeFileSync(image, "");
  truncateSync(image, 64 << 20);
  execFileSync("mke2fs", ["-q", "-F", "-t", "ext4", "-d", content, image]);
  return image;
}

beforeAll(async () => {
  host = builtHost({ memoryMiB: 640, pcpus: 2 });
  await host.powerOn();
});
afterAll(() => host.powerOff(1000));

describe.skipIf(missing !== null)(`a PVH guest${missing ? ` (${missing})` : ""}`, () => {
  it("reads and writes its disk, fetches by its network, has a screen, gives memory back and takes it, and turns a vCPU off and on", async () => {
    const seed = randomBytes(3_000_001);
    const image = ext4(seed);
    const page = randomBytes(4 << 20);
    const web = createServer((_, response) => response.end(page));
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
    await ask("networkService", { network: "xenbr0", port: 8000, hostPort: (web.address() as AddressInfo).port });
    writeFileSync(path.join(folder, "udhcpc.sh"), UDHCPC);
    const script = [
      "exec 1>/dev/hvc0 2>&1",
      "mount -t ext4 /dev/xvda /mnt || echo MOUNT-FAILED",
      'echo "SEED $(sha256sum /mnt/seed | cut -d" " -f1)"',
      "dd if=/dev/urandom of=/mnt/written bs=64k count=200 2>/dev/null",
      "sync; echo 3 > /proc/sys/vm/drop_caches",
      'echo "WRITTEN $(sha256sum /mnt/written | cut -d" " -f1)"',
      "umount /mnt",
      "chmod +x /bin/udhcpc.sh; ifconfig eth0 up",
      "udhcpc -q -n -t 20 -T 1 -i eth0 -s /bin/udhcpc.sh",
      'echo "GOT $(wget -q -O - http://10.0.2.2:8000/ | sha256sum | cut -d" " -f1)"',
      'echo "FB $(cat /sys/class/graphics/fb0/name) $(cat /sys/class/graphics/fb0/virtual_size)"',
      "dd if=/dev/zero bs=1k count=1920 | tr '\\000' '\\125' | dd of=/dev/fb0 bs=64k 2>/dev/null",
      "grep Xen.Virtual.Keyboard /proc/bus/input/devices",
      "echo 0 > /sys/devices/system/cpu/cpu1/online; echo ONE $(nproc)",
      "echo 1 > /sys/devices/system/cpu/cpu1/online; echo TWO $(nproc)",
      "echo DEVICES-DONE",
      "read x",
      "poweroff -f",
    ].join("\n");
    const config = [
      `name = "devices"`,
      `type = "pvh"`,
      `kernel = "${debianKernel()}"`,
      `ramdisk = "${initramfs(
        "ready",
        script,
        { "udhcpc.sh": path.join(folder, "udhcpc.sh") },
        kernelModules("crc32c_generic", "ext4", "xen-blkfront", "xen-netfront"),
      )}"`,
      `cmdline = "console=tty0 console=hvc0"`,
      `memory = 256`,
      `vcpus = 2`,
      `disk = ['${image},raw,xvda,rw']`,
      `vif = ['mac=00:16:3e:00:00:01']`,
      `vfb = ['vnc=1']`,
    ].join("\n");
    const { domid } = await ask("create", { config, configName: path.join(folder, "devices.cfg") });
    await says(domid, /DEVICES-DONE/);
    const log = await shown(domid);
    expect(log).toContain(`SEED ${sha256(seed)}`);
    expect(log).toContain(`GOT ${sha256(page)}`);
    expect(log).toMatch(/BOUND 10\.0\.2\./);
    expect(log).toMatch(/FB xen 800,600/);
    expect(log).toMatch(/Xen Virtual Keyboard/);
    for (const kind of ["vbd", "vif", "vfb", "vkbd"]) {
      const list = await ask("deviceList", { domid, kind });
      expect(list.map(({ frontendState, backendState }) => [frontendState, backendState])).toEqual([[4, 4]]);
    }
    expect(log).toMatch(/ONE 1[\s\S]*TWO 2/);
    const memory = async (): Promise<number> => (await ask("list")).find((domain) => domain.domid === domid)!.memoryMiB;
    for (const memoryMiB of [192, 256]) {
      const before = await memory();
      await ask("setMemory", { domid, memoryMiB });
      const difference = async (): Promise<number> => Math.abs((await memory()) - before);
      await expect.poll(difference, { timeout: 60_000, interval: 50 }).toBeGreaterThan(60);
    }
    await ask("destroy", { domid });
    web.close();
    expect(await ask("checkInvariants")).toBe(0);
    expect(log).not.toMatch(/WARNING:|BUG:|Call Trace|I\/O error/);
    execFileSync("e2fsck", ["-f", "-n", image], { stdio: "pipe" });
  }, 200_000);
});
