/**
 * The tree. Nodes never change: a change copies the nodes from the root down to the changed one. So a snapshot is a reference, and starting a
 * transaction costs nothing. A node that is only copied keeps its generations, by which conflicts between transactions are found.
 */
import {
  accessOf,
  PERM_NONE,
  PERM_OWNER,
  PERM_READ,
  PERM_WRITE,
  type Caller,
  type Permissions,
} from "./permissions.ts";
import { components, join } from "./path.ts";
import type { Quota } from "./quota.ts";
import { XenstoreError } from "./wire.ts";

export interface Node {
  readonly value: Buffer;
  readonly permissions: Permissions;
  readonly children: ReadonlyMap<string, Node>;
  /** Changes when value or permissions do; a node that is made again has a new one. */
  readonly generation: number;
  /** Changes when a child appears or goes. */
  readonly listGeneration: number;
}

const EMPTY = Buffer.alloc(0);
const NO_CHILDREN: ReadonlyMap<string, Node> = new Map();
/** struct xs_tdb_record_hdr and struct xs_permissions, which Xen's own xenstored counts into a node's size. */
const NODE_HEADER = 24;
const PERMISSION_SIZE = 8;

let generations = 0;

/** A change, for the watches. `removed` is the subtree that is gone. */
export interface Change {
  path: string;
  before: Node | null;
  after: Node | null;
  parentPermissions: Permissions | null;
}

/** A state of the tree, and the operations on it. An operation that throws XenstoreError has changed nothing. */
export class Store {
  root: Node;
  /** Number of nodes owned, by domid. */
  readonly owned: Map<number, number>;

  constructor(root?: Node, owned?: Map<number, number>) {
    this.root = root ?? {
      value: EMPTY,
      permissions: [{ domid: 0, access: PERM_NONE }],
      children: NO_CHILDREN,
      generation: ++generations,
      listGeneration: ++generations,
    };
    this.owned = owned ?? new Map([[0, 1]]);
  }

  /** Returns a snapshot that can be changed independently. */
  fork(): Store {
    return new Store(this.root, new Map(this.owned));
  }

  find(path: string): Node | null {
    let node: Node | undefined = this.root;
    for (const name of components(path)) {
      node = node.children.get(name);
      if (!node) return null;
    }
    return node;
  }

  /**
   * Returns the node, if the caller has all of `access`. The error is ENOENT only for a caller that may read the nearest existing ancestor, otherwise
   * EACCES.
   */
  lookup(caller: Caller, path: string, access: number): Node {
    let node = this.root;
    for (const name of components(path)) {
      const child = node.children.get(name);
      if (!child) {
        const allowed = accessOf(node.permissions, caller);
        throw new XenstoreError((allowed & (access | PERM_READ)) === 0 ? "EACCES" : "ENOENT");
      }
      node = child;
    }
    if ((accessOf(node.permissions, caller) & access) !== access) throw new XenstoreError("EACCES");
    return node;
  }

  read(caller: Caller, path: string): Node {
    return this.lookup(caller, path, PERM_READ);
  }

  /** Sets a value, and makes the node and its missing parents. */
  write(caller: Caller, path: string, value: Buffer, quota: Quota): Change {
    const before = this.find(path);
    if (!before) return this.#create(caller, path, value, quota);
    if ((accessOf(before.permissions, caller) & PERM_WRITE) === 0) throw new XenstoreError("EACCES");
    const after = { ...before, value, generation: ++generations };
    this.#checkSize(caller, after, quota);
    this.#replace(path, after);
    return { path, before, after, parentPermissions: null };
  }

  /** Makes an empty node. If it exists already, nothing changes and null is returned. */
  mkdir(caller: Caller, path: string, quota: Quota): Change | null {
    const node = this.find(path);
    if (!node) return this.#create(caller, path, EMPTY, quota);
    if ((accessOf(node.permissions, caller) & PERM_WRITE) === 0) throw new XenstoreError("EACCES");
    return null;
  }

  /** Removes a node and all below it. If only the node is missing, but not its parent, that is no error: returns null. */
  remove(caller: Caller, path: string): Change | null {
    const names = components(path);
    const last = names.pop();
    if (last === undefined) throw new XenstoreError("EINVAL");
    const parentPath = `/${names.join("/")}`;
    const parent = this.find(parentPath);
    const before = parent?.children.get(last);
    if (!parent || !before) {
      // As in Xen, the caller needs the right to read the parent.
      this.lookup(caller, parentPath, PERM_READ);
      return null;
    }
    if ((accessOf(before.permissions, caller) & PERM_WRITE) === 0) throw new XenstoreError("EACCES");
    const children = new Map(parent.children);
    children.delete(last);
    this.#replace(parentPath, { ...parent, children, listGeneration: ++generations });
    this.#disown(before);
    return { path, before, after: null, parentPermissions: parent.permissions };
  }

