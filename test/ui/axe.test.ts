/** Every view, dark and light, as axe sees it: no violation. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { violationsOf } from "./violations.ts";

const missing = chromiumMissing();
let app: Application;

const violations = (): Promise<string[]> => violationsOf(app.page);

describe.skipIf(missing !== null)(`axe${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.page.getByText("The host is up. Give it a guest.").waitFor();
  });
  afterAll(() => app?.stop());

  it("the host without a guest", async () => expect(await violations()).toEqual([]));

  it("a domain's console", async () => {
    await app.startGuest();
    await app.page.evaluate(() => document.querySelector<HTMLButtonElement>(".tasks-toggle")?.click());
    await app.page.getByRole("button", { name: "Search the console" }).click();
    await app.page.locator(".console-search input").fill("mini");
    expect(await violations()).toEqual([]);
    await app.page.keyboard.press("Escape");
    await app.page.getByRole("button", { name: "Type text…" }).click();
    expect(await violations()).toEqual([]);
    await app.page.keyboard.press("Escape");
  });

  for (const tab of ["Overview", "Devices", "Xenstore"])
    it(`a domain's ${tab}`, async () => {
      await app.tab(tab);
      if (tab === "Devices") await app.page.locator(".react-flow__node").first().waitFor();
      await app.page.waitForTimeout(1200);
      if (tab === "Devices") await app.page.locator('.react-flow__node[data-id="1/console:channel"]').click();
      expect(await violations()).toEqual([]);
    });

  it("a paused, a crashed and an ended domain", async () => {
    const { page } = app;
    for (const _ of [2, 3]) {
      await app.command("bundled");
      await app.waitForTerminal(/mini> /, 15);
    }
    await app.type("crash");
    await page.getByText("It crashed").waitFor();
    expect(await violations()).toEqual([]);
    await app.tab("Xenstore");
    expect(await violations()).toEqual([]);
    await page.locator(".side-domain", { hasText: "mini-2" }).click();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator(".badge", { hasText: "Paused" }).waitFor();
    expect(await violations()).toEqual([]);
  });

  for (const tab of ["Overview", "Domains", "Devices", "Xenstore"])
    it(`the host's ${tab}`, async () => {
      await app.page.locator(".side-entry", { hasText: "Host" }).click();
      await app.tab(tab);
      await app.page.waitForTimeout(1200);
      if (tab === "Domains") await app.page.getByLabel("Select mini-1").click();
      if (tab === "Xenstore") await app.page.locator(".store-row").nth(2).click();
      expect(await violations()).toEqual([]);
    });

  it("a search in xenstore", async () => {
    await app.page.getByLabel("Search xenstore").fill("console");
    await app.page.getByRole("listbox", { name: "Nodes found" }).waitFor();
    expect(await violations()).toEqual([]);
  });

  it("palette, shortcuts, New domain and a question", async () => {
    const { page } = app;
    await page.keyboard.press("Control+Shift+P");
    await page.getByRole("dialog").waitFor();
    expect(await violations()).toEqual([]);
    await page.keyboard.press("Escape");
    for (const open of ["Keyboard shortcuts", "New domain"]) {
      await page.getByRole("button", { name: open }).click();
      await page.getByRole("dialog").waitFor();
      expect(await violations()).toEqual([]);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    await app.command("destroy all");
    await page.getByText("end at once").waitFor();
    expect(await violations()).toEqual([]);
    await page.keyboard.press("Escape");
  });

  it("the host that is off", async () => {
    await app.command("power the host off");
    await app.page.getByRole("dialog").getByRole("button", { name: "Power off" }).click();
    await app.page.locator(".side-item", { hasText: /off$/ }).waitFor({ timeout: 20_000 });
    for (const tab of ["Overview", "Domains", "Devices", "Xenstore"]) {
      await app.tab(tab);
      expect(await violations(), tab).toEqual([]);
    }
    await app.shoot("off");
  });
});
