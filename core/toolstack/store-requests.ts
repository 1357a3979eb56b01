/** xenstore as dom0 sees it, for users who look at it and edit it: nodes, search, accounts, and watches whose events are joined. */
import { openTransactions, type XenstoreDomains } from "../dom0/xenstore/domains.ts";
import type { LocalXenstore } from "../dom0/xenstore/local.ts";
import { components, join } from "../dom0/xenstore/path.ts";
import { formatPermission } from "../dom0/xenstore/permissions.ts";
import type { Node } from "../dom0/xenstore/store.ts";
import { PAYLOAD_MAX, XenstoreError } from "../dom0/xenstore/wire.ts";
import type { Xenstored } from "../dom0/xenstore/xenstored.ts";
import { Refusal } from "./error.ts";
import type { Emit } from "./lifecycle.ts";
import type { XenstoreAccounts, XenstoreMatches, XenstoreNode } from "./messages.ts";

/** dom0 has no quota, but what its users make through this file is limited all the same. */
const MOST_NODES = 100_000;
const MOST_MATCHES = 200;
/** The number of nodes that are looked at before dom0's other work has its turn. */
const NODES_PER_TURN = 2000;
const JOIN_MS = 100;
const MOST_PATHS = 500;

interface StoreParts {
  store: LocalXenstore;
  xenstored: Xenstored;
  storeDomains: XenstoreDomains;
  emit: Emit;
}

export class StoreRequests {
  readonly #parts: StoreParts;
  readonly #watches = new Map<string, () => void>();

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** Throws Refusal ENOENT if there is no such node. */
  read(path: string): XenstoreNode {
    const node = this.node(path);
    if (!node) throw new Refusal("ENOENT", `xenstore has no node ${path}.`);
    return node;
  }

  node(path: string): XenstoreNode | null {
    const node = this.#checked(path, () => this.#parts.xenstored.store.find(path));
    return node && { path, ...described(node), children: [...node.children.keys()] };
  }

  /** Throws Refusal E2BIG if they have too many children to name in one answer. */
  nodes(paths: readonly string[]): (XenstoreNode | null)[] {
    let children = 0;
    return paths.map((path) => {
      const node = this.node(path);
      children += node?.children.length ?? 0;
      if (children > MOST_NODES)
        throw new Refusal("E2BIG", "These nodes have too many children for one answer; ask for fewer of them.");
      return node;
    });
  }

  async search(text: string, below: string): Promise<XenstoreMatches> {
    const start = this.#checked(below, () => this.#parts.xenstored.store.find(below));
    const wanted = text.toLowerCase();
    // A text with a slash is part of a path. Without one, the path does not count, because every node below a directory of that name would be found.
    const named = (path: string): string => (text.includes("/") ? path : path.slice(path.lastIndexOf("/") + 1));
    const matches: XenstoreMatches["matches"] = [];
    // Nodes never change. What is walked is the tree as it was at the beginning, whatever happens between the turns.
    const ahead: [string, Node][] = start ? [[below, start]] : [];
    for (let looked = 1; ahead.length > 0; looked++) {
      const [path, node] = ahead.pop()!;
      const value = node.value.toString("latin1");
      if (named(path).toLowerCase().includes(wanted) || value.toLowerCase().includes(wanted)) {
        if (matches.length === MOST_MATCHES) return { matches, more: true };
        matches.push({ path, ...described(node) });
      }
      for (const [child, each] of [...node.children].reverse()) ahead.push([join(path, child), each]);
      if (looked % NODES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return { matches, more: false };
  }

  accounts(nameOf: (domid: number) => string): XenstoreAccounts {
    const { xenstored, storeDomains, store } = this.#parts;
    const { outstanding: replies, outputBytes: bytes, ...quota } = xenstored.quota;
    const { connection } = store;
    const dom0 = {
      domid: 0,
      watches: connection.watches.size,
      ...openTransactions(connection),
      waiting: { bytes: 0, replies: 0 },
      broken: 0,
      counts: connection.counts,
    };
    return {
      nodes: this.nodeCount(),
      quota: { ...quota, replies, bytes },
      domains: [dom0, ...storeDomains.accounts()]
        .sort((a, b) => a.domid - b.domid)
        .map(({ domid, waiting, broken, counts, ...held }) => ({
          domid,
          name: nameOf(domid),
          nodes: xenstored.store.owned.get(domid) ?? 0,
          ...held,
          waitingReplies: waiting.replies,
          waitingBytes: waiting.bytes,
          broken: broken !== 0,
          requests: counts.requests,
          events: counts.events,
          begun: counts.transactions,
          committed: counts.committed,
          conflicts: counts.conflicts,
        })),
    };
  }

  write(path: string, value: string): void {
    if (path.length + 1 + value.length > PAYLOAD_MAX)
      throw new Refusal(
        "E2BIG",
        `A path and its value have ${PAYLOAD_MAX - 1} bytes together at most, as a message of xenstore has; these have ${path.length + value.length}.`,
      );
    this.#checked(path, () => {
      this.#roomFor(path);
      this.#parts.store.write(path, value);
    });
  }

