/**
 * The part of xenstore that is looked at. Nodes are asked for as they come into sight, and again when the watch says that they have changed. This is
 * not React state; `subscribe` and `version` tell the code that draws it.
 */
import type { Arguments, Events, RequestName, Results, XenstoreNode } from "../../core/api/schema.ts";

type Ask = <N extends RequestName>(name: N, args: Arguments<N>) => Promise<Results[N]>;

export interface Row {
  path: string;
  name: string;
  /** 0 for the root of what is shown. */
  depth: number;
  /** null until the node has arrived. */
  node: XenstoreNode | null;
  expanded: boolean;
}

export interface Changed {
  path: string;
  /** Milliseconds of performance.now(). */
  at: number;
  count: number;
}

/** Sorts numbers by value, which matters above all for domains. */
const BY_NAME = new Intl.Collator("en", { numeric: true });
/** The number of nodes asked for with one request. */
const NODES_PER_REQUEST = 200;
/** How many of the latest changes are listed. */
const MOST_CHANGES = 100;
/** How many nodes are kept. Beyond it, nodes out of sight are dropped. */
const MOST_KEPT = 20_000;

export class StoreTree {
  readonly root: string;
  readonly #ask: Ask;
  readonly #onError: (error: unknown) => void;
  readonly #listeners = new Set<() => void>();
  readonly #nodes = new Map<string, XenstoreNode>();
  readonly #expanded: Set<string>;
  readonly #wanted = new Set<string>();
  readonly #changed = new Map<string, Changed>();
  readonly #ordered = new WeakMap<XenstoreNode, readonly string[]>();
  #latest: Changed[] = [];
  #version = 0;
  #rows: Row[] | null = null;
  #watch: string | null = null;
  #generation = 0;
  #asking = false;
  #missing = false;
  #unheard = true;
  #telling = false;

