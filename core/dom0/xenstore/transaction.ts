/**
 * A transaction: a fork of the tree, what was looked at in it, and what was changed. It commits if nothing that it has looked at or changed has been
 * changed by others since. Its changes are then made again on the current tree.
 */
import type { Change, Node, Store } from "./store.ts";
import { XenstoreError } from "./wire.ts";

/** What was looked at of a node: the node itself, its list of children, everything below it. */
const LOOKED_NODE = 1;
const LOOKED_LIST = 2;
const LOOKED_TREE = 4;

type Operation = (store: Store) => Change | null | Change[];

export class Transaction {
  readonly id: number;
  readonly store: Store;
  readonly #base: Store;
  readonly #looked = new Map<string, number>();
  readonly #operations: Operation[] = [];

  constructor(id: number, current: Store) {
    this.id = id;
    this.#base = current.fork();
    this.store = current.fork();
  }

  /** Number of nodes touched, for the quota. */
  get size(): number {
    return this.#looked.size;
  }

  /** Number of changes made, for the quota, since the same node may be changed again and again. */
  get changes(): number {
    return this.#operations.length;
  }

  noteRead(path: string): void {
    this.#note(path, LOOKED_NODE);
  }
  noteList(path: string): void {
    this.#note(path, LOOKED_LIST);
  }

  /** Makes a change in the fork, and keeps it for the commit. */
  change(path: string, operation: Operation, tree = false): void {
    operation(this.store);
    this.#note(path, tree ? LOOKED_TREE : LOOKED_NODE);
    // A parent that existed must still exist. Others may have changed it, but not removed it.
    const parent = path.slice(0, Math.max(1, path.lastIndexOf("/")));
    if (this.#base.find(parent)) this.#note(parent, 0);
    this.#operations.push(operation);
  }

  /** Makes the changes in `current`. EAGAIN, with `current` untouched, when somebody else has made a conflicting change. */
  commit(current: Store): Change[] {
    if (this.#operations.length === 0) {
      // A transaction that only read saw one state of the tree, which is all that it was promised.
      return [];
    }
    if (current.root !== this.#base.root && this.#conflicts(current)) throw new XenstoreError("EAGAIN");
    const trial = current.fork();
    const changes: Change[] = [];
    try {
      for (const operation of this.#operations) {
        const made = operation(trial);
        if (Array.isArray(made)) changes.push(...made);
        else if (made) changes.push(made);
      }
    } catch {
      // The change was allowed in the snapshot and no longer is (a quota, a permission). The retry will report the reason.
      throw new XenstoreError("EAGAIN");
    }
    current.root = trial.root;
    current.owned.clear();
    for (const [domid, count] of trial.owned) current.owned.set(domid, count);
    return changes;
  }

  #note(path: string, what: number): void {
    this.#looked.set(path, (this.#looked.get(path) ?? 0) | what);
  }

  #conflicts(current: Store): boolean {
    for (const [path, what] of this.#looked) {
      const before: Node | null = this.#base.find(path);
      const now: Node | null = current.find(path);
      if (before === now) continue;
      if (!before || !now) return true;
      if (what & LOOKED_TREE) return true;
      if (what & LOOKED_NODE && before.generation !== now.generation) return true;
      if (what & LOOKED_LIST && before.listGeneration !== now.listGeneration) return true;
    }
    return false;
  }
}
