/** Compares how we read xl.cfg with how stock xl 4.17 reads it: ../stock/xlcfg.json, recorded by ../stock/record.ts. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { parseXlConfig } from "../../core/toolstack/xlcfg.ts";

interface Recorded {
  text: string;
  config: { c_info: Record<string, unknown>; b_info: Record<string, unknown> & { "type.hvm"?: unknown } } | null;
  said: string[];
}
const recorded = JSON.parse(readFileSync(path.join(import.meta.dirname, "../stock/xlcfg.json"), "utf8")) as (Recorded &
  Record<string, unknown>)[];

/** What stock xl reads and this host refuses on purpose, or the other way round, and why. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'memory = "-64"': "libxl makes 2^64 - 64 KiB of it, which no host has",
  "memory = 99999999": "more than this host can have",
  "memory = 0": "a domain without memory can't be built",
  "memory = 64\nmaxmem = 32": "libxl gives the domain more than its maximum",
  "vif = [ 'bogus=1' ]":
    "xl names the argument and goes on without; what was meant to be a bridge or a limit must not be left out like that",
  "vcpus = 200": "more than a domain can have here",
  "cpu_weight = 0": "libxl refuses it when it creates the domain",
  "cpu_weight = 70000": "libxl refuses it when it creates the domain",
  "cap = 6500": "libxl refuses it when it creates the domain",
  'tsc_mode = "native_paravirt"': "libxl refuses it when it creates the domain",
  "tsc_mode = 3": "libxl refuses it when it creates the domain",
  'type = "hvm"': "only PV and PVH as yet",
  'builder = "hvm"': "only PV and PVH as yet",
  'type = ""': "stock xl takes it for HVM",
  'kernel = ""': "there is no such file",
  'bootloader = "pygrub"': "libxl says when it creates the domain that there is no disk",
  'bootloader = "pygrub"\nbootloader_args = ["-q"]': "libxl says when it creates the domain that there is no disk",
  'name = ""': "libxl gives such a domain no name at all",
  "max_grant_version = 3": "libxl refuses it when it creates the domain",
  'pool = "nosuch"': "libxl refuses it when it creates the domain",
  'extra = "a\\x41\\101"': "stock xl refuses every \\x, which its source means to take",
  'cpus = [ ["0"], "1" ]': "an entry that is no CPULIST is an error here",
  'vnuma = [ [ "pnode=0","size=64","vcpus=0" ] ]': "this host is one NUMA node",
  ...Object.fromEntries(
    ['"^0"', '"node:1"', '"all,^node:0"', '["all,^node:0"]'].map((list) => [
      `cpus = ${list}`,
      "libxl refuses an affinity without pCPUs when it creates the domain",
    ]),
  ),
  'vcpus = 1\ncpus = ["all,^node:0"]': "libxl refuses an affinity without pCPUs when it creates the domain",
  // Checks of devices and of other guests' keys, which are not read here yet.
  ...Object.fromEntries(
    [
      ...'pci = [ \'zz\' ]|device_model_version = "bogus"|altp2m = "bogus"|passthrough = "bogus"'.split("|"),
      ..."vtpm = ['uuid=x']".split("|"),
      ...'gic_version = "bogus"|tee = "bogus"|vuart = "bogus"'.split("|"),
    ].map((line) => [line, "a key that is warned about or passed over here is not read"]),
  ),
};
const HEAD = 'name = "c"\nkernel = "/bin/true"\n';

describe("xl.cfg beside stock xl", () => {
  it("was recorded", () => expect(recorded.length).toBeGreaterThan(200));

  it.each(recorded.map((each) => [each.text.slice(HEAD.length).trimEnd(), each] as const))("%j", (line, stock) => {
    const { config, diagnostics } = parseXlConfig(stock.text);
    if (Object.hasOwn(DIFFERENT, line)) {
      // A case that has become the same must be taken off the list.
      expect(config === null).not.toBe(stock.config === null);
      return;
    }
    expect(
      diagnostics.filter(({ severity }) => severity === "error").map(({ message }) => message),
      stock.said.join("\n"),
    ).toEqual(stock.config ? [] : expect.arrayContaining([expect.any(String)]));
    if (!stock.config || !config) return;
    const { c_info, b_info } = stock.config;
    const kib = (key: string): number | undefined => b_info[key] as number | undefined;
    const most = kib("max_memkb") ?? 32 * 1024;
    const sched = b_info.sched_params as { weight?: number; cap?: number };
    const action = (key: string, fallback: string): string =>
      ((stock[key] as string | undefined) ?? (stock.config as unknown as Record<string, string>)[key] ?? fallback)
        .replace("restart_rename", "rename-restart")
        .replaceAll("_", "-");
    const maxvcpus = (b_info.max_vcpus as number) || 1;
    expect(config).toMatchObject({
      name: c_info.name,
      kernel: b_info.kernel,
      ramdisk: (b_info.ramdisk as string) || null,
      cmdline: b_info.cmdline ?? "",
      memoryMiB: (kib("target_memkb") ?? most) / 1024,
      maxmemMiB: most / 1024,
      maxvcpus,
      vcpus: (b_info.avail_vcpus as number[] | undefined)?.length || 1,
      cpuWeight: sched.weight ?? 256,
      cap: sched.cap ?? 0,
      tscMode: b_info.tsc_mode ?? "default",
      driverDomain: c_info.driver_domain === "True",
      onPoweroff: action("on_poweroff", "destroy"),
      onReboot: action("on_reboot", "destroy"),
      onWatchdog: action("on_watchdog", "destroy"),
      onCrash: action("on_crash", "destroy"),
      onSoftReset: action("on_soft_reset", "destroy"),
      ...(c_info.uuid !== undefined && { uuid: c_info.uuid }),
    });
    for (const [key, ours] of [
      ["vcpu_hard_affinity", config.cpus],
      ["vcpu_soft_affinity", config.cpusSoft],
    ] as const) {
      const theirs = b_info[key] as number[][] | undefined;
      // Without vcpus, stock xl 4.17 loses the affinity between the lines.
      if (!("max_vcpus" in b_info)) continue;
      expect(ours?.map((set) => set.filter((cpu) => cpu < 2))).toEqual(
        theirs?.map((set) => set.filter((cpu) => cpu < 2)) ?? undefined,
      );
    }
    for (const [theirs, kind] of [
      ["vfbs", "vfb"],
      ["vkbs", "vkbd"],
    ] as const)
      expect(config.devices.filter((device) => device.kind === kind)).toHaveLength(
        ((stock.config as unknown as Record<string, unknown[]>)[theirs] ?? []).length,
      );
    // What stock xl warns about must be warned about here too, if it asks for something.
    if (line !== 'vif = ""' && stock.said.some((text) => text.includes("warning: parameter")))
      expect(diagnostics).not.toEqual([]);
  });
});
