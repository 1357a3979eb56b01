/** xenstore over the API: each session's watches are its own, are bounded, and end with the session. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ApiClient } from "../../core/api/client.ts";
import type { HostService } from "../../core/api/host-service.ts";
import type { Events } from "../../core/api/schema.ts";
import { builtHost } from "../built-host.ts";
import { connectInMemory, type InMemory } from "./in-memory.ts";

let host: HostService;

interface Connected extends InMemory {
  heard: Events["xenstoreChanged"][];
}
function connect(): Connected {
  const heard: Events["xenstoreChanged"][] = [];
  const connected = connectInMemory(host);
  connected.client.on("xenstoreChanged", (event) => heard.push(event));
  return { ...connected, heard };
}
const told = ({ heard }: Connected): string[] => heard.flatMap(({ paths }) => paths);
/** Sets a watch on /tool and waits for its first event, which reports that it was set. */
async function watchTool(connected: Connected): Promise<string> {
  const { watch } = await connected.client.request("xenstoreWatch", { path: "/tool" });
  await expect.poll(() => connected.heard.some((event) => event.watch === watch)).toBe(true);
  connected.heard.length = 0;
  return watch;
}
const watches = async ({ client }: Connected): Promise<number> =>
  (await client.request("xenstoreAccounts")).domains[0]!.watches;

beforeAll(async () => {
  host = builtHost({ memoryMiB: 128 });
  await host.powerOn();
});
afterAll(() => host.powerOff(1000));

