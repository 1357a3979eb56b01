/**
 * The snapshots of all domains, and what can be done with them, one deed at a time for a domain. README.md has the rules. `trees.ts` keeps them on
 * the disk; `taking.ts`, `reverting.ts`, `binning.ts` and `merging.ts` are the deeds.
 */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Refusal } from "../../toolstack/error.ts";
import type { ToolstackClient } from "../../toolstack/client.ts";
import { readSavedHeader } from "../../toolstack/saved-file.ts";
import type { AwayText } from "../definition.ts";
import { allocated } from "./images.ts";
import * as binning from "./binning.ts";
import { binned, shown, shownFrom } from "./bin.ts";
import { goesWith, type Deleted } from "./goes-with.ts";
import { isAwaited, mergeLast } from "./last-merge.ts";
import { checkUnused, collect, merge, unmerged } from "./merging.ts";
import {
  adopt,
  checkNotSaved,
  configNow,
  freeze,
  hostOf,
  keep,
  learnNames,
  running,
  settle,
  type Definitions,
  type Parts,
  type Watch,
} from "./parts.ts";
import { fork, ForkFailure, type Forked } from "./forking.ts";
import { clone, revert, snapshotOf, type Continued, type Identity } from "./reverting.ts";
import { take, TakeFailure, type TakeOptions, type Taken } from "./taking.ts";
import type { BinnedSnapshot, GoesWith, SnapshotTree, SnapshotWork } from "./report.ts";
import type { Tree } from "./tree.ts";
import { Trees, type Away } from "./trees.ts";
import { begun, checkWhole, dropped, finished, givenUp, removed, takenAway } from "./unfinished.ts";

/** The most bytes of a picture or console text that are read. */
const MOST_PICTURE_BYTES = 64 * 2 ** 20;

export interface SnapshotOptions {
  /** `library/domains`; null where nothing is kept. */
  folder: string | null;
  definitions: Definitions;
  /** null while the host does not run. */
  toolstack: () => ToolstackClient | null;
  /** Runs a deed that excludes the domain's start, and other work that needs the domain not to run. */
  alone?: <T>(uuid: string, deed: () => Promise<T>) => Promise<T>;
  /** Called when that domain's snapshots have changed, or the work on them. */
  changed: (uuid: string, work: SnapshotWork | null) => void;
  warn: (message: string) => void;
  /** Milliseconds since 1970. */
  now?: () => number;
}

/** A deed that is under way. */
interface Busy {
  work: SnapshotWork;
  /** Cancels it; null where that can't be. */
  wanted: AbortController | null;
  /** Whether nobody has asked for it, so that it gives way to whatever somebody asks for. */
  isUnasked: boolean;
  ended: Promise<unknown>;
}

export class Snapshots {
  readonly #parts: Parts;
  readonly #changed: (uuid: string) => void;
  readonly #now: () => number;
  readonly #busy = new Map<string, Busy>();
  /** Domains for which somebody has cancelled a merge: it is gone on with when somebody wants that. */
  readonly #left = new Set<string>();
  #isLooking = false;
  readonly #namesOnTheWay = new Set<string>();
  /** What lies on the disk is known. */
  readonly #read: Promise<void>;
  /** And what was broken off is done with. */
  readonly #opened: Promise<void>;

  constructor({ folder, definitions, toolstack, alone, changed, warn, now }: SnapshotOptions) {
    const trees = new Trees(folder, warn);
    this.#now = now ?? (() => Date.now());
    this.#changed = (uuid) => changed(uuid, this.#busy.get(uuid)?.work ?? null);
    this.#parts = { trees, definitions, toolstack, alone: alone ?? ((_, deed) => deed()), changed: this.#changed };
    this.#read = trees.open();
    this.#opened = this.#read.then(() => this.#takeAway(warn));
  }

