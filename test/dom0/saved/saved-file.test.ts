/** Saved domains as files of a real file system. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { Refusal } from "../../../core/toolstack/error.ts";
import { readSaved, readSavedHeader, writeSaved, type SavedHeader } from "../../../core/toolstack/saved-file.ts";
import { MAGIC_BYTES, contentOf } from "../../saved-blocks.ts";
import { temporaryFolder } from "../../temporary.ts";

const folder = temporaryFolder("saved");
const HEADER = {
  name: "linux",
  // This is valid in xl.cfg and is of no version of RFC 9562.
  uuid: "12345678-1234-1234-1234-123456789012",
  savedAt: 1_790_000_000_000,
  memoryMiB: 256,
  config: 'name = "linux"\n',
};
const KERNEL = Buffer.from("kernel");
const CONSOLE = Buffer.from("login: root\r\n# ");
/** Nothing in it occurs twice, so that a changed bit never unpacks to the same content. */
const BODY = Buffer.concat(Array.from({ length: 3000 }, (_, i) => createHash("sha256").update(String(i)).digest()));
async function* body(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(BODY);
}
const write = (file: string, more: Partial<typeof HEADER> = {}, stream: AsyncIterable<Uint8Array> = body()) =>
  writeSaved(file, { ...HEADER, ...more }, { k: KERNEL }, CONSOLE, stream);
const readAll = (file: string) =>
  readSaved(file, async ({ header, files, console, stream }) => {
    const bytes = await stream.take(BODY.length);
    await stream.end();
    return { header, files, console, bytes };
  });
/** Returns the Refusal, whose message must be a sentence that names the file. */
async function refused(file: string, action: Promise<unknown>): Promise<Refusal> {
  const error: unknown = await action.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Refusal);
  const refusal = error as Refusal;
  expect(refusal.message.startsWith(`${file} can't be `), refusal.message).toBe(true);
  expect(refusal.message).toMatch(/\.$/);
  expect(refusal.message).not.toContain("\n");
  return refusal;
}

let files = 0;
const fresh = (): string => path.join(folder, `${++files}.saved`);
/** A file as an earlier version wrote it: another magic, and gzip. */
function packed(plain: Uint8Array): string {
  const file = fresh();
  writeFileSync(file, Buffer.concat([Buffer.from("Xenarium saved domain".padEnd(MAGIC_BYTES, "\n")), gzipSync(plain)]));
  return file;
}
function described(description: string, length = Buffer.byteLength(description)): string {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(length);
  return packed(Buffer.concat([head, Buffer.from(description)]));
}
const json = (more: Partial<Record<keyof SavedHeader, unknown>>): string =>
  JSON.stringify({ version: 1, ...HEADER, files: [], ...more });

