/** What the console of a booting domain says of how far it has come. */

/** A prompt for a login, a shell's alone on its line, or what the tests' RAM disks say. */
const READY = /login: *$|^(?:[\w.@:~/-]*|[~/][\w./-]* )[#$>] ?(\x1b\[6n)?$|^GUEST-READY/m;
/** Characters of a console that are looked at: a prompt comes in pieces. */
const MOST_TEXT = 1024;
/** Stands for what was left out, so that the rest of a line is not taken for a whole one. */
const LEFT_OUT = "…";

/** Adds what was just said to the end of what was said before. */
export function withMore(before: string, more: string): string {
  const text = before + more.replaceAll("\r", "");
  return text.length > MOST_TEXT ? LEFT_OUT + text.slice(-MOST_TEXT) : text;
}

export function isReady(text: string): boolean {
  return READY.test(text);
}
