/** axe finds no violation in any view, dark or light. */
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

  it("the first step of the tour, and one that lacks a guest", async () => {
    await app.page.getByRole("button", { name: "Take a tour" }).click();
    await app.page.getByRole("dialog", { name: "The hypervisor" }).waitFor();
    expect(await violations()).toEqual([]);
    for (let i = 0; i < 2; i++) await app.page.keyboard.press("ArrowRight");
    await app.page.getByText("No guest runs now.").waitFor();
    expect(await violations()).toEqual([]);
    await app.page.keyboard.press("Escape");
  });

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

  for (const tab of ["Overview", "Devices", "Snapshots", "Xenstore"])
    it(`a domain's ${tab}`, async () => {
      await app.tab(tab);
      if (tab === "Devices") await app.page.locator(".react-flow__node").first().waitFor();
      await app.settled();
      if (tab === "Devices") await app.page.locator('.react-flow__node[data-id="1/console/0:channel"]').click();
      expect(await violations()).toEqual([]);
    });

  for (const section of ["vCPU registers", "Page tables", "Memory", "Event channels", "Grant table"])
    it(`a domain's ${section}`, async () => {
      await app.tab("Inspect");
      await app.tab(section);
      await app.page.locator(".inspect-panel").locator("tbody tr, .memory-hex").first().waitFor();
      expect(await violations()).toEqual([]);
    });

  it("a domain's hypercalls", async () => {
    await app.tab("Console");
    await app.type("load 1");
    await app.tab("Inspect");
    await app.tab("Hypercalls");
    await app.page.locator(".trace-row").first().click();
    await app.typeElsewhere(1, "load 0");
    expect(await violations()).toEqual([]);
  });

  it("a paused, a crashed and an ended domain", async () => {
    const { page } = app;
    for (const name of ["mini-2", "mini-3"]) {
      await app.command("bundled");
      await page.getByRole("heading", { level: 1, name }).waitFor();
      await app.waitForTerminal(/mini> /, 15);
    }
    await app.type("crash");
    await page.getByText("It crashed").waitFor();
    expect(await violations()).toEqual([]);
    for (const tab of ["Xenstore", "Overview", "Devices"]) {
      await app.tab(tab);
      if (tab === "Devices") await page.locator(".handshake tbody tr").first().waitFor();
      expect(await violations()).toEqual([]);
    }
    await page.locator(".side-domain", { hasText: "mini-2" }).click();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator(".badge", { hasText: "Paused" }).waitFor();
    expect(await violations()).toEqual([]);
  });

  for (const tab of ["Overview", "Domains", "Boot", "Memory", "Devices", "Networks", "Images", "Xenstore"])
    it(`the host's ${tab}`, async () => {
      await app.page.locator(".side-entry", { hasText: "Host" }).click();
      await app.tab(tab);
      await app.settled();
      if (tab === "Overview") await app.page.getByRole("button", { name: "24 h", exact: true }).click();
      if (tab === "Overview") await app.page.locator(".graph", { hasText: "Free memory" }).waitFor({ timeout: 40_000 });
      if (tab === "Boot") await app.page.getByRole("button", { name: "Add an entry" }).click();
      if (tab === "Memory") await app.page.getByRole("application").focus();
      if (tab === "Memory") await app.page.getByText("The machine’s own").last().waitFor();
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

  it("New domain with what is wrong in it", async () => {
    const { page } = app;
    await page.keyboard.press("Control+Shift+N");
    await page.getByLabel("xl.cfg", { exact: true }).fill('name = "mini-1"\nvcpus = 99\ncap = 300\nwhat\n');
    await page.locator(".config-findings li").nth(2).waitFor();
    expect(await violations()).toEqual([]);
    await page.keyboard.press("Escape");
  });

  it("folders, tags and their dialogs", async () => {
    const { page } = app;
    await page.locator(".side-domain", { hasText: "mini-1" }).click();
    await page.keyboard.press("Control+Shift+G");
    await page.getByRole("dialog").getByLabel("Folder").fill("web");
    await page.getByLabel("Add tags").fill("prod nightly");
    await page.keyboard.press("Enter");
    await page.locator(".side-folder").waitFor();
    expect(await violations()).toEqual([]);
    await page.keyboard.press("Control+Shift+G");
    await page.getByLabel("Add tags").fill("a/b");
    expect(await violations()).toEqual([]);
    await page.keyboard.press("Escape");
    await page.locator(".side-folder-head").focus();
    await page.keyboard.press("F2");
    await page.getByRole("dialog").waitFor();
    expect(await violations()).toEqual([]);
    await page.keyboard.press("Escape");
    await page.keyboard.press("ArrowLeft");
    expect(await violations()).toEqual([]);
  });

  it("the tour over a domain's devices", async () => {
    const { page } = app;
    await app.command("guided tour");
    for (let i = 0; i < 5; i++) await page.getByRole("button", { name: "Next", exact: true }).click();
    await page.getByRole("dialog", { name: "Event channels" }).waitFor();
    await page.locator(".tour-figures").waitFor();
    expect(await violations()).toEqual([]);
    await page.getByRole("button", { name: "End the tour" }).click();
    await page.locator(".side-entry", { hasText: "Host" }).click();
  });

  it("the host that is off", async () => {
    await app.command("power the host off");
    await app.page.getByRole("dialog").getByRole("button", { name: "Power off", exact: true }).click();
    await app.page.locator(".side-item", { hasText: /off$/ }).waitFor({ timeout: 20_000 });
    for (const tab of ["Overview", "Domains", "Boot", "Memory", "Devices", "Networks", "Images", "Xenstore"]) {
      await app.tab(tab);
      expect(await violations(), tab).toEqual([]);
    }
    await app.shoot("off");
  });
});
