/** A connection for dom0's own programs, in the same address space: the same requests and replies, but without a ring. */
import { Connection } from "./connection.ts";
import { directoryPart, joinStrings, XenstoreError, XS } from "./wire.ts";
import type { Xenstored } from "./xenstored.ts";

export type WatchListener = (path: string) => void;

/** Paths are as in the protocol; values are strings. Throws XenstoreError. */
export class LocalXenstore {
  readonly connection: Connection;
  readonly #xenstored: Xenstored;
  readonly #listeners = new Map<string, WatchListener>();
  #nextToken = 1;

  constructor(xenstored: Xenstored, domid = 0) {
    this.#xenstored = xenstored;
    this.connection = new Connection(domid, (path, token) => {
      // This is deferred, because a listener may make requests while xenstored is in the middle of one.
      setImmediate(() => this.#listeners.get(token)?.(path));
    });
  }

  #request(type: number, payload: Buffer, transaction = 0): Buffer {
    return this.#xenstored.handle(this.connection, type, transaction, payload);
  }

  /** Returns null when there is no such node. */
  read(path: string, transaction = 0): string | null {
    try {
      return this.#request(XS.READ, joinStrings(path), transaction).toString("latin1");
    } catch (error) {
      if (error instanceof XenstoreError && error.code === "ENOENT") return null;
      throw error;
    }
  }

  write(path: string, value: string | number, transaction = 0): void {
    this.#request(XS.WRITE, Buffer.concat([joinStrings(path), Buffer.from(String(value), "latin1")]), transaction);
  }

  /** Writes several nodes below one directory; `undefined` values are left out. */
  writeAll(directory: string, values: Record<string, string | number | undefined>, transaction = 0): void {
    for (const [name, value] of Object.entries(values))
      if (value !== undefined) this.write(`${directory}/${name}`, value, transaction);
  }

  mkdir(path: string, transaction = 0): void {
    this.#request(XS.MKDIR, joinStrings(path), transaction);
  }

  /** It is no error if the node or its parent does not exist. */
  remove(path: string, transaction = 0): void {
    try {
      this.#request(XS.RM, joinStrings(path), transaction);
    } catch (error) {
      if (!(error instanceof XenstoreError && error.code === "ENOENT")) throw error;
    }
  }

  /** Returns the names of the children; none when there is no such node. */
  list(path: string, transaction = 0): string[] {
    const names: string[] = [];
    try {
      for (let offset = 0; ;) {
        const reply = this.#request(XS.DIRECTORY_PART, joinStrings(path, String(offset)), transaction);
        const part = directoryPart(reply);
        names.push(...part.names);
        if (part.isLast) return names;
        offset += part.bytes;
      }
    } catch (error) {
      if (error instanceof XenstoreError && error.code === "ENOENT") return [];
      throw error;
    }
  }

  permissions(path: string): string[] {
    return this.#request(XS.GET_PERMS, joinStrings(path)).toString("latin1").split("\0").slice(0, -1);
  }

  /** `permissions` are such as "n5" or "r0"; the first one names the owner. */
  setPermissions(path: string, permissions: readonly string[], transaction = 0): void {
    this.#request(XS.SET_PERMS, joinStrings(path, ...permissions), transaction);
  }

  /** Calls `listener` once soon, and then after every change at or below `path`. The returned function ends the watch. */
  watch(path: string, listener: WatchListener): () => void {
    const token = String(this.#nextToken++);
    this.#listeners.set(token, listener);
    try {
      this.#request(XS.WATCH, joinStrings(path, token));
    } catch (error) {
      this.#listeners.delete(token);
      throw error;
    }
    return () => {
      if (!this.#listeners.delete(token)) return;
      this.#request(XS.UNWATCH, joinStrings(path, token));
    };
  }

  /** Resolves with true when that domain no longer watches any absolute path for which `isMeant` is true, with false if it still does after `ms`. */
  unwatched(domid: number, isMeant: (path: string) => boolean, ms: number): Promise<boolean> {
    return this.#xenstored.watches.ended(domid, isMeant, ms);
  }

  /** Runs `body` in a transaction, and again after each conflict. */
  transaction<T>(body: (transaction: number) => T): T {
    for (;;) {
      const id = parseInt(this.#request(XS.TRANSACTION_START, joinStrings("")).toString("latin1"), 10);
      let result: T;
      try {
        result = body(id);
      } catch (error) {
        this.#request(XS.TRANSACTION_END, joinStrings("F"), id);
        throw error;
      }
      try {
        this.#request(XS.TRANSACTION_END, joinStrings("T"), id);
        return result;
      } catch (error) {
        if (!(error instanceof XenstoreError && error.code === "EAGAIN")) throw error;
      }
    }
  }

  introduce(domid: number, gfn: number, port: number): void {
    this.#request(XS.INTRODUCE, joinStrings(String(domid), String(gfn), String(port)));
  }

  release(domid: number): void {
    this.#ofIntroduced(XS.RELEASE, domid);
  }

  /** The domain that had suspended goes on: when it shuts down the next time, watchers of @releaseDomain are told again. */
  resume(domid: number): void {
    this.#ofIntroduced(XS.RESUME, domid);
  }

  /** Does nothing for a domain that is not introduced. */
  #ofIntroduced(type: number, domid: number): void {
    try {
      this.#request(type, joinStrings(String(domid)));
    } catch (error) {
      if (!(error instanceof XenstoreError && error.code === "ENOENT")) throw error;
    }
  }
}
