/** Disk images as users see them: those that the host keeps and those that domains name, who needs each, and what can be done with them, as tasks. */
import path from "node:path";
import type { CopyFormat, NewFormat } from "../dom0/storage/convert.ts";
import { StoreError } from "../dom0/storage/block-store.ts";
import { identityOf, KnownFacts } from "../library/images/facts.ts";
import { disksOf, layersOf, withoutTwins, type ImageUser, type NamedImage } from "../library/images/uses.ts";
import { checkImage, growImage, makeCopy, makeEmpty } from "../library/images/work.ts";
import type { BinnedFile } from "../library/file-bin.ts";
import type { Library } from "../library/library.ts";
import type { Snapshots } from "../library/snapshots/snapshots.ts";
import type { ToolstackClient } from "../toolstack/client.ts";
import { parseXlConfig } from "../toolstack/xlcfg.ts";
import type { DiskImages } from "./disk-images.ts";
import { ApiFailure } from "./failure.ts";
import type { ImageCheck, ImageList, ImageReport } from "./host-state.ts";
import type { Client } from "./journal/entry.ts";
import type { HostJournal } from "./journal/host-journal.ts";
import { configOf } from "./definition-facts.ts";
import type { KeptDomains } from "./kept-domains.ts";

/** The most images that are reported. Chains that somebody else made could contain any number. */
const MOST_IMAGES = 2000;
/** The most copies and checks at once. */
const MOST_WORK = 2;
/** Names that headers use for formats, where they differ from ours. */
const HEADER_FORMATS: Record<string, string> = { vpc: "vhd" };

/** What is said of a definition that is in the bin or was put aside. */
const STATES = { bin: "binned", spoiled: "aside" } as const;

export interface ImageLibraryParts {
  images: DiskImages;
  library: Library;
  kept: KeptDomains;
  snapshots: Pick<Snapshots, "trees" | "checkKnown">;
  journal: HostJournal;
  /** Of the running host; null while none runs. */
  toolstack: () => ToolstackClient | null;
}

/** A file, with those who name it. */
interface Found {
  file: string;
  format: string | null;
  users: ImageUser[];
}

export class ImageLibrary {
  readonly #parts: ImageLibraryParts;
  readonly #facts = new KnownFacts();
  /** By the image's path, what is being done with it. */
  readonly #work = new Map<string, string>();
  /** Number of copies and checks under way. */
  #tasks = 0;

  constructor(parts: ImageLibraryParts) {
    this.#parts = parts;
  }

  async list(): Promise<ImageList> {
    return { folder: this.#parts.images.folder, images: (await this.#all()).shown };
  }

  /** `needed`: by the paths of files in the bin, who needs them all the same. Such a file is shown as any. */
  async #all(): Promise<{ shown: ImageReport[]; needed: Map<string, ImageUser[]> }> {
    const { images } = this.#parts;
    const found = await this.#named();
    const byIdentity = new Map<string, Found>();
    const keyOf = async (file: string): Promise<string> => (await identityOf(file)) ?? file;
    /** Adds an image under the first name by which the list knows it. */
    const add = async (each: Found): Promise<Found> => {
      const key = await keyOf(each.file);
      const before = byIdentity.get(key);
      before?.users.push(...each.users);
      if (!before) byIdentity.set(key, each);
      return before ?? each;
    };
    // Images in the folder keep the names that users know.
    for (const { path: file } of await images.all()) await add({ file, format: null, users: [] });
    for (const { file, format, user } of found) (await add({ file, format, users: [user] })).format ??= format;
    // What lies in the bin is in no list, and needs what it is based on.
    const binned = new Map((await images.bin.all()).map((each) => [each.path, each.name]));
    const inBin: [string, Found][] = [];
    for (const file of binned.keys()) inBin.push([file, await add({ file, format: null, users: [] })]);
    const reports: ImageReport[] = [];
    // What an image is based on is added at the end, and so is visited too.
    for (const [key, each] of byIdentity) {
      const { report, below } = await this.#look(each);
      reports.push(report);
      if (below === null) continue;
      const under = await keyOf(below.file);
      // Whoever made the images decides how long a chain is, so there is a limit. Known images get all their users.
      if (under !== key && (byIdentity.has(under) || byIdentity.size < MOST_IMAGES))
        await add({ ...below, users: [imageUser(each, binned.get(each.file) ?? null)] });
    }
    // Users may have been added while others were looked at.
    const all = [...byIdentity.values()].map(({ users }, i) => ({ ...reports[i]!, users: withoutTwins(users) }));
    const shown = all.filter(({ path: file, users }) => !binned.has(file) || users.length > 0);
    return {
      shown: shown.sort((a, b) => compare(a.name, b.name) || compare(a.path, b.path)),
      needed: new Map(inBin.flatMap(([file, { users }]) => (users.length > 0 ? [[file, users]] : []))),
    };
  }

