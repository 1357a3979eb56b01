/** Puts other functions in the place of node:fs's own for as long as an action runs, for those who imported them too. */
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
