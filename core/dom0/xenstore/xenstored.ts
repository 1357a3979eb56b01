/**
 * xenstored: carries out the operations of the wire protocol on the tree. Transports (ring.ts, local.ts) bring requests, and take replies and events.
 * Domains are introduced through the hooks that the owner of this provides.
 */
import { Connection } from "./connection.ts";
import { absolute, domainPath } from "./path.ts";
import { accessOf, formatPermission, parsePermission, PERM_READ, type Permissions } from "./permissions.ts";
import { DEFAULT_QUOTA, type Quota } from "./quota.ts";
import { Store, type Change } from "./store.ts";
import { Transaction } from "./transaction.ts";
import { joinStrings, PAYLOAD_MAX, splitStrings, XenstoreError, XS } from "./wire.ts";
import { send, Watches } from "./watches.ts";

/** What INTRODUCE and related operations do outside of the tree. */
export interface DomainHooks {
  /** Maps the domain's ring and binds its port. Throws XenstoreError. Also called again for a known domain. */
  introduce(domid: number, gfn: number, port: number): void;
  /** Releases both. */
  release(domid: number): void;
  /** The domain is running again, so its next shutdown is to be reported. */
  resume(domid: number): void;
  isIntroduced(domid: number): boolean;
  setTarget(domid: number, target: number): void;
}

/** Is told all changes of one request, in order, as they are made. `by` is the domain that asked; null for xenstored itself. */
export type ChangeListener = (by: number | null, changes: readonly Change[]) => void;

const OK = joinStrings("OK");
const SPECIAL = ["@introduceDomain", "@releaseDomain"] as const;
type Special = (typeof SPECIAL)[number];

export class Xenstored {
  readonly store = new Store();
  readonly watches = new Watches();
  readonly quota: Quota = { ...DEFAULT_QUOTA };
  hooks: DomainHooks | null = null;
  /** Must not call back into xenstored. */
  onChanges: ChangeListener | null = null;
  /** Is told, in a sentence, what an administrator should know of a domain's connection. */
  onTrouble: ((domid: number, message: string) => void) | null = null;
  readonly #specialPermissions = new Map<string, Permissions>();

  constructor() {
    const dom0 = new Connection(0, () => {});
    for (const path of ["/tool/xenstored", "/local/domain", "/vm", "/libxl"]) this.store.mkdir(dom0, path, this.quota);
  }

  /** Answers one request. Throws XenstoreError, which the transport sends as an ERROR message. */
  handle(connection: Connection, type: number, transactionId: number, payload: Buffer): Buffer {
    connection.counts.requests++;
    switch (type) {
      case XS.DIRECTORY:
        return this.#directory(connection, transactionId, payload);
      case XS.DIRECTORY_PART:
        return this.#directoryPart(connection, transactionId, payload);
      case XS.READ:
        return this.#read(connection, transactionId, payload);
      case XS.WRITE:
        return this.#write(connection, transactionId, payload);
      case XS.MKDIR:
        return this.#mkdir(connection, transactionId, payload);
      case XS.RM:
        return this.#rm(connection, transactionId, payload);
      case XS.GET_PERMS:
        return this.#getPermissions(connection, transactionId, payload);
      case XS.SET_PERMS:
        return this.#setPermissions(connection, transactionId, payload);
      case XS.WATCH:
        return this.#watch(connection, payload);
      case XS.UNWATCH:
        return this.#unwatch(connection, payload);
      case XS.RESET_WATCHES:
        this.resetConnection(connection);
        return OK;
      case XS.TRANSACTION_START:
        return this.#transactionStart(connection, transactionId);
      case XS.TRANSACTION_END:
        return this.#transactionEnd(connection, transactionId, payload);
      case XS.GET_DOMAIN_PATH:
        return joinStrings(domainPath(domidArgument(oneString(payload))));
      case XS.IS_DOMAIN_INTRODUCED:
        return joinStrings(this.#isIntroduced(domidArgument(oneString(payload))) ? "T" : "F");
      case XS.INTRODUCE:
      case XS.RELEASE:
      case XS.RESUME:
      case XS.SET_TARGET:
        return this.#domainOperation(connection, type, payload);
      case XS.CONTROL:
        return this.#control(connection, payload);
      default:
        throw new XenstoreError("ENOSYS");
    }
  }

  report(domid: number, message: string): void {
    this.onTrouble?.(domid, message);
  }

  /** Forgets a connection's watches and transactions. */
  resetConnection(connection: Connection): void {
    this.watches.removeAll(connection);
    connection.transactions.clear();
  }

  /** Fires a special watch, also for domains to which SET_PERMS has given it. */
  fireSpecial(name: Special): void {
    const permissions = this.#specialPermissions.get(name);
    this.watches.fireSpecial(
      name,
      (connection) =>
        connection.privileged || (permissions !== undefined && (accessOf(permissions, connection) & PERM_READ) !== 0),
    );
  }

  /** Removes what a gone domain owned. */
  forgetDomain(domid: number): void {
    this.#changed(null, this.store.forgetDomain(domid));
  }

  #changed(by: number | null, changes: readonly Change[]): void {
    this.onChanges?.(by, changes);
    this.watches.fire(changes);
  }

