/**
 * Folders and tags of domains, as the user arranges them, kept in the browser beside the layout. They belong to a domain's name, so that they outlive
 * its reboot, its end and the host's power cycles, which give it another domid and mostly another UUID. When this window sees a rename, they go with
 * the new name and also stay with the old one, which rename-restart gives to the next domain.
 *  A folder is known by its path, such as web/prod. If a folder exists, all folders that it lies in exist too.
 */
import { create } from "zustand";
import type { KeptDomain } from "../../core/api/schema.ts";
import { useApp } from "../state/store.ts";
import { byPath, isPath, joinPath, lastName, liesIn, moved, nearestPath, parentOf, withParents } from "./paths.ts";

const KEY = "xenarium.groups";
export const MOST_FOLDERS = 64;
export const MOST_TAGS = 16;
const MOST_DOMAINS = 1000;
const TAG = /^[\p{L}\p{N}_.:+-]{1,32}$/u;
export const TAG_RULE = "up to 32 letters, digits and _.:+-";

export interface Groups {
  /** The paths in the order in which they are shown: each before what lies in it. */
  folders: readonly string[];
  closed: ReadonlySet<string>;
  /** The folder by the domain's name. */
  places: ReadonlyMap<string, string>;
  tags: ReadonlyMap<string, readonly string[]>;
}

export const isTag = (tag: string): boolean => TAG.test(tag);

export const useGroups = create<Groups>()(() => parse(localStorage.getItem(KEY)));

/** The stored text is not trusted, because it may hold anything. Folders that were stored before folders could lie in each other are read too. */
function parse(text: string | null): Groups {
  let given: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text ?? "{}");
    if (typeof parsed === "object" && parsed !== null) given = parsed as Record<string, unknown>;
  } catch {
    // The text is not ours or is damaged, so it is treated as if there was none.
  }
  const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
  const pairs = (value: unknown): [string, unknown][] =>
    list(value)
      .slice(-MOST_DOMAINS)
      .filter((each): each is [string, unknown] => Array.isArray(each) && typeof each[0] === "string")
      .map(([name, what]) => [name.slice(0, 128), what]);
  const strings = (value: unknown): string[] => list(value).filter((each): each is string => typeof each === "string");
  const paths = (value: unknown): string[] => strings(value).flatMap((each) => nearestPath(each) ?? []);
  let folders: readonly string[] = [];
  for (const each of paths(given.folders)) {
    const more = [...new Set([...folders, ...withParents(each)])];
    if (more.length <= MOST_FOLDERS) folders = more;
  }
  const isThere = (path: string | null): path is string => path !== null && folders.includes(path);
  return {
    folders: [...folders].sort(byPath),
    closed: new Set(paths(given.closed).filter(isThere)),
    places: new Map(
      pairs(given.places)
        .map(([name, folder]) => [name, typeof folder === "string" ? nearestPath(folder) : null] as const)
        .filter((each): each is [string, string] => isThere(each[1])),
    ),
    tags: new Map(
      pairs(given.tags)
        .map(([name, tags]) => [name, [...new Set(strings(tags).filter(isTag))].slice(0, MOST_TAGS)] as const)
        .filter(([, tags]) => tags.length > 0),
    ),
  };
}

function written({ folders, closed, places, tags }: Groups): string {
  return JSON.stringify({ folders, closed: [...closed], places: [...places], tags: [...tags] });
}

/** Stores changes, takes over what another window stored, and follows renames. */
export function keepGroups(): void {
  useGroups.subscribe((groups) => {
    const text = written(groups);
    // What came from another window is stored already.
    if (localStorage.getItem(KEY) !== text) localStorage.setItem(KEY, text);
  });
  window.addEventListener("storage", ({ key, newValue }) => {
    if (key === KEY) useGroups.setState(parse(newValue));
  });
  useApp.subscribe(({ domains, kept }, before) => {
    if (domains !== before.domains) followRenames(before.domains, domains);
    if (kept !== before.kept) followRenames(before.kept, kept);
  });
}

