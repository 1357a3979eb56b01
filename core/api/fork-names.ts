/** What the copies of a domain are called. */
import { isDomainName } from "../toolstack/domain-name.ts";

const NUMBER = /-fork-\d+$/;

/** Whether a copy of a domain of that name may be called so. */
export function isForkName(copy: string, name: string): boolean {
  return NUMBER.test(copy) && name.replace(NUMBER, "").startsWith(copy.replace(NUMBER, ""));
}

/** So many names that nobody has: NAME-fork-1 and so on, of one that is called so already too. */
export function forkNames(name: string, count: number, taken: Iterable<string>): string[] {
  const there = new Set(taken);
  const stem = name.replace(NUMBER, "");
  const found: string[] = [];
  for (let n = 1; found.length < count; n++) {
    let called = `${stem}-fork-${n}`;
    // A name may be as long as names can be.
    for (let cut = stem.length; !isDomainName(called) && cut > 1; cut--) called = `${stem.slice(0, cut)}-fork-${n}`;
    if (!there.has(called)) found.push(called);
  }
  return found;
}
