/** What the regions of a cache were made by: they are of no use to any other translator or engine. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** Of the translator and of the engine, whose functions regions call and whose structures they know, in the folder of the build. */
export function engineVersion(folder: URL): string {
  const hash = createHash("sha256");
  for (const name of ["translator.js", "core.wasm"]) hash.update(readFileSync(new URL(name, folder)));
  return hash.digest("hex").slice(0, 16);
}
