/** Files from the web, from servers that are honest, broken or hostile. All of them are on the loopback. */
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readChecksum } from "../../../core/library/downloads/checksum.ts";
import { Downloads, type Fetched, type Wanted } from "../../../core/library/downloads/downloads.ts";
import { ANYWHERE, type Reach } from "../../../core/library/downloads/reach.ts";
import type { Web } from "../../../core/library/downloads/web.ts";
import { KeptFolder } from "../../../core/library/kept-folder.ts";
import { temporaryFolder } from "../../temporary.ts";
import { CERTIFICATE } from "./certificate.ts";
import { brokenAfter, fileAnswer, startServer, type Answering, type TestServer } from "./server.ts";

const WEB: Web = { answerMilliseconds: 400, silenceMilliseconds: 400, pauseMilliseconds: 5, trusted: CERTIFICATE };
const BYTES = randomBytes(300_000);
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const never = new AbortController().signal;

let server: TestServer;
let folder: string;
let downloads: Downloads;

function made(): Downloads {
  const kernels = new KeptFolder(path.join(folder, "kernels"), "kernel");
  const images = new KeptFolder(path.join(folder, "images"), "disk image");
  const files = { kernel: kernels, ramdisk: kernels, disk: images };
  return new Downloads({ parts: path.join(folder, "downloads"), files }, () => {}, WEB);
}
beforeEach(async () => {
  server = await startServer();
  folder = temporaryFolder("downloads");
  downloads = made();
});
afterEach(() => server.close());

interface Asked extends Partial<Wanted> {
  reach?: Reach;
  signal?: AbortSignal;
  progress?: (done: number, total: number | null) => void;
}
function fetched(
  at: string,
  { reach = ANYWHERE, signal = never, progress = () => {}, ...rest }: Asked = {},
): Promise<Fetched> {
  const url = at.startsWith("http") ? at : server.origin + at;
  const wanted = { url, kind: "disk", name: null, bytes: null, checksum: null, checksums: null, ...rest } as const;
  return downloads.fetch(wanted, reach, progress, signal);
}
/** Returns the message with which it fails, and the error's code. */
async function failure(promise: Promise<unknown>): Promise<string> {
  const error = (await promise.then(
    () => new Error("it did not fail"),
    (each: unknown) => each,
  )) as Error & { code?: string };
  return `${error.code}: ${error.message}`;
}
/** Returns what is in the library: whole files by name, and parts. */
const kept = (): string[] => (existsSync(path.join(folder, "images")) ? readdirSync(path.join(folder, "images")) : []);
const parts = (): string[] =>
  existsSync(path.join(folder, "downloads"))
    ? readdirSync(path.join(folder, "downloads")).filter((name) => name !== "origins.json")
    : [];
const ranges = (): (string | null)[] => server.asked.map(({ range }) => range);
const answer = (at: string, how: Answering): void => void server.answers.set(at, how);

