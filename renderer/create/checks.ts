/** Compares what a config asks for with what the host has, while it is typed. The toolstack decides when the domain is created. */
import type { ConfigText } from "../../core/api/config-text.ts";
import type { ImageDescription } from "../../core/api/schema.ts";
import { disksOf } from "./devices.ts";
import type { FieldName, Fields } from "./fields.ts";

export interface Finding {
  severity: "error" | "warning";
  message: string;
  field: FieldName | "disk" | "vif" | "p9" | null;
  /** The line of the text, counted from 1; 0 means none. */
  line: number;
}

export interface HostFacts {
  /** The names of the host's domains. */
  names: ReadonlySet<string>;
  pcpus: number;
  /** null while the number is not known. */
  freeMiB: number | null;
}
export interface GivenFile {
  name: string;
  size: number;
  description: ImageDescription;
}

const MOST_VCPUS = 32;

export function checkAgainstHost(
  config: ConfigText,
  fields: Fields,
  { names, pcpus, freeMiB }: HostFacts,
  given: readonly GivenFile[],
  /** Names of files that the domain has already. */
  known: ReadonlySet<string>,
): Finding[] {
  const { lines } = config;
  const found: Finding[] = [];
  const say = (
    severity: Finding["severity"],
    field: NonNullable<Finding["field"]>,
    key: string,
    message: string,
  ): void => void found.push({ severity, field, message, line: lines.get(key) ?? 0 });
  const file = (name: string): GivenFile | undefined => given.findLast((each) => each.name === name);
  // With a boot loader, these are files on the guest's disk.
  const isOnDisk = fields.bootloader !== "";
  const kernel = isOnDisk ? undefined : file(fields.kernel);
  const ramdisk = isOnDisk ? undefined : file(fields.ramdisk);
  const memory = whole(fields.memory || "32");
  const vcpus = whole(fields.vcpus || "1");
  const highest = `pCPU ${pcpus === 1 ? "0 alone" : `0 to ${pcpus - 1}`}`;

  if (names.has(fields.name))
    say(
      "error",
      "name",
      "name",
      `A domain named ${fields.name} is there already; allowed: a name no other domain has.`,
    );

  if (fields.kernel && !kernel && !isOnDisk && !known.has(fields.kernel))
    say(
      "error",
      "kernel",
      "kernel",
      `${fields.kernel} has not been given; choose that file, or drop it on the window.`,
    );
  else if (kernel && !kernel.description.bootable)
    say("error", "kernel", "kernel", `${kernel.name}: ${kernel.description.reason ?? kernel.description.summary}`);
  if (fields.ramdisk && !ramdisk && !isOnDisk && !known.has(fields.ramdisk))
    say(
      "error",
      "ramdisk",
      "ramdisk",
      `${fields.ramdisk} has not been given; choose that file, or drop it on the window.`,
    );
  else if (ramdisk && !ramdisk.description.ramdisk)
    say("error", "ramdisk", "ramdisk", `${ramdisk.name} is no RAM disk: ${ramdisk.description.summary}.`);

  for (const { value } of disksOf(config))
    if (value?.target && !known.has(value.target) && !/^([\\/]|[a-z]:[\\/])/i.test(value.target))
      say("error", "disk", "disk", `${value.target} is no whole path: choose that file, or drop it on the window.`);

  const files = Math.ceil(((kernel?.size ?? 0) + (ramdisk?.size ?? 0)) / 2 ** 20);
  if (memory !== null && freeMiB !== null && memory > freeMiB)
    say("error", "memory", "memory", `The host has ${freeMiB} MiB free; allowed: 1 to ${freeMiB}.`);
  else if (memory !== null && memory > 0 && memory <= files)
    say("error", "memory", "memory", `Kernel and RAM disk alone are ${files} MiB; allowed: more than that.`);

  if (vcpus !== null && vcpus > pcpus && vcpus <= MOST_VCPUS)
    say(
      "warning",
      "vcpus",
      "vcpus",
      `The host has ${pcpus} ${pcpus === 1 ? "pCPU" : "pCPUs"}: ${vcpus} vCPUs take turns on ${pcpus === 1 ? "it" : "them"}.`,
    );
  for (const { numbers, text } of pinned(fields.cpus)) {
    const absent = numbers.filter((each) => each >= pcpus);
    if (absent.length === 0) continue;
    const none = absent.length === numbers.length;
    say(
      none ? "error" : "warning",
      "cpus",
      "cpus",
      `${text} names pCPU ${absent[0]}; the host has ${highest}${none ? "" : ", the others are left out"}.`,
    );
    break;
  }
  return found;
}

/** Returns a whole number as xl.cfg takes it, or null if the text is not one, which the parser reports. */
function whole(text: string): number | null {
  return /^(0x[0-9a-f]{1,8}|\d{1,9})$/i.test(text) ? Number(text) : null;
}

/** Returns the first and last pCPU that each entry of `cpus` names. Exclusions, and text that is no number, are left to the parser. */
function pinned(cpus: string): { text: string; numbers: number[] }[] {
  const entries = cpus.startsWith("[") ? [...cpus.matchAll(/"([^"]*)"|(\d+)/g)].map(([, a, b]) => a ?? b!) : [cpus];
  return entries.map((text) => ({
    text,
    numbers: text.split(",").flatMap((part) => {
      const match = /^\s*(\d{1,3})(?:-(\d{1,3}))?\s*$/.exec(part);
      return match ? [...new Set([Number(match[1]), Number(match[2] ?? match[1])])] : [];
    }),
  }));
}
