/** The syntax of paths. An absolute path is represented by its components; the root has none. */
import { ABS_PATH_MAX, REL_PATH_MAX, XenstoreError } from "./wire.ts";

const COMPONENTS = /^[A-Za-z0-9\-_@]+(\/[A-Za-z0-9\-_@]+)*$/;

/** Returns the components of an absolute path. EINVAL when the syntax is wrong. */
export function components(path: string): string[] {
  if (path === "/") return [];
  if (path.length > ABS_PATH_MAX || path.charAt(0) !== "/" || !COMPONENTS.test(path.slice(1)))
    throw new XenstoreError("EINVAL");
  return path.slice(1).split("/");
}

export function domainPath(domid: number): string {
  return `/local/domain/${domid}`;
}

/** Makes a caller's path absolute. EINVAL for wrong syntax. `limit` bounds what follows the caller's own directory. */
export function absolute(path: string, domid: number, limit: number): string {
  const base = domainPath(domid);
  let full = path;
  if (path.charAt(0) !== "/") {
    if (path.length > REL_PATH_MAX) throw new XenstoreError("EINVAL");
    full = `${base}/${path}`;
  }
  components(full);
  const own = full.startsWith(`${base}/`) ? full.length - base.length - 1 : full.length;
  if (own > limit) throw new XenstoreError("EINVAL");
  return full;
}

export function isSelfOrBelow(path: string, ancestor: string): boolean {
  return ancestor === "/" || path === ancestor || (path.startsWith(ancestor) && path.charAt(ancestor.length) === "/");
}

export function join(parent: string, name: string): string {
  return parent === "/" ? `/${name}` : `${parent}/${name}`;
}