describe("a file from the web", () => {
  it("is whole in the library, with its checksum and its progress, and nothing else is left", async () => {
    answer("/a/disk.img", fileAnswer(BYTES));
    const seen: number[] = [];
    const got = await fetched("/a/disk.img", { progress: (done, total) => seen.push(done / total!) });
    expect(got).toMatchObject({ name: "disk.img", bytes: BYTES.length, sha256: sha256(BYTES), checked: null });
    expect(readFileSync(got.path).equals(BYTES)).toBe(true);
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect([kept(), parts(), downloads.all]).toEqual([["disk.img"], [], []]);
    // A second copy of the same file lies beside it, because a disk belongs to its domain alone.
    expect((await fetched("/a/disk.img")).name).toBe("disk-2.img");
  });

  it("has a name that is one file in one folder, whatever its address says", async () => {
    for (const [at, name] of [
      ["/..%2f..%2f.bashrc", "bashrc"],
      ["/a%00b%0a.img", "a-b-.img"],
      ["/%E2%80%AEgmi.exe", "gmi.exe"],
      ["/", "disk"],
      ["/x.part.part", "x"],
    ] as const) {
      answer(at, fileAnswer(BYTES.subarray(0, 100)));
      expect((await fetched(at)).name, at).toBe(name);
    }
  });

  it("is what its checksum says, or is thrown away", async () => {
    answer("/disk.img", fileAnswer(BYTES));
    const right = readChecksum(`sha256:${sha256(BYTES).toUpperCase()}`);
    expect(await fetched("/disk.img", { checksum: right })).toMatchObject({ checked: "given" });
    const other = readChecksum(sha256(Buffer.from("other")));
    expect(await failure(fetched("/disk.img", { checksum: other }))).toMatch(
      new RegExp(`EBADMSG: disk.img is not what it should be.*SHA256 is ${sha256(BYTES)} instead of ${other.hex}`),
    );
    expect([kept(), parts(), downloads.all]).toEqual([["disk.img"], [], []]);
    expect(() => readChecksum("abc")).toThrow(/no checksum; allowed: SHA-256 as 64/);
    expect(() => readChecksum(`sha512:${right.hex}`)).toThrow(/no checksum/);
  });

  it("is checked against the list beside it, by its place or its name", async () => {
    answer("/d/netboot/xen/vmlinuz", fileAnswer(BYTES));
    answer("/d/netboot/gtk/vmlinuz", fileAnswer(Buffer.from("gtk")));
    const wanted = { kind: "kernel", checksums: `${server.origin}/d/SUMS` } as const;
    const list = (text: string): void => answer("/d/SUMS", fileAnswer(Buffer.from(text)));
    list(`${sha256(Buffer.from("gtk"))}  ./netboot/gtk/vmlinuz\n${sha256(BYTES)}  ./netboot/xen/vmlinuz\n`);
    expect(await fetched("/d/netboot/xen/vmlinuz", wanted)).toMatchObject({ checked: "listed" });
    list(`SHA512 (vmlinuz) = ${createHash("sha512").update("gtk").digest("hex")}\n`);
    expect(await fetched("/d/netboot/gtk/vmlinuz", wanted)).toMatchObject({ checked: "listed" });
    list(`${"0".repeat(64)} *vmlinuz\n${"1".repeat(64)} *other/vmlinuz\n`);
    expect(await failure(fetched("/d/netboot/xen/vmlinuz", wanted))).toMatch(/several files that are called vmlinuz/);
    list("<html>not found</html>");
    expect(await failure(fetched("/d/netboot/xen/vmlinuz", wanted))).toMatch(/ENOENT: .*says nothing of vmlinuz/);
    list(`${"0".repeat(64)}  netboot/xen/vmlinuz\n`);
    expect(await failure(fetched("/d/netboot/xen/vmlinuz", wanted))).toMatch(/is not what it should be/);
    answer("/d/SUMS", (_, response) => response.writeHead(200).end(Buffer.alloc(5 * 2 ** 20, "a")));
    expect(await failure(fetched("/d/netboot/xen/vmlinuz", wanted))).toMatch(/EFBIG.*longer than 4194304 bytes/);
  });

  it("is not fetched again if it is a kernel that lies there as it came", async () => {
    answer("/vmlinuz", fileAnswer(BYTES));
    const wanted = { kind: "kernel", checksum: readChecksum(sha256(BYTES)) } as const;
    const first = await fetched("/vmlinuz", wanted);
    expect(await fetched("/vmlinuz", wanted)).toMatchObject({ path: first.path, sha256: sha256(BYTES) });
    expect(server.asked.length).toBe(1);
    writeFileSync(first.path, "changed");
    expect((await fetched("/vmlinuz", wanted)).name).toBe("vmlinuz-2");
    utimesSync(first.path, 0, 0);
    expect(server.asked.length).toBe(2);
  });
});

