/** Reads disks as in xl-disk-configuration(5), one specification string in all its spellings, and writes the nodes that libxl writes. */
import { randomUUID } from "node:crypto";
import path from "node:path";
import { SpecError, type DeviceKey, type DeviceSpec, type Nodes } from "../../xenbus/kind.ts";
import { IMAGE_FORMATS } from "../../storage/open.ts";
import { readDisk } from "./spec-text.ts";
import { vdevNumber } from "./vdev.ts";

/** Path of the script in a driver domain. */
const BLOCK_SCRIPT = "/etc/xen/scripts/block";

export const DISKS: DeviceKey = {
  key: "disk",
  parse: parseDisk,
  text: diskText,
  idOf: (vdev) => vdevNumber(vdev)?.toString() ?? null,
  within,
};

export function parseDisk(text: string, before: readonly DeviceSpec[]): DeviceSpec {
  const disk = readDisk(text);
  const isCdrom = disk.devtype === "cdrom";
  const number = vdevNumber(disk.vdev);
  if (disk.vdev === "") throw new SpecError("vdev is missing: say which disk of the guest's it is, as xvda");
  if (number === null) throw new SpecError(`vdev is "${disk.vdev}"; allowed: xvda, sda, hda and so on, d0p0, a number`);
  const id = String(number);
  if (before.some((other) => other.id === id)) throw new SpecError(`there is another disk ${disk.vdev}`);
  if (disk.target === "" && !isCdrom) throw new SpecError("target is missing: give the path of an image");
  if (disk.script !== "")
    throw new SpecError(
      `script ${disk.script}: disks that a script of the host sets up do not work here; give an image file`,
    );
  const format = disk.format || "raw";
  if (!(IMAGE_FORMATS as readonly string[]).includes(format))
    throw new SpecError(`format is "${format}"; allowed: ${IMAGE_FORMATS.join(", ")}`);
  const access = disk.access || (isCdrom ? "r" : "rw");
  if (!["r", "ro", "w", "rw"].includes(access)) throw new SpecError(`access is "${access}"; allowed: r, ro, w, rw`);
  const isReadOnly = access.startsWith("r") && access !== "rw";
  if (isCdrom && !isReadOnly) throw new SpecError("a CD-ROM can only be read: leave access out");
  if (disk.disposable && isReadOnly) throw new SpecError("a disk that is only read can't be disposable: leave it out");
  const type = isCdrom ? "cdrom" : "disk";
  return {
    kind: "vbd",
    id,
    backend: disk.backend || "0",
    front: { "virtual-device": id, "device-type": type, trusted: disk.trusted ? 1 : 0 },
    back: {
      params: paramsOf(format, disk.target),
      removable: isCdrom ? 1 : 0,
      bootable: 1,
      dev: disk.vdev,
      type: "qdisk",
      mode: isReadOnly ? "r" : "w",
      "device-type": type,
      "discard-enable": disk.discard ? 1 : 0,
      trusted: disk.trusted ? 1 : 0,
      ...(disk.disposable && { disposable: 1 }),
    },
    files: disk.target === "" || isElsewhere(disk) ? [] : [disk.target],
  };
}

/** Whether the backend is in another domain, so that its image's name is no file here. */
export function isElsewhere({ backend }: { backend: string }): boolean {
  return !["", "0", "Domain-0"].includes(backend);
}

/**
 * A block device of a driver domain: the hotplug script, which `xl devd` runs there, finds the device by `params`. Only a native domain can throw away
 * what is written; what it goes to has a name, by which the thread that takes the place of another finds it.
 */
export function elsewhere({ back }: DeviceSpec, isNative: boolean): Nodes {
  const image = readParams(String(back.params));
  if (back.disposable && !isNative)
    throw new SpecError("a disk of a driver domain that is a guest can't be disposable: leave it out");
  const scratch = back.disposable ? { scratch: randomUUID() } : {};
  if (!image) return { ...back, params: "", type: "phy", script: BLOCK_SCRIPT };
  if (image.format !== "raw")
    throw new SpecError(`format is "${image.format}"; a disk of another domain's is one of its block devices: raw`);
  return { ...back, ...scratch, params: image.target, type: "phy", script: BLOCK_SCRIPT };
}

/** Returns a specification that parseDisk() reads as this one. The path comes last, because it may hold any character there. */
export function diskText({ backend, back }: DeviceSpec): string {
  const image = readParams(String(back.params));
  const isCdrom = back["device-type"] === "cdrom";
  return [
    ...(image ? [`format=${image.format}`] : []),
    `vdev=${back.dev}`,
    `access=${back.mode === "r" ? "ro" : "rw"}`,
    ...(isCdrom ? ["devtype=cdrom"] : []),
    `backend=${backend}`,
    back["discard-enable"] ? "discard" : "no-discard",
    back.trusted ? "trusted" : "untrusted",
    ...(back.disposable ? ["disposable"] : []),
    ...(image ? [`target=${image.target}`] : []),
  ].join(",");
}

/** Returns what libxl writes for qdisk; empty for an empty drive. */
export function paramsOf(format: string, target: string): string {
  return target === "" ? "" : `${format}:${target}`;
}

/** The reverse of paramsOf(); null for an empty drive. Throws SpecError. */
export function readParams(params: string): { format: string; target: string } | null {
  if (params === "") return null;
  const match = /^([a-z0-9]+):(.+)$/s.exec(params);
  if (match) return { format: match[1]!, target: match[2]! };
  throw new SpecError(`params is "${params}"; it must be FORMAT:PATH`);
}

function within(spec: DeviceSpec, folder: string): DeviceSpec {
  const image = readParams(String(spec.back.params));
  if (!image || isElsewhere(spec)) return spec;
  const target = path.resolve(folder, image.target);
  return { ...spec, back: { ...spec.back, params: paramsOf(image.format, target) }, files: [target] };
}
