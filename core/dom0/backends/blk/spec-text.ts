/**
 * The words of a disk's specification, xl-disk-configuration(5): which parameter each is, in all spellings. config.ts decides which values are
 * allowed. Nothing here needs Node, because the window's fields read and write specifications too.
 */
import { SpecError } from "../../xenbus/kind.ts";

export interface Disk {
  target: string;
  format: string;
  vdev: string;
  access: string;
  devtype: string;
  backend: string;
  discard: boolean;
  trusted: boolean;
  script: string;
  /** Xenarium's own parameter: what is written is thrown away in the end. */
  disposable: boolean;
}

/** Positional parameters, in their order. */
const POSITIONS = ["target", "format", "vdev", "access"] as const;
/** Parameters that change nothing here, and the values that they may have. */
const IGNORED: Record<string, RegExp> = {
  backendtype: /^(phy|qdisk|tap)?$/,
  specification: /^(xen)?$/,
};
const DEPRECATED_PREFIX = /^(tapdisk|tap2?|aio|ioemu|file|phy):/;
const FORMAT_PREFIX = /^(raw|qcow2?|vhd|vmdk):/;
const SCRIPT_PREFIX = /^(iscsi|nbd|enbd|drbd):/;

/** Throws SpecError for an unknown parameter. */
export function readDisk(text: string): Disk {
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
    disposable: false,
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
    rest = comma >= 0 ? rest.slice(comma + 1).trimStart() : "";
    // A comma ends what stands before it, as in xl: nothing more need follow.
    more = rest !== "";
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
    case "disposable":
      disk.disposable = true;
      return true;
    case "colo":
      throw new SpecError("COLO does not work here: leave it out");
  }
  return false;
}

/** Returns a specification that readDisk() reads as this one, in the shortest usual form. A path with a comma comes last. */
export function writeDisk(disk: Disk): string {
  const { target, format, vdev, access, devtype, backend, discard, trusted, script, disposable } = disk;
  const flags = [
    ...(devtype === "cdrom" ? ["cdrom"] : []),
    ...(disposable ? ["disposable"] : []),
    ...(discard ? [] : ["no-discard"]),
    ...(trusted ? [] : ["untrusted"]),
    ...(backend ? [`backend=${backend}`] : []),
    ...(script ? [`script=${script}`] : []),
  ];
  const isPlain = !/[,\s]|^[^/]*[:=]/.test(target) && target !== "";
  if (isPlain) return [target, format, vdev, access, ...flags].join(",").replace(/,+$/, "");
  const named = Object.entries({ format, vdev, access }).flatMap(([name, value]) =>
    value ? [`${name}=${value}`] : [],
  );
  return [...named, ...flags, ...(target === "" ? [] : [`target=${target}`])].join(",");
}
