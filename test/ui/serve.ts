/** Runs `xenarium serve` as a user starts it, on a socket of its own. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const cli = path.resolve(import.meta.dirname, "../../dist/cli.js");

export interface Served {
  url: string;
  pid: number;
  /** The environment for `xenarium xl`. */
  env: NodeJS.ProcessEnv;
  /** Ends it as Ctrl+C does. Returns its exit status. */
  stop(): Promise<number | null>;
  /** Kills it without giving it the chance to do anything. */
  kill(): Promise<unknown>;
}

/** Starts it in a folder of its own, which is deleted with it. */
export function startServe(...args: string[]): Promise<Served> {
  return startServeOf(cli, ...args);
}

/** `program`: the command line of another build. */
export async function startServeOf(program: string, ...args: string[]): Promise<Served> {
  const folder = mkdtempSync(path.join(tmpdir(), "xenarium-serve-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const served = await serveIn(program, folder, ...args).catch((error: unknown) => {
    remove();
    throw error;
  });
  const then = <T>(ended: Promise<T>): Promise<T> => ended.finally(remove);
  return { ...served, stop: () => then(served.stop()), kill: () => then(served.kill()) };
}

/** Starts it with what is in that folder, which is not deleted. */
export function startServeIn(folder: string, ...args: string[]): Promise<Served> {
  return serveIn(cli, folder, ...args);
}

function serveIn(program: string, folder: string, ...args: string[]): Promise<Served> {
  const socket = path.join(folder, "host.sock");
  // Without a display, --browser opens no browser. The test has its own.
  const env: NodeJS.ProcessEnv = { ...process.env, XENARIUM_SOCKET: socket, XENARIUM_STATE: folder };
  delete env.DISPLAY;
  delete env.WAYLAND_DISPLAY;
  const child = spawn(process.execPath, [program, "serve", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve) => child.once("close", (status) => resolve(status)));
  return new Promise((resolve, reject) => {
    let text = "";
    child.stderr.on("data", (data: Buffer) => (text += data.toString()));
    child.stdout.on("data", (data: Buffer) => {
      text += data.toString();
      const url = /(http:\/\/\S+)/.exec(text)?.[1];
      if (!url) return;
      resolve({
        url,
        pid: child.pid!,
        env,
        stop: () => {
          child.kill("SIGINT");
          return ended;
        },
        kill: () => {
          child.kill("SIGKILL");
          return ended;
        },
      });
    });
    void ended.then((status) => reject(new Error(`serve ended with status ${status}:\n${text}`)));
  });
}
