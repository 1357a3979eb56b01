/**
 * Every key of xl.cfg(5) of Xen 4.17, and what this host does with it:
 * - works: the key has its effect (xlcfg.ts);
 * - warns: the domain starts without what the key asks for, and a sentence says so;
 * - refused: without it the domain would be another one than was asked for, so the key is an error;
 * - other: for such a domain Xen itself skips the key without a word, because it is for other guests, for other machines or from Xen's own past.
 * A key that only says what is the case anyway (`vif = []`, `acpi = 0`) asks for nothing. test/toolstack/xlcfg-keys.test.ts compares this table with
 * the manual page, and docs/xl.cfg.md is made from it.
 */
import { VIF_KEYS } from "../dom0/backends/net/keys.ts";

export type KeyFate = "works" | "warns" | "refused" | "other";
export interface KeyRule {
  fate: KeyFate;
  /** What the key means here, as the end of a sentence that begins with the key, or for `works` a remark. It is empty if there is nothing to say. */
  says: string;
}

const works = (says = ""): KeyRule => ({ fate: "works", says });
const warns = (what: string): KeyRule => ({ fate: "warns", says: what });
const refused = (why: string): KeyRule => ({ fate: "refused", says: why });
const other = (whose: string): KeyRule => ({ fate: "other", says: whose });

const device = (what: string): KeyRule => warns(`${what} come with a later version; the domain starts without them`);
const HVM = other("It is for HVM guests, and means nothing for others.");
const ALWAYS = other("It is for HVM and PVH guests; a PVH guest always has it here, and one without is refused.");
const NEVER = other("It is for HVM and PVH guests; a PVH guest that asks for it is refused.");
const HVM_DISPLAY = other("It is for the emulated graphics card of HVM guests.");
const ARM = other("It is for ARM.");

