/** `xenarium serve` as a user starts it, on its own socket. */
import { spawn } from "node:child_process";
import path from "node:path";
import { temporaryFolder } from "../temporary.ts";

const cli = path.resolve(import.meta.dirname, "../../dist/cli.js");

export interface Served {
  url: string;
  /** Environment for `xenarium xl`. */
  env: NodeJS.ProcessEnv;
  /** Ends it as Ctrl+C does; its exit status. */
  stop(): Promise<number | null>;
}

export function startServe(...args: string[]): Promise<Served> {
  const socket = path.join(temporaryFolder("serve"), "host.sock");
  // Without a display, --browser opens none: the test brings its own.
  const env: NodeJS.ProcessEnv = { ...process.env, XENARIUM_SOCKET: socket };
  delete env.DISPLAY;
  delete env.WAYLAND_DISPLAY;
  const child = spawn(process.execPath, [cli, "serve", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return new Promise((resolve, reject) => {
    let text = "";
    child.stderr.on("data", (data: Buffer) => (text += data.toString()));
    child.stdout.on("data", (data: Buffer) => {
      text += data.toString();
      const url = /(http:\/\/\S+)/.exec(text)?.[1];
      if (!url) return;
      resolve({
        url,
        env,
        stop: () => {
          child.kill("SIGINT");
          return ended;
        },
      });
    });
    void ended.then((status) => reject(new Error(`serve ended with status ${status}:\n${text}`)));
  });
}
