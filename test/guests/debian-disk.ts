/**
 * A Debian made by mmdebstrap as a raw disk image with a partition table: systemd, ext4, and a grub.cfg that Debian's grub-mkconfig wrote. It is made
 * once, in minutes, and kept in .cache/guests. It needs mmdebstrap, fakeroot and e2fsprogs but no privileges (as root it uses none).
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";

const cache = path.resolve(import.meta.dirname, "../../.cache/guests");
/** The offset of the only partition in bytes. */
export const PARTITION = 1 << 20;
const PARTITION_BYTES = 1536 << 20;
const UUID = "5e0d1c7a-2b44-4f0c-9a35-6f1d2c3b4a59";
const PACKAGES = "linux-image-amd64,systemd-sysv,udev,kmod,grub-common";

/**
 * Runs in the new system's folder, which is its argument, and runs commands inside it by chroot. systemd waits 90 s of wall clock time for a device.
 * On a computer with other work udev may not come to hvc0 in that time, and then there is no login prompt at all.
 */
const CUSTOMIZE = `set -e
chroot "$1" passwd -d root
echo debian-disk > "$1/etc/hostname"
echo 'UUID=${UUID} / ext4 errors=remount-ro 0 1' > "$1/etc/fstab"
mkdir -p "$1/etc/default" "$1/boot/grub" "$1/etc/systemd/system.conf.d"
printf '[Manager]\\nDefaultDeviceTimeoutSec=1h\\nDefaultTimeoutStartSec=1h\\nDefaultTimeoutStopSec=1h\\n' > "$1/etc/systemd/system.conf.d/patient.conf"
printf 'GRUB_DEFAULT=0\\nGRUB_TIMEOUT=5\\nGRUB_DISTRIBUTOR=Debian\\nGRUB_CMDLINE_LINUX="console=hvc0"\\nGRUB_TERMINAL=console\\n' > "$1/etc/default/grub"
# There is no disk yet for grub-probe to look at: this says what it will find there.
mv "$1/usr/sbin/grub-probe" "$1/usr/sbin/grub-probe.real"
cat > "$1/usr/sbin/grub-probe" <<'PROBE'
#!/bin/sh
case "$*" in
  *--version*) echo "grub-probe (GRUB) 2.06" ;;
  *device*target=fs_uuid*|*target=fs_uuid*) echo ${UUID} ;;
  *target=device*) echo /dev/xvda1 ;;
  *target=fs*) echo ext2 ;;
  *target=partmap*) echo msdos ;;
  *target=compatibility_hint*|*target=drive*) echo hd0,msdos1 ;;
  *target=hints_string*) echo "--hint='xen/xvda,msdos1'" ;;
esac
PROBE
chmod 755 "$1/usr/sbin/grub-probe"
chroot "$1" grub-mkconfig -o /boot/grub/grub.cfg
mv "$1/usr/sbin/grub-probe.real" "$1/usr/sbin/grub-probe"
`;

/** Another recipe makes another image. */
const recipe = createHash("sha256").update(`${PACKAGES}\n${PARTITION_BYTES}\n${CUSTOMIZE}`).digest("hex").slice(0, 16);
const kept = path.join(cache, `debian-12-disk-${recipe}.img`);

/** Says why it is not available here, or returns null. */
export function debianDiskMissing(): string | null {
  if (existsSync(kept)) return null;
  const absent = ["mmdebstrap", "fakeroot", "mke2fs", "e2fsck"].filter((tool) => spawnSync(tool, ["--version"]).error);
  return absent.length > 0 ? `${absent.join(", ")} not installed` : null;
}

/** Makes a copy of it, to which the test may write. */
export function debianDisk(to: string): void {
  if (!existsSync(kept)) make();
  execFileSync("cp", ["--sparse=always", "--reflink=auto", kept, to]);
}

function make(): void {
  const work = `${kept}.${process.pid}.d`;
  mkdirSync(work, { recursive: true });
  try {
    const [hook, tar] = [path.join(work, "customize"), path.join(work, "root.tar")];
    writeFileSync(hook, CUSTOMIZE);
    run("mmdebstrap", [
      "--quiet",
      "--variant=minbase",
      `--include=${PACKAGES}`,
      '--aptopt=Apt::Install-Recommends "false"',
      ...["doc", "locale", "man"].map((what) => `--dpkgopt=path-exclude=/usr/share/${what}/*`),
      `--customize-hook=sh ${hook} "$1"`,
      "bookworm",
      tar,
    ]);
    const image = path.join(work, "disk.img");
    partitionedImage(image, path.join(work, "root.img"), () =>
      imageOf(tar, path.join(work, "root"), path.join(work, "root.img")),
    );
    renameSync(image, kept);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The owners in the archive become those in the image, whoever runs this. */
function imageOf(tar: string, folder: string, image: string): void {
  mkdirSync(folder);
  writeFileSync(image, "");
  truncateSync(image, PARTITION_BYTES);
  const script = 'tar -xpf "$1" -C "$2" --numeric-owner && mke2fs -q -F -t ext4 -U "$4" -L root -d "$2" "$3"';
  run("fakeroot", ["sh", "-c", script, "sh", tar, folder, image, UUID]);
}

function partitionedImage(image: string, root: string, makeRoot: () => void): void {
  makeRoot();
  const sector = Buffer.alloc(512);
  sector[446] = 0x80;
  sector[446 + 4] = 0x83;
  sector.writeUInt32LE(PARTITION / 512, 446 + 8);
  sector.writeUInt32LE(PARTITION_BYTES / 512, 446 + 12);
  sector.writeUInt16LE(0xaa55, 510);
  const file = openSync(image, "w");
  writeSync(file, sector);
  closeSync(file);
  truncateSync(image, PARTITION + PARTITION_BYTES);
  run("dd", [`if=${root}`, `of=${image}`, "bs=1M", "seek=1", "conv=notrunc,sparse", "status=none"]);
}

function run(command: string, args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? stderr.slice(-4000)}`);
}

/** Returns the grub.cfg of such a disk, as the host's own tools read it. */
export function grubConfigOf(image: string): string {
  return execFileSync("debugfs", ["-R", "cat /boot/grub/grub.cfg", `${image}?offset=${PARTITION}`], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
}