  /** `expanded` is kept by the caller, so that a view that is opened again looks as it was left. */
  constructor(root: string, expanded: Set<string>, ask: Ask, onError: (error: unknown) => void) {
    this.root = root;
    this.#expanded = expanded;
    this.#ask = ask;
    this.#onError = onError;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };
  version = (): number => this.#version;

  /** Whether the root does not exist, or no longer. */
  get missing(): boolean {
    return this.#missing;
  }
  get latest(): readonly Changed[] {
    return this.#latest;
  }
  node(path: string): XenstoreNode | null {
    return this.#nodes.get(path) ?? null;
  }
  changed(path: string): Changed | null {
    return this.#changed.get(path) ?? null;
  }

  /** Watches and reads again all that is shown, because it may have changed while nobody looked. */
  async open(): Promise<void> {
    const generation = ++this.#generation;
    try {
      const { watch } = await this.#ask("xenstoreWatch", { path: this.root });
      if (generation !== this.#generation) {
        await this.#ask("xenstoreUnwatch", { watch });
        return;
      }
      this.#watch = watch;
      this.#unheard = true;
      this.#again();
    } catch (error) {
      if (generation === this.#generation) this.#onError(error);
    }
  }

  close(): void {
    this.#generation++;
    const watch = this.#watch;
    this.#watch = null;
    if (watch !== null) void this.#ask("xenstoreUnwatch", { watch }).catch(() => {});
  }

  /** Takes an event of the session. Returns true if it belonged to this tree. */
  heard({ watch, paths, more }: Events["xenstoreChanged"]): boolean {
    if (watch !== this.#watch) return false;
    const at = performance.now();
    for (const path of paths) {
      const known = this.#nearest(path);
      this.#want(known);
      // A watch fires once when it is set, and that event reports no change.
      if (this.#unheard && path === this.root) continue;
      const count = (this.#changed.get(path)?.count ?? 0) + 1;
      const entry = { path, at, count };
      this.#changed.set(path, entry);
      const seen = this.#visible(path);
      if (seen !== path) this.#changed.set(seen, { path: seen, at, count: (this.#changed.get(seen)?.count ?? 0) + 1 });
      if (path !== this.root) this.#latest = [entry, ...this.#latest].slice(0, MOST_CHANGES);
    }
    this.#unheard = false;
    if (this.#changed.size > 2 * MOST_KEPT) this.#changed.clear();
    if (more) this.#again();
    this.#tellOnce();
    return true;
  }

  rows(): Row[] {
    if (this.#rows) return this.#rows;
    const rows: Row[] = [];
    const add = (path: string, depth: number): void => {
      const node = this.#nodes.get(path) ?? null;
      const expanded = this.#expanded.has(path) && (node === null || node.children.length > 0);
      const name = depth === 0 ? path : path.slice(path.lastIndexOf("/") + 1);
      rows.push({ path, name, depth, node, expanded });
      if (!expanded || !node) return;
      for (const child of this.#inOrder(node)) add(join(path, child), depth + 1);
    };
    if (!this.#missing) add(this.root, 0);
    return (this.#rows = rows);
  }

  /** A node that was read again is another object, so its order is computed again too. */
  #inOrder(node: XenstoreNode): readonly string[] {
    let names = this.#ordered.get(node);
    if (!names) this.#ordered.set(node, (names = [...node.children].sort(BY_NAME.compare)));
    return names;
  }

  isExpanded(path: string): boolean {
    return this.#expanded.has(path);
  }
  expand(path: string): void {
    this.#expanded.add(path);
    this.#tell();
  }
  collapse(path: string): void {
    this.#expanded.delete(path);
    this.#tell();
  }
  /** Opens everything above the path. */
  reveal(path: string): void {
    for (let at = parentOf(path); ; at = parentOf(at)) {
      this.#expanded.add(at);
      this.need([at]);
      if (at === this.root || at === "/") break;
    }
    this.#tell();
  }

  /** Called with visible rows whose nodes have not arrived yet. */
  need(paths: readonly string[]): void {
    for (const path of paths) if (!this.#nodes.has(path)) this.#want(path);
  }
  /** Reads the path again, so that the effect of an action is seen at once. */
  refresh(path: string): void {
    this.#want(this.#nearest(path));
    this.#want(path);
  }

  /** Returns the path itself if it is known, or the nearest known path above it. */
  #nearest(path: string): string {
    let at = path;
    while (at !== this.root && at !== "/" && !this.#nodes.has(at)) at = parentOf(at);
    return at;
  }
  /** Returns the row in which a path is visible. */
  #visible(path: string): string {
    let seen = path;
    for (let at = parentOf(path); at.length >= this.root.length; at = parentOf(at)) {
      if (!this.#expanded.has(at)) seen = at;
      if (at === this.root || at === "/") break;
    }
    return seen;
  }

  #again(): void {
    for (const path of [this.root, ...this.#nodes.keys()]) this.#wanted.add(path);
    void this.#fetch();
  }
  #want(path: string): void {
    this.#wanted.add(path);
    void this.#fetch();
  }

  async #fetch(): Promise<void> {
    if (this.#asking || this.#watch === null) return;
    this.#asking = true;
    const generation = this.#generation;
    try {
      // Everything that is wanted in the same turn goes into one request.
      await Promise.resolve();
      while (this.#wanted.size > 0 && generation === this.#generation) {
        const paths = [...this.#wanted].slice(0, NODES_PER_REQUEST);
        for (const path of paths) this.#wanted.delete(path);
        const { nodes } = await this.#ask("xenstoreNodes", { paths: paths.join("\n") });
        paths.forEach((path, i) => this.#take(path, nodes[i] ?? null));
        this.#bound();
        this.#tellOnce();
      }
    } catch (error) {
      if (generation === this.#generation) this.#onError(error);
    } finally {
      this.#asking = false;
      if (this.#wanted.size > 0 && this.#watch !== null) void this.#fetch();
    }
  }

  #take(path: string, node: XenstoreNode | null): void {
    if (path === this.root) this.#missing = node === null;
    if (node) {
      const before = this.#nodes.get(path);
      this.#nodes.set(path, node);
      const now = new Set(node.children);
      for (const name of before?.children ?? []) if (!now.has(name)) this.#forget(join(path, name));
      return;
    }
    this.#forget(path);
    if (path !== this.root) this.#wanted.add(parentOf(path));
  }

  #forget(path: string): void {
    const node = this.#nodes.get(path);
    if (!node) return;
    this.#nodes.delete(path);
    for (const name of node.children) this.#forget(join(path, name));
  }

  #bound(): void {
    if (this.#nodes.size <= MOST_KEPT) return;
    this.#rows = null;
    const shown = new Set(this.rows().map(({ path }) => path));
    for (const path of [...this.#nodes.keys()]) if (!shown.has(path)) this.#nodes.delete(path);
  }

  /** What comes from the host is told of once before the next frame: who writes thousands of nodes has not the view drawn thousands of times. */
  #tellOnce(): void {
    if (this.#telling) return;
    this.#telling = true;
    requestAnimationFrame(() => {
      this.#telling = false;
      this.#tell();
    });
  }

  #tell(): void {
    this.#version++;
    this.#rows = null;
    for (const listener of [...this.#listeners]) listener();
  }
}

export function join(path: string, name: string): string {
  return path === "/" ? `/${name}` : `${path}/${name}`;
}
export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}
