/**
 * PvGrub as the kernel (grub-x86_64-xen.bin of Debian's grub-xen-host) reads the same disks as pygrub, through its own block frontend, and boots
 * Linux from them.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { plant } from "../dom0/bootloader/memory-store.ts";
import { temporaryFolder } from "../temporary.ts";
import { debianKernel, grubForXen, guestsMissing, initramfs } from "./images.ts";
import { startGuest } from "./run.ts";

const missing = guestsMissing() ?? (spawnSync("mke2fs", ["-V"]).error ? "e2fsprogs is not installed" : null);
const hasQemuImg = !spawnSync("qemu-img", ["--version"]).error;
const folder = temporaryFolder("grubdisk");

function makeDisk(): string {
  const root = plant(path.join(folder, "root"), {
    "boot/grub/grub.cfg":
      "set timeout=0\nmenuentry 'Linux' { linux /boot/vmlinuz console=hvc0 quiet from=grub; initrd /boot/initrd.img; }\n",
  });
  copyFileSync(debianKernel(), path.join(root, "boot/vmlinuz"));
  copyFileSync(
    initramfs("ready", 'echo "CMDLINE $(cat /proc/cmdline)"\npoweroff -f'),
    path.join(root, "boot/initrd.img"),
  );
  const image = path.join(folder, "disk.img");
  writeFileSync(image, "");
  truncateSync(image, 64 << 20);
  execFileSync("mke2fs", ["-q", "-F", "-t", "ext4", "-d", root, image]);
  return image;
}

describe.skipIf(missing !== null)(`PvGrub and a disk${missing ? ` (${missing})` : ""}`, () => {
  it.each(hasQemuImg ? ["qcow2"] : ["raw"])(
    "boots Linux from a %s image",
    async (format) => {
      const raw = makeDisk();
      const image = format === "raw" ? raw : path.join(folder, "disk.qcow2");
      if (format === "qcow2") execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", "-c", raw, image]);
      const config = path.join(folder, "grub.cfg");
      writeFileSync(
        config,
        [`name = "grub"`, `kernel = "${grubForXen()}"`, `memory = 256`, `disk = ["${image},${format},xvda,rw"]`].join(
          "\n",
        ),
      );
      const guest = startGuest([config, "--host-memory", "512", "--timeout", "560"]);
      const [, cmdline] = await guest.waitFor(/CMDLINE (.*from=grub)/, 560_000);
      expect(cmdline).toContain("console=hvc0");
      expect((await guest.done).status).toBe(0);
    },
    300_000,
  );
});
