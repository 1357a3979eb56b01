/** What is asked of the stock tools, and of ours. Text files, a case a line; # begins a comment. */
import { readFileSync } from "node:fs";
import path from "node:path";

function lines(name: string): string[] {
  return readFileSync(path.join(import.meta.dirname, name), "utf8")
    .split("\n")
    .slice(1)
    .filter((line) => line !== "");
}

/** Words of a shell's line: quotes keep what is in them together; no other characters mean anything. */
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
/** A client's name and arguments, one after the other in one store. */
export const xenstoreCases = (): string[][] => lines("xenstore-cases.txt").map(words);