  async #look({ file, format }: Found): Promise<{ report: ImageReport; below: Omit<Found, "users"> | null }> {
    const { folder } = this.#parts.images;
    const base = {
      path: file,
      name: path.basename(file),
      isKept: folder !== null && path.dirname(file) === path.resolve(folder),
      users: [],
      work: this.#work.get(file) ?? null,
    };
    try {
      const { basedOn, ...facts } = await this.#facts.of(file, format);
      const report = { ...base, ...facts, basedOn: basedOn?.file ?? null, problem: null };
      if (basedOn === null) return { report, below: null };
      // Whoever made the image wrote that name, and may want to learn of files elsewhere.
      const isNear = basedOn.file.startsWith(path.dirname(file) + path.sep);
      if (isNear && basedOn.format !== null)
        return { report, below: { file: basedOn.file, format: HEADER_FORMATS[basedOn.format] ?? basedOn.format } };
      const why = isNear ? "and not which format that has" : "which does not lie in its own folder";
      const problem = `It says that it is based on ${basedOn.file}, ${why}: it can't be opened.`;
      return { report: { ...report, problem }, below: null };
    } catch (error) {
      const why = error instanceof StoreError ? error.message.replace(`${file}: `, "") : (error as Error).message;
      const problem = `It can't be read: ${why}.`;
      return { report: { ...base, format, size: null, allocated: 0, basedOn: null, problem }, below: null };
    }
  }

  /** Returns everything that definitions, running domains, the bin and snapshots name. */
  async #named(): Promise<NamedImage[]> {
    const { library, kept, snapshots } = this.#parts;
    await library.open();
    const folderOf = (configName: string | null): string =>
      configName === null ? process.cwd() : path.dirname(path.resolve(configName));
    const states = new Map(kept.all.map(({ uuid, state }) => [uuid, state]));
    const running = (await this.#parts.toolstack()?.request("list")) ?? [];
    const owners = [
      ...running.map(({ uuid, name, config }) => ({
        name,
        uuid: library.find(uuid) ? uuid : null,
        state: "running" as const,
        config,
        folder: process.cwd(),
      })),
      ...library.all.map((definition) => ({
        name: definition.name,
        uuid: definition.uuid,
        state: states.get(definition.uuid) ?? ("halted" as const),
        config: configOf(definition),
        folder: folderOf(definition.configName),
      })),
      ...(await library.away()).map(({ uuid, name, config, configName, place }) => ({
        name,
        uuid,
        state: STATES[place],
        config: parseXlConfig(config).config,
        folder: folderOf(configName),
      })),
    ];
    const trees = await snapshots.trees();
    return [
      ...owners.flatMap(disksOf),
      ...trees.kept.flatMap((tree) => layersOf(tree, states.get(tree.uuid) ?? "halted")),
      ...trees.away.flatMap(({ tree, place }) => layersOf(tree, STATES[place])),
    ];
  }

  /** `mayName` says which files the client may name that are not in the list. */
  async #find(
    file: string,
    mayName: (file: string) => boolean = () => false,
  ): Promise<ImageReport & { format: string }> {
    const listed = (await this.list()).images.find((each) => each.path === file);
    const image = listed ?? (mayName(file) ? (await this.#look({ file, format: null, users: [] })).report : null);
    if (!image) throw new ApiFailure("ENOENT", `There is no image ${file} among those that the host knows.`);
    if (image.format === null || image.size === null)
      throw new ApiFailure("EIO", `${image.name} can't be used. ${image.problem ?? ""}`.trim());
    return { ...image, format: image.format };
  }

  /** An empty one. */
  async create(name: string, format: NewFormat, bytes: number): Promise<{ path: string }> {
    return { path: await makeEmpty(this.#parts.images, name, format, bytes) };
  }

  /**
   * Makes a copy that is based on nothing, among the images that the host keeps. `mayName` says which other files than those in the list the client
   * may name. Throws ApiFailure EBUSY while somebody writes the image, ECANCELED; Refusal.
   */
  async copy(
    file: string,
    name: string,
    format: CopyFormat,
    who: Client,
    mayName: (file: string) => boolean,
  ): Promise<{ path: string }> {
    const image = await this.#find(file, mayName);
    const task = {
      title: `Copy the disk image ${image.name} as ${name}`,
      doing: "It is being copied",
      what: "copied",
    };
    return this.#asTask(image, task, who, async (...how) => ({
      path: await makeCopy(this.#parts.images, { file, format: image.format }, name, format, ...how),
    }));
  }

  /** Throws ApiFailure EBUSY where its size must not change; Refusal. */
  async grow(file: string, bytes: number): Promise<void> {
    const image = await this.#find(file);
    checkResizable(image);
    const { kept, snapshots } = this.#parts;
    await this.#alone(image, "Its size is being changed", async () => {
      await snapshots.checkKnown();
      await kept.whileHalted(ownersOf(image), async () => {
        // A domain may have been started before this could no longer happen.
        checkResizable(await this.#find(file));
        await growImage({ file, format: image.format }, bytes);
      });
    });
  }

  /** Throws ApiFailure EBUSY while somebody writes it, ECANCELED; Refusal where it can't be looked at. */
  async check(file: string, who: Client): Promise<ImageCheck> {
    const image = await this.#find(file);
    const task = { title: `Check the disk image ${image.name}`, doing: "It is being checked", what: "checked" };
    return this.#asTask(image, task, who, (...how) => checkImage({ file, format: image.format }, ...how));
  }

  /** One of those that the host keeps goes to the bin. Throws ApiFailure EBUSY while anybody needs it, by whatever name. */
  async remove(name: string): Promise<void> {
    const { images, snapshots } = this.#parts;
    const { path: file } = await images.find(name);
    const image = await this.#known(file);
    await this.#alone({ path: image?.path ?? file, name }, "It is being deleted", async () => {
      for (const user of image?.users ?? []) throw new ApiFailure("EBUSY", whyNeeded(name, user));
      await snapshots.checkKnown();
      await images.remove(name);
    });
  }

  /** What lies in the bin and nobody needs, the latest first. */
  async binned(): Promise<BinnedFile[]> {
    const { needed } = await this.#all();
    return (await this.#parts.images.bin.all()).filter(({ path: file }) => !needed.has(file));
  }

  /** Under the name that it had, or one made of it that is free; one that somebody needs by its name in the bin keeps that. Throws Refusal ESRCH. */
  async restore(id: string): Promise<{ path: string }> {
    const { bin } = this.#parts.images;
    const { path: file } = await bin.find(id);
    if (!(await this.#all()).needed.has(file)) return bin.restore(id);
    await bin.show(id);
    return { path: file };
  }

  /**
   * For good: one of the bin, or all that nobody needs. One that somebody needs is an image as any from then on. Throws Refusal ESRCH; ApiFailure EBUSY
   * where somebody needs that one.
   */
  async purge(id: string | null): Promise<void> {
    const { bin } = this.#parts.images;
    if (id === null) for (const each of await bin.all()) await this.#purge(each);
    else {
      const found = await bin.find(id);
      for (const user of await this.#purge(found)) throw new ApiFailure("EBUSY", whyNeeded(found.name, user));
    }
  }

  /** For good: what has lain in the bin for a day. A clock may be wrong when a computer starts, so each is found so twice. */
  async purgeOld(now = Date.now()): Promise<void> {
    const { bin } = this.#parts.images;
    if ((await bin.all()).length === 0) return;
    const { needed } = await this.#all();
    const overdue = await bin.overdue(now);
    for (const each of await bin.all())
      // What somebody needs is not to go as soon as nobody does.
      if (needed.has(each.path)) await bin.show(each.id).catch(() => {});
      else if (overdue.includes(each.id)) await this.#purge(each).catch(() => {});
  }

  /** Who needs it, so that it stays and is no longer in the bin. */
  async #purge({ id, name, path: file }: BinnedFile): Promise<ImageUser[]> {
    const { images, snapshots } = this.#parts;
    return this.#alone({ path: file, name }, "It is being removed for good", async () => {
      const users = (await this.#all()).needed.get(file) ?? [];
      if (users.length > 0) {
        await images.bin.show(id);
        return users;
      }
      await snapshots.checkKnown();
      await images.bin.purge(id);
      return [];
    });
  }

  /** Returns the entry of the list, which shows each image once, whatever names it has. */
  async #known(file: string): Promise<ImageReport | null> {
    const { images: all } = await this.list();
    const same = all.find((each) => each.path === file);
    if (same) return same;
    const identity = await identityOf(file);
    for (const each of all) if (identity !== null && (await identityOf(each.path)) === identity) return each;
    return null;
  }

  /** Makes sure that nothing else is done with it meanwhile. Throws ApiFailure EBUSY. */
  async #alone<T>(
    { path: file, name }: Pick<ImageReport, "path" | "name">,
    doing: string,
    act: () => Promise<T>,
  ): Promise<T> {
    const other = this.#work.get(file);
    if (other !== undefined) throw new ApiFailure("EBUSY", `Something is done with ${name}. ${other}.`);
    this.#work.set(file, doing);
    try {
      return await act();
    } finally {
      this.#work.delete(file);
    }
  }

  /** `what` is the end of the sentence “it is … when that has shut down”. */
  async #asTask<T>(
    image: ImageReport,
    { title, doing, what }: { title: string; doing: string; what: string },
    who: Client,
    deed: (progress: (done: number) => void, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    checkStill(image, what);
    if (this.#tasks >= MOST_WORK)
      throw new ApiFailure("EBUSY", `${MOST_WORK} images are being worked on already; wait for one of them.`);
    this.#tasks++;
    try {
      return await this.#alone(image, doing, () => this.#task(image, title, what, who, deed));
    } finally {
      this.#tasks--;
    }
  }

  async #task<T>(
    image: ImageReport,
    title: string,
    what: string,
    who: Client,
    deed: (progress: (done: number) => void, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const controller = new AbortController();
    const work = this.#parts.journal.begin(title, who, () =>
      controller.abort(new ApiFailure("ECANCELED", "It was cancelled, and nothing of it is left.")),
    );
    try {
      const result = await this.#parts.kept.whileHalted(ownersOf(image), async () => {
        checkStill((await this.#known(image.path)) ?? image, what);
        return deed((done) => work.progress(Math.min(1, done)), controller.signal);
      });
      work.end();
      return result;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      work.end({ message, cancelled: controller.signal.aborted });
      throw error;
    }
  }
}

