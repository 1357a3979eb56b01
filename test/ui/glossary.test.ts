/** Xen's words are explained where they are used: to users who point at them, who reach them by keys, or who hear them. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GROUPS, TERMS, type TermId } from "../../renderer/glossary/terms.ts";
import { STATE_WORDS } from "../../renderer/domain/state-words.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { still } from "./still.ts";
import { violationsOf } from "./violations.ts";

const missing = chromiumMissing();
const renderer = path.resolve(import.meta.dirname, "../../renderer");
let app: Application;

const tip = () => app.page.locator(".term-tip");
const term = (of: TermId) => app.page.locator(`[data-term="${of}"]`);
/** Returns what a screen reader says about the element that has the focus. */
const described = (): Promise<string> =>
  app.page.evaluate(() => {
    const ids = document.activeElement?.getAttribute("aria-describedby")?.split(" ") ?? [];
    return ids.map((id) => document.getElementById(id)?.textContent ?? "").join(" ");
  });
/** Returns the words in the part of the page that is shown, each once. */
const shownTerms = (): Promise<string[]> =>
  app.page.evaluate(() => {
    const found = [...document.querySelectorAll<HTMLElement>("main [data-term]")];
    return [...new Set(found.filter((each) => each.checkVisibility()).map(({ dataset }) => dataset.term!))].sort();
  });

describe("the glossary", () => {
  it("has one sentence for each word, in no two groups", () => {
    const ids = GROUPS.flatMap(([, terms]) => Object.keys(terms));
    expect(ids.toSorted()).toEqual(Object.keys(TERMS).toSorted());
    expect(new Set(ids).size).toBe(ids.length);
    for (const [id, { name, means }] of Object.entries(TERMS)) {
      expect(name.length, id).toBeGreaterThan(1);
      expect(means, id).toMatch(/^[A-Z\d].*[.]$/);
      expect(means.length, id).toBeLessThan(190);
    }
  });

  it("has every word that the sources name, and each state of a domain by its own word", () => {
    const files = readdirSync(renderer, { recursive: true, encoding: "utf8" }).filter((file) => /\.tsx?$/.test(file));
    const named = files.flatMap((file) =>
      // As an element, as attributes, or as the title of a table's column.
      [
        ...readFileSync(path.join(renderer, file), "utf8").matchAll(
          /<Term of="([^"]+)"|termProps\("([^"]+)"\)|\bterm(?:: |=)"([^"]+)"/g,
        ),
      ].map(([, element, call, column]) => element ?? call ?? column!),
    );
    expect(new Set(named).size).toBeGreaterThan(40);
    expect(named.filter((id) => !(id in TERMS))).toEqual([]);
    for (const [state, word] of Object.entries(STATE_WORDS)) expect(TERMS[state as TermId].name).toBe(word);
  });
});

