/** `xenarium images`, `xenarium kernels` and `xenarium captures`: files that the running host keeps, and those of them that lie in the bin. */
import { Command } from "commander";
import path from "node:path";
import type { ApiClient } from "../api/client.ts";
import type { BinnedFile, ImageUser } from "../api/schema.ts";
import { binText } from "./bin-text.ts";
import { carryOut } from "./carry-out.ts";
import { addImageDeeds } from "./image-deeds.ts";
import { mebibytes, plain, table } from "./table.ts";

type Api = Pick<ApiClient, "request">;
type Connect = () => Promise<Api>;

/** What is printed as JSON, and as a table with its head. */
interface Listed {
  all: readonly object[];
  rows: string[][];
}

interface Kind {
  /** One and several of them. */
  one: string;
  several: string;
  list: (api: Api) => Promise<Listed>;
  remove: (api: Api, name: string) => Promise<unknown>;
  bin: (api: Api) => Promise<BinnedFile[]>;
  restore: (api: Api, id: string) => Promise<{ path: string }>;
  purge: (api: Api) => Promise<unknown>;
}

function plainFiles(all: readonly { name: string; path: string; bytes: number }[]): Listed {
  return {
    all,
    rows: [["Name", "MiB", "File"], ...all.map((each) => [plain(each.name), mebibytes(each.bytes), plain(each.path)])],
  };
}

/** Those of domains and snapshots too, wherever they lie: what each is based on, and who needs it. Images that are based on one are in lines of their own. */
async function images(api: Api): Promise<Listed> {
  const { images: all } = await api.request("imageList");
  const rows = all.map((image) => [
    plain(image.name),
    image.format ?? "-",
    image.size === null ? "-" : mebibytes(image.size),
    mebibytes(image.allocated),
    image.basedOn === null ? "-" : plain(path.basename(image.basedOn)),
    image.users.flatMap((user) => (user.kind === "image" ? [] : [plain(neededBy(user))])).join("; ") || "-",
    plain(image.path),
  ]);
  return { all, rows: [["Name", "Format", "MiB", "On disk", "Based on", "Needed by", "File"], ...rows] };
}

function neededBy({ kind, name, state, snapshots, writes }: ImageUser): string {
  const facts = [
    ...(state === "halted" ? [] : [STATES[state]]),
    ...(snapshots.length > 0 ? [`${snapshots.length === 1 ? "snapshot" : "snapshots"} ${snapshots.join(", ")}`] : []),
    ...(writes || kind === "snapshot" ? [] : ["read only"]),
  ];
  return facts.length === 0 ? name : `${name} (${facts.join(", ")})`;
}
const STATES = { running: "running", saved: "saved", binned: "in the bin", aside: "put aside" } as const;

const KINDS = {
  images: {
    one: "disk image",
    several: "disk images",
    list: images,
    remove: (api, name) => api.request("diskRemove", { name }),
    bin: (api) => api.request("imageBin"),
    restore: (api, id) => api.request("imageRestore", { id }),
    purge: (api) => api.request("imagePurge", {}),
  },
  kernels: {
    one: "kernel or RAM disk",
    several: "kernels and RAM disks",
    list: async (api) => plainFiles(await api.request("keptKernels")),
    remove: (api, name) => api.request("keptKernelRemove", { name }),
    bin: (api) => api.request("kernelBin"),
    restore: (api, id) => api.request("kernelRestore", { id }),
    purge: (api) => api.request("kernelPurge", {}),
  },
  captures: {
    one: "capture",
    several: "captures of networks",
    list: async (api) => plainFiles(await api.request("captures")),
    remove: (api, name) => api.request("captureRemove", { name }),
    bin: (api) => api.request("captureBin"),
    restore: (api, id) => api.request("captureRestore", { id }),
    purge: (api) => api.request("capturePurge", {}),
  },
} as const satisfies Record<string, Kind>;
export type KeptFilesCommand = keyof typeof KINDS;
export const KEPT_FILES_COMMANDS = Object.keys(KINDS) as KeptFilesCommand[];

export const summaryOf = (name: KeptFilesCommand): string =>
  `${KINDS[name].several} that a running host keeps: ${name === "images" ? "list, info, add, create, convert, resize, check" : "list"}, delete, bin, undelete`;

/** The declaration for commander, also used for help and completion. */
export function declared(name: KeptFilesCommand, connect: Connect): Command {
  const kind: Kind = KINDS[name];
  const [first, ...rest] = kind.several;
  const files = new Command(name)
    .description(`${first!.toUpperCase()}${rest.join("")} that the running host keeps`)
    .exitOverride();
  const say = (text: string): void => void process.stdout.write(text);
  if (name === "images") addImageDeeds(files, connect);
  files
    .command("list", { isDefault: true })
    .description("Show all of them")
    .option("--json", "as JSON")
    .action(async ({ json }: { json?: boolean }) => {
      const { all, rows } = await kind.list(await connect());
      say(json ? `${JSON.stringify(all, null, 2)}\n` : table(rows));
    });
  files
    .command("delete <name>")
    .description("Put one into the bin, for a day; refused while somebody needs it")
    .action(async (file: string) => {
      await kind.remove(await connect(), file);
      say(`${plain(file)} is in the bin for a day; "xenarium ${name} undelete" takes it out.\n`);
    });
  files
    .command("bin")
    .description("Show those that were deleted, what they take, and when they are gone for good")
    .option("--json", "as JSON")
    .option("--empty", "all of them go now")
    .action(async ({ json, empty }: { json?: boolean; empty?: boolean }) => {
      const api = await connect();
      if (empty) await kind.purge(api);
      const all = await kind.bin(api);
      say(json ? `${JSON.stringify(all, null, 2)}\n` : binText(all));
    });
  files
    .command("undelete <name>")
    .description("Take one out of the bin, by its name or its id there, and print where it lies")
    .action(async (file: string) => {
      const api = await connect();
      // The one that was deleted last.
      const entry = (await kind.bin(api)).find((each) => each.name === file || each.id === file);
      if (!entry) throw new Error(`no ${kind.one} ${file} is in the bin; "xenarium ${name} bin" lists those that are`);
      say(`${(await kind.restore(api, entry.id)).path}\n`);
    });
  return files;
}

/** Runs it, and returns the exit status. */
export function keptFiles(name: KeptFilesCommand, args: string[], connect: Connect): Promise<number> {
  return carryOut(declared(name, connect), args);
}
