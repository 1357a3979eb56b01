/**
 * Clients of a running host, over its WebSocket and its local socket, that ask for anything: requests from the API's own schema, with the domains,
 * files and watches that exist. The host must go on, answer others, and say why it refuses. `XENARIUM_TRIES=100000 npx vitest run
 * test/fuzz/api.test.ts --testTimeout=3600000`.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { WebSocket } from "ws";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiClient } from "../../core/api/client.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { REQUESTS, type RequestName } from "../../core/api/schema.ts";
import { connectLocal } from "../../core/api/transport/local-client.ts";
import { serveLocal } from "../../core/api/transport/local-socket.ts";
import { connectWebSocket } from "../../core/api/transport/websocket-browser.ts";
import { serveWeb, type WebServer } from "../../core/api/transport/websocket-server.ts";
import { RequestError } from "../../core/toolstack/request-client.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { anyRequest, type Known } from "./messages.ts";
import { pick, random, SEED, triesOf } from "./random.ts";

const TRIES = triesOf(2500);
/** The number under way at once; the rest waits. */
const MOST_OPEN = 40;
const ANSWER_MS = 20_000;
const root = path.resolve(import.meta.dirname, "../..");

/** Requests that end the host are tested in test/api/power.test.ts. */
const ENDS_IT: RequestName[] = ["hostPowerOff", "hostReboot"];
const NAMES = (Object.keys(REQUESTS) as RequestName[]).filter((name) => !ENDS_IT.includes(name));

/** Requests that create or change things are made more often than others, so that the others find much. */
const CHANGES: RequestName[] = [
  // Most requests to create are refused.
  ...(["create", "create", "create", "create", "destroy"] as const),
  ...(["createBundled", "destroy", "keptStart", "keptEdit", "keptDomains", "list", "pause", "unpause"] as const),
  ...([
    "consoleAttach",
    "consoleInput",
    "takeBundled",
    "fileBegin",
    "fileChunk",
    "fileInspect",
    "fileRelease",
  ] as const),
  ...(["save", "saveCancel", "restore", "xenstoreWrite", "xenstoreRemove", "xenstoreWatch"] as const),
];

/** Requests that write to a file that they name. */
const WRITES: string[] = ["save", "dumpCore", "networkCapture"] satisfies RequestName[];

let host: HostService;
let web: WebServer;
let local: { close(): Promise<void> };
const folder = temporaryFolder("api-fuzz");
const socket = path.join(folder, "own", "host.sock");

beforeAll(async () => {
  globalThis.WebSocket ??= WebSocket as never;
  mkdirSync(path.join(folder, "given"));
  host = builtHost({
    memoryMiB: 512,
    pcpus: 2,
    libraryFolder: path.join(folder, "library"),
    history: { folder: path.join(folder, "history") },
    bootFile: path.join(folder, "boot.cfg"),
  });
  web = await serveWeb(host, path.join(root, "dist/renderer"));
  local = await serveLocal(host, socket);
  await host.powerOn();
});
afterAll(async () => {
  await host.powerOff(0);
  await web.close();
  await local.close();
});

const overWeb = async (): Promise<ApiClient> =>
  new ApiClient(await connectWebSocket(`ws://127.0.0.1:${web.port}/api`, web.token));
const overLocal = async (): Promise<ApiClient> => new ApiClient(await connectLocal(socket));

