/** The management API as its clients meet it, both honest and hostile ones. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import path from "node:path";
import { WebSocket } from "ws";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiClient, Heard } from "../../core/api/client.ts";
import type { HostService } from "../../core/api/host-service.ts";
import type { ServerMessage, StatisticsSnapshot } from "../../core/api/schema.ts";
import { fromBytes, toBytes } from "../../core/api/transport/frame.ts";
import { connectLocal } from "../../core/api/transport/local-client.ts";
import { serveLocal } from "../../core/api/transport/local-socket.ts";
import { serveWeb, type WebServer } from "../../core/api/transport/websocket-server.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";

const root = path.resolve(import.meta.dirname, "../..");

let host: HostService;
let web: WebServer;

beforeAll(async () => {
  host = builtHost();
  web = await serveWeb(host, path.join(root, "dist/renderer"));
  await host.powerOn();
});
afterAll(async () => {
  await host.powerOff(1000);
  await web.close();
});

interface Opening {
  token?: string;
  headers?: Record<string, string>;
}
function open({ token = web.token, headers = {} }: Opening = {}): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${web.port}/api`, ["xenarium.1", `token.${token}`], { headers });
}
/** Resolves with "open", or with the status or reason with which it was refused or ended. */
function fate(socket: WebSocket): Promise<string> {
  return new Promise((resolve) => {
    socket.once("open", () => resolve("open"));
    socket.once("unexpected-response", (_request, response) => resolve(String(response.statusCode)));
    socket.once("error", (error) => resolve(error.message));
  });
}
async function connected(): Promise<{ client: ApiClient; socket: WebSocket }> {
  const socket = open();
  const heard = new Heard();
  socket.on("message", (data: Buffer) => heard.message(fromBytes(data) as ServerMessage));
  socket.on("close", (_code, reason) => heard.closed(reason.toString() || "closed"));
  const client = new ApiClient({
    send: (message) => socket.send(toBytes(message)),
    listen: (listener) => heard.listen(listener),
    close: () => socket.close(),
  });
  expect(await fate(socket)).toBe("open");
  return { client, socket };
}

function get(url: string, headers: Record<string, string> = {}): Promise<{ status: number; policy: string }> {
  return new Promise((resolve, reject) => {
    // http.request does not normalise the path, while fetch() would.
    httpRequest({ host: "127.0.0.1", port: web.port, path: url, headers }, (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, policy: String(response.headers["content-security-policy"] ?? "") });
    })
      .once("error", reject)
      .end();
  });
}

describe("the web server", () => {
  it("lets in who has the token, from its own origin, by its own name", async () => {
    const own = `http://127.0.0.1:${web.port}`;
    const tries: [Opening, string][] = [
      [{}, "open"],
      [{ headers: { Origin: own } }, "open"],
      [{ token: "" }, "401"],
      [{ token: `${web.token}x` }, "401"],
      [{ token: web.token.replace(/./g, "A") }, "401"],
      [{ headers: { Origin: "https://evil.example" } }, "403"],
      [{ headers: { Origin: "null" } }, "403"],
      [{ headers: { Host: `evil.example:${web.port}` } }, "421"],
    ];
    for (const [opening, expected] of tries) {
      const socket = open(opening);
      expect(await fate(socket), JSON.stringify(opening)).toBe(expected);
      socket.terminate();
    }
  });

  it("serves the application with a policy that has no exceptions, and nothing beside it", async () => {
    const page = await get("/");
    expect(page.status).toBe(200);
    expect(page.policy).toContain("default-src 'none'");
    expect(page.policy).not.toContain("unsafe");
    for (const url of ["/../cli.js", "/%2e%2e/cli.js", "/..%2fcli.js", "/....//cli.js", "//etc/passwd", "/%00", "/%"])
      expect((await get(url)).status, url).toBe(404);
    expect((await get("/", { Host: "evil.example" })).status).toBe(421);
  });

  it("ends a connection that sends what is no message, and serves the others", async () => {
    const { client } = await connected();
    // Arrays inside arrays, each of which claims to have 100,000 elements.
    const bomb = Buffer.concat(Array<Buffer>(300_000).fill(Buffer.from([0xdd, 0x00, 0x01, 0x86, 0xa0])));
    const nested = Buffer.alloc(1_900_000, 0x91);
    for (const bytes of [Buffer.from([0xc1]), Buffer.from("nonsense"), Buffer.from([0xdd]), bomb, nested]) {
      const { socket } = await connected();
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.send(bytes);
      await closed;
    }
    const { socket } = await connected();
    const closed = new Promise((resolve) => socket.once("close", (code) => resolve(code)));
    socket.on("error", () => {});
    socket.send(Buffer.alloc(3 * 1024 * 1024));
    expect(await closed).toBe(1009);
    expect((await client.request("hostState")).power).toBe("running");
    client.close();
  });
});

