/**
 * Domains as their users know them, whether they run or not: the library's definitions and what runs of them. Whatever makes a domain is kept here,
 * and whatever changes a running domain is recorded in its definition here.
 */
import { readFile } from "node:fs/promises";
import { writersOf } from "../library/images/sharing.ts";
import type { Owner } from "../library/images/uses.ts";
import { identityOf, type Definition } from "../library/definition.ts";
import type { Library } from "../library/library.ts";
import { readSavedHeader } from "../toolstack/saved-file.ts";
import { saidOf } from "../toolstack/error.ts";
import type { ToolstackClient } from "../toolstack/client.ts";
import type {
  AutostartEntry,
  ConfigDiagnostic,
  CreateOptions,
  CreateResult,
  ToolstackEvents,
} from "../toolstack/messages.ts";
import { isKeptDisk } from "../toolstack/disk-texts.ts";
import { parseXlConfig } from "../toolstack/xlcfg.ts";
import { Deeds, type Deed } from "./deeds.ts";
import { configOf, described, ownerOf } from "./definition-facts.ts";
import { ApiFailure } from "./failure.ts";
import type { KeptDomain } from "./host-state.ts";

export interface KeptParts {
  library: Library;
  /** Throws ApiFailure EOFF while the host does not run. */
  toolstack: () => ToolstackClient;
  tell: (domains: KeptDomain[]) => void;
  /** Returns the text that a domain is to be started from, with the images that its snapshots have left it with. */
  current: (uuid: string, config: string, configName: string | null) => Promise<string>;
  /** Ends what is done with that domain unasked, so that it gives way to what somebody asks for; null where there is nothing. Never rejects. */
  giveWay: (uuid: string) => Promise<unknown> | null;
  notice: (severity: "warning" | "error", message: string) => void;
}

export class KeptDomains {
  readonly #parts: KeptParts;
  /** Domids of those that run, by UUID. */
  readonly #running = new Map<string, number>();
  /** UUIDs of domains that are being made and that their maker keeps. */
  readonly #making = new Set<string>();
  readonly #deeds = new Deeds();
  /** Released when the host is up: holds for the domains that start with it. */
  #booting: (() => void)[] = [];
  /** By domid, what is on its way into the library. */
  readonly #keeping = new Map<number, Promise<void>>();
  #telling = false;

  constructor(parts: KeptParts) {
    this.#parts = parts;
  }