describe("a download that is interrupted", () => {
  it("goes on where it was when the connection breaks", async () => {
    answer("/disk.img", brokenAfter(BYTES, 200_000, fileAnswer(BYTES)));
    expect(await fetched("/disk.img")).toMatchObject({ sha256: sha256(BYTES) });
    expect(ranges()[0]).toBeNull();
    expect(ranges().slice(1)).toEqual([expect.stringMatching(/^bytes=[1-9]\d*-$/)]);
  });

  it("goes on after the application was started again", async () => {
    const broken = brokenAfter(BYTES, 200_000, (_, response) => response.destroy());
    answer("/disk.img", broken);
    expect(await failure(fetched("/disk.img"))).toMatch(/ECONNRESET: .*closed the connection before the end/);
    expect(kept()).toEqual([]);
    downloads = made();
    await downloads.start();
    const [left] = downloads.all;
    expect(left).toMatchObject({ name: "disk.img", isRunning: false, total: BYTES.length });
    expect(left!.done).toBeGreaterThan(0);
    answer("/disk.img", fileAnswer(BYTES));
    server.asked.length = 0;
    expect(await fetched("/disk.img")).toMatchObject({ sha256: sha256(BYTES) });
    expect(ranges()).toEqual([`bytes=${left!.done}-`]);
    expect([parts(), downloads.all]).toEqual([[], []]);
  });

  it("is kept when it is stopped, and thrown away when that is wanted", async () => {
    const stop = new AbortController();
    answer("/disk.img", (_, response) => {
      response.writeHead(200, { "Content-Length": BYTES.length, ETag: '"one"' });
      response.write(BYTES.subarray(0, 1000));
    });
    const running = fetched("/disk.img", { signal: stop.signal, progress: (done) => done > 0 && stop.abort() });
    expect(await failure(running)).toMatch(/abort/i);
    expect(downloads.all).toMatchObject([{ isRunning: false, done: 1000, reason: "It was stopped." }]);
    const { id } = downloads.all[0]!;
    await downloads.discard(id);
    expect([downloads.all, parts(), kept()]).toEqual([[], [], []]);
    expect(await failure(downloads.discard(id))).toMatch(/^ENOENT/);
  });

  it("begins again when the file has changed, or the server can't go on", async () => {
    const other = randomBytes(290_000);
    const hows: Answering[] = [
      // The ETag is another one, so that If-Range gives the whole file.
      fileAnswer(other, { ETag: '"two"' }),
      // The server does not give parts of files at all.
      (_, response) => response.writeHead(200, { "Content-Length": other.length }).end(other),
      // The server gives a part of another file, and lies about where it begins or what it is.
      (request, response) =>
        request.headers.range
          ? response.writeHead(206, { ETag: '"two"', "Content-Range": `bytes 0-9/${other.length}` }).end("0123456789")
          : fileAnswer(other)(request, response),
      (request, response) =>
        request.headers.range
          ? response.writeHead(206, { "Content-Range": "nonsense" }).end("0123456789")
          : fileAnswer(other)(request, response),
      (request, response) =>
        request.headers.range ? response.writeHead(416).end() : fileAnswer(other)(request, response),
    ];
    for (const [n, how] of hows.entries()) {
      answer(`/${n}.img`, brokenAfter(BYTES, 200_000, how));
      expect(await fetched(`/${n}.img`), String(n)).toMatchObject({ sha256: sha256(other) });
    }
  });

  it("never joins halves of two files: without a validator it begins again, with a checksum it finds out", async () => {
    const other = randomBytes(BYTES.length);
    answer("/plain.img", brokenAfter(BYTES, 200_000, fileAnswer(other, {}), {}));
    expect(await fetched("/plain.img")).toMatchObject({ sha256: sha256(other) });
    expect(ranges().at(-1)).toBeNull();
    answer("/sum.img", brokenAfter(BYTES, 200_000, fileAnswer(other, {}), {}));
    const checksum = readChecksum(sha256(other));
    expect(await fetched("/sum.img", { checksum })).toMatchObject({ sha256: sha256(other) });
    expect(ranges().at(-2)).toMatch(/^bytes=/);
    expect(ranges().at(-1)).toBeNull();
    // A weak ETag does not promise the same bytes.
    answer("/weak.img", brokenAfter(BYTES, 200_000, fileAnswer(other, { ETag: 'W/"one"' }), { ETag: 'W/"one"' }));
    expect(await fetched("/weak.img")).toMatchObject({ sha256: sha256(other) });
  });

  it("takes what was not on the disk yet for nothing, and what is spoiled too", async () => {
    answer(
      "/disk.img",
      brokenAfter(BYTES, 200_000, (_, response) => response.destroy()),
    );
    await failure(fetched("/disk.img"));
    const [part] = parts();
    const bytes = path.join(folder, "downloads", part!, "bytes");
    const about = path.join(folder, "downloads", part!, "about.json");
    // As a power failure leaves the file: longer than what is known to have reached the disk.
    const { durable } = JSON.parse(readFileSync(about, "utf8")) as { durable: number };
    writeFileSync(bytes, Buffer.concat([BYTES.subarray(0, durable), Buffer.alloc(70_000)]));
    answer("/disk.img", fileAnswer(BYTES));
    downloads = made();
    expect(await fetched("/disk.img")).toMatchObject({ sha256: sha256(BYTES) });
    // Also when the file that says where it comes from is no JSON.
    answer(
      "/other.img",
      brokenAfter(BYTES, 200_000, (_, response) => response.destroy()),
    );
    await failure(fetched("/other.img"));
    writeFileSync(path.join(folder, "downloads", parts()[0]!, "about.json"), "{");
    downloads = made();
    await downloads.start();
    expect([downloads.all, parts()]).toEqual([[], []]);
  });

  it("has its bound: of what runs at once, and of one address", async () => {
    const stop = new AbortController();
    answer("/slow.img", (_, response) => response.writeHead(200, { "Content-Length": 10 }).write("1"));
    const running = [1, 2, 3, 4].map((n) => failure(fetched(`/slow.img?${n}`, { signal: stop.signal })));
    await expect.poll(() => downloads.all.filter(({ done }) => done === 1).length).toBe(4);
    expect(await failure(fetched("/slow.img?5"))).toMatch(/EBUSY: 4 files are being fetched already/);
    expect(await failure(fetched("/slow.img?1"))).toMatch(/EBUSY: slow.img is being fetched already/);
    expect(await failure(downloads.discard(downloads.all[0]!.id))).toMatch(/^EBUSY/);
    stop.abort();
    await Promise.all(running);
  });
});

