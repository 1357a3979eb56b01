/** On a domain's Overview nothing is a name without a value, whatever the domain is and does: cards, lists of facts, tables and graphs. */
import path from "node:path";
import type { Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { debianKernel, guestsMissing } from "../guests/images.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { unfold } from "./folded.ts";

const missing = chromiumMissing();
const SLOW = { timeout: 60_000 };
const kernel = path.resolve(import.meta.dirname, "../../dist/assets/guests/mini.elf");

/** Returns what in the page is empty or says something that no user should read, each by what comes before it. */
function emptyCells(): string[] {
  const overview = document.querySelector(".overview");
  if (!overview) return ["no Overview"];
  const says = (element: Element): boolean => {
    const text = element.textContent!.trim();
    const shows = element.querySelector("input, select, textarea, canvas, svg, img, button") !== null;
    return (text !== "" && !/\bNaN\b|\bundefined\b|\bnull\b|\[object|Infinity/.test(text)) || (text === "" && shows);
  };
  const bad: string[] = [];
  const look = (selector: string, name: (element: Element) => string): void => {
    for (const element of overview.querySelectorAll(selector)) if (!says(element)) bad.push(name(element));
  };
  const before = (element: Element): string => element.previousElementSibling?.textContent ?? "";
  look("dt, dd", (element) => `${element.localName} after “${before(element)}”`);
  look("th, td", (element) => `${element.localName} in “${element.parentElement!.textContent}”`);
  look(
    ".graph-title, .graph-values > *",
    (element) => `${element.className} of ${element.closest(".graph")!.textContent}`,
  );
  look("h2, label, p, button, option", (element) => `${element.localName} in ${element.parentElement!.textContent}`);
  for (const term of overview.querySelectorAll("dt"))
    if (term.nextElementSibling?.localName !== "dd") bad.push(`nothing after “${term.textContent}”`);
  for (const card of overview.querySelectorAll(".card"))
    if ((card as HTMLElement).innerText.trim().split("\n").length < 2) bad.push(`card “${card.textContent}”`);
  // A place that a layout keeps free between others is an empty cell too.
  for (const cell of overview.querySelectorAll("dl > div, .columns-flow > *, .graphs > *"))
    if (cell.textContent!.trim() === "") bad.push(`${cell.localName}.${cell.className}`);
  return bad;
}

describe.skipIf(missing !== null)(
  `cells of the Overview${missing ? ` (${missing})` : ""}`,
  { timeout: 300_000 },
  () => {
    let app: Application;
    const side = (name: string): Locator =>
      name === "Domain-0"
        ? app.page.locator(".sidebar").getByRole("button", { name: /^Domain-0/ })
        : app.page.locator(`.side-domain[data-name="${name}"]`).first();
    const open = async (name: string): Promise<void> => {
      await side(name).click();
      await app.page.getByRole("heading", { level: 1, name: new RegExp(`^${name}(\\s|$)`) }).waitFor(SLOW);
      await app.tab("Overview");
      await app.page.locator(".overview").waitFor(SLOW);
    };
    const create = async (name: string, more: string, image = kernel): Promise<number> => {
      const api = await app.client();
      const { domid } = await api.request("create", { config: `name = "${name}"\nkernel = "${image}"\n${more}` });
      api.close();
      return domid;
    };
    const state = (name: string, is: RegExp) =>
      expect.poll(() => side(name).getAttribute("data-state"), SLOW).toMatch(is);
    /** Everything that is folded is shown. Figures come within the first seconds. */
    const nothingEmpty = async (name: string): Promise<void> => {
      await open(name);
      const empty = async (): Promise<string[]> => {
        // The first figures may come only now, and what is folded is there with them.
        if (await app.page.locator(".more-graphs").count()) await unfold(app.page);
        return app.page.evaluate(emptyCells);
      };
      await expect.poll(empty, { ...SLOW, message: name }).toEqual([]);
      const facts = await app.page.locator(".overview dd").count();
      expect(facts, name).toBeGreaterThan(4);
    };

    beforeAll(async () => {
      app = await Application.start();
      await app.page.getByRole("button", { name: "Start the bundled guest" }).waitFor(SLOW);
    }, 120_000);
    afterAll(() => app?.stop());

    it("finds a cell that is empty", async () => {
      await create("seen", "memory = 32\nvcpus = 2\nmaxvcpus = 3\n");
      await nothingEmpty("seen");
      for (const selector of [".glance dd", ".columns-flow td", ".graph-title", ".facts dd"]) {
        await app.page
          .locator(`.overview ${selector}`)
          .first()
          .waitFor({ state: "attached", ...SLOW });
        // All of this is read at once, because the page draws what changes.
        const found = await app.page.evaluate<number>(`(() => {
          const cell = document.querySelector(${JSON.stringify(`.overview ${selector}`)});
          const { innerHTML } = cell;
          cell.innerHTML = "";
          const { length } = (${emptyCells.toString()})();
          cell.innerHTML = innerHTML;
          return length;
        })()`);
        expect(found, selector).toBeGreaterThan(0);
      }
    });

    it("has none for a PV domain that runs, is paused, has crashed, and is halted", async () => {
      const domid = await create("pv", "memory = 32\nvcpus = 2\n");
      await state("pv", /idle|running/);
      await nothingEmpty("pv");
      const api = await app.client();
      await api.request("pause", { domid });
      await state("pv", /paused/);
      await nothingEmpty("pv");
      await api.request("unpause", { domid });
      api.close();
      await app.tab("Console");
      await app.waitForTerminal(/mini> /, 60);
      await app.type("crash");
      await state("pv", /crashed/);
      await nothingEmpty("pv");
    });

    it("has none for one that was shut down and is halted", async () => {
      const domid = await create("off", "memory = 32\n");
      await open("off");
      await app.tab("Console");
      await app.waitForTerminal(/mini> /, 60);
      const api = await app.client();
      await api.request("shutdown", { domid, reason: "poweroff" });
      api.close();
      await state("off", /halted|ended/);
      await nothingEmpty("off");
    });

    it.skipIf(guestsMissing() !== null)("has none for a PVH domain that is paused, and runs", async () => {
      const domid = await create("pvh", 'type = "pvh"\nmemory = 128\nvcpus = 2\n', debianKernel());
      const api = await app.client();
      await api.request("pause", { domid });
      await state("pvh", /paused/);
      await nothingEmpty("pvh");
      await api.request("unpause", { domid });
      await state("pvh", /idle|running/);
      await nothingEmpty("pvh");
      api.close();
    });

    it("has none for dom0", () => nothingEmpty("Domain-0"));
  },
);
