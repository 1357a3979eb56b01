/** The application's files as a browser or a window gets them. */
import path from "node:path";

/** Allows nothing inline and nothing from elsewhere, and connections only to this server. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export const CONTENT_TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
  ".json": "application/json",
};

/** Returns the file below `root` that a URL's path names; null if it leads elsewhere. */
export function fileOf(root: string, url: string): string | null {
  let name: string;
  try {
    name = decodeURIComponent(url.split(/[?#]/, 1)[0]!);
  } catch {
    return null;
  }
  if (name.includes("\0") || name.includes("\\")) return null;
  const file = path.resolve(root, `.${name.endsWith("/") ? `${name}index.html` : name}`);
  return file.startsWith(path.resolve(root) + path.sep) ? file : null;
}
