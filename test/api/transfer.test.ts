/** Domains in one file, through the API: imported into the library and exported from it, as tasks, for clients that may name files. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pack } from "tar-stream";
import { expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import type { JournalEntry } from "../../core/api/schema.ts";
import { createImage } from "../../core/dom0/storage/convert.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { connectInMemory } from "./in-memory.ts";

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
    builtHost({ imagesFolder: at("images"), libraryFolder: at("library"), transferFolder: at("transfer") });
  const host = open();
  const { client } = connectInMemory(host, true);
  const window = connectInMemory(host).client;
  let entries: JournalEntry[] = [];
  client.on("journal", (data) => (entries = [...entries, ...data.entries]));
  await client.request("journalAttach", { client: "the-command-line" });
  await createImage(at("disk.qcow2"), "qcow2", 2 ** 20);
  await domainFile(at("shop.tar"), readFileSync(at("disk.qcow2")));

  await expect(window.request("domainImport", { file: at("shop.tar") })).rejects.toThrow(/may not name/);
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
  // Nothing is left of those that were refused.
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

  // This is left by a crash in the middle of an import.
  writeFileSync(at("transfer", "left"), "half of a disk");
  const after = connectInMemory(open(), true).client;
  expect((await after.request("keptDomains", {})).map(({ name }) => name)).toEqual(["shop", "shop-2"]);
  expect(await after.request("domainImport", { file: at("out.tar"), name: "third" })).toMatchObject({ name: "third" });
  expect(readdirSync(state)).not.toContain("left");
  expect(existsSync(at("transfer", "left"))).toBe(false);
});

it("comes from a window and goes to one, in pieces, and nothing of it stays on the way", async () => {
  const state = temporaryFolder("transfer-window");
  const at = (...names: string[]): string => path.join(state, ...names);
  const host = builtHost({ imagesFolder: at("images"), libraryFolder: at("library"), transferFolder: at("transfer") });
  const { client, session } = connectInMemory(host);
  await createImage(at("disk.qcow2"), "qcow2", 2 ** 20);
  await domainFile(at("shop.tar"), readFileSync(at("disk.qcow2")));
  const tar = readFileSync(at("shop.tar"));
  const left = (): string[] => readdirSync(at("transfer"), { recursive: true }).map(String).sort();

  expect(
    await client.request("importLook", { name: "shop.tar", head: new Uint8Array(tar.subarray(0, 65536)) }),
  ).toEqual({
    kind: "Xenarium",
    name: "shop",
    memoryMiB: 64,
    vcpus: 1,
    disks: [{ bytes: null }],
    networks: 0,
    notes: [],
  });
  for (const [head, words] of [
    [tar.subarray(0, 600), /shop.tar is no archive that is whole/],
    [Buffer.from("no tar"), /shop.tar is no archive/],
    [Buffer.alloc(1024), /nothing in it/],
  ] as const)
    await expect(client.request("importLook", { name: "shop.tar", head: new Uint8Array(head) })).rejects.toThrow(words);

  const give = async (): Promise<string> => {
    const { intake } = await client.request("importBegin", { name: "../shop.tar", size: tar.length });
    for (let offset = 0; offset < tar.length; offset += 2 ** 20)
      await client.request("importChunk", {
        intake,
        offset,
        bytes: new Uint8Array(tar.subarray(offset, offset + 2 ** 20)),
      });
    return (await client.request("importEnd", { intake })).path;
  };
  const file = await give();
  // A client cannot name another client's file.
  await expect(connectInMemory(host).client.request("domainImport", { file })).rejects.toThrow(/may not name/);
  expect(await client.request("domainImport", { file, name: "web" })).toMatchObject({ name: "web" });
  // The name is taken, so the import is refused, and the file is gone anyway.
  await expect(client.request("domainImport", { file: await give(), name: "web" })).rejects.toThrow(/named web/);
  expect(left()).toEqual(["incoming"]);

  const begun = await client.request("exportBegin", { domain: "web" });
  const parts: Uint8Array[] = [];
  for (;;) {
    const { bytes } = await client.request("exportRead", { export: begun.export });
    if (bytes.length === 0) break;
    parts.push(bytes);
  }
  writeFileSync(at("out.tar"), Buffer.concat(parts));
  expect(Buffer.concat(parts).length).toBe(begun.bytes);
  expect(await connectInMemory(host, true).client.request("domainImport", { file: at("out.tar") })).toMatchObject({
    name: "web-2",
  });
  await expect.poll(left).toEqual(["incoming"]);

  // A client that goes in the middle leaves nothing behind, neither of an import nor of an export.
  await client.request("exportBegin", { domain: "web" });
  await client.request("importBegin", { name: "half.tar", size: 2 ** 20 });
  await give();
  session.end();
  await expect.poll(left).toEqual(["incoming"]);
});

it("goes to a window no further when the task is cancelled", async () => {
  const state = temporaryFolder("transfer-cancel");
  const at = (...names: string[]): string => path.join(state, ...names);
  const host = builtHost({ imagesFolder: at("images"), libraryFolder: at("library"), transferFolder: at("transfer") });
  const { client } = connectInMemory(host, true);
  await createImage(at("disk.qcow2"), "qcow2", 2 ** 20);
  await domainFile(at("shop.tar"), readFileSync(at("disk.qcow2")));
  await client.request("domainImport", { file: at("shop.tar") });
  const task = new Promise<number>((resolve) =>
    client.on("journal", ({ entries }) => {
      const found = entries.find(({ title, cancels }) => title === "Export shop" && cancels);
      if (found) resolve(found.id);
    }),
  );
  await client.request("journalAttach", { client: "a-window-that-cancels" });
  const { export: id } = await client.request("exportBegin", { domain: "shop" });
  await client.request("taskCancel", { id: await task });
  await expect(client.request("exportRead", { export: id })).rejects.toMatchObject({ code: "ECANCELED" });
  await expect.poll(() => readdirSync(at("transfer"))).toEqual([]);
});

it("leaves nothing of an import whose task is cancelled", async () => {
  const state = temporaryFolder("transfer-cancel-import");
  const at = (...names: string[]): string => path.join(state, ...names);
  const host = builtHost({ imagesFolder: at("images"), libraryFolder: at("library"), transferFolder: at("transfer") });
  const { client } = connectInMemory(host, true);
  await createImage(at("disk.qcow2"), "qcow2", 2 ** 20);
  await domainFile(at("shop.tar"), readFileSync(at("disk.qcow2")));
  const importing = client.request("domainImport", { file: at("shop.tar") });
  const refused = expect(importing).rejects.toMatchObject({
    code: "ECANCELED",
    message: "It was cancelled, and nothing of it is left.",
  });
  const task = () => host.journal.entries.find(({ title }) => title === "Import shop.tar");
  // This ends it as soon as it has begun, when the file is not even open yet.
  while (!task()) await new Promise(setImmediate);
  await client.request("taskCancel", { id: task()!.id });
  await refused;
  expect(task()!.state).toBe("cancelled");
  expect(readdirSync(at("transfer"))).toEqual([]);
  expect(existsSync(at("images")) ? readdirSync(at("images")) : []).toEqual([]);
  expect(await client.request("keptDomains")).toEqual([]);
});
