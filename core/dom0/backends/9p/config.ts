/**
 * Reads shared folders as xl.cfg(5) has them in `p9`, and writes the nodes that libxl writes. `access` is Xenarium's own parameter, named as that of
 * disks is.
 */
import path from "node:path";
import { SpecError, type DeviceKey, type DeviceSpec } from "../../xenbus/kind.ts";
import { readFolder } from "./spec-text.ts";

/** The longest tag that Linux's mount takes. */
const MOST_TAG_BYTES = 255;

export const FOLDERS: DeviceKey = {
  key: "p9",
  parse: parseFolder,
  idOf: (name) => (/^\d{1,4}$/.test(name) ? String(Number(name)) : null),
  within: (spec, folder) => {
    const shared = path.resolve(folder, String(spec.back.path));
    return { ...spec, back: { ...spec.back, path: shared }, folders: [shared] };
  },
};

export function parseFolder(text: string, before: readonly DeviceSpec[]): DeviceSpec {
  const given = readFolder(text);
  const need = (key: string, what: string): string => {
    const value = given.get(key);
    if (value) return value;
    throw new SpecError(`${key} is missing: ${what}`);
  };
  const tag = need("tag", "give the name by which the guest mounts it");
  if (/[/\p{Cc}]/u.test(tag) || Buffer.byteLength(tag) > MOST_TAG_BYTES)
    throw new SpecError(`tag is "${tag}"; allowed: up to ${MOST_TAG_BYTES} bytes without / and control characters`);
  if (before.some(({ front }) => front.tag === tag)) throw new SpecError(`there is another folder with the tag ${tag}`);
  const model = need("security_model", 'allowed: "none"');
  if (model !== "none") throw new SpecError(`security_model is "${model}"; allowed: none`);
  const access = given.get("access") ?? "rw";
  if (!["r", "ro", "w", "rw"].includes(access)) throw new SpecError(`access is "${access}"; allowed: r, ro, w, rw`);
  const shared = need("path", "give the folder of this computer that is to be shared");
  return {
    kind: "9pfs",
    id: freeId(before),
    backend: given.get("backend") || "0",
    front: { tag },
    back: { path: shared, security_model: model, mode: access.startsWith("r") && access !== "rw" ? "r" : "w" },
    files: [],
    folders: [shared],
  };
}

function freeId(before: readonly DeviceSpec[]): string {
  return String(before.length ? Math.max(...before.map(({ id }) => Number(id))) + 1 : 0);
}
