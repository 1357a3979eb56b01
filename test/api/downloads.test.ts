/** Downloads through the API: tasks that everybody sees and can end, the list of guests, and what a window may not do. */
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ApiClient } from "../../core/api/client.ts";
import { downloadsIn } from "../../core/api/fetching.ts";
import type { HostService } from "../../core/api/host-service.ts";
import type { DownloadReport, JournalEntry } from "../../core/api/schema.ts";
import { builtHost } from "../built-host.ts";
import { fileAnswer, startServer, type TestServer } from "../library/downloads/server.ts";
import { temporaryFolder } from "../temporary.ts";
import { connectInMemory } from "./in-memory.ts";

const BYTES = randomBytes(100_000);
let server: TestServer;
let state: string;
let host: HostService;
let window: ApiClient;
let commandLine: ApiClient;

beforeEach(async () => {
  server = await startServer();
  state = temporaryFolder("fetching");
  host = builtHost({
    imagesFolder: path.join(state, "images"),
    libraryFolder: path.join(state, "library"),
    downloads: downloadsIn(state),
  });
  window = connectInMemory(host).client;
  commandLine = connectInMemory(host, true).client;
});
afterEach(() => server.close());

const list = (guests: unknown): void => writeFileSync(path.join(state, "guests.json"), JSON.stringify({ guests }));
const GUEST = { id: "one", name: "One", architecture: "x86_64", memory: 64 };
const message = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "it did not fail",
    (error: Error & { code: string }) => `${error.code}: ${error.message}`,
  );

