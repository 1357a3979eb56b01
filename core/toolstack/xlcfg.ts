/** What the settings of an xl.cfg mean: what libxl 4.17 makes of them, including its defaults. ./xlcfg-keys.ts says which keys there are. */
import { randomUUID } from "node:crypto";
import path from "node:path";
import { isElsewhere, readParams } from "../dom0/backends/blk/config.ts";
import { DEVICE_KINDS } from "../dom0/backends/kinds.ts";
import { BootError } from "../dom0/bootloader/error.ts";
import { parsePygrubArguments } from "../dom0/bootloader/pygrub.ts";
import { LIBXL_LIMITS, type CreationLimits, type DomainTypeName } from "../dom0/kernel/hypercalls.ts";
import { SpecError, type DeviceKind, type DeviceSpec } from "../dom0/xenbus/kind.ts";
import { parseCpus } from "./cpu-list.ts";
import { cpuidChanges } from "./cpuid.ts";
import { isDomainName, NAME_ALLOWED } from "./domain-name.ts";
import {
  SHUTDOWN_ACTIONS,
  TSC_MODES,
  type ConfigDiagnostic,
  type DomainConfig,
  type ParsedConfig,
  type ShutdownAction,
  type TscMode,
} from "./messages.ts";
import { LEAST_NATIVE_MIB } from "../dom0/builder/native.ts";
import { MOST_MEMORY_MIB } from "../dom0/builder/pvh/layout.ts";
import { keyRule } from "./xlcfg-keys.ts";
import { parseSyntax, type ConfigValue, type Setting } from "./xlcfg-syntax.ts";
import { ConfigValues, parseNumber, show } from "./xlcfg-values.ts";

export const MAX_VCPUS = 32;
/** The memory of the largest host. */
export const MAX_MEMORY_MIB = 3584;
const MAX_CMDLINE = 1023;
/** libxl's command line for a shim. */
const SHIM_CMDLINE = "pv-shim console=xen,pv";
/** libxl's value for a domain for which neither memory nor maxmem is given. */
const DEFAULT_MEMORY_MIB = 32;

/**
 * Checks an xl.cfg. `overrides` are further settings as `xl create` takes them after the file, such as "memory=96" or "extra='a b'; vcpus=2", each in
 * a text of its own. They come last, so they win.
 */
export function parseXlConfig(
  text: string,
  overrides: readonly string[] = [],
  kinds: readonly DeviceKind[] = DEVICE_KINDS,
): ParsedConfig {
  const diagnostics: ConfigDiagnostic[] = [];
  const values = new ConfigValues(diagnostics);
  const { settings, problems } = parseSyntax(text);
  for (const { line, column, message } of problems)
    diagnostics.push({
      severity: "error",
      message: `line ${line}, column ${column}: ${message}`,
      key: null,
      line,
      column,
    });
  for (const setting of settings) values.add(setting);
  for (const override of overrides) {
    const parsed = parseSyntax(override);
    for (const { column, message } of parsed.problems)
      diagnostics.push({
        severity: "error",
        message: `"${override}", column ${column}: ${message}`,
        key: null,
        line: 0,
        column: 0,
      });
    const nowhere = { line: 0, column: 0 };
    for (const setting of parsed.settings)
      values.add({ ...setting, ...nowhere, value: { ...setting.value, ...nowhere } });
  }
  const config = interpret(values, kinds);
  const failed = diagnostics.some(({ severity }) => severity === "error");
  return { config: failed ? null : config, diagnostics };
}

