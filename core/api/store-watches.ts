/** A session's watches in xenstore. Their events go only to it, are joined while it does not read, and end with it. */
import type { ToolstackClient } from "../toolstack/client.ts";
import type { ToolstackEvents } from "../toolstack/messages.ts";
import { ApiFailure } from "./failure.ts";
import type { Events } from "./schema.ts";

const MOST_WATCHES = 32;
/** The most paths that are kept for a reader that is behind. */
const MOST_KEPT = 1000;
const RETRY_MS = 250;

let sessions = 0;

interface Kept {
  paths: Set<string>;
  more: boolean;
}

export class StoreWatches {
  readonly #send: (data: Events["xenstoreChanged"]) => void;
  readonly #isBehind: () => boolean;
  /** Tokens in xenstored are shared by all sessions; this prefix makes them its own. */
  readonly #prefix = `session${++sessions}.`;
  readonly #watches = new Map<string, Kept>();
  #toolstack: ToolstackClient | null = null;
  #deaf: (() => void) | null = null;
  #retry: NodeJS.Timeout | null = null;
  #next = 1;
  #ended = false;

  constructor(send: (data: Events["xenstoreChanged"]) => void, isBehind: () => boolean) {
    this.#send = send;
    this.#isBehind = isBehind;
  }

  async add(toolstack: ToolstackClient, path: string): Promise<{ watch: string }> {
    if (this.#ended) throw new ApiFailure("ECONNRESET", "The connection was closed.");
    if (this.#watches.size >= MOST_WATCHES)
      throw new ApiFailure("ENOSPC", `${MOST_WATCHES} watches are set already; end one first.`);
    if (this.#toolstack !== toolstack) {
      this.forget();
      this.#toolstack = toolstack;
      this.#deaf = toolstack.on("xenstore", (data) => this.#heard(data));
    }
    const watch = `w${this.#next++}`;
    // It is recorded before it is set, so that the session's end in between ends it too.
    this.#watches.set(watch, { paths: new Set(), more: false });
    try {
      await toolstack.request("xenstoreWatch", { path, token: this.#prefix + watch });
    } catch (error) {
      this.#watches.delete(watch);
      throw error;
    }
    return { watch };
  }

  /** It is no error if there is no such watch: it may have gone with the host. */
  async remove(watch: string): Promise<null> {
    if (this.#watches.delete(watch)) await this.#unwatch(watch);
    return null;
  }

  /** Called when the host went through a power cycle: its xenstored knows none of them. */
  forget(): void {
    this.#deaf?.();
    this.#deaf = null;
    this.#toolstack = null;
    this.#watches.clear();
    if (this.#retry) clearTimeout(this.#retry);
    this.#retry = null;
  }

  end(): void {
    this.#ended = true;
    for (const watch of this.#watches.keys()) void this.#unwatch(watch).catch(() => {});
    this.forget();
  }

  async #unwatch(watch: string): Promise<void> {
    await this.#toolstack?.request("xenstoreUnwatch", { token: this.#prefix + watch });
  }

  #heard({ token, paths, more }: ToolstackEvents["xenstore"]): void {
    if (!token.startsWith(this.#prefix)) return;
    const kept = this.#watches.get(token.slice(this.#prefix.length));
    if (!kept) return;
    kept.more ||= more;
    for (const path of paths) {
      if (kept.paths.size < MOST_KEPT) kept.paths.add(path);
      else kept.more = true;
    }
    this.#tell();
  }

  #tell(): void {
    if (this.#isBehind()) {
      this.#retry ??= setTimeout(() => {
        this.#retry = null;
        this.#tell();
      }, RETRY_MS).unref();
      return;
    }
    for (const [watch, kept] of this.#watches) {
      if (kept.paths.size === 0 && !kept.more) continue;
      this.#send({ watch, paths: [...kept.paths], more: kept.more });
      kept.paths.clear();
      kept.more = false;
    }
  }
}
