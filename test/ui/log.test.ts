/** The Xen log in the application: levels, search, and following. Its lines are caused by a guest that forges lines, floods the log and crashes. */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildForger, forgerMissing } from "../hypervisor/log/forger.ts";
import { temporaryFolder } from "../temporary.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { violationsOf } from "./violations.ts";

const root = path.resolve(import.meta.dirname, "../..");
const missing = chromiumMissing() ?? forgerMissing();
const work = temporaryFolder("log");
let app: Application;
let image: string;

const xl = (...args: string[]) =>
  promisify(execFile)(process.execPath, [path.join(root, "dist/cli.js"), "xl", ...args], { env: app.served.env });

/** Runs a guest that writes 311 lines, most of them "flood", and crashes. Xen logs one error about it, and its registers. */
async function crashForger(name: string): Promise<void> {
  const client = await app.client();
  const config = `name = "${name}"\nkernel = "${image}"\nextra = "crash"\nmemory = 16\non_crash = "destroy"\n`;
  await client.request("create", { config });
  client.close();
}

const card = (page: Page = app.page): Locator => page.locator(".log-card");
const lines = (): Locator => card().locator(".log-line");
const level = (name: string, page?: Page): Locator =>
  card(page).getByRole("button", { name: new RegExp(`^${name} \\d`) });
const count = async (name: string, page?: Page): Promise<number> =>
  Number(/\d+$/.exec((await level(name, page).innerText()).trim())![0]);
const tool = (name: string): Locator => card().getByRole("button", { name });
const follows = (): Promise<string | null> => tool("Follow").getAttribute("aria-pressed");
const box = (): Locator => card().getByRole("log", { name: "Xen log" });
const found = (): Promise<string> => card().getByRole("status").last().innerText();
const search = (): Locator => card().getByLabel("Search the Xen log");
/** Whether an element lies within the visible part of the log. */
const isSeen = (what: Locator): Promise<boolean> =>
  what.evaluate((element) => {
    const { top, bottom } = element.getBoundingClientRect();
    const view = element.closest(".log")!.getBoundingClientRect();
    return top >= view.top - 1 && bottom <= view.bottom + 1;
  });