function interpret(values: ConfigValues, kinds: readonly DeviceKind[]): DomainConfig {
  checkKeys(values, kinds);
  const type = checkType(values);
  const name = domainName(values);
  const bootloader = bootLoader(values);
  const maxmem = values.integer("maxmem", 1, type === "pvh" ? MOST_MEMORY_MIB : MAX_MEMORY_MIB, "MiB");
  const memoryMiB = values.integer("memory", 1, MAX_MEMORY_MIB, "MiB") ?? maxmem ?? DEFAULT_MEMORY_MIB;
  const maxmemMiB = maxmem ?? memoryMiB;
  if (maxmemMiB < memoryMiB) values.refuse("maxmem", `at least memory, which is ${memoryMiB}`);
  if (type === "native") {
    if (memoryMiB < LEAST_NATIVE_MIB) values.refuse("memory", `at least ${LEAST_NATIVE_MIB} for a native domain`);
    if (maxmemMiB > memoryMiB)
      values.refuse("maxmem", `${memoryMiB}, its memory: a native domain has no balloon driver`);
  }
  const { vcpus, maxvcpus } = vcpuCounts(values);
  const specs = devices(values, kinds);
  if (type === "native") checkNativeDisks(values, specs);
  const on = (key: string, fallback: ShutdownAction): ShutdownAction => {
    const action = values.string(key);
    if (action === null || isAction(action)) return action ?? fallback;
    values.refuse(key, SHUTDOWN_ACTIONS.map((word) => `"${word}"`).join(", "));
    return fallback;
  };
  const cpuid = cpuidChanges(values);
  return {
    name,
    type,
    uuid: uuid(values),
    kernel: type === "native" ? "" : kernelPath(values, bootloader !== null),
    ramdisk: values.string("ramdisk") || null,
    cmdline: commandLine(values),
    bootloader,
    ...shim(values, type),
    memoryMiB,
    maxmemMiB,
    vcpus,
    maxvcpus,
    cpus: affinity(values, "cpus", maxvcpus),
    cpusSoft: affinity(values, "cpus_soft", maxvcpus),
    cpuWeight: values.integer("cpu_weight", 1, 65535) ?? 256,
    cap:
      values.integer(
        "cap",
        0,
        100 * maxvcpus,
        `percent of one pCPU, 100 for each of the vCPUs, which are ${maxvcpus}`,
      ) ?? 0,
    tscMode: tscMode(values),
    msrRelaxed: values.integer("msr_relaxed", 0, 1) === 1,
    ...(cpuid.length ? { cpuid } : {}),
    limits: limits(values),
    driverDomain: values.integer("driver_domain", 0, 1) === 1 || type === "native",
    onPoweroff: on("on_poweroff", "destroy"),
    onReboot: on("on_reboot", "restart"),
    onWatchdog: on("on_watchdog", "destroy"),
    onCrash: on("on_crash", "destroy"),
    onSoftReset: on("on_soft_reset", "soft-reset"),
    devices: specs,
  };
}

/** The devices of all kinds, in the order of the table. Each item of a kind's list is one device, and may bring another one with it. */
function devices(values: ConfigValues, kinds: readonly DeviceKind[]): DeviceSpec[] {
  const specs: DeviceSpec[] = [];
  for (const { kind, config } of kinds) {
    if (!config) continue;
    const add = (
      at: ConfigValue | Setting | null,
      what: string,
      parse: (before: DeviceSpec[]) => DeviceSpec | null,
    ) => {
      try {
        const spec = parse(specs.filter((each) => each.kind === kind));
        if (!spec) return;
        specs.push(spec);
        const companion = config.companion?.(spec, specs);
        if (companion) specs.push(companion);
      } catch (error) {
        if (!(error instanceof SpecError)) throw error;
        values.complain("error", `${what}: ${error.message}`, at, config.key);
      }
    };
    for (const item of values.list(config.key) ?? []) {
      if (item.kind === "list") {
        values.complain("error", `${config.key} has ${show(item)} in it; allowed: strings in quotes`, item, config.key);
        continue;
      }
      add(item, `${config.key} ${show(item)}`, (before) => {
        const spec = config.parse(item.text, before);
        for (const remark of config.remarks?.(item.text) ?? [])
          values.complain("warning", `${config.key} ${show(item)}: ${remark}`, item, config.key);
        return spec;
      });
    }
    const fromKeys = config.fromKeys?.bind(config);
    if (fromKeys) add(null, config.key, (before) => fromKeys((key) => values.string(key), before));
  }
  return specs;
}

function isAction(text: string): text is ShutdownAction {
  return (SHUTDOWN_ACTIONS as readonly string[]).includes(text);
}