  /** What was being made from snapshots when somebody was killed. */
  async #takeAway(warn: (message: string) => void): Promise<void> {
    for (const tree of this.#parts.trees.all.filter(({ making }) => making !== null))
      try {
        const names = await takenAway(this.#parts, tree.uuid);
        const [were, are, they] = names.length === 1 ? ["was", "is", "it"] : ["were", "are", "they"];
        if (names.length > 0)
          warn(
            `${names.join(", ")} ${were} being made from ${tree.name} when that was broken off, and ${are} gone: ${they} would not have been whole. ${tree.name} has all that it had.`,
          );
      } catch (error) {
        warn(
          `What was being made from ${tree.name} when that was broken off can't be taken away now; it is tried again when Xenarium is started next. ${(error as Error).message}`,
        );
      }
  }

  /** Returns the images that nobody may write; dom0 has to know them from its start on. */
  async frozen(): Promise<{ file: string; why: string }[]> {
    await this.#opened;
    const { trees } = this.#parts;
    // A deed that began while the host was off holds the images that the domain would write until it has ended.
    const busy = [...this.#busy.keys()].flatMap((uuid) => trees.known(uuid)?.current.disks ?? []);
    const why = "something is done with its domain's snapshots; start the domain when that has ended";
    return [...trees.frozen(), ...busy.map(({ file }) => ({ file, why }))];
  }

  /** Returns what is known of the images of all domains, and of those in the bin or put aside. */
  async trees(): Promise<{ kept: readonly Tree[]; away: readonly Away[] }> {
    await this.#opened;
    const { all: kept, away } = this.#parts.trees;
    return { kept, away };
  }

  /** Returns what domains were at all snapshots whose file can be read: one that can't be read can't be gone back to either. */
  async configs(): Promise<{ domain: string; snapshot: string; config: string; configName: string | null }[]> {
    await this.#opened;
    const found = this.#parts.trees.machines().map(async ({ tree, snapshot, file }) => {
      const header = await readSavedHeader(file).catch(() => null);
      return header
        ? [{ domain: tree.name, snapshot: snapshot.name, config: header.config, configName: header.configName ?? null }]
        : [];
    });
    return (await Promise.all(found)).flat();
  }

  /** Throws Refusal EIO where something can't be read that may be based on an image: then no image may be deleted or resized. */
  async checkKnown(): Promise<void> {
    await this.#opened;
    this.#parts.trees.checkKnown("");
  }

  /** Returns the domains that have snapshots. */
  async domains(): Promise<{ uuid: string; name: string; snapshots: number }[]> {
    await this.#opened;
    return this.#parts.trees.all
      .map((tree) => ({ uuid: tree.uuid, name: tree.name, snapshots: shown(tree).length }))
      .filter(({ snapshots }) => snapshots > 0);
  }