describe.skipIf(missing !== null)(`words of Xen's${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
  });
  afterAll(() => app?.stop());

  it("in a domain's overview: by pointer, by keys, by ear", async () => {
    const { page } = app;
    await app.tab("Overview");
    await page.locator(".more-graphs > summary").click();
    await term("exit").first().waitFor();
    await page.locator("[data-term='vcpu-state']").waitFor();
    expect(await shownTerms()).toEqual(
      expect.arrayContaining([
        ...[
          "affinity",
          "balloon",
          "cap",
          "cpu-time",
          "domid",
          "events-received",
          "exit",
          "hypercall",
          "maxmem",
          "mips",
        ],
        ...["on-end", "page-fault", "pcpu", "pv", "runstate", "runstate-blocked", "runstate-runnable"],
        ...["runstate-running", "uuid", "vcpu", "vcpu-state", "weight", "xl-list"],
      ]),
    );
    await term("domid").first().hover();
    await tip().filter({ hasText: TERMS.domid.means }).waitFor();
    await app.shoot("glossary-domid");
    expect(await violationsOf(page)).toEqual([]);
    // The pointer may go to the sentence, which stays. When the pointer leaves it, the sentence goes.
    await page.mouse.move(640, 400);
    const away = Date.now();
    await tip().waitFor({ state: "hidden" });
    const untilHidden = Date.now() - away;
    await term("domid").first().hover();
    await tip().waitFor();
    await tip().hover();
    // If the pointer were outside, the sentence would be gone by now.
    for (const end = Date.now() + 2 * untilHidden; Date.now() < end;) {
      expect(await tip().isVisible()).toBe(true);
      await still(page);
    }
    await page.mouse.move(640, 400);
    await tip().waitFor({ state: "hidden" });
    // By keys: Tab reaches the word, and Escape removes the sentence.
    await term("domid").first().focus();
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Tab");
    await tip().filter({ hasText: TERMS.domid.means }).waitFor();
    expect(await described()).toBe(TERMS.domid.means);
    await page.keyboard.press("Escape");
    await tip().waitFor({ state: "hidden" });
  });

  it("of the list of domains, whose columns sort as before", async () => {
    const { page } = app;
    await page.locator(".side-entry", { hasText: "Host" }).first().click();
    await app.tab("Domains");
    expect(await shownTerms()).toEqual(expect.arrayContaining(["domid", "vcpu", "hypercall", "balloon"]));
    const column = page.getByRole("columnheader", { name: "Hypercalls" });
    await column.getByRole("button").focus();
    expect(await described()).toBe(TERMS.hypercall.means);
    await page.keyboard.press("Enter");
    await expect.poll(() => column.getAttribute("aria-sort")).toBe("descending");
  });

  const INSPECTED: [section: string, terms: TermId[]][] = [
    [
      "Page tables",
      ["cr3", "frame-owner", "frame-type", "machine-address", "mfn", "page-walk", "pfn", "references", "type-count"],
    ],
    [
      "Event channels",
      [
        ...(["event-bits", "event-channel", "events-received", "events-sent", "interdomain"] as const),
        ...(["other-end", "port", "port-type", "vcpu"] as const),
      ],
    ],
    [
      "Grant table",
      ["grant-flags", "grant-holder", "grant-pins", "grant-reference", "grant-table", "granted-to", "mfn"],
    ],
    // The columns of single calls appear with the first call. This guest makes none now.
    ["Hypercalls", ["hypercall"]],
  ];
  for (const [section, terms] of INSPECTED)
    it(`of what Inspect shows: ${section}`, async () => {
      await app.page.locator(".side-domain", { hasText: "mini-1" }).click();
      await app.tab("Inspect");
      await app.tab(section);
      await app.page
        .locator(`main [data-term="${terms.at(-1)}"]`)
        .first()
        .waitFor();
      await expect.poll(shownTerms).toEqual(expect.arrayContaining(terms));
    });

  it("in a dialog: Escape takes the sentence away, then the dialog, and leaves the list of tasks", async () => {
    const { page } = app;
    await page.getByRole("button", { name: "Tasks and events" }).click();
    await page.locator(".tasks-box").waitFor();
    await page.keyboard.press("Control+Shift+N");
    const dialog = page.getByRole("dialog", { name: "New domain" });
    await dialog.locator('[data-term="vcpu"]').hover();
    await tip().filter({ hasText: TERMS.vcpu.means }).waitFor();
    await page.keyboard.press("Escape");
    await tip().waitFor({ state: "hidden" });
    expect(await dialog.isVisible()).toBe(true);
    await page.mouse.move(1, 1);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    expect(await page.locator(".tasks-box").isVisible()).toBe(true);
  });

  it("all together, by a command, and found by what they mean", async () => {
    const { page } = app;
    await app.command("Xen’s words");
    const dialog = page.getByRole("dialog", { name: "Xen’s words" });
    await dialog.waitFor();
    expect(await dialog.locator("dt").count()).toBe(Object.keys(TERMS).length);
    await app.shoot("glossary-words");
    expect(await violationsOf(page)).toEqual([]);
    await dialog.getByRole("searchbox").fill("stolen");
    expect(await dialog.locator("dt").allInnerTexts()).toEqual([TERMS["runstate-runnable"].name]);
    // The first Escape empties the field, as everywhere.
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    expect(app.problems).toEqual([]);
  });
});
