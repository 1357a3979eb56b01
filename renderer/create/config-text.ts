/** The dialog's fields as the text of an xl.cfg, and back. */
import type { DomainConfig, ShutdownAction } from "../../core/api/schema.ts";

export interface Fields {
  name: string;
  kernel: string;
  ramdisk: string;
  cmdline: string;
  memory: string;
  vcpus: string;
  weight: string;
  cap: string;
  onPoweroff: ShutdownAction;
  onReboot: ShutdownAction;
  onCrash: ShutdownAction;
}

export const EMPTY: Fields = {
  name: "",
  kernel: "",
  ramdisk: "",
  cmdline: "",
  memory: "256",
  vcpus: "1",
  weight: "256",
  cap: "0",
  onPoweroff: "destroy",
  onReboot: "restart",
  onCrash: "destroy",
};

export function fieldsOf(config: DomainConfig): Fields {
  return {
    name: config.name,
    kernel: config.kernel,
    ramdisk: config.ramdisk ?? "",
    cmdline: config.cmdline,
    memory: String(config.memoryMiB),
    vcpus: String(config.vcpus),
    weight: String(config.cpuWeight),
    cap: String(config.cap),
    onPoweroff: config.onPoweroff,
    onReboot: config.onReboot,
    onCrash: config.onCrash,
  };
}

/** xl.cfg's strings have backslash escapes. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replace(/[\r\n]+/g, " ")}"`;
}

export function configOf(fields: Fields): string {
  const lines = [
    `name = ${quoted(fields.name)}`,
    `kernel = ${quoted(fields.kernel)}`,
    ...(fields.ramdisk ? [`ramdisk = ${quoted(fields.ramdisk)}`] : []),
    ...(fields.cmdline ? [`cmdline = ${quoted(fields.cmdline)}`] : []),
    `memory = ${number(fields.memory)}`,
    `vcpus = ${number(fields.vcpus)}`,
    `cpu_weight = ${number(fields.weight)}`,
    `cap = ${number(fields.cap)}`,
    `on_poweroff = ${quoted(fields.onPoweroff)}`,
    `on_reboot = ${quoted(fields.onReboot)}`,
    `on_crash = ${quoted(fields.onCrash)}`,
  ];
  return `${lines.join("\n")}\n`;
}

/** What is no number is given to the parser as text: its sentence says what is allowed. */
function number(text: string): string {
  return /^\d+$/.test(text.trim()) ? text.trim() : quoted(text);
}

/** The field that an xl.cfg key is edited in. */
export const FIELD_OF_KEY: Record<string, keyof Fields> = {
  name: "name",
  kernel: "kernel",
  ramdisk: "ramdisk",
  cmdline: "cmdline",
  extra: "cmdline",
  root: "cmdline",
  memory: "memory",
  maxmem: "memory",
  vcpus: "vcpus",
  maxvcpus: "vcpus",
  cpu_weight: "weight",
  cap: "cap",
  on_poweroff: "onPoweroff",
  on_reboot: "onReboot",
  on_crash: "onCrash",
};
