/** Exports and imports of domains as single files, as tasks that everybody sees and can cancel. */
import { stat } from "node:fs/promises";
import path from "node:path";
import type { Move } from "../library/cloning.ts";
import type { KeptFolder } from "../library/kept-folder.ts";
import type { Definition } from "../library/definition.ts";
import type { Library } from "../library/library.ts";
import { namedDisks } from "../library/transfer/config.ts";
import { exportDomain } from "../library/transfer/export.ts";
import { importDomain } from "../library/transfer/import.ts";
import type { Look } from "../library/transfer/intake.ts";
import type { ArchiveKind } from "../library/transfer/first-member.ts";
import { lookInto } from "../library/transfer/look.ts";
import { clearScratch, withScratch, type Noted } from "../library/transfer/scratch.ts";
import { isDomainName, NAME_ALLOWED } from "../toolstack/domain-name.ts";
import { DiskImages } from "./disk-images.ts";
import { ApiFailure } from "./failure.ts";
import type { Client } from "./journal/entry.ts";
import type { HostJournal } from "./journal/host-journal.ts";
import type { KeptDomains } from "./kept-domains.ts";

/** The most at one time. */
const MOST = 2;
/** The share of an export that is fetched which goes into making the file. */
const MAKING = 0.6;

export interface TransferParts {
  library: Library;
  kept: KeptDomains;
  images: KeptFolder;
  journal: HostJournal;
  /** Folder for what is under way, on the images' file system. null: nothing can be imported. */
  scratch: string | null;
}

export class Transfers {
  /** Files that windows give to be imported; each is removed when the import has ended. */
  readonly incoming: DiskImages;
  readonly #parts: TransferParts;
  /** What the last run of the application has left is gone: from then on files may come. */
  readonly ready: Promise<void>;
  #running = 0;

  constructor(parts: TransferParts) {
    this.#parts = parts;
    this.incoming = new DiskImages(parts.scratch === null ? null : path.join(parts.scratch, "incoming"));
    this.ready = parts.scratch === null ? Promise.resolve() : clearScratch(parts.scratch).catch(() => {});
  }

