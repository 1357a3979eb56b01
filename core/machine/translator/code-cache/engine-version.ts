/** What the regions of a cache were made by: they are of no use to any other translator or engine. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/**
 * Of the translator in that file, and of the engine with that hash, whose functions regions call and whose structures they know. The engine is the one that runs: a host
 * keeps it from power-on to power-on, while an update may have replaced the file that it came from.
 */
export function engineVersion(translator: URL, engine: string): string {
  return createHash("sha256").update(engine).update(readFileSync(translator)).digest("hex").slice(0, 16);
}
