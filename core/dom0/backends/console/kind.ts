/**
 * The console as a kind of device. The toolstack sets up a domain's first console before the domain runs, and it has a place of its own in xenstore.
 */
import { frontendPath } from "../../xenbus/address.ts";
import type { BackendContext, DeviceKind, DeviceSpec } from "../../xenbus/kind.ts";
import { CHANNELS, CONSOLE_LIMIT } from "./channels.ts";
import { ConsoleDevice } from "./device.ts";
import { LogLine, type Line } from "./line.ts";
import { SocketLine } from "./socket-line.ts";

export const CONSOLE: DeviceKind = {
  kind: "console",
  title: "Console",
  config: CHANNELS,
  isWired: (id) => id === "0",
  frontendPath: (address) => (address.id === "0" ? `/local/domain/${address.domid}/console` : frontendPath(address)),
  create: (context) => new ConsoleDevice(context, lineOf),
};

async function lineOf({ address, services, back }: BackendContext): Promise<Line> {
  const connection = await back("connection");
  if (connection !== "socket") return new LogLine(services.consoles, address.domid, Number(address.id));
  // The path is UTF-8, of which xenstore's text has one byte in each character.
  return new SocketLine(Buffer.from((await back("path")) ?? "", "latin1").toString());
}

/** The first console of a domain, as libxl writes it. `port` is an unbound port of the domain, `mfn` the frame of the ring. */
export function firstConsole(port: number, mfn: number): DeviceSpec {
  return {
    kind: CONSOLE.kind,
    id: "0",
    backend: "0",
    front: {
      limit: CONSOLE_LIMIT,
      type: "xenconsoled",
      output: "pty",
      tty: "",
      port,
      "ring-ref": mfn,
    },
    back: { protocol: "vt100" },
    files: [],
  };
}
