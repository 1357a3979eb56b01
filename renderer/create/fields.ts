/** The dialog's fields as keys of an xl.cfg's text. The text decides; the fields are read from it and written into it. */
import { readConfig, withValue, type ConfigText } from "../../core/api/config-text.ts";

export type FieldName =
  | "name"
  | "type"
  | "bootloader"
  | "kernel"
  | "ramdisk"
  | "cmdline"
  | "memory"
  | "vcpus"
  | "screen"
  | "cpus"
  | "weight"
  | "cap"
  | "onPoweroff"
  | "onReboot"
  | "onCrash";
export type Fields = Record<FieldName, string>;

/** The key that each field sets. */
const KEYS: Record<FieldName, string> = {
  name: "name",
  type: "type",
  bootloader: "bootloader",
  kernel: "kernel",
  ramdisk: "ramdisk",
  cmdline: "cmdline",
  memory: "memory",
  vcpus: "vcpus",
  screen: "vnc",
  cpus: "cpus",
  weight: "cpu_weight",
  cap: "cap",
  onPoweroff: "on_poweroff",
  onReboot: "on_reboot",
  onCrash: "on_crash",
};
/** The values that hold where the text sets none (core/toolstack/xlcfg.ts). */
export const DEFAULTS: Fields = {
  name: "",
  type: "pv",
  bootloader: "",
  kernel: "",
  ramdisk: "",
  cmdline: "",
  memory: "32",
  vcpus: "1",
  screen: "",
  cpus: "all",
  weight: "256",
  cap: "0",
  onPoweroff: "destroy",
  onReboot: "restart",
  onCrash: "destroy",
};
/** Fields whose empty value means something. When another field becomes empty, its key is removed. */
const MAY_BE_EMPTY: FieldName[] = ["name", "kernel", "cmdline"];
const CHOSEN: FieldName[] = ["type", "onPoweroff", "onReboot", "onCrash"];

/** The field in which an xl.cfg key is edited. */
export const FIELD_OF_KEY: Readonly<Record<string, FieldName>> = {
  ...(Object.fromEntries(Object.entries(KEYS).map(([field, key]) => [key, field])) as Record<string, FieldName>),
  builder: "type",
  extra: "cmdline",
  root: "cmdline",
  maxmem: "memory",
  maxvcpus: "vcpus",
  vfb: "screen",
};

export const NEW_CONFIG = `# What a new domain is made of: xl.cfg(5).
name = ""
type = "pv"
kernel = ""
memory = 256
vcpus = 1
`;

/** The type of a domain that is no guest but a thread of the application's, with backends for others. */
export const NATIVE = "native";

/** Whether the text says what is to run, so that a domain can be made of it. */
export function hasContent({ type, kernel, bootloader }: Fields): boolean {
  return type === NATIVE || kernel !== "" || bootloader !== "";
}

/** Reads the fields from the text. A field that the text leaves out is empty, or has its default if it is chosen from a list. */
export function fieldsOf({ values }: ConfigText): Fields {
  const of = (field: FieldName): string => values.get(KEYS[field]) ?? (CHOSEN.includes(field) ? DEFAULTS[field] : "");
  const fields = Object.fromEntries(Object.keys(KEYS).map((field) => [field, of(field as FieldName)])) as Fields;
  const root = values.get("root");
  const parts = [root === undefined ? undefined : `root=${root}`, values.get("extra")];
  return {
    ...fields,
    type: values.get("type") ?? (values.get("builder") === "hvm" ? "hvm" : DEFAULTS.type),
    cmdline: values.get("cmdline") ?? parts.filter((part) => part !== undefined).join(" "),
    vcpus: values.get("vcpus") ?? values.get("maxvcpus") ?? "",
    screen: hasFramebuffer(values) ? OWN_SCREEN : (values.get("vnc") ?? "") === "1" ? "1" : "",
  };
}

/** The field's value when a list of framebuffers says more than the field can show. */
export const OWN_SCREEN = "vfb";

function hasFramebuffer(values: ConfigText["values"]): boolean {
  return /[^\s[\]]/.test(values.get("vfb") ?? "");
}

/** Returns the text with that value in the field. The type has more to it (chosen-type.ts). */
export function withField(text: string, field: Exclude<FieldName, "type">, value: string): string {
  const { values } = readConfig(text);
  const key = KEYS[field];
  if (field === "screen" && value !== OWN_SCREEN) return withValue(withValue(text, "vfb", null), key, value || null);
  if (field === "screen") return text;
  // A kernel that nobody has chosen is replaced by what the boot loader finds on the disk.
  if (field === "bootloader" && value !== "" && !values.get("kernel"))
    return withValue(withValue(text, "kernel", null), key, value);
  if (field === "bootloader" && value === "" && !values.has("kernel"))
    return withValue(withValue(text, key, null), "kernel", "");
  if (field === "cmdline" && !values.has("cmdline")) {
    // `extra` alone is the command line. If there is a `root` too, both are in the field and become one key.
    if (values.has("extra") && !values.has("root")) return withValue(text, "extra", value);
    if (values.has("root")) return withValue(withValue(withValue(text, "extra", null), "root", null), key, value);
  }
  return withValue(text, key, value === "" && !MAY_BE_EMPTY.includes(field) ? null : value);
}
