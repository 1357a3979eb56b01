/** The built application does what its sources say: nothing of ours is lost in the build, and both behave alike. */
import { cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build as bundle } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rendererOptions } from "../../core/build.mjs";
import { LOOK_FOR_OWN_CODE } from "../../core/bundled-whole.mjs";
import type { ClientMessage } from "../../core/api/schema.ts";
import { fromBytes } from "../../core/api/transport/frame.ts";
import { temporaryFolder } from "../temporary.ts";
import { chromiumMissing, launch } from "./browser.ts";
import { startServeOf, type Served } from "./serve.ts";

const missing = chromiumMissing();
const root = path.resolve(import.meta.dirname, "../..");

describe("the bundler", () => {
  /** As in the transport's client: the receiver of a call is passed out of a function by a promise. */
  const PAGE = `function made(bell: { ring: () => void }): Promise<{ onRing: () => void }> {
    return new Promise((resolve) => {
      const made = { onRing: () => {} };
      bell.ring = () => { made.onRing(); };
      resolve(made);
    });
  }
  export async function rings(): Promise<boolean> {
    const bell = { ring: () => {} };
    let rang = false;
    const it = await made(bell);
    it.onRing = () => { rang = true; };
    bell.ring();
    return rang;
  }
  Object.assign(globalThis, { rings });`;
  const folder = temporaryFolder("bundle");
  const out = path.join(folder, "out");
  beforeAll(() => {
    writeFileSync(path.join(folder, "page.ts"), PAGE);
    writeFileSync(path.join(folder, "index.html"), '<script type="module" src="./page.ts"></script>');
  });

  it("keeps calls whose receiver was handed out by a promise, in code as ours", async () => {
    await build(rendererOptions(folder, out));
    const script = readdirSync(path.join(out, "assets")).find((name) => name.endsWith(".js"))!;
    await import(pathToFileURL(path.join(out, "assets", script)).href);
    expect(await (globalThis as unknown as { rings(): Promise<boolean> }).rings()).toBe(true);
  });

  it("makes nothing when code of ours is missing, and says where", async () => {
    const shaken = { ...rendererOptions(folder, out), plugins: [LOOK_FOR_OWN_CODE] };
    await expect(build({ ...shaken, logLevel: "silent" })).rejects.toThrow(
      /page\.ts: .*CallExpression \d+ instead of \d+/,
    );
  });
});