describe("fetching over the API", () => {
  it("is the command line's from anywhere, and a window's from servers that the user has written down", async () => {
    server.answers.set("/disk.img", fileAnswer(BYTES));
    const url = `${server.origin}/disk.img`;
    expect(await message(window.request("downloadFetch", { url, kind: "disk" }))).toMatch(
      /EACCES: 127.0.0.1:\d+ is this computer or in its own network, where a window may not send the host/,
    );
    expect(server.asked).toEqual([]);
    const fetched = await commandLine.request("downloadFetch", { url, kind: "disk" });
    expect(fetched).toMatchObject({ name: "disk.img", sha256: createHash("sha256").update(BYTES).digest("hex") });
    list([{ ...GUEST, disks: [{ url: `${server.origin}/other.img` }] }]);
    expect(await window.request("downloadFetch", { url, kind: "disk" })).toMatchObject({ name: "disk-2.img" });
    expect((await window.request("diskImages", {})).map(({ name }) => name)).toEqual(["disk-2.img", "disk.img"]);
  });

  it("is a task that another window sees, ends, and lets go on", async () => {
    list([{ ...GUEST, disks: [{ url: `${server.origin}/other.img` }] }]);
    server.answers.set("/disk.img", (_, response) =>
      response.writeHead(200, { "Content-Length": BYTES.length, ETag: '"one"' }).write(BYTES.subarray(0, 70_000)),
    );
    let entries: JournalEntry[] = [];
    let downloads: DownloadReport[] = [];
    commandLine.on("journal", (data) => (entries = data.entries));
    commandLine.on("downloads", (data) => (downloads = data.downloads));
    await commandLine.request("journalAttach", { client: "the-other-window" });
    expect(await commandLine.request("downloadsAttach", {})).toEqual({ downloads: [] });
    const url = `${server.origin}/disk.img`;
    const outcome = message(window.request("downloadFetch", { url, kind: "disk" }));
    await expect.poll(() => downloads).toMatchObject([{ url, done: 70_000, total: 100_000, isRunning: true }]);
    await expect.poll(() => entries.at(-1)).toMatchObject({ title: "Fetch disk.img", progress: 0.7, cancels: true });
    expect(await message(commandLine.request("downloadFetch", { url, kind: "disk" }))).toMatch(/^EBUSY/);
    await commandLine.request("taskCancel", { id: entries.at(-1)!.id });
    expect(await outcome).toBe("ECANCELED: It was cancelled; what has come is kept, to go on from.");
    await expect.poll(() => entries.at(-1)).toMatchObject({ state: "cancelled" });
    await expect.poll(() => downloads).toMatchObject([{ isRunning: false, done: 70_000 }]);
    server.answers.set("/disk.img", fileAnswer(BYTES));
    expect(await window.request("downloadFetch", { url, kind: "disk" })).toMatchObject({ bytes: BYTES.length });
    expect(server.asked.at(-1)).toMatchObject({ range: "bytes=70000-" });
    await expect.poll(() => downloads).toEqual([]);
  });

  it("keeps kernels by names, and gives no other file by one", async () => {
    server.answers.set("/vmlinuz", fileAnswer(BYTES));
    const { path: at } = await commandLine.request("downloadFetch", {
      url: `${server.origin}/vmlinuz`,
      kind: "kernel",
    });
    expect(path.dirname(at)).toBe(path.join(state, "kernels"));
    expect(await window.request("keptKernels", {})).toMatchObject([{ name: "vmlinuz", bytes: BYTES.length }]);
    for (const name of ["../guests.json", "..", "/etc/passwd", "vmlinuz/"])
      expect(await message(window.request("keptKernelRemove", { name })), name).toMatch(/^ENOENT/);
    await window.request("keptKernelRemove", { name: "vmlinuz" });
    expect(await window.request("keptKernels", {})).toEqual([]);
    await window.request("kernelPurge", {});
  });

  it("has kernels that were deleted in the bin for a day, and gives them back under a name that is free", async () => {
    server.answers.set("/vmlinuz-6.1.0", fileAnswer(BYTES));
    const fetched = { url: `${server.origin}/vmlinuz-6.1.0`, kind: "kernel" } as const;
    const { path: at } = await commandLine.request("downloadFetch", fetched);
    await window.request("keptKernelRemove", { name: "vmlinuz-6.1.0" });
    expect(await message(window.request("keptKernelInspect", { name: "vmlinuz-6.1.0" }))).toMatch(/^ENOENT/);
    const [entry, ...others] = await window.request("kernelBin");
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ name: "vmlinuz-6.1.0", goneAt: entry!.deletedAt + 24 * 3600_000 });
    expect(entry!.bytes).toBe(BYTES.length);
    for (const id of ["vmlinuz-6.1.0", "../guests.json", `x${entry!.id}`])
      for (const deed of ["kernelRestore", "kernelPurge"] as const)
        expect(await message(window.request(deed, { id })), id).toMatch(/^ESRCH/);
    // What is fetched again has the name by then.
    await commandLine.request("downloadFetch", fetched);
    const { path: again } = await window.request("kernelRestore", { id: entry!.id });
    expect(path.dirname(again)).toBe(path.dirname(at));
    expect(again).not.toBe(at);
    expect(readFileSync(again).equals(Buffer.from(BYTES))).toBe(true);
    expect(await window.request("kernelBin")).toEqual([]);
    for (const { name } of await window.request("keptKernels")) await window.request("keptKernelRemove", { name });
    const [one] = await window.request("kernelBin");
    await window.request("kernelPurge", { id: one!.id });
    expect(await window.request("kernelBin")).toHaveLength(1);
    await window.request("kernelPurge", {});
    expect(readdirSync(path.join(state, "kernels"))).toEqual([]);
  });

  it("lets kernels go for good after a day, but not those that somebody names by their name in the bin", async () => {
    const [day, hour] = [24 * 3600_000, 3600_000];
    server.answers.set("/vmlinuz-6.1.0", fileAnswer(BYTES));
    const { path: at } = await commandLine.request("downloadFetch", {
      url: `${server.origin}/vmlinuz-6.1.0`,
      kind: "kernel",
    });
    const deleted = 1_732_880_000_000;
    await host.fetching.kernels.bin.put(at, deleted);
    const names = async () => (await window.request("kernelBin")).map(({ name }) => name);
    for (const now of [deleted + day - 1, deleted + 400 * day, deleted, deleted + day, deleted + day + hour - 1]) {
      await host.kernels.purgeOld(now);
      expect(await names(), String(now)).toEqual(["vmlinuz-6.1.0"]);
    }
    const { id } = (await window.request("kernelBin"))[0]!;
    const uuid = "44444444-4444-4444-8444-444444444444";
    const binned = path.join(path.dirname(at), id);
    const config = `name = "odd"\nkernel = "${binned}"\nmemory = 32\n`;
    await host.library.define({ uuid, config, configName: null, files: {} });
    expect(await names()).toEqual([]);
    await host.kernels.purgeOld(deleted + 3 * day);
    expect(await window.request("keptKernels")).toMatchObject([{ path: binned }]);
    expect(await message(window.request("keptKernelRemove", { name: id }))).toMatch(/^EBUSY: odd is made of/);
    await host.library.remove(uuid);
    expect(await message(window.request("keptKernelRemove", { name: id }))).toBe(
      `EBUSY: odd, which lies in the bin, is made of ${id}: remove it there for good first.`,
    );
    await host.bin.purge(null);
    await window.request("keptKernelRemove", { name: id });
    const now = Date.now();
    for (const after of [day, day + hour]) await host.kernels.purgeOld(now + 1000 + after);
    expect(readdirSync(path.dirname(at))).toEqual([]);
  });

  it("keeps the kernel that a domain would start with if it went back to a snapshot, also one in the bin", async () => {
    server.answers.set("/vmlinuz-6.1.0", fileAnswer(BYTES));
    const kernel = await commandLine.request("downloadFetch", {
      url: `${server.origin}/vmlinuz-6.1.0`,
      kind: "kernel",
    });
    const uuid = "55555555-5555-4555-8555-555555555555";
    const config = `name = "snapped"\nkernel = "${kernel.path}"\nmemory = 32\n`;
    await host.library.define({ uuid, config, configName: null, files: {} });
    const { snapshot } = await host.snapshots.take(uuid, { name: "then", memory: false });
    await host.library.edit(uuid, { config: 'name = "snapped"\nkernel = "/other"\nmemory = 32\n' });
    const refused = async () =>
      expect(await message(window.request("keptKernelRemove", { name: kernel.name }))).toMatch(
        /^EBUSY: snapped, if it goes back to its snapshot then, starts with/,
      );
    await refused();
    await window.request("snapshotDelete", { uuid, snapshot: snapshot.id });
    await refused();
    await window.request("keptDelete", { uuid });
    await refused();
    await window.request("binPurge", {});
    await window.request("keptKernelRemove", { name: kernel.name });
    await window.request("kernelPurge", {});
  });

  it("keeps kernels, RAM disks and shims as long as a domain would start with them", async () => {
    server.answers.set("/vmlinuz", fileAnswer(BYTES));
    const [kernel, ramdisk, shim] = [
      await commandLine.request("downloadFetch", { url: `${server.origin}/vmlinuz`, kind: "kernel" }),
      await commandLine.request("downloadFetch", { url: `${server.origin}/vmlinuz`, kind: "kernel" }),
      await commandLine.request("downloadFetch", { url: `${server.origin}/vmlinuz`, kind: "kernel" }),
    ];
    const uuid = "33333333-3333-4333-8333-333333333333";
    await host.library.define({
      uuid,
      config: `name = "web"\nkernel = "${kernel.path}"\nramdisk = "${ramdisk.path}"\nmemory = 32\ntype = "pvh"\npvshim = 1\npvshim_path = "${shim.path}"\n`,
      configName: null,
      files: { [kernel.path]: BYTES, [ramdisk.path]: BYTES },
    });
    for (const { name } of [kernel, ramdisk, shim])
      expect(await message(window.request("keptKernelRemove", { name }))).toBe(
        `EBUSY: web is made of ${name}, and needs it when it starts.`,
      );
    expect(await window.request("keptKernels", {})).toHaveLength(3);
    await window.request("keptDelete", { uuid });
    for (const { name } of [kernel, ramdisk, shim])
      expect(await message(window.request("keptKernelRemove", { name }))).toMatch(/^EBUSY: web, which lies in the bin/);
    await window.request("binPurge", {});
    for (const { name } of [kernel, ramdisk, shim]) await window.request("keptKernelRemove", { name });
    expect(await window.request("keptKernels", {})).toEqual([]);
  });

  it("says what a request must be", async () => {
    const ask = (args: object) => message(window.request("downloadFetch", args as never));
    expect(await ask({ url: "http://x/y", kind: "cookie" })).toMatch(/^EBADREQUEST: downloadFetch: kind/);
    expect(await ask({ url: "x".repeat(3000), kind: "disk" })).toMatch(/^EBADREQUEST/);
    expect(await ask({ url: "file:///etc/passwd", kind: "disk" })).toMatch(/EINVAL.*begins with file:/);
    expect(await ask({ url: "https://example.org/x", kind: "disk", checksum: "12" })).toMatch(/EINVAL.*no checksum/);
    const none = builtHost();
    const client = connectInMemory(none, true).client;
    expect(await message(client.request("downloadFetch", { url: "https://example.org/x", kind: "disk" }))).toMatch(
      /EROFS: This host keeps nothing on disk/,
    );
  });
});