describe("xenstore over the API", () => {
  it("tells the session that watches, joins what comes at once, and ends the watch with the session", async () => {
    const [a, b] = [connect(), connect()];
    const before = await watches(a);
    const watch = await watchTool(a);
    for (let i = 0; i < 700; i++)
      await b.client.request("xenstoreWrite", { path: `/tool/many/${i % 600}`, value: "x" });
    // Events come in order, so all have arrived when this one has.
    await b.client.request("xenstoreWrite", { path: "/tool/many/last", value: "x" });
    await expect.poll(() => told(a).includes("/tool/many/last") || a.heard.at(-1)?.more).toBe(true);
    expect(b.heard).toEqual([]);
    expect(a.heard.length).toBeGreaterThan(0);
    expect(a.heard.length).toBeLessThan(100);
    expect(a.heard.every((event) => event.watch === watch && event.paths.length <= 1000)).toBe(true);
    const named = new Set(told(a));
    expect(named.size === 601 || a.heard.some(({ more }) => more)).toBe(true);
    expect(await watches(b)).toBe(before + 1);
    a.session.end();
    expect(await watches(b)).toBe(before);
    await b.client.request("xenstoreRemove", { path: "/tool/many" });
    b.session.end();
  });

  it("keeps what a slow reader missed, within bounds, and tells it later", async () => {
    const [a, quick] = [connect(), connect()];
    await watchTool(a);
    await watchTool(quick);
    a.reader.backlog = 2 * 1024 * 1024;
    await a.client.request("xenstoreWrite", { path: "/tool/slow", value: "1" });
    await expect.poll(() => told(quick)).toEqual(["/tool/slow"]);
    expect(a.heard).toEqual([]);
    a.reader.backlog = 0;
    await expect.poll(() => a.heard).toMatchObject([{ paths: ["/tool/slow"], more: false }]);
    a.session.end();
    quick.session.end();
  });

  it("bounds the watches of a session, and refuses with sentences what xenstored would not take", async () => {
    const a = connect();
    for (let i = 0; i < 32; i++) await a.client.request("xenstoreWatch", { path: "/tool" });
    await expect(a.client.request("xenstoreWatch", { path: "/tool" })).rejects.toThrow(/32 watches are set already/);
    const refused: [Parameters<ApiClient["request"]>[0], unknown, RegExp][] = [
      ["xenstoreWatch", { path: "@releaseDomain" }, /must be a path/],
      ["xenstoreWrite", { path: "relative", value: "" }, /must be a path/],
      ["xenstoreWrite", { path: "/tool/x", value: "\u2603" }, /a byte in each character/],
      ["xenstoreWrite", { path: "/tool/x y", value: "" }, /is no path of xenstore/],
      ["xenstoreSetPermissions", { path: "/tool", permissions: "q1" }, /letters n, r, w, b/],
      ["xenstoreNodes", { paths: "/a\n".repeat(300) }, /path/],
      ["xenstoreNodes", { paths: ["/"] }, /string/],
      ["xenstoreRemove", { path: "/" }, /can't be removed/],
    ];
    for (const [name, args, why] of refused)
      await expect(a.client.request(name as "list", args as never), name).rejects.toThrow(why);
    expect(await a.client.request("xenstoreNodes", { paths: "/tool/xenstored\n/none" })).toMatchObject({
      nodes: [{ path: "/tool/xenstored", value: "", permissions: ["n0"], children: [] }, null],
    });
    a.session.end();
  });

  it("answers no more than it can say, and goes on when much is searched for at once", async () => {
    const a = connect();
    for (let i = 0; i < 1000; i++) await a.client.request("xenstoreMkdir", { path: `/tool/wide/${i}` });
    await expect(
      a.client.request("xenstoreNodes", { paths: Array<string>(200).fill("/tool/wide").join("\n") }),
    ).rejects.toThrow(/too many children/);
    const searches = Array.from({ length: 100 }, () =>
      a.client.request("xenstoreSearch", { text: "9", below: "/tool" }),
    );
    await expect(a.client.request("list")).resolves.toHaveLength(1);
    const results = await Promise.all(searches);
    expect(results.every(({ matches, more }) => matches.length === 200 && more)).toBe(true);
    await a.client.request("xenstoreRemove", { path: "/tool/wide" });
    a.session.end();
  });

  it("finds by name and value, by path only when the text has a slash, and says all limits", async () => {
    const a = connect();
    await a.client.request("xenstoreWrite", { path: "/tool/found/here", value: "gr\xc3\xbcn\0" });
    const paths = async (text: string): Promise<string[]> =>
      (await a.client.request("xenstoreSearch", { text, below: "/tool" })).matches.map(({ path: each }) => each);
    expect(await paths("FOUND")).toEqual(["/tool/found"]);
    expect(await paths("ol/found/h")).toEqual(["/tool/found/here"]);
    expect(await paths("\xbcn\0")).toEqual(["/tool/found/here"]);
    expect(await paths("/nowhere")).toEqual([]);
    const { quota, domains } = await a.client.request("xenstoreAccounts");
    expect(quota).toEqual({
      nodes: 1000,
      nodeSize: 2048,
      permissions: 5,
      pathLength: 2048,
      watches: 128,
      transactions: 10,
      transactionNodes: 1024,
      transactionChanges: 2048,
      replies: 20,
      bytes: 1 << 20,
    });
    expect(domains[0]).toMatchObject({ domid: 0, transactions: 0, touched: 0 });
    await a.client.request("xenstoreRemove", { path: "/tool/found" });
    a.session.end();
  });

  it("forgets the watches of a power cycle, whose xenstored is gone", async () => {
    const a = connect();
    const { watch } = await a.client.request("xenstoreWatch", { path: "/tool" });
    await host.powerOff(0);
    await host.powerOn();
    const again = await a.client.request("xenstoreWatch", { path: "/tool" });
    expect(again.watch).not.toBe(watch);
    expect(await a.client.request("xenstoreUnwatch", { watch })).toBe(null);
    await expect.poll(() => a.heard.some((event) => event.watch === again.watch)).toBe(true);
    a.heard.length = 0;
    await a.client.request("xenstoreWrite", { path: "/tool/new", value: "1" });
    await expect.poll(() => a.heard).toMatchObject([{ watch: again.watch, paths: ["/tool/new"] }]);
    a.session.end();
  });
});
