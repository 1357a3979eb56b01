/**
 * Replaces in a copy's configuration what two running domains cannot share: the addresses of its interfaces, the sockets of its channels and the
 * displays of its screens.
 */
import { createHash } from "node:crypto";
import path from "node:path";
import { readConfig, withItem, withValue } from "../toolstack/config-text.ts";
import { plainName } from "./names.ts";

/** The system limits the length of a socket's path (108 bytes on Linux), so no more than this of the copy's name goes into it. */
const MOST_OF_NAME = 40;
/** A name that does not fit whole is completed by this many digits of its checksum, so that different names give different paths. */
const SUM_DIGITS = 6;

/**
 * Returns the text of a copy called `name`. Interfaces lose their address and get new ones. Each channel's socket becomes FILE.NAME, beside the one
 * it was. A screen that was fixed to one VNC port (`vncunused=0`) takes the next free one, which is what a screen does unless its configuration says
 * otherwise.
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
  // A copy of a copy gets no longer a name than a copy does.
  const stem = before !== "" && last.endsWith(ending(before)) ? last.slice(0, -ending(before).length) : last;
  return path.join(path.dirname(file), `${stem || last}${ending(name)}`);
}

/** Differs for each name: of a name that is too long the end is kept, because the names of copies differ there. */
function ending(name: string): string {
  const plain = plainName(name, "copy");
  if (plain === name && name.length <= MOST_OF_NAME) return `.${name}`;
  const sum = createHash("sha256").update(name).digest("hex").slice(0, SUM_DIGITS);
  return `.${plain.slice(-(MOST_OF_NAME - SUM_DIGITS - 1))}-${sum}`;
}

/** Returns the text with the parameters of each item of the list `key` changed: null removes a parameter, undefined leaves it as it is written. */
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
