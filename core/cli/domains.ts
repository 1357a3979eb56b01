/** `xenarium domains`: the domains that the running host keeps, whether they run or not. */
import { Command } from "commander";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ApiClient } from "../api/client.ts";
import type { BinnedDomain, GoesWith, KeptDomain } from "../api/schema.ts";
import { UsageError } from "./arguments.ts";
import { binText } from "./bin-text.ts";
import { carryOut } from "./carry-out.ts";
import { plain, table } from "./table.ts";

type Connect = () => Promise<Pick<ApiClient, "request">>;

/** The declaration for commander, also used for help and completion. */
export function declared(connect: Connect): Command {
  const domains = new Command("domains").description("Domains that the running host keeps").exitOverride();
  const say = (text: string): void => void process.stdout.write(text);
  /** Finds a domain by name or UUID. */
  const find = async (name: string): Promise<{ host: Awaited<ReturnType<Connect>>; domain: KeptDomain }> => {
    const host = await connect();
    const all = await host.request("keptDomains", {});
    const domain = all.find((each) => each.name === name) ?? all.find((each) => each.uuid === name.toLowerCase());
    if (domain) return { host, domain };
    throw new Error(`no domain ${name} is kept; "xenarium domains" lists those that are`);
  };
  domains
    .command("list", { isDefault: true })
    .description("Show all domains, running, saved and halted")
    .option("--json", "as JSON")
    .action(async ({ json }: { json?: boolean }) => {
      const all = await (await connect()).request("keptDomains", {});
      say(json ? `${JSON.stringify(all, null, 2)}\n` : listed(all));
    });
  domains
    .command("start <name>")
    .description("Start one; one that is saved goes on where it was")
    .option("-p, --paused", "leave it paused")
    .action(async (name: string, { paused }: { paused?: boolean }) => {
      const { host, domain } = await find(name);
      await host.request("keptStart", { uuid: domain.uuid, paused: paused ?? false });
    });
  domains
    .command("config <name>")
    .description("Print its configuration, an xl.cfg")
    .action(async (name: string) => {
      const { host, domain } = await find(name);
      say((await host.request("keptConfig", { uuid: domain.uuid })).config);
    });
  domains
    .command("edit <name>")
    .description(
      "Change its configuration in $VISUAL or $EDITOR, or read it from a file; it holds from its next start on",
    )
    .option("-f, --file <file>", "the new configuration; - reads it from the standard input")
    .action(async (name: string, { file }: { file?: string }) => {
      const { host, domain } = await find(name);
      const { uuid } = domain;
      const before = (await host.request("keptConfig", { uuid })).config;
      const config = file === undefined ? edited(name, before) : readFileSync(file === "-" ? 0 : file, "utf8");
      if (config === before) return;
      for (const { message } of (await host.request("keptEdit", { uuid, config })).warnings)
        process.stderr.write(`warning: ${message}\n`);
    });
  domains
    .command("rename <name> <new-name>")
    .description("Give it another name, whether it runs or not")
    .action(async (name: string, to: string) => {
      const { host, domain } = await find(name);
      await host.request("keptRename", { uuid: domain.uuid, name: to });
    });
  domains
    .command("autostart <name>")
    .description("Start it with the host")
    .option("--disable", "no more")
    .action(async (name: string, { disable }: { disable?: boolean }) => {
      const { host, domain } = await find(name);
      await host.request("keptSettings", { uuid: domain.uuid, autostart: !disable });
    });
  domains
    .command("template <name>")
    .description("Make it a template, which is not started but cloned")
    .option("--disable", "a domain as others again")
    .action(async (name: string, { disable }: { disable?: boolean }) => {
      const { host, domain } = await find(name);
      await host.request("keptSettings", { uuid: domain.uuid, template: !disable });
    });
  domains
    .command("clone <name> <new-name>")
    .description("Make another that is like it, with copies of the disks that it may write")
    .action(async (name: string, to: string) => {
      const { host, domain } = await find(name);
      say(`${(await host.request("keptClone", { uuid: domain.uuid, name: to })).uuid}\n`);
    });
  domains
    .command("delete <name>")
    .description("Put it into the bin, for a day, with its snapshots; the files that you gave it as disks stay")
    .action(async (name: string) => {
      const { host, domain } = await find(name);
      const goes = await host.request("keptGoesWith", { uuid: domain.uuid });
      await host.request("keptDelete", { uuid: domain.uuid });
      const files = domain.files.filter((file) => !goes.images.includes(file));
      const stay = files.length ? ` ${files.join(", ")} ${files.length === 1 ? "stays" : "stay"}.` : "";
      const { snapshots } = goes;
      const what = snapshots > 0 ? `${domain.name} and ${counted(snapshots)} are` : `${domain.name} is`;
      say(`${what} in the bin for a day; "xenarium domains undelete" takes it out.${stay}${goneText(goes)}\n`);
    });
  domains
    .command("discard <name>")
    .description("Discard what is saved of its memory")
    .action(async (name: string) => {
      const { host, domain } = await find(name);
      await host.request("savedDiscard", { uuid: domain.uuid });
    });
  const inBin = async (name: string): Promise<{ host: Awaited<ReturnType<Connect>>; entry: BinnedDomain }> => {
    const host = await connect();
    // The one that was deleted last.
    const entry = (await host.request("binList", {})).find((each) => each.name === name || each.id === name);
    if (entry) return { host, entry };
    throw new Error(`no domain ${name} is in the bin; "xenarium domains bin" lists those that are`);
  };
  domains
    .command("bin")
    .description("Show domains that were deleted, what they take, and when they are gone for good")
    .option("--json", "as JSON")
    .option("--empty", "all of them go now")
    .action(async ({ json, empty }: { json?: boolean; empty?: boolean }) => {
      const host = await connect();
      if (empty) await host.request("binPurge", {});
      const all = await host.request("binList", {});
      say(
        json ? `${JSON.stringify(all, null, 2)}\n` : binText(all, { Snapshots: ({ snapshots }) => String(snapshots) }),
      );
    });
  domains
    .command("undelete <name>")
    .description("Take a domain out of the bin, by its name or its id there")
    .action(async (name: string) => {
      const { host, entry } = await inBin(name);
      await host.request("binRestore", { id: entry.id });
    });
  return domains;
}

