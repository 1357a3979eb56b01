/** Names of domains that are made from something else: each is a domain's alone. */

/** Why a domain can't be called so; null: it can. */
export function clashOf(name: string, taken: ReadonlySet<string>): string | null {
  return taken.has(name) ? `There is a domain named ${name} already.` : null;
}

/** A name that nobody has: with the first number behind it, from 2 on, that is free. */
export function nameLike(name: string, taken: ReadonlySet<string>): string {
  for (let n = 2; ; n++) if (!taken.has(`${name}-${n}`)) return `${name}-${n}`;
}
