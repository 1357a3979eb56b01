/** What the copies of a domain are called. */
import { isDomainName } from "../toolstack/domain-name.ts";

const NUMBER = /-fork-\d+$/;

/** Whether a copy of a domain of that name may be called so. */
export function isForkName(copy: string, name: string): boolean {
  return NUMBER.test(copy) && name.replace(NUMBER, "").startsWith(copy.replace(NUMBER, ""));
}

/** Returns so many names that nobody has: NAME-fork-1 and so on, also for a domain that already has such a name. */
export function forkNames(name: string, count: number, taken: Iterable<string>): string[] {
  const there = new Set(taken);
  const stem = name.replace(NUMBER, "");
  const found: string[] = [];
  for (let n = 1; found.length < count; n++) {
    let called = `${stem}-fork-${n}`;
    // A name may already have the greatest possible length.
    for (let cut = stem.length; !isDomainName(called) && cut > 1; cut--) called = `${stem.slice(0, cut)}-fork-${n}`;
    if (!there.has(called)) found.push(called);
  }
  return found;
}