  get #library(): Library {
    return this.#parts.library;
  }

  /** In the order in which they were created. */
  get all(): KeptDomain[] {
    return this.#library.all.map((definition) => this.#described(definition));
  }

  #described(definition: Definition): KeptDomain {
    return described(definition, this.domidOf(definition.uuid));
  }

  /** Returns null for a domain that does not run. */
  domidOf(uuid: string): number | null {
    return this.#running.get(uuid) ?? null;
  }

  /** Called when the library has changed, or what runs. Clients are told once for everything that happens at one time. */
  changed(): void {
    if (this.#telling) return;
    this.#telling = true;
    setImmediate(() => {
      this.#telling = false;
      this.#parts.tell(this.all);
    });
  }

  /** Called at dom0's first sign of life. */
  follow(toolstack: ToolstackClient): void {
    toolstack.on("created", (created) => this.#created(toolstack, created));
    toolstack.on("destroyed", ({ domid }) => {
      for (const [uuid, running] of this.#running) if (running === domid) this.#running.delete(uuid);
      this.changed();
    });
  }
  hostEnded(): void {
    this.#running.clear();
    this.#keeping.clear();
    this.changed();
  }

  #created(toolstack: ToolstackClient, { domid, uuid, name }: ToolstackEvents["created"]): void {
    this.#running.set(uuid, domid);
    this.changed();
    if (!this.#library.isKept || this.#making.has(uuid)) return;
    const kept = this.#keep(toolstack, domid, uuid).catch((error: unknown) => {
      if (this.#running.get(uuid) !== domid) return;
      this.#parts.notice("warning", `${name} runs, and is not kept: ${(error as Error).message}`);
    });
    this.#keeping.set(
      domid,
      kept.finally(() => this.#keeping.delete(domid)),
    );
  }

  async #keep(toolstack: ToolstackClient, domid: number, uuid: string): Promise<void> {
    const { config, configName = null } = await toolstack.request("definition", { domid });
    await this.#library.open();
    if (this.#library.find(uuid)?.config === config) await this.#library.ran(uuid);
    else {
      const files = await toolstack.request("definitionFiles", { domid });
      await this.#library.keep({ uuid, config, configName, files });
    }
  }

  /** Called when a running domain was changed so that its definition changes too. Throws Refusal if that can't be kept. */
  async changedRunning(domid: number): Promise<void> {
    if (!this.#library.isKept) return;
    await this.#keeping.get(domid);
    const uuid = [...this.#running].find(([, running]) => running === domid)?.[0];
    if (uuid === undefined || !this.#library.find(uuid)) return;
    const { config, configName = null } = await this.#parts.toolstack().request("definition", { domid });
    const kept = this.#library.find(uuid);
    if (kept?.config !== config || kept.configName !== configName)
      await this.#library.edit(uuid, { config, configName });
  }

  /**
   * Makes a domain and keeps it. A configuration without a UUID whose name belongs to a definition that does not run replaces that definition's text.
   * If the domain can't be kept it runs all the same, and a warning says so.
   */
  async create(given: CreateOptions): Promise<CreateResult> {
    const toolstack = this.#parts.toolstack();
    if (!this.#library.isKept) return toolstack.request("create", given);
    await this.#library.open();
    const uuid = this.#uuidFor(given.config) ?? crypto.randomUUID();
    return this.during(uuid, "start", () => this.#create(toolstack, uuid, given));
  }

  async #create(toolstack: ToolstackClient, uuid: string, given: CreateOptions): Promise<CreateResult> {
    const options = { ...given, config: await this.#current(uuid, given.config, given.configName ?? null) };
    return this.#made(uuid, async () => {
      const result = await toolstack.request("create", { ...options, uuid });
      const { config, configName = null, files = {} } = options;
      try {
        await this.#library.keep({ uuid, config, configName, files });
        return result;
      } catch (error) {
        const message = `${result.name} runs, and is not kept: ${(error as Error).message}`;
        return { ...result, warnings: [...result.warnings, warning(message)] };
      }
    });
  }

  /** A text that is not understood is returned as it is; starting the domain reports what is wrong with it. */
  #current(uuid: string, config: string, configName: string | null): Promise<string> {
    return this.#parts.current(uuid, config, configName).catch(() => config);
  }

  /**
   * Returns the UUID of the definition to which a configuration belongs; null where it is a new one. Throws ApiFailure where the domain may not be
   * made.
   */
  #uuidFor(config: string): string | null {
    const { name, uuid } = identityOf(config);
    const known = uuid !== null ? this.#library.find(uuid) : name !== null ? this.#library.byName(name) : null;
    if (known) this.#checkStartable(known);
    const other = name === null ? null : this.#library.byName(name);
    if (other && uuid !== null && other.uuid !== uuid)
      throw new ApiFailure(
        "EEXIST",
        `The library has another domain named ${name} (${other.uuid}): leave the uuid out and it becomes what this configuration says.`,
      );
    return known?.uuid ?? uuid;
  }

  #checkStartable({ uuid, name, template, saved }: Definition): void {
    if (this.#running.has(uuid)) throw new ApiFailure("EEXIST", `A domain named ${name} runs already.`);
    if (template) throw new ApiFailure("EPERM", `${name} is a template: it is cloned, not started.`);
    if (saved) throw new ApiFailure("EBUSY", `${name} is saved: restore it, or discard what is saved of it first.`);
  }

  async #made<T>(uuid: string, make: () => Promise<T>): Promise<T> {
    this.#making.add(uuid);
    try {
      return await make();
    } finally {
      this.#making.delete(uuid);
    }
  }

  /** Starts a domain from its definition; a saved one continues where it was. Throws Refusal, ApiFailure. */
  async start(uuid: string, paused: boolean): Promise<CreateResult> {
    const definition = this.#library.get(uuid);
    if (definition.saved) return this.restore(uuid, paused);
    this.#checkStartable(definition);
    return this.during(uuid, "start", () => this.#start(this.#library.get(uuid), paused));
  }

  async #start(definition: Definition, paused: boolean): Promise<CreateResult> {
    const toolstack = this.#parts.toolstack();
    const { uuid } = definition;
    const { configName } = definition;
    const config = await this.#current(uuid, definition.config, configName);
    const files = await this.#library.files(uuid);
    const result = await toolstack.request("create", {
      config,
      ...(configName !== null && { configName }),
      files,
      uuid,
      paused,
    });
    await this.#keeping.get(result.domid);
    return result;
  }

  /** Saves its memory into the library. Throws ApiFailure, and what the toolstack refuses. */
  async save(domid: number): Promise<{ bytes: number }> {
    const toolstack = this.#parts.toolstack();
    const domain = (await toolstack.request("list")).find((each) => each.domid === domid);
    if (!domain) throw new ApiFailure("ESRCH", `There is no domain ${domid}.`);
    if (!this.#library.isKept)
      throw new ApiFailure("EROFS", "This host keeps nothing on disk: name a file to save to.");
    await this.#keeping.get(domid);
    // Keeping it may have failed when it was made, as on a full disk.
    if (domid !== 0 && !this.#library.find(domain.uuid)) await this.#keep(toolstack, domid, domain.uuid);
    const file = domid === 0 ? "" : this.#library.savedFile(domain.uuid);
    const result = await toolstack.request("save", { domid, file, resume: false });
    await this.#library.lookForSaved(domain.uuid);
    return result;
  }

  /** Saves all that run. Returns a sentence for each that could not be saved and goes on running. */
  async saveRunning(): Promise<string[]> {
    const failed: string[] = [];
    for (const { domid, name, state } of await this.#parts.toolstack().request("list"))
      if (domid !== 0 && !state.shutdown && !state.dying)
        await this.save(domid).catch((error: unknown) => {
          failed.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
        });
    return failed;
  }

  /** Continues a saved domain, which is then no longer saved. */
  async restore(uuid: string, paused: boolean): Promise<CreateResult> {
    const definition = this.#library.find(uuid);
    if (!definition?.saved) throw new ApiFailure("ESRCH", "That domain is not saved.");
    const as = { name: definition.name };
    return this.during(uuid, "start", () =>
      this.#goneOn(this.#library.savedFile(uuid), as, paused, () => this.#library.discardSaved(uuid)),
    );
  }

  /**
   * Restores a domain from a file elsewhere. Throws ApiFailure EBUSY if the library has the domain saved too: that one would then continue on changed
   * disks.
   */
  async restoreFile(file: string, paused: boolean): Promise<CreateResult> {
    this.#parts.toolstack();
    const { uuid } = await readSavedHeader(file);
    const here = this.#library.find(uuid);
    if (here?.saved)
      throw new ApiFailure(
        "EBUSY",
        `${here.name} is saved in the library too: restore that, or discard what is saved first.`,
      );
    return this.during(uuid, "start", () => this.#goneOn(file, null, paused, async () => {}));
  }

  /**
   * Continues a domain from a file with its memory when `ready` has ended. From then on it writes to its disks, so no earlier memory may ever be
   * restored on these.
   */
  async #goneOn(
    file: string,
    as: { name: string } | null,
    paused: boolean,
    ready: () => Promise<void>,
  ): Promise<CreateResult> {
    const toolstack = this.#parts.toolstack();
    const result = await toolstack.request("restore", { file, paused: true, ...(as && { as }) });
    const { domid } = result;
    try {
      await this.#keeping.get(domid);
      await ready();
    } catch (error) {
      await toolstack.request("destroy", { domid }).catch(() => {});
      throw error;
    }
    if (!paused) await toolstack.request("unpause", { domid });
    return result;
  }

  /** Replaces its text, also while it runs; it is then restarted from it. Throws Refusal, ApiFailure. Returns what the parser warned about. */
  async edit(
    uuid: string,
    { config, files }: { config: string; files: Record<string, Uint8Array> },
  ): Promise<{ warnings: ConfigDiagnostic[] }> {
    const { name, saved, configName } = this.#library.get(uuid);
    if (saved)
      throw new ApiFailure(
        "EBUSY",
        `${name} is saved with the configuration that it has: restore it, or discard what is saved first.`,
      );
    const parsed = parseXlConfig(config);
    if (!parsed.config) throw new ApiFailure("EINVAL", saidOf(parsed.diagnostics), parsed.diagnostics);
    const domid = this.#running.get(uuid);
    if (domid !== undefined && parsed.config.name !== name)
      throw new ApiFailure("EBUSY", `${name} runs: rename it there, its configuration follows.`);
    await this.#library.edit(uuid, { config, files });
    if (domid !== undefined)
      await this.#parts
        .toolstack()
        .request("updateConfig", { domid, config, ...(configName !== null && { configName }), files });
    return { warnings: parsed.diagnostics };
  }

  /** Renames a domain, whether it runs or not. */
  async rename(uuid: string, name: string): Promise<void> {
    const domid = this.#running.get(uuid);
    if (domid === undefined) await this.#library.rename(uuid, name);
    else await this.renameRunning(domid, name);
  }
  async renameRunning(domid: number, name: string): Promise<void> {
    const other = this.#library.byName(name);
    if (other && this.#running.get(other.uuid) !== domid)
      throw new ApiFailure("EEXIST", `The library has another domain named ${name}: names are unique there.`);
    await this.#parts.toolstack().request("rename", { domid, name });
    // Other running domains may have backends in it, whose configurations then need its new name.
    for (const running of [...this.#running.values()]) await this.changedRunning(running);
  }

  async set(uuid: string, change: Partial<Pick<Definition, "autostart" | "template">>): Promise<void> {
    const { name, saved } = this.#library.get(uuid);
    if (change.template && this.#running.has(uuid))
      throw new ApiFailure("EBUSY", `${name} runs: a template does not. Shut it down first.`);
    if (change.template && saved)
      throw new ApiFailure("EBUSY", `${name} is saved, and a template never runs: discard what is saved first.`);
    await this.#library.set(uuid, { ...change, ...(change.template && { autostart: false }) });
  }

  /**
   * Makes another domain that is like it, halted, with copies of the disks that it may write. Throws Refusal; ApiFailure EBUSY while it runs and has
   * such disks. `wanted` is aborted when it is no longer wanted.
   */
  async clone(uuid: string, name: string, progress: (share: number) => void, wanted: AbortSignal): Promise<KeptDomain> {
    const definition = this.#library.get(uuid);
    const isWritten = configOf(definition)?.devices.some(isKeptDisk) ?? false;
    if (isWritten && (this.#running.has(uuid) || definition.saved))
      throw new ApiFailure(
        "EBUSY",
        `${definition.name} ${definition.saved ? "is saved" : "runs"}: its disks are copied when it has shut down. A clone of what it is now is made from a snapshot.`,
      );
    return this.whileStill(uuid, async () => {
      const made = await this.#library.clone(uuid, name, (share) => {
        if (wanted.aborted) throw new ApiFailure("ECANCELED", `${name} was cancelled before it was made.`);
        progress(share);
      });
      return this.#described(made);
    });
  }

  /** Runs a deed that excludes others. Throws ApiFailure EBUSY if one of these is under way with that domain. */
  async during<T>(uuid: string, deed: Deed, act: () => Promise<T>): Promise<T> {
    // Snapshots themselves know what gives way to what there.
    if (deed !== "snapshot") for (let ending; (ending = this.#parts.giveWay(uuid));) await ending;
    return this.#deeds.during(uuid, this.#library.find(uuid)?.name ?? `The domain ${uuid}`, deed, act);
  }

  /** Works on the disks of domains that do not run: nobody starts or copies them until it has ended. Throws as during() does. */
  whileHalted<T>(uuids: readonly string[], act: () => Promise<T>): Promise<T> {
    const [first, ...others] = new Set(uuids);
    return first === undefined ? act() : this.during(first, "disks", () => this.whileHalted(others, act));
  }

  /**
   * Runs `act`, which reads the disks as they are. The domain is settled first, and until `act` has ended neither it nor another that may write them
   * is started. Throws ApiFailure EBUSY where one of these runs, or something else is being done with them.
   */
  whileStill<T>(uuid: string, act: () => Promise<T>): Promise<T> {
    return this.during(uuid, "copy", async () => {
      await this.settle(uuid);
      const mine = ownerOf(this.#library.get(uuid));
      const others = this.#library.all.filter((each) => each.uuid !== uuid).map(ownerOf);
      const writers = await writersOf(mine, others);
      return this.whileHalted(
        writers.map((each) => each.uuid!),
        async () => {
          const [writer] = await writersOf(mine, await this.#runs());
          if (writer)
            throw new ApiFailure("EBUSY", `${writer.name} runs and writes a disk of ${mine.name}: shut it down first.`);
          return act();
        },
      );
    });
  }

  /** The running domains with their disks, as dom0 has them. */
  async #runs(): Promise<Owner[]> {
    if (this.#running.size === 0) return [];
    const all = await this.#parts.toolstack().request("list");
    return all.map(({ name, uuid, config }) => ({ name, uuid, state: "running", config, folder: process.cwd() }));
  }

  /** Makes its definition name the images that it has; after an interrupted snapshot step it may not. Throws Refusal where that can't be written. */
  async settle(uuid: string): Promise<void> {
    const { config, configName } = this.#library.get(uuid);
    const current = await this.#parts.current(uuid, config, configName);
    if (current !== config) await this.#library.edit(uuid, { config: current });
  }

  /** Moves it to the bin. Throws ApiFailure EBUSY while it runs. */
  async remove(uuid: string): Promise<void> {
    const { name } = this.#library.get(uuid);
    if (this.#running.has(uuid)) throw new ApiFailure("EBUSY", `${name} runs: shut it down or destroy it first.`);
    await this.during(uuid, "delete", () => this.#library.remove(uuid));
  }

  /**
   * Returns what starts with the host: domains of the library, and the files in the boot menu's list. `restore` has the UUIDs of those among them
   * that are saved, and that continue when it is up.
   */
  async autostart(bootFiles: readonly string[]): Promise<{ entries: AutostartEntry[]; restore: string[] }> {
    const entries: AutostartEntry[] = [];
    const restore: string[] = [];
    await this.#library.open();
    for (const definition of this.#library.all.filter(({ autostart, template }) => autostart && !template)) {
      const entry = definition.saved ? null : await this.bootEntryOf(definition);
      if (entry) entries.push(entry);
      else if (definition.saved) restore.push(definition.uuid);
    }
    for (const configName of bootFiles) {
      // Whoever starts it reports a file that can't be read.
      const config = await readFile(configName, "utf8").catch(() => null);
      try {
        const uuid = config === null ? null : this.#uuidFor(config);
        if (uuid !== null && entries.some((each) => each.uuid === uuid)) continue;
        if (uuid !== null) await this.#hold(uuid);
        entries.push({ configName, ...(config !== null && { config }), ...(uuid !== null && { uuid }) });
      } catch (error) {
        this.#parts.notice("error", `${configName} could not be started with the host: ${(error as Error).message}`);
      }
    }
    return { entries, restore };
  }

  async #hold(uuid: string): Promise<void> {
    for (let ending; (ending = this.#parts.giveWay(uuid));) await ending;
    this.#booting.push(this.#deeds.begin(uuid, this.#library.find(uuid)?.name ?? uuid, "start"));
  }

  /** Called when the host is up, or will not be: what was to start with it runs, or does not. */
  booted(): void {
    for (const end of this.#booting.splice(0)) end();
  }

  /**
   * Returns the entry for a domain that starts with the host; until booted(), nothing else may be done with it. null if something is being done, or
   * its files can't be read, which a notice reports.
   */
  async bootEntryOf({ uuid, name, config, configName }: Definition): Promise<AutostartEntry | null> {
    try {
      await this.#hold(uuid);
      const current = await this.#current(uuid, config, configName);
      return { uuid, config: current, configName: configName ?? name, files: await this.#library.files(uuid) };
    } catch (error) {
      this.#parts.notice("error", `${name} could not be started with the host: ${(error as Error).message}`);
      return null;
    }
  }
}

function warning(message: string): ConfigDiagnostic {
  return { severity: "warning", message, key: null, line: 0, column: 0 };
}
