/** What two domains that run can't both have, and a copy of one gets anew: addresses of its interfaces, sockets of its channels, displays of its screens. */
import { createHash } from "node:crypto";
import path from "node:path";
import { readConfig, withItem, withValue } from "../toolstack/config-text.ts";
import { plainName } from "./names.ts";

/** A socket's path must be short for the system (108 bytes with Linux): no more of the copy's name is put into it. */
const MOST_OF_NAME = 40;
/** Of a name that is not there whole, so many digits of its sum are: names that differ give paths that differ. */
const SUM_DIGITS = 6;

/**
 * The text of a copy called `name`: interfaces without an address, which get others, and the socket of each channel beside the one it had,
 * FILE.NAME. A screen that is to be at one port of VNC and no other (`vncunused=0`) is at the next that is free, as it is unless that is said.
 */
export function apart(config: string, name: string): string {
  const before = readConfig(config).values.get("name") ?? "";
  let text = changed(config, "vif", (key) => (key === "mac" ? null : undefined));
  text = changed(text, "channel", (key, value) => (key === "path" ? socketOf(value, before, name) : undefined));
  text = changed(text, "vfb", (key) => (key === "vncunused" ? null : undefined));
  return withValue(text, "vncunused", null);
}

function socketOf(file: string, before: string, name: string): string {
  const last = path.basename(file);
  // A copy's copy has no longer name than a copy has.
  const stem = before !== "" && last.endsWith(ending(before)) ? last.slice(0, -ending(before).length) : last;
  return path.join(path.dirname(file), `${stem || last}${ending(name)}`);
}

/** Another one for each name: of a name that is too long the end is kept, where names of copies differ. */
function ending(name: string): string {
  const plain = plainName(name, "copy");
  if (plain === name && name.length <= MOST_OF_NAME) return `.${name}`;
  const sum = createHash("sha256").update(name).digest("hex").slice(0, SUM_DIGITS);
  return `.${plain.slice(-(MOST_OF_NAME - SUM_DIGITS - 1))}-${sum}`;
}

/** Each item of the list `key` with other values of its parameters: null takes one out, undefined leaves it as it is written. */
function changed(
  config: string,
  key: string,
  valueOf: (parameter: string, value: string) => string | null | undefined,
): string {
  const items = readConfig(config).lists.get(key) ?? [];
  return items.reduce((text, item, index) => {
    const parts = item.split(",").flatMap((part) => {
      const [parameter = "", ...rest] = part.split("=");
      const value = valueOf(parameter.trim().toLowerCase(), rest.join("=").trim());
      return value === undefined ? [part] : value === null ? [] : [`${parameter.trim()}=${value}`];
    });
    const now = parts.join(",");
    return now === item ? text : withItem(text, key, index, now);
  }, config);
}
