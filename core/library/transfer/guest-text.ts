/** Writes the xl.cfg for a machine of another hypervisor; it boots from its first disk. */
import { writeDisk } from "../../dom0/backends/blk/spec-text.ts";
import { writeVif } from "../../dom0/backends/net/spec-text.ts";
import { withItem, withValue } from "../../toolstack/config-text.ts";
import { MAX_MEMORY_MIB, MAX_VCPUS } from "../../toolstack/xlcfg.ts";
import { namedDisks, type NamedDisk } from "./config.ts";

export interface ForeignMachine {
  readonly name: string;
  readonly memoryMiB: number;
  readonly vcpus: number;
  readonly cmdline: string;
  readonly disks: readonly { readonly vdev: string; readonly isReadOnly: boolean }[];
  readonly networks: number;
}

const MOST_NETWORKS = 8;

export function machineText(machine: ForeignMachine): { config: string; disks: NamedDisk[] } {
  const { memoryMiB, vcpus, cmdline, disks, networks } = machine;
  let text = "# Imported from another hypervisor.\n";
  const set = (key: string, value: string): void => void (text = withValue(text, key, value));
  set("name", "imported");
  set("bootloader", "pygrub");
  if (cmdline) set("cmdline", cmdline);
  set("memory", String(Math.min(MAX_MEMORY_MIB, Math.max(16, Math.round(memoryMiB)))));
  set("vcpus", String(Math.min(MAX_VCPUS, Math.max(1, Math.round(vcpus)))));
  disks.forEach(({ vdev, isReadOnly }, i) => {
    const disk = {
      ...{ target: `disk-${i}`, format: "qcow2", vdev, access: isReadOnly ? "ro" : "rw", devtype: "" },
      ...{ backend: "", discard: true, trusted: true, script: "", disposable: false },
    };
    text = withItem(text, "disk", i, writeDisk(disk));
  });
  for (let i = 0; i < Math.min(networks, MOST_NETWORKS); i++)
    text = withItem(text, "vif", i, writeVif(new Map([["bridge", "xenbr0"]])));
  return { config: text, disks: namedDisks(text) };
}

/** Sentences about what it asks for and gets less of. */
export function lessThanWanted({ memoryMiB, vcpus }: Pick<ForeignMachine, "memoryMiB" | "vcpus">): string[] {
  return [
    ...(memoryMiB > MAX_MEMORY_MIB
      ? [
          `It asks for ${Math.round(memoryMiB)} MiB of memory and gets ${MAX_MEMORY_MIB}, the most that a PV domain can have here.`,
        ]
      : []),
    ...(vcpus > MAX_VCPUS ? [`It asks for ${vcpus} vCPUs and gets ${MAX_VCPUS}.`] : []),
  ];
}

export const vdevOf = (i: number): string => `xvd${String.fromCharCode(97 + i)}`;

export const OTHER_MACHINE =
  "It was made for another hypervisor: here it boots as a PV domain, if the kernel on its first disk has Xen's PV support.";
