/** Subcommands of xl(1) that this host does not have, and why. test/cli/xl-manual.test.ts compares them with the manual page. */
const PASSTHROUGH = "this host has no devices to pass through";
const LATER = "such devices can't be attached to a running domain as yet";
const PSR = "this host's processor has no resource monitoring or allocation";
const XSM = "this Xen is built without XSM";
const MIGRATION = "this host can't send a domain to another one as yet: use xl save and xl restore";

export const ABSENT: Readonly<Record<string, string>> = {
  migrate: MIGRATION,
  remus: MIGRATION,
  "set-parameters": "Xen's parameters are those of the boot menu",
  "sched-rtds": "this host's scheduler is credit",
  "qemu-monitor-command": "no domain of this host has a device model",
  getenforce: XSM,
  setenforce: XSM,
  loadpolicy: XSM,
  ...Object.fromEntries(
    [
      "psr-hwinfo",
      "psr-cmt-attach",
      "psr-cmt-detach",
      "psr-cmt-show",
      "psr-cat-set",
      "psr-cat-show",
      "psr-mba-set",
      "psr-mba-show",
    ].map((name) => [name, PSR]),
  ),
  ...Object.fromEntries(
    [
      ...["pci-assignable-list", "pci-assignable-add", "pci-assignable-remove", "pci-attach", "pci-detach"],
      ...["usbctrl-attach", "usbctrl-detach", "usbdev-attach", "usbdev-detach"],
    ].map((name) => [name, PASSTHROUGH]),
  ),
  ...Object.fromEntries(
    [
      ...["vtpm-attach", "vtpm-detach", "vdispl-attach", "vdispl-detach", "vdispl-list"],
      ...["vsnd-attach", "vsnd-detach", "vsnd-list"],
    ].map((name) => [name, LATER]),
  ),
};
