/**
 * The guests that are offered until the user edits the list. The addresses are those of the distributions themselves. Sizes and checksums that may
 * change there without notice are not written down; where a distribution keeps a list of checksums beside its files, that list is named here and
 * read.
 */
import type { GuestText } from "./guest-schema.ts";

const DEBIAN_INSTALLER = "https://mirrors.kernel.org/debian/dists/bookworm/main/installer-amd64/current/images";
const DEBIAN_CLOUD = "https://cloud.debian.org/images/cloud/bookworm/latest";
const ALPINE = "dl-cdn.alpinelinux.org/alpine/v3.20";

export const DEFAULT_GUESTS: readonly GuestText[] = [
  {
    id: "debian-12",
    name: "Debian 12 on a disk",
    description:
      "A whole Debian that is installed already and lets root in without a password. Its disk keeps what you do.",
    architecture: "x86_64",
    disks: [{ url: `${DEBIAN_CLOUD}/debian-12-nocloud-amd64.qcow2`, checksums: `${DEBIAN_CLOUD}/SHA512SUMS` }],
    cmdline: "console=hvc0",
    memory: 512,
  },
  {
    id: "debian-12-installer",
    name: "Debian 12’s installer",
    description:
      "The installer as Xen gets it, in its text form. Give it a disk to install on, or look around with its shell.",
    architecture: "x86_64",
    kernel: { url: `${DEBIAN_INSTALLER}/netboot/xen/vmlinuz`, checksums: `${DEBIAN_INSTALLER}/SHA256SUMS` },
    ramdisk: { url: `${DEBIAN_INSTALLER}/netboot/xen/initrd.gz`, checksums: `${DEBIAN_INSTALLER}/SHA256SUMS` },
    cmdline: "console=hvc0",
    memory: 512,
  },
  {
    id: "alpine-3.20",
    name: "Alpine 3.20 in memory",
    description:
      "A small Linux that runs in memory and fetches the rest of itself through the network. Log in as root.",
    architecture: "x86_64",
    kernel: { url: `https://${ALPINE}/releases/x86_64/netboot/vmlinuz-virt` },
    ramdisk: { url: `https://${ALPINE}/releases/x86_64/netboot/initramfs-virt` },
    cmdline: `console=hvc0 ip=dhcp alpine_repo=http://${ALPINE}/main modloop=http://${ALPINE}/releases/x86_64/netboot/modloop-virt`,
    memory: 256,
  },
];
