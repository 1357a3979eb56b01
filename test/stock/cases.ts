/** What the stock tools are asked, and what ours are asked too. They are text files with one case in each line; # begins a comment. */
import { readFileSync } from "node:fs";
import path from "node:path";

function lines(name: string): string[] {
  return readFileSync(path.join(import.meta.dirname, name), "utf8")
    .split("\n")
    .slice(1)
    .filter((line) => line !== "");
}

/** Splits a line into words as a shell does: quotes keep what is inside them together. No other characters have a meaning. */
function words(line: string): string[] {
  return [...line.matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g)].map(([word]) =>
    word.replace(/'([^']*)'|"([^"]*)"/g, "$1$2"),
  );
}

/** Whole texts of xl.cfg. */
export const configCases = (): string[] =>
  lines("xlcfg-cases.txt").map((line) => {
    const text = `name = "c"\nkernel = "/bin/true"\n${line.replaceAll("|", "\n")}`;
    return text.endsWith("~") ? text.slice(0, -1) : `${text}\n`;
  });
/** Arguments of xl. */
export const xlCases = (): string[][] => lines("xl-cases.txt").map(words);
/** The name of a client and its arguments. The cases run one after the other on the same store. */
export const xenstoreCases = (): string[][] => lines("xenstore-cases.txt").map(words);
