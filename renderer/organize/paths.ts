/** Paths of folders, such as web/prod, with the names from the outermost on. */
const NAME = /^[^\s/]([^/]{0,46}[^\s/])?$/u;
/** How many folders may lie in each other, counting the outermost. */
export const MOST_DEPTH = 5;
export const NAME_RULE = "up to 48 characters but /, with no space at either end";
export const PATH_RULE = `names of ${NAME_RULE}; with / between them, ${MOST_DEPTH} at most`;

export const isFolderName = (name: string): boolean => NAME.test(name) && !/\p{Cc}/u.test(name);

export function isPath(path: string): boolean {
  const names = path.split("/");
  return names.length <= MOST_DEPTH && names.every(isFolderName);
}

/**
 * Turns a text into a path. It may be from the time when a folder's name could contain a /, or not be ours at all. Returns null if nothing in it can
 * be a name.
 */
export function nearestPath(text: string): string | null {
  if (text !== text.trim()) return null;
  const names = text.slice(0, 512).split("/");
  const path = names.map((name) => name.trim()).filter((name) => name !== "");
  const found = path.slice(0, MOST_DEPTH).join("/");
  return isPath(found) ? found : null;
}

export const lastName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
export const depthOf = (path: string): number => path.split("/").length;
export function parentOf(path: string): string | null {
  const at = path.lastIndexOf("/");
  return at < 0 ? null : path.slice(0, at);
}
export function joinPath(parent: string | null, name: string): string {
  return parent === null ? name : `${parent}/${name}`;
}

/** At any depth. No folder lies in itself. */
export const liesIn = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);

/** Returns its path after `folder` with all that lies in it has moved to `to`. */
export function moved(path: string, folder: string, to: string): string {
  return path === folder || liesIn(path, folder) ? to + path.slice(folder.length) : path;
}

/** Returns the folders that it lies in, from the outermost, and the folder itself. */
export function withParents(path: string): string[] {
  const names = path.split("/");
  return names.map((_, at) => names.slice(0, at + 1).join("/"));
}

/** Puts each folder before what lies in it, and sorts names as a person would. */
export function byPath(a: string, b: string): number {
  const [x, y] = [a.split("/"), b.split("/")];
  for (let at = 0; at < Math.min(x.length, y.length); at++) {
    const order = x[at]!.localeCompare(y[at]!, "en", { numeric: true });
    if (order !== 0) return order;
  }
  return x.length - y.length;
}
