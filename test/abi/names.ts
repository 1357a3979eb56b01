/** The names of core/abi, and what each stands for in Xen's headers (core/abi/README.md has the rules). */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";

export const ABI_FOLDER = path.resolve(import.meta.dirname, "../../core/abi");

export interface AbiName {
  file: string;
  name: string;
  value: number | string;
  /** The layout of 64-bit guests or of 32-bit ones. */
  bits: 64 | 32;
  /** The C expression. */
  expression: string;
}

const DECLARATION = /^export const ([A-Za-z]\w*) = (-?\d+|0x[0-9a-f]+|"[^"\\]*");$/;
const GROUP = /^\/\*\* ((?:struct|union) (\w+))/;
const TAG = /^\/\*\* @c (.+) \*\/$/;

/** The type that a comment names, as it is written in C, and the prefix of its members' names. */
interface Group {
  type: string;
  prefix: string;
}

function memberExpression({ type, prefix }: Group, name: string, tag: string | null, where: string): string {
  if (tag !== null) return tag.includes("(") ? tag : `offsetof(${type}, ${tag})`;
  if (!name.startsWith(`${prefix}_`))
    throw new Error(`${where}: ${name} does not begin with ${prefix}_, as of ${type}`);
  const member = name.slice(prefix.length + 1);
  return member === "SIZE" ? `sizeof(${type})` : `offsetof(${type}, ${member.toLowerCase()})`;
}

function constantExpression(name: string, file: string, tag: string | null): string {
  if (tag !== null) return tag;
  if (name.startsWith("HYPERVISOR_")) return `__${name}`;
  return file === "errno.ts" ? `XEN_${name}` : name;
}

/** Returns the names in one file's text. Throws if a line is anything but a comment, an empty line, or a constant that both languages understand. */
export function namesOf(file: string, text: string): AbiName[] {
  const names: AbiName[] = [];
  let group: Group | null = null;
  let tag: string | null = null;
  text.split("\n").forEach((line, index) => {
    const where = `${file}:${index + 1}`;
    if (line === "") {
      group = null;
      return;
    }
    const typed = GROUP.exec(line);
    if (typed) {
      const [, type, name] = typed as unknown as [string, string, string];
      group = { type, prefix: name.replace(/^xen_(?=[a-z])/, "").toUpperCase() };
      return;
    }
    const tagged = TAG.exec(line);
    if (tagged) {
      tag = tagged[1]!;
      return;
    }
    if (/^(\/\*\*| \*)/.test(line)) return;
    const declared = DECLARATION.exec(line);
    if (!declared) throw new Error(`${where}: neither a comment nor a number or text of its own: ${line}`);
    const [, full, literal] = declared as unknown as [string, string, string];
    const bits = full.endsWith("_32") && !OWN_32.has(full) ? 32 : 64;
    const name = bits === 32 ? full.slice(0, -"_32".length) : full;
    // The 32-bit column stands below the 64-bit one and belongs to the same member.
    const twin = names.at(-1);
    const expression =
      bits === 32 && tag === null && twin?.name === name
        ? twin.expression
        : group
          ? memberExpression(group, name, tag, where)
          : constantExpression(name, file, tag);
    names.push({
      file,
      name: full,
      value: literal.startsWith('"') ? JSON.parse(literal) : Number(literal),
      bits,
      expression,
    });
    tag = null;
  });
  return names;
}

/** Names that have this ending in Xen's headers themselves. */
const OWN_32 = new Set(["XEN_IO_PROTO_ABI_X86_32"]);

export function abiNames(): AbiName[] {
  return readdirSync(ABI_FOLDER)
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => namesOf(file, readFileSync(path.join(ABI_FOLDER, file), "utf8")));
}
