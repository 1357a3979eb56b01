import type { BuildOptions } from "esbuild";
import type { InlineConfig } from "vite";

/** Compiles an AssemblyScript entry to `output`, unless that was made from the same sources. */
export function buildWasm(entry: string, output: string, folders: string[], extra?: string[]): Promise<void>;
export const ASC_OPTIONS: string[];
/** Makes `output`, unless it was made successfully from the same files with the same options before. */
export function whenChanged(
  output: string,
  files: string[],
  options: unknown[],
  make: () => Promise<void>,
): Promise<void>;
/** Bundles for Node. A file that comes out the same is not written again. */
export function bundleWhole(options: BuildOptions): Promise<void>;
/** Vite's options for the renderer, or for another page in a folder with an index.html. */
export function rendererOptions(folder: string, outDir: string): InlineConfig;
export const CORE_FOLDERS: string[];