  /** Throws ApiFailure: ESRCH, EBUSY while it runs, is saved, or was written to meanwhile, ECANCELED; Refusal. */
  async export(wanted: string, file: string, who: Client): Promise<{ bytes: number }> {
    const definition = await this.#find(wanted);
    return this.#asTask(`Export ${definition.name}`, who, (progress, signal) =>
      this.#exported(definition, file, progress, signal),
    );
  }

  /**
   * The same for a client that may name no file: the file is passed to `take`, and is removed when that has ended or failed, which also ends the
   * task.
   */
  async exportTo<T>(
    wanted: string,
    who: Client,
    take: (
      file: string,
      bytes: number,
      name: string,
      progress: (done: number) => void,
      signal: AbortSignal,
    ) => Promise<T>,
  ): Promise<T> {
    const { scratch } = this.#parts;
    if (scratch === null) throw new ApiFailure("EROFS", "This host keeps nothing on disk, and so exports nothing.");
    const definition = await this.#find(wanted);
    await this.ready;
    const { name } = definition;
    return this.#asTask(`Export ${name}`, who, (progress, signal) =>
      withScratch(scratch, async (own) => {
        const file = path.join(own, "domain.tar");
        const { bytes } = await this.#exported(definition, file, (done) => progress(done * MAKING), signal);
        return take(file, bytes, name, (done) => progress(MAKING + done * (1 - MAKING)), signal);
      }),
    );
  }

  async #find(wanted: string): Promise<Definition> {
    const { library } = this.#parts;
    await library.open();
    const definition = library.find(wanted) ?? library.byName(wanted);
    if (!definition) throw new ApiFailure("ESRCH", `The library has no domain ${wanted}.`);
    this.#checkHalted(definition);
    return definition;
  }

  async #exported(
    definition: Definition,
    file: string,
    progress: (done: number) => void,
    signal: AbortSignal,
  ): Promise<{ bytes: number }> {
    const { library, kept } = this.#parts;
    const { uuid } = definition;
    return kept.whileStill(uuid, () => this.#written(library.get(uuid), file, progress, signal));
  }

  async #written(
    definition: Definition,
    file: string,
    progress: (done: number) => void,
    signal: AbortSignal,
  ): Promise<{ bytes: number }> {
    const { uuid, name, config, configName } = definition;
    const folder = configName === null ? process.cwd() : path.dirname(path.resolve(configName));
    const before = await writtenAt(config, folder);
    const { library } = this.#parts;
    const files = await library.files(uuid);
    const check = async (): Promise<void> => {
      this.#checkHalted(definition);
      if ((await writtenAt(config, folder)) !== before)
        throw new ApiFailure("EBUSY", `A disk of ${name} was written to meanwhile: export it again.`);
    };
    const noted: Noted = (scratch, then) => library.exporting(scratch, then);
    return { bytes: await exportDomain({ name, config, folder, files }, file, progress, signal, check, noted) };
  }

  /** Returns what is in an archive with this beginning. Throws Refusal, ApiFailure EROFS. */
  async look(name: string, head: Uint8Array): Promise<Look & { kind: ArchiveKind }> {
    const { scratch } = this.#parts;
    if (scratch === null) throw new ApiFailure("EROFS", "This host keeps nothing on disk, and so imports nothing.");
    await this.ready;
    return lookInto(name, head, scratch);
  }

  #checkHalted({ uuid, name }: Definition): void {
    const state = this.#parts.kept.all.find((each) => each.uuid === uuid)?.state;
    if (state === "running")
      throw new ApiFailure("EBUSY", `${name} runs: shut it down first, so that its disks stand still.`);
    if (state === "saved")
      throw new ApiFailure(
        "EBUSY",
        `${name} is saved in the middle of its work: start it and shut it down, or discard what is saved, first.`,
      );
  }

  /** Throws ApiFailure: EROFS, EINVAL, ECANCELED; Refusal. */
  async import(
    file: string,
    name: string | null,
    who: Client,
  ): Promise<{ uuid: string; name: string; notes: string[] }> {
    const { library, kept, images, scratch } = this.#parts;
    if (scratch === null || !library.isKept)
      throw new ApiFailure("EROFS", "This host keeps nothing on disk, and so imports nothing.");
    if (name !== null && !isDomainName(name))
      throw new ApiFailure("EINVAL", `${JSON.stringify(name)} can't be a name; allowed: ${NAME_ALLOWED}.`);
    await Promise.all([this.ready, library.open()]);
    const takenNames = (): string[] => kept.all.map((each) => each.name);
    const uuid = crypto.randomUUID();
    const moving = <T>(disks: readonly Move[], then: () => Promise<T>): Promise<T> => library.moving(uuid, disks, then);
    return this.#asTask(`Import ${path.basename(file)}`, who, (progress, signal) =>
      importDomain(
        file,
        { images, scratch, name, takenNames, moving },
        async ({ name: called, config, files, notes }) => {
          await library.define({ uuid, config, configName: null, files });
          return { uuid, name: called, notes: [...notes] };
        },
        progress,
        signal,
      ),
    );
  }

  async #asTask<T>(
    title: string,
    who: Client,
    deed: (progress: (done: number) => void, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (this.#running >= MOST)
      throw new ApiFailure("EBUSY", `${MOST} domains are being exported or imported already; wait for one of them.`);
    this.#running++;
    const controller = new AbortController();
    const work = this.#parts.journal.begin(title, who, () =>
      controller.abort(new ApiFailure("ECANCELED", "It was cancelled, and nothing of it is left.")),
    );
    try {
      const result = await deed((done) => work.progress(Math.min(1, done)), controller.signal);
      work.end();
      return result;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      work.end({ message, cancelled: controller.signal.aborted });
      throw error;
    } finally {
      this.#running--;
    }
  }
}

/** Returns when its disks were last written, and their sizes. */
async function writtenAt(config: string, folder: string): Promise<string> {
  const facts = namedDisks(config).map(async ({ disk }) => {
    const { mtimeMs, size } = await stat(path.resolve(folder, disk.target)).catch(() => ({ mtimeMs: 0, size: 0 }));
    return `${mtimeMs}:${size}`;
  });
  return (await Promise.all(facts)).join();
}
