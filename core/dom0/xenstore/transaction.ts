/**
 * A transaction: a fork of the tree, what was looked at in it, and what was changed. It commits when nothing it looked
 * at or changed has been changed by others since; its changes are then made again on the tree as it is.
 */
import type { Change, Node, Store } from "./store.ts";
import { XenstoreError } from "./wire.ts";

/** What was looked at: the node itself, its list of children, everything below it. */
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

  /** Nodes touched, for the quota. */
  get size(): number {
    return this.#looked.size;
  }

  /** Changes made, for the quota: the same node may be changed again and again. */
  get changes(): number {
    return this.#operations.length;
  }

  noteRead(path: string): void {
    this.#note(path, LOOKED_NODE);
  }
  noteList(path: string): void {
    this.#note(path, LOOKED_LIST);
  }

  /** Makes a change here and keeps it for the commit. */
  change(path: string, operation: Operation, tree = false): void {
    operation(this.store);
    this.#note(path, tree ? LOOKED_TREE : LOOKED_NODE);
    // A parent that was there must still be: others may change it, not remove it.
    const parent = path.slice(0, Math.max(1, path.lastIndexOf("/")));
    if (this.#base.find(parent)) this.#note(parent, 0);
    this.#operations.push(operation);
  }

  /** Makes the changes in `current`. EAGAIN, with `current` untouched, when somebody else was there first. */
  commit(current: Store): Change[] {
    if (this.#operations.length === 0) {
      // A reader saw one state of the tree, which is all it was promised.
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
      // Allowed in the snapshot and no longer (a quota, a permission): the retry will say which.
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
