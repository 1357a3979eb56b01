/** `xl vncviewer`, and -V of the subcommands that start domains: starts a VNC viewer of this computer, or prints the address. */
import { spawn } from "node:child_process";
import { access, constants } from "node:fs/promises";
import path from "node:path";
import { complain, domidOf, print, XlFailure, type Call, type Host, type XlCommands } from "./command.ts";

/** The viewer that libxl starts, and other names of it. All take ADDRESS::PORT. */
const VIEWERS = ["vncviewer", "xtigervncviewer", "xtightvncviewer"];

interface Server {
  address: string;
  port: number;
  password: string | null;
}

/** Looks where libxl does: in the domain's console directory. */
async function serverOf(host: Host, domid: number): Promise<Server> {
  const read = async (path: string): Promise<string | null> =>
    host.request("xenstoreRead", { path }).then(
      ({ value }) => value,
      () => null,
    );
  const home = `/local/domain/${domid}/console`;
  const port = Number((await read(`${home}/vnc-port`)) ?? 0);
  if (!port)
    throw new XlFailure(`error: Domain ${domid} has no VNC server: give it one with vfb = ["vnc=1"] in its config.`);
  const address = (await read(`${home}/vnc-listen`)) ?? "127.0.0.1";
  return { address, port, password: (await read(`/local/domain/0/backend/vfb/${domid}/0/vncpasswd`)) || null };
}

/** Returns the path of a viewer that can open a window, or null. */
async function findViewer(): Promise<string | null> {
  const { PATH, DISPLAY, WAYLAND_DISPLAY } = process.env;
  if (process.platform === "linux" && !DISPLAY && !WAYLAND_DISPLAY) return null;
  for (const name of VIEWERS)
    for (const folder of (PATH ?? "").split(path.delimiter)) {
      const file = path.join(folder, name);
      if (
        folder &&
        (await access(file, constants.X_OK).then(
          () => true,
          () => false,
        ))
      )
        return file;
    }
  return null;
}

/** `waits`: until it is closed, as xl vncviewer does. Returns the exit status. */
export async function view(
  host: Host,
  domid: number,
  { passesPassword, waits }: { passesPassword: boolean; waits: boolean },
): Promise<number> {
  const { address, port, password } = await serverOf(host, domid);
  // A server that listens on all addresses is reached here.
  const at = /^(0\.0\.0\.0|::)$/.test(address) ? "127.0.0.1" : address;
  const viewer = await findViewer();
  if (!viewer) {
    complain("No VNC viewer was found that could open a window here.");
    return print(`${at}:${port}\n`);
  }
  const options = passesPassword ? ["-autopass"] : [];
  const child = spawn(viewer, [...options, `${at}::${port}`], {
    stdio: [passesPassword ? "pipe" : "ignore", "ignore", waits ? "inherit" : "ignore"],
    detached: !waits,
  });
  child.stdin?.on("error", () => {});
  child.stdin?.end(`${password ?? ""}\n`);
  return new Promise((resolve, reject) => {
    child.once("error", ({ message }) => reject(new XlFailure(`Unable to execute vncviewer: ${message}`)));
    if (waits) child.once("exit", (status) => resolve(status ?? 1));
    else
      child.once("spawn", () => {
        child.unref();
        resolve(0);
      });
  });
}

export const VNC_OPTIONS = [
  ["-V, --vncviewer", "open a VNC viewer of its screen"],
  ["-A, --vncviewer-autopass", "and hand it the password"],
] as const;

/** Called after a domain was made with these options. */
export async function viewIfAsked({ options }: Pick<Call, "options">, host: Host, domid: number): Promise<void> {
  if (options.vncviewer || options.vncviewerAutopass)
    await view(host, domid, { passesPassword: options.vncviewerAutopass === true, waits: false });
}

export const VIEWING: XlCommands = {
  vncviewer: {
    summary: "Open a VNC viewer of a domain's screen",
    operands: "<Domain>",
    options: [
      ["-a, --autopass", "hand it the password"],
      ["--vncviewer-autopass", "the same"],
    ],
    async run({ host, operands: [name], options }: Call) {
      const api = await host();
      const passes = options.autopass === true || options.vncviewerAutopass === true;
      return view(api, await domidOf(api, name!), { passesPassword: passes, waits: true });
    },
  },
};
