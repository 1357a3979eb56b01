/** What `xenarium images` does with disk images of the running host's library, besides what it does with all files that the host keeps. */
import { Option, type Command } from "commander";
import { open } from "node:fs/promises";
import path from "node:path";
import type { ApiClient } from "../api/client.ts";
import { MOST_PIECE_BYTES } from "../api/limits.ts";
import type { DiskReport } from "../toolstack/messages.ts";
import { bytesOf, COPY_FORMATS, NEW_FORMATS } from "./disk-arguments.ts";
import { contentLines } from "./disk-contents.ts";
import { mebibytes, plain } from "./table.ts";

type Api = Pick<ApiClient, "request">;
type Connect = () => Promise<Api>;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

export function addImageDeeds(images: Command, connect: Connect): void {
  images
    .command("info <image>")
    .description(
      "Show what is on an image of the list, or in another file: partitions, file systems, the operating system",
    )
    .option("--json", "as JSON")
    .action(async (image: string, { json }: { json?: boolean }) => {
      const api = await connect();
      const found = await known(api, image);
      const file = found?.path ?? path.resolve(image);
      const report = await api.request("inspectDisk", { path: file, ...(found?.format && { format: found.format }) });
      say(json ? JSON.stringify(report, null, 2) : words(file, report));
    });
  images
    .command("add <file>")
    .description("Take a copy of an image into the library, in its format; print where it lies there")
    .option("--name <name>", "what it is called there")
    .action(async (file: string, { name }: { name?: string }) => say(await added(await connect(), file, name)));
  images
    .command("create <name> <size>")
    .description("Make an empty image, as 10G; print where it lies")
    .addOption(new Option("-f, --format <format>", "of the image").choices(NEW_FORMATS).default("qcow2"))
    .action(async (name: string, size: string, { format }: { format: (typeof NEW_FORMATS)[number] }) => {
      const bytes = bytesOf(size);
      say((await (await connect()).request("imageCreate", { name, format, bytes })).path);
    });
  images
    .command("convert <image> <name>")
    .description(
      "Make a copy of an image of the list that is based on nothing, also in another format; print where it lies",
    )
    .addOption(new Option("-O, --output <format>", "of the copy").choices(COPY_FORMATS).default("qcow2"))
    .action(async (image: string, name: string, { output }: { output: (typeof COPY_FORMATS)[number] }) => {
      const api = await connect();
      say((await api.request("imageCopy", { path: await pathOf(api, image), name, format: output })).path);
    });
  images
    .command("resize <image> <size>")
    .description("Enlarge an image of the list that nobody writes; the partitions on it stay as they are")
    .action(async (image: string, size: string) => {
      const bytes = bytesOf(size);
      const api = await connect();
      await api.request("imageGrow", { path: await pathOf(api, image), bytes });
    });
  images
    .command("check <image>")
    .description("Read an image of the list to its end, and check its tables")
    .action(async (image: string) => {
      const api = await connect();
      const { tables, unreadable } = await api.request("imageCheck", { path: await pathOf(api, image) });
      const faults = [...(unreadable === null ? [] : [unreadable]), ...(tables?.findings ?? [])];
      for (const each of faults) say(plain(each));
      if (unreadable !== null || (tables?.errors ?? 0) > 0) throw new Error(`${image} is damaged`);
      say(`${plain(image)} is whole.`);
    });
}

/** The image of the list that has that name or lies there. Throws where several have that name. */
async function known(api: Api, image: string): Promise<{ path: string; format: string | null } | null> {
  const { images: all } = await api.request("imageList");
  const wanted = path.resolve(image);
  const there = all.find((each) => each.path === wanted);
  if (there) return there;
  const named = all.filter(({ name }) => name === image);
  if (named.length > 1)
    throw new Error(
      `several images are called ${image}: give the file, ${named.map((each) => each.path).join(" or ")}`,
    );
  return named[0] ?? null;
}

async function pathOf(api: Api, image: string): Promise<string> {
  const found = await known(api, image);
  if (found) return found.path;
  throw new Error(`there is no image ${image}; "xenarium images" lists those that are`);
}

/** Sends the file to the host piece by piece, as a window does: the host may not be allowed to read it. Ctrl+C leaves nothing of it. */
async function added(api: Api, file: string, name = path.basename(file)): Promise<string> {
  const handle = await open(file, "r");
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw new Error(`${file} is no file`);
    const { intake } = await api.request("diskBegin", { name, size: facts.size });
    const piece = Buffer.alloc(MOST_PIECE_BYTES);
    for (let offset = 0; offset < facts.size;) {
      const { bytesRead } = await handle.read(piece, 0, piece.length, offset);
      if (bytesRead === 0) throw new Error(`${file} became shorter while it was read`);
      await api.request("diskChunk", { intake, offset, bytes: Uint8Array.from(piece.subarray(0, bytesRead)) });
      offset += bytesRead;
      if (process.stderr.isTTY) process.stderr.write(`\r${Math.floor((100 * offset) / facts.size)} %`);
    }
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
    return (await api.request("diskEnd", { intake })).path;
  } finally {
    await handle.close();
  }
}

function words(file: string, { summary, size, allocated, parts, boot, bootProblem }: DiskReport): string {
  return [
    `${file}: ${summary}`,
    `  disk       ${mebibytes(size)} MiB, of which ${mebibytes(allocated)} MiB are on this computer's disk`,
    ...contentLines(parts),
    `  boots      ${boot === null ? (bootProblem ?? "not") : boot.entries.map(({ title }) => title).join(", ")}`,
  ]
    .map(plain)
    .join("\n");
}
