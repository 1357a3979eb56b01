/** `xenarium snapshot`: snapshots of domains on a running host. */
import { Command } from "commander";
import { writeFileSync } from "node:fs";
import type { ApiClient } from "../api/client.ts";
import type { SnapshotReport, SnapshotTree } from "../api/schema.ts";
import { binText } from "./bin-text.ts";
import { carryOut } from "./carry-out.ts";
import { mebibytes, plain } from "./table.ts";

type Api = Pick<ApiClient, "request">;
type Connect = () => Promise<Api>;

/** The declaration for commander, also used for help and completion. */
export function declared(connect: Connect): Command {
  const snapshot = new Command("snapshot").description("Snapshots of domains on the running host").exitOverride();
  const say = (text: string): void => void process.stdout.write(text);
  snapshot
    .command("list [domain]")
    .description("Show a domain's snapshots as a tree, or which domains have some")
    .option("--json", "as JSON")
    .action(async (name: string | undefined, { json }: { json?: boolean }) => {
      const api = await connect();
      const found = name === undefined ? await api.request("snapshotDomains") : await treeOf(api, name);
      if (json) say(`${JSON.stringify(found, null, 2)}\n`);
      else say(Array.isArray(found) ? domainsText(found) : treeText(found));
    });
  snapshot
    .command("picture <domain> <snapshot>")
    .description("Print what its console showed, or write the picture of its screen, a PNG, to a file")
    .option("-o, --output <file>", "the file; it must not be there yet")
    .action(async (domain: string, name: string, { output }: { output?: string }) => {
      const api = await connect();
      const { uuid, id } = await find(api, domain, name);
      const picture = await api.request("snapshotPicture", { uuid, snapshot: id });
      if (!picture) throw new Error(`${domain} showed nothing at ${name}`);
      if (output !== undefined) writeFileSync(output, picture.bytes, { flag: "wx" });
      else if (picture.kind === "console") say(`${printable(Buffer.from(picture.bytes).toString("utf8"))}\n`);
      else throw new Error(`it is the picture of a screen: say with --output where to write it, as ${id}.png`);
    });
  snapshot
    .command("take <domain> <name>")
    .description("Take a snapshot; a domain that runs goes on")
    .option("--disks-only", "without memory: its disks as after a loss of power")
    .action(async (domain: string, name: string, { disksOnly }: { disksOnly?: boolean }) => {
      const api = await connect();
      const uuid = await uuidOf(api, domain);
      const { snapshot: id, stood } = await api.request("snapshotTake", { uuid, name, memory: !disksOnly });
      say(`Took ${id}, ${name}.${stood ? ` ${domain} stood still for ${Math.ceil(stood)} ms.` : ""}\n`);
    });
  snapshot
    .command("revert <domain> <snapshot>")
    .description("Go back to a snapshot; what the domain is now is gone unless it is kept")
    .option("--keep <name>", "take a snapshot of now first")
    .action(async (domain: string, name: string, { keep }: { keep?: string }) => {
      const api = await connect();
      const { uuid, id } = await find(api, domain, name);
      const { domid } = await api.request("snapshotRevert", { uuid, snapshot: id, ...(keep && { keepNow: keep }) });
      say(
        domid === null
          ? `${domain} is halted, with its disks of ${name}. Start it with xl create ${domain}.\n`
          : `${domain} goes on from ${name} as domain ${domid}.\n`,
      );
    });
  snapshot
    .command("delete <domain> <snapshot>")
    .description("Put a snapshot into the bin, for a day; then what it has is merged into what came after it")
    .action(async (domain: string, name: string) => {
      const api = await connect();
      const { uuid, id } = await find(api, domain, name);
      await api.request("snapshotDelete", { uuid, snapshot: id });
      const entry = (await api.request("snapshotBin")).find((each) => each.uuid === uuid && each.id === id);
      const size = entry ? ` It takes ${mebibytes(entry.bytes)} MiB there.` : "";
      say(`${plain(name)} is in the bin for a day; "xenarium snapshot undelete" takes it out.${size}\n`);
    });
  snapshot
    .command("bin [domain]")
    .description("Show snapshots that were deleted, what they take, and when they are gone for good")
    .option("--json", "as JSON")
    .option("--empty", "all of them go now; what they have is merged into what came after them")
    .action(async (domain: string | undefined, { json, empty }: { json?: boolean; empty?: boolean }) => {
      const api = await connect();
      const uuid = domain === undefined ? undefined : await uuidOf(api, domain);
      if (empty) await api.request("snapshotPurge", uuid === undefined ? {} : { uuid });
      const all = (await api.request("snapshotBin")).filter((each) => uuid === undefined || each.uuid === uuid);
      say(json ? `${JSON.stringify(all, null, 2)}\n` : binText(all, { Domain: (each) => each.domain }));
    });
  snapshot
    .command("undelete <domain> <snapshot>")
    .description("Take a snapshot out of the bin, by its name or its id")
    .action(async (domain: string, name: string) => {
      const api = await connect();
      const uuid = await uuidOf(api, domain);
      const mine = (await api.request("snapshotBin")).filter((each) => each.uuid === uuid);
      // The one that was deleted last.
      const entry = mine.find((each) => each.name === name) ?? mine.find(({ id }) => id === name);
      if (!entry)
        throw new Error(
          `no snapshot ${name} of ${domain} is in the bin; "xenarium snapshot bin ${domain}" lists those that are`,
        );
      const { name: called } = await api.request("snapshotRestore", { uuid, snapshot: entry.id });
      if (called !== entry.name) say(`It is ${plain(called)} now: another has its name.\n`);
    });
  snapshot
    .command("merge <domain>")
    .description("Go on with merging that was cancelled or broken off")
    .action(async (domain: string) => {
      const api = await connect();
      await api.request("snapshotMerge", { uuid: await uuidOf(api, domain) });
    });
  snapshot
    .command("rename <domain> <snapshot> <name>")
    .description("Give a snapshot another name")
    .action(async (domain: string, before: string, name: string) => {
      const api = await connect();
      const { uuid, id } = await find(api, domain, before);
      await api.request("snapshotRename", { uuid, snapshot: id, name });
    });
  snapshot
    .command("clone <domain> <snapshot> <name>")
    .description("Make another domain of a snapshot, and start it")
    .action(async (domain: string, from: string, name: string) => {
      const api = await connect();
      const { uuid, id } = await find(api, domain, from);
      const made = await api.request("snapshotClone", { uuid, snapshot: id, name });
      say(`Made ${name}${made.domid === null ? "" : `, domain ${made.domid}`}, from ${from} of ${domain}.\n`);
    });
  return snapshot;
}

