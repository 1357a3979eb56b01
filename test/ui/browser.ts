/** A real Chromium for the tests: the one that CHROMIUM names, the system's, or Playwright's own. */
import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

const SYSTEM = [
  // The same engine without Chromium's own windows and menus, which no test looks at: it starts in a third of the time.
  "/usr/bin/chromium-headless-shell",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Returns the path of a Chromium, or null. */
export function findChromium(): string | null {
  for (const file of [process.env.CHROMIUM, ...SYSTEM, chromium.executablePath()])
    if (file && existsSync(file)) return file;
  return null;
}

/** Returns one line for the user if there is none. With CI=true that is an error. */
export function chromiumMissing(): string | null {
  if (findChromium()) return null;
  const what =
    "no Chromium: install one (apt-get install chromium-headless-shell, or npx playwright-core install chromium)";
  if (process.env.CI) throw new Error(what);
  return what;
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium()!,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
}
