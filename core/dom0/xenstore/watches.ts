/** The watches of all connections, by path. */
import { isSelfOrBelow } from "./path.ts";
import { accessOf, PERM_READ, type Caller } from "./permissions.ts";
import type { Change } from "./store.ts";

/** Whoever watches, which is a Connection. */
export interface Watcher extends Caller {
  readonly watches: Set<Watch>;
  sendEvent(path: string, token: string): void;
}

export interface Watch {
  readonly connection: Watcher;
  /** The path as the client wrote it. */
  readonly given: string;
  /** The absolute path, or @special. */
  readonly path: string;
  readonly token: string;
}

export class Watches {
  readonly #byPath = new Map<string, Watch[]>();
  /** Called when a watch has ended. */
  readonly #onEnd = new Set<() => void>();

  /** Returns false when this connection has this watch already. */
  add(watch: Watch): boolean {
    const list = this.#byPath.get(watch.path) ?? [];
    if (list.some((other) => other.connection === watch.connection && other.token === watch.token)) return false;
    this.#byPath.set(watch.path, [...list, watch]);
    watch.connection.watches.add(watch);
    return true;
  }

  remove(connection: Watcher, path: string, token: string): boolean {
    const watch = this.#byPath.get(path)?.find((other) => other.connection === connection && other.token === token);
    if (watch) this.#drop(watch);
    return watch !== undefined;
  }

  removeAll(connection: Watcher): void {
    for (const watch of [...connection.watches]) this.#drop(watch);
  }

  /**
   * Resolves with true when a domain no longer watches any of the paths for which `isMeant` is true, with false if it still does after so many
   * milliseconds.
   */
  ended(domid: number, isMeant: (path: string) => boolean, ms: number): Promise<boolean> {
    const isWatched = (): boolean => {
      for (const [path, list] of this.#byPath)
        if (isMeant(path) && list.some(({ connection }) => connection.domid === domid)) return true;
      return false;
    };
    if (!isWatched()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (result: boolean): void => {
        clearTimeout(timer);
        this.#onEnd.delete(look);
        resolve(result);
      };
      const look = (): void => {
        if (!isWatched()) end(true);
      };
      const timer = setTimeout(() => end(false), ms);
      this.#onEnd.add(look);
    });
  }

  /** Sends events to every watch at or above each changed path, and to those below a removed one that have lost their node. */
  fire(changes: readonly Change[]): void {
    for (const change of changes) {
      for (let path = change.path; ;) {
        for (const watch of this.#byPath.get(path) ?? []) if (mayKnow(watch, change)) send(watch, change.path);
        if (path === "/") break;
        path = path.slice(0, Math.max(1, path.lastIndexOf("/")));
      }
      if (!change.after && change.before) this.#fireBelow(change);
    }
  }

  /** @introduceDomain and @releaseDomain: for privileged connections, and for those to which SET_PERMS has given them. */
  fireSpecial(name: string, allowed: (connection: Watcher) => boolean): void {
    for (const watch of this.#byPath.get(name) ?? []) if (allowed(watch.connection)) send(watch, name);
  }

  #fireBelow(change: Change): void {
    for (const [path, list] of this.#byPath) {
      if (path === change.path || !isSelfOrBelow(path, change.path)) continue;
      let node = change.before;
      for (const name of path.slice(change.path.length + 1).split("/")) node = node?.children.get(name) ?? null;
      if (!node) continue;
      for (const watch of list) if (accessOf(node.permissions, watch.connection) & PERM_READ) send(watch, path);
    }
  }

  #drop(watch: Watch): void {
    watch.connection.watches.delete(watch);
    const rest = this.#byPath.get(watch.path)?.filter((other) => other !== watch) ?? [];
    if (rest.length) this.#byPath.set(watch.path, rest);
    else this.#byPath.delete(watch.path);
    for (const listener of [...this.#onEnd]) listener();
  }
}

function mayKnow(watch: Watch, { before, after, parentPermissions }: Change): boolean {
  const readable = (permissions: Parameters<typeof accessOf>[0]): boolean =>
    (accessOf(permissions, watch.connection) & PERM_READ) !== 0;
  if (after) return readable(after.permissions);
  return (
    (before !== null && readable(before.permissions)) || (parentPermissions !== null && readable(parentPermissions))
  );
}

/** A watch that was given as a relative path is told relative paths. */
export function send(watch: Watch, path: string): void {
  const base = watch.path.length - watch.given.length;
  const relative = watch.path !== watch.given && !watch.given.startsWith("/");
  watch.connection.sendEvent(relative ? path.slice(base) : path, watch.token);
}