/** Runs it, and returns the exit status. */
export function snapshot(args: string[], connect: Connect): Promise<number> {
  return carryOut(declared(connect), args);
}

/** Returns the UUID of a running domain, by its name or domid, or of a kept one, by its name or UUID. */
export async function uuidOf(api: Api, domain: string): Promise<string> {
  const running = await api.request("list").catch(() => []);
  const found = running.find(({ name, domid }) => name === domain || String(domid) === domain);
  if (found) return found.uuid;
  const kept = (await api.request("keptDomains")).find(({ name, uuid }) => name === domain || uuid === domain);
  if (kept) return kept.uuid;
  throw new Error(`there is no domain ${domain}`);
}

async function treeOf(api: Api, domain: string): Promise<SnapshotTree | null> {
  return api.request("snapshots", { uuid: await uuidOf(api, domain) });
}

async function find(api: Api, domain: string, name: string): Promise<{ uuid: string; id: string }> {
  const uuid = await uuidOf(api, domain);
  const tree = await api.request("snapshots", { uuid });
  const found = tree?.snapshots.find((each) => each.name === name) ?? tree?.snapshots.find(({ id }) => id === name);
  if (found) return { uuid, id: found.id };
  const names = tree?.snapshots.map((each) => each.name).join(", ");
  throw new Error(`${domain} has no snapshot ${name}${names ? `; it has ${names}` : ""}`);
}

function domainsText(domains: readonly { name: string; snapshots: number }[]): string {
  return domains
    .map(({ name, snapshots }) => `${name}  ${snapshots} ${snapshots === 1 ? "snapshot" : "snapshots"}\n`)
    .join("");
}

function treeText(tree: SnapshotTree | null): string {
  if (!tree?.snapshots.length) return "no snapshots\n";
  const lines: string[] = [];
  const below = (parent: string | null, depth: number): void => {
    for (const each of tree.snapshots.filter((one) => one.parent === parent)) {
      lines.push(`${"  ".repeat(depth)}${line(each)}`);
      if (each.id === tree.current) lines.push(`${"  ".repeat(depth + 1)}(now)`);
      below(each.id, depth + 1);
    }
  };
  below(null, 0);
  if (tree.unmerged) lines.push(`${tree.unmerged} images are still to be merged: xenarium snapshot merge ${tree.name}`);
  return `${lines.join("\n")}\n`;
}

function line({ id, name, takenAt, hasMemory, bytes }: SnapshotReport): string {
  const time = new Date(takenAt).toISOString().slice(0, 16).replace("T", " ");
  return `${name}  ${id}  ${time}  ${hasMemory ? "memory and disks" : "disks"}  ${mebibytes(bytes)} MiB`;
}

/** The guest has written it: none of it may act as a command of the terminal. */
const printable = (text: string): string => text.replace(/[^\P{Cc}\n\t]|[\p{Cf}]/gu, "");
