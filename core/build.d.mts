import type { InlineConfig } from "vite";

/** Compiles an AssemblyScript entry to `output` unless that was made from the same sources. */
export function buildWasm(entry: string, output: string, folders: string[], extra?: string[]): Promise<void>;
export const ASC_OPTIONS: string[];
/** Vite's options for the renderer, or another page in a folder with an index.html. */
export function rendererOptions(folder: string, outDir: string): InlineConfig;
export const CORE_FOLDERS: string[];