export const KEYS: Readonly<Record<string, KeyRule>> = {
  // General
  name: works("Any text but one with control characters."),
  type: works(
    '"pv" and "pvh"; "hvm" is refused, as it is not there yet. "native", which only this host has, is a driver domain that is a thread of the application (README.md).',
  ),
  builder: works('"generic" is type "pv", "hvm" is type "hvm".'),
  pool: works('"Pool-0": there is no other CPU pool.'),
  vcpus: works(),
  maxvcpus: works("Alone, it leaves one vCPU online, as libxl does."),
  cpus: works("It may have all, ^, ranges and nodes:. The host has one node, 0."),
  cpus_soft: works(
    "xl vcpu-list shows it. The scheduler of this host has no preference among pCPUs, so it changes no placement.",
  ),
  cpu_weight: works(),
  cap: works(),
  memory: works("Without memory and maxmem it is 32 MiB, as in libxl."),
  maxmem: works(
    "A PVH domain is told of all of it, 16384 MiB at most, and gets memory on demand; its balloon driver gives back what is above memory. Each 2 MiB of which it gives back a part, and not all, cost the host a table of 4 KiB.",
  ),
  vnuma: refused("this host is one NUMA node: give `memory` and `vcpus`"),
  on_poweroff: works(),
  on_reboot: works(),
  on_watchdog: works(),
  on_crash: works("coredump-… writes no core file; a notice says so."),
  on_soft_reset: works(),
  kernel: works(
    "A relative path is taken, as xl does, from the folder in which `xl create` or `xenarium run` is called, wherever the config lies.",
  ),
  ramdisk: works("As for `kernel`."),
  cmdline: works(),
  root: works(),
  extra: works(),
  firmware: refused("a PV domain boots a kernel here: give `kernel`"),
  uuid: works(),
  seclabel: warns("this Xen has no XSM, so labels mean nothing"),
  init_seclabel: warns("this Xen has no XSM, so labels mean nothing"),
  max_grant_frames: works("Up to 64, libxl's default."),
  max_maptrack_frames: works("Up to 1024, libxl's default."),
  max_grant_version: works("1 or 2."),
  max_event_channels: works("1023 if it is not given, as in libxl."),
  nomigrate: warns("a domain can be saved whatever this says, and its TSC is what tsc_mode says"),
  driver_domain: works(
    "It gives the domain what `xl devd` needs in xenstore. A native domain is a driver domain whatever this says.",
  ),
  device_tree: ARM,
  passthrough: warns("this host has no IOMMU and no devices to pass through"),
  xend_suspend_evtchn_compat: other("It is for guests with a wrong suspend event channel under xend."),
  vmtrace_buf_kb: warns("this host's processor can't trace what a vCPU does"),
  vpmu: warns("this host's processor has no performance counters for guests"),
  // PV, PVH
  bootloader: works(
    '"pygrub" reads the first disk at each boot: MBR, GPT, ext2/3/4, FAT, ISO 9660; grub.cfg, menu.lst, extlinux.conf, loader entries. `kernel` and `ramdisk` are then paths on the disk, and `extra` is added to the command line.',
  ),
  bootloader_args: works("--kernel, --ramdisk, --args, --entry, -q."),
  e820_host: warns("the guest's memory map is the usual one of a PV domain"),
  pvshim: works("For a PVH domain: `kernel` is a PV kernel, which runs inside Xen's shim."),
  pvshim_path: works("Must be given with pvshim."),
  pvshim_cmdline: works(),
  pvshim_extra: works(),
  // Devices
  disk: works(
    "Images in the formats raw and qcow2. Disks that a script of the host sets up are refused. `disposable` is Xenarium's own word: the image stays as it is, and what the guest writes is thrown away when the disk is detached or the domain ends or restarts.",
  ),
  vif: works("mac, bridge, ip, rate, mtu, devid, backend, trusted; bridges are Xenarium's own (`xenarium network`)."),
  vtpm: device("virtual TPMs"),
  p9: works(
    "tag, security_model=none, path, backend. `access` is Xenarium's own word: ro or rw; it is rw if it is not given. Files belong to the user who runs Xenarium; nothing outside of the folder is reached, and file systems mounted inside are not entered.",
  ),
  pvcalls: device("PV Calls"),
  vfb: works(
    "vnc, vnclisten (with :DISPLAY or not), vncpasswd, vncdisplay, vncunused; also width, height and videoram, which Linux's frontend reads. Each screen comes with a keyboard and a pointer. sdl, opengl and other keymaps are warned about.",
  ),
  channel: works(
    "name, connection, path, backend. connection=socket is a UNIX socket that only its user may connect to (not on Windows); connection=pty, for which Xen's backend creates a pty, has none here, because Node.js can't make one without native code: `xl console -n NUMBER` is its other end, and `xl channel-list` names no device. A program that needs a pty gets one of a socket: `socat pty,link=TTY unix-connect:PATH`.",
  ),
  rdm: HVM,
  usbctrl: device("USB controllers"),
  usbdev: device("USB devices"),
  pci: device("PCI devices"),
  pci_permissive: other("It is about devices of `pci`."),
  pci_msitranslate: other("It is about devices of `pci`."),
  pci_seize: other("It is about devices of `pci`."),
  pci_power_mgmt: other("It is about devices of `pci`."),
  gfx_passthru: HVM,
  rdm_mem_boundary: HVM,
  dtdev: ARM,
  ioports: warns("this host has no such devices to give access to"),
  iomem: warns("this host has no such devices to give access to"),
  irqs: warns("this host has no such devices to give access to"),
  vdispl: device("virtual displays"),
  vsnd: device("sound cards"),
  vkb: works(
    "backend-type, backend, unique-id, feature-disable-keyboard, feature-disable-pointer, feature-abs-pointer, width, height.",
  ),
  tee: ARM,
  gic_version: ARM,
  vuart: ARM,
  // Time and processor
  tsc_mode: works('"native_paravirt" is refused, as libxl 4.17 refuses to create such a domain.'),
  localtime: warns("the guest's clock is UTC"),
  rtc_timeoffset: warns("the guest's clock is not shifted"),
  timer_mode: refused("Xen has it for HVM guests only"),
  cpuid: works(
    'Features: "host,avx=0", or a list of texts for registers. 1, k and s give what this host\'s processor has; what needs a feature that is missing goes with it, as in Xen. Other leaves are as they are, and a warning says so. "host,avx=0" takes AVX away, and with it AVX2, FMA and F16C.',
  ),
  mca_caps: HVM,
  msr_relaxed: works(
    "With 1, RDMSR gives 0 for a register that the guest does not have, and WRMSR of it does nothing. Otherwise both cause #GP, at which some kernels stop.",
  ),
  // HVM
  boot: HVM,
  hdtype: HVM,
  hap: ALWAYS,
  oos: HVM,
  shadow_memory: HVM,
  bios: HVM,
  bios_path_override: HVM,
  pae: HVM,
  acpi: ALWAYS,
  acpi_s3: HVM,
  acpi_s4: HVM,
  acpi_laptop_slate: HVM,
  apic: ALWAYS,
  nx: HVM,
  hpet: HVM,
  altp2m: NEVER,
  altp2mhvm: HVM,
  nestedhvm: NEVER,
  acpi_firmware: HVM,
  smbios_firmware: HVM,
  ms_vm_genid: HVM,
  vpt_align: HVM,
  mmio_hole: HVM,
  xen_platform_pci: HVM,
  viridian: HVM,
  serial: HVM,
  soundhw: HVM,
  vkb_device: HVM,
  usb: HVM,
  usbversion: HVM,
  usbdevice: HVM,
  vendor_device: HVM,
  videoram: HVM_DISPLAY,
  stdvga: HVM_DISPLAY,
  vga: HVM_DISPLAY,
  vnc: works("1 is a framebuffer as `vfb` makes one, with the next four keys as its parameters."),
  vnclisten: works("With `vnc = 1`."),
  vncdisplay: works("With `vnc = 1`."),
  vncunused: works("With `vnc = 1`."),
  vncpasswd: works("With `vnc = 1`."),
  keymap: other("A key is known by its place on the keyboard."),
  sdl: other("No window of its own opens: the application has a Display tab."),
  opengl: other("The screen is drawn without it."),
  nographic: HVM_DISPLAY,
  spice: HVM_DISPLAY,
  spicehost: HVM_DISPLAY,
  spiceport: HVM_DISPLAY,
  spicetls_port: HVM_DISPLAY,
  spicedisable_ticketing: HVM_DISPLAY,
  spicepasswd: HVM_DISPLAY,
  spiceagent_mouse: HVM_DISPLAY,
  spicevdagent: HVM_DISPLAY,
  spice_clipboard_sharing: HVM_DISPLAY,
  spiceusbredirection: HVM_DISPLAY,
  spice_image_compression: HVM_DISPLAY,
  spice_streaming_video: HVM_DISPLAY,
  // Device model
  device_model_version: HVM,
  device_model_override: HVM,
  device_model_stubdomain_override: HVM,
  device_model_stubdomain_seclabel: HVM,
  device_model_args: HVM,
  device_model_args_pv: warns("no device model runs for a PV domain here"),
  device_model_args_hvm: HVM,
  device_model_user: HVM,
  dm_restrict: HVM,
  stubdomain_kernel: HVM,
  stubdomain_cmdline: HVM,
  stubdomain_ramdisk: HVM,
  stubdomain_memory: HVM,
};

