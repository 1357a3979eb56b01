/** What the settings of an xl.cfg mean: the keys of xl.cfg(5) that this toolstack acts on, their checks and defaults. */
import { randomUUID } from "node:crypto";
import {
  SHUTDOWN_ACTIONS,
  TSC_MODES,
  type ConfigDiagnostic,
  type DomainConfig,
  type ParsedConfig,
  type ShutdownAction,
  type TscMode,
} from "./messages.ts";
import { parseSyntax, type ConfigValue, type Setting } from "./xlcfg-syntax.ts";

export const MAX_VCPUS = 32;
export const MAX_PCPU = 31;
const MAX_MEMORY_MIB = 3584;
const MAX_CMDLINE = 1023;

/** Keys of xl.cfg(5) that come with a later version: said so when they ask for something. */
const LATER: Record<string, string> = {
  vif: "network interfaces",
  disk: "disks",
  bootloader: "boot loaders that run in dom0",
  bootloader_args: "boot loaders that run in dom0",
  vfb: "virtual framebuffers",
  p9: "9p file systems",
  pvcalls: "PV Calls",
  channel: "channels",
  vtpm: "virtual TPMs",
  usbctrl: "USB controllers",
  usbdev: "USB devices",
  pci: "PCI passthrough",
  vsnd: "sound",
  vkb: "virtual keyboards",
  vdispl: "virtual displays",
  pool: "CPU pools",
  driver_domain: "driver domains",
};
/** Keys that are right and change nothing here. */
const HARMLESS = [
  "localtime",
  "rtc_timeoffset",
  "autoballoon",
  "extra_info",
  "device_model_version",
  "gfx_passthru",
  "serial",
  "vnc",
  "sdl",
  "boot",
];

interface Context {
  readonly settings: ReadonlyMap<string, Setting>;
  readonly diagnostics: ConfigDiagnostic[];
}

function complain(
  context: Context,
  severity: "error" | "warning",
  message: string,
  at: Setting | ConfigValue | null,
  key: string | null,
): void {
  const line = at?.line ?? 0;
  const where = line ? `line ${line}: ` : "";
  context.diagnostics.push({ severity, message: `${where}${message}`, key, line, column: at?.column ?? 0 });
}

const show = (value: ConfigValue): string => (value.kind === "list" ? "a list" : JSON.stringify(value.text));

/** Checks an xl.cfg. `overrides` replace or add keys (the command line's), as already-parsed values. */
export function parseXlConfig(text: string, overrides: Record<string, string | number> = {}): ParsedConfig {
  const { settings: list, problems } = parseSyntax(text);
  const diagnostics: ConfigDiagnostic[] = problems.map((problem) => ({
    severity: "error" as const,
    message: `line ${problem.line}, column ${problem.column}: ${problem.message}`,
    key: null,
    line: problem.line,
    column: problem.column,
  }));
  const settings = new Map<string, Setting>();
  const context: Context = { settings, diagnostics };
  for (const setting of list) addSetting(settings, setting, context);
  for (const [key, value] of Object.entries(overrides)) {
    const kind = typeof value === "number" ? "number" : "string";
    settings.set(key, {
      key,
      append: false,
      line: 0,
      column: 0,
      value: { kind, text: String(value), line: 0, column: 0 },
    });
  }
  const config = interpret(context);
  const failed = diagnostics.some(({ severity }) => severity === "error");
  return { config: failed ? null : config, diagnostics };
}

function addSetting(settings: Map<string, Setting>, setting: Setting, context: Context): void {
  const before = settings.get(setting.key);
  if (!setting.append || !before) {
    settings.set(setting.key, setting);
    return;
  }
  const { value: first } = before;
  const { value: second } = setting;
  if (first.kind === "list" && second.kind === "list")
    settings.set(setting.key, { ...setting, value: { ...second, items: [...first.items, ...second.items] } });
  else if (first.kind !== "list" && second.kind !== "list")
    settings.set(setting.key, { ...setting, value: { ...second, kind: "string", text: first.text + second.text } });
  else complain(context, "error", `${setting.key} += mixes a list and a string`, setting, setting.key);
}

