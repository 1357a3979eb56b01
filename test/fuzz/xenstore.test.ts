/**
 * A hostile domain at xenstored's ring: nearly valid requests of all kinds with what it has open, invalid bytes and indices, replies that are not
 * taken, and connections that are begun again, while dom0 and another domain go on. `XENARIUM_TRIES=100000 npx vitest run
 * test/fuzz/xenstore.test.ts`.
 */
import { describe, expect, it, vi } from "vitest";
import { LocalXenstore } from "../../core/dom0/xenstore/local.ts";
import { DEFAULT_QUOTA } from "../../core/dom0/xenstore/quota.ts";
import { XS } from "../../core/dom0/xenstore/wire.ts";
import { Xenstored } from "../../core/dom0/xenstore/xenstored.ts";
import { RingClient } from "../dom0/ring-client.ts";
import { breath } from "../breath.ts";
import { ownMilliseconds } from "../process.ts";
import { pick, random, SEED, triesOf, type Random } from "./random.ts";

const TRIES = triesOf(8000);
const HOSTILE = 5;
const SIBLING = 6;
/** A value that only its owner may see or change. */
const SECRET = "the sibling's secret";
/** The most that one request may take on a busy machine. */
const MOST_MS = 2000;
const [REQ_PROD, RSP_CONS] = [2052 >> 2, 2056 >> 2];

const types = Object.values(XS);
const paths = [
  ...["data", "data/a", "data/a/b", "device/vbd/0/state", "x", ""],
  ...["/", "/local", "/local/domain", `/local/domain/${HOSTILE}`, `/local/domain/${HOSTILE}/data`, "/tool/xenstored"],
  ...[`/local/domain/${SIBLING}`, `/local/domain/${SIBLING}/secret`, `/local/domain/${SIBLING}/mine`, "/shared"],
  ...["/local/domain/0", "/local/domain/0/name", "/vm", "/libxl", "@introduceDomain", "@releaseDomain", "@x"],
  ...["a//b", "/a/", "a b", "ä", "a".repeat(2040), "a/".repeat(1000) + "a", `/${"b".repeat(3070)}`, "c".repeat(4000)],
];
const permissions = ["n5", "r5", "b5", "w6", "n6", "n0", "r0", "b0", "b65535", "q1", "n99999", "n-1", "n", ""];

/** The usual payload of a request of each type, by the cases of payload(). */
const USUAL = new Map<number, number>([
  ...[XS.WRITE].map((type) => [type, 1] as const),
  ...[XS.WATCH, XS.UNWATCH].map((type) => [type, 2] as const),
  ...[XS.SET_PERMS].map((type) => [type, 3] as const),
  ...[XS.INTRODUCE, XS.RELEASE, XS.RESUME, XS.SET_TARGET, XS.IS_DOMAIN_INTRODUCED].map((type) => [type, 4] as const),
  ...[XS.TRANSACTION_START, XS.TRANSACTION_END, XS.CONTROL].map((type) => [type, 5] as const),
]);

function payload(chance: Random, type: number, path: string): string {
  const number = () =>
    String(pick(chance, [0, 1, HOSTILE, SIBLING, 99, 65535, 65536, -1, 2 ** 31, 2 ** 53, "x", "", "007"]));
  switch (chance(4) === 0 ? chance(7) : (USUAL.get(type) ?? 0)) {
    case 0:
      return `${path}\0`;
    case 1:
      return `${path}\0${"v".repeat(pick(chance, [0, 1, 100, 2000, 2048, 4000]))}`;
    case 2:
      return `${path}\0token${chance(200)}\0`;
    case 3:
      return `${path}\0${Array.from({ length: chance(8) }, () => `${pick(chance, permissions)}\0`).join("")}`;
    case 4:
      return `${[number(), number(), number()].slice(0, 1 + chance(3)).join("\0")}\0`;
    case 5:
      return pick(chance, ["T\0", "F\0", "T", "", "\0", "\0\0", "check\0", "quota\0", "quota\0domid watches 9\0"]);
    default:
      return Array.from({ length: chance(64) }, () => String.fromCharCode(chance(256))).join("");
  }
}

interface World {
  xenstored: Xenstored;
  dom0: LocalXenstore;
  hostile: RingClient;
  sibling: RingClient;
}