/** Keys of xl that its manual page does not name. */
export const UNDOCUMENTED: Readonly<Record<string, KeyRule>> = {
  autoballoon: other("It is a setting of xl.conf."),
  colo_proxy_script: other("It is for COLO, which is not here."),
};

export function keyRule(key: string): KeyRule | null {
  if (Object.hasOwn(KEYS, key)) return KEYS[key]!;
  return Object.hasOwn(UNDOCUMENTED, key) ? UNDOCUMENTED[key]! : null;
}

const HEADINGS: readonly [KeyFate, string][] = [
  ["works", "Works"],
  ["warns", "Taken with a warning: the domain starts without it"],
  ["refused", "Refused"],
  ["other", "Passed over in silence, as Xen does for such a domain"],
];

function interfaceRows(): string {
  return Object.entries(VIF_KEYS)
    .map(([key, fate]) =>
      Object.entries(fate)
        .filter(([name]) => name !== "allowed")
        .map(([name, says]) => `| \`${key}\` | ${name} | ${String(says)} |\n`)
        .join(""),
    )
    .join("");
}

/** Returns the page docs/xl.cfg.md. */
export function keysPage(): string {
  const rows = (fate: KeyFate): string =>
    Object.entries(KEYS)
      .filter(([, rule]) => rule.fate === fate)
      .map(([key, { says }]) => `| \`${key}\` | ${says.replaceAll("|", "\\|")} |\n`)
      .join("");
  return [
    "# xl.cfg: what becomes of each key",
    "",
    "Made from `core/toolstack/xlcfg-keys.ts` by its test (`UPDATE_DOCS=1 npx vitest run test/toolstack/xlcfg-keys.test.ts`). The keys are those of",
    "xl.cfg(5) of Xen 4.17; an unknown key is warned about and ignored. A key that asks for nothing (`vif = []`, `vpmu = 0`) is never warned about.",
    ...HEADINGS.flatMap(([fate, title]) => ["", `## ${title}`, "", "| Key | |", "|---|---|", rows(fate).trimEnd()]),
    ...["", "## Keys of an interface in `vif`", "", "Those of xl-network-configuration(5) and of xl 4.17 itself.", ""],
    ...["| Key | | |", "|---|---|---|", interfaceRows().trimEnd()],
    "",
  ].join("\n");
}
