/**
 * Folders and tags of domains: the user's own order, kept in the browser beside the layout. By the domain's name, so that they
 * outlive its reboot, its end and the host's power cycles, which give it another domid and mostly another UUID; a rename seen
 * here takes them along, and leaves them with the old name too, which rename-restart gives to the next domain.
 */
import { create } from "zustand";
import type { DomainInfo } from "../../core/api/schema.ts";
import { useApp } from "../state/store.ts";

const KEY = "xenarium.groups";
export const MOST_FOLDERS = 64;
export const MOST_TAGS = 16;
const MOST_DOMAINS = 1000;
const FOLDER = /^\S(.{0,46}\S)?$/u;
const TAG = /^[\p{L}\p{N}_.:+-]{1,32}$/u;
export const FOLDER_RULE = "up to 48 characters, with no space at either end";
export const TAG_RULE = "up to 32 letters, digits and _.:+-";

export interface Groups {
  /** In the order they are shown in. */
  folders: readonly string[];
  closed: ReadonlySet<string>;
  /** Folder by the domain's name. */
  places: ReadonlyMap<string, string>;
  tags: ReadonlyMap<string, readonly string[]>;
}

export const isFolder = (name: string): boolean => FOLDER.test(name);
export const isTag = (tag: string): boolean => TAG.test(tag);

export const useGroups = create<Groups>()(() => parse(localStorage.getItem(KEY)));

/** Looked at with suspicion: anything may stand there. */
function parse(text: string | null): Groups {
  let given: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text ?? "{}");
    if (typeof parsed === "object" && parsed !== null) given = parsed as Record<string, unknown>;
  } catch {
    // Not ours, or spoiled: as if there was none.
  }
  const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
  const pairs = (value: unknown): [string, unknown][] =>
    list(value)
      .slice(-MOST_DOMAINS)
      .filter((each): each is [string, unknown] => Array.isArray(each) && typeof each[0] === "string")
      .map(([name, what]) => [name.slice(0, 128), what]);
  const strings = (value: unknown, fits: (text: string) => boolean, most: number): string[] => {
    const found = list(value).filter((each): each is string => typeof each === "string" && fits(each));
    return [...new Set(found)].slice(0, most);
  };
  const folders = strings(given.folders, isFolder, MOST_FOLDERS);
  return {
    folders,
    closed: new Set(strings(given.closed, (each) => folders.includes(each), MOST_FOLDERS)),
    places: new Map(
      pairs(given.places).filter((each): each is [string, string] => folders.includes(each[1] as string)),
    ),
    tags: new Map(
      pairs(given.tags)
        .map(([name, tags]) => [name, strings(tags, isTag, MOST_TAGS)] as const)
        .filter(([, tags]) => tags.length > 0),
    ),
  };
}

function written({ folders, closed, places, tags }: Groups): string {
  return JSON.stringify({ folders, closed: [...closed], places: [...places], tags: [...tags] });
}

/** Keeps what changes, takes over what another window kept, and follows renames. */
export function keepGroups(): void {
  useGroups.subscribe((groups) => {
    const text = written(groups);
    // What came from another window is there already.
    if (localStorage.getItem(KEY) !== text) localStorage.setItem(KEY, text);
  });
  window.addEventListener("storage", ({ key, newValue }) => {
    if (key === KEY) useGroups.setState(parse(newValue));
  });
  useApp.subscribe(({ domains }, before) => {
    if (domains !== before.domains) followRenames(before.domains, domains);
  });
}

function followRenames(before: readonly DomainInfo[], now: readonly DomainInfo[]): void {
  for (const { domid, uuid, name } of now) {
    const was = before.find((each) => each.domid === domid && each.uuid === uuid)?.name;
    if (was === undefined || was === name) continue;
    const { places, tags } = useGroups.getState();
    const folder = places.get(was);
    const had = tags.get(was);
    if (folder !== undefined) moveTo([name], folder);
    if (had) useGroups.setState(({ tags: all }) => ({ tags: replaced(all, [name], () => had) }));
  }
}

/** The map with another value for those names; the latest last, and the oldest left out when there are too many. */
function replaced<T>(
  map: ReadonlyMap<string, T>,
  names: readonly string[],
  value: (before: T | undefined) => T | null,
): Map<string, T> {
  const changed = new Map(map);
  for (const name of names) {
    const next = value(map.get(name));
    changed.delete(name);
    if (next !== null) changed.set(name, next);
  }
  return new Map([...changed].slice(-MOST_DOMAINS));
}

/** Puts domains into a folder, which is made if there is none of that name; null takes them out of theirs. */
export function moveTo(names: readonly string[], folder: string | null): void {
  if (folder !== null && !addFolder(folder)) return;
  useGroups.setState(({ places }) => ({ places: replaced(places, names, () => folder) }));
}

/** Whether there is such a folder now. */
export function addFolder(name: string): boolean {
  const { folders } = useGroups.getState();
  if (folders.includes(name)) return true;
  if (!isFolder(name) || folders.length >= MOST_FOLDERS) return false;
  useGroups.setState({ folders: [...folders, name].sort((a, b) => a.localeCompare(b, "en", { numeric: true })) });
  return true;
}

/** What is in it stays, outside of any folder. */
export function removeFolder(folder: string): void {
  useGroups.setState(({ folders, closed, places }) => ({
    folders: folders.filter((each) => each !== folder),
    closed: new Set([...closed].filter((each) => each !== folder)),
    places: new Map([...places].filter(([, each]) => each !== folder)),
  }));
}

/** One of the new name takes it in. */
export function renameFolder(folder: string, name: string): void {
  const { places, closed } = useGroups.getState();
  const inside = [...places].filter(([, each]) => each === folder).map(([each]) => each);
  if (folder === name || !isFolder(name)) return;
  const isClosed = closed.has(folder);
  removeFolder(folder);
  addFolder(name);
  moveTo(inside, name);
  if (isClosed) toggleFolder(name, false);
}

export function toggleFolder(folder: string, open: boolean): void {
  useGroups.setState(({ closed }) => ({
    closed: new Set(open ? [...closed].filter((each) => each !== folder) : [...closed, folder]),
  }));
}

export function changeTags(names: readonly string[], add: readonly string[], remove: readonly string[]): void {
  useGroups.setState(({ tags }) => ({
    tags: replaced(tags, names, (before = []) => {
      const after = [...new Set([...before.filter((each) => !remove.includes(each)), ...add])].slice(0, MOST_TAGS);
      return after.length ? after : null;
    }),
  }));
}

/** What a folder or tag dialog is open for. */
export type Asked = { what: "domains"; names: readonly string[] } | { what: "folder"; folder: string | null };
export const useAsked = create<{ asked: Asked | null }>()(() => ({ asked: null }));

export function organize(names: readonly string[]): void {
  if (names.length) useAsked.setState({ asked: { what: "domains", names } });
}
export function nameFolder(folder: string | null): void {
  useAsked.setState({ asked: { what: "folder", folder } });
}
