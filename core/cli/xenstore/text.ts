/** Values of xenstore as its clients show and take them, with one byte in each character. */

const NAMED: Record<string, string> = { "\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\" };

/** Returns the value with escapes for bytes that a terminal does not show: \t \n \r \\, octal below a space, hexadecimal from DEL on. */
export function shown(value: string): string {
  return [...value]
    .map((byte) => {
      const code = byte.charCodeAt(0);
      if (byte in NAMED) return NAMED[byte]!;
      if (code < 0x20) return `\\${code.toString(8).padStart(3, "0")}`;
      return code < 0x7f ? byte : `\\x${code.toString(16).padStart(2, "0")}`;
    })
    .join("");
}

/** The reverse: \xH or \xHH, up to three octal digits, and the named ones; any other character stands for itself, and the end of the text for 0. */
export function meant(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-f]{1,2})|([0-7]{1,3})|([\s\S]?))/gi,
    (_, hex?: string, octal?: string, other?: string) => {
      if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8) & 255);
      return { t: "\t", n: "\n", r: "\r", "": "\0" }[other!] ?? other!;
    },
  );
}