/** `before`: the name that it had, where it lies in the bin; null: it does not. One that somebody needs is shown as if it did not. */
function imageUser({ file, users }: Found, before: string | null): ImageUser {
  const isBinned = before !== null && users.length === 0;
  const name = isBinned ? path.join(path.dirname(file), before) : file;
  return { kind: "image", name, uuid: null, snapshots: [], state: isBinned ? "binned" : "halted", writes: false };
}

/** Returns the kept domains that would write to it when they are started. */
function ownersOf({ users }: ImageReport): string[] {
  return [...new Set(users.flatMap(({ uuid, writes }) => (writes && uuid !== null ? [uuid] : [])))];
}

/** Throws ApiFailure EBUSY while somebody writes to it. */
function checkStill({ name, users }: ImageReport, what: string): void {
  const writer = users.find(({ state, writes }) => state === "running" && writes);
  if (writer)
    throw new ApiFailure("EBUSY", `${writer.name} runs and writes ${name}: it is ${what} when that has shut down.`);
}

/** Throws ApiFailure EBUSY where somebody relies on its size. */
function checkResizable({ name: called, users }: ImageReport): void {
  for (const { kind, name, state, snapshots } of users) {
    if (kind === "image")
      throw new ApiFailure("EBUSY", `${called} keeps its size: ${path.basename(name)} is based on it.`);
    if (kind === "snapshot")
      throw new ApiFailure(
        "EBUSY",
        `${called} keeps its size: it belongs to snapshots of ${name}${snapshots.length ? ` (${snapshots.slice(0, 5).join(", ")})` : ""}.`,
      );
    if (state === "running")
      throw new ApiFailure("EBUSY", `${name} runs: make its disk larger there, or shut it down first.`);
    if (state === "saved")
      throw new ApiFailure(
        "EBUSY",
        `${name} is saved, and knows the disk as it is: restore it, or discard what is saved, first.`,
      );
  }
}

function whyNeeded(image: string, { kind, name, state }: ImageUser): string {
  if (kind === "image" && state === "binned")
    return `${path.basename(name)}, which lies in the bin, is based on ${image}: remove it there for good first.`;
  if (kind === "image") return `${path.basename(name)} is based on ${image}: it can't be read without it.`;
  if (state === "binned")
    return `${name}, which lies in the bin, has ${image} as a disk: remove it there for good first.`;
  if (state === "aside")
    return `${name}, whose definition was put aside as it can't be read, has ${image} as a disk: mend it and put it back, or remove it from the folder “spoiled” of the library, first.`;
  if (kind === "snapshot")
    return `Snapshots of ${name} need ${image}: delete them first, and remove them from the bin.`;
  if (state === "running") return `${name} has ${image} as a disk: detach it there first.`;
  return `${name} has ${image} as a disk when it runs: delete it, or edit it, first.`;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
