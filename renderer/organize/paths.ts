/** Paths of folders, as web/prod: names from the outermost on. */
const NAME = /^[^\s/]([^/]{0,46}[^\s/])?$/u;
/** Folders that lie in each other, the outermost among them. */
export const MOST_DEPTH = 5;
export const NAME_RULE = "up to 48 characters but /, with no space at either end";
export const PATH_RULE = `names of ${NAME_RULE}; with / between them, ${MOST_DEPTH} at most`;

export const isFolderName = (name: string): boolean => NAME.test(name) && !/\p{Cc}/u.test(name);

export function isPath(path: string): boolean {
  const names = path.split("/");
  return names.length <= MOST_DEPTH && names.every(isFolderName);
}

/** What was kept when a folder's name could have a / in it, or by nobody of ours, as a path; null: there is nothing of a name in it. */
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

/** At whatever depth; no folder lies in itself. */
export const liesIn = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);

/** Where it is once `folder` with all that lies in it is at `to`. */
export function moved(path: string, folder: string, to: string): string {
  return path === folder || liesIn(path, folder) ? to + path.slice(folder.length) : path;
}

/** The folders that it lies in, from the outermost, and itself. */
export function withParents(path: string): string[] {
  const names = path.split("/");
  return names.map((_, at) => names.slice(0, at + 1).join("/"));
}

/** Each before what lies in it, names as a person sorts them. */
export function byPath(a: string, b: string): number {
  const [x, y] = [a.split("/"), b.split("/")];
  for (let at = 0; at < Math.min(x.length, y.length); at++) {
    const order = x[at]!.localeCompare(y[at]!, "en", { numeric: true });
    if (order !== 0) return order;
  }
  return x.length - y.length;
}