describe("requests", () => {
  it("are refused with a sentence that names what is wrong", async () => {
    const { client } = await connected();
    const untyped = client.request.bind(client) as (name: string, args?: unknown) => Promise<unknown>;
    await expect(untyped("frobnicate")).rejects.toMatchObject({
      code: "EBADREQUEST",
      message: 'There is no request "frobnicate".',
    });
    await expect(untyped("__proto__")).rejects.toMatchObject({ code: "EBADREQUEST" });
    await expect(untyped("pause", { domid: "1" })).rejects.toThrow(/pause: domid: /);
    await expect(untyped("pause", { domid: 1, extra: 1 })).rejects.toThrow(/extra/);
    await expect(untyped("pause", { domid: 77 })).rejects.toThrow(/77/);
    await expect(untyped("hostPowerOn", { memoryMiB: 1e9 })).rejects.toThrow(/memoryMiB/);
    await expect(client.request("hostPowerOn", {})).rejects.toMatchObject({ code: "EBUSY" });
    client.close();
  });

  it("reach no file of the user's from a browser, by create or otherwise", async () => {
    const { client } = await connected();
    const secret = path.join(temporaryFolder("api"), "secret.elf");
    writeFileSync(secret, "secret");
    await expect(
      client.request("create", { config: `name = "x"\nkernel = "${secret}"\nmemory = 32\n` }),
    ).rejects.toMatchObject({ code: "EACCES" });
    await expect(
      client.request("create", {
        config: `name = "x"\nkernel = "mini.elf"\nramdisk = "/etc/passwd"\nmemory = 32\n`,
        files: { "mini.elf": (await client.request("fileBegin", { name: "mini.elf", size: 0 })).file },
      }),
    ).rejects.toMatchObject({ code: "EACCES" });
    // A file's content is not found under the name of the file that it gives, because a disk is opened by its name.
    const given = async (): Promise<string> => {
      const { file } = await client.request("fileBegin", { name: "k", size: 1 });
      await client.request("fileChunk", { file, offset: 0, bytes: new Uint8Array(1) });
      return file;
    };
    const kernel = readFileSync(path.join(root, "assets/guests/mini.elf"));
    const { file: mini } = await client.request("fileBegin", { name: "mini.elf", size: kernel.length });
    await client.request("fileChunk", { file: mini, offset: 0, bytes: kernel });
    await expect(
      client.request("create", {
        config: `name = "x"\nkernel = "mini.elf"\nmemory = 32\ndisk = ["format=raw,vdev=xvda,access=r,target=${secret}"]\n`,
        files: { "mini.elf": mini, [secret]: await given() },
      }),
    ).rejects.toMatchObject({ code: "EACCES" });
    client.close();
  });

  it("take files in chunks, in order, within bounds, and forget them", async () => {
    const { client } = await connected();
    const { file } = await client.request("fileBegin", { name: "a", size: 10 });
    const chunk = (offset: number, length: number): Promise<null> =>
      client.request("fileChunk", { file, offset, bytes: new Uint8Array(length) });
    await expect(chunk(5, 5)).rejects.toThrow(/begins at 0/);
    await expect(chunk(0, 11)).rejects.toThrow(/ends by 10/);
    await chunk(0, 4);
    await expect(client.request("fileInspect", { file })).rejects.toThrow(/4 of its 10 bytes/);
    await chunk(4, 6);
    expect((await client.request("fileInspect", { file })).bootable).toBe(false);
    await client.request("fileRelease", { file });
    await expect(client.request("fileInspect", { file })).rejects.toMatchObject({ code: "ENOENT" });
    const most = 512 * 1024 * 1024;
    await expect(client.request("fileBegin", { name: "b", size: most + 1 })).rejects.toMatchObject({
      code: "EFBIG",
      message: `b has ${most + 1} bytes; allowed: up to ${most} (512 MiB).`,
    });
    await client.request("fileBegin", { name: "b", size: most });
    await client.request("fileBegin", { name: "c", size: most });
    await expect(client.request("fileBegin", { name: "d", size: 1 })).rejects.toMatchObject({ code: "ENOSPC" });
    client.close();
  });

  it("start a guest whose console and figures come as events, to who asked for them", async () => {
    const { client } = await connected();
    const { client: other } = await connected();
    let text = "";
    let others = 0;
    client.on("console", ({ bytes }) => (text += Buffer.from(bytes).toString()));
    other.on("console", () => others++);
    const figures: StatisticsSnapshot[] = [];
    client.on("statistics", (snapshot) => figures.push(snapshot));
    other.on("statistics", () => others++);
    const { domid } = await client.request("createBundled", { vcpus: 1 });
    const { log } = await client.request("consoleAttach", { domid });
    text = Buffer.from(log).toString() + text;
    await client.request("statisticsEvery", { milliseconds: 100 });
    await expect.poll(() => text, { timeout: 10_000 }).toMatch(/mini> $/);
    await client.request("consoleInput", { domid, bytes: Buffer.from("uptime\r") });
    await expect.poll(() => text, { timeout: 5000 }).toMatch(/up [\d.]+ s/);
    await expect.poll(() => figures.length, { timeout: 5000 }).toBeGreaterThan(2);
    const last = figures.at(-1)!.domains.find((each) => each.domid === domid)!;
    expect(last.hypercalls).toBeGreaterThan(0);
    expect(last.instructions).toBeGreaterThan(1000);
    expect(last.memoryPages).toBe(8192);
    await client.request("statisticsEvery", { milliseconds: 0 });
    const count = figures.length;
    expect(others).toBe(0);
    // Those of another session go on at their rate.
    await other.request("statisticsEvery", { milliseconds: 100 });
    await expect.poll(() => others, { timeout: 5000 }).toBeGreaterThan(3);
    expect(figures.length).toBeLessThanOrEqual(count + 1);
    await client.request("destroy", { domid });
    client.close();
    other.close();
  });

  it("leave nothing behind when the connection goes", async () => {
    // These belong to the earlier sessions.
    await expect.poll(() => host.listenerCount("console")).toBe(0);
    const { client, socket } = await connected();
    await client.request("xenLogAttach");
    await client.request("statisticsEvery", { milliseconds: 100 });
    expect(host.listenerCount("console")).toBe(1);
    socket.terminate();
    await expect.poll(() => host.listenerCount("console")).toBe(0);
  });
});

describe("the local socket", () => {
  const file = path.join(temporaryFolder("socket"), "sub", "host.sock");

  it("answers the user's commands; a second host does not take its place; what a killed one left is replaced", async () => {
    const first = await serveLocal(host, file);
    const client = new ApiClient(await connectLocal(file));
    expect((await client.request("list")).map(({ name }) => name)).toContain("Domain-0");
    await expect(serveLocal(host, file)).rejects.toThrow(/another Xenarium host, or another program, listens at/);
    const rude = connect(file).resume();
    rude.write(Buffer.from([0xff, 0xff, 0xff, 0x7f]));
    await new Promise((resolve) => rude.once("close", resolve));
    expect((await client.request("hostState")).power).toBe("running");
    client.close();
    await first.close();
    mkdirSync(path.dirname(file), { mode: 0o700 });
    const killed = `require("net").createServer().listen(${JSON.stringify(file)}, () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", killed]);
    expect(statSync(file).isSocket()).toBe(true);
    const second = await serveLocal(host, file);
    await second.close();
  });

  it("says how to start a host when there is none", async () => {
    await expect(connectLocal(`${file}.none`)).rejects.toThrow(/xenarium serve/);
  });
});
