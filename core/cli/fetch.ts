/** `xenarium fetch`: fetches files and whole guests from the web into the library of a running host. */
import { Command, Option } from "commander";
import type { ApiClient } from "../api/client.ts";
import type { DownloadReport, OfferedGuest } from "../api/schema.ts";
import { kindOf } from "../library/downloads/kind.ts";
import { UsageError } from "./arguments.ts";
import { carryOut } from "./carry-out.ts";
import { interruptible } from "./interruptible.ts";
import { mebibytes } from "./table.ts";

type Connect = () => Promise<Pick<ApiClient, "request" | "on">>;

interface Options {
  list?: boolean;
  as?: DownloadReport["kind"];
  name?: string;
  checksum?: string;
  checksums?: string;
  discard?: boolean;
  json?: boolean;
}

const say = (text: string): void => void process.stdout.write(text);

/** The declaration for commander, also used for help and completion. */
export function declared(connect: Connect): Command {
  return new Command("fetch")
    .description(
      [
        "Fetches a file by http or https into the running host's library, or a guest of its list, which it starts.",
        "What is interrupted goes on where it was when the same is fetched again. Proxies are those of the",
        "environment that the host was started in (http_proxy, https_proxy, all_proxy, no_proxy).",
      ].join("\n"),
    )
    .argument("[what]", "an address, or the id of a guest")
    .option("-l, --list", "show the guests that can be fetched, and what has stopped half-way")
    .addOption(new Option("--as <kind>", "of a file; its name says it else").choices(["kernel", "ramdisk", "disk"]))
    .option("--name <name>", "what the file is called in the library, or the guest's domain")
    .option("--checksum <hex>", "its SHA-256 or SHA-512")
    .option("--checksums <address>", "a list that has it, as https://example.org/SHA256SUMS")
    .option("--discard", "throw away what has come of it until now")
    .option("--json", "as JSON")
    .exitOverride()
    .action(async (what: string | undefined, options: Options) => {
      const client = await connect();
      if (what === undefined && !options.list) throw new UsageError("fetch: what? An address, a guest, or --list");
      if (options.list || what === undefined) return list(client, options);
      if (options.discard) return discard(client, what);
      if (/^[a-z][a-z\d+.-]*:/i.test(what)) return file(client, what, options);
      return guest(client, what, options);
    });
}

/** Runs it, and returns the exit status. */
export function fetchFiles(args: string[], connect: Connect): Promise<number> {
  return carryOut(declared(connect), args);
}

type Client = Awaited<ReturnType<Connect>>;

async function list(client: Client, { json }: Options): Promise<void> {
  const { guests, file: at, problem } = await client.request("guestList", {});
  const { downloads } = await client.request("downloadsAttach", {});
  if (json) return say(`${JSON.stringify({ guests, downloads }, null, 2)}\n`);
  if (problem !== null) process.stderr.write(`xenarium: ${problem}\n`);
  say(guests.map(described).join(""));
  if (at !== null) say(`The list is ${at}; edit it as you like.\n`);
  for (const { url, kind, done, total, isRunning, reason } of downloads)
    say(
      `${isRunning ? "on its way" : "stopped"}: ${url} (${kind}), ${mebibytes(done)} MiB${total === null ? "" : ` of ${mebibytes(total)} MiB`}${reason && `: ${reason}`}\n`,
    );
}

async function file(client: Client, url: string, options: Options): Promise<void> {
  const name = url
    .replace(/[?#].*/, "")
    .split("/")
    .at(-1)!;
  const { as: kind = kindOf(name), name: called, checksum, checksums } = options;
  const fetched = await watched(client, [url], () =>
    client.request("downloadFetch", {
      url,
      kind,
      ...(called !== undefined && { name: called }),
      ...(checksum !== undefined && { checksum }),
      ...(checksums !== undefined && { checksums }),
    }),
  );
  if (options.json) return say(`${JSON.stringify(fetched, null, 2)}\n`);
  say(`${fetched.path}\n`);
  process.stderr.write(`${mebibytes(fetched.bytes)} MiB, SHA-256 ${fetched.sha256}${vouched(fetched.checked, url)}\n`);
}

function vouched(checked: "given" | "listed" | null, url: string): string {
  if (checked === "given") return ", as it was asked for";
  if (checked === "listed") return ", as its list of checksums says";
  return url.startsWith("https:")
    ? ": nothing vouches for it but its server, by https"
    : ": nothing vouches for it, and it came by http";
}

async function guest(client: Client, id: string, options: Options): Promise<void> {
  const { guests } = await client.request("guestList", {});
  const urls = guests.find((each) => each.id === id)?.files.map(({ url }) => url) ?? [];
  const request = { guest: id, ...(options.name !== undefined && { name: options.name }) };
  const { domid } = await watched(client, urls, () => client.request("guestFetch", request));
  if (options.json) return say(`${JSON.stringify({ domid }, null, 2)}\n`);
  say(`It runs as domain ${domid}: xenarium xl console ${domid}\n`);
}

async function discard(client: Client, url: string): Promise<void> {
  const { downloads } = await client.request("downloadsAttach", {});
  const found = downloads.filter((each) => each.url === url || each.id === url);
  if (found.length === 0)
    throw new Error(`Nothing of ${url} has come half-way; “xenarium fetch --list” shows what has.`);
  for (const { id } of found) await client.request("downloadDiscard", { download: id });
}

/** Shows a line of progress on a terminal. Ctrl+C stops it, and what has come is kept. */
async function watched<T>(client: Client, urls: string[], deed: () => Promise<T>): Promise<T> {
  const isTerminal = process.stderr.isTTY;
  let mine: DownloadReport[] = [];
  const look = (downloads: DownloadReport[]): void => {
    mine = downloads.filter(({ url, isRunning }) => isRunning && urls.some((each) => sameAddress(each, url)));
    const [now] = mine;
    if (!isTerminal || !now) return;
    const share =
      now.total === null ? `${mebibytes(now.done)} MiB` : `${Math.floor((100 * now.done) / Math.max(1, now.total))} %`;
    process.stderr.write(`\r\x1b[K${now.name.replace(/[^\x20-\x7e]/g, "?").slice(0, 50)}: ${share}`);
  };
  const { heard, during } = interruptible(() => {
    for (const { id } of mine) client.request("downloadStop", { download: id }).catch(() => {});
  });
  client.on("downloads", ({ downloads }) => {
    look(downloads);
    heard();
  });
  await client.request("downloadsAttach", {});
  const clear = (): void => {
    if (isTerminal) process.stderr.write("\r\x1b[K");
  };
  return during(() => deed().finally(clear));
}

function sameAddress(given: string, reported: string): boolean {
  return URL.canParse(given) && new URL(given.replace(/#.*/, "")).href === reported;
}

function described({ id, name, description, memoryMiB, files }: OfferedGuest): string {
  const lines = files.map(
    ({ role, url, bytes }) => `    ${role}: ${url}${bytes === null ? "" : `, ${mebibytes(bytes)} MiB`}\n`,
  );
  return `${id}  ${name}, ${memoryMiB} MiB of memory\n    ${description}\n${lines.join("")}`;
}
