/** In which order the palette lists the commands that fit what was typed. */
import type { Command } from "./command.ts";

/** How well a command fits, best first. Within one of them commands keep their order: those on the domain that is looked at come first. */
const FITS: readonly ((title: string, typed: string) => boolean)[] = [
  (title, typed) => title === typed,
  (title, typed) => title.startsWith(typed),
  (title, typed) => startsWord(title, typed),
  (title, typed) => everyWord(typed, (word) => startsWord(title, word)),
  (title, typed) => title.includes(typed),
];

/**
 * Returns the commands that fit what was typed, best first, whatever groups they are in. A command whose title has the typed words goes before one
 * that only its keywords or its group name; `guess` gives what fits none of these a number above zero if its letters may still mean it.
 */
export function inOrder(
  commands: readonly Command[],
  text: string,
  guess: (command: Command, text: string) => number,
): Command[] {
  const typed = plain(text);
  if (typed === "") return [...commands];
  return commands
    .map((command) => ({ command, ...fitOf(command, typed, guess) }))
    .filter(({ rank, score }) => rank <= FITS.length || score > 0)
    .sort((a, b) => a.rank - b.rank || b.score - a.score)
    .map(({ command }) => command);
}

function fitOf(
  command: Command,
  typed: string,
  guess: (command: Command, text: string) => number,
): { rank: number; score: number } {
  const title = plain(command.title);
  const rank = FITS.findIndex((fits) => fits(title, typed));
  if (rank >= 0) return { rank, score: 0 };
  const all = [title, plain(command.group), ...command.keywords.map(plain)].join(" ");
  if (everyWord(typed, (word) => startsWord(all, word))) return { rank: FITS.length, score: 0 };
  return { rank: FITS.length + 1, score: guess(command, typed) };
}

/** Without the case, the dots of a command that asks first, and blanks at both ends. */
function plain(text: string): string {
  return text.toLowerCase().replace(/…$/, "").trim();
}
function everyWord(typed: string, fits: (word: string) => boolean): boolean {
  return typed.split(/\s+/).every(fits);
}
/** Whether the text stands where a word begins: after anything that is neither a letter nor a digit. */
function startsWord(text: string, start: string): boolean {
  for (let at = text.indexOf(start); at >= 0; at = text.indexOf(start, at + 1))
    if (at === 0 || !/[\p{L}\p{N}]/u.test(text[at - 1]!)) return true;
  return false;
}