/** Complains about keys that ask for what this host does not have. */
function checkKeys(values: ConfigValues, kinds: readonly DeviceKind[]): void {
  for (const setting of values.settings) {
    const { key } = setting;
    if (kinds.some(({ config }) => config?.key === key)) continue;
    const rule = keyRule(key);
    if (!rule) values.complain("warning", `${key} is not a key that is known here; it is ignored`, setting, key);
    else if (rule.fate === "refused") values.complain("error", `${key} can't be had: ${rule.says}`, setting, key);
    else if (rule.fate === "warns" && values.asks(key))
      values.complain("warning", `${key}: ${rule.says}`, setting, key);
  }
  const pool = values.string("pool");
  if (pool !== null && pool !== "Pool-0") values.refuse("pool", '"Pool-0", the only CPU pool of this host');
}

function checkType(values: ConfigValues): DomainTypeName {
  const given = values.string("type");
  const builder = values.string("builder");
  const old = builder === null ? null : builder === "generic" ? "pv" : builder;
  const type = given ?? old ?? "pv";
  const key = given === null && builder !== null ? "builder" : "type";
  if (given !== null && old !== null && given !== old)
    values.complain(
      "error",
      `builder is "${builder}" and type is "${given}", which contradict each other`,
      values.setting("builder"),
      "builder",
    );
  else if (type === "hvm")
    values.complain("error", `${key} is "hvm": only "pv" and "pvh" work as yet`, values.setting(key), "type");
  else if (type === "pvh") checkPvh(values);
  else if (type === "native" && key === "type") checkNative(values);
  else if (type !== "pv")
    values.refuse(
      key,
      key === "type" ? '"pv", "pvh" or "native"' : '"generic" (for a PV domain); `type` has replaced this key',
    );
  return type === "pvh" || type === "native" ? type : "pv";
}

/** What a native domain, which Xen has not, can't be. It is a thread of this application's that has backends, and executes no kernel. */
function checkNative(values: ConfigValues): void {
  const refuse = (key: string, why: string): void => {
    const setting = values.setting(key);
    if (setting) values.complain("error", `${key} can't be had by a native domain: ${why}`, setting, key);
  };
  for (const key of ["kernel", "ramdisk", "cmdline", "root", "extra", "bootloader"])
    refuse(key, "it boots nothing, leave it out");
  for (const key of ["vcpus", "maxvcpus"])
    if ((values.integer(key, 0, MAX_VCPUS) ?? 1) > 1) refuse(key, "it has one vCPU, its thread");
  if (values.integer("msr_relaxed", 0, 1) === 1) refuse("msr_relaxed", "it reads no registers");
  if (values.asks("cpuid")) refuse("cpuid", "it executes no code of a processor's");
  for (const key of ["vif", "vfb", "p9", "channel"])
    if ((values.list(key) ?? []).length > 0)
      refuse(key, "it has no frontends; its own disks are the images that it serves to others");
}

/** Of a native domain's own disks, which are the images that it has for others. */
function checkNativeDisks(values: ConfigValues, specs: readonly DeviceSpec[]): void {
  const refuse = (spec: DeviceSpec, why: string): void =>
    values.complain("error", `disk ${spec.back.dev}: ${why}`, values.setting("disk"), "disk");
  for (const spec of specs) {
    if (spec.kind !== "vbd") continue;
    const image = readParams(String(spec.back.params));
    if (!image) refuse(spec, "a native domain's disk is an image, and can't be an empty drive");
    else if (isElsewhere(spec)) refuse(spec, "a native domain has its images itself: leave backend out");
    else if (spec.back.disposable)
      refuse(spec, "what is written would be gone when the domain starts again: leave disposable out");
    else if (image.format !== "raw" && spec.back.mode !== "r")
      refuse(
        spec,
        `format is "${image.format}"; what such an image's tables in memory have would be gone when the domain dies, so it can be raw, or read only (access=ro)`,
      );
  }
}