describe("the list of guests", () => {
  it("is written when there is none, offers real guests, and is the user's from then on", async () => {
    const first = await window.request("guestList", {});
    expect(first.problem).toBeNull();
    expect(first.guests.map(({ id }) => id)).toContain("debian-12-installer");
    for (const { files, memoryMiB } of first.guests) {
      expect(memoryMiB).toBeGreaterThan(0);
      for (const { url } of files) expect(url).toMatch(/^https:\/\//);
    }
    const file = path.join(state, "guests.json");
    const text = readFileSync(file, "utf8");
    expect((JSON.parse(text) as { guests: unknown[] }).guests.length).toBe(first.guests.length);
    expect(await window.request("guestList", {})).toEqual(first);
    list([{ ...GUEST, kernel: { url: "https://example.org/vmlinuz", bytes: 5 } }]);
    expect((await window.request("guestList", {})).guests).toEqual([
      {
        ...{ id: "one", name: "One", description: "", memoryMiB: 64, vcpus: 1 },
        files: [{ role: "kernel", url: "https://example.org/vmlinuz", bytes: 5 }],
      },
    ]);
  });

  it("says what is wrong with it, offers what came with the application, and is left as it is", async () => {
    const kernel = { url: "https://example.org/x" };
    const tries: [string | object, RegExp][] = [
      ["{", /it is no JSON/],
      ["x".repeat(2 ** 20 + 1), /longer than 1048576 bytes/],
      [[{ ...GUEST }], /guests\.0: has nothing to boot/],
      [[{ ...GUEST, kernel: { url: "file:///etc/passwd" } }], /guests\.0\.kernel\.url: .*begins with file:/],
      [[{ ...GUEST, kernel: { ...kernel, checksum: "1" } }], /guests\.0\.kernel\.checksum: .*no checksum/],
      [[{ ...GUEST, kernel, memory: 0 }], /guests\.0\.memory/],
      [[{ ...GUEST, kernel, architecture: "arm64" }], /guests\.0\.architecture: must be x86_64/],
      [[{ ...GUEST, kernel, cmdline: "a\nkernel='/etc/passwd'" }], /guests\.0\.cmdline: must be one line/],
      [[{ ...GUEST, kernel, surprise: 1 }], /surprise/],
      [
        [
          { ...GUEST, kernel },
          { ...GUEST, kernel },
        ],
        /one stands there twice/,
      ],
    ];
    const file = path.join(state, "guests.json");
    for (const [content, expected] of tries) {
      if (typeof content === "string") writeFileSync(file, content);
      else list(content);
      const text = readFileSync(file, "utf8");
      const { problem, guests } = await window.request("guestList", {});
      expect(problem).toMatch(expected);
      expect(problem).toMatch(/^\/.*guests.json can't be used: .*These are the guests that came with Xenarium\.$/s);
      expect(guests.map(({ id }) => id)).toContain("debian-12");
      expect(readFileSync(file, "utf8")).toBe(text);
    }
  });

  it("says sizes and checksums before anything is fetched, and what can't be asked", async () => {
    const sum = createHash("sha512").update(BYTES).digest("hex");
    server.answers.set("/vmlinuz", fileAnswer(BYTES));
    server.answers.set("/SUMS", fileAnswer(Buffer.from(`${sum}  vmlinuz\n`)));
    const { origin } = server;
    const kernel = { url: `${origin}/vmlinuz`, checksums: `${origin}/SUMS` };
    list([{ ...GUEST, kernel, ramdisk: { url: `${origin}/gone`, checksums: `${origin}/SUMS` } }]);
    const { files } = await window.request("guestLook", { guest: "one" });
    expect(files).toEqual([
      {
        ...{ role: "kernel", url: `${origin}/vmlinuz`, bytes: BYTES.length, checked: "listed", problem: null },
        checksum: { algorithm: "sha512", hex: sum },
      },
      {
        ...{ role: "ramdisk", url: `${origin}/gone`, bytes: null, checksum: null, checked: null },
        problem: expect.stringMatching(/has no file \/gone/) as string,
      },
    ]);
    expect(server.asked.every(({ method, path: at }) => method === "HEAD" || at === "/SUMS")).toBe(true);
    expect(await message(window.request("guestLook", { guest: "two" }))).toMatch(
      /ENOENT: The list has no guest two; it has: one/,
    );
    // While the host is off, nothing is fetched that it could not use.
    expect(await message(window.request("guestFetch", { guest: "one" }))).toMatch(/^EOFF/);
  });
});
