/** Names that nothing uses, as [file, line, sentence], among `files`, whose text `read` gives; without them, among the project's. */
export function unusedNames(files?: string[], read?: (file: string) => string): [string, number, string][];
