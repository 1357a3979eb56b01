/**
 * The guests that are offered at the first start: the list that is written then, and a download of everything in it, from a server on the loopback in
 * place of the real ones.
 */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Downloads, type Fetched, type Wanted } from "../../../core/library/downloads/downloads.ts";
import { filesOf, GuestList } from "../../../core/library/downloads/guests.ts";
import { ANYWHERE } from "../../../core/library/downloads/reach.ts";
import { KeptFolder } from "../../../core/library/kept-folder.ts";
import { createQcow2 } from "../../../core/dom0/storage/qcow2/create.ts";
import { temporaryFolder } from "../../temporary.ts";
import { fileAnswer, startServer, type TestServer } from "./server.ts";

const folder = temporaryFolder("default-guests");
const list = new GuestList(path.join(folder, "guests.json"));
let server: TestServer;

beforeAll(async () => void (server = await startServer()));
afterAll(() => server.close());

const digest = (algorithm: string, bytes: Buffer): string => createHash(algorithm).update(bytes).digest("hex");

it("are a list in a file that is written once, of addresses by https, each with what vouches for it or none", async () => {
  const { guests, problem } = await list.read();
  expect(problem).toBeNull();
  expect(readFileSync(list.file!, "utf8")).toContain("Edit this list as you like");
  const again = await list.read();
  expect(again).toEqual({ guests, problem: null });
  const wanted = guests.map((guest) => filesOf(guest).map((file) => file.wanted));
  for (const { url, checksums } of wanted.flat())
    for (const address of [url, checksums]) if (address) expect(new URL(address).protocol).toBe("https:");
  // Sizes and checksums change with each point release, so each guest names lists of checksums that lie beside its files. Alpine has none there.
  expect(guests.map(({ id }, i) => [id, wanted[i]!.map(({ checksums }) => checksums !== null)])).toEqual([
    ["debian-12", [true]],
    ["debian-12-installer", [true, true]],
    ["alpine-3.20", [false, false]],
  ]);
});

it("are fetched whole, and checked against the lists that Debian has beside them; another file is refused", async () => {
  const { guests } = await list.read();
  const original = readFileSync(list.file!, "utf8");
  const origins = new Set(guests.flatMap((guest) => filesOf(guest).map(({ wanted }) => new URL(wanted.url).origin)));
  let text = original;
  for (const origin of origins) text = text.replaceAll(origin, server.origin);
  writeFileSync(list.file!, text);
  const here = (await list.read()).guests;
  expect(here.length).toBe(guests.length);

  const image = path.join(folder, "cloud.qcow2");
  await createQcow2({ path: image, size: 2 ** 20 });
  const files = new Map<string, Buffer>();
  for (const { role, wanted } of here.flatMap(filesOf))
    files.set(new URL(wanted.url).pathname, role === "disk" ? readFileSync(image) : randomBytes(5000));
  for (const [at, bytes] of files) server.answers.set(at, fileAnswer(bytes));
  // The lists look like Debian's: SHA512SUMS names the files of its own folder, and the installer's SHA256SUMS names those of all folders below.
  const other = "f".repeat(64);
  for (const address of new Set(here.flatMap(filesOf).flatMap(({ wanted }) => wanted.checksums ?? []))) {
    const at = new URL(address).pathname;
    const base = path.posix.dirname(at);
    const [algorithm, dot] = at.endsWith("SHA512SUMS") ? ["sha512", ""] : ["sha256", "./"];
    const lines = [...files]
      .filter(([file]) => file.startsWith(`${base}/`))
      .map(([file, bytes]) => `${digest(algorithm!, bytes)}  ${dot}${file.slice(base.length + 1)}`);
    const others = algorithm === "sha256" ? [`${other}  ./netboot/debian-installer/amd64/initrd.gz`] : [];
    server.answers.set(at, fileAnswer(Buffer.from([...others, ...lines, ""].join("\n"))));
  }

  const fetch = (wanted: Wanted, into: string): Promise<Fetched> => {
    const kernels = new KeptFolder(path.join(folder, into, "kernels"), "kernel");
    const images = new KeptFolder(path.join(folder, into, "images"), "disk image");
    const parts = path.join(folder, into, "downloads");
    const downloads = new Downloads({ parts, files: { kernel: kernels, ramdisk: kernels, disk: images } }, () => {});
    return downloads.fetch(wanted, ANYWHERE, () => {}, new AbortController().signal);
  };
  for (const { role, wanted } of here.flatMap(filesOf)) {
    const got = await fetch(wanted, "first");
    const bytes = files.get(new URL(wanted.url).pathname)!;
    expect(got).toMatchObject({ bytes: bytes.length, kind: role === "cd" ? "disk" : role });
    expect(got.checked, wanted.url).toBe(wanted.checksums === null ? null : "listed");
    expect(readFileSync(got.path).equals(bytes)).toBe(true);
  }
  const [installer] = filesOf(here[1]!);
  server.answers.set(new URL(installer!.wanted.url).pathname, fileAnswer(randomBytes(5000)));
  await expect(fetch(installer!.wanted, "second")).rejects.toThrow("is not what it should be");
  writeFileSync(list.file!, original);
});
