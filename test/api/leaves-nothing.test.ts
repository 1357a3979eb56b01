/** A host that is ended by a signal leaves nothing behind in the system's temporary folder. */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";

const cli = path.resolve(import.meta.dirname, "../../dist/cli.js");

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  it.skipIf(process.platform === "win32")(`xenarium serve, ended by ${signal}`, async () => {
    const tmp = temporaryFolder("leaves");
    const env: NodeJS.ProcessEnv = { ...process.env, TMPDIR: tmp, XENARIUM_STATE: temporaryFolder("state") };
    // This makes the host put the socket's folder below the temporary folder.
    delete env.XDG_RUNTIME_DIR;
    delete env.XENARIUM_SOCKET;
    const options = ["--host-memory", "256", "--pcpus", "1"];
    const child = spawn(process.execPath, [cli, "serve", ...options], { env, stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    expect(readdirSync(tmp, { recursive: true }).join()).toMatch(
      /^(xenarium-\d+),\1\/host\.sock,\1\/host\.sock\.owner$/,
    );
    child.kill(signal);
    expect(await ended).toBe(0);
    expect(readdirSync(tmp)).toEqual([]);
  });
