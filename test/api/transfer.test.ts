/** Domains in one file, through the API: into the library and out of it, as tasks, for who may name files. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { pack } from "tar-stream";
import { expect, it } from "vitest";
import { HostService } from "../../core/api/host-service.ts";
import type { JournalEntry } from "../../core/api/schema.ts";
import { createImage } from "../../core/dom0/storage/convert.ts";
import { temporaryFolder } from "../temporary.ts";
import { connectInMemory } from "./in-memory.ts";

const dist = pathToFileURL(`${path.resolve(import.meta.dirname, "../..")}/dist/`);

async function domainFile(file: string, disk: Buffer): Promise<void> {
  const config = 'name = "shop"\nbootloader = "pygrub"\nmemory = 64\ndisk = [ "disks/0.qcow2,qcow2,xvda,rw" ]\n';
  const about = {
    format: "xenarium-domain",
    version: 1,
    name: "shop",
    config,
    files: [],
    disks: [{ bytes: disk.length }],
  };
  const members: [string, Buffer][] = [
    ["domain.json", Buffer.from(JSON.stringify(about))],
    ["disks/0.qcow2", disk],
  ];
  const sums = members.map(([name, bytes]) => `${createHash("sha256").update(bytes).digest("hex")}  ${name}\n`);
  const tar = pack();
  for (const [name, bytes] of [...members, ["SHA256SUMS", Buffer.from(sums.join(""))] as const])
    tar.entry({ name }, bytes);
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar as unknown as AsyncIterable<Buffer>) parts.push(part);
  writeFileSync(file, Buffer.concat(parts));
}

it("a domain comes into the library and goes out of it, with the host off, and is there after a restart", async () => {
  const state = temporaryFolder("transfer-api");
  const at = (...names: string[]): string => path.join(state, ...names);
  const open = (): HostService =>
    new HostService({
      imageFolder: dist,
      bundledGuest: new URL("assets/guests/mini.elf", dist),
      imagesFolder: at("images"),
      libraryFolder: at("library"),
      transferFolder: at("transfer"),
    });
  const host = open();
  const { client } = connectInMemory(host, true);
  const window = connectInMemory(host).client;
  let entries: JournalEntry[] = [];
  client.on("journal", (data) => (entries = [...entries, ...data.entries]));
  await client.request("journalAttach", { client: "the-command-line" });
  await createImage(at("disk.qcow2"), "qcow2", 2 ** 20);
  await domainFile(at("shop.tar"), readFileSync(at("disk.qcow2")));

  await expect(window.request("domainImport", { file: at("shop.tar") })).rejects.toThrow(/may name no files/);
  await expect(window.request("domainExport", { domain: "shop", file: at("x.tar") })).rejects.toThrow(
    /may name no files/,
  );
  const first = await client.request("domainImport", { file: at("shop.tar") });
  expect(first).toMatchObject({ name: "shop", notes: [] });
  expect(await client.request("domainImport", { file: at("shop.tar") })).toMatchObject({ name: "shop-2" });
  await expect(client.request("domainImport", { file: at("shop.tar"), name: "shop" })).rejects.toThrow(
    /another domain named shop/,
  );
  await expect(client.request("domainImport", { file: at("shop.tar"), name: "a\nb" })).rejects.toThrow(
    /can't be a name/,
  );
  // Of those that were refused nothing is left.
  expect(readdirSync(at("images"))).toEqual(["shop-2.qcow2", "shop.qcow2"]);
  expect(readdirSync(at("transfer"))).toEqual([]);

  const kept = await client.request("keptDomains", {});
  expect(kept.map(({ name, state: is, files }) => [name, is, files])).toEqual([
    ["shop", "halted", [at("images", "shop.qcow2")]],
    ["shop-2", "halted", [at("images", "shop-2.qcow2")]],
  ]);
  const { bytes } = await client.request("domainExport", { domain: "shop-2", file: at("out.tar") });
  expect(bytes).toBeGreaterThan(0);
  await expect(client.request("domainExport", { domain: "gone", file: at("x.tar") })).rejects.toThrow(
    /has no domain gone/,
  );
  expect(existsSync(at("x.tar"))).toBe(false);
  await expect.poll(() => entries.map(({ title, state: is }) => `${title}: ${is}`)).toContain("Export shop-2: done");
  expect(entries.map(({ title, state: is }) => `${title}: ${is}`)).toContain("Import shop.tar: failed");

  // A crash in the middle of an import leaves this.
  writeFileSync(at("transfer", "left"), "half of a disk");
  const after = connectInMemory(open(), true).client;
  expect((await after.request("keptDomains", {})).map(({ name }) => name)).toEqual(["shop", "shop-2"]);
  expect(await after.request("domainImport", { file: at("out.tar"), name: "third" })).toMatchObject({ name: "third" });
  expect(readdirSync(state)).not.toContain("left");
  expect(existsSync(at("transfer", "left"))).toBe(false);
});
