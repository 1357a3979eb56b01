/**
 * Returns the names that nothing uses, as [file, line, sentence], among `files`, whose text `read` returns. Without arguments it looks at the
 * project's files.
 */
export function unusedNames(files?: string[], read?: (file: string) => string): [string, number, string][];
