/** `npm run package`: makes installers for this system with electron-builder (package.json, "build"), or says in a sentence why there are none. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, type Configuration } from "electron-builder";
import { electronRuntime } from "./runtime.ts";

const root = new URL("../", import.meta.url);

function refuse(reason: string): never {
  process.stderr.write(`xenarium: no installers were made, because ${reason}.\n`);
  process.exit(1);
}

const runtime = electronRuntime();
if ("reason" in runtime) refuse(runtime.reason);
const { build: config } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as { build: Configuration };
try {
  const made = await build({
    projectDir: fileURLToPath(root),
    // The runtime with which the application was tried.
    config: { ...config, electronDist: runtime.folder },
    publish: "never",
  });
  for (const file of made) process.stdout.write(`${file}\n`);
} catch (error) {
  const [line = ""] = (error instanceof Error ? error.message : String(error)).trim().split("\n");
  refuse(`electron-builder says: ${line.slice(0, 300).replace(/\.$/, "")}`);
}