/** Replaces what differs each time: figures, times, addresses and the names of temporary folders. */
function settledText(text: string): string {
  return text
    .replace(/xenarium-serve-\w+/g, "#")
    .replace(/0x[0-9a-f]+|\b[0-9a-f]{8}-[0-9a-f-]{27}\b/gi, "#")
    .replace(/\b\d+([.,:]\d+)*\b/g, "#")
    .replace(/\b[0-9a-f]{6,}\b/gi, "#")
    .replace(/\d+([.,:]\d+)*/g, "#")
    .replace(/#\s?(%|[kMG]\b|[nµm]?s\b|min\b|h\b|[KMG]iB|bytes?\b)/g, "#")
    .replace(/#( #)+/g, "#");
}

/** A page with a host of its own: what is in it, and what it has asked of the host. */
interface Seen {
  page: Page;
  served: Served;
  calls: Set<string>;
  problems: string[];
}

describe.skipIf(missing !== null)(
  `the built application${missing ? ` (${missing})` : ""}`,
  { timeout: 300_000 },
  () => {
    let browser: Browser;
    let built: Seen;
    let sources: Seen;

    /** Builds the command line with a page of the sources. Another bundler makes the page, which leaves nothing out and makes nothing shorter. */
    async function plainBuild(): Promise<string> {
      const folder = temporaryFolder("plain");
      const dist = path.join(root, "dist");
      cpSync(dist, folder, {
        recursive: true,
        filter: (from) => path.relative(dist, from) !== "renderer" && !from.endsWith(".map"),
      });
      const renderer = path.join(folder, "renderer");
      await bundle({
        entryPoints: [path.join(root, "renderer/main.tsx")],
        bundle: true,
        splitting: true,
        format: "esm",
        jsx: "automatic",
        treeShaking: false,
        minify: false,
        target: "chrome123",
        outdir: renderer,
        define: { "process.env.NODE_ENV": '"production"' },
      });
      const page = readFileSync(path.join(root, "renderer/index.html"), "utf8");
      const script = '<link rel="stylesheet" href="./main.css" /><script type="module" src="./main.js"></script>';
      writeFileSync(path.join(renderer, "index.html"), page.replace(/<script .*<\/script>/, script));
      return path.join(folder, "cli.js");
    }

    async function seen(program: string): Promise<Seen> {
      const served = await startServeOf(program, "--host-memory", "256", "--pcpus", "1");
      const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
      const all: Seen = { page, served, calls: new Set(), problems: [] };
      page.on("pageerror", (error) => all.problems.push(String(error)));
      page.on("websocket", (socket) =>
        socket.on("framesent", ({ payload }) => {
          const { request, args } = fromBytes(payload as Buffer) as ClientMessage & { args?: object };
          // Records the name and which arguments there are, but not their values: how much is asked for at a time depends on when something changed.
          all.calls.add([request, ...Object.keys(args ?? {}).sort()].join(" "));
        }),
      );
      await page.goto(served.url);
      return all;
    }

    /** Returns what is in a page: each thing by its role and its name, as a screen reader reads them. */
    const standing = async ({ page }: Seen): Promise<string[]> =>
      [
        ...new Set((await page.locator("body").ariaSnapshot()).split("\n").map((line) => settledText(line.trim()))),
      ].sort();

    /** Does something in both pages, and waits until both show the same and have asked the same of their hosts. */
    async function alike(what: string, act: (page: Page) => Promise<unknown>): Promise<void> {
      await Promise.all([built, sources].map(({ page }) => act(page)));
      await expect
        .poll(
          async () => {
            const [here, there] = await Promise.all([standing(built), standing(sources)]);
            const only = (left: Iterable<string>, right: Iterable<string>): string[] => {
              const other = new Set(right);
              return [...left].filter((each) => !other.has(each));
            };
            return {
              inBuilt: only(here!, there!),
              inSources: only(there!, here!),
              askedByBuilt: only(built.calls, sources.calls),
              askedBySources: only(sources.calls, built.calls),
            };
          },
          { timeout: 60_000, message: what },
        )
        .toEqual({ inBuilt: [], inSources: [], askedByBuilt: [], askedBySources: [] });
    }
    const press = (name: string | RegExp) => (page: Page) =>
      page.getByRole("button", { name, exact: true }).first().click();
    const tab = (name: string) => (page: Page) => page.getByRole("tab", { name, exact: true }).click();
    /** Visits each view of the page that is open, as the sources list them. */
    async function everyTab(): Promise<void> {
      for (const name of await sources.page.getByRole("tab").allInnerTexts()) await alike(`view ${name}`, tab(name));
    }

    beforeAll(async () => {
      browser = await launch();
      [built, sources] = await Promise.all([seen(path.join(root, "dist/cli.js")), seen(await plainBuild())]);
    }, 120_000);
    afterAll(async () => {
      await browser?.close();
      await Promise.all([built, sources].map((each) => each?.served.kill()));
    });

    it("shows what its sources show, and asks the same of the host", async () => {
      await alike("first start", (page) => page.getByRole("button", { name: "Start the bundled guest" }).waitFor());
      await everyTab();
      await alike("a guest", async (page) => {
        await tab("Overview")(page);
        await press("Start the bundled guest")(page);
        await expect.poll(() => page.locator(".xterm-rows").innerText(), { timeout: 60_000 }).toContain("mini> ");
      });
      await alike("paused", press("Pause"));
      await everyTab();
      await alike("dialog of a new domain", (page) => page.keyboard.press("Control+N"));
      await alike("dialog closed", (page) => page.keyboard.press("Escape"));
      await alike("commands", (page) => page.keyboard.press("Control+Shift+P"));
      await alike("a command", async (page) => {
        await page.getByRole("dialog", { name: "Commands" }).getByRole("combobox").fill("Xen’s words");
        await page.keyboard.press("Enter");
      });
    });

    it("notices like its sources that the server is gone", async () => {
      await Promise.all([built, sources].map((each) => each.served.kill()));
      await alike("banner", (page) => page.getByRole("alert").filter({ hasText: "start it again" }).waitFor());
      expect([...built.problems, ...sources.problems]).toEqual([]);
    });
  },
);
