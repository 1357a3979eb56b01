/**
 * Opens the application in the user's browser, if there is one. Everybody on the computer may read a program's arguments, so the URL with the token
 * is not among them: the browser is given a page in a folder that only the user may enter. The page leads on to the URL and is soon removed.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";

/** A browser that has not come by then has failed, and the user has the URL that was printed. */
const PAGE_MS = 60_000;

/** `arrived` resolves when the browser has what it needs. The returned function removes the page if it still exists. */
export function openInBrowser(url: string, arrived: Promise<void>): () => void {
  const headless = process.platform === "linux" && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY;
  if (headless) return () => {};
  const folder = mkdtempSync(path.join(tmpdir(), "xenarium-open-"));
  const remove = (): void => {
    clearTimeout(late);
    process.off("exit", remove);
    rmSync(folder, { recursive: true, force: true });
  };
  const late = setTimeout(remove, PAGE_MS);
  process.on("exit", remove);
  void arrived.then(remove);
  const page = path.join(folder, "open.html");
  writeFileSync(page, pageTo(url), { mode: 0o600, flag: "wx" });
  const shown = pathToFileURL(page).href;
  const [command, ...args] =
    process.platform === "darwin"
      ? ["open", shown]
      : process.platform === "win32"
        ? ["rundll32", "url.dll,FileProtocolHandler", shown]
        : ["xdg-open", shown];
  // There is no program to open it; the URL has been printed.
  spawn(command!, args, { stdio: "ignore", detached: true }).on("error", remove).unref();
  return remove;
}

/** `url` is our own, so nothing in it has a meaning in HTML. */
function pageTo(url: string): string {
  return `<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url=${url}">
<title>Xenarium</title>
<a href="${url}">Open Xenarium</a>
`;
}