/** Rejects if nothing comes, because a client must never be left waiting. */
function within<T>(what: string, milliseconds: number, answer: Promise<T>): Promise<T> {
  let late: NodeJS.Timeout;
  const missing = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(new Error(`no answer to ${what} within ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([answer, missing]).finally(() => clearTimeout(late));
}

describe("clients that ask for anything", () => {
  it(`get answers or sentences, and harm nobody, in ${TRIES} requests (seed ${SEED})`, async () => {
    const chance = random(SEED);
    const untouched = path.join(folder, "untouched");
    writeFileSync(untouched, "the user's");
    const watcher = await overLocal();
    const { config, files } = await host.bundled(1);
    writeFileSync(path.join(folder, "given", "mini.elf"), Object.values(files)[0]!);
    const uuid = (): string => crypto.randomUUID();
    // The user's own client may name files, so each of these domains has a name of its own.
    const named = (name: string): string =>
      `name = "${name}"\nkernel = "${path.join(folder, "given", "mini.elf")}"\nmemory = 16\n`;
    const known: Known = {
      domids: [0, 1, 2, 3, 99],
      names: ["mini", "Domain-0", "nobody", "a", "x".repeat(81)],
      uuids: [uuid(), uuid()],
      files: ["f1", "f2", "f3"],
      watches: ["w1"],
      paths: ["/", "/local/domain", "/local/domain/1", "/local/domain/1/name", "/fuzz/a", "/fuzz", "/a//b", "@x"],
      configs: [
        config,
        config.replace(/name *=.*/, 'name = "fuzz"'),
        "",
        ...["b", "c", "d", "e", "f", "g"].map(named),
        "name = 5",
        `${config}\nvcpus = 2`,
        "[".repeat(99),
      ],
      fileNames: [path.join(folder, "given", "a.saved"), path.join(folder, "given", "mini.elf"), "/nowhere/a", folder],
    };
    const outcomes = new Map<string, number>();
    const bugs: string[] = [];
    const open = new Set<Promise<void>>();
    let clients = [await overWeb(), await overLocal()];
    const before = process.memoryUsage().rss;

    /** A transfer that was begun gets a first piece that fits, so that sessions come to hold files. It may be released in the meantime. */
    const sendPiece = (client: ApiClient, begun: unknown, args: unknown): Promise<void> => {
      const bytes = new Uint8Array(Math.min(64, (args as { size: number }).size));
      return client.request("fileChunk", { file: (begun as { file: string }).file, offset: 0, bytes }).then(
        () => void outcomes.set("fileChunk", (outcomes.get("fileChunk") ?? 0) + 1),
        () => {},
      );
    };

    for (let i = 0; i < TRIES; i++) {
      // Sometimes one goes in the middle of it all, and another comes.
      if (chance(400) === 0) {
        const at = chance(2);
        clients[at]!.close();
        clients = clients.with(at, at === 0 ? await overWeb() : await overLocal());
      }
      for (const [at, client] of clients.entries())
        if (client.closed !== null) clients[at] = at === 0 ? await overWeb() : await overLocal();
      const client = pick(chance, clients);
      const { request, args } = anyRequest(chance, chance(3) === 0 ? CHANGES : NAMES, known);
      // The id of a given file would be the name of a file in this folder.
      const given = args as { file?: unknown } | null | undefined;
      if (WRITES.includes(request) && known.files.includes(String(given?.file))) given!.file = known.fileNames[0];
      const ask = client.request as unknown as (request: string, args: unknown) => Promise<unknown>;
      const done = within(request, ANSWER_MS * 6, ask.call(client, request, args)).then(
        (result) => {
          outcomes.set(request, (outcomes.get(request) ?? 0) + 1);
          learn(known, request, result);
          return request === "fileBegin" ? sendPiece(client, result, args) : undefined;
        },
        (error: unknown) => {
          const { code, message } = error as RequestError;
          outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
          const isSentence = /^E[A-Z0-9]+$/.test(code) && message.length > 8;
          if (!isSentence || /\n\s+at |is not a function|of undefined|of null|call stack/.test(message))
            bugs.push(`try ${i}: ${request} ${JSON.stringify(args)?.slice(0, 300)}: ${code} ${message}`);
        },
      );
      open.add(done);
      void done.finally(() => open.delete(done));
      if (open.size >= MOST_OPEN) await Promise.race(open);
      // However fast it is asked, another client is answered in the meantime.
      if (i % 250 === 249) {
        expect(await within("hostState", ANSWER_MS, watcher.request("hostState", {}))).toMatchObject({
          power: "running",
        });
        await within("list", ANSWER_MS, watcher.request("list", {}));
        // A request that fits, since nearly all random requests are refused. There may be no memory left even for this one.
        const fits = watcher.request("create", { config: named(`w${i}`) }).then(
          () => void outcomes.set("create", (outcomes.get("create") ?? 0) + 1),
          () => {},
        );
        await within("create", ANSWER_MS * 6, fits);
      }
    }
    await within("all that is under way", ANSWER_MS * 6, Promise.all(open));
    for (const client of clients) client.close();

    expect(bugs).toEqual([]);
    // This shows that the test did something: most requests were carried out once, and many kinds of refusal were seen.
    expect(NAMES.filter((name) => outcomes.has(name)).length).toBeGreaterThan(NAMES.length / 2);
    for (const name of ["create", "consoleInput", "fileChunk", "xenstoreWrite"])
      expect(outcomes.has(name), name).toBe(true);
    expect([...outcomes.keys()].filter((key) => key.startsWith("E")).length).toBeGreaterThan(4);

    // Host, dom0 and server have not crashed: a new guest starts and answers, and the accounts are right.
    for (const { domid } of await watcher.request("list", {}))
      if (domid !== 0) await watcher.request("destroy", { domid }).catch(() => {});
    expect(await within("checkInvariants", ANSWER_MS, watcher.request("checkInvariants", {}))).toBe(0);
    const { domid } = await within("createBundled", ANSWER_MS, watcher.request("createBundled", { vcpus: 1 }));
    const shown = async (): Promise<string> =>
      Buffer.from((await watcher.request("consoleAttach", { domid })).log).toString("latin1");
    await expect.poll(shown).toContain(">");
    await watcher.request("consoleInput", { domid, bytes: Buffer.from("help\r") });
    await expect.poll(shown).toContain("help");
    watcher.close();

    // No file was touched that was not named, and no more memory is used than clients may have.
    expect(readFileSync(untouched, "utf8")).toBe("the user's");
    expect(readdirSync(path.join(folder, "given")).filter((name) => !/^(a\.saved|mini\.elf)$/.test(name))).toEqual([]);
    expect(existsSync("/nowhere")).toBe(false);
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(1500);
  }, 600_000);
});

/** Takes from an answer what later requests can name. */
function learn(known: Known, request: string, result: unknown): void {
  const keep = <T>(list: T[], value: T): void => {
    list.push(value);
    if (list.length > 12) list.splice(3, 1);
  };
  const found = (result ?? {}) as { domid?: number; uuid?: string; file?: string; watch?: string };
  if (typeof found.domid === "number") keep(known.domids, found.domid);
  if (typeof found.uuid === "string") keep(known.uuids, found.uuid);
  if (request === "fileBegin" && found.file) keep(known.files, found.file);
  if (found.watch) keep(known.watches, found.watch);
  if (request === "keptDomains")
    for (const { uuid } of (result as { uuid: string }[]).slice(-4)) keep(known.uuids, uuid);
  if (request === "list") known.domids = [0, 99, ...(result as { domid: number }[]).map(({ domid }) => domid)];
  if (request === "takeBundled")
    for (const { file } of (result as { files: { file: string }[] }).files) keep(known.files, file);
}
