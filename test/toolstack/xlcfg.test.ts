import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { cpusText, parseCpus } from "../../core/toolstack/cpu-list.ts";
import { parseXlConfig } from "../../core/toolstack/xlcfg.ts";
import { parseBootConfig } from "../../core/toolstack/boot-config.ts";
import { runConfig } from "../../core/cli/config-text.ts";
import { runArguments, serveArguments, UsageError } from "../../core/cli/arguments.ts";
import { bootMenu, type BootMenu } from "../../core/cli/boot-menu.ts";
import { temporaryFolder } from "../temporary.ts";

const base = 'name = "web"\nkernel = "/boot/vmlinuz"\n';
const errors = (text: string): string[] =>
  parseXlConfig(text)
    .diagnostics.filter(({ severity }) => severity === "error")
    .map(({ message }) => message);

describe("xl.cfg", () => {
  it("reads strings, numbers, lists, comments and semicolons", () => {
    const { config, diagnostics } = parseXlConfig(`# a guest
name = 'web'; type="pv"
kernel = "/boot/\\x76mlinuz"   # with an escape
ramdisk="/boot/initrd"
memory = 512
maxmem = "0x400"
vcpus=2
maxvcpus = 4
cpus = [ "0-1",   # first
         '2' ]
cpu_weight = 512
cap = 50
tsc_mode = "always_emulate"
msr_relaxed = 1
root = "/dev/xvda1 ro"
extra = "console=hvc0"
extra += " quiet"
on_poweroff = "destroy"
on_reboot = 'restart'
on_crash = "preserve"
on_watchdog = "preserve"
on_soft_reset = "destroy"
max_grant_frames = 32
max_grant_version = 1
uuid = "01234567-89AB-cdef-0123-456789abcdef"
vif = []
`);
    expect(diagnostics).toEqual([]);
    expect(config).toEqual({
      name: "web",
      type: "pv",
      uuid: "01234567-89ab-cdef-0123-456789abcdef",
      kernel: "/boot/vmlinuz",
      ramdisk: "/boot/initrd",
      cmdline: "root=/dev/xvda1 ro console=hvc0 quiet",
      bootloader: null,
      memoryMiB: 512,
      maxmemMiB: 1024,
      vcpus: 2,
      maxvcpus: 4,
      cpus: [[0, 1], [2]],
      cpusSoft: null,
      cpuWeight: 512,
      cap: 50,
      tscMode: "always_emulate",
      msrRelaxed: true,
      limits: { grantFrames: 32, maptrackFrames: 1024, grantVersion: 1, eventChannels: 1023 },
      driverDomain: false,
      onPoweroff: "destroy",
      onReboot: "restart",
      onWatchdog: "preserve",
      onCrash: "preserve",
      onSoftReset: "destroy",
      devices: [],
    });
  });

  it("has xl's defaults", () => {
    expect(parseXlConfig(base).config).toMatchObject({
      memoryMiB: 32,
      maxmemMiB: 32,
      vcpus: 1,
      maxvcpus: 1,
      onWatchdog: "destroy",
      onSoftReset: "soft-reset",
      cpuWeight: 256,
      cap: 0,
      tscMode: "default",
      msrRelaxed: false,
      driverDomain: false,
      onPoweroff: "destroy",
      onReboot: "restart",
      onCrash: "destroy",
      cmdline: "",
      ramdisk: null,
    });
    expect(parseXlConfig(base).config!.uuid).not.toBe(parseXlConfig(base).config!.uuid);
  });

  it("names key, line and what is allowed for a wrong value", () => {
    expect(errors(`${base}memory = 9999`)).toEqual([
      'line 3: memory is "9999"; allowed: a whole number from 1 to 3584 (MiB)',
    ]);
    // A PVH domain may be told of more memory than the host has.
    expect(errors(`${base}type = "pvh"\nmaxmem = 16384`)).toEqual([]);
    for (const [type, most] of [
      ["pv", 3584],
      ["pvh", 16384],
    ])
      expect(errors(`${base}type = "${type}"\nmaxmem = 99999`)).toEqual([
        `line 4: maxmem is "99999"; allowed: a whole number from 1 to ${most} (MiB)`,
      ]);
    expect(errors(`${base}on_crash = "explode"`)[0]).toMatch(
      /^line 3: on_crash is "explode"; allowed: "destroy", "restart"/,
    );
    expect(errors(`${base}tsc_mode = "native_paravirt"`)).toEqual([
      'line 3: tsc_mode is "native_paravirt"; allowed: "default", "always_emulate", "native"; Xen 4.17 has native_paravirt no more',
    ]);
    expect(errors(`${base}vcpus = 33`)[0]).toContain("line 3: vcpus is");
    expect(errors(`${base}vcpus = 4\nmaxvcpus = 2`)[0]).toContain("at least vcpus, which is 4");
    expect(errors(`${base}type = "hvm"`)[0]).toContain('only "pv"');
    expect(errors(`${base}type = "xyz"`)[0]).toContain('type is "xyz"; allowed: "pv"');
    expect(errors(`${base}cpus = "9-2"`)[0]).toContain('pCPUs as "0-3,5,^1"');
    expect(errors(`${base}cpus = "all,^node:0"`)[0]).toContain("which leaves no pCPU");
    expect(errors(`${base}uuid = "nope"`)[0]).toContain("a UUID as");
    expect(errors(`${base}extra = "${"x".repeat(1100)}"`)[0]).toContain("longer than 1023 bytes");
    expect(errors('name = "a\\nb"\nkernel = "k"')[0]).toContain("without control characters");
    expect(errors('kernel = ["k"]\nname="n"')).toEqual(["line 1: kernel is missing: give the path of a PV kernel"]);
    expect(errors('bootloader = "pygrub"\nname="n"')).toEqual([
      "line 1: disk is missing: pygrub takes the kernel out of the domain's first disk",
    ]);
    const disk = `name="n"\ndisk = ["/d.img,raw,xvda,rw"]\n`;
    expect(errors(disk)).toEqual([
      'kernel is missing: give the path of a PV kernel, or bootloader = "pygrub" to boot what is installed on the disk',
    ]);
    expect(errors(`${disk}bootloader = "/usr/bin/grubby"`)).toEqual([
      'line 3: bootloader is "/usr/bin/grubby"; allowed: "pygrub"; to boot with GRUB itself give its file as `kernel`',
    ]);
    expect(errors(`${disk}bootloader = "pygrub"\nbootloader_args = ["--nonsense"]`)[0]).toContain(
      'line 4: bootloader_args: "--nonsense" is no argument that pygrub takes here; allowed: --kernel=PATH',
    );
    for (const list of ['["--entry=1", "-q"]', '"--entry=1 -q"'])
      expect(
        parseXlConfig(`${disk}bootloader = "/usr/bin/pygrub"\nbootloader_args = ${list}`).config!.bootloader,
      ).toEqual({ program: "/usr/bin/pygrub", arguments: ["--entry=1", "-q"] });
    expect(errors("")).toEqual([
      "name is missing: give the domain's name",
      "kernel is missing: give the path of a PV kernel",
    ]);
  });

  it("describes a native domain, which has images for others and nothing that a guest has", () => {
    const native = 'name = "driver"\ntype = "native"\nmemory = 4\n';
    const { config, diagnostics } = parseXlConfig(
      `${native}on_crash = "restart"\ndisk = ["/d.img,raw,xvda", "/e.iso,qcow2,xvdb,ro"]`,
    );
    expect(diagnostics).toEqual([]);
    expect(config).toMatchObject({ type: "native", kernel: "", memoryMiB: 4, vcpus: 1, driverDomain: true });
    expect(config!.devices.flatMap(({ files }) => files)).toEqual(["/d.img", "/e.iso"]);
    for (const [line, why] of [
      ['kernel = "k"', "line 4: kernel can't be had by a native domain: it boots nothing, leave it out"],
      ['extra = "quiet"', "line 4: extra can't be had by a native domain: it boots nothing, leave it out"],
      ["vcpus = 2", "line 4: vcpus can't be had by a native domain: it has one vCPU, its thread"],
      ['vif = [""]', "line 4: vif can't be had by a native domain: it has no frontends"],
      ["memory = 1", 'line 4: memory is "1"; allowed: at least 2 for a native domain'],
      ["maxmem = 8", 'line 4: maxmem is "8"; allowed: 4, its memory: a native domain has no balloon driver'],
      ['disk = ["/d.img,qcow2,xvda"]', 'line 4: disk xvda: format is "qcow2"; what such an image'],
      [
        'disk = [",raw,xvda,cdrom"]',
        "line 4: disk xvda: a native domain's disk is an image, and can't be an empty drive",
      ],
      [
        'disk = ["vdev=xvda,backend=other,target=/dev/xvda"]',
        "line 4: disk xvda: a native domain has its images itself",
      ],
      ['disk = ["vdev=xvda,disposable,target=/d.img"]', "line 4: disk xvda: what is written would be gone"],
    ])
      expect(errors(`${native}${line}`)[0], line).toContain(why);
  });

  it("warns about unknown keys and what is to come, and goes on", () => {
    const { config, diagnostics } = parseXlConfig(`${base}vtpm = [ 'backend=x' ]\ndisk = [ ]\nflavour = "mint"\n`);
    expect(config).not.toBe(null);
    expect(diagnostics.map(({ severity, message }) => `${severity} ${message}`)).toEqual([
      "warning line 3: vtpm: virtual TPMs come with a later version; the domain starts without them",
      "warning line 5: flavour is not a key that is known here; it is ignored",
    ]);
  });

  it("says where the syntax is wrong, and finds further mistakes", () => {
    const { diagnostics } = parseXlConfig(`${base}memory 512\nextra = "open\ncpus = [ 1, 2\n`);
    expect(diagnostics.map(({ message }) => message)).toEqual([
      'line 3, column 8: expected "=" after memory, found "5"',
      'line 4, column 9: the string that begins here has no closing "',
      'line 5, column 8: the list that begins here has no closing "]"',
    ]);
    expect(errors(`${base}memory = 512MB`)[0]).toMatch(/line 3, column 10: expected a value/);
    expect(errors(`${base}= 3`)[0]).toMatch(/expected a key/);
  });

  it("never throws on garbage", () => {
    let seed = 7;
    const random = (n: number): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) % n;
    const bits = ["name", "=", "[", "]", '"', "'", "\n", "#", ";", "\\", "+=", "memory", "12", ",", " ", "\0", "é"];
    for (let i = 0; i < 5000; i++) {
      const text = Array.from({ length: random(20) }, () => bits[random(bits.length)]).join("");
      expect(Array.isArray(parseXlConfig(text).diagnostics)).toBe(true);
    }
  });

  it("understands pCPU sets", () => {
    expect(parseCpus("0-3,^1")).toEqual([0, 2, 3]);
    expect(parseCpus("all")!.length).toBe(32);
    expect(parseCpus("nodes:0,^1")!.length).toBe(31);
    expect(parseCpus("all,^node:1")!.length).toBe(32);
    expect(parseCpus("0-99,^1-98")).toEqual([0]);
    for (const empty of ["", "^0", "node:1", "all,^nodes:0-3", "40"]) expect(parseCpus(empty)).toEqual([]);
    for (const bad of ["x", "1-", "0 1", "3-1", "node0", "0x1"]) expect(parseCpus(bad)).toBe(null);
    expect(parseCpus("1,,2")).toEqual([1, 2]);
  });

  it("shows the pCPUs that there are", () => {
    expect(cpusText(0xfffffffe, 2)).toBe("1");
    expect(cpusText(0xffffffff, 2)).toBe("all");
    expect(cpusText(0b1011, 6)).toBe("0-1,3");
    expect(cpusText(0xffffffff, 32)).toBe("all");
  });
});