  /** Says what goes with each of these. */
  async goesWith(all: readonly Deleted[]): Promise<GoesWith[]> {
    await this.#opened;
    return goesWith(this.#parts, all);
  }

  /** Returns null for a domain without snapshots. Throws Refusal when they can't be read. */
  async report(uuid: string): Promise<SnapshotTree | null> {
    await this.#opened;
    const { trees } = this.#parts;
    const tree = trees.find(uuid);
    const work = this.#busy.get(uuid)?.work ?? null;
    if (!tree) return work && { uuid, name: "", current: null, snapshots: [], work, unmerged: 0 };
    const named = new Map<string, number>();
    for (const { file } of tree.snapshots.flatMap(({ disks }) => disks)) named.set(file, (named.get(file) ?? 0) + 1);
    const snapshots = await Promise.all(
      shown(tree).map(async ({ disks, deleted: _, ...snapshot }) => {
        const own = disks.map(({ file }) => file).filter((file) => named.get(file) === 1 && isOwn(tree, file));
        const files = [trees.part(uuid, snapshot.id, "machine"), ...own];
        const bytes = (await Promise.all(files.map(allocated))).reduce((sum, each) => sum + each, 0);
        const clones = trees.clonesOf(uuid, snapshot.id).map(({ name }) => name);
        return { ...snapshot, parent: shownFrom(tree, snapshot.parent), bytes, clones };
      }),
    );
    return {
      ...{ uuid, name: tree.name, current: shownFrom(tree, tree.current.parent), snapshots },
      ...{ work, unmerged: unmerged(this.#parts, tree) },
    };
  }

  /** Returns what the domain showed then: a PNG, or its console's text; null where it showed nothing. */
  async picture(uuid: string, id: string): Promise<{ kind: "screen" | "console"; bytes: Uint8Array } | null> {
    await this.#opened;
    const { trees } = this.#parts;
    const { picture } = snapshotOf(trees.find(uuid), id);
    if (!picture) return null;
    const bytes = await readFile(trees.part(uuid, id, picture)).catch(() => null);
    return bytes && bytes.length <= MOST_PICTURE_BYTES ? { kind: picture, bytes } : null;
  }

  take(uuid: string, options: TakeOptions): Promise<Taken> {
    const wanted = new AbortController();
    return this.#alone(uuid, "take", wanted, (progress) =>
      this.#take(uuid, options, { progress, signal: wanted.signal }),
    );
  }

  async #take(uuid: string, options: TakeOptions, watch: Watch): Promise<Taken> {
    try {
      return await take(this.#parts, uuid, options, watch);
    } catch (error) {
      if (!(error instanceof TakeFailure)) throw error;
      // The deed that failed may have left images with no snapshot between them.
      await merge(this.#parts, uuid, unwatched()).catch(() => {});
      throw error.refusal;
    }
  }

  /** `keepNow` is the name of a snapshot that is taken first; with null, what the domain is now is lost. */
  revert(uuid: string, id: string, keepNow: string | null): Promise<Continued> {
    return this.#alone(uuid, "revert", null, async () => {
      snapshotOf(this.#parts.trees.find(uuid), id);
      checkNotSaved(await this.#parts.definitions.find(uuid));
      await adopt(this.#parts, uuid);
      if (keepNow !== null) {
        const memory = (await running(this.#parts, uuid)) !== null;
        await this.#take(uuid, { name: keepNow, memory }, unwatched());
      }
      const result = await revert(this.#parts, uuid, id);
      await collect(this.#parts, uuid);
      return result;
    });
  }

  /** Moves a snapshot to the bin for a day. Throws Refusal EBUSY while domains that were made from it need it. */
  async remove(uuid: string, id: string): Promise<void> {
    const wanted = new AbortController();
    await this.#alone(uuid, "delete", wanted, (progress) =>
      binning.bin(this.#parts, uuid, id, this.#now(), { progress, signal: wanted.signal }),
    );
  }

  /** Returns what lies in the bin of all kept domains, the latest first. */
  async bin(): Promise<BinnedSnapshot[]> {
    await this.#opened;
    const all = await Promise.all(this.#parts.trees.all.map(({ uuid }) => binning.listed(this.#parts, uuid)));
    return all.flat().sort((a, b) => b.deletedAt - a.deletedAt);
  }

  /** Puts it back where it was in the tree. Returns its name, which is another one if that has been taken. Throws Refusal ESRCH. */
  restore(uuid: string, id: string): Promise<string> {
    return this.#alone(uuid, "restore", null, () => binning.restore(this.#parts, uuid, id));
  }

  /**
   * Removes one in the bin, or all of that domain (null), for good: merges their images into those that came after them. If cancelled, they are gone and
   * the merge is left for later. Throws Refusal.
   */
  purge(uuid: string, id: string | null): Promise<void> {
    return this.#purge(uuid, id === null ? (ids) => ids : () => [id]);
  }

  /** `which` chooses among the ids of those that lie in the bin of that domain. */
  #purge(uuid: string, which: (ids: readonly string[]) => readonly string[]): Promise<void> {
    const wanted = new AbortController();
    return this.#alone(uuid, "purge", wanted, async (progress) => {
      this.#left.delete(uuid);
      const ids = which(binned(this.#parts.trees.find(uuid) ?? { snapshots: [] }).map(({ id }) => id));
      await binning.purge(this.#parts, uuid, ids, { progress, signal: wanted.signal });
    });
  }

  /** Removes what lies in the bin of all domains now; what is deleted meanwhile stays for its day. Where that fails for one, it is done for the others. Throws Refusal. */
  async purgeAll(): Promise<void> {
    const then = new Set((await this.bin()).map(({ uuid, id }) => `${uuid} ${id}`));
    const failures: unknown[] = [];
    for (const uuid of new Set([...then].map((each) => each.split(" ")[0]!)))
      await this.#purge(uuid, (ids) => ids.filter((id) => then.has(`${uuid} ${id}`))).catch((error: unknown) =>
        failures.push(error),
      );
    if (failures.length > 0) throw failures[0];
  }

  /**
   * Lets go for good what has lain in the bin for a day, and goes on with merges that were broken off. Nobody has asked for it, so it gives way to whatever
   * somebody asks for, and is done another time. A clock may be wrong when a computer starts, so each is found twice to have lain there for a day.
   */
  async purgeOld(): Promise<void> {
    await this.#opened;
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      await learnNames(this.#parts);
      for (const tree of this.#parts.trees.all) {
        const { uuid } = tree;
        const now = this.#now();
        if (this.#busy.has(uuid) || !binning.isAwaited(this.#parts, tree, now, this.#left.has(uuid))) continue;
        const wanted = new AbortController();
        const deed = (progress: (share: number) => void): Promise<void> =>
          binning.purgeOld(this.#parts, uuid, now, { progress, signal: wanted.signal });
        await this.#alone(uuid, "purge", wanted, deed, true).catch(() => {});
      }
    } finally {
      this.#isLooking = false;
    }
  }

  /** Ends what is done with that domain's snapshots unasked; null where there is nothing. Never rejects. */
  giveWay(uuid: string): Promise<unknown> | null {
    const busy = this.#busy.get(uuid);
    if (!busy?.isUnasked) return null;
    busy.wanted?.abort(new Refusal("ECANCELED", "Something else is done with this domain; merging goes on later."));
    return busy.ended;
  }

  /** Goes on with what was cancelled or broken off. */
  async merge(uuid: string): Promise<void> {
    const wanted = new AbortController();
    await this.#alone(uuid, "merge", wanted, async (progress) => {
      this.#left.delete(uuid);
      checkNotSaved(await this.#parts.definitions.find(uuid));
      this.#parts.trees.checkKnown(uuid);
      await adopt(this.#parts, uuid);
      await merge(this.#parts, uuid, { progress, signal: wanted.signal });
    });
  }

  rename(uuid: string, id: string, name: string): Promise<void> {
    return this.#alone(uuid, "rename", null, async () => {
      const tree = this.#parts.trees.find(uuid)!;
      snapshotOf(tree, id);
      if (shown(tree).some((each) => each.name === name && each.id !== id))
        throw new Refusal("EEXIST", `There is a snapshot named ${name} already.`);
      const snapshots = tree.snapshots.map((each) => (each.id === id ? { ...each, name } : each));
      await keep(this.#parts, { ...tree, snapshots });
    });
  }

  clone(uuid: string, id: string, name: string): Promise<Continued> {
    return this.#alone(uuid, "clone", null, async () => {
      snapshotOf(this.#parts.trees.find(uuid), id);
      const copy = { uuid: randomUUID(), name };
      return this.#parts.alone(copy.uuid, async () => {
        await takenAway(this.#parts, uuid);
        await begun(this.#parts, uuid, copy.uuid);
        try {
          return await this.#cloned(uuid, id, copy);
        } finally {
          await givenUp(this.#parts, uuid).catch(() => {});
        }
      });
    });
  }

  async #cloned(uuid: string, id: string, copy: Identity): Promise<Continued> {
    const made = await clone(this.#parts, uuid, id, copy);
    try {
      if (made.domid !== null) await hostOf(this.#parts).request("unpause", { domid: made.domid });
      await finished(this.#parts, uuid);
      return made;
    } catch (error) {
      await removed(this.#parts, made.uuid).catch(() => {});
      throw error;
    }
  }

  /** Names of copies that forks are making: another fork is to take others. Whoever else takes one makes the fork fail. */
  get namesOnTheWay(): ReadonlySet<string> {
    return this.#namesOnTheWay;
  }

  /**
   * Forks a running domain into copies of those names. The names are reserved from this call on. In the end all copies exist or none. Throws Refusal.
   */
  fork(uuid: string, names: readonly string[]): Promise<Forked> {
    for (const each of names) this.#namesOnTheWay.add(each);
    return this.#fork(uuid, names).finally(() => {
      for (const each of names) this.#namesOnTheWay.delete(each);
    });
  }

  #fork(uuid: string, names: readonly string[]): Promise<Forked> {
    const wanted = new AbortController();
    return this.#alone(uuid, "fork", wanted, async (progress) => {
      await takenAway(this.#parts, uuid);
      const taken = new Set((this.#parts.trees.find(uuid)?.snapshots ?? []).map(({ name }) => name));
      let name = "Fork";
      for (let n = 2; taken.has(name); n++) name = `Fork ${n}`;
      try {
        return await fork(this.#parts, uuid, name, names, { progress, signal: wanted.signal });
      } catch (error) {
        if (!(error instanceof ForkFailure || error instanceof TakeFailure)) throw error;
        if (error instanceof ForkFailure) await dropped(this.#parts, uuid, error.snapshot).catch(() => {});
        await merge(this.#parts, uuid, unwatched()).catch(() => {});
        throw error.refusal;
      } finally {
        await givenUp(this.#parts, uuid).catch(() => {});
      }
    });
  }

  /** Throws Refusal ESRCH when there is no work that could be cancelled. */
  cancel(uuid: string): void {
    const { work, wanted = null } = this.#busy.get(uuid) ?? {};
    if (!wanted) throw new Refusal("ESRCH", "Nothing is done with these snapshots that can be cancelled.");
    const isOpen = work?.what === "purge" || work?.what === "delete" || work?.what === "merge";
    if (isOpen) this.#left.add(uuid);
    const left = isOpen
      ? "Merging was cancelled: nothing is lost, and it can be gone on with later."
      : "It was cancelled.";
    wanted.abort(new Refusal("ECANCELED", left));
  }

  /** Throws Refusal EBUSY while other domains need its disks, or while there is work on its snapshots. */
  async checkDeletable(uuid: string): Promise<void> {
    await this.#opened;
    for (let ending; (ending = this.giveWay(uuid));) await ending;
    if (this.#busy.has(uuid)) throw busy();
    for (const { id, name } of this.#parts.trees.known(uuid)?.snapshots ?? []) checkUnused(this.#parts, uuid, id, name);
  }

  /** Told when the domain's folder has moved to the bin or back, or when something in the bin was deleted for good (null). */
  async moved(uuid: string | null): Promise<void> {
    await this.#opened;
    await this.#parts.trees.moved(uuid);
    await learnNames(this.#parts);
    await freeze(this.#parts).catch(() => {});
    // Whoever has asked since the domain was listed again was told that there are none.
    if (uuid !== null) this.#changed(uuid);
  }

  /**
   * Told before a domain's folder is deleted for good: removes the images that were made for its snapshots. Returns false, and has removed nothing, where
   * mergeLast() is to be called first. `away`: what lies in the bin and what was put aside. Never rejects.
   */
  async purging(folder: string, away: readonly AwayText[]): Promise<boolean> {
    // Domains that were not made to their end are purged before all is opened.
    await this.#read;
    const { trees } = this.#parts;
    await learnNames(this.#parts, away);
    if (await isAwaited(trees, folder)) return false;
    await trees.purging(folder).catch(() => {});
    return true;
  }

  /** Merges what was written to the disks of what lies in the bin under that id into the images with which they began. It may take long. Throws Refusal. */
  async mergeLast(id: string): Promise<void> {
    await this.#opened;
    await mergeLast(this.#parts, this.#parts.trees.binFolder(id));
  }

  /** Forgets a domain that was deleted for good. Throws Refusal EBUSY while others are based on it. */
  forget(uuid: string): Promise<void> {
    return this.#alone(uuid, "delete", null, () => this.#parts.trees.forget(uuid));
  }

  /** Returns the text that a domain is to be started from. Where the given one names earlier images of this domain, it names the current ones. */
  async currentConfig(uuid: string, config: string, configName: string | null): Promise<string> {
    await this.#opened;
    checkWhole(this.#parts, uuid);
    const tree = this.#parts.trees.find(uuid);
    return tree ? configNow(tree, { config, configName }) : config;
  }

  async #alone<T>(
    uuid: string,
    what: SnapshotWork["what"],
    wanted: AbortController | null,
    deed: (progress: (share: number) => void) => Promise<T>,
    isUnasked = false,
  ): Promise<T> {
    await this.#opened;
    for (let ending; (ending = this.giveWay(uuid));) await ending;
    if (this.#busy.has(uuid)) throw busy();
    const progress = (share: number): void => {
      const mine = this.#busy.get(uuid);
      if (mine) mine.work = { what, share };
      this.#changed(uuid);
    };
    let end!: () => void;
    const ended = new Promise<void>((resolve) => (end = resolve));
    this.#busy.set(uuid, { work: { what, share: null }, wanted, isUnasked, ended });
    this.#changed(uuid);
    try {
      return await this.#parts.alone(uuid, async () => {
        await learnNames(this.#parts);
        await settle(this.#parts, uuid);
        return deed(progress);
      });
    } finally {
      this.#busy.delete(uuid);
      this.#changed(uuid);
      end();
    }
  }
}

/** A watch for work whose progress nobody follows and which nobody can cancel. */
function unwatched(): Watch {
  return { progress: () => {}, signal: new AbortController().signal };
}

function busy(): Refusal {
  return new Refusal("EBUSY", "Something else is done with the snapshots of this domain: wait until it has ended.");
}

function isOwn(tree: Tree, file: string): boolean {
  return tree.layers.some((layer) => layer.file === file && layer.isOwn);
}
