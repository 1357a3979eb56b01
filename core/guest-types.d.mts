/** The names by which guest/type.ts, whose text this is, lets others name a type. */
export function namesOfTypes(text: string): string[];
/** What `text`, the file at `file` below core/hypervisor, names of types: each name, or the path of an import, with its line. */
export function namedTypes(file: string, text: string, names: readonly string[]): string[];
