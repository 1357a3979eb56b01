/** What the build has made, for tests that run it in their own process. */
import path from "node:path";
import { pathToFileURL } from "node:url";

/** The folder of core.wasm, the workers' scripts and the guests. */
export const dist = pathToFileURL(path.resolve(import.meta.dirname, "../dist") + path.sep);
export const bundledGuest = new URL("assets/guests/mini.elf", dist);
