/** `xenarium export` and `xenarium import`: domains as single files, out of a running host's library and into it. */
import { Command } from "commander";
import path from "node:path";
import type { ApiClient } from "../api/client.ts";
import type { JournalEntry } from "../api/schema.ts";
import { carryOut } from "./carry-out.ts";
import { interruptible } from "./interruptible.ts";
import { mebibytes } from "./table.ts";

type Connect = () => Promise<Pick<ApiClient, "request" | "on">>;
type Client = Awaited<ReturnType<Connect>>;

export const TRANSFER_COMMANDS = ["export", "import"] as const;
export type TransferCommand = (typeof TRANSFER_COMMANDS)[number];

const say = (text: string): void => void process.stdout.write(text);

/** The declaration for commander, also used for help and completion. */
export function declared(name: TransferCommand, connect: Connect): Command {
  const command = new Command(name).exitOverride();
  if (name === "export")
    return command
      .description("Writes a domain that does not run, with all that is on its disks, into one new file")
      .argument("<domain>", "its name or UUID")
      .argument("<file>", "as web.xenarium.tar")
      .action(async (domain: string, file: string) => {
        const client = await connect();
        const args = { domain, file: path.resolve(file) };
        const { bytes } = await watched(client, () => client.request("domainExport", args));
        say(`${file}: ${mebibytes(bytes)} MiB\n`);
      });
  return command
    .description("Takes a domain into the library: from a file of xenarium export, an OVA or an XVA")
    .argument("<file>")
    .option("--name <name>", "what it is called here")
    .action(async (file: string, options: { name?: string }) => {
      const client = await connect();
      const args = { file: path.resolve(file), ...(options.name !== undefined && { name: options.name }) };
      const imported = await watched(client, () => client.request("domainImport", args));
      for (const note of imported.notes) process.stderr.write(`xenarium: ${note}\n`);
      say(`${imported.name} is in the library: xenarium xl create ${imported.name}\n`);
    });
}

/** Shows a line of progress on a terminal. Ctrl+C ends it, and nothing of it is left. */
async function watched<T>(client: Client, deed: () => Promise<T>): Promise<T> {
  let mine: JournalEntry | null = null;
  const id = `cli-${crypto.randomUUID()}`;
  const { heard, during } = interruptible(() => {
    if (mine?.cancels) client.request("taskCancel", { id: mine.id }).catch(() => {});
  });
  client.on("journal", ({ entries }) => {
    mine = entries.find((each) => each.by === id && each.kind === "task") ?? mine;
    heard();
    if (process.stderr.isTTY && mine?.progress) process.stderr.write(`\r\x1b[K${Math.floor(mine.progress * 100)} %`);
  });
  await client.request("journalAttach", { client: id });
  const clear = (): void => {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  };
  return during(() => deed().finally(clear));
}

/** Runs it, and returns the exit status. */
export function transfer(name: TransferCommand, args: string[], connect: Connect): Promise<number> {
  return carryOut(declared(name, connect), args);
}