const KNOWN = new Set([
  ...[
    "name",
    "type",
    "builder",
    "kernel",
    "ramdisk",
    "cmdline",
    "root",
    "extra",
    "memory",
    "maxmem",
    "vcpus",
    "maxvcpus",
  ],
  ...[
    "cpus",
    "cpus_soft",
    "cpu_weight",
    "cap",
    "tsc_mode",
    "msr_relaxed",
    "on_poweroff",
    "on_reboot",
    "on_watchdog",
    "on_crash",
    "on_soft_reset",
    "uuid",
  ],
]);

function interpret(context: Context): DomainConfig {
  for (const setting of context.settings.values()) {
    const { key, value } = setting;
    if (KNOWN.has(key) || HARMLESS.includes(key)) continue;
    const later = LATER[key];
    if (!later) {
      complain(context, "warning", `${key} is not a key that is known here; it is ignored`, setting, key);
    } else if (value.kind !== "list" || value.items.length > 0) {
      complain(
        context,
        "warning",
        `${key}: ${later} come with a later version; the domain starts without`,
        setting,
        key,
      );
    }
  }
  const type = string(context, "type") ?? legacyType(context) ?? "pv";
  if (!["pv", "pvh", "hvm"].includes(type)) wrong(context, "type", '"pv"');
  else if (type !== "pv")
    complain(
      context,
      "error",
      `type is "${type}": only "pv" works as yet`,
      context.settings.get("type") ?? null,
      "type",
    );

  const kernel = string(context, "kernel") ?? "";
  if (!kernel) required(context, "kernel", "the path of a PV kernel");
  const name = string(context, "name") ?? "";
  if (!name) required(context, "name", "the domain's name");
  else if (!/^[A-Za-z0-9_.+:@-]{1,80}$/.test(name) || /^\d+$/.test(name))
    wrong(context, "name", "up to 80 letters, digits and -_.+:@, not digits alone");
  const uuidText = string(context, "uuid");
  if (uuidText !== null && !/^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i.test(uuidText))
    wrong(context, "uuid", "a UUID as 01234567-89ab-cdef-0123-456789abcdef");
  const plain = (uuidText ?? randomUUID()).toLowerCase().replaceAll("-", "");
  const uuid = plain.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");

  const memoryMiB = integer(context, "memory", 1, MAX_MEMORY_MIB, "MiB") ?? 128;
  const maxmemMiB = integer(context, "maxmem", 1, MAX_MEMORY_MIB, "MiB") ?? memoryMiB;
  if (maxmemMiB < memoryMiB) wrong(context, "maxmem", `at least memory, which is ${memoryMiB}`);
  const maxGiven = integer(context, "maxvcpus", 1, MAX_VCPUS);
  const vcpus = integer(context, "vcpus", 1, MAX_VCPUS) ?? maxGiven ?? 1;
  const maxvcpus = maxGiven ?? vcpus;
  if (maxvcpus < vcpus) wrong(context, "maxvcpus", `at least vcpus, which is ${vcpus}`);
  const action = (key: string, fallback: ShutdownAction): ShutdownAction => {
    const value = string(context, key);
    if (value === null) return fallback;
    if ((SHUTDOWN_ACTIONS as readonly string[]).includes(value)) return value as ShutdownAction;
    wrong(context, key, SHUTDOWN_ACTIONS.map((word) => `"${word}"`).join(", "));
    return fallback;
  };
  return {
    name,
    type: "pv",
    uuid,
    kernel,
    ramdisk: string(context, "ramdisk") || null,
    cmdline: commandLine(context),
    memoryMiB,
    maxmemMiB,
    vcpus,
    maxvcpus,
    cpus: affinity(context, maxvcpus),
    cpuWeight: integer(context, "cpu_weight", 1, 65535) ?? 256,
    cap: integer(context, "cap", 0, 100 * MAX_VCPUS, "percent of one pCPU") ?? 0,
    tscMode: tscMode(context),
    msrRelaxed: integer(context, "msr_relaxed", 0, 1) === 1,
    onPoweroff: action("on_poweroff", "destroy"),
    onReboot: action("on_reboot", "restart"),
    onCrash: action("on_crash", "destroy"),
  };
}

function legacyType(context: Context): string | null {
  const builder = string(context, "builder");
  if (builder === null) return null;
  if (builder === "generic") return "pv";
  if (builder === "hvm") return "hvm";
  wrong(context, "builder", '"generic" (for a PV domain); `type` has replaced this key');
  return null;
}

function required(context: Context, key: string, what: string): void {
  const setting = context.settings.get(key);
  if (!setting) complain(context, "error", `${key} is missing: give ${what}`, null, key);
  else if (setting.value.kind !== "list") wrong(context, key, what);
}

