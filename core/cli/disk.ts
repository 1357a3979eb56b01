/** `xenarium disk`: images of disks, and enlarging disks of running domains. */
import { Command, InvalidArgumentError, Option } from "commander";
import { existsSync, realpathSync } from "node:fs";
import { stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ApiClient } from "../api/client.ts";
import { Disks } from "../dom0/backends/blk/disks.ts";
import { StoreError, type BlockStore } from "../dom0/storage/block-store.ts";
import { convertImage, createImage, type CopyFormat, type NewFormat } from "../dom0/storage/convert.ts";
import { IMAGE_FORMATS, openStore } from "../dom0/storage/open.ts";
import { createQcow2 } from "../dom0/storage/qcow2/create.ts";
import { Qcow2Store } from "../dom0/storage/qcow2/store.ts";
import { BootDisk } from "../dom0/bootloader/disk.ts";
import { contentsOf, type DiskPart } from "../dom0/bootloader/contents.ts";
import { BootError } from "../dom0/bootloader/error.ts";
import { carryOut } from "./carry-out.ts";
import { bytesOf, COPY_FORMATS, NEW_FORMATS } from "./disk-arguments.ts";
import { contentLines } from "./disk-contents.ts";
import { mebibytes, plain } from "./table.ts";

type Connect = () => Promise<Pick<ApiClient, "request">>;

/** By the file's name only, because what a guest wrote to its raw disk must not decide what that disk is. */
const BY_NAME: Record<string, string> = {
  ".qcow2": "qcow2",
  ".qcow": "qcow2",
  ".vhd": "vhd",
  ".vpc": "vhd",
  ".vmdk": "vmdk",
  ".img": "raw",
  ".raw": "raw",
  ".iso": "raw",
};

function formatOf(file: string, given: string | undefined): string {
  const format = given ?? BY_NAME[path.extname(file).toLowerCase()];
  if (format) return format;
  throw new StoreError(
    "EINVAL",
    `${file}: its name does not say its format; give it with --format ${IMAGE_FORMATS.join("|")}`,
  );
}

/** The declaration for commander, also used for help and completion. */
export function declared(connect: Connect): Command {
  const disk = new Command("disk").description("Images of disks, and disks of running domains").exitOverride();
  const say = (text: string): void => void process.stdout.write(text);
  const format = (): Option => new Option("-f, --format <format>", "of the image").choices(IMAGE_FORMATS);
  disk
    .command("info <file>")
    .description("Show what an image is: its disk and what is on it, what it is based on, its snapshots")
    .addOption(format())
    .option("--json", "as JSON")
    .action(async (file: string, options: { format?: string; json?: boolean }) => {
      const store = await openStore(file, formatOf(file, options.format), "read");
      try {
        const facts = await factsOf(file, store);
        say(options.json ? `${JSON.stringify(facts, null, 2)}\n` : words(facts));
      } finally {
        await store.close();
      }
    });
  disk
    .command("create <file> [size]")
    .description("Make an empty image; with --backing one that shows another where nothing was written yet")
    .addOption(new Option("-f, --format <format>", "of the image").choices(NEW_FORMATS).default("qcow2"))
    .option("-b, --backing <file>", "an image in the same folder, which is not changed any more")
    .addOption(new Option("-F, --backing-format <format>", "of that image").choices(IMAGE_FORMATS))
    .action(
      async (
        file: string,
        size: string | undefined,
        options: { format: NewFormat; backing?: string; backingFormat?: string },
      ) => {
        if (options.backing !== undefined) return overlay(file, size, options.backing, options.backingFormat);
        if (size === undefined) throw new InvalidArgumentError("The size is missing, as 10G.");
        await createImage(file, options.format, bytesOf(size));
      },
    );
  disk
    .command("convert <from> <to>")
    .description("Make a new image, qcow2, raw or vhd, with the content of another: qcow2, raw, vhd or vmdk")
    .addOption(format())
    .addOption(new Option("-O, --output <format>", "of the new image; else what its name says").choices(COPY_FORMATS))
    .action(async (from: string, to: string, options: { format?: string; output?: CopyFormat }) => {
      await refuseInUse(from, connect);
      const output = options.output ?? COPY_FORMATS.find((each) => each === formatOf(to, undefined)) ?? "qcow2";
      const isTerminal = process.stderr.isTTY;
      await convertImage(
        { file: from, format: formatOf(from, options.format) },
        { file: to, format: output },
        (share) => {
          if (isTerminal) process.stderr.write(`\r${Math.floor(share * 100)} %${share === 1 ? "\n" : ""}`);
        },
      );
    });
  disk
    .command("resize <file> <size>")
    .description("Change the size of an image that nobody uses; the partitions on it stay as they are")
    .addOption(format())
    .option("--shrink", "what lies behind the new end is lost")
    .action(async (file: string, size: string, options: { format?: string; shrink?: boolean }) => {
      await refuseInUse(file, connect);
      const bytes = bytesOf(size);
      const store = await new Disks(tmpdir()).open(file, formatOf(file, options.format), "read-write");
      try {
        if (bytes < store.size && !options.shrink)
          throw new StoreError(
            "EINVAL",
            `${file} has ${store.size} bytes: what lies behind the new end would be lost; say --shrink if it may be`,
          );
        await store.resize(bytes);
      } finally {
        await store.close();
      }
    });
  disk
    .command("grow <domain> <device> <size>")
    .description("Make a disk of a running domain larger, as xvda; its guest sees it at once")
    .action(async (name: string, device: string, size: string) => {
      const client = await connect();
      const bytes = bytesOf(size);
      const domid = await client.request("resolve", { domain: name });
      await client.request("diskResize", { domid, device, bytes });
    });
  return disk;
}

