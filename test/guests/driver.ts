/** A driver domain of Linux's own backends: xen-blkback, xen-netback, and `xl devd`, which runs hotplug scripts written for busybox. */
import path from "node:path";
import { packagedPrograms } from "./dynamic.ts";
import { debianKernel, debianPackage, guestsMissing, initramfs, kernelModules, packageMissing } from "./images.ts";

const LIBRARIES = [
  "libc6",
  "libxenmisc4.17",
  "libxentoollog1",
  "libyajl2",
  "libxenevtchn1",
  "libxenstore4",
  "libxenhypfs1",
];
const MORE = [
  "libxentoolcore1",
  "libxencall1",
  "libxengnttab1",
  "libxenforeignmemory1",
  "libxendevicemodel1",
  "zlib1g",
];
const PACKED = ["libuuid1", "liblzma5", "libzstd1"];
const PACKAGES = [...LIBRARIES, ...MORE, ...PACKED];
/** Says why there can be none here, or is null. */
export const driverMissing =
  guestsMissing() ??
  [...PACKAGES, "xen-utils-4.17", "xenstore-utils"].map(packageMissing).find((why) => why !== null) ??
  null;

/** The xl.cfg of a domain with Debian's kernel, whose initial RAM disk runs a script. */
export function config(
  name: string,
  script: string[],
  modules: string[],
  programs: Record<string, string>,
  more: string[],
): string {
  return [
    `name = "${name}"`,
    `kernel = "${debianKernel()}"`,
    `ramdisk = "${initramfs("ready", script.join("\n"), programs, kernelModules(...modules))}"`,
    `cmdline = "console=hvc0 quiet"`,
    `memory = 192`,
    ...more,
  ].join("\n");
}

/** What Xen's own hotplug scripts do for a disk and for an interface, written for busybox. `xl devd` runs them. */
const BLOCK = [
  "#!/bin/sh",
  'echo "HOTPLUG $1 $XENBUS_PATH" > /dev/console',
  'test "$1" = add || exit 0',
  'device=$(xenstore-read "$XENBUS_PATH/params")',
  "numbers=$(cat /sys/class/block/${device#/dev/}/dev)",
  'xenstore-write "$XENBUS_PATH/physical-device" "$(printf %x:%x ${numbers%:*} ${numbers#*:})"',
  'xenstore-write "$XENBUS_PATH/hotplug-status" connected',
];
const VIF = [
  "#!/bin/sh",
  'echo "HOTPLUG $1 $XENBUS_PATH" > /dev/console',
  'test "$1" = online || exit 0',
  "brctl addif $(xenstore-read $XENBUS_PATH/bridge) $vif && ip link set $vif up",
  'xenstore-write "$XENBUS_PATH/hotplug-status" connected',
];
const file = (name: string, lines: string[]): string[] => [
  `cat > ${name} <<'END'`,
  ...lines,
  "END",
  `chmod 755 ${name}`,
];
const DRIVER = [
  "export PATH=/bin LD_LIBRARY_PATH=/bin",
  "mkdir -p /lib64 /etc/xen/scripts /var/run/xen /var/log/xen /var/lib/xen /var/lock /proc/xen",
  "for tool in printf ip brctl ln chmod; do busybox ln -s busybox /bin/$tool; done",
  "ln -s /bin/ld-linux-x86-64.so.2 /lib64/",
  "mount -t xenfs xenfs /proc/xen",
  ...file("/etc/xen/scripts/block", BLOCK),
  ...file("/etc/xen/scripts/vif-bridge", VIF),
  "brctl addbr xenbr0; ip addr add 10.0.0.1/24 dev xenbr0; ip link set xenbr0 up",
  "echo > /etc/xen/xl.conf; xl -vvv devd -F > /tmp/devd 2>&1 &",
  "until grep -q 'event epath=.*/backend' /tmp/devd; do usleep 50000; done",
  "echo DRIVER-READY",
  "exec setsid -c sh",
];
const MODULES = [
  "xen-evtchn",
  "xen-privcmd",
  "xenfs",
  "xen-gntdev",
  "bridge",
  "xen-blkfront",
  "xen-blkback",
  "xen-netback",
];

/** The xl.cfg of a driver domain that prints DRIVER-READY. The images are its xvda, xvdb and so on, which it serves to others as /dev/xvda, … */
export function driverConfig(images: readonly string[], ...more: string[]): string {
  const programs = packagedPrograms(...PACKAGES);
  programs.xl = path.join(debianPackage("xen-utils-4.17"), "usr/lib/xen-4.17/bin/xl");
  for (const name of ["xenstore-read", "xenstore-write"])
    programs[name] = path.join(debianPackage("xenstore-utils"), "usr/bin", name);
  const disks = images.map((image, i) => `'${image},,xvd${"abcd"[i]}'`);
  const lines = ["driver_domain = 1", `disk = [${disks.join(", ")}]`, ...more];
  return config("driver", DRIVER, MODULES, programs, lines);
}
