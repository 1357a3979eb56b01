/** Names of files from outside, as they can stand in one folder on every system. */
import { PART } from "../files/whole.ts";

const MOST_NAME = 120;

/** A name that is one file in one folder on every system; `instead` where nothing of it is left. */
export function plainName(name: string, instead: string): string {
  const plain = name
    .replace(/[^\w.+-]+/g, "-")
    .replace(/^[.-]+/, "")
    .slice(-MOST_NAME)
    .replace(/^[.-]+/, "");
  return plain.replace(new RegExp(`(\\${PART})+$`), "") || instead;
}

/** The name, or one made of it that is not taken. Letters count alike in both cases: some file systems don't tell them apart. */
export function freeName(name: string, taken: Iterable<string>): string {
  const there = new Set([...taken].map((each) => each.toLowerCase()));
  if (!there.has(name.toLowerCase())) return name;
  const [, base, ending] = /^(.*?)(\.[^.]*)?$/.exec(name)!;
  for (let n = 2; ; n++) {
    const next = `${base}-${n}${ending ?? ""}`;
    if (!there.has(next.toLowerCase())) return next;
  }
}
