/** The console as a kind of device. A domain's first is wired by the toolstack before it runs and has its place in xenstore for itself. */
import type { DeviceKind, DeviceSpec } from "../../xenbus/kind.ts";
import { ConsoleDevice } from "./device.ts";

/** LIBXL_XENCONSOLE_LIMIT. */
export const CONSOLE_LIMIT = 1048576;

export const CONSOLE: DeviceKind = {
  kind: "console",
  title: "Console",
  config: null,
  isWired: true,
  frontendPath: ({ domid }) => `/local/domain/${domid}/console`,
  create: (context) => new ConsoleDevice(context),
};

/** The first console of a domain, as libxl writes it. `port`: unbound, the domain's; `mfn`: of the ring. */
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