describe("a saved domain's file", () => {
  it("gives back what was written, to its owner alone", async () => {
    const file = fresh();
    const size = await write(file, { config: 'name = "ä"\n' });
    expect(statSync(file).size).toBe(size);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { header, files: found, bytes } = await readAll(file);
    expect(header).toEqual({
      version: 1,
      ...HEADER,
      config: 'name = "ä"\n',
      files: [{ name: "k", size: KERNEL.length }],
      consoleBytes: CONSOLE.length,
    });
    expect(Buffer.from(found.k!).equals(KERNEL)).toBe(true);
    expect(Buffer.from(bytes).equals(BODY)).toBe(true);
    expect(await readSavedHeader(file)).toEqual(header);
  });

  it("is what it was when a write over it fails, and nothing else is left", async () => {
    const file = path.join(temporaryFolder("saved-whole"), "a.saved");
    await write(file);
    const before = readFileSync(file);
    const fails = async function* (): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(BODY);
      throw new Error("the guest is gone");
    };
    await expect(write(file, {}, fails())).rejects.toThrow(/^the guest is gone$/);
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(readdirSync(path.dirname(file))).toEqual(["a.saved"]);
    const other = path.join(path.dirname(file), "b.saved");
    await expect(write(other, {}, fails())).rejects.toThrow(/^the guest is gone$/);
    expect(readdirSync(path.dirname(file))).toEqual(["a.saved"]);
  });

  it("is one of the two that are written to the same name at once, whole", async () => {
    const file = path.join(temporaryFolder("saved-twice"), "a.saved");
    await Promise.all([write(file, { name: "one" }), write(file, { name: "two" })]);
    expect(["one", "two"]).toContain((await readAll(file)).header.name);
    expect(readdirSync(path.dirname(file))).toEqual(["a.saved"]);
  });

  it("is not written where it can't be", async () => {
    const nowhere = path.join(folder, "nowhere/a.saved");
    const missing = await refused(nowhere, write(nowhere));
    expect([missing.code, missing.message]).toEqual([
      "ENOENT",
      `${nowhere} can't be written: there is no such folder.`,
    ]);
    const inPlace = fresh();
    mkdirSync(inPlace);
    const isFolder = await refused(inPlace, write(inPlace));
    expect([isFolder.code, isFolder.message]).toEqual(["EISDIR", `${inPlace} can't be written: it is a folder.`]);
    const below = path.join(packed(Buffer.alloc(0)), "a.saved");
    expect((await refused(below, write(below))).message).toMatch(/a part of its path is no folder/);
    const long = path.join(folder, "x".repeat(300));
    expect((await refused(long, write(long))).message).toMatch(/its name is too long/);
    const zero = path.join(folder, "a\0b");
    expect((await refused(zero, write(zero))).message).toMatch(/no file can have that name/);
    expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  it("is not written if it could not be read again", async () => {
    const file = fresh();
    expect((await refused(file, write(file, { config: "#".repeat(1 << 20) }))).code).toBe("E2BIG");
    expect(existsSync(file)).toBe(false);
  });

  it("is refused when it is missing, a folder, a pipe, or none", async () => {
    const missing = fresh();
    expect(await refused(missing, readAll(missing))).toMatchObject({
      code: "ENOENT",
      message: `${missing} can't be read: there is no such file.`,
    });
    expect(await refused(folder, readAll(folder))).toMatchObject({
      code: "EISDIR",
      message: `${folder} can't be read: it is a folder.`,
    });
    const zero = path.join(folder, "a\0b");
    expect((await refused(zero, readAll(zero))).code).toBe("EINVAL");
    for (const bytes of [Buffer.alloc(0), Buffer.from("Xenarium saved"), Buffer.alloc(100), gzipSync(BODY)]) {
      const file = fresh();
      writeFileSync(file, bytes);
      expect((await refused(file, readAll(file))).message).toMatch(/it is no saved domain/);
      await refused(file, readSavedHeader(file));
    }
  });

  it.skipIf(process.platform === "win32")("is refused when it is a pipe that nobody writes to", async () => {
    const file = fresh();
    execFileSync("mkfifo", [file]);
    expect((await refused(file, readAll(file))).message).toMatch(/no file but a device, a pipe or a socket/);
  });

  it("is refused wherever it is cut and wherever a byte of it is another", async () => {
    const whole = fresh();
    await write(whole);
    const bytes = readFileSync(whole);
    const file = fresh();
    for (let i = 0; i < 60; i++) {
      const at = Math.floor((i * bytes.length) / 60);
      writeFileSync(file, bytes.subarray(0, at));
      await refused(file, readAll(file));
    }
    // The last block has no bytes, so that a file which is cut between two blocks is not taken for a whole one.
    for (let missing = 1; missing <= 8; missing++) {
      writeFileSync(file, bytes.subarray(0, bytes.length - missing));
      expect((await refused(file, readAll(file))).message).toMatch(/ends too early/);
    }
    const places = [
      ...Array.from({ length: 60 }, (_, i) => Math.floor((i * bytes.length) / 60)),
      ...Array.from({ length: 8 }, (_, i) => MAGIC_BYTES + i),
      ...Array.from({ length: 8 }, (_, i) => bytes.length - 1 - i),
    ];
    for (const [i, at] of places.entries()) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1 << (i % 8);
      writeFileSync(file, damaged);
      await refused(file, readAll(file));
    }
    writeFileSync(file, Buffer.concat([bytes, Buffer.alloc(8)]));
    expect((await refused(file, readAll(file))).message).toMatch(/something follows its end/);
    const tooLong = Buffer.from(bytes);
    tooLong.writeUInt32LE((8 << 20) + 1, MAGIC_BYTES);
    writeFileSync(file, tooLong);
    expect((await refused(file, readAll(file))).message).toMatch(/a block is 8388609 bytes long; 8388608 are allowed/);
  });

  it("of an earlier version, which was packed, gives back what was written, and is refused where it is cut or damaged", async () => {
    const description = Buffer.from(json({ files: [{ name: "k", size: KERNEL.length }] }));
    const head = Buffer.alloc(4);
    head.writeUInt32LE(description.length);
    const file = packed(Buffer.concat([head, description, KERNEL, BODY]));
    const { header, files: found, console, bytes } = await readAll(file);
    expect(header).toMatchObject({ ...HEADER, consoleBytes: 0 });
    expect(console.length).toBe(0);
    expect(Buffer.from(found.k!).equals(KERNEL)).toBe(true);
    expect(Buffer.from(bytes).equals(BODY)).toBe(true);
    const whole = readFileSync(file);
    writeFileSync(file, whole.subarray(0, whole.length - 3));
    expect((await refused(file, readAll(file))).message).toMatch(/damaged \(unexpected end of file\)/);
    whole[whole.length >> 1]! ^= 4;
    writeFileSync(file, whole);
    await refused(file, readAll(file));
  });

  it("has in one block or in several what is longer than a block", async () => {
    const file = fresh();
    const long = Buffer.concat(Array.from({ length: 175 }, () => BODY));
    async function* once(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(long);
    }
    await write(file, {}, once());
    const read = await readSaved(file, async ({ stream }) => {
      const bytes = Buffer.from(await stream.take(long.length));
      await stream.end();
      return bytes;
    });
    expect(long.length).toBeGreaterThan(2 * (8 << 20) - 1);
    expect(read.equals(long)).toBe(true);
  });

  it("is refused with a description that is too long or not understood", async () => {
    const reason = async (file: string): Promise<string> => (await refused(file, readSavedHeader(file))).message;
    expect(await reason(described("{}", (1 << 20) + 1))).toMatch(/1048577 bytes long; 1048576 are allowed/);
    expect(await reason(described("{}", 0xffffffff))).toMatch(/4294967295 bytes long/);
    expect(await reason(described("{}", 100))).toMatch(/ends too early/);
    expect(await reason(described(""))).toMatch(/no JSON/);
    expect(await reason(described("{"))).toMatch(/no JSON/);
    expect(await reason(described("[".repeat(1 << 20)))).toMatch(/no JSON/);
    expect(await reason(described("null"))).toMatch(/not understood \(/);
    for (const [key, wrong] of [
      ["version", 2],
      ["name", ""],
      ["name", "a\nb"],
      ["name", "x".repeat(1025)],
      ["uuid", "../.."],
      ["savedAt", 1e300],
      ["memoryMiB", -1],
      ["memoryMiB", 1e300],
      ["config", 5],
      ["files", [{ name: "k", size: -1 }]],
      ["files", [{ name: "k", size: 1.5 }]],
    ] as const)
      expect(await reason(described(json({ [key]: wrong }))), key).toMatch(
        new RegExp(`its description is not understood \\(${key}`),
      );
    expect(await reason(described(JSON.stringify({ ...(JSON.parse(json({})) as object), more: 1 })))).toMatch(/"more"/);
    expect(await readSavedHeader(described(json({})))).toMatchObject({ name: "linux" });
  });

  it("is refused with files that are too large or not there", async () => {
    const large = described(json({ files: [{ name: "k", size: 512 * 2 ** 20 + 1 }] }));
    expect((await refused(large, readAll(large))).message).toMatch(/its files are larger than 512 MiB/);
    const many = described(json({ files: Array.from({ length: 3 }, () => ({ name: "k", size: 200 * 2 ** 20 })) }));
    expect((await refused(many, readAll(many))).message).toMatch(/its files are larger than 512 MiB/);
    const none = described(json({ files: [{ name: "k", size: 10 }] }));
    expect((await refused(none, readAll(none))).message).toMatch(/it ends too early/);
  });

  it("has files of any name, as files", async () => {
    const file = fresh();
    const proto = Object.fromEntries([["__proto__", KERNEL]]);
    await writeSaved(file, HEADER, proto, new Uint8Array(), body());
    const { files: found } = await readAll(file);
    expect(Object.keys(found)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
  });

  it("has what its console had, and refuses more of it than a host keeps; without it, as before it was kept, it is empty", async () => {
    const file = fresh();
    await write(file);
    expect(Buffer.from((await readAll(file)).console).equals(CONSOLE)).toBe(true);
    const large = described(json({ consoleBytes: 17 * 2 ** 20 }));
    expect((await refused(large, readAll(large))).message).toMatch(/consoleBytes/);
    const short = described(json({ consoleBytes: 10 }));
    expect((await refused(short, readAll(short))).message).toMatch(/it ends too early/);
    const old = described(json({ consoleBytes: undefined }));
    expect(await readSaved(old, ({ console }) => Promise.resolve(console.length))).toBe(0);
  });

  it("passes on what its user throws", async () => {
    const file = fresh();
    await write(file);
    const own = new Refusal("EEXIST", "It runs already.");
    await expect(readSaved(file, () => Promise.reject(own))).rejects.toBe(own);
  });

  it("is blocks after its magic", async () => {
    const file = fresh();
    await write(file);
    expect(contentOf(readFileSync(file)).subarray(-BODY.length).equals(BODY)).toBe(true);
  });
});