/** Complains about what a PVH domain can't be here, and says why. */
function checkPvh(values: ConfigValues): void {
  const refuse = (key: string, why: string): void =>
    values.complain("error", `${key} can't be had: ${why}`, values.setting(key), key);
  for (const key of ["apic", "acpi", "hap"])
    if (values.setting(key) && !values.asks(key)) refuse(key, `a PVH domain always has it here: leave ${key} out`);
  for (const key of ["nestedhvm", "altp2m"])
    if (values.asks(key)) refuse(key, "this host's processor has no virtualization for guests");
  if (values.string("tsc_mode") === "always_emulate" || values.string("tsc_mode") === "1")
    refuse("tsc_mode", "the TSC of a PVH domain is the host's here");
}

/** libxl finds the shim among Xen's installed tools. This computer may have none, so the configuration must give its path. */
function shim(values: ConfigValues, type: DomainTypeName): Pick<DomainConfig, "shim"> {
  const isAsked = values.integer("pvshim", 0, 1) === 1;
  const file = values.string("pvshim_path") ?? "";
  const parts = [values.string("pvshim_cmdline") ?? SHIM_CMDLINE, values.string("pvshim_extra")];
  // A PV domain has no use for a shim, and libxl looks at the key for PVH domains only.
  if (type !== "pvh" || !isAsked) return {};
  if (!file)
    values.complain(
      "error",
      "pvshim_path is missing: give the path of Xen's shim, which is boot/xen-shim among the files of Xen's tools (xen-utils)",
      values.setting("pvshim"),
      "pvshim_path",
    );
  return { shim: { path: file, cmdline: parts.filter((part) => part).join(" ") } };
}

function domainName(values: ConfigValues): string {
  const name = values.string("name");
  if (name === null)
    values.complain("error", "name is missing: give the domain's name", values.setting("name"), "name");
  else if (!isDomainName(name)) values.refuse("name", NAME_ALLOWED);
  return name ?? "";
}

/** With a boot loader, `kernel` and `ramdisk` are paths on the disk, and libxl passes them to pygrub. */
function kernelPath(values: ConfigValues, hasBootloader: boolean): string {
  const kernel = values.string("kernel") ?? "";
  const hasDisk = (values.list("disk") ?? []).length > 0;
  if (hasBootloader && !hasDisk)
    values.complain(
      "error",
      "disk is missing: pygrub takes the kernel out of the domain's first disk",
      values.setting("bootloader"),
      "disk",
    );
  // If the boot loader is unknown, that was reported already.
  if (kernel || hasBootloader || values.string("bootloader")) return kernel;
  const how = "give the path of a PV kernel";
  const orDisk = ', or bootloader = "pygrub" to boot what is installed on the disk';
  values.complain("error", `kernel is missing: ${how}${hasDisk ? orDisk : ""}`, values.setting("kernel"), "kernel");
  return kernel;
}

function bootLoader(values: ConfigValues): DomainConfig["bootloader"] {
  const program = values.string("bootloader");
  const given = values.setting("bootloader_args")?.value;
  if (!program) {
    if (given)
      values.complain("warning", "bootloader_args is for a bootloader, and none is given", given, "bootloader_args");
    return null;
  }
  if (path.posix.basename(program) !== "pygrub") {
    values.refuse("bootloader", '"pygrub"; to boot with GRUB itself give its file as `kernel`');
    return null;
  }
  // A string is xl's old form.
  const items = given?.kind === "list" ? given.items : given ? [given] : [];
  const words = items.flatMap((item) => {
    if (item.kind !== "list") return given === item ? item.text.split(/\s+/).filter(Boolean) : [item.text];
    values.complain(
      "error",
      `bootloader_args has ${show(item)} in it; allowed: strings in quotes`,
      item,
      "bootloader_args",
    );
    return [];
  });
  try {
    parsePygrubArguments(words);
  } catch (error) {
    if (!(error instanceof BootError)) throw error;
    values.complain("error", `bootloader_args: ${error.message.replace(/\.$/, "")}`, given ?? null, "bootloader_args");
  }
  return { program, arguments: words };
}

function uuid(values: ConfigValues): string {
  const given = values.string("uuid");
  if (given !== null && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(given))
    values.refuse("uuid", "a UUID as 01234567-89ab-cdef-0123-456789abcdef");
  return (given ?? randomUUID()).toLowerCase();
}

