import { beforeEach, describe, expect, it } from "vitest";
import { openTransactions } from "../../core/dom0/xenstore/domains.ts";
import { LocalXenstore } from "../../core/dom0/xenstore/local.ts";
import { XS } from "../../core/dom0/xenstore/wire.ts";
import { Xenstored } from "../../core/dom0/xenstore/xenstored.ts";
import { RingClient } from "./ring-client.ts";

/** xenstored does what it has postponed before the loop turns, and tells dom0 in the turn after. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

let xenstored: Xenstored;
let dom0: LocalXenstore;
let guest: RingClient;

beforeEach(() => {
  xenstored = new Xenstored();
  dom0 = new LocalXenstore(xenstored);
  dom0.mkdir("/local/domain/5");
  dom0.setPermissions("/local/domain/5", ["n5"]);
  guest = new RingClient(xenstored, 5);
});

const begin = (client: RingClient): number => Number(client.request(XS.TRANSACTION_START, "\0").replace("\0", ""));

describe("what a domain has open", () => {
  it("is counted by transactions, and by the nodes that the largest has touched", () => {
    for (let i = 0; i < 3; i++) guest.request(XS.WRITE, `data/${i}\0`);
    expect(openTransactions(guest.connection)).toEqual({ transactions: 0, touched: 0 });
    const [small, large] = [begin(guest), begin(guest)];
    guest.request(XS.READ, "data/0\0", small);
    for (let i = 0; i < 3; i++) guest.request(XS.READ, `data/${i}\0`, large);
    expect(openTransactions(guest.connection)).toEqual({ transactions: 2, touched: 3 });
    guest.request(XS.TRANSACTION_END, "F\0", large);
    expect(openTransactions(guest.connection)).toEqual({ transactions: 1, touched: 1 });
  });
});

describe("operations over the ring", () => {
  it("writes, reads, lists and removes with relative and absolute paths", () => {
    expect(guest.request(XS.WRITE, "data/a\0hello")).toBe("OK\0");
    expect(guest.request(XS.READ, "/local/domain/5/data/a\0")).toBe("hello");
    expect(guest.request(XS.MKDIR, "data/b\0")).toBe("OK\0");
    expect(guest.request(XS.DIRECTORY, "data\0")).toBe("a\0b\0");
    expect(guest.request(XS.RM, "data\0")).toBe("OK\0");
    expect(guest.request(XS.READ, "data/a\0")).toBe("!ENOENT");
    expect(guest.request(XS.RM, "data\0")).toBe("OK\0");
    expect(guest.request(XS.RM, "data/x/y\0")).toBe("!ENOENT");
    expect(guest.request(XS.GET_DOMAIN_PATH, "7\0")).toBe("/local/domain/7\0");
    expect(guest.request(XS.IS_DOMAIN_INTRODUCED, "0\0")).toBe("T\0");
    expect(guest.request(XS.IS_DOMAIN_INTRODUCED, "9\0")).toBe("F\0");
    expect(guest.request(XS.DIRECTORY, "\0")).toBe("!EINVAL");
  });

  it("keeps binary values and empty ones apart", () => {
    guest.request(XS.WRITE, "bin\0\0\x01\xff\0");
    expect(guest.request(XS.READ, "bin\0")).toBe("\0\x01\xff\0");
    guest.request(XS.WRITE, "empty\0");
    expect(guest.request(XS.READ, "empty\0")).toBe("");
  });

  it("refuses malformed paths and payloads with EINVAL", () => {
    for (const path of ["a//b", "a/", "/", "ä", "a b", "", `${"x".repeat(3100)}`, "/local/domain/5/"])
      expect([path, guest.request(XS.WRITE, `${path}\0v`)]).toEqual([path, expect.stringMatching(/^!E(INVAL|ACCES)$/)]);
    expect(guest.request(XS.READ, "no-terminator")).toBe("!EINVAL");
    expect(guest.request(XS.READ, "a\0b\0")).toBe("!EINVAL");
    expect(guest.request(XS.READ, "")).toBe("!EINVAL");
    expect(guest.request(XS.TRANSACTION_END, "X\0", 3)).toBe("!EINVAL");
    expect(guest.request(XS.TRANSACTION_END, "T\0", 3)).toBe("!ENOENT");
    expect(guest.request(XS.READ, "a\0", 77)).toBe("!ENOENT");
    expect(guest.request(XS.SET_PERMS, "a\0q5\0")).toBe("!EINVAL");
    for (const type of [15, 16, 20, 23, 0xffff]) expect(guest.request(type, "a\0")).toBe("!ENOSYS");
  });

  it("lists a directory that is larger than a payload in parts", () => {
    const names = Array.from({ length: 600 }, (_, i) => `entry-${String(i).padStart(5, "0")}`);
    for (const name of names) dom0.write(`/big/${name}`, "");
    dom0.setPermissions("/big", ["r0"]);
    expect(guest.request(XS.DIRECTORY, "/big\0")).toBe("!E2BIG");
    const found: string[] = [];
    let generation: string | null = null;
    for (let offset = 0; ;) {
      const reply = guest.request(XS.DIRECTORY_PART, `/big\0${offset}\0`);
      const [first, ...rest] = reply.split("\0");
      generation ??= first!;
      expect(first).toBe(generation);
      const end = rest.indexOf("");
      const part = rest.slice(0, end);
      found.push(...part);
      offset += part.join("\0").length + 1;
      if (end < rest.length - 1) break;
    }
    expect(found).toEqual(names);
    expect(dom0.list("/big")).toEqual(names);
  });

  it("answers requests of any split across ring wraps", () => {
    const value = "v".repeat(1500);
    for (let i = 0; i < 50; i++) {
      expect(guest.request(XS.WRITE, `n${i % 7}\0${value}${i}`)).toBe("OK\0");
      expect(guest.request(XS.READ, `n${i % 7}\0`)).toBe(`${value}${i}`);
    }
  });
});

describe("permissions", () => {
  it("keeps domains out of each other's and dom0's nodes", () => {
    dom0.write("/local/domain/6/secret", "x");
    dom0.setPermissions("/local/domain/6", ["n6"]);
    dom0.setPermissions("/local/domain/6/secret", ["n6"]);
    expect(guest.request(XS.READ, "/local/domain/6/secret\0")).toBe("!EACCES");
    expect(guest.request(XS.READ, "/local/domain/6/nothing\0")).toBe("!EACCES");
    expect(guest.request(XS.WRITE, "/local/domain/6/x\0y")).toBe("!EACCES");
    expect(guest.request(XS.WRITE, "/x\0y")).toBe("!EACCES");
    expect(guest.request(XS.RM, "/local/domain/6/secret\0")).toBe("!EACCES");
    expect(guest.request(XS.GET_PERMS, "/local/domain/6/secret\0")).toBe("!EACCES");
    dom0.setPermissions("/local/domain/6/secret", ["n6", "r5"]);
    expect(guest.request(XS.READ, "/local/domain/6/secret\0")).toBe("x");
    expect(guest.request(XS.WRITE, "/local/domain/6/secret\0y")).toBe("!EACCES");
    dom0.setPermissions("/local/domain/6/secret", ["n6", "b5"]);
    expect(guest.request(XS.WRITE, "/local/domain/6/secret\0y")).toBe("OK\0");
    expect(guest.request(XS.SET_PERMS, "/local/domain/6/secret\0n5\0")).toBe("!EACCES");
  });

  it("makes the writer the owner, inherits the rest, and keeps ownership", () => {
    dom0.setPermissions("/local/domain/5", ["n5", "r6"]);
    guest.request(XS.WRITE, "mine/deep\0v");
    expect(guest.request(XS.GET_PERMS, "mine/deep\0")).toBe("n5\0r6\0");
    expect(guest.request(XS.SET_PERMS, "mine\0n6\0")).toBe("!EPERM");
    expect(guest.request(XS.SET_PERMS, "mine\0r5\0b7\0")).toBe("OK\0");
    expect(new RingClient(xenstored, 7).request(XS.WRITE, "/local/domain/5/mine\0z")).toBe("OK\0");
    expect(new RingClient(xenstored, 8).request(XS.READ, "/local/domain/5/mine\0")).toBe("z");
  });

  it("makes the writer the owner in a directory of another's that it may write, and of what it makes there no more", () => {
    dom0.write("/shared", "");
    dom0.setPermissions("/shared", ["b0", "r6"]);
    expect(guest.request(XS.WRITE, "/shared/mine/deep\0v")).toBe("OK\0");
    for (const path of ["/shared/mine", "/shared/mine/deep"]) expect(dom0.permissions(path)).toEqual(["b5", "r6"]);
    expect(dom0.permissions("/shared")).toEqual(["b0", "r6"]);
    expect(xenstored.store.owned.get(5)).toBe(3);
  });

  it("asks for the right to write where a directory is to be made that is there", () => {
    dom0.write("/readable", "");
    dom0.setPermissions("/readable", ["r0"]);
    expect(guest.request(XS.MKDIR, "/readable\0")).toBe("!EACCES");
    dom0.setPermissions("/readable", ["b0"]);
    expect(guest.request(XS.MKDIR, "/readable\0")).toBe("OK\0");
  });

  it("leaves domain management to dom0", () => {
    for (const type of [XS.INTRODUCE, XS.RELEASE, XS.RESUME, XS.SET_TARGET])
      expect(guest.request(type, "6\x001\x002\0")).toBe("!EACCES");
    expect(guest.request(XS.CONTROL, "check\0")).toBe("!EACCES");
  });

  it("lets a device model act for its target", () => {
    guest.request(XS.WRITE, "x\0v");
    const model = new RingClient(xenstored, 9);
    expect(model.request(XS.READ, "/local/domain/5/x\0")).toBe("!EACCES");
    model.connection.target = 5;
    expect(model.request(XS.READ, "/local/domain/5/x\0")).toBe("v");
    // What others granted to its target is for it too.
    dom0.write("/for-five", "w");
    dom0.setPermissions("/for-five", ["n0", "r5"]);
    expect(model.request(XS.READ, "/for-five\0")).toBe("w");
    model.connection.target = null;
    expect(model.request(XS.READ, "/for-five\0")).toBe("!EACCES");
  });

  it("goes by the first entry that names a domain, and takes no number that is no domain's", () => {
    dom0.write("/twice", "v");
    dom0.setPermissions("/twice", ["n0", "n5", "b5"]);
    expect(guest.request(XS.READ, "/twice\0")).toBe("!EACCES");
    guest.request(XS.WRITE, "x\0v");
    expect(guest.request(XS.SET_PERMS, "x\0n5\0r65536\0")).toBe("!EINVAL");
    expect(guest.request(XS.SET_PERMS, "x\0n5\0r65535\0")).toBe("OK\0");
  });
});

describe("transactions", () => {
  it("shows changes only after commit, and none after abort", () => {
    const t = begin(guest);
    expect(guest.request(XS.WRITE, "a\x001", t)).toBe("OK\0");
    expect(guest.request(XS.READ, "a\0", t)).toBe("1");
    expect(dom0.read("/local/domain/5/a")).toBe(null);
    expect(guest.request(XS.TRANSACTION_END, "T\0", t)).toBe("OK\0");
    expect(dom0.read("/local/domain/5/a")).toBe("1");
    const u = begin(guest);
    guest.request(XS.RM, "a\0", u);
    expect(guest.request(XS.TRANSACTION_END, "F\0", u)).toBe("OK\0");
    expect(dom0.read("/local/domain/5/a")).toBe("1");
    expect(guest.request(XS.READ, "a\0", u)).toBe("!ENOENT");
  });

  it.each([
    ["a read node was written", XS.READ, "k\0", () => dom0.write("/local/domain/5/k", "2")],
    ["a written node was written", XS.WRITE, "k\x003", () => dom0.write("/local/domain/5/k", "2")],
    ["a read node was removed", XS.READ, "k\0", () => dom0.remove("/local/domain/5/k")],
    ["a missing node appeared", XS.READ, "new\0", () => dom0.write("/local/domain/5/new", "2")],
    ["a listed directory got a child", XS.DIRECTORY, "k\0", () => dom0.write("/local/domain/5/k/child", "2")],
    ["a removed tree changed below", XS.RM, "k\0", () => dom0.write("/local/domain/5/k/c", "2")],
    ["the parent went", XS.WRITE, "k/c/new\x001", () => dom0.remove("/local/domain/5/k/c")],
    ["permissions changed", XS.GET_PERMS, "k\0", () => dom0.setPermissions("/local/domain/5/k", ["b5"])],
  ])("ends with EAGAIN when %s", (_name, type, payload, others) => {
    dom0.write("/local/domain/5/k/c", "1");
    dom0.setPermissions("/local/domain/5/k", ["n5"]);
    dom0.setPermissions("/local/domain/5/k/c", ["n5"]);
    const t = begin(guest);
    guest.request(type, payload, t);
    guest.request(XS.WRITE, "unrelated\0x", t);
    others();
    expect(guest.request(XS.TRANSACTION_END, "T\0", t)).toBe("!EAGAIN");
    expect(dom0.read("/local/domain/5/unrelated")).toBe(null);
    expect(guest.request(XS.READ, "k\0", t)).toBe("!ENOENT");
  });

  it("gives no number twice when they begin anew at 2^32, and never 0", () => {
    guest.connection.nextTransaction = 1;
    const old = begin(guest);
    guest.connection.nextTransaction = 0xffff_fffe;
    const numbers = [old, begin(guest), begin(guest), begin(guest), begin(guest)];
    expect(numbers).toEqual([1, 0xffff_fffe, 0xffff_ffff, 2, 3]);
    guest.request(XS.WRITE, "k\x00last", numbers[2]!);
    guest.request(XS.WRITE, "k\x00old", old);
    expect(guest.request(XS.TRANSACTION_END, "T\0", numbers[2]!)).toBe("OK\0");
    expect(dom0.read("/local/domain/5/k")).toBe("last");
    expect(guest.request(XS.TRANSACTION_END, "T\0", old)).toBe("!EAGAIN");
  });

  it("commits beside changes elsewhere, even in the same directory", () => {
    const t = begin(guest);
    guest.request(XS.WRITE, "one\x001", t);
    dom0.write("/local/domain/5/two", "2");
    dom0.write("/elsewhere", "3");
    expect(guest.request(XS.TRANSACTION_END, "T\0", t)).toBe("OK\0");
    expect(dom0.list("/local/domain/5").sort()).toEqual(["one", "two"]);
  });

  it("retries dom0's own until it goes through", () => {
    let attempts = 0;
    dom0.write("/counter", "0");
    dom0.transaction((t) => {
      const value = Number(dom0.read("/counter", t));
      if (attempts++ < 3) dom0.write("/counter", String(attempts * 100));
      dom0.write("/counter", String(value + 1), t);
    });
    expect(attempts).toBe(4);
    expect(dom0.read("/counter")).toBe("301");
  });

  it("forbids nesting and ids of other connections", () => {
    const t = begin(guest);
    expect(guest.request(XS.TRANSACTION_START, "\0", t)).toBe("!EBUSY");
    expect(new RingClient(xenstored, 5).request(XS.READ, "a\0", t)).toBe("!ENOENT");
  });
});

describe("watches", () => {
  it("fires at once, then on changes at and below, with relative paths where asked so", async () => {
    expect(guest.request(XS.WATCH, "dir\0tok\0")).toBe("OK\0");
    await turn();
    expect(guest.messages().map(({ payload }) => payload.toString())).toEqual(["dir\0tok\0"]);
    dom0.write("/local/domain/5/dir/x", "1");
    dom0.setPermissions("/local/domain/5/dir/x", ["n5"]);
    await turn();
    expect(guest.messages().map(({ payload }) => payload.toString())).toEqual(["dir/x\0tok\0"]);
    expect(guest.request(XS.WATCH, "dir\0tok\0")).toBe("!EEXIST");
    expect(guest.request(XS.UNWATCH, "dir\0tok\0")).toBe("OK\0");
    expect(guest.request(XS.UNWATCH, "dir\0tok\0")).toBe("!ENOENT");
    dom0.write("/local/domain/5/dir/x", "2");
    await turn();
    expect(guest.messages()).toEqual([]);
  });

  it("tells a watch below a removed tree its own path", async () => {
    guest.request(XS.WRITE, "a/b/c\x001");
    guest.request(XS.WATCH, "/local/domain/5/a/b\0t\0");
    await turn();
    guest.messages();
    dom0.remove("/local/domain/5/a");
    await turn();
    expect(guest.messages().map(({ payload }) => payload.toString())).toEqual(["/local/domain/5/a/b\0t\0"]);
  });

  it("does not tell what can't be read", async () => {
    guest.request(XS.WATCH, "/secret\0t\0");
    await turn();
    guest.messages();
    dom0.write("/secret/x", "1");
    dom0.remove("/secret");
    await turn();
    expect(guest.messages()).toEqual([]);
  });

  it("fires for a committed transaction and not before", async () => {
    guest.request(XS.WATCH, "w\0t\0");
    await turn();
    guest.messages();
    const t = begin(guest);
    guest.request(XS.WRITE, "w\x001", t);
    await turn();
    expect(guest.messages()).toEqual([]);
    guest.request(XS.TRANSACTION_END, "T\0", t);
    await turn();
    expect(guest.messages().map(({ payload }) => payload.toString())).toEqual(["w\0t\0"]);
  });

  it("keeps @releaseDomain for dom0 and those it lets", async () => {
    const heard: string[] = [];
    dom0.watch("@releaseDomain", (path) => heard.push(path));
    guest.request(XS.WATCH, "@releaseDomain\0t\0");
    await turn();
    guest.messages();
    heard.length = 0;
    xenstored.fireSpecial("@releaseDomain");
    await turn();
    expect(heard).toEqual(["@releaseDomain"]);
    expect(guest.messages()).toEqual([]);
    expect(guest.request(XS.SET_PERMS, "@releaseDomain\0n5\0r5\0")).toBe("!EACCES");
    expect(guest.request(XS.GET_PERMS, "@releaseDomain\0")).toBe("n0\0");
    dom0.setPermissions("@releaseDomain", ["n0", "r5"]);
    xenstored.fireSpecial("@releaseDomain");
    await turn();
    expect(guest.messages().length).toBe(1);
  });

  it("forgets watches and transactions on RESET_WATCHES", () => {
    guest.request(XS.WATCH, "w\0t\0");
    const t = begin(guest);
    expect(guest.request(XS.RESET_WATCHES, "\0")).toBe("OK\0");
    expect(guest.request(XS.READ, "w\0", t)).toBe("!ENOENT");
    expect(guest.request(XS.WATCH, "w\0t\0")).toBe("OK\0");
  });
});

describe("quotas", () => {
  it("stops a domain at 1000 nodes, and gives them back", () => {
    let made = 0;
    for (; made < 1200; made++) if (guest.request(XS.WRITE, `q${made % 20}/n${made}\0`) !== "OK\0") break;
    // The domain's directory counts too, as do the 20 directories that hold the rest.
    expect(made).toBe(1000 - 1 - 20);
    expect(guest.request(XS.WRITE, "more\0x")).toBe("!ENOSPC");
    expect(guest.request(XS.RM, "q3\0")).toBe("OK\0");
    expect(guest.request(XS.WRITE, "more\0x")).toBe("OK\0");
    expect(dom0.read("/local/domain/5/more")).toBe("x");
    expect(xenstored.handle(dom0.connection, XS.CONTROL, 0, Buffer.from("check\0")).toString()).toBe("OK\0");
  });

  it("bounds node size, watches, transactions and permissions", () => {
    expect(guest.request(XS.WRITE, `big\0${"x".repeat(2048)}`)).toBe("!ENOSPC");
    expect(guest.request(XS.WRITE, `big\0${"x".repeat(1900)}`)).toBe("OK\0");
    for (let i = 0; i < 128; i++) expect(guest.request(XS.WATCH, `w\0t${i}\0`)).toBe("OK\0");
    expect(guest.request(XS.WATCH, "w\0t128\0")).toBe("!E2BIG");
    for (let i = 0; i < 10; i++) begin(guest);
    expect(guest.request(XS.TRANSACTION_START, "\0")).toBe("!ENOSPC");
    expect(guest.request(XS.SET_PERMS, `big\0n5\0${"r6\0".repeat(4)}`)).toBe("OK\0");
    expect(guest.request(XS.SET_PERMS, `big\0n5\0${"r6\0".repeat(5)}`)).toBe("!ENOSPC");
    expect(guest.request(XS.WRITE, `${"p/".repeat(1100)}x\0`)).toBe("!EINVAL");
    // This holds for the whole name as well, in its own directory and elsewhere, and for what is only watched.
    const long = "p".repeat(2048);
    expect(guest.request(XS.READ, `/local/domain/5/${long}\0`)).toBe("!ENOENT");
    for (const path of [`/local/domain/5/${long}p`, `/${long}`, `@${long}`])
      expect(guest.request(XS.WATCH, `${path}\0t\0`)).toBe("!EINVAL");
    // dom0 has the protocol's own limit.
    dom0.write(`/${"p".repeat(3071)}`, "");
    expect(() => dom0.write(`/${"p".repeat(3072)}`, "")).toThrow("EINVAL");
  });

  it("stops reading from a guest that doesn't take its replies", () => {
    const request = RingClient.encode(XS.READ, "nothing\0");
    let accepted = 0;
    for (let i = 0; i < 400; i++) {
      const room = 1024 - ((guest.reqProd - guest.reqCons) >>> 0);
      if (room < request.length) break;
      for (const byte of request) {
        guest.bytes[guest.reqProd % 1024] = byte;
        guest.words[2052 >> 2] = (guest.reqProd + 1) | 0;
      }
      guest.ring.service();
      accepted++;
    }
    expect(accepted).toBeLessThan(150);
    expect(guest.messages().length).toBeGreaterThan(50);
    expect(guest.request(XS.WRITE, "alive\x001")).toBe("OK\0");
  });
});

describe("hostile rings", () => {
  it("ignores a domain that announces too long a payload, and says why", () => {
    const bytes = RingClient.encode(XS.READ, "a\0");
    bytes.writeUInt32LE(4097, 12);
    guest.push(bytes);
    expect(guest.error).toBe(3);
    expect(guest.ring.broken).toBe(3);
    expect(() => guest.request(XS.READ, "a\0")).toThrow("no reply");
    expect(new RingClient(xenstored, 6).request(XS.GET_DOMAIN_PATH, "6\0")).toBe("/local/domain/6\0");
  });

  it("ignores impossible indices and recovers on reconnection", () => {
    guest.request(XS.WATCH, "w\0t\0");
    guest.words[2052 >> 2] = guest.reqCons + 2000;
    guest.ring.service();
    expect(guest.error).toBe(2);
    expect(guest.connection.watches.size).toBe(0);
    guest.words[2068 >> 2] = 1;
    guest.ring.service();
    expect(guest.words[2068 >> 2]).toBe(0);
    expect(guest.request(XS.WRITE, "again\x001")).toBe("OK\0");
  });

  it("writes no reply by an index that cannot be", () => {
    for (const consumer of [-2000, 1, 2 ** 31]) {
      const other = new RingClient(xenstored, 6);
      other.words[2056 >> 2] = consumer | 0;
      const before = Buffer.from(other.bytes.subarray(1024, 2048));
      other.push(RingClient.encode(XS.READ, "a\0"));
      expect([consumer, other.error, other.ring.broken]).toEqual([consumer, 2, 2]);
      expect(Buffer.compare(before, other.bytes.subarray(1024, 2048))).toBe(0);
    }
  });

  it("survives 3,000 garbage messages and random page contents; nobody else notices", async () => {
    let seed = 12345;
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * n);
    };
    const words = [
      "a",
      "/",
      "@releaseDomain",
      "data/x",
      "/local/domain/5/q",
      "n5",
      "T",
      "0",
      "99999",
      "-1",
      "../..",
      "\xff",
    ];
    const other = new RingClient(xenstored, 6);
    dom0.mkdir("/local/domain/6");
    dom0.setPermissions("/local/domain/6", ["n6"]);
    for (let round = 0; round < 3000; round++) {
      const parts = Array.from({ length: random(4) }, () => words[random(words.length)]);
      const payload = parts.join(random(4) ? "\0" : "") + (random(3) ? "\0" : "");
      const message = RingClient.encode(random(26), payload, random(3) ? 0 : random(20), random(1000));
      if (random(200) === 0) message.writeUInt32LE(random(2 ** 31), 12);
      guest.push(message);
      guest.messages();
      if (random(300) === 0) for (let i = 0; i < 64; i++) guest.bytes[2048 + random(64)] = random(256);
      guest.ring.service();
      if (guest.ring.broken) {
        guest.words[2068 >> 2] = 1;
        guest.ring.service();
        guest = new RingClient(xenstored, 5);
      }
      if (round % 100 === 0) expect(other.request(XS.WRITE, `n\0${round}`)).toBe("OK\0");
    }
    await turn();
    expect(xenstored.handle(dom0.connection, XS.CONTROL, 0, Buffer.from("check\0")).toString()).toBe("OK\0");
    expect(other.request(XS.READ, "n\0")).toBe("2900");
  });
});

it("forgets what a gone domain owned", async () => {
  dom0.write("/shared/x", "1");
  dom0.setPermissions("/shared/x", ["n0", "r5"]);
  guest.request(XS.WRITE, "a/b\x001");
  xenstored.forgetDomain(5);
  expect(dom0.read("/local/domain/5")).toBe(null);
  expect(dom0.permissions("/shared/x")).toEqual(["n0"]);
  expect(xenstored.handle(dom0.connection, XS.CONTROL, 0, Buffer.from("check\0")).toString()).toBe("OK\0");
});

describe("a domain that does not read its ring", () => {
  it("is not robbed of events in silence: its connection ends, which is said once, and it may have another", () => {
    const told: [number, string][] = [];
    xenstored.onTrouble = (domid, message) => told.push([domid, message]);
    const overflow = (): void => {
      guest.request(XS.WATCH, `data\0${"t".repeat(1500)}\0`);
      for (let i = 0; i < 2000 && guest.ring.broken === 0; i++) dom0.write(`/local/domain/5/data/${i}`, "");
    };
    overflow();
    expect(guest.error).toBe(1);
    expect(guest.ring.waiting).toEqual({ bytes: 0, replies: 0 });
    expect(guest.connection.watches.size).toBe(0);
    expect(told).toEqual([[5, expect.stringMatching(/^Domain 5 does not read its xenstore ring: \d+ bytes wait/)]]);
    const other = new RingClient(xenstored, 6);
    expect(other.request(XS.GET_DOMAIN_PATH, "6\0")).toBe("/local/domain/6\0");
    guest.words[2068 >> 2] = 1;
    guest.ring.service();
    expect(guest.request(XS.DIRECTORY, "data\0")).toMatch(/^!E2BIG|^0\0/);
    dom0.remove("/local/domain/5/data");
    overflow();
    expect([guest.error, told.length]).toEqual([1, 1]);
  });
});
