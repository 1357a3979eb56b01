/** Where a page may not send the host, and the proxy that the environment names. */
import http from "node:http";
import { connect, type AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { webAddress } from "../../../core/library/downloads/address.ts";
import { ANYWHERE, internet } from "../../../core/library/downloads/reach.ts";
import { textAt, USUAL_WEB } from "../../../core/library/downloads/web.ts";
import { CERTIFICATE } from "./certificate.ts";
import { fileAnswer, startServer, type TestServer } from "./server.ts";

const web = { ...USUAL_WEB, answerMilliseconds: 2000, trusted: CERTIFICATE };
const never = new AbortController().signal;
let server: TestServer;
beforeEach(async () => {
  server = await startServer();
  server.answers.set("/x", fileAnswer(Buffer.from("here")));
});
afterEach(() => server.close());

const told = (url: string, reach: typeof ANYWHERE): Promise<string> =>
  textAt(webAddress(url), 100, web, reach, never).catch((error: Error) => error.message);

describe("a window's download", () => {
  it("goes to no address of this computer, its network or a cloud's services, however that is written", async () => {
    const reach = internet(new Set());
    const { port } = server;
    for (const host of [
      ...["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::127.0.0.1]"],
      ...["10.0.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "169.254.169.254", "198.18.0.1", "224.0.0.1"],
      ...["[fe80::1]", "[fd00:ec2::254]", "[fc00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "255.255.255.255"],
    ])
      expect(await told(`http://${host}:${port}/x`, reach), host).toMatch(/is this computer or in its own network/);
    // A name is judged by the address that it stands for.
    expect(await told(`http://localhost:${port}/x`, reach)).toMatch(/is this computer or in its own network/);
    expect(server.asked).toEqual([]);
    for (const host of ["93.184.216.34", "[2606:2800:220:1::1]", "172.32.0.1", "example.org"])
      expect(() => reach.check(webAddress(`https://${host}/x`)), host).not.toThrow();
  });

  it("reaches a server that the user has written down, by that very address, and is not led on from it", async () => {
    const other = await startServer();
    try {
      other.answers.set("/x", fileAnswer(Buffer.from("secret")));
      server.answers.set("/on", (_, response) => response.writeHead(302, { Location: `${other.origin}/x` }).end());
      const reach = internet(new Set([server.origin]));
      expect(await told(`${server.origin}/x`, reach)).toBe("here");
      expect(await told(`${other.origin}/x`, reach)).toMatch(/in its own network/);
      expect(await told(`${server.origin}/on`, reach)).toMatch(/in its own network/);
      expect(other.asked).toEqual([]);
      // The user's own command line may go anywhere.
      expect(await told(`${server.origin}/on`, ANYWHERE)).toBe("secret");
    } finally {
      await other.close();
    }
  });
});

describe("a proxy of the environment", () => {
  const NAMES = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"].flatMap((name) => [name, name.toUpperCase()]);
  let before: Record<string, string | undefined>;
  let proxy: http.Server;
  let went: string[];
  let tunnels: Duplex[];
  beforeEach(async () => {
    before = Object.fromEntries(NAMES.map((name) => [name, process.env[name]]));
    for (const name of NAMES) delete process.env[name];
    went = [];
    tunnels = [];
    proxy = http.createServer((request, response) => {
      went.push(`${request.method} ${request.url}`);
      response.end("by the proxy");
    });
    proxy.on("connect", (request, socket, head) => {
      went.push(`CONNECT ${request.url}`);
      const [, port] = request.url!.split(":");
      const to = connect(Number(port), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        to.write(head);
        to.pipe(socket).pipe(to);
      });
      for (const each of [to, socket]) each.on("error", () => {}).on("close", () => to.destroy());
      tunnels.push(socket);
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    process.env.http_proxy = process.env.HTTPS_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    for (const name of NAMES)
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    for (const each of tunnels) each.destroy();
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  });

  it("is asked for http, and tunnels https, whose certificate is still looked at", async () => {
    expect(await told("http://mirror.invalid/x", ANYWHERE)).toBe("by the proxy");
    const safe = await startServer("https");
    try {
      safe.answers.set("/x", fileAnswer(Buffer.from("safe")));
      const at = safe.origin.replace("127.0.0.1", "localhost");
      expect(await told(`${at}/x`, ANYWHERE)).toBe("safe");
      expect(went).toEqual(["GET http://mirror.invalid/x", `CONNECT localhost:${safe.port}`]);
      expect(await told(`https://mirror.invalid:${safe.port}/x`, ANYWHERE)).toMatch(
        /does not prove that it is that server/,
      );
    } finally {
      await safe.close();
    }
  });

  it("is left out for what no_proxy names, and is no way round what a window may not reach", async () => {
    process.env.no_proxy = "127.0.0.1";
    expect(await told(`${server.origin}/x`, ANYWHERE)).toBe("here");
    delete process.env.no_proxy;
    const reach = internet(new Set());
    expect(await told(`${server.origin}/x`, reach)).toMatch(/in its own network/);
    expect(await told(`http://localhost:${server.port}/x`, reach)).toMatch(/in its own network/);
    expect(went).toEqual([]);
    // A name that only the proxy can look up is for the proxy to judge.
    expect(await told("http://mirror.invalid/x", reach)).toBe("by the proxy");
  });
});
