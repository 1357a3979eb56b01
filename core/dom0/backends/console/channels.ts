/** Reads channels as xl.cfg(5) has them in `channel`: further consoles of a domain, each with a name by which a program in the guest finds it. */
import path from "node:path";
import { SpecError, type DeviceKey, type DeviceSpec } from "../../xenbus/kind.ts";

/** LIBXL_XENCONSOLE_LIMIT. */
export const CONSOLE_LIMIT = 1048576;
const KNOWN = ["name", "connection", "path", "backend"];

export const CHANNELS: DeviceKey = {
  key: "channel",
  parse: parseChannel,
  idOf: (name) => (/^[1-9]\d{0,3}$/.test(name) ? name : null),
  within: (spec, folder) => {
    if (spec.back.path === undefined) return spec;
    const file = path.resolve(folder, String(spec.back.path));
    return { ...spec, back: { ...spec.back, path: file }, sockets: [file] };
  },
  remarks: (text) => {
    const given = read(text);
    const unknown = [...given.keys()].filter((key) => !KNOWN.includes(key));
    return [
      ...unknown.map((key) => `${key} is no parameter of a channel; it is ignored`),
      ...(given.get("connection") === "pty"
        ? [
            "there is no pty, for Node.js makes none without native code: xl console -n NUMBER reads and writes it, and of connection=socket,path=PATH “socat pty,link=TTY unix-connect:PATH” makes a pty",
          ]
        : []),
    ];
  },
};

function read(text: string): Map<string, string> {
  const given = new Map<string, string>();
  for (const part of text.split(",")) {
    const at = part.indexOf("=");
    if (at < 0) throw new SpecError(`"${part}" is no KEY=VALUE; allowed: ${KNOWN.join(", ")}`);
    given.set(part.slice(0, at).trim(), part.slice(at + 1).trim());
  }
  return given;
}

export function parseChannel(text: string, before: readonly DeviceSpec[]): DeviceSpec {
  const given = read(text);
  const name = given.get("name");
  if (!name) throw new SpecError("name is missing: say by which name the guest finds the channel");
  if (/\p{Cc}/u.test(name)) throw new SpecError("name has control characters in it");
  const connection = given.get("connection");
  if (connection !== "pty" && connection !== "socket")
    throw new SpecError(
      connection === undefined
        ? "connection is missing; allowed: pty, socket"
        : `connection is "${connection}"; allowed: pty, socket`,
    );
  const file = given.get("path");
  if (connection === "socket" && !file) throw new SpecError("path is missing: say where the socket is to be");
  const own = before.filter(({ kind }) => kind === "console").map(({ id }) => Number(id));
  const id = String(Math.max(0, ...own) + 1);
  return {
    kind: "console",
    id,
    backend: given.get("backend") || "0",
    front: { name, limit: CONSOLE_LIMIT, type: "ioemu", output: `chardev:libxl-channel${Number(id) - 1}`, tty: "" },
    back: { name, connection, protocol: "vt100", ...(connection === "socket" && { path: file! }) },
    files: [],
    ...(connection === "socket" && { sockets: [file!] }),
  };
}
