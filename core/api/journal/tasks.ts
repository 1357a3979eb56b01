/** Says which requests are tasks, and what they are called. */
import { vdevName, vdevNumber } from "../../dom0/backends/blk/vdev.ts";
import { isForkName } from "../fork-names.ts";
import type { RequestName } from "../schema.ts";
import type { IsName, Making } from "./asked.ts";

/** Names of what a request is about. */
export interface Names {
  domain(domid: unknown): string;
  kept(uuid: unknown): string;
}
type Title = (args: Record<string, unknown>, names: Names) => string;

/** Returns the name that an xl.cfg gives; null where there is none that can be found easily. */
export function configuredName(config: unknown): string | null {
  return /^\s*name\s*=\s*["']([^"'\n]{1,128})/m.exec(String(config))?.[1] ?? null;
}
/** Of the domains that a request makes or is about, where they can be known; null: of any. */
export function namesOf(request: RequestName, args: Record<string, unknown>, names: Names): IsName | null {
  const one = (name: string | null): IsName | null => (name === null ? null : (each) => each === name);
  if (request === "create") return one(configuredName(args.config));
  if (request === "snapshotClone") return one(String(args.name));
  const name = typeof args.uuid === "string" ? names.kept(args.uuid) : null;
  if (request === "domainFork" && name !== null) return (each) => each === name || isForkName(each, name);
  return one(name);
}
/**
 * Returns how the event of a domain is told that a request makes besides those that are simply created or restored; null for what makes none. The
 * returned function gives null for a domain that was there before.
 */
export function makingOf(request: RequestName, args: Record<string, unknown>, names: Names): Making | null {
  if (typeof args.uuid !== "string") return null;
  const from = names.kept(args.uuid);
  if (request === "domainFork") return (name) => (name === from ? null : `${name} was forked from ${from}`);
  if (request === "snapshotClone") return (name) => `${name} was made from a snapshot of ${from}`;
  if (request === "snapshotRevert") return (name) => `${name} went back to a snapshot`;
  return null;
}
/** What devices are called, by the key of their list in xl.cfg. */
const KINDS: Record<string, string> = {
  vif: "network interface",
  vfb: "screen",
  vkb: "keyboard",
  p9: "shared folder",
};
const kindOf = (key: unknown): string => KINDS[String(key)] ?? String(key);

/** Returns the name of a disk, which may be told by its number in xenstore, as its guest and the window call it; of others their kind and number. */
function deviceOf(key: unknown, device: unknown): string {
  if (key !== "disk") return `${kindOf(key)} ${String(device)}`;
  const number = vdevNumber(String(device));
  return `disk ${(number !== null && vdevName(number)) || String(device)}`;
}
const ofFile = (file: unknown): string => String(file).split(/[\\/]/).at(-1)!;

/** Requests that do something worth reporting. */
export const TASKS: Partial<Record<RequestName, Title>> = {
  hostPowerOn: () => "Power the host on",
  hostPowerOff: () => "Power the host off",
  hostReboot: () => "Reboot the host",
  create: ({ config }) => `Create ${configuredName(config) ?? "a domain"}`,
  createBundled: () => "Start the bundled guest",
  save: ({ domid }, names) => `Save ${names.domain(domid)}`,
  saveAll: () => "Save all domains that run",
  dumpCore: ({ domid }, names) => `Dump the memory of ${names.domain(domid)}`,
  restore: ({ uuid, file }, names) => `Restore ${uuid === undefined ? ofFile(file) : names.kept(uuid)}`,
  savedDiscard: ({ uuid }, names) => `Discard what is saved of ${names.kept(uuid)}`,
  keptStart: ({ uuid }, names) => `Start ${names.kept(uuid)}`,
  keptEdit: ({ uuid }, names) => `Edit the configuration of ${names.kept(uuid)}`,
  keptRename: ({ uuid, name: to }, names) => `Rename ${names.kept(uuid)} to ${String(to)}`,
  keptSettings: ({ uuid }, names) => `Change when ${names.kept(uuid)} starts`,
  keptDelete: ({ uuid }, names) => `Delete ${names.kept(uuid)}`,
  binRestore: () => "Restore a domain from the bin",
  binPurge: ({ id }) => (id === undefined ? "Empty the bin" : "Remove a domain from the bin for good"),
  snapshotTake: ({ name }) => `Take the snapshot ${String(name)}`,
  snapshotRevert: () => "Go back to a snapshot",
  snapshotDelete: () => "Delete a snapshot",
  snapshotRestore: () => "Put a snapshot back from the bin",
  snapshotPurge: ({ snapshot }) =>
    snapshot === undefined ? "Empty the bin of snapshots" : "Remove a snapshot from the bin for good",
  snapshotMerge: () => "Merge the disks of deleted snapshots",
  domainFork: ({ uuid, copies }, names) =>
    `Fork ${names.kept(uuid)}: ${copies === 1 ? "one copy" : `${String(copies)} copies`}`,
  snapshotClone: ({ name }) => `Make ${String(name)} from a snapshot`,
  shutdown: ({ domid, reason }, names) =>
    `Ask ${names.domain(domid)} to ${reason === "poweroff" ? "power off" : String(reason)}`,
  pause: ({ domid }, names) => `Pause ${names.domain(domid)}`,
  unpause: ({ domid }, names) => `Unpause ${names.domain(domid)}`,
  destroy: ({ domid }, names) => `Destroy ${names.domain(domid)}`,
  rename: ({ domid, name: to }, names) => `Rename ${names.domain(domid)} to ${String(to)}`,
  setScheduler: ({ domid }, names) => `Set weight and cap of ${names.domain(domid)}`,
  setAffinity: ({ domid, vcpu, cpus }, names) =>
    `Let vCPU ${String(vcpu)} of ${names.domain(domid)} run on ${cpus === "all" ? "all pCPUs" : `pCPU ${String(cpus)}`}`,
  setVcpus: ({ domid, vcpus }, names) => `Set ${names.domain(domid)} to ${String(vcpus)} vCPUs`,
  setMemory: ({ domid, memoryMiB }, names) =>
    `Set the memory target of ${names.domain(domid)} to ${String(memoryMiB)} MiB`,
  deviceAttach: ({ domid, key }, names) => `Attach a ${kindOf(key)} to ${names.domain(domid)}`,
  deviceDetach: ({ domid, device, key }, names) => `Detach ${deviceOf(key, device)} from ${names.domain(domid)}`,
  mediumInsert: ({ domid }, names) => `Change the medium in a drive of ${names.domain(domid)}`,
  diskResize: ({ domid, device }, names) => `Make ${deviceOf("disk", device)} of ${names.domain(domid)} larger`,
  keptKernelRemove: ({ name }) => `Delete the kernel or RAM disk ${String(name)}`,
  kernelRestore: () => "Put a kernel or RAM disk back from the bin",
  kernelPurge: ({ id }) =>
    id === undefined ? "Empty the bin of kernels and RAM disks" : "Remove a kernel or RAM disk from the bin for good",
  imageCreate: ({ name }) => `Create the disk image ${String(name)}`,
  imageGrow: ({ path }) => `Make the disk image ${ofFile(path)} larger`,
  diskRemove: ({ name }) => `Delete the disk image ${String(name)}`,
  imageRestore: () => "Restore a disk image from the bin",
  imagePurge: ({ id }) =>
    id === undefined ? "Empty the bin of disk images" : "Remove a disk image from the bin for good",
  networkCreate: ({ name }) => `Make the network ${String(name)}`,
  networkRemove: ({ name }) => `Remove the network ${String(name)}`,
  networkMode: ({ name, mode }) => `${mode === "nat" ? "Open" : "Close"} the way out of ${String(name)}`,
  networkForward: ({ network }) => `Forward a port to ${String(network)}`,
  networkUnforward: ({ network, hostPort }) => `Forward port ${String(hostPort)} to ${String(network)} no more`,
  networkCapture: ({ network, port }) => `Capture the traffic of ${String(port ?? network)}`,
  captureRemove: ({ name }) => `Delete the capture ${String(name)}`,
  captureRestore: () => "Put a capture back from the bin",
  capturePurge: ({ id }) => (id === undefined ? "Empty the bin of captures" : "Remove a capture from the bin for good"),
  takeHostKernel: ({ release }) => `Read kernel ${String(release)}`,
  xenstoreWrite: ({ path }) => `Write ${String(path)}`,
  xenstoreMkdir: ({ path }) => `Make ${String(path)}`,
  xenstoreRemove: ({ path }) => `Remove ${String(path)}`,
  xenstoreSetPermissions: ({ path }) => `Set permissions of ${String(path)}`,
};
