/** Disks as xl-disk-configuration(5) has them: one specification string, in all its spellings, to the nodes that libxl writes. */
import path from "node:path";
import { SpecError, type DeviceKey, type DeviceSpec } from "../../xenbus/kind.ts";
import { IMAGE_FORMATS } from "../../storage/open.ts";
import { vdevNumber } from "./vdev.ts";

interface Disk {
  target: string;
  format: string;
  vdev: string;
  access: string;
  devtype: string;
  backend: string;
  discard: boolean;
  trusted: boolean;
  script: string;
}

/** Positional parameters, in their order. */
const POSITIONS = ["target", "format", "vdev", "access"] as const;
/** Parameters that change nothing here; what they may be. */
const IGNORED: Record<string, RegExp> = {
  backendtype: /^(phy|qdisk|tap)?$/,
  specification: /^(xen)?$/,
};
const DEPRECATED_PREFIX = /^(tapdisk|tap2?|aio|ioemu|file|phy):/;
const FORMAT_PREFIX = /^(raw|qcow2?|vhd|vmdk):/;
const SCRIPT_PREFIX = /^(iscsi|nbd|enbd|drbd):/;

export const DISKS: DeviceKey = {
  key: "disk",
  parse: parseDisk,
  idOf: (vdev) => vdevNumber(vdev)?.toString() ?? null,
  within,
};

export function parseDisk(text: string, before: readonly DeviceSpec[]): DeviceSpec {
  const disk = interpret(text);
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
    },
    files: disk.target === "" ? [] : [disk.target],
  };
}

/** A specification that parseDisk() reads as this one. The path comes last: it may hold any character there. */
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
    ...(image ? [`target=${image.target}`] : []),
  ].join(",");
}

/** As libxl writes it for qdisk; empty for an empty drive. */
export function paramsOf(format: string, target: string): string {
  return target === "" ? "" : `${format}:${target}`;
}

/** The other way; null for an empty drive. Throws SpecError. */
export function readParams(params: string): { format: string; target: string } | null {
  if (params === "") return null;
  const match = /^([a-z0-9]+):(.+)$/s.exec(params);
  if (match) return { format: match[1]!, target: match[2]! };
  throw new SpecError(`params is "${params}"; it must be FORMAT:PATH`);
}

function within(spec: DeviceSpec, folder: string): DeviceSpec {
  const image = readParams(String(spec.back.params));
  if (!image) return spec;
  const target = path.resolve(folder, image.target);
  return { ...spec, back: { ...spec.back, params: paramsOf(image.format, target) }, files: [target] };
}

function interpret(text: string): Disk {
  const disk: Disk = {
    target: "",
    format: "",
    vdev: "",
    access: "",
    devtype: "",
    backend: "",
    discard: true,
    trusted: true,
    script: "",
  };
  const given = new Set<string>();
  const set = (name: keyof Disk & string, value: string): void => {
    if (given.has(name)) throw new SpecError(`${name} is given twice`);
    given.add(name);
    (disk as unknown as Record<string, string>)[name] = value;
  };
  let rest = text.trimStart();
  let isOld = false;
  const stripped = rest.replace(/^((tapdisk|tap2?|aio|ioemu|file|phy|raw|qcow2?|vhd|vmdk|iscsi|nbd|enbd|drbd):)+/, "");
  if (stripped !== rest) {
    isOld = true;
    for (let prefixes = rest.slice(0, rest.length - stripped.length); prefixes !== "";) {
      const [format] = FORMAT_PREFIX.exec(prefixes) ?? [];
      const [script] = SCRIPT_PREFIX.exec(prefixes) ?? [];
      const [other] = DEPRECATED_PREFIX.exec(prefixes) ?? [];
      if (format) set("format", format.slice(0, -1));
      if (script) set("script", `block-${script.slice(0, -1)}`);
      prefixes = prefixes.slice((format ?? script ?? other)!.length);
    }
    rest = stripped;
  } else if (/^,[^,:=]+:cdrom\b/.test(rest)) {
    isOld = true;
  }
  for (let position = 0, more = rest !== ""; more;) {
    const named = /^target=(.*)$/s.exec(rest);
    if (named) {
      if (given.has("target") && disk.target !== "") throw new SpecError("target is given twice");
      disk.target = named[1]!;
      break;
    }
    const comma = rest.indexOf(",");
    const part = (comma < 0 ? rest : rest.slice(0, comma)).trimEnd();
    more = comma >= 0;
    rest = more ? rest.slice(comma + 1).trimStart() : "";
    const pair = /^([a-z][a-z0-9_-]*)=(.*)$/s.exec(part);
    if (pair) parameter(pair[1]!, pair[2]!, set);
    else if (!flag(part, disk, set)) {
      while (
        position < POSITIONS.length &&
        (given.has(POSITIONS[position]!) || (isOld && POSITIONS[position] === "format"))
      )
        position++;
      const name = POSITIONS[position];
      if (name === undefined) throw new SpecError(`"${part}" is one parameter too many`);
      const [value, devtype] = isOld && name === "vdev" ? part.split(":") : [part];
      set(name, value!);
      if (devtype !== undefined) parameter("devtype", devtype, set);
    }
  }
  return disk;
}

function parameter(name: string, value: string, set: (name: keyof Disk, value: string) => void): void {
  switch (name) {
    case "format":
    case "vdev":
    case "access":
    case "backend":
    case "script":
      return set(name, value);
    case "devtype":
      if (!["", "cdrom", "disk"].includes(value)) throw new SpecError(`devtype is "${value}"; allowed: cdrom`);
      return set("devtype", value === "disk" ? "" : value);
  }
  const allowed = IGNORED[name];
  if (!allowed) throw new SpecError(`"${name}" is no parameter of a disk`);
  if (!allowed.test(value)) throw new SpecError(`${name}=${value} does not work here: leave it out`);
}

function flag(word: string, disk: Disk, set: (name: keyof Disk, value: string) => void): boolean {
  switch (word) {
    case "cdrom":
      set("devtype", "cdrom");
      return true;
    case "discard":
    case "no-discard":
      disk.discard = word === "discard";
      return true;
    case "trusted":
    case "untrusted":
      disk.trusted = word === "trusted";
      return true;
    case "direct-io-safe":
      return true;
    case "colo":
      throw new SpecError("COLO does not work here: leave it out");
  }
  return false;
}