/** 0 is treated as if it were not given. With maxvcpus alone, one vCPU is online. */
function vcpuCounts(values: ConfigValues): { vcpus: number; maxvcpus: number } {
  const count = (key: string): number | null => values.integer(key, 0, MAX_VCPUS) || null;
  const most = count("maxvcpus");
  const vcpus = count("vcpus") ?? 1;
  const maxvcpus = most ?? vcpus;
  if (maxvcpus < vcpus) values.refuse("maxvcpus", `at least vcpus, which is ${vcpus}`);
  return { vcpus, maxvcpus };
}

function commandLine(values: ConfigValues): string {
  const whole = values.string("cmdline");
  const root = values.string("root");
  const extra = values.string("extra");
  if (whole !== null && (root !== null || extra !== null))
    values.complain("warning", "cmdline is given, so root and extra are ignored", values.setting("cmdline"), "cmdline");
  const cmdline = whole ?? [root !== null ? `root=${root}` : null, extra].filter((part) => part !== null).join(" ");
  if (Buffer.byteLength(cmdline) > MAX_CMDLINE) {
    const key = whole !== null ? "cmdline" : "extra";
    values.complain("error", `${key}: the command line is longer than ${MAX_CMDLINE} bytes`, values.setting(key), key);
  }
  return cmdline;
}

/** By its name, or by a number as in xend. */
function tscMode(values: ConfigValues): TscMode {
  const given = values.string("tsc_mode");
  if (given === null) return "default";
  const number = parseNumber(given);
  const mode = number === null ? given : [...TSC_MODES, "native_paravirt"][number];
  if (mode !== undefined && (TSC_MODES as readonly string[]).includes(mode)) {
    if (number !== null)
      values.complain(
        "warning",
        `tsc_mode is ${given}: numbers are old; write "${mode}"`,
        values.setting("tsc_mode"),
        "tsc_mode",
      );
    return mode as TscMode;
  }
  const allowed = TSC_MODES.map((word) => `"${word}"`).join(", ");
  values.refuse("tsc_mode", mode === "native_paravirt" ? `${allowed}; Xen 4.17 has native_paravirt no more` : allowed);
  return "default";
}

/** What a domain may have of the hypervisor's tables, within what this hypervisor allows. */
function limits(values: ConfigValues): CreationLimits {
  return {
    grantFrames: values.integer("max_grant_frames", 1, 64) ?? LIBXL_LIMITS.grantFrames,
    maptrackFrames: values.integer("max_maptrack_frames", 0, 1024) ?? LIBXL_LIMITS.maptrackFrames,
    grantVersion: values.integer("max_grant_version", 1, 2) ?? LIBXL_LIMITS.grantVersion,
    eventChannels: values.integer("max_event_channels", 1, 2 ** 31 - 1) ?? LIBXL_LIMITS.eventChannels,
  };
}

/** A string is for every vCPU. A list has an entry for each vCPU, and vCPUs without an entry may run anywhere. */
function affinity(values: ConfigValues, key: string, maxvcpus: number): number[][] | null {
  const value = values.setting(key)?.value;
  if (!value) return null;
  const read = (item: ConfigValue): number[] => {
    const cpus = item.kind === "list" ? null : parseCpus(item.text);
    if (cpus?.length) return cpus;
    const allowed = 'pCPUs as "0-3,5,^1", "all" or "nodes:0"';
    values.complain(
      "error",
      `${key} is ${show(item)}${cpus ? ", which leaves no pCPU" : ""}; allowed: ${allowed}`,
      item,
      key,
    );
    return [];
  };
  if (value.kind !== "list") {
    const set = value.text === "" ? null : read(value);
    return set && Array.from({ length: maxvcpus }, () => set);
  }
  const sets = value.items.map(read);
  if (sets.length > maxvcpus)
    values.complain("warning", `${key} has ${sets.length} entries for ${maxvcpus} vCPUs`, value, key);
  return sets.length ? sets.slice(0, maxvcpus) : null;
}
