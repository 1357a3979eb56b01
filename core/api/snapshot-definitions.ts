/** Connects snapshots with the definitions that the library keeps: taking a snapshot or reverting to one changes what a domain is started from. */
import type { AwayText } from "../library/definition.ts";
import type { Library } from "../library/library.ts";
import type { Definition, Definitions } from "../library/snapshots/parts.ts";
import type { KeptDomains } from "./kept-domains.ts";

export class KeptDefinitions implements Definitions {
  readonly #library: Library;
  readonly #kept: KeptDomains;

  constructor(library: Library, kept: KeptDomains) {
    this.#library = library;
    this.#kept = kept;
  }

  async find(uuid: string): Promise<Definition | null> {
    await this.#library.open();
    const found = this.#library.find(uuid);
    if (!found) return null;
    const { name, config, configName, saved } = found;
    return { name, config, configName, isSaved: saved !== null, files: () => this.#library.files(uuid) };
  }

  all(): readonly (Pick<Definition, "name" | "config" | "configName"> & { uuid: string })[] {
    return this.#library.all;
  }

  away(): Promise<AwayText[]> {
    return this.#library.away();
  }

  async change(uuid: string, config: string): Promise<void> {
    const domid = this.#kept.domidOf(uuid);
    // For a running domain, dom0 knows best what it would be made of again.
    if (domid !== null) await this.#kept.changedRunning(domid);
    else if (this.#library.find(uuid)) await this.#library.edit(uuid, { config });
  }

  async add(uuid: string, { config, configName, files }: Definition): Promise<void> {
    await this.#library.define({ uuid, config, configName, files: await files() });
  }

  async remove(uuid: string): Promise<void> {
    // It may be in the bin already: who removed it was killed.
    if (this.#library.find(uuid)) await this.#library.remove(uuid);
    const entry = (await this.#library.bin()).find((each) => each.uuid === uuid);
    if (entry) await this.#library.purge(entry.id);
  }
}
