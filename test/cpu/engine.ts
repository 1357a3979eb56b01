/** The engine alone as a WebAssembly module, built from engine-entry.ts. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { buildWasm } from "../../core/build.mjs";

const root = path.resolve(import.meta.dirname, "../..");

let module: WebAssembly.Module | null = null;

export async function compileEngine(): Promise<WebAssembly.Module> {
  if (module) return module;
  const wasm = path.join(root, ".cache/cpu/engine.wasm");
  await buildWasm(path.join(root, "test/cpu/engine-entry.ts"), wasm, [path.join(root, "core/machine/cpu")]);
  module = new WebAssembly.Module(readFileSync(wasm));
  return module;
}