describe("a server that means harm", () => {
  it("does not lead to files, other schemes, out of https or in circles", async () => {
    const to =
      (location: string): Answering =>
      (_, response) =>
        response.writeHead(302, { Location: location }).end();
    answer("/file", to("file:///etc/passwd"));
    answer("/ftp", to("ftp://example.org/x"));
    answer("/data", to("data:text/plain,x"));
    answer("/nowhere", to("http://"));
    answer("/secret", to("http://user:secret@127.0.0.1/"));
    answer("/a", to("/b"));
    answer("/b", to("/a"));
    let n = 0;
    answer("/on", (_, response) => response.writeHead(302, { Location: `/on?${n++}` }).end());
    expect(await failure(fetched("/file"))).toMatch(/EINVAL: file:.*begins with file:; allowed: http:, https:/);
    expect(await failure(fetched("/ftp"))).toMatch(/begins with ftp:/);
    expect(await failure(fetched("/data"))).toMatch(/begins with data:/);
    expect(await failure(fetched("/nowhere"))).toMatch(/another address that is none/);
    expect(await failure(fetched("/secret"))).toMatch(/a user's name or password/);
    expect(await failure(fetched("/a"))).toMatch(/ELOOP: .*in a circle/);
    expect(await failure(fetched("/on"))).toMatch(/ELOOP: .*on and on: 10 times/);
    for (const url of ["file:///etc/passwd", "javascript:1", "/etc/passwd", "http://", `http://x/${"a".repeat(3000)}`])
      expect(await failure(downloads.fetch({ ...NOTHING, url }, ANYWHERE, () => {}, never)), url).toMatch(
        /^EINVAL: .* is no address to fetch from/,
      );
    const safe = await startServer("https");
    try {
      safe.answers.set("/x.img", fileAnswer(BYTES));
      safe.answers.set("/down", to(`${server.origin}/x.img`));
      answer("/up", to(`${safe.origin}/x.img`));
      expect(await fetched("/up")).toMatchObject({ sha256: sha256(BYTES) });
      expect(await failure(fetched(`${safe.origin}/down`))).toMatch(/EACCES: .*from https to http:/);
    } finally {
      await safe.close();
    }
    expect([parts(), kept()]).toEqual([[], ["up"]]);
  });

  it("has to prove who it is", async () => {
    const safe = await startServer("https");
    try {
      safe.answers.set("/x.img", fileAnswer(BYTES));
      const files = {
        kernel: new KeptFolder(folder, "x"),
        ramdisk: new KeptFolder(folder, "x"),
        disk: new KeptFolder(folder, "x"),
      };
      const { trusted: _, ...plain } = WEB;
      downloads = new Downloads({ parts: path.join(folder, "downloads"), files }, () => {}, plain);
      expect(await failure(fetched(`${safe.origin}/x.img`))).toMatch(/EACCES: .*does not prove that it is that server/);
    } finally {
      await safe.close();
    }
  });

  it("can't wait, lie about lengths, or send without end", async () => {
    answer("/silent", () => {});
    answer("/stalls", (_, response) => response.writeHead(200, { "Content-Length": 10 }).write("1"));
    answer("/long", (_, response) => response.writeHead(200, { "Content-Length": 2 ** 41 }).write("1"));
    answer("/endless", (_, response) => {
      response.writeHead(200);
      const more = (): boolean => response.write(Buffer.alloc(65536));
      response.on("drain", () => setImmediate(more));
      more();
    });
    answer("/other", fileAnswer(BYTES));
    answer("/page", (_, response) => response.writeHead(200, { "Content-Type": "text/html" }).end("<p>Log in first"));
    answer("/packed.img", (_, response) => response.writeHead(200, { "Content-Encoding": "gzip" }).end("x"));
    answer("/broken", (_, response) => void response.socket!.end("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"));
    answer("/no", (_, response) => response.writeHead(403).end());
    expect(await failure(fetched("/silent"))).toMatch(/ETIMEDOUT: 127.0.0.1:\d+ does not answer/);
    expect(await failure(fetched("/stalls"))).toMatch(/ETIMEDOUT: .*has sent nothing any more/);
    expect(await failure(fetched("/long"))).toMatch(
      /EFBIG: long has 2199023255552 bytes; allowed: up to 1099511627776/,
    );
    expect(await failure(fetched("/endless", { bytes: 200_000 }))).toMatch(
      /EFBIG: endless does not end after 200000 bytes/,
    );
    expect(await failure(fetched("/other", { bytes: 5 }))).toMatch(
      /EBADMSG: other should have 5 bytes, and .* has 300000/,
    );
    expect(await failure(fetched("/page"))).toMatch(/answers with a web page instead of the file page/);
    expect(await failure(fetched("/packed.img"))).toMatch(/sends packed.img packed \(gzip\)/);
    expect(await failure(fetched("/broken"))).toMatch(/EPROTO: .*what is no HTTP/);
    expect(await failure(fetched("/no"))).toMatch(/EACCES: .*answers 403 for \/no: it does not give that to us/);
    expect(await failure(fetched("/none"))).toMatch(/ENOENT: .*there is no such file/);
    expect(kept()).toEqual([]);
    // A download is kept if what stopped it may pass, and no other.
    expect(downloads.all.map(({ name }) => name)).toEqual(["stalls"]);
  });

  it("gives no image that would show another one of the library to a guest", async () => {
    const qcow2 = Buffer.alloc(1024);
    qcow2.write("QFI\xfb", "latin1");
    qcow2.writeUInt32BE(3, 4);
    answer("/plain.qcow2", fileAnswer(Buffer.from(qcow2)));
    expect((await fetched("/plain.qcow2")).name).toBe("plain.qcow2");
    qcow2.writeBigUInt64BE(512n, 8);
    qcow2.writeUInt32BE(9, 16);
    qcow2.write("other.img", 512);
    answer("/based.qcow2", fileAnswer(qcow2));
    expect(await failure(fetched("/based.qcow2"))).toMatch(/ENOEXEC: based.qcow2 is based on another image/);
    expect([kept(), parts(), downloads.all]).toEqual([["plain.qcow2"], [], []]);
  });
});

const NOTHING = { kind: "disk", name: null, bytes: null, checksum: null, checksums: null } as const;