  #path(connection: Connection, path: string): string {
    return absolute(path, connection.domid, connection.privileged ? Infinity : this.quota.pathLength);
  }

  #transaction(connection: Connection, id: number): Transaction | null {
    if (id === 0) return null;
    const transaction = connection.transactions.get(id);
    if (!transaction) throw new XenstoreError("ENOENT");
    const { transactionNodes, transactionChanges } = this.quota;
    if (!connection.privileged && (transaction.size > transactionNodes || transaction.changes >= transactionChanges))
      throw new XenstoreError("ENOSPC");
    return transaction;
  }

  #directory(connection: Connection, transactionId: number, payload: Buffer): Buffer {
    const path = this.#path(connection, oneString(payload));
    const names = this.#list(connection, transactionId, path).names;
    const reply = names.length ? joinStrings(...names) : Buffer.alloc(0);
    if (reply.length > PAYLOAD_MAX) throw new XenstoreError("E2BIG");
    return reply;
  }

  #list(connection: Connection, transactionId: number, path: string): { names: string[]; generation: number } {
    const transaction = this.#transaction(connection, transactionId);
    transaction?.noteList(path);
    const node = (transaction?.store ?? this.store).read(connection, path);
    return { names: [...node.children.keys()], generation: node.listGeneration };
  }

  #directoryPart(connection: Connection, transactionId: number, payload: Buffer): Buffer {
    const [name, offsetText, ...rest] = splitStrings(payload);
    if (offsetText === undefined || rest.length || !/^\d{1,9}$/.test(offsetText)) throw new XenstoreError("EINVAL");
    const path = this.#path(connection, name!);
    const { names, generation } = this.#list(connection, transactionId, path);
    const all = joinStrings(...names);
    const prefix = joinStrings(String(generation));
    const offset = Math.min(Number(offsetText), all.length);
    const room = PAYLOAD_MAX - prefix.length - 1;
    // The rest fits, and a further zero byte marks the end of the list.
    if (all.length - offset <= room) return Buffer.concat([prefix, all.subarray(offset), Buffer.alloc(1)]);
    const end = all.lastIndexOf(0, offset + room - 1) + 1;
    return Buffer.concat([prefix, all.subarray(offset, Math.max(end, offset))]);
  }

  #read(connection: Connection, transactionId: number, payload: Buffer): Buffer {
    const path = this.#path(connection, oneString(payload));
    const transaction = this.#transaction(connection, transactionId);
    transaction?.noteRead(path);
    return (transaction?.store ?? this.store).read(connection, path).value;
  }

  /** Makes a change in the transaction, or else on the tree, and then fires the watches. */
  #change(
    connection: Connection,
    transactionId: number,
    path: string,
    operation: (store: Store) => Change | null,
    tree = false,
  ): Buffer {
    const transaction = this.#transaction(connection, transactionId);
    if (transaction) {
      transaction.change(path, operation, tree);
    } else {
      const change = operation(this.store);
      if (change) this.#changed(connection.domid, [change]);
    }
    return OK;
  }

  #write(connection: Connection, transactionId: number, payload: Buffer): Buffer {
    const end = payload.indexOf(0);
    if (end < 0) throw new XenstoreError("EINVAL");
    const path = this.#path(connection, payload.toString("latin1", 0, end));
    const value = Buffer.from(payload.subarray(end + 1));
    return this.#change(connection, transactionId, path, (store) => store.write(connection, path, value, this.quota));
  }

  #mkdir(connection: Connection, transactionId: number, payload: Buffer): Buffer {
    const path = this.#path(connection, oneString(payload));
    return this.#change(connection, transactionId, path, (store) => store.mkdir(connection, path, this.quota));
  }

  #rm(connection: Connection, transactionId: number, payload: Buffer): Buffer {
    const path = this.#path(connection, oneString(payload));
    return this.#change(connection, transactionId, path, (store) => store.remove(connection, path), true);
  }

  #getPermissions(connection: Connection, transactionId: number, payload: Buffer): Buffer {
    const name = oneString(payload);
    if (isSpecial(name)) {
      const permissions = this.#specialPermissions.get(name) ?? [{ domid: 0, access: 0 }];
      return joinStrings(...permissions.map(formatPermission));
    }
    const path = this.#path(connection, name);
    const transaction = this.#transaction(connection, transactionId);
    transaction?.noteRead(path);
    const node = (transaction?.store ?? this.store).read(connection, path);
    return joinStrings(...node.permissions.map(formatPermission));
  }

  #setPermissions(connection: Connection, transactionId: number, payload: Buffer): Buffer {
    const [name, ...entries] = splitStrings(payload);
    // Some clients end the list with an empty string.
    if (entries.at(-1) === "") entries.pop();
    if (entries.length === 0) throw new XenstoreError("EINVAL");
    const permissions = entries.map(parsePermission);
    if (isSpecial(name!)) {
      if (!connection.privileged) throw new XenstoreError("EACCES");
      this.#specialPermissions.set(name!, permissions);
      return OK;
    }
    const path = this.#path(connection, name!);
    return this.#change(connection, transactionId, path, (store) =>
      store.setPermissions(connection, path, permissions, this.quota),
    );
  }

  #watchArguments(connection: Connection, payload: Buffer): { given: string; path: string; token: string } {
    const [given, token] = splitStrings(payload);
    if (given === undefined || token === undefined) throw new XenstoreError("EINVAL");
    if (given.startsWith("@")) {
      if (given.length > 2048) throw new XenstoreError("EINVAL");
      return { given, path: given, token };
    }
    return { given, path: this.#path(connection, given), token };
  }

  #watch(connection: Connection, payload: Buffer): Buffer {
    const watch = { connection, ...this.#watchArguments(connection, payload) };
    if (!connection.privileged && connection.watches.size >= this.quota.watches) throw new XenstoreError("E2BIG");
    if (!this.watches.add(watch)) throw new XenstoreError("EEXIST");
    // A new watch fires once at once, but after the reply: transports deliver events after the present reply.
    queueMicrotask(() => {
      if (connection.watches.has(watch)) send(watch, watch.path);
    });
    return OK;
  }

  #unwatch(connection: Connection, payload: Buffer): Buffer {
    const { path, token } = this.#watchArguments(connection, payload);
    if (!this.watches.remove(connection, path, token)) throw new XenstoreError("ENOENT");
    return OK;
  }

  #transactionStart(connection: Connection, transactionId: number): Buffer {
    if (transactionId !== 0) throw new XenstoreError("EBUSY");
    const { transactions } = connection;
    if (!connection.privileged && transactions.size >= this.quota.transactions) throw new XenstoreError("ENOSPC");
    let id = connection.nextTransaction;
    while (id === 0 || transactions.has(id)) id = (id + 1) >>> 0;
    connection.nextTransaction = (id + 1) >>> 0;
    transactions.set(id, new Transaction(id, this.store));
    connection.counts.transactions++;
    return joinStrings(String(id));
  }

  #transactionEnd(connection: Connection, transactionId: number, payload: Buffer): Buffer {
    const answer = payload.toString("latin1");
    if (answer !== "T\0" && answer !== "F\0") throw new XenstoreError("EINVAL");
    const transaction = connection.transactions.get(transactionId);
    if (!transaction) throw new XenstoreError("ENOENT");
    connection.transactions.delete(transactionId);
    if (answer === "F\0") return OK;
    let changes: Change[];
    try {
      changes = transaction.commit(this.store);
    } catch (error) {
      connection.counts.conflicts++;
      throw error;
    }
    connection.counts.committed++;
    this.#changed(connection.domid, changes);
    return OK;
  }

  #isIntroduced(domid: number): boolean {
    return domid === 0 || (this.hooks?.isIntroduced(domid) ?? false);
  }

  #domainOperation(connection: Connection, type: number, payload: Buffer): Buffer {
    if (!connection.privileged) throw new XenstoreError("EACCES");
    const [domidText, second, third] = splitStrings(payload);
    const domid = domidArgument(domidText!);
    if (domid === 0) throw new XenstoreError("EINVAL");
    const { hooks } = this;
    if (!hooks) throw new XenstoreError("ENOSYS");
    switch (type) {
      case XS.INTRODUCE:
        hooks.introduce(domid, numberArgument(second), numberArgument(third));
        this.fireSpecial("@introduceDomain");
        break;
      case XS.RELEASE:
        if (!hooks.isIntroduced(domid)) throw new XenstoreError("ENOENT");
        hooks.release(domid);
        this.forgetDomain(domid);
        this.fireSpecial("@releaseDomain");
        break;
      case XS.RESUME:
        if (!hooks.isIntroduced(domid)) throw new XenstoreError("ENOENT");
        hooks.resume(domid);
        break;
      case XS.SET_TARGET:
        if (!hooks.isIntroduced(domid)) throw new XenstoreError("ENOENT");
        hooks.setTarget(domid, domidArgument(second ?? ""));
        break;
    }
    return OK;
  }

  #control(connection: Connection, payload: Buffer): Buffer {
    if (!connection.privileged) throw new XenstoreError("EACCES");
    const [command, ...rest] = splitStrings(payload);
    switch (command) {
      case "help":
        return joinStrings("check help quota");
      case "check":
        return joinStrings(this.#check());
      case "quota":
        return joinStrings(this.#controlQuota((rest[0] ?? "").split(" ").filter(Boolean)));
      default:
        throw new XenstoreError("EINVAL");
    }
  }

  /** Counts every node again, and compares with the accounts. */
  #check(): string {
    const counted = new Map<number, number>();
    const visit = (node: Store["root"]): void => {
      const owner = node.permissions[0]!.domid;
      counted.set(owner, (counted.get(owner) ?? 0) + 1);
      for (const child of node.children.values()) visit(child);
    };
    visit(this.store.root);
    for (const domid of new Set([...counted.keys(), ...this.store.owned.keys()]))
      if (counted.get(domid) !== this.store.owned.get(domid))
        return `domain ${domid} owns ${counted.get(domid) ?? 0} nodes, the account says ${this.store.owned.get(domid) ?? 0}`;
    return "OK";
  }

  #controlQuota(words: string[]): string {
    if (words.length === 0)
      return Object.entries(this.quota)
        .map(([name, value]) => `${name}: ${value}`)
        .join("\n");
    if (words[0] !== "set") {
      return `nodes: ${this.store.owned.get(domidArgument(words[0]!)) ?? 0}`;
    }
    const [, name, value] = words;
    if (!name || !(name in this.quota)) throw new XenstoreError("EINVAL");
    this.quota[name as keyof Quota] = numberArgument(value);
    return "OK";
  }
}

function isSpecial(name: string): boolean {
  return (SPECIAL as readonly string[]).includes(name);
}

/** Returns the only string of a payload. */
function oneString(payload: Buffer): string {
  const strings = splitStrings(payload);
  if (strings.length !== 1) throw new XenstoreError("EINVAL");
  return strings[0]!;
}

function domidArgument(text: string): number {
  const domid = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(domid < 0x7ff0)) throw new XenstoreError("EINVAL");
  return domid;
}

function numberArgument(text: string | undefined): number {
  if (text === undefined || !/^\d{1,15}$/.test(text)) throw new XenstoreError("EINVAL");
  return Number(text);
}
