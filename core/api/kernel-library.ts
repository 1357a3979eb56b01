/** Kernels, RAM disks and shims that the host keeps: who would start with each, and what can be deleted, for a day, or for good. */
import { realpath } from "node:fs/promises";
import path from "node:path";
import type { BinnedFolder } from "../library/binned-folder.ts";
import type { BinnedFile } from "../library/file-bin.ts";
import type { Library } from "../library/library.ts";
import type { Snapshots } from "../library/snapshots/snapshots.ts";
import { bootFiles } from "../toolstack/boot-files.ts";
import type { ToolstackClient } from "../toolstack/client.ts";
import type { DomainConfig } from "../toolstack/messages.ts";
import { parseXlConfig } from "../toolstack/xlcfg.ts";
import { configOf } from "./definition-facts.ts";
import { ApiFailure } from "./failure.ts";

export interface KernelLibraryParts {
  folder: BinnedFolder;
  library: Library;
  snapshots: Pick<Snapshots, "configs">;
  /** Of the running host; null while none runs. */
  toolstack: () => ToolstackClient | null;
}

/** Somebody who starts with files of the host. */
interface Starter {
  config: DomainConfig | null;
  /** The folder that relative names are taken from. */
  configName: string | null;
  /** Says that it needs a file of that name. */
  need: (file: string) => string;
}

export class KernelLibrary {
  readonly #parts: KernelLibraryParts;

  constructor(parts: KernelLibraryParts) {
    this.#parts = parts;
  }

  /** Into the bin. Throws ApiFailure EBUSY while somebody would start with it; Refusal ENOENT. */
  async remove(name: string): Promise<void> {
    const { folder } = this.#parts;
    const { path: file } = await folder.find(name);
    const need = (await this.#needed()).get(file);
    if (need) throw new ApiFailure("EBUSY", need(name));
    await folder.remove(name);
  }

  /** What lies in the bin and nobody needs, the latest first. */
  async binned(): Promise<BinnedFile[]> {
    const all = await this.#parts.folder.bin.all();
    if (all.length === 0) return [];
    const needed = await this.#needed();
    return all.filter(({ path: file }) => !needed.has(file));
  }

  /** Under the name that it had, or one made of it that is free; one that somebody needs by its name in the bin keeps that. Throws Refusal ESRCH. */
  async restore(id: string): Promise<{ path: string }> {
    const { bin } = this.#parts.folder;
    const { path: file } = await bin.find(id);
    if (!(await this.#needed()).has(file)) return bin.restore(id);
    await bin.show(id);
    return { path: file };
  }

  /**
   * For good: one of the bin, or all that nobody needs. One that somebody needs is a file as any from then on. Throws Refusal ESRCH; ApiFailure EBUSY
   * where somebody needs that one.
   */
  async purge(id: string | null): Promise<void> {
    const { bin } = this.#parts.folder;
    const needed = await this.#needed();
    for (const each of id === null ? await bin.all() : [await bin.find(id)]) {
      const need = needed.get(each.path);
      await (need ? bin.show(each.id) : bin.purge(each.id));
      if (need && id !== null) throw new ApiFailure("EBUSY", need(each.name));
    }
  }

  /** For good: what has lain in the bin for a day. A clock may be wrong when a computer starts, so each is found so twice. */
  async purgeOld(now = Date.now()): Promise<void> {
    const { bin } = this.#parts.folder;
    const all = await bin.all();
    if (all.length === 0) return;
    const needed = await this.#needed();
    const overdue = await bin.overdue(now);
    for (const { id, path: file } of all)
      // What somebody needs is not to go as soon as nobody does.
      if (needed.has(file)) await bin.show(id).catch(() => {});
      else if (overdue.includes(id)) await bin.purge(id).catch(() => {});
  }

  /** By path, with links resolved, how to say who needs a file. Throws Refusal where that can't be found out. */
  async #needed(): Promise<ReadonlyMap<string, Starter["need"]>> {
    const needed = new Map<string, Starter["need"]>();
    const { folder } = this.#parts.folder;
    if (folder === null) return needed;
    const real = await realpath(folder).catch(() => folder);
    for (const { config, configName, need } of await this.#starters())
      for (const named of config ? bootFiles(config) : []) {
        const file = path.resolve(configName === null ? "." : path.dirname(path.resolve(configName)), named);
        const found = await realpath(file).catch(() => file);
        for (const each of [file, found])
          // Under the name by which the folder knows it.
          if ([folder, real].includes(path.dirname(each))) needed.set(path.join(folder, path.basename(each)), need);
      }
    return needed;
  }

  async #starters(): Promise<Starter[]> {
    const { library, snapshots, toolstack } = this.#parts;
    await library.open();
    const textOf = (text: string): DomainConfig | null => parseXlConfig(text).config;
    const running = (await toolstack()?.request("list")) ?? [];
    const away = await library.away();
    return [
      ...(await snapshots.configs()).map(({ domain, snapshot, config, configName }) => ({
        config: textOf(config),
        configName,
        need: (file: string) =>
          `${domain}, if it goes back to its snapshot ${snapshot}, starts with ${file}: remove the snapshot first, also from the bin.`,
      })),
      ...away.map(({ name, place, config, configName }) => ({
        config: textOf(config),
        configName,
        need: (file: string) =>
          place === "bin"
            ? `${name}, which lies in the bin, is made of ${file}: remove it there for good first.`
            : `${name}, whose definition was put aside as it can't be read, is made of ${file}: mend it and put it back, or remove it from the folder “spoiled” of the library, first.`,
      })),
      ...[...library.all.map((each) => ({ ...each, config: configOf(each) })), ...running].map((each) => ({
        config: each.config,
        configName: "configName" in each ? each.configName : null,
        need: (file: string) => `${each.name} is made of ${file}, and needs it when it starts.`,
      })),
    ];
  }
}