describe("boot config", () => {
  it("reads entries, the default and the autostart list", () => {
    expect(
      parseBootConfig(
        'default=1\ntimeout=3\n# c\nmenuentry "A" {\n xen dom0_mem=64M\n}\nmenuentry \'B\' {\n  xen\n}\nautostart "/a.cfg"\n',
      ),
    ).toEqual({
      entries: [
        { title: "A", cmdline: "dom0_mem=64M" },
        { title: "B", cmdline: "" },
      ],
      defaultEntry: 1,
      autostart: ["/a.cfg"],
    });
  });
  it.each([
    ["kernel x", /line 1: "kernel x" is not known/],
    ['menuentry "A" {', /no closing/],
    ["", /no menuentry/],
    [`menuentry "A" {\nxen ${"x".repeat(2048)}\n}`, /line 2: .*2048 bytes long; allowed: at most 2047/],
    ['default=4\nmenuentry "A" {\n}', /allowed: 0 to 0/],
  ])("refuses %j", (text, message) => expect(() => parseBootConfig(text)).toThrow(message));
});

describe("command line", () => {
  it("puts options after the config, so that they win", () => {
    const options = runArguments([
      "a.cfg",
      "--memory",
      "300",
      "--cmdline",
      'a="b" \\c',
      "--name",
      "x",
      "--kernel",
      "k",
    ]);
    const { config } = parseXlConfig(runConfig(`${base}memory=64`, options, "/tmp"));
    expect(config).toMatchObject({ memoryMiB: 300, cmdline: 'a="b" \\c', name: "x", kernel: "/tmp/k" });
    expect(parseXlConfig(runConfig(null, runArguments(["--kernel", "k"]), "/")).config).toMatchObject({
      name: "guest",
      memoryMiB: 256,
    });
  });
  it.each([
    [["--kernel"], /kernel/],
    [[], /needs a config/],
    [["a", "b"], /one config/],
    [["a", "--memory", "x"], /allowed: a whole number/],
    [["a", "--host-memory", "1"], /from 128 to/],
    [["a", "--timeout", "0"], /more than 0/],
    [["a", "--nonsense"], /nonsense/],
  ])("refuses run %j", (args, message) => expect(() => runArguments(args)).toThrow(message));
  it("reads the boot menu of run and serve, whose autostart paths are taken from its folder", async () => {
    const folder = temporaryFolder("boot");
    const file = path.join(folder, "grub.cfg");
    writeFileSync(file, 'default=1\nmenuentry "A" {\n}\nmenuentry "B" {\n}\nautostart "auto/web.cfg"\n');
    const menu = (...args: string[]): Promise<BootMenu> => bootMenu(serveArguments(args));
    expect(await bootMenu(runArguments(["a.cfg", "--boot-config", file]))).toMatchObject({
      boot: { autostart: [path.join(folder, "auto/web.cfg")] },
      bootEntry: 1,
    });
    expect(await menu("--boot-config", file, "--boot-entry", "A")).toMatchObject({ bootEntry: 0 });
    expect(await menu("--boot-config", file, "--boot-entry", "0")).toMatchObject({ bootEntry: 0 });
    expect(await menu("--boot-entry", "Xenarium")).toMatchObject({ bootEntry: 0 });
    await expect(menu("--boot-config", file, "--boot-entry", "2")).rejects.toThrow(
      '--boot-entry is "2"; allowed: 0 or "A", 1 or "B"',
    );
    await expect(menu("--boot-config", `${file}.bak`)).rejects.toThrow(/grub\.cfg\.bak can't be read: ENOENT/);
    writeFileSync(file, "chainloader +1\n");
    await expect(menu("--boot-config", file)).rejects.toThrow(/grub\.cfg: boot config line 1: .*allowed/);
    await expect(menu("--boot-config", file)).rejects.toThrow(UsageError);
  });
  it("reads serve's options", () => {
    expect(serveArguments(["--port", "0", "--browser"])).toMatchObject({ port: 0, browser: true });
  });
});
