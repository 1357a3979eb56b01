/** Values of xenstore are bytes, while people read and write text. Bytes that are not text are shown as \xNN, and may be typed that way. */

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
/** Control characters, marks that turn text around or have no width, and ends of lines. They would hide what is there. */
const UNSEEN = /^[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]$/u;

/** `value` has one byte in each character. */
export function textOf(value: string): string {
  const bytes = Uint8Array.from(value, (each) => each.charCodeAt(0));
  let text = value;
  let isText = true;
  try {
    text = decoder.decode(bytes);
  } catch {
    isText = false;
  }
  return Array.from(text, (each) => {
    if (each === "\\") return "\\\\";
    if (each === "\n") return "\\n";
    if (!isText) return each >= "\x80" || UNSEEN.test(each) ? hexOf(each.charCodeAt(0)) : each;
    return UNSEEN.test(each) ? Array.from(encoder.encode(each), hexOf).join("") : each;
  }).join("");
}

function hexOf(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}

/** Returns the bytes that a typed text means. */
export function bytesOf(text: string): string {
  const bytes: number[] = [];
  for (const part of text.split(/(\\x[0-9a-fA-F]{2}|\\n|\\\\)/)) {
    if (/^\\x[0-9a-fA-F]{2}$/.test(part)) bytes.push(parseInt(part.slice(2), 16));
    else if (part === "\\n") bytes.push(10);
    else if (part === "\\\\") bytes.push(0x5c);
    else bytes.push(...encoder.encode(part));
  }
  return String.fromCharCode(...bytes);
}

const ACCESS: Record<string, string> = { n: "nothing", r: "read", w: "write", b: "read and write" };

export interface Permission {
  access: "n" | "r" | "w" | "b";
  domid: number;
}

/** Reads a text like "r5". */
export function permissionOf(text: string): Permission {
  return { access: text.charAt(0) as Permission["access"], domid: Number(text.slice(1)) };
}
export function accessWords(access: Permission["access"]): string {
  return ACCESS[access] ?? access;
}
export const ACCESSES = Object.entries(ACCESS) as [Permission["access"], string][];