/** What becomes of the images that were made for it when it is gone for good. */
function goneText({ images, isLinked, mergedInto, isWritingLost }: GoesWith): string {
  if (images.length === 0) return "";
  const what = isLinked ? "the images that were made for it from snapshots" : "the images of its snapshots";
  const kept = mergedInto.length ? ` What was written to them is merged into ${mergedInto.join(", ")} before.` : "";
  const lost = isWritingLost ? ` What was written to ${mergedInto.length ? "the others" : "them"} is gone too.` : "";
  return ` When it is gone for good, so are ${what}: ${images.join(", ")}.${kept}${lost}`;
}

const counted = (snapshots: number): string => (snapshots === 1 ? "its snapshot" : `its ${snapshots} snapshots`);

/** Returns what the user's editor makes of the text. */
function edited(name: string, before: string): string {
  const editor = process.env.VISUAL ?? process.env.EDITOR;
  if (!editor)
    throw new UsageError("domains edit: set VISUAL or EDITOR to an editor, or give the new text with --file");
  const folder = mkdtempSync(path.join(tmpdir(), "xenarium-edit-"));
  try {
    const file = path.join(folder, `${name.replace(/[^\w.+-]+/g, "-").slice(0, 60) || "domain"}.cfg`);
    writeFileSync(file, before, { mode: 0o600 });
    // The variable may contain arguments, so it is run by a shell, as git and crontab do.
    const { status, error } = spawnSync("/bin/sh", ["-c", `${editor} "$0"`, file], { stdio: "inherit" });
    if (error || status !== 0)
      throw new Error(`${editor} ended with ${error?.message ?? `status ${status}`}: nothing has changed`);
    return readFileSync(file, "utf8");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function listed(all: readonly KeptDomain[]): string {
  return table([
    ["Name", "State", "ID", "Mem", "VCPUs", "Autostart", "UUID"],
    ...all.map(({ name, state, domid, memoryMiB, vcpus, autostart, template, uuid }) => [
      plain(name),
      template ? "template" : state,
      domid === null ? "-" : String(domid),
      memoryMiB === null ? "?" : String(memoryMiB),
      vcpus === null ? "?" : String(vcpus),
      autostart ? "yes" : "no",
      uuid,
    ]),
  ]);
}

/** Runs it, and returns the exit status. */
export function domains(args: string[], connect: Connect): Promise<number> {
  return carryOut(declared(connect), args);
}