  setPermissions(caller: Caller, path: string, permissions: Permissions, quota: Quota): Change {
    const before = this.lookup(caller, path, PERM_WRITE | PERM_OWNER);
    if (!caller.privileged) {
      if (permissions[0]!.domid !== before.permissions[0]!.domid) throw new XenstoreError("EPERM");
      if (permissions.length > quota.permissions) throw new XenstoreError("ENOSPC");
    }
    const after = { ...before, permissions, generation: ++generations };
    this.#checkSize(caller, after, quota);
    this.#count(before.permissions[0]!.domid, -1);
    this.#count(permissions[0]!.domid, 1);
    this.#replace(path, after);
    return { path, before, after, parentPermissions: null };
  }

  /** Removes what a gone domain owned, and its entries in all permissions. */
  forgetDomain(domid: number): Change[] {
    const changes: Change[] = [];
    const visit = (node: Node, path: string): Node | null => {
      if (path !== "/" && node.permissions[0]!.domid === domid) {
        changes.push({ path, before: node, after: null, parentPermissions: null });
        this.#disown(node);
        return null;
      }
      let children: Map<string, Node> | null = null;
      for (const [name, child] of node.children) {
        const kept = visit(child, join(path, name));
        if (kept === child) continue;
        children ??= new Map(node.children);
        if (kept) children.set(name, kept);
        else children.delete(name);
      }
      let result = node;
      if (children) {
        const listGeneration = children.size === node.children.size ? node.listGeneration : ++generations;
        result = { ...result, children, listGeneration };
      }
      if (node.permissions.some((entry, i) => i > 0 && entry.domid === domid)) {
        const permissions = node.permissions.filter((entry, i) => i === 0 || entry.domid !== domid);
        result = { ...result, permissions, generation: ++generations };
      }
      return result;
    };
    this.root = visit(this.root, "/") ?? this.root;
    return changes;
  }

  #create(caller: Caller, path: string, value: Buffer, quota: Quota): Change {
    const names = components(path);
    let node = this.root;
    let depth = 0;
    for (let child; depth < names.length && (child = node.children.get(names[depth]!)); depth++) node = child;
    if ((accessOf(node.permissions, caller) & PERM_WRITE) === 0) throw new XenstoreError("EACCES");
    const owner = caller.privileged ? node.permissions[0]!.domid : caller.domid;
    // What an unprivileged domain makes belongs to it; otherwise the parent's permissions are inherited.
    const permissions = caller.privileged
      ? node.permissions
      : [{ domid: caller.domid, access: node.permissions[0]!.access }, ...node.permissions.slice(1)];
    const count = names.length - depth;
    if (!caller.privileged && (this.owned.get(owner) ?? 0) + count > quota.nodes) throw new XenstoreError("ENOSPC");
    let made: Node | null = null;
    for (let i = names.length - 1; i >= depth; i--) {
      const children: ReadonlyMap<string, Node> = made ? new Map([[names[i + 1]!, made]]) : NO_CHILDREN;
      const content = i === names.length - 1 ? value : EMPTY;
      const fresh: Node = {
        value: content,
        permissions,
        children,
        generation: ++generations,
        listGeneration: ++generations,
      };
      this.#checkSize(caller, fresh, quota);
      made = fresh;
    }
    const parent = {
      ...node,
      children: new Map(node.children).set(names[depth]!, made!),
      listGeneration: ++generations,
    };
    this.#checkSize(caller, parent, quota);
    this.#replace(`/${names.slice(0, depth).join("/")}`, parent);
    this.#count(owner, count);
    return { path, before: null, after: this.find(path), parentPermissions: null };
  }

  /** Puts `node` at `path`, which exists, and copies its ancestors. */
  #replace(path: string, node: Node): void {
    const names = components(path);
    const put = (at: Node, depth: number): Node => {
      const name = names[depth];
      if (name === undefined) return node;
      const children = new Map(at.children).set(name, put(at.children.get(name)!, depth + 1));
      return { ...at, children };
    };
    this.root = put(this.root, 0);
  }

  #checkSize(caller: Caller, node: Node, quota: Quota): void {
    if (caller.privileged) return;
    let size = NODE_HEADER + node.value.length + node.permissions.length * PERMISSION_SIZE;
    for (const name of node.children.keys()) size += name.length + 1;
    if (size >= quota.nodeSize) throw new XenstoreError("ENOSPC");
  }

  #count(domid: number, change: number): void {
    const count = (this.owned.get(domid) ?? 0) + change;
    if (count > 0) this.owned.set(domid, count);
    else this.owned.delete(domid);
  }

  #disown(node: Node): void {
    this.#count(node.permissions[0]!.domid, -1);
    for (const child of node.children.values()) this.#disown(child);
  }
}
