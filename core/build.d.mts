/** Compiles an AssemblyScript entry to `output` unless that was made from the same sources. */
export function buildWasm(entry: string, output: string, folders: string[], extra?: string[]): Promise<void>;
export const ASC_OPTIONS: string[];
