/** What the scripts share; bash and zsh are alike in these. */
import type { Flag, Place } from "./model.ts";

/** Quotes a word for sh, bash and zsh. */
export const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Prints the names of the domains of the running host; none where no host runs. */
export const DOMAINS = "xenarium xl list 2>/dev/null | awk 'NR > 1 { print $1 }'";

/** Returns a pattern of `case` for a flag whose value is completed: the place, and the flag before the value. */
export function flagPattern({ path }: Place, { names }: Flag): string {
  return names.map((name) => quote(`${path} ${name}`)).join("|");
}

/** Returns a pattern of `case` for every command: the place, and the word that leads on. */
export const pathPattern = (all: readonly Place[]): string =>
  all
    .filter(({ path }) => path !== "")
    .map(({ path }) => quote(path))
    .join("|");