async function overlay(
  file: string,
  size: string | undefined,
  backing: string,
  given: string | undefined,
): Promise<void> {
  const [folder, base] = [path.dirname(path.resolve(file)), path.resolve(backing)];
  const name = path.relative(folder, base);
  if (name.startsWith("..") || path.isAbsolute(name))
    throw new StoreError("EINVAL", `${backing} must lie in the folder of ${file}, or below it`);
  const format = formatOf(backing, given);
  const store = await openStore(base, format, "read");
  const bytes = size === undefined ? store.size : bytesOf(size);
  await store.close();
  const named = format === "vhd" ? "vpc" : (format as "raw" | "qcow2" | "vmdk");
  await createQcow2({ path: file, size: bytes, backing: { file: name, format: named } });
}

/** An image that changes meanwhile can't be read or written from here. Without a running host nobody uses it. */
async function refuseInUse(file: string, connect: Connect): Promise<void> {
  const client = await connect().catch(() => null);
  if (!client || !existsSync(file)) return;
  const wanted = realpathSync(file);
  for (const { name, config } of await client.request("list"))
    for (const { files } of config?.devices ?? [])
      if (files.some((each) => existsSync(each) && realpathSync(each) === wanted))
        throw new StoreError(
          "EBUSY",
          `${file} is a disk of ${name}, which runs; "xenarium disk grow" makes it larger there`,
        );
}

interface Facts {
  file: string;
  format: string;
  bytes: number;
  fileBytes: number;
  backing: string | null;
  backingFormat: string | null;
  snapshots: { id: string; name: string; time: string }[];
  parts: DiskPart[];
}

async function factsOf(file: string, store: BlockStore): Promise<Facts> {
  const qcow2 = store instanceof Qcow2Store ? store : null;
  return {
    file,
    format: store.format,
    bytes: store.size,
    fileBytes: (await stat(file)).size,
    backing: qcow2?.header.backingFile ?? null,
    backingFormat: qcow2?.header.backingFormat ?? null,
    snapshots: (qcow2?.snapshots ?? []).map(({ id, name, time }) => ({
      id,
      name,
      time: new Date(time * 1000).toISOString(),
    })),
    parts: await partsOf(store),
  };
}

/** Nothing for a disk on which there is nothing that is understood. */
async function partsOf(store: BlockStore): Promise<DiskPart[]> {
  try {
    return await contentsOf(await BootDisk.open(store));
  } catch (error) {
    if (error instanceof BootError) return [];
    throw error;
  }
}

/** Names come from the image. None of them may act as a command of the terminal. */
function words({ file, format, bytes, fileBytes, backing, backingFormat, snapshots, parts }: Facts): string {
  const lines = [
    `${file}: ${format}`,
    `  disk       ${mebibytes(bytes)} MiB (${bytes} bytes)`,
    `  file       ${mebibytes(fileBytes)} MiB`,
    ...(backing === null ? [] : [`  based on   ${backing} (${backingFormat})`]),
    ...snapshots.map(({ id, name, time }) => `  snapshot   ${id}  ${name}  ${time}`),
    ...contentLines(parts),
  ];
  return `${lines.map(plain).join("\n")}\n`;
}

/** Runs it, and returns the exit status. */
export function disk(args: string[], connect: Connect): Promise<number> {
  return carryOut(declared(connect), args);
}