function world(): World {
  const xenstored = new Xenstored();
  const introduced = new Set([HOSTILE, SIBLING]);
  xenstored.hooks = {
    introduce: (domid) => void introduced.add(domid),
    release: (domid) => void introduced.delete(domid),
    resume: () => {},
    isIntroduced: (domid) => introduced.has(domid),
    setTarget: () => {},
  };
  const dom0 = new LocalXenstore(xenstored);
  dom0.writeAll("/local/domain/0", { name: "Domain-0" });
  for (const domid of [HOSTILE, SIBLING]) {
    dom0.mkdir(`/local/domain/${domid}`);
    dom0.setPermissions(`/local/domain/${domid}`, [`n${domid}`]);
  }
  // Everybody may write this, as after an administrator's mistake.
  dom0.write("/shared", "");
  dom0.setPermissions("/shared", ["b0"]);
  const sibling = new RingClient(xenstored, SIBLING);
  expect(sibling.request(XS.WRITE, `secret\0${SECRET}`)).toBe("OK\0");
  expect(sibling.request(XS.WATCH, "secret\0watch\0")).toBe("OK\0");
  return { xenstored, dom0, hostile: new RingClient(xenstored, HOSTILE), sibling };
}

/** Checks what must hold whatever the hostile domain has done. */
function judge({ xenstored, dom0, hostile, sibling }: World, round: number): void {
  expect(sibling.request(XS.READ, "secret\0")).toBe(SECRET);
  expect(dom0.permissions(`/local/domain/${SIBLING}/secret`)).toEqual([`n${SIBLING}`]);
  expect(sibling.request(XS.WRITE, `mine\0${round}`)).toBe("OK\0");
  expect(dom0.read(`/local/domain/${SIBLING}/mine`)).toBe(String(round));
  expect(dom0.read("/local/domain/0/name")).toBe("Domain-0");
  expect(xenstored.store.owned.get(HOSTILE) ?? 0).toBeLessThanOrEqual(DEFAULT_QUOTA.nodes + 1);
  expect(xenstored.store.owned.get(SIBLING)).toBeLessThanOrEqual(3);
  const { watches, transactions } = hostile.connection;
  expect(watches.size).toBeLessThanOrEqual(DEFAULT_QUOTA.watches);
  expect(transactions.size).toBeLessThanOrEqual(DEFAULT_QUOTA.transactions);
  for (const { size, changes } of transactions.values()) {
    expect(size).toBeLessThanOrEqual(DEFAULT_QUOTA.transactionNodes + 2);
    expect(changes).toBeLessThanOrEqual(DEFAULT_QUOTA.transactionChanges);
  }
  expect(hostile.ring.waiting.bytes).toBeLessThanOrEqual(DEFAULT_QUOTA.outputBytes + 21 * 4112);
  expect(hostile.ring.waiting.replies).toBeLessThanOrEqual(DEFAULT_QUOTA.outstanding);
  // The accounts must match what is there.
  const [reply] = [xenstored.handle(dom0.connection, XS.CONTROL, 0, Buffer.from("check\0"))];
  expect(reply.toString()).toBe("OK\0");
}

