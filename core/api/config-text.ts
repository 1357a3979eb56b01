/** Reads and changes the text of an xl.cfg key by key. Runs in browsers too. */
export { quoted, readConfig, withItem, withValue, type ConfigText } from "../toolstack/config-text.ts";
