/** `xenarium domains`, `export`, `import`, `fetch` and `xl create NAME` as a user types them, against a running host. */
import { execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { fileAnswer, startServer } from "../library/downloads/server.ts";
import { contentOf } from "../library/snapshots/library.ts";
import { temporaryFolder } from "../temporary.ts";
import { startServe, type Served } from "../ui/serve.ts";

const dist = path.resolve(import.meta.dirname, "../../dist");
const mini = path.join(dist, "assets/guests/mini.elf");
const folder = temporaryFolder("domains-cli");
let served: Served;

function xenarium(env: NodeJS.ProcessEnv, ...args: string[]): Promise<{ status: number; out: string; err: string }> {
  return new Promise((resolve) =>
    execFile(
      process.execPath,
      [path.join(dist, "cli.js"), ...args],
      { env: { ...served.env, ...env }, cwd: folder },
      (error, out, err) => resolve({ status: error ? Number(error.code) : 0, out, err }),
    ),
  );
}
const domains = (...args: string[]) => xenarium({}, "domains", ...args);
const xl = (...args: string[]) => xenarium({}, "xl", ...args);

beforeAll(async () => {
  served = await startServe("--host-memory", "256", "--pcpus", "1");
  writeFileSync(path.join(folder, "disk.img"), Buffer.alloc(65536, "x"));
  writeFileSync(
    path.join(folder, "web.cfg"),
    `name = "web"\nkernel = "${mini}"\nmemory = 16\nvif = ['mac=00:16:3e:00:00:01']\ndisk = ['disk.img,raw,xvda,rw']\n`,
  );
});
afterAll(() => served.stop());

it("lists domains whether they run or not, and starts one by its name", async () => {
  expect(await xl("create", "web.cfg")).toMatchObject({ status: 0 });
  expect((await domains()).out).toMatch(
    /^Name +State +ID +Mem +VCPUs +Autostart +UUID\nweb +running +1 +16 +1 +no +[\da-f-]{36}\n$/,
  );
  await xl("destroy", "web");
  expect((await domains("list")).out).toMatch(/\nweb +halted +- +16 /);
  expect((await xl("list")).out).not.toContain("web");
  expect(await xl("create", "web")).toMatchObject({ status: 0, err: "" });
  expect((await xl("list")).out).toMatch(/\nweb +2 +16 /);
  await xl("destroy", "web");
  expect(await xl("create", "web", "memory=8")).toMatchObject({
    status: 2,
    err: expect.stringContaining("web is kept by the host: settings go with a config file") as string,
  });
  // For what is neither a name nor a file, the message is the same as before.
  expect((await xl("create", "nobody")).err).toBe("Failed to read config file: nobody: No such file or directory\n");
  expect(await domains("start", "nobody")).toMatchObject({
    status: 1,
    err: expect.stringContaining("no domain nobody") as string,
  });
});

it("edits, renames, clones, and says what starts with the host", async () => {
  // xl create adds a final newline.
  expect((await domains("config", "web")).out.trimEnd()).toBe(
    readFileSync(path.join(folder, "web.cfg"), "utf8").trimEnd(),
  );
  const editor = path.join(folder, "editor.sh");
  writeFileSync(editor, 'sed -i "s/memory = 16/memory = 24/" "$1"\n');
  expect(await xenarium({ VISUAL: `sh ${editor}` }, "domains", "edit", "web")).toMatchObject({ status: 0, err: "" });
  expect((await domains()).out).toMatch(/\nweb +halted +- +24 /);
  expect(await xenarium({ VISUAL: "false" }, "domains", "edit", "web")).toMatchObject({ status: 1 });
  writeFileSync(path.join(folder, "bad.cfg"), 'name = "web"\nkernel = 5\nvcpus = none\n');
  expect((await domains("edit", "web", "--file", "bad.cfg")).err).toMatch(/vcpus/);
  await domains("rename", "web", "base");
  await domains("autostart", "base");
  expect((await domains()).out).toMatch(/\nbase +halted +- +24 +1 +yes /);
  const { out, status } = await domains("clone", "base", "copy");
  expect(status).toBe(0);
  const { out: config } = await domains("config", "copy");
  expect(config).not.toContain("mac=");
  const [, disk] = /'([^',]+),raw,xvda,rw'/.exec(config)!;
  expect(disk).toMatch(/disk-copy\.[\da-f]{8}\.img$/);
  expect(readFileSync(disk!)).toEqual(readFileSync(path.join(folder, "disk.img")));
  await domains("template", "base");
  expect((await domains()).out).toMatch(
    new RegExp(`\\nbase +template .* no .*\\ncopy +halted .* no +${out.trim()}\\n`),
  );
  expect((await xl("create", "base")).err).toContain("base is a template");
  expect(await domains("start", "copy", "--paused")).toMatchObject({ status: 0 });
  expect((await domains("clone", "copy", "other")).err).toContain(
    "copy runs: its disks are copied when it has shut down",
  );
  expect((await domains("delete", "copy")).err).toContain("copy runs");
  await xl("destroy", "copy");
});

