/** What is said of xenstore, as dom0 sees it. */

export interface XenstoreNode {
  path: string;
  value: string;
  /** As xenstore-ls -p: "n0", "r5". The first names the owner. */
  permissions: string[];
  children: string[];
}

/** Nodes whose name, or path if the text has a slash, or value has the text; `more` when there are others. */
export interface XenstoreMatches {
  matches: { path: string; value: string; permissions: string[] }[];
  more: boolean;
}

/** What a domain holds of xenstored. dom0 has no quota. */
export interface XenstoreAccount {
  domid: number;
  name: string;
  nodes: number;
  watches: number;
  /** Open now, and nodes that the largest of them has touched. */
  transactions: number;
  touched: number;
  /** Replies and events that it has not taken yet. */
  waitingReplies: number;
  waitingBytes: number;
  /** xenstored listens to it no more: it broke the ring's protocol. */
  broken: boolean;
  /** Since it was introduced: all but `conflicts` are of what was asked, conflicts were answered EAGAIN. */
  requests: number;
  events: number;
  begun: number;
  committed: number;
  conflicts: number;
}

export interface XenstoreAccounts {
  nodes: number;
  /** Per domain; sizes in bytes, `permissions` of one node, `transactionNodes` and `transactionChanges` of one transaction. */
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
  /** In the order asked for; null where there is none. */
  xenstoreNodes: { args: { paths: string[] }; result: { nodes: (XenstoreNode | null)[] } };
  xenstoreSearch: { args: { text: string; below: string }; result: XenstoreMatches };
  xenstoreAccounts: { args: Record<string, never>; result: XenstoreAccounts };
  /** As dom0, who may do everything. Each character of a value is a byte. */
  xenstoreWrite: { args: { path: string; value: string }; result: null };
  xenstoreMkdir: { args: { path: string }; result: null };
  xenstoreRemove: { args: { path: string }; result: null };
  xenstoreSetPermissions: { args: { path: string; permissions: string[] }; result: null };
  /** Changes under the path become `xenstore` events with this token. */
  xenstoreWatch: { args: { path: string; token: string }; result: null };
  xenstoreUnwatch: { args: { token: string }; result: null };
}
