/** Bare numbers in the addresses of accesses to memory, in an AssemblyScript text. */
export function bareOffsets(text: string): { line: number; text: string }[];
