/**
 * Lets those who move things in shared folders take turns, so that what was looked at is what is moved, whatever the same guest or another one asks
 * for at the same time. Folders that overlap share their turns; others do not wait, however long a guest's move takes.
 */
import path from "node:path";
import { Turns } from "./turns.ts";

interface Group {
  /** All folders that were ever in the group, including those that are closed: what a guest has moved from there may still be shared by another. */
  readonly folders: readonly string[];
  readonly members: Set<MovesIn>;
  readonly turns: Turns;
}

/** The turns of one folder that is shared, until it is closed. */
export class MovesIn {
  readonly #leave: (member: MovesIn) => void;
  /** Replaced when a folder is shared that overlaps with several groups. */
  group: Group;

  constructor(group: Group, leave: (member: MovesIn) => void) {
    this.group = group;
    this.#leave = leave;
    group.members.add(this);
  }

  take<T>(action: () => Promise<T>): Promise<T> {
    return this.group.turns.take(action);
  }

  /** No move may be under way. */
  close(): void {
    this.#leave(this);
  }
}

export class Moves {
  readonly #groups = new Set<Group>();

  /** `folder` is its real path. A folder that the host's user mounts in a second place counts as a different one there. */
  of(folder: string): MovesIn {
    const met = [...this.#groups].filter(({ folders }) => folders.some((each) => overlap(each, folder)));
    const group: Group = {
      folders: [...new Set([...met.flatMap(({ folders }) => folders), folder])],
      members: new Set(met.flatMap(({ members }) => [...members])),
      turns: Turns.after(met.map(({ turns }) => turns)),
    };
    for (const each of met) this.#groups.delete(each);
    for (const member of group.members) member.group = group;
    this.#groups.add(group);
    return new MovesIn(group, (member) => this.#left(member));
  }

  #left(member: MovesIn): void {
    const { group } = member;
    group.members.delete(member);
    if (group.members.size === 0) this.#groups.delete(group);
  }
}

function overlap(one: string, other: string): boolean {
  return isIn(one, other) || isIn(other, one);
}

function isIn(inner: string, outer: string): boolean {
  const way = path.relative(outer, inner);
  return way !== ".." && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way);
}
