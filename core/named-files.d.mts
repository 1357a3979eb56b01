/** Returns lines that say which names in the prose of `texts` stand for none of `files`. */
export function missingNames(
  files: readonly string[],
  texts: readonly (readonly [file: string, text: string])[],
): string[];
