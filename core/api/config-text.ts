/** The text of an xl.cfg, read and changed key by key: for browsers too. */
export { quoted, readConfig, withItem, withValue, type ConfigText } from "../toolstack/config-text.ts";
