/** Returns the bare numbers in the addresses of memory accesses in an AssemblyScript text. */
export function bareOffsets(text: string): { line: number; text: string }[];