describe("a hostile domain's xenstore ring", () => {
  it(`harms nobody in ${TRIES} tries (seed ${SEED})`, async () => {
    const chance = random(SEED);
    const all = world();
    const { hostile, dom0, xenstored } = all;
    const faults = vi.spyOn(console, "error").mockImplementation(() => {});
    let slowest = 0;
    const kinds = new Map<string, number>();
    try {
      for (let i = 0; i < TRIES; i++) {
        const began = ownMilliseconds();
        const type = chance(20) === 0 ? chance(2 ** 16) : pick(chance, types);
        const open = [...hostile.connection.transactions.keys()];
        const transaction = chance(3) === 0 ? 0 : chance(8) === 0 ? chance(2 ** 32) : (pick(chance, open) ?? 0);
        const bytes = RingClient.encode(
          type,
          payload(chance, type, pick(chance, paths)).slice(0, 4096),
          transaction,
          i,
        );
        switch (chance(120)) {
          case 0:
            hostile.words[pick(chance, [REQ_PROD, RSP_CONS])] = chance(2 ** 32) | 0;
            hostile.ring.service();
            break;
          case 1:
            bytes.writeUInt32LE(pick(chance, [0, 4095, 4096, 4097, 2 ** 31, 2 ** 32 - 1]), 12);
            hostile.push(bytes);
            break;
          case 2:
            // The replies are not taken, and what others write is added.
            dom0.write(`/local/domain/${HOSTILE}/data/${chance(50)}`, "w");
            break;
          case 3:
            dom0.remove(`/local/domain/${HOSTILE}/${pick(chance, ["data", "x", "device"])}`);
            break;
          default:
            hostile.push(bytes);
        }
        if (
          hostile.ring.broken ||
          (hostile.words[RSP_CONS]! - hostile.words[RSP_CONS + 1]!) | 0 ||
          chance(2000) === 0
        ) {
          hostile.reconnect();
        }
        if (i % 3 === 0)
          for (const message of hostile.messages()) {
            const text = message.payload.toString("latin1");
            expect(text).not.toContain(SECRET);
            const kind = message.type === XS.ERROR ? text : `type ${message.type}`;
            kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
          }
        slowest = Math.max(slowest, ownMilliseconds() - began);
        if (i % 500 === 499) judge(all, i);
        // It may remove its own directory or give it to others, which ends much of what it could try.
        if (i % 20 === 0) {
          dom0.mkdir(`/local/domain/${HOSTILE}`);
          dom0.setPermissions(`/local/domain/${HOSTILE}`, [`n${HOSTILE}`]);
        }
        // Events are delivered between requests.
        if (i % 50 === 0) await (i % 500 === 0 ? breath() : Promise.resolve());
      }
      judge(all, TRIES);
      // xenstored reports a bug of its own there, and to the guest as EIO.
      expect(faults.mock.calls).toEqual([]);
      expect(kinds.has("EIO\0")).toBe(false);
    } finally {
      faults.mockRestore();
    }
    // This shows that the test did something: everything that an unprivileged domain may ask was done, and refused for each reason.
    for (const kind of [
      "EINVAL\0",
      "EACCES\0",
      "ENOENT\0",
      `type ${XS.WRITE}`,
      `type ${XS.WATCH}`,
      `type ${XS.TRANSACTION_END}`,
    ])
      expect(kinds.get(kind) ?? 0, kind).toBeGreaterThan(10);
    expect(slowest).toBeLessThan(MOST_MS);
    xenstored.forgetDomain(HOSTILE);
    expect(xenstored.store.owned.get(HOSTILE)).toBeUndefined();
  });

  it("is refused more than its quota of each kind, and nobody else notices", () => {
    const all = world();
    const { hostile } = all;
    const refusals = (times: number, ask: (i: number) => string): Set<string> => {
      const found = new Set<string>();
      for (let i = 0; i < times; i++) {
        const answer = ask(i);
        if (answer.startsWith("!")) found.add(answer);
      }
      return found;
    };
    expect(refusals(10_000, (i) => hostile.request(XS.WATCH, `data\0t${i}\0`))).toEqual(new Set(["!E2BIG"]));
    judge(all, 1);
    expect(refusals(100, () => hostile.request(XS.TRANSACTION_START, "\0"))).toEqual(new Set(["!ENOSPC"]));
    judge(all, 2);
    const [transaction] = hostile.connection.transactions.keys();
    const again = (i: number): string => hostile.request(XS.WRITE, `data\0${"v".repeat(1900)}${i}`, transaction);
    expect(refusals(5000, again)).toEqual(new Set(["!ENOSPC"]));
    judge(all, 3);
    const other = [...hostile.connection.transactions.keys()][1];
    expect(refusals(3000, (i) => hostile.request(XS.READ, `none/${i}\0`, other))).toContain("!ENOSPC");
    judge(all, 4);
    for (const id of [...hostile.connection.transactions.keys()]) hostile.request(XS.TRANSACTION_END, "F\0", id);
    expect(refusals(3000, (i) => hostile.request(XS.WRITE, `n${i % 40}/${i}\0v`))).toContain("!ENOSPC");
    judge(all, 5);
    expect(hostile.request(XS.SET_PERMS, `n1\0n5\0${"r6\0".repeat(20)}`)).toBe("!ENOSPC");
    expect(hostile.request(XS.WRITE, `n1\0${"v".repeat(3000)}`)).toBe("!ENOSPC");
    expect(hostile.request(XS.WRITE, `${"p".repeat(2049)}\0v`)).toBe("!EINVAL");
    judge(all, 6);
  });
});

describe("a domain that may write a node of another's", () => {
  it("is not its owner: it changes no permissions, not even to what they are, and gives nobody more", () => {
    const { dom0, hostile } = world();
    const node = `/local/domain/${SIBLING}/secret`;
    dom0.setPermissions(node, [`n${SIBLING}`, `b${HOSTILE}`]);
    for (const asked of [`n${SIBLING}\0b${HOSTILE}`, `b${SIBLING}`, `n${HOSTILE}`, `n${SIBLING}\0b7`])
      expect(hostile.request(XS.SET_PERMS, `${node}\0${asked}\0`)).toBe("!EACCES");
    const transaction = Number(hostile.request(XS.TRANSACTION_START, "\0").replace("\0", ""));
    expect(hostile.request(XS.SET_PERMS, `${node}\0b${SIBLING}\0`, transaction)).toBe("!EACCES");
    expect(dom0.permissions(node)).toEqual([`n${SIBLING}`, `b${HOSTILE}`]);
    // It may open its own node to others, but not give it away.
    expect(hostile.request(XS.WRITE, "own\0v")).toBe("OK\0");
    expect(hostile.request(XS.SET_PERMS, `own\0n${HOSTILE}\0r${SIBLING}\0`)).toBe("OK\0");
    expect(hostile.request(XS.SET_PERMS, `own\0n${SIBLING}\0`)).toBe("!EPERM");
  });
});
