/** Messages about xenstore, as dom0 sees it. */

export interface XenstoreNode {
  path: string;
  value: string;
  /** As in xenstore-ls -p: "n0", "r5". The first one names the owner. */
  permissions: string[];
  children: string[];
}

/** Nodes whose name or value contains the text; or whose path does, if the text has a slash. `more` is set if there are others. */
export interface XenstoreMatches {
  matches: { path: string; value: string; permissions: string[] }[];
  more: boolean;
}

/** What a domain takes up in xenstored. dom0 has no quota. */
export interface XenstoreAccount {
  domid: number;
  name: string;
  nodes: number;
  watches: number;
  /** The transactions that are open now, and the number of nodes that the largest of them has touched. */
  transactions: number;
  touched: number;
  /** Replies and events that the domain has not taken yet. */
  waitingReplies: number;
  waitingBytes: number;
  /** xenstored no longer listens to the domain, because it broke the ring's protocol. */
  broken: boolean;
  /** Since the domain was introduced. All except `conflicts` count what was asked; a conflict was answered EAGAIN. */
  requests: number;
  events: number;
  begun: number;
  committed: number;
  conflicts: number;
}

export interface XenstoreAccounts {
  nodes: number;
  /** For each domain. Sizes are in bytes; `permissions` is for one node, and `transactionNodes` and `transactionChanges` are for one transaction. */
  quota: {
    nodes: number;
    nodeSize: number;
    permissions: number;
    pathLength: number;
    watches: number;
    transactions: number;
    transactionNodes: number;
    transactionChanges: number;
    replies: number;
    bytes: number;
  };
  domains: XenstoreAccount[];
}

/** Requests: name → arguments and result. */
export interface XenstoreRequests {
  xenstoreRead: { args: { path: string }; result: XenstoreNode };
  xenstoreList: { args: { path: string }; result: string[] };
  /** In the order in which they were asked for; null where there is no node. */
  xenstoreNodes: { args: { paths: string[] }; result: { nodes: (XenstoreNode | null)[] } };
  xenstoreSearch: { args: { text: string; below: string }; result: XenstoreMatches };
  xenstoreAccounts: { args: Record<string, never>; result: XenstoreAccounts };
  /** Written as dom0, who may do everything. Each character of a value is a byte. */
  xenstoreWrite: { args: { path: string; value: string }; result: null };
  xenstoreMkdir: { args: { path: string }; result: null };
  xenstoreRemove: { args: { path: string }; result: null };
  xenstoreSetPermissions: { args: { path: string; permissions: string[] }; result: null };
  /** Changes under the path become `xenstore` events with this token. */
  xenstoreWatch: { args: { path: string; token: string }; result: null };
  xenstoreUnwatch: { args: { token: string }; result: null };
}
