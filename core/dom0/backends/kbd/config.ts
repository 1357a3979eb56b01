/**
 * Reads keyboards and pointers as xl.cfg(5) has them in `vkb`, and makes the one that comes with each framebuffer; writes the nodes that libxl
 * writes.
 */
import { SpecError, type DeviceKey, type DeviceSpec, type Nodes } from "../../xenbus/kind.ts";

const FEATURES = ["feature-disable-keyboard", "feature-disable-pointer", "feature-abs-pointer", "feature-raw-pointer"];
const TOUCH = ["feature-multi-touch", "multi-touch-width", "multi-touch-height", "multi-touch-num-contacts"];
const WORDS = ["backend", "backend-type", "unique-id"];
const SIZES = ["width", "height"];
const KNOWN: readonly string[] = [...WORDS, ...FEATURES, ...SIZES, ...TOUCH];
/** The end of the pointer's range: what Linux's frontend assumes, and the size of its framebuffer. */
export const POINTER_RANGE = { width: 800, height: 600 };
const MOST_RANGE = 65536;

export const KEYBOARDS: DeviceKey = {
  key: "vkb",
  parse: parseKeyboard,
  remarks: (text) =>
    [...options(text)].some(([key, value]) => TOUCH.includes(key) && value !== "0")
      ? ["multi-touch pads are not there; it is a keyboard and a pointer"]
      : [],
  idOf: (name) => (/^\d{1,4}$/.test(name) ? String(Number(name)) : null),
};

function options(text: string): Map<string, string> {
  const given = new Map<string, string>();
  for (const part of text.split(",").map((each) => each.trim())) {
    if (part === "") continue;
    const at = part.indexOf("=");
    const key = part.slice(0, Math.max(0, at));
    if (!KNOWN.includes(key))
      throw new SpecError(`"${part}" is no parameter of a keyboard; allowed: ${KNOWN.join(", ")}`);
    given.set(key, part.slice(at + 1));
  }
  return given;
}

export function parseKeyboard(text: string, before: readonly DeviceSpec[]): DeviceSpec {
  const given = options(text);
  const type = given.get("backend-type");
  if (type === undefined) throw new SpecError("backend-type is missing; allowed: qemu, linux");
  if (type !== "qemu" && type !== "linux") throw new SpecError(`backend-type is "${type}"; allowed: qemu, linux`);
  const back: Nodes = { "backend-type": type };
  const unique = given.get("unique-id");
  if (unique !== undefined) back["unique-id"] = unique;
  for (const key of FEATURES) {
    const value = number(given, key, 1);
    if (value !== null) back[key] = value;
  }
  for (const key of SIZES) {
    const value = number(given, key, MOST_RANGE);
    if (value) back[key] = value;
  }
  return keyboard(given.get("backend") ?? "0", back, before);
}

/** Makes the keyboard that accompanies a framebuffer. */
export function companionKeyboard({ backend, back }: DeviceSpec, before: readonly DeviceSpec[]): DeviceSpec {
  const { width, height } = back;
  return keyboard(backend, { "backend-type": "qemu", ...(width !== undefined && { width, height }) }, before);
}

/** The features in the backend's directory are there before the guest looks for them, also when the device is attached to a running guest. */
function keyboard(backend: string, back: Nodes, before: readonly DeviceSpec[]): DeviceSpec {
  const own = before.filter(({ kind }) => kind === "vkbd").map(({ id }) => Number(id));
  const { width, height } = POINTER_RANGE;
  return {
    kind: "vkbd",
    id: String(own.length ? Math.max(...own) + 1 : 0),
    backend,
    front: {},
    back: { "feature-abs-pointer": 1, width, height, ...back },
    files: [],
  };
}

function number(given: Map<string, string>, key: string, most: number): number | null {
  const value = given.get(key);
  if (value === undefined) return null;
  if (/^\d{1,9}$/.test(value) && Number(value) <= most) return Number(value);
  throw new SpecError(`${key} is "${value}"; allowed: 0 to ${most}`);
}
