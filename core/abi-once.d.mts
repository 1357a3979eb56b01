/** Returns the names that a text declares outside of functions, with their lines. */
export function declaredIn(text: string): { name: string; line: number }[];
/** `files`: pairs of a path below core and a text. Returns a sentence for each name that is declared again. */
export function declaredAgain(files: readonly (readonly [file: string, text: string])[]): string[];
