/** Unpacks an .lzma stream; signed bytes, or a string when the library takes them for text. */
export function decompress(bytes: Uint8Array): ArrayLike<number> | string;
