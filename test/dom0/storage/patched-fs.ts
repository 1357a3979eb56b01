/** Replaces functions of node:fs while an action runs, also for modules that have imported them. */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

export async function withPatchedFs<T>(patches: Partial<typeof fs>, action: () => Promise<T>): Promise<T> {
  const own = Object.fromEntries(Object.keys(patches).map((name) => [name, fs[name as keyof typeof fs]]));
  Object.assign(fs, patches);
  syncBuiltinESMExports();
  try {
    return await action();
  } finally {
    Object.assign(fs, own);
    syncBuiltinESMExports();
  }
}
