/** Every view can be used by Tab alone: what takes the focus is visible, shows that it has it, has a name, and gives it up again. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing();
const PATIENT = { timeout: 60_000, interval: 100 };
/** This is shorter than the time of a test, so that the error says what was waited for. */
const SOON = { timeout: 15_000, interval: 100 };
const MOST_STOPS = 150;
/** The number of frames in which the page must bring what has the focus back into sight, when something above it has grown just then. */
const FRAMES = 20;
let app: Application;

interface Stop {
  /** The number of the element, in the order of the first visits. */
  id: number;
  what: string;
  seen: boolean;
  /** Where the element is, and in which window. */
  at: string;
  ringed: boolean;
}

/** Returns where Tab leads, from the search field, which is first in the document, until the focus leaves the page. */
async function stops(): Promise<Stop[]> {
  const { page } = app;
  await page.evaluate(() => {
    Object.assign(window, { visited: [] });
    document.querySelector<HTMLElement>("#sidebar-search")!.focus();
  });
  const found: Stop[] = [];
  while (found.length < MOST_STOPS) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(async (frames): Promise<Stop | null> => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const { visited } = window as unknown as { visited: Element[] };
      let id = visited.indexOf(element);
      if (id < 0) id = visited.push(element) - 1;
      const isSeen = (): boolean => {
        const { width, height, left, top } = element.getBoundingClientRect();
        return (
          width > 0 && height > 0 && left < innerWidth && top < innerHeight && left + width > 0 && top + height > 0
        );
      };
      for (let i = 0; i < frames && !isSeen(); i++) await new Promise((resolve) => requestAnimationFrame(resolve));
      const { width, height, left, top } = element.getBoundingClientRect();
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
      // For a field inside a frame, the ring is around the frame.
      const around = element.parentElement && getComputedStyle(element.parentElement);
      const ring = (style: string, wide: string): boolean => style !== "none" && parseFloat(wide) > 0;
      return {
        id,
        what: `${element.tagName.toLowerCase()}.${element.className} ${element.getAttribute("aria-label") ?? element.textContent?.slice(0, 30) ?? ""}`,
        seen: isSeen(),
        at: `left ${left}, top ${top}, ${width} by ${height}, in ${innerWidth} by ${innerHeight}`,
        ringed:
          ring(outlineStyle, outlineWidth) ||
          boxShadow !== "none" ||
          (around !== null && ring(around.outlineStyle, around.outlineWidth)),
      };
    }, FRAMES);
    if (!stop) return found;
    found.push(stop);
  }
  return found;
}

async function expectWellKept(view: string): Promise<void> {
  const found = await stops();
  expect(found.length, view).toBeGreaterThan(10);
  expect(found.length, `${view}: Tab leads out again`).toBeLessThan(MOST_STOPS);
  expect(new Set(found.map(({ id }) => id)).size, `${view}: each once`).toBe(found.length);
  expect(
    found.filter(({ seen }) => !seen).map(({ what, at }) => `${what}: ${at}`),
    `${view}: not seen`,
  ).toEqual([]);
  expect(
    found.filter(({ ringed }) => !ringed).map(({ what }) => what),
    `${view}: no ring`,
  ).toEqual([]);
}

