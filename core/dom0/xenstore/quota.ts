/** What an unprivileged domain may use of xenstored. These are Xen's defaults; dom0 has no limits. */
export interface Quota {
  /** Number of nodes that a domain owns. */
  nodes: number;
  /** Bytes of one node: value, names of children, permissions. */
  nodeSize: number;
  watches: number;
  transactions: number;
  /** Number of requests whose reply it has not taken yet. */
  outstanding: number;
  permissions: number;
  /** Bytes of a path after /local/domain/<domid>/. */
  pathLength: number;
  /** Number of nodes that one transaction may touch. */
  transactionNodes: number;
  /** Number of changes that one transaction may make, since each is kept until it ends. */
  transactionChanges: number;
  /** Bytes of replies and events that may wait for room in its ring. If an event would exceed it, the connection ends. */
  outputBytes: number;
}

export const DEFAULT_QUOTA: Readonly<Quota> = {
  nodes: 1000,
  nodeSize: 2048,
  watches: 128,
  transactions: 10,
  outstanding: 20,
  permissions: 5,
  pathLength: 2048,
  transactionNodes: 1024,
  transactionChanges: 2048,
  outputBytes: 1 << 20,
};
