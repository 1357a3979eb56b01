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
 * that only its keywords or its group name. Where none fits, those are returned to which `guess` gives a number above zero, the largest first: their
 * letters may still mean it.
 */
export function inOrder(
  commands: readonly Command[],
  text: string,
  guess: (command: Command, text: string) => number,
): Command[] {
  const typed = plain(text);
  if (typed === "") return [...commands];
  const fitting = sorted(commands, (command) => fitOf(command, typed));
  if (fitting.length > 0) return fitting;
  return sorted(commands, (command) => {
    const likely = guess(command, typed);
    return likely > 0 ? -likely : null;
  });
}

/** Returns the commands that have a rank, the least first; those of one rank keep their order. */
function sorted(commands: readonly Command[], rankOf: (command: Command) => number | null): Command[] {
  return commands
    .flatMap((command) => {
      const rank = rankOf(command);
      return rank === null ? [] : [{ command, rank }];
    })
    .sort((a, b) => a.rank - b.rank)
    .map(({ command }) => command);
}

/** Returns how well the command fits, from 0 (best) on; null if it does not. */
function fitOf(command: Command, typed: string): number | null {
  const title = plain(command.title);
  const fit = FITS.findIndex((fits) => fits(title, typed));
  if (fit >= 0) return fit;
  const all = [title, plain(command.group), ...command.keywords.map(plain)].join(" ");
  return everyWord(typed, (word) => startsWord(all, word)) ? FITS.length : null;
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
