/**
 * A small Debian on a disk: minbase, sysvinit, Debian's kernel with an initial RAM disk of its modules for the disk. It boots in seconds, while a
 * complete one (debian-disk.ts) takes minutes. mmdebstrap makes it once, and it is kept in .cache/guests. It needs fakeroot and e2fsprogs, and no
 * privileges.
 */
import { execFile, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { debianKernel, initramfs, kernelModules } from "./images.ts";

const kept = path.resolve(import.meta.dirname, "../../.cache/guests/debian-12-small.img");
const MEBIBYTES = 320;

/** Says why it is not available here, or returns null. */
export function smallDebianMissing(): string | null {
  if (existsSync(kept)) return null;
  const absent = ["mmdebstrap", "fakeroot", "mke2fs"].filter((tool) => spawnSync(tool, ["--version"]).error);
  return absent.length > 0 ? `${absent.join(", ")} not installed` : null;
}

/**
 * Makes a copy of it, to which the test may write. To make it takes minutes, during which the test's thread has to answer: Vitest takes it for an error if it
 * is not heard of for one.
 */
export async function smallDebian(to: string): Promise<void> {
  if (!existsSync(kept)) await make();
  await run("cp", ["--sparse=always", "--reflink=auto", kept, to]);
}

/** Runs in the new system's folder, its first argument. The second argument has what goes to /boot. */
const CUSTOMIZE = `set -e
chroot "$1" passwd -d root
echo debian-disk > "$1/etc/hostname"
echo '/dev/xvda / ext4 errors=remount-ro 0 1' > "$1/etc/fstab"
cat > "$1/etc/inittab" <<'INITTAB'
id:2:initdefault:
si::sysinit:/etc/init.d/rcS
l0:0:wait:/etc/init.d/rc 0
l2:2:wait:/etc/init.d/rc 2
l6:6:wait:/etc/init.d/rc 6
hc:2:respawn:/sbin/agetty --keep-baud 38400 hvc0 linux
INITTAB
mkdir -p "$1/boot/grub"
cp "$2/vmlinuz" "$2/initrd.img" "$1/boot"
cat > "$1/boot/grub/grub.cfg" <<'GRUB'
set timeout=0
menuentry 'Debian GNU/Linux' {
  linux /boot/vmlinuz root=/dev/xvda console=hvc0 quiet
  initrd /boot/initrd.img
}
GRUB
`;
/** The script of the initial RAM disk. It ends in Debian's own init. */
const INTO_DEBIAN = `mount -t ext4 -o ro /dev/xvda /mnt
mount -o move /dev /mnt/dev
umount /proc /sys
exec busybox switch_root /mnt /sbin/init`;

async function make(): Promise<void> {
  const work = `${kept}.${process.pid}.d`;
  const at = (...names: string[]): string => path.join(work, ...names);
  mkdirSync(at("boot"), { recursive: true });
  mkdirSync(at("root"));
  try {
    copyFileSync(debianKernel(), at("boot/vmlinuz"));
    const modules = kernelModules("crc32c_generic", "ext4", "xen-blkfront");
    copyFileSync(initramfs("ready", INTO_DEBIAN, {}, modules), at("boot/initrd.img"));
    writeFileSync(at("customize"), CUSTOMIZE);
    await run("mmdebstrap", [
      ...["--quiet", "--variant=minbase", "--include=sysvinit-core", '--aptopt=Apt::Install-Recommends "false"'],
      // Nothing of it is of use before it is complete.
      "--dpkgopt=force-unsafe-io",
      ...["doc", "locale", "man"].map((what) => `--dpkgopt=path-exclude=/usr/share/${what}/*`),
      `--customize-hook=sh ${at("customize")} "$1" ${at("boot")}`,
      ...["bookworm", at("root.tar")],
    ]);
    writeFileSync(at("disk.img"), "");
    truncateSync(at("disk.img"), MEBIBYTES << 20);
    // The owners in the archive become those in the image, whoever runs this.
    const image = 'tar -xpf "$1" -C "$2" --numeric-owner && mke2fs -q -F -t ext4 -L root -d "$2" "$3"';
    await run("fakeroot", ["sh", "-c", image, "sh", at("root.tar"), at("root"), at("disk.img")]);
    renameSync(at("disk.img"), kept);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function run(command: string, args: string[]): Promise<void> {
  await promisify(execFile)(command, args, { encoding: "utf8", maxBuffer: 64 * 2 ** 20 });
}