function wrong(context: Context, key: string, allowed: string): void {
  const setting = context.settings.get(key);
  const value = setting ? show(setting.value) : "missing";
  complain(context, "error", `${key} is ${value}; allowed: ${allowed}`, setting ?? null, key);
}

function string(context: Context, key: string): string | null {
  const value = context.settings.get(key)?.value;
  if (!value) return null;
  if (value.kind !== "list") return value.text;
  wrong(context, key, "a string in quotes");
  return null;
}

/** A number, or a string holding one, as xl takes them. */
function integer(context: Context, key: string, min: number, max: number, unit = ""): number | null {
  const value = context.settings.get(key)?.value;
  if (!value) return null;
  const number = value.kind !== "list" && /^-?(0x[0-9a-f]+|\d+)$/i.test(value.text) ? parseNumber(value.text) : NaN;
  if (number >= min && number <= max) return number;
  wrong(context, key, `a whole number from ${min} to ${max}${unit ? ` (${unit})` : ""}`);
  return null;
}

function parseNumber(text: string): number {
  return text.startsWith("-") ? -Number(text.slice(1)) : Number(text);
}

function commandLine(context: Context): string {
  const whole = string(context, "cmdline");
  const root = string(context, "root");
  const extra = string(context, "extra");
  if (whole !== null && (root !== null || extra !== null))
    complain(
      context,
      "warning",
      "cmdline is given, so root and extra are ignored",
      context.settings.get("cmdline")!,
      "cmdline",
    );
  const cmdline = whole ?? [root !== null ? `root=${root}` : null, extra].filter((part) => part !== null).join(" ");
  if (Buffer.byteLength(cmdline) > MAX_CMDLINE) {
    const key = whole !== null ? "cmdline" : "extra";
    const setting = context.settings.get(key) ?? null;
    complain(context, "error", `${key}: the command line is longer than ${MAX_CMDLINE} bytes`, setting, key);
  }
  return cmdline;
}

function tscMode(context: Context): TscMode {
  const value = string(context, "tsc_mode") ?? "default";
  if ((TSC_MODES as readonly string[]).includes(value)) return value as TscMode;
  const allowed = TSC_MODES.map((word) => `"${word}"`).join(", ");
  wrong(
    context,
    "tsc_mode",
    value === "native_paravirt" ? `${allowed}; Xen 4.17 has native_paravirt no more` : allowed,
  );
  return "default";
}

/** `cpus`: "0-3,^1", "all", or a list with one such entry per vCPU. */
function affinity(context: Context, maxvcpus: number): number[][] | null {
  const value = context.settings.get("cpus")?.value;
  if (!value) return null;
  const items = value.kind === "list" ? value.items : [value];
  const sets: number[][] = [];
  for (const item of items) {
    const set = item.kind === "list" ? null : parseCpus(item.text);
    if (!set) {
      complain(
        context,
        "error",
        `cpus is ${show(item)}; allowed: pCPU numbers from 0 to ${MAX_PCPU} as "0-3,^1", or "all"`,
        item,
        "cpus",
      );
      return null;
    }
    sets.push(set);
  }
  if (sets.length > maxvcpus && value.kind === "list")
    complain(context, "warning", `cpus has ${sets.length} entries for ${maxvcpus} vCPUs`, value, "cpus");
  // A list of single numbers pins vCPU 0 to the first and so on; a string is for all.
  return sets.length ? sets : null;
}

/** pCPU numbers of "0-3,^1"; every one for "all". null when it is none of this. */
export function parseCpus(text: string): number[] | null {
  const chosen = new Set<number>();
  for (const part of text.split(",").map((word) => word.trim())) {
    if (part === "all") {
      for (let cpu = 0; cpu <= MAX_PCPU; cpu++) chosen.add(cpu);
      continue;
    }
    const match = /^(\^?)(\d{1,3})(?:-(\d{1,3}))?$/.exec(part);
    if (!match) return null;
    const from = Number(match[2]);
    const to = match[3] === undefined ? from : Number(match[3]);
    if (to < from || to > MAX_PCPU) return null;
    for (let cpu = from; cpu <= to; cpu++) {
      if (match[1]) chosen.delete(cpu);
      else chosen.add(cpu);
    }
  }
  return chosen.size ? [...chosen].sort((a, b) => a - b) : null;
}