  mkdir(path: string): void {
    this.#checked(path, () => {
      this.#roomFor(path);
      this.#parts.store.mkdir(path);
    });
  }

  remove(path: string): void {
    if (path === "/") throw new Refusal("EINVAL", "The root of xenstore can't be removed.");
    this.#checked(path, () => {
      // As in xenstored: it is no error if a node does not exist, but it is one if its parent does not.
      const parent = path.slice(0, path.lastIndexOf("/")) || "/";
      if (!this.#parts.xenstored.store.find(parent)) throw new XenstoreError("ENOENT");
      this.#parts.store.remove(path);
    });
  }

  setPermissions(path: string, permissions: readonly string[]): void {
    this.#checked(path, () => this.#parts.store.setPermissions(path, permissions));
  }

  /** A token that is used again watches the new path. */
  watch(path: string, token: string): void {
    this.unwatch(token);
    const changed = new Set<string>();
    let more = false;
    let timer: NodeJS.Timeout | null = null;
    const tell = (): void => {
      timer = null;
      this.#parts.emit("xenstore", { token, paths: [...changed], more });
      changed.clear();
      more = false;
    };
    const end = this.#checked(path, () =>
      this.#parts.store.watch(path, (each) => {
        if (changed.size < MOST_PATHS || changed.has(each)) changed.add(each);
        else more = true;
        timer ??= setTimeout(tell, JOIN_MS);
      }),
    );
    this.#watches.set(token, () => {
      end();
      if (timer) clearTimeout(timer);
    });
  }

  unwatch(token: string): void {
    this.#watches.get(token)?.();
    this.#watches.delete(token);
  }

  /** The number of nodes that exist. */
  nodeCount(): number {
    let total = 0;
    for (const count of this.#parts.xenstored.store.owned.values()) total += count;
    return total;
  }

  #roomFor(path: string): void {
    if (this.#parts.xenstored.store.find(path)) return;
    if (this.nodeCount() + components(path).length > MOST_NODES)
      throw new Refusal("ENOSPC", `xenstore has ${MOST_NODES} nodes, which is as many as may be made here.`);
  }

  /** Returns what xenstored refuses as a sentence. */
  #checked<T>(path: string, body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (error instanceof XenstoreError) throw new Refusal(error.code, sentenceOf(error, path));
      throw error;
    }
  }
}

function described(node: Node): { value: string; permissions: string[] } {
  return { value: node.value.toString("latin1"), permissions: node.permissions.map(formatPermission) };
}

function sentenceOf({ code, message }: XenstoreError, path: string): string {
  switch (code) {
    case "EINVAL":
      return isPath(path)
        ? `xenstored took this for ${path} as invalid.`
        : `${path.slice(0, 100)} is no path of xenstore: it begins with / and has letters, digits and -_@ between single slashes.`;
    case "ENOENT":
      return `xenstore has no node ${path}.`;
    case "EEXIST":
      return `${path} is watched already.`;
    default:
      return `xenstored refused ${path}: ${message}.`;
  }
}

function isPath(path: string): boolean {
  try {
    components(path);
    return true;
  } catch {
    return false;
  }
}
