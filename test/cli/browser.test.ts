/** What `xenarium serve --browser` shows to other users of the computer: nothing with which they could open the application. */
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";

const cli = path.resolve(import.meta.dirname, "../../dist/cli.js");

// The stand-in replaces the browser's opener, xdg-open.
describe.skipIf(process.platform !== "linux")("serve --browser", () => {
  it("gives the browser a page that only the user may read, and removes it when the browser has come", async () => {
    const folder = temporaryFolder("browser");
    for (const name of ["bin", "tmp"]) mkdirSync(path.join(folder, name));
    const seen = path.join(folder, "seen");
    const opener = path.join(folder, "bin/xdg-open");
    // Records what everybody can read about it (argv), who may read the page and its folder, and, as the user, what the page says.
    writeFileSync(
      opener,
      `#!/bin/sh
page=\${1#file://}
{ tr '\\0' '\\n' < /proc/$$/cmdline; echo --; stat -c %a "$page" "$(dirname "$page")"; echo --; cat "$page"; } > ${seen}.new
mv ${seen}.new ${seen}
`,
    );
    chmodSync(opener, 0o755);
    const env = {
      ...process.env,
      PATH: `${path.join(folder, "bin")}:${process.env.PATH}`,
      DISPLAY: ":0",
      TMPDIR: path.join(folder, "tmp"),
      XENARIUM_SOCKET: path.join(folder, "host.sock"),
      XENARIUM_STATE: path.join(folder, "state"),
    };
    const host = spawn(
      process.execPath,
      [cli, "serve", "--browser", "--host-memory", "256", "--pcpus", "1", "--port", "0"],
      {
        env,
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const ended = new Promise((resolve) => host.once("close", resolve));
    let said = "";
    host.stdout.on("data", (data: Buffer) => (said += data.toString()));
    try {
      await expect.poll(() => existsSync(seen), { timeout: 60_000 }).toBe(true);
      const url = /(http:\S+)/.exec(said)![1]!;
      const token = url.split("#token=")[1]!;
      expect(token.length).toBeGreaterThan(20);
      const [argv, modes, page] = readFileSync(seen, "utf8").split("--\n") as [string, string, string];
      expect(argv).not.toContain(token);
      expect(modes).toBe("600\n700\n");
      expect(page).toContain(`content="0; url=${url}"`);
      const shown = /file:\S+/.exec(argv)![0];
      expect(existsSync(fileURLToPath(shown))).toBe(true);
      const socket = new WebSocket(url.replace(/^http/, "ws").replace(/#.*/, "api"), ["xenarium.1", `token.${token}`]);
      await new Promise((resolve) => socket.once("open", resolve));
      await expect.poll(() => readdirSync(env.TMPDIR)).toEqual([]);
      socket.close();
    } finally {
      host.kill("SIGINT");
      await ended;
    }
    expect(readdirSync(env.TMPDIR)).toEqual([]);
  });
});
