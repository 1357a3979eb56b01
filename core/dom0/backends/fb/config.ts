/**
 * Reads framebuffers as in xl.cfg(5), from a string of `vfb` or from the top-level keys `vnc` and its relatives, and writes the nodes that libxl
 * writes.
 */
import { isIP } from "node:net";
import { MOST_PIXELS, MOST_SIDE } from "../../display/surface.ts";
import { PASSWORD_BYTES } from "../../display/vnc/authentication.ts";
import { FIRST_PORT, type VncOptions } from "../../display/vnc/server.ts";
import { SpecError, type BackendContext, type DeviceKey, type DeviceSpec } from "../../xenbus/kind.ts";
import { companionKeyboard } from "../kbd/config.ts";
import { MOST_BYTES } from "./protocol.ts";

const LOOPBACK = "127.0.0.1";
const MOST_DISPLAY = 65535 - FIRST_PORT;
const MOST_VIDEORAM_MIB = MOST_BYTES >> 20;

/** The parameters of xl, and then those that Linux's frontend reads from its backend and for which xl has no parameter. */
const KEYS = [
  "vnc",
  "vnclisten",
  "vncpasswd",
  "vncdisplay",
  "vncunused",
  "keymap",
  "sdl",
  "opengl",
  "display",
] as const;
const OWN_KEYS = ["width", "height", "videoram"] as const;
/** Those that xl.cfg also has as top-level keys of a PV domain; there `vnc` asks for a framebuffer. */
const TOP_LEVEL = KEYS.slice(0, 8);

type Given = ReadonlyMap<string, string>;

export const FRAMEBUFFERS: DeviceKey = {
  key: "vfb",
  parse: (text, before) => framebuffer(options(text), before),
  remarks: (text) => remarks(options(text)),
  fromKeys: (read, before) => {
    const given = new Map(TOP_LEVEL.map((key) => [key, read(key)] as const).filter((pair) => pair[1] !== null));
    return flag(given as Given, "vnc", false) ? framebuffer(given as Given, before) : null;
  },
  companion: companionKeyboard,
};

function options(text: string): Given {
  const given = new Map<string, string>();
  for (const part of text.split(",").map((each) => each.trim())) {
    if (part === "") continue;
    const at = part.indexOf("=");
    if (at < 0) throw new SpecError(`"${part}" is no KEY=VALUE; allowed: ${[...KEYS, ...OWN_KEYS].join(", ")}`);
    given.set(part.slice(0, at), part.slice(at + 1));
  }
  return given;
}

function remarks(given: Given): string[] {
  const known: readonly string[] = [...KEYS, ...OWN_KEYS, "xauthority"];
  const found = [...given.keys()]
    .filter((key) => !known.includes(key))
    .map((key) => `there is no parameter ${key}; it is ignored, as xl does`);
  if (flag(given, "sdl", false)) found.push("sdl: no window of its own opens; the application's Display tab shows it");
  if (flag(given, "opengl", false)) found.push("opengl: the screen is drawn without");
  const keymap = given.get("keymap");
  if (keymap !== undefined && !/^(en-us)?$/.test(keymap))
    found.push(
      `keymap is "${keymap}": keys come by their place on the keyboard, and from viewers that send symbols only as on a US one`,
    );
  if (Buffer.byteLength(given.get("vncpasswd") ?? "") > PASSWORD_BYTES)
    found.push(`vncpasswd: only its first ${PASSWORD_BYTES} bytes count, as VNC knows no more of a password`);
  return found;
}

function framebuffer(given: Given, before: readonly DeviceSpec[]): DeviceSpec {
  const { address, display } = listener(given);
  const isServed = flag(given, "vnc", true);
  const width = number(given, "width", 1, MOST_SIDE);
  const height = number(given, "height", 1, MOST_SIDE);
  if ((width === null) !== (height === null)) throw new SpecError("width and height are given together or not at all");
  if (width !== null && width * height! > MOST_PIXELS)
    throw new SpecError(`${width}x${height} is more than a screen can have: ${MOST_PIXELS} pixels`);
  const videoram = number(given, "videoram", 1, MOST_VIDEORAM_MIB);
  const size = { ...(width !== null && { width, height: height! }), ...(videoram !== null && { videoram }) };
  return {
    kind: "vfb",
    id: String(before.filter(({ kind }) => kind === "vfb").length),
    backend: "0",
    front: {},
    back: {
      vnc: isServed ? 1 : 0,
      vnclisten: address,
      vncpasswd: given.get("vncpasswd") ?? "",
      vncdisplay: display,
      vncunused: flag(given, "vncunused", true) ? 1 : 0,
      sdl: 0,
      opengl: 0,
      ...size,
    },
    files: [],
  };
}

/** `vnclisten` may have a display number after the address. */
function listener(given: Given): { address: string; display: number } {
  const text = given.get("vnclisten") || LOOPBACK;
  const [, bracketed, plain, number_] = /^(?:\[([^\]]*)\]|([^:]*|.*:.*:.*?))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? "";
  if (address !== "localhost" && !isIP(address))
    throw new SpecError(
      `vnclisten is "${text}"; allowed: an IP address of this computer, with :DISPLAY behind it or not`,
    );
  const display = number(given, "vncdisplay", 0, MOST_DISPLAY) ?? Number(number_ ?? 0);
  if (display > MOST_DISPLAY) throw new SpecError(`vnclisten is "${text}"; a display is 0 to ${MOST_DISPLAY}`);
  return { address, display };
}

function flag(given: Given, key: string, absent: boolean): boolean {
  const value = given.get(key);
  if (value === undefined) return absent;
  if (!/^\d{1,9}$/.test(value)) throw new SpecError(`${key} is "${value}"; allowed: 0, 1`);
  return Number(value) !== 0;
}

function number(given: Given, key: string, least: number, most: number): number | null {
  const value = given.get(key);
  if (value === undefined) return null;
  if (/^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most) return Number(value);
  throw new SpecError(`${key} is "${value}"; allowed: ${least} to ${most}`);
}

/** Reads from the backend's directory where its screen is served; null for nowhere. */
export async function vncOf(back: BackendContext["back"], name: string): Promise<VncOptions | null> {
  if ((await back("vnc")) !== "1") return null;
  const display = Number((await back("vncdisplay")) ?? 0);
  if (!(display >= 0 && display <= MOST_DISPLAY))
    throw new Error(`vncdisplay is ${display}; it must be 0 to ${MOST_DISPLAY}`);
  return {
    listen: (await back("vnclisten")) || LOOPBACK,
    display,
    mayBeOther: (await back("vncunused")) !== "0",
    password: Buffer.from((await back("vncpasswd")) ?? "", "latin1").toString() || null,
    name: `${name} (Xenarium)`,
  };
}

/** Returns the most bytes that the framebuffer may have. */
export async function mostBytesOf(back: BackendContext["back"]): Promise<number> {
  const mebibytes = Number((await back("videoram")) ?? MOST_VIDEORAM_MIB);
  return mebibytes >= 1 && mebibytes <= MOST_VIDEORAM_MIB ? mebibytes << 20 : MOST_BYTES;
}