it("deletes into the bin, and takes out of it", async () => {
  expect((await domains("delete", "copy")).out).toMatch(/^copy is in the bin for a day; .*disk-copy.* stays\.\n$/);
  expect((await domains("bin")).out).toMatch(
    /^Name +Snapshots +Deleted +Gone for good +MiB +Id\ncopy +0 .*\n0\.0 MiB, total\n$/,
  );
  expect(await domains("undelete", "copy")).toMatchObject({ status: 0 });
  expect((await domains("bin")).out).toBe("The bin is empty.\n");
  expect(await xenarium({}, "snapshot", "take", "copy", "Clean")).toMatchObject({ status: 0 });
  const [image, ...others] = readdirSync(folder).filter((name) => name.endsWith(".qcow2"));
  expect(others).toEqual([]);
  const { out } = await domains("delete", "copy");
  expect(out).toMatch(
    /^copy and its snapshot are in the bin for a day; .* When it is gone for good, so are the images /,
  );
  const disk = readdirSync(folder).find((name) => /^disk-copy\.[\da-f]{8}\.img$/.test(name));
  expect(out).toContain(
    `${path.join(folder, image!)}. What was written to them is merged into ${path.join(folder, disk!)} before.\n`,
  );
  expect(out).not.toMatch(/ stays?\./);
  expect((await domains("bin")).out).toMatch(/\ncopy +1 /);
  expect((await domains("bin", "--empty")).out).toBe("The bin is empty.\n");
  expect(readdirSync(folder)).not.toContain(image);
  expect((await domains("undelete", "copy")).err).toContain("no domain copy is in the bin");
  expect(readdirSync(folder).filter((name) => name.startsWith("disk-copy"))).toHaveLength(1);
});

const MIB = 2 ** 20;
/** Returns the exit status of a command that gets Ctrl+C as soon as `isMoment` holds. */
async function interrupted(args: readonly string[], isMoment: () => boolean): Promise<unknown> {
  const child = spawn(process.execPath, [path.join(dist, "cli.js"), ...args], {
    ...{ cwd: folder, env: served.env, stdio: "ignore" },
  });
  const ended = new Promise((resolve) => child.once("close", (...how) => resolve(how)));
  await vi.waitUntil(isMoment, { timeout: 30_000, interval: 1 });
  child.kill("SIGINT");
  return ended;
}

it("goes out as one file and comes in from it under another name; of what Ctrl+C breaks off nothing is left", async () => {
  const content = randomBytes(24 * MIB);
  writeFileSync(path.join(folder, "large.img"), content);
  writeFileSync(
    path.join(folder, "large.cfg"),
    `name = "large"\nkernel = "${mini}"\nmemory = 16\ndisk = ['large.img,raw,xvda,rw']\n`,
  );
  await xl("create", "large.cfg");
  expect((await xenarium({}, "export", "large", "large.tar")).err).toContain("large runs");
  await xl("destroy", "large");
  const before = readdirSync(folder).toSorted();
  const scratch = (): boolean => readdirSync(folder).length > before.length;
  expect(await interrupted(["export", "large", "large.tar"], scratch)).toEqual([130, null]);
  expect(readdirSync(folder).toSorted()).toEqual(before);
  expect(await xenarium({}, "export", "large", "large.tar")).toMatchObject({
    ...{ status: 0, err: "", out: expect.stringMatching(/^large\.tar: 2\d\.\d MiB\n$/) as string },
  });
  expect(await xenarium({}, "export", "large", "large.tar")).toMatchObject({
    ...{ status: 1, err: expect.stringContaining("large.tar is there already") as string },
  });
  expect(await xenarium({}, "import", "large.tar", "--name", "came")).toMatchObject({
    ...{ status: 0, out: "came is in the library: xenarium xl create came\n" },
  });
  const [, disk] = /['"]([^'",]+),qcow2,xvda,rw['"]/.exec((await domains("config", "came")).out)!;
  expect((await contentOf(disk!, "qcow2")).equals(content)).toBe(true);
  expect(await xenarium({}, "import", "large.cfg")).toMatchObject({
    status: 1,
    err: expect.stringMatching(/\.\n$/) as string,
  });
});

it("fetches a file that is what its SHA-256 says, goes on where Ctrl+C has stopped it, and fetches a guest that runs", async () => {
  const server = await startServer();
  onTestFinished(() => server.close());
  const bytes = randomBytes(2 * MIB);
  const sum = createHash("sha256").update(bytes).digest("hex");
  const url = `${server.origin}/web.img`;
  let isAsked = false;
  server.answers.set("/web.img", (request, response) => {
    if (request.method === "HEAD" || request.headers.range) return fileAnswer(bytes)(request, response);
    response.writeHead(200, { "Content-Length": bytes.length, ETag: '"one"' });
    response.write(bytes.subarray(0, MIB));
    isAsked = true;
  });
  expect(await interrupted(["fetch", url, "--checksum", sum], () => isAsked)).toEqual([130, null]);
  const { out } = await xenarium({}, "fetch", "--list");
  expect(out).toMatch(/^stopped: \S+\/web\.img \(disk\), /m);
  server.answers.set("/web.img", fileAnswer(bytes));
  expect((await xenarium({}, "fetch", url, "--checksum", "0".repeat(64), "--name", "other.img")).status).toBe(1);
  const fetched = await xenarium({}, "fetch", url, "--checksum", sum);
  expect(fetched).toMatchObject({ status: 0, err: `2.0 MiB, SHA-256 ${sum}, as it was asked for\n` });
  expect(readFileSync(fetched.out.trim()).equals(bytes)).toBe(true);
  expect(readdirSync(path.dirname(fetched.out.trim()))).not.toContain("other.img");

  server.answers.set("/mini.elf", fileAnswer(readFileSync(mini)));
  const guest = {
    id: "small",
    name: "Small",
    architecture: "x86_64",
    kernel: { url: `${server.origin}/mini.elf` },
    memory: 16,
  };
  const [, list] = /^The list is (.*); edit it as you like\.$/m.exec(out)!;
  writeFileSync(list!, JSON.stringify({ guests: [guest] }));
  expect((await xenarium({}, "fetch", "--list")).out).toMatch(/^small {2}Small, 16 MiB of memory$/m);
  expect((await xenarium({}, "fetch", "small")).out).toMatch(/^It runs as domain \d+: /);
  expect((await xl("list")).out).toMatch(/^[Ss]mall\S* /m);
});
