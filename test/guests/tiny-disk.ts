/** A small Linux that is installed on a disk: Debian's kernel and busybox on ext4, with a boot menu, disks and networks. */
import { execFileSync } from "node:child_process";
import { copyFileSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { plant } from "../dom0/bootloader/memory-store.ts";
import { debianKernel, debianPackage, initramfs, kernelModules } from "./images.ts";

export const TINY_NAME = "Tiny Linux on disk 1.0";
const MEBIBYTES = 48;

const GRUB = "menuentry 'Tiny Linux' { linux /boot/vmlinuz console=hvc0 quiet; initrd /boot/initrd.img; }\n";
/** Sets up eth0 with what the DHCP server says. */
const UDHCPC = `#!/bin/busybox sh
test "$1" = bound || exit 0
/bin/busybox ifconfig $interface $ip netmask $subnet
test -n "$router" && /bin/busybox route add default gw $router
echo "BOUND $ip"
`;
/** A shell on the console; Ctrl+D powers it off. */
const INIT = `#!/bin/busybox sh
export PATH=/bin HOME=/
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
busybox --install -s /bin
hostname tiny
ifconfig lo up
test -e /sys/class/net/eth0 && ifconfig eth0 up && udhcpc -q -n -t 20 -T 1 -i eth0 -s /etc/udhcpc.sh -x hostname:tiny
echo "TINY READY $(cat /etc/written 2>/dev/null)"
setsid cttyhack sh
sync
mount -o remount,ro /
poweroff -f
`;

/** Writes the image. `folder` is for what it is made from. */
export function makeTinyDisk(folder: string, image: string): void {
  const root = path.join(folder, "tiny-root");
  const script = "mount -t ext4 /dev/xvda /mnt\numount /proc /sys\nexec busybox switch_root /mnt /init";
  const modules = kernelModules("crc32c_generic", "ext4", "xen-blkfront", "xen-netfront", "isofs");
  const ramdisk = initramfs("ready", script, {}, modules);
  plant(root, {
    "boot/grub/grub.cfg": GRUB,
    "etc/os-release": `NAME="Tiny Linux"\nPRETTY_NAME="${TINY_NAME}"\n`,
    "etc/udhcpc.sh": UDHCPC,
    init: INIT,
    "bin/.keep": "",
    "dev/.keep": "",
    "mnt/.keep": "",
    "proc/.keep": "",
    "sys/.keep": "",
  });
  copyFileSync(debianKernel(), path.join(root, "boot/vmlinuz"));
  copyFileSync(ramdisk, path.join(root, "boot/initrd.img"));
  copyFileSync(path.join(debianPackage("busybox-static"), "bin/busybox"), path.join(root, "bin/busybox"));
  for (const file of ["init", "bin/busybox", "etc/udhcpc.sh"]) execFileSync("chmod", ["755", path.join(root, file)]);
  writeFileSync(image, "");
  truncateSync(image, MEBIBYTES << 20);
  execFileSync("mke2fs", ["-q", "-F", "-t", "ext4", "-L", "tiny", "-d", root, image]);
}