describe.skipIf(missing !== null)(`the Xen log${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    image = buildForger();
    writeFileSync(
      path.join(work, "boot.cfg"),
      'menuentry "Everything" {\n  xen dom0_mem=64M loglvl=all guest_loglvl=all\n}\n' +
        'menuentry "Nothing" {\n  xen dom0_mem=64M loglvl=none guest_loglvl=none\n}\n',
    );
    app = await Application.start("--boot-config", path.join(work, "boot.cfg"));
    await app.page.getByText("The host is up. Give it a guest.").waitFor();
    await card().scrollIntoViewIfNeeded();
  });
  afterAll(async () => {
    await app?.stop();
    expect(app?.problems).toEqual([]);
  });

  it("shows what Xen prints at boot, which has no level, and where it ends", async () => {
    await expect.poll(() => count("No level")).toBeGreaterThan(20);
    for (const name of ["Errors", "Warnings", "Info", "Debug"]) expect(await count(name)).toBe(0);
    await expect.poll(follows).toBe("true");
    await expect.poll(() => lines().last().textContent()).toMatch(/No level: \(XEN\) Guest Loglevel: All/);
    expect(await isSeen(lines().last())).toBe(true);
    await box().focus();
    await app.page.keyboard.press("Home");
    await expect.poll(() => lines().first().textContent()).toMatch(/No level: \(XEN\) Xen version 4\.17/);
    await expect.poll(follows).toBe("false");
    await app.page.keyboard.press("End");
    await expect.poll(follows).toBe("true");
  });

  it("counts the lines of each level as they come, and shows only as many as are seen", async () => {
    await crashForger("first");
    await expect.poll(() => count("Errors"), { timeout: 30_000 }).toBe(1);
    await expect.poll(() => count("Debug")).toBeGreaterThan(300);
    expect(await count("Warnings")).toBe(0);
    expect(await lines().count()).toBeLessThan(60);
    // While the log follows, the last line is visible.
    await expect.poll(follows).toBe("true");
    await expect
      .poll(() => box().evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight))
      .toBeLessThan(5);
    await card().evaluate((element) => element.scrollIntoView({ block: "end" }));
    await app.shoot("log");
  });

  it("another window, later, sees the same levels", async () => {
    const here = await Promise.all(["Errors", "Info", "Debug", "No level"].map((name) => count(name)));
    await app.inOtherWindow(async (page) => {
      await page.getByRole("heading", { level: 1 }).first().waitFor();
      await page.locator(".side-entry", { hasText: "Host" }).click();
      await expect
        .poll(() => Promise.all(["Errors", "Info", "Debug", "No level"].map((name) => count(name, page))))
        .toEqual(here);
    });
  });

  it("hides levels, and says why nothing is left; the choice is kept", async () => {
    for (const name of ["Debug", "No level"]) await level(name).click();
    await expect.poll(() => lines().allInnerTexts()).toHaveLength(1);
    // The level is written in words and shown by a sign, and not only by a colour.
    expect(await lines().textContent()).toMatch(/Error, caused by a guest: \(XEN\) d\d+v0 Unhandled/);
    expect(await lines().locator("svg").count()).toBe(1);
    expect(await violationsOf(app.page)).toEqual([]);
    await app.shoot("log-errors");
    await level("Errors").click();
    await card()
      .getByText(/All \d+ lines are of levels that are not shown/)
      .waitFor();
    expect(await tool("Copy the lines shown").isDisabled()).toBe(true);
    expect(await violationsOf(app.page)).toEqual([]);
    await app.page.reload();
    await card()
      .getByText(/All \d+ lines are of levels that are not shown/)
      .waitFor();
    await card().getByRole("button", { name: "Show all levels" }).click();
    await expect.poll(() => lines().count()).toBeGreaterThan(5);
    await expect.poll(() => level("Errors").getAttribute("aria-pressed")).toBe("true");
  });

  it("marks a guest's words as its own", async () => {
    await search().fill("(XEN) Panic on CPU");
    await expect.poll(found).toBe("1 of 1");
    const line = lines().filter({ hasText: "Panic on CPU" });
    await expect
      .poll(() => line.textContent())
      .toMatch(/^Debug, a domain’s own words: \(d\d+\) \(XEN\) Panic on CPU 0:/);
    expect(await line.getAttribute("class")).toContain("from-domain");
  });

  it("finds, counts and steps through hits, there and back", async () => {
    await search().fill("FLOOD");
    await expect.poll(found).toBe("1 of 300");
    await expect.poll(follows).toBe("false");
    const current = card().locator("mark.current");
    await expect.poll(() => current.count()).toBe(1);
    await expect.poll(() => isSeen(current)).toBe(true);
    expect(await current.innerText()).toBe("flood");
    await search().press("Enter");
    await expect.poll(found).toBe("2 of 300");
    await tool("Next hit").click();
    await expect.poll(found).toBe("3 of 300");
    for (let i = 0; i < 3; i++) await search().press("Shift+Enter");
    await expect.poll(found).toBe("300 of 300");
    await expect.poll(() => isSeen(current)).toBe(true);
    await tool("Previous hit").click();
    await expect.poll(found).toBe("299 of 300");
    await card().evaluate((element) => element.scrollIntoView({ block: "end" }));
    await app.shoot("log-search");
    expect(await violationsOf(app.page)).toEqual([]);
    await search().fill("no such words");
    await expect.poll(found).toBe("no hits");
    expect(await tool("Next hit").isDisabled()).toBe(true);
    await search().press("Escape");
    await expect.poll(() => search().inputValue()).toBe("");
    await expect.poll(() => card().locator("mark").count()).toBe(0);
  });

  it("stays where the user reads while lines come, and follows again when asked", async () => {
    await box().focus();
    await app.page.keyboard.press("Home");
    await expect.poll(() => lines().first().textContent()).toMatch(/Xen version/);
    await expect.poll(follows).toBe("false");
    await crashForger("second");
    await expect.poll(() => count("Errors"), { timeout: 30_000 }).toBe(2);
    expect(await follows()).toBe("false");
    expect(await isSeen(lines().first())).toBe(true);
    expect(await lines().first().textContent()).toMatch(/Xen version/);
    await tool("Follow").click();
    await expect.poll(follows).toBe("true");
    await expect
      .poll(() => box().evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight))
      .toBeLessThan(5);
    await tool("Follow").click();
    await expect.poll(follows).toBe("false");
    // The wheel scrolls up and down again. At the end the log follows again.
    await box().hover();
    await app.page.mouse.wheel(0, -300);
    await app.page.mouse.wheel(0, 5000);
    await expect.poll(follows).toBe("true");
  });

  it("gives times, copies and saves what is shown", async () => {
    await app.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    for (const name of ["Debug", "No level"]) await level(name).click();
    await expect.poll(() => lines().count()).toBe(2);
    await tool("Copy the lines shown").click();
    await app.page.locator(".toast", { hasText: "2 lines were copied." }).waitFor();
    const copied = await app.page.evaluate(() => navigator.clipboard.readText());
    expect(copied).toMatch(/^(\(XEN\) d\d+v0 Unhandled fault\/trap #6 \[ec=0000\]\n){2}$/);
    await tool("Times since power-on").click();
    await expect.poll(() => lines().first().textContent()).toMatch(/\[ *\d+\.\d{6}\]\(XEN\) d\d+v0 Unhandled/);
    for (const name of ["Debug", "No level"]) await level(name).click();
    await app.shoot("log-times");
    const [file] = await Promise.all([app.page.waitForEvent("download"), tool("Save the lines shown").click()]);
    expect(file.suggestedFilename()).toBe("xen.log");
    const saved = readFileSync(await file.path(), "utf8")
      .trimEnd()
      .split("\n");
    for (const line of saved) expect(line).toMatch(/^\[ *\d+\.\d{6}\] \((XEN|d\d+)\) /);
    expect(saved[0]).toContain("Xen version 4.17");
    expect(saved.length).toBe((await count("No level")) + (await count("Debug")) + 2);
    await tool("Times since power-on").click();
    // xl dmesg prints the same text.
    const { stdout } = await xl("dmesg");
    expect(saved.map((line) => line.slice(15)).join("\n")).toContain(
      stdout.trimEnd().split("\n").slice(-20).join("\n"),
    );
  });

  it("is searched and saved by name, from any view", async () => {
    await app.tab("Boot");
    await app.command("Search the Xen log");
    await expect.poll(() => search().evaluate((element) => element === document.activeElement)).toBe(true);
    const [file] = await Promise.all([app.page.waitForEvent("download"), app.command("Save the Xen log to a file")]);
    expect(readFileSync(await file.path(), "utf8")).toMatch(/^\(XEN\) Xen version 4\.17/);
  });

  it("says why it is empty when the command line lets nothing through", async () => {
    const { page } = app;
    await page.getByRole("button", { name: "Power off" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Power off", exact: true }).click();
    await page.getByLabel("Boot entry").selectOption("1");
    await page.getByRole("button", { name: "Power on" }).click();
    await card().getByText("Xen has printed nothing.").waitFor();
    await page.getByText("The host is up. Give it a guest.").waitFor();
    await card().scrollIntoViewIfNeeded();
    expect(await violationsOf(page)).toEqual([]);
    await app.shoot("log-empty");
  });
});
