/** Which files an image may be based on: only those in its own folder, whatever its header says. */
import fs, { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { openStore } from "../../../core/dom0/storage/open.ts";
import { createQcow2 } from "../../../core/dom0/storage/qcow2/create.ts";
import { temporaryFolder } from "../../temporary.ts";
import { withPatchedFs } from "./patched-fs.ts";

const folder = temporaryFolder("backing");
const images = path.join(folder, "images");
mkdirSync(images, { recursive: true });
const secret = path.join(folder, "secret");
writeFileSync(secret, Buffer.alloc(4096, "secret"));
writeFileSync(path.join(images, "base.raw"), Buffer.alloc(4096, "base"));
symlinkSync(secret, path.join(images, "link.raw"));

let count = 0;
async function overlay(file: string): Promise<string> {
  const name = path.join(images, `overlay-${count++}.qcow2`);
  await createQcow2({ path: name, size: 4096, backing: { file, format: "raw" } });
  return name;
}

it("opens a base in the image's folder", async () => {
  const store = await openStore(await overlay("base.raw"), "qcow2", "read-write");
  const bytes = Buffer.alloc(4);
  await store.read(0, [bytes]);
  expect(bytes.toString()).toBe("base");
  await store.close();
});

it.each([
  ["an absolute path", secret],
  ["a climbing path", "../secret"],
  ["a link that leads out", "link.raw"],
  ["a path of the system", "/etc/passwd"],
])("refuses %s", async (_, file) => {
  await expect(openStore(await overlay(file), "qcow2", "read")).rejects.toThrow("own folder");
});

it("refuses a base in whose place a guest that shares the folder puts a link out of it before it is opened", async () => {
  const base = path.join(images, "raced.img");
  writeFileSync(base, Buffer.alloc(4096, "base"));
  const file = await overlay("raced.img");
  let swapped = 0;
  const { open } = fs;
  const swapping = ((name: string, ...rest: [number, () => void]) => {
    if (name === base && swapped++ === 0) {
      rmSync(base);
      symlinkSync(secret, base);
    }
    return open(name, ...rest);
  }) as typeof open;
  await withPatchedFs({ open: swapping }, () => expect(openStore(file, "qcow2", "read")).rejects.toThrow("own folder"));
  expect(swapped).toBe(1);
});

it("refuses a base whose format is not named: its first bytes may be a guest's", async () => {
  const file = await overlay("base.raw");
  const bytes = readFileSync(file);
  // The extension that names it is replaced by an unknown one.
  const at = bytes.indexOf(Buffer.from("e2792aca", "hex"));
  expect(at).toBeGreaterThan(0);
  bytes.writeUInt32BE(0x11111111, at);
  writeFileSync(file, bytes);
  await expect(openStore(file, "qcow2", "read")).rejects.toThrow("does not say which format");
});

it("is a raw image to its end, whatever a guest writes into its first bytes", async () => {
  const file = path.join(images, "disguised.raw");
  await createQcow2({ path: file, size: 4096, backing: { file: secret, format: "raw" } });
  const store = await openStore(file, "raw", "read");
  expect(store.size).toBe(statSync(file).size);
  const bytes = Buffer.alloc(4);
  await store.read(0, [bytes]);
  expect(bytes.toString("latin1")).toBe("QFI\xfb");
  await store.close();
});

it("refuses addresses of other computers, and circles", async () => {
  await expect(openStore(await overlay("nbd://198.51.100.1/x"), "qcow2", "read")).rejects.toThrow("only files");
  await expect(openStore(await overlay("json:{}"), "qcow2", "read")).rejects.toThrow("only files");
  const circle = path.join(images, "circle.qcow2");
  await createQcow2({ path: circle, size: 4096, backing: { file: "circle.qcow2", format: "qcow2" } });
  await expect(openStore(circle, "qcow2", "read")).rejects.toThrow("based on itself");
});

it("opens an image that is based on 200 others, and none that is based on 201", async () => {
  const name = (n: number): string => `chain-${String(n).padStart(3, "0")}.qcow2`;
  const first = path.join(images, name(1));
  await createQcow2({ path: first, size: 4096, backing: { file: name(0), format: "qcow2" } });
  const bytes = readFileSync(first);
  const at = bytes.indexOf(name(0));
  for (let n = 2; n <= 201; n++) {
    bytes.write(name(n - 1), at);
    writeFileSync(path.join(images, name(n)), bytes);
  }
  await createQcow2({ path: path.join(images, name(0)), size: 4096 });
  await (await openStore(path.join(images, name(200)), "qcow2", "read")).close();
  await expect(openStore(path.join(images, name(201)), "qcow2", "read")).rejects.toThrow(
    "it is based on itself, or on more than 200 others",
  );
});
