/**
 * The words of a shared folder's specification, `p9` of xl.cfg(5): KEY=VALUE between commas. config.ts decides which values are allowed. Nothing here
 * needs Node, because the window's fields read and write specifications too.
 */
import { SpecError } from "../../xenbus/kind.ts";

const KNOWN = ["tag", "security_model", "path", "backend", "access"];

/** Returns the parameters in the order of the text. Throws SpecError for an unknown parameter. */
export function readFolder(text: string): Map<string, string> {
  const given = new Map<string, string>();
  for (const part of text.split(",")) {
    const at = part.indexOf("=");
    const key = part.slice(0, Math.max(0, at)).trim();
    if (!KNOWN.includes(key))
      throw new SpecError(`"${part}" is no parameter of a shared folder; allowed: ${KNOWN.join(", ")}`);
    given.set(key, part.slice(at + 1));
  }
  return given;
}

/** Parameters without a value are left out. Throws SpecError for a value that can't stand in the list. */
export function writeFolder(given: ReadonlyMap<string, string>): string {
  const parts = [...given].filter(([, value]) => value !== "");
  for (const [key, value] of parts)
    if (value.includes(",")) throw new SpecError(`${key} is "${value}": in xl.cfg it can't have a comma`);
  return parts.map(([key, value]) => `${key}=${value}`).join(",");
}