type Called = Pick<KeptDomain, "uuid" | "name" | "domid">;
function followRenames(before: readonly Called[], now: readonly Called[]): void {
  const names = new Map(before.map((each) => [each.uuid, each]));
  for (const { domid, uuid, name } of now) {
    const seen = names.get(uuid);
    // A domain that was started or has ended is the same domain under another number.
    const was = seen && (seen.domid === domid || domid === null || seen.domid === null) ? seen.name : undefined;
    if (was === undefined || was === name) continue;
    const { places, tags } = useGroups.getState();
    const folder = places.get(was);
    const had = tags.get(was);
    if (folder !== undefined) moveTo([name], folder);
    if (had) useGroups.setState(({ tags: all }) => ({ tags: replaced(all, [name], () => had) }));
  }
}

/** Returns the map with another value for those names. The latest come last, and the oldest are left out when there are too many. */
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

/** Puts domains into a folder, which is made if it does not exist; null takes them out of theirs. */
export function moveTo(names: readonly string[], folder: string | null): void {
  if (folder !== null && !addFolder(folder)) return;
  useGroups.setState(({ places }) => ({ places: replaced(places, names, () => folder) }));
}

/** Adds the folder and all that it lies in. Returns whether the folder exists now. */
export function addFolder(path: string): boolean {
  const { folders } = useGroups.getState();
  if (folders.includes(path)) return true;
  const more = [...new Set([...folders, ...(isPath(path) ? withParents(path) : [])])];
  if (!more.includes(path) || more.length > MOST_FOLDERS) return false;
  useGroups.setState({ folders: more.sort(byPath) });
  return true;
}

/** Gives every folder another path. If the path is null, what was in the folder is in none. Folders that come to the same path become one. */
function replaceFolders(newPath: (path: string) => string | null): void {
  useGroups.setState(({ folders, closed, places }) => {
    const there = (paths: Iterable<string>): string[] => [
      ...new Set([...paths].flatMap((each) => newPath(each) ?? [])),
    ];
    const stay = [...places].map(([name, folder]) => [name, newPath(folder)] as const);
    return {
      folders: there(folders).sort(byPath),
      closed: new Set(there(closed)),
      places: new Map(stay.filter((each): each is [string, string] => each[1] !== null)),
    };
  });
}

/** What is in the folder moves up, into the folder that it lies in or into none. */
export function removeFolder(folder: string): void {
  const up = parentOf(folder);
  replaceFolders((path) => {
    if (path === folder) return up;
    return liesIn(path, folder) ? joinPath(up, path.slice(folder.length + 1)) : path;
  });
}

/** Says in a sentence why a folder cannot move there under that name; null if it can. */
export function moveProblem(folder: string, parent: string | null, name = lastName(folder)): string | null {
  const to = joinPath(parent, name);
  if (parent !== null && (parent === folder || liesIn(parent, folder)))
    return `${folder} can't lie in itself or in a folder of its own.`;
  const deepest = useGroups.getState().folders.find((each) => liesIn(each, folder) && !isPath(moved(each, folder, to)));
  return deepest === undefined && isPath(to) ? null : `${deepest ?? folder} would lie too deep there.`;
}

/**
 * Moves the folder with all that is in it. If there is such a folder already, that one takes it in. Does nothing where moveProblem gives a reason.
 */
export function moveFolder(folder: string, parent: string | null, name = lastName(folder)): void {
  if (moveProblem(folder, parent, name) !== null) return;
  const to = joinPath(parent, name);
  replaceFolders((path) => moved(path, folder, to));
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

/** What a folder or tag dialog is about: a folder that exists, or null for a new one in `parent`. */
export type Asked =
  { what: "domains"; names: readonly string[] } | { what: "folder"; folder: string | null; parent: string | null };
export const useAsked = create<{ asked: Asked | null }>()(() => ({ asked: null }));

export function closeAsked(): void {
  useAsked.setState({ asked: null });
}
export function organize(names: readonly string[]): void {
  if (names.length) useAsked.setState({ asked: { what: "domains", names } });
}
export function newFolder(parent: string | null): void {
  useAsked.setState({ asked: { what: "folder", folder: null, parent } });
}
export function nameFolder(folder: string): void {
  useAsked.setState({ asked: { what: "folder", folder, parent: parentOf(folder) } });
}
