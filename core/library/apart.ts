/** What two domains that run can't both have, and a copy of one gets anew: addresses of its interfaces, sockets of its channels. */
import path from "node:path";
import { readConfig, withItem } from "../toolstack/config-text.ts";
import { plainName } from "./names.ts";

/** A socket's path must be short for the system (108 bytes with Linux): no more of the copy's name is put into it. */
const MOST_OF_NAME = 40;

/**
 * The text of a copy called `name`: interfaces without an address, which get others, and the socket of each channel beside the one it had,
 * FILE.NAME.
 */
export function apart(config: string, name: string): string {
  const without = changed(config, "vif", (key) => (key === "mac" ? null : undefined));
  const before = readConfig(config).values.get("name") ?? "";
  return changed(without, "channel", (key, value) => (key === "path" ? socketOf(value, before, name) : undefined));
}

function socketOf(file: string, before: string, name: string): string {
  const ending = (of: string): string => `.${plainName(of, "copy").slice(0, MOST_OF_NAME)}`;
  const last = path.basename(file);
  // A copy's copy has no longer name than a copy has.
  const stem = before !== "" && last.endsWith(ending(before)) ? last.slice(0, -ending(before).length) : last;
  return path.join(path.dirname(file), `${stem || last}${ending(name)}`);
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