describe.skipIf(missing !== null)(`the keyboard${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.page.getByText("The host is up. Give it a guest.").waitFor();
    await app.startGuest();
  });
  afterAll(() => app?.stop());

  for (const tab of ["Overview", "Devices", "Snapshots", "Xenstore", "Inspect"])
    it(`goes through a domain’s ${tab}`, async () => {
      await app.tab(tab);
      await app.settled();
      await expectWellKept(tab);
    });

  for (const tab of ["Overview", "Domains", "Boot", "Memory", "Devices", "Xenstore"])
    it(`goes through the host’s ${tab}`, async () => {
      await app.page.locator(".side-entry", { hasText: "Host" }).click();
      await app.tab(tab);
      await app.settled();
      await expectWellKept(tab);
    });

  it("stays in sight when the page grows above what has it, and not when one scrolls away", async () => {
    const { page } = app;
    await page.locator(".side-domain", { hasText: "mini-1" }).click();
    await app.tab("Overview");
    await page.locator(".overview .graph-values").first().waitFor();
    const word = page.locator(".overview dfn", { hasText: "May run on" });
    const main = page.locator(".main");
    const scrolled = (): Promise<number> => main.evaluate((box) => box.scrollTop);
    await main.evaluate((box) => (box.scrollTop = 0));
    // Everything is in sight without scrolling, and it is near the lower edge.
    const under = await word.evaluate(
      (element, box) => box!.getBoundingClientRect().bottom - element.getBoundingClientRect().bottom,
      await main.elementHandle(),
    );
    await page.setViewportSize({ width: 1280, height: Math.ceil(800 - under) + 20 });
    await app.settled();
    await word.focus();
    expect(await scrolled()).toBe(0);
    const more = page.locator("details.more-graphs");
    await more.evaluate((details: HTMLDetailsElement) => (details.open = true));
    await expect.poll(scrolled, SOON).toBeGreaterThan(100);
    await expect
      .poll(
        () =>
          word.evaluate((element) => {
            const [word, box] = [element, element.closest(".main")!].map((each) => each.getBoundingClientRect());
            return word!.top >= box!.top && word!.bottom <= box!.bottom;
          }),
        SOON,
      )
      .toBe(true);
    const box = (await main.boundingBox())!;
    await page.mouse.move(box.x + box.width - 8, box.y + box.height / 2);
    await page.mouse.wheel(0, -5000);
    await expect.poll(scrolled, SOON).toBe(0);
    await app.settled();
    expect(await scrolled()).toBe(0);
    expect(await word.evaluate((element) => element === document.activeElement)).toBe(true);
    await more.evaluate((details: HTMLDetailsElement) => (details.open = false));
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  it("leaves the page where it was scrolled to when the focus comes back from the palette", async () => {
    const { page } = app;
    await page.locator(".side-domain", { hasText: "mini-1" }).click();
    await app.tab("Overview");
    await page.locator(".overview .graph-values").first().waitFor();
    await page.setViewportSize({ width: 1280, height: 400 });
    const main = page.locator(".main");
    const scrolled = (): Promise<number> => main.evaluate((box) => box.scrollTop);
    const word = page.locator(".overview dfn", { hasText: "May run on" });
    const hasFocus = (): Promise<boolean> => word.evaluate((element) => element === document.activeElement);
    await word.focus();
    await expect.poll(scrolled, SOON).toBeGreaterThan(0);
    const box = (await main.boundingBox())!;
    await page.mouse.move(box.x + box.width - 8, box.y + box.height / 2);
    await page.mouse.wheel(0, -5000);
    await expect.poll(scrolled, SOON).toBe(0);
    await app.settled();
    await page.keyboard.press("Control+Shift+P");
    await page.getByRole("dialog", { name: "Commands" }).waitFor();
    await page.keyboard.press("Escape");
    await expect.poll(hasFocus, SOON).toBe(true);
    await app.settled();
    expect(await scrolled()).toBe(0);
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  it("comes back to where it was when a dialog closes, and when a name was edited", async () => {
    const { page } = app;
    const focused = (): Promise<string | null | undefined> =>
      page.evaluate(
        () => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent?.trim(),
      );
    await page.locator(".side-domain", { hasText: "mini-1" }).click();
    await app.tab("Overview");
    for (const [button, dialog] of [
      ["Folder and tags", true],
      ["Keyboard shortcuts", true],
      ["New domain", true],
      ["Destroy", true],
      ["Rename", false],
    ] as const) {
      await page.getByRole("button", { name: button, exact: true }).first().focus();
      await page.keyboard.press("Enter");
      if (dialog) await page.locator("dialog[open]").waitFor();
      else await page.getByLabel("Name of the domain").waitFor();
      await page.keyboard.press("Escape");
      await expect.poll(focused, PATIENT).toBe(button);
    }
  });
});
