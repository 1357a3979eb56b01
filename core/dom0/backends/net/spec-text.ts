/**
 * The words of an interface's specification, xl-network-configuration(5): KEY=VALUE between commas. config.ts decides which values are allowed.
 * Nothing here needs Node, because the window's fields read and write specifications too.
 */
import { SpecError } from "../../xenbus/kind.ts";

/** Returns the parameters in the order of the text. Throws SpecError for what is not KEY=VALUE. */
export function readVif(text: string): Map<string, string> {
  const given = new Map<string, string>();
  for (const part of text.split(",").map((each) => each.trim())) {
    if (part === "") continue;
    // Two words may stand without a value, as in xl.
    const said = part === "trusted" ? "trusted=1" : part === "untrusted" ? "trusted=0" : part;
    const [key, ...rest] = said.split("=");
    const name = key!.trim().toLowerCase();
    if (rest.length === 0)
      throw new SpecError(`"${part}" is no KEY=VALUE; allowed: mac, bridge, ip, rate, mtu, type, devid, backend`);
    if (given.has(name)) throw new SpecError(`${name} is given twice`);
    given.set(name, rest.join("=").trim());
  }
  return given;
}

/** Parameters without a value are left out. */
export function writeVif(given: ReadonlyMap<string, string>): string {
  return [...given].flatMap(([key, value]) => (value === "" ? [] : [written(key, value)])).join(",");
}

function written(key: string, value: string): string {
  if (key === "trusted") return value === "0" ? "untrusted" : "trusted";
  return `${key}=${value}`;
}
