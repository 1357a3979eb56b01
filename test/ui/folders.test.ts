/** Folders and tags of domains: by mouse, by keys and in the palette; found by the search, contained in the export, and there again after a start. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing();
const cli = path.resolve(import.meta.dirname, "../../dist/cli.js");
let app: Application;

const side = (name: string) => app.page.locator(".side-domain[data-domid]", { hasText: name });
const folder = (name: string) => app.page.locator(`.side-folder[data-folder="${name}"]`);
const head = (name: string) => app.page.locator(`.side-folder-head[data-folder="${name}"]`);
const dialog = (name: string | RegExp) => app.page.getByRole("dialog", { name });
const inside = (name: string) => folder(name).locator(".side-name").allInnerTexts();
const xl = (...args: string[]) => promisify(execFile)(process.execPath, [cli, "xl", ...args], { env: app.served.env });

describe.skipIf(missing !== null)(`folders and tags${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
    for (let i = 2; i <= 4; i++) {
      await app.command("start the bundled guest");
      await side(`mini-${i}`).waitFor();
    }
  });
  afterAll(() => app?.stop());

  it("makes a folder and takes a domain that is dragged in, and out again", async () => {
    const { page } = app;
    await page.getByRole("button", { name: "New folder" }).click();
    await dialog("New folder").getByLabel("Name").fill(" ");
    await page.keyboard.press("Enter");
    await dialog("New folder").getByText("is no name of a folder; allowed").waitFor();
    await dialog("New folder").getByLabel("Name").fill("web servers");
    await page.keyboard.press("Enter");
    await folder("web servers").waitFor();
    await side("mini-1").dragTo(head("web servers"));
    await side("mini-2").dragTo(head("web servers"));
    await expect.poll(() => inside("web servers")).toEqual(["web servers", "mini-1", "mini-2"]);
    await side("mini-2").dragTo(page.locator(".side-list"), { targetPosition: { x: 80, y: 400 } });
    await expect.poll(() => inside("web servers")).toEqual(["web servers", "mini-1"]);
  });

  it("does the same by keys and from the palette", async () => {
    const { page } = app;
    await side("mini-2").click();
    await page.keyboard.press("Control+Shift+G");
    await dialog("Folder and tags of mini-2").getByLabel("Folder").fill("databases");
    await page.keyboard.press("Tab");
    await page.keyboard.type("prod,db");
    await page.keyboard.press("Enter");
    await expect.poll(() => inside("databases")).toEqual(["databases", "mini-2"]);
    await expect.poll(() => side("mini-2").locator(".tag").allInnerTexts()).toEqual(["prod", "db"]);
    await side("mini-3").click();
    await app.command("move mini-3 to web servers");
    await expect.poll(() => inside("web servers")).toEqual(["web servers", "mini-1", "mini-3"]);
    await app.command("Folder and tags of mini-2");
    await dialog("Folder and tags of mini-2").getByRole("button", { name: "Remove the tag db" }).click();
    await dialog("Folder and tags of mini-2").getByLabel("Add tags").fill("a/b");
    await page.keyboard.press("Enter");
    await dialog("Folder and tags of mini-2").getByText("“a/b” is no tag; allowed").waitFor();
    await dialog("Folder and tags of mini-2").getByLabel("Add tags").fill("");
    await page.keyboard.press("Enter");
    await expect.poll(() => side("mini-2").locator(".tag").allInnerTexts()).toEqual(["prod"]);
  });

  it("has a menu of a folder: it closes it, and does what is done with its domains, by pointer and by keys", async () => {
    const { page } = app;
    const menu = page.getByRole("menu", { name: "web servers" });
    const item = (name: string) => page.getByRole("menuitem", { name, exact: true });
    await head("web servers").click({ button: "right" });
    await menu.waitFor();
    expect(await page.getByRole("menuitem").allInnerTexts()).toEqual([
      "Close",
      "New folder in it…",
      "Rename or move…",
      ...["Pause", "Save", "Shut down", "Reboot", "Destroy"].map((what) => `${what} all 2 in it`),
      "Remove the folder",
    ]);
    await app.shoot("menu-folder");
    await item("Pause all 2 in it").click();
    for (const name of ["mini-1", "mini-3"])
      await expect.poll(() => side(name).getAttribute("data-state")).toBe("paused");
    expect(await side("mini-2").getAttribute("data-state")).not.toBe("paused");
    await head("web servers").focus();
    await page.keyboard.press("Shift+F10");
    await menu.waitFor();
    await item("Unpause all 2 in it").click();
    for (const name of ["mini-1", "mini-3"])
      await expect.poll(() => side(name).getAttribute("data-state")).not.toBe("paused");
    await head("web servers").click({ button: "right" });
    await item("Close").click();
    await expect.poll(() => head("web servers").getAttribute("aria-expanded")).toBe("false");
    await head("web servers").click({ button: "right" });
    await item("Open").click();
    await expect.poll(() => head("web servers").getAttribute("aria-expanded")).toBe("true");
    // A folder with nothing in it offers nothing that is done with domains.
    await head("web servers").click({ button: "right" });
    await item("New folder in it…").click();
    await dialog(/^New folder/)
      .getByLabel("Name")
      .fill("old");
    await page.keyboard.press("Enter");
    await head("web servers/old").click({ button: "right" });
    expect(await page.getByRole("menuitem").allInnerTexts()).toEqual([
      "Close",
      "New folder in it…",
      "Rename or move…",
      "Remove the folder",
    ]);
    await item("Remove the folder").click();
    await head("web servers/old").waitFor({ state: "detached" });
  });

  it("closes a folder, which then tells its domains’ totals", async () => {
    const { page } = app;
    await head("web servers").focus();
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => side("mini-1").count()).toBe(0);
    await expect.poll(() => head("web servers").getAttribute("aria-expanded")).toBe("false");
    await expect.poll(() => head("web servers").innerText()).toMatch(/2\s+[\d.]+ ?%\s+2 running\s+64 MiB/);
    await app.shoot("folders-closed");
    await page.keyboard.press("ArrowRight");
    await side("mini-1").waitFor();
    await page.keyboard.press("ArrowDown");
    await expect.poll(() => side("mini-1").evaluate((element) => element === document.activeElement)).toBe(true);
    await head("web servers").focus();
    await page.keyboard.press("F2");
    await dialog("Folder web servers").getByLabel("Name").fill("web");
    await page.keyboard.press("Enter");
    await expect.poll(() => inside("web")).toEqual(["web", "mini-1", "mini-3"]);
  });

  it("tags several at once in the list, sorts by tag and folder, and exports them", async () => {
    const { page } = app;
    await page.keyboard.press("Control+Shift+L");
    await page.getByLabel("Select mini-1").click();
    await page.getByLabel("Select mini-3").click({ modifiers: ["Shift"] });
    await page.getByRole("toolbar").getByRole("button", { name: "Folder and tags…" }).click();
    const bulk = dialog("Folder and tags of 3 domains");
    await expect.poll(() => bulk.getByLabel("Folder").getAttribute("placeholder")).toBe("In different folders");
    await bulk.getByText("1 of 3").waitFor();
    await bulk.getByLabel("Add tags").fill("nightly");
    await app.shoot("organize");
    await bulk.getByRole("button", { name: "Save" }).click();
    const row = (name: string) => page.locator(".domains-table tr", { hasText: name });
    await expect.poll(() => row("mini-2").innerText()).toMatch(/databases\s+prod\s*nightly/);
    await expect.poll(() => row("mini-4").innerText()).not.toContain("nightly");
    await page.getByRole("button", { name: "Tags", exact: true }).click();
    const order = await page.locator(".domains-table tbody tr[data-domid] th").allInnerTexts();
    expect(order).toEqual(["mini-1", "mini-3", "mini-2", "Domain-0", "mini-4"]);
    await app.shoot("folders-list");
    const saved = async (name: string): Promise<string> => {
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name, exact: true }).click(),
      ]);
      return readFileSync(await download.path(), "utf8");
    };
    const json = JSON.parse(await saved("JSON")) as { name: string; folder: string | null; tags: string[] }[];
    expect(json.find(({ name }) => name === "mini-2")).toMatchObject({
      folder: "databases",
      tags: ["prod", "nightly"],
    });
    const csv = (await saved("CSV")).split("\r\n");
    expect(csv[0]).toContain('"folder","tags"');
    expect(csv.find((line) => line.includes("mini-2"))).toContain('"databases","prod nightly"');
  });

  it("finds domains by tag and folder, in closed folders too", async () => {
    const { page } = app;
    await head("databases").click();
    await expect.poll(() => side("mini-2").count()).toBe(0);
    await page.locator("#sidebar-search").fill("nightly");
    await expect.poll(() => page.locator(".side-domain[data-domid]").count()).toBe(3);
    await page.locator("#sidebar-search").fill("databases");
    await expect.poll(() => page.locator(".side-domain[data-domid] .side-name").allInnerTexts()).toEqual(["mini-2"]);
    await page.locator("#sidebar-search").fill("");
    await head("databases").click();
  });

  it("keeps a domain in its place when it is renamed, ends and starts anew", async () => {
    const { page } = app;
    await xl("rename", "mini-2", "orders");
    await expect.poll(() => inside("databases")).toEqual(["databases", "orders"]);
    await expect.poll(() => side("orders").locator(".tag").allInnerTexts()).toEqual(["prod", "nightly"]);
    await xl("reboot", "orders");
    await expect.poll(() => folder("databases").locator("[data-domid] .side-id").allInnerTexts()).toEqual(["5"]);
    expect(await inside("databases")).toEqual(["databases", "orders"]);
    await xl("destroy", "mini-3");
    await expect.poll(() => side("mini-3").getAttribute("data-state")).toBe("halted");
    expect(await inside("web")).toEqual(["web", "mini-1", "mini-3"]);
    await head("web").focus();
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => head("web").innerText()).toMatch(/2\s+[\d.–]+ ?%?\s+1 running\s+32 MiB/);
    await page.keyboard.press("ArrowRight");
    // A domain that has ended can be moved to another folder too.
    await side("mini-3").dragTo(head("databases"));
    await expect.poll(() => inside("databases")).toEqual(["databases", "orders", "mini-3"]);
    await app.shoot("folders");
  });

  it("is there after a start, the same in another window, and takes nothing for granted there", async () => {
    const { page } = app;
    await head("web").click();
    await page.reload();
    await expect.poll(() => inside("databases")).toEqual(["databases", "orders", "mini-3"]);
    await expect.poll(() => head("web").getAttribute("aria-expanded")).toBe("false");
    const [other] = await Promise.all([
      page.waitForEvent("popup"),
      page.evaluate((url) => void window.open(url), app.served.url),
    ]);
    await other.locator('.side-folder[data-folder="web"] .side-folder-head').click();
    await expect.poll(() => head("web").getAttribute("aria-expanded")).toBe("true");
    await other.close();
    await head("databases").focus();
    await page.keyboard.press("Delete");
    await expect.poll(() => folder("databases").count()).toBe(0);
    await side("orders").waitFor();
    await page.evaluate(() =>
      localStorage.setItem(
        "xenarium.groups",
        '{"folders":["ok",7,""," x"],"closed":["none"],"places":[["mini-1","ok"],["mini-4","gone"],3],"tags":[["mini-1",["a","b c",null]],["mini-4","x"]]}',
      ),
    );
    await page.reload();
    await expect.poll(() => inside("ok")).toEqual(["ok", "mini-1"]);
    await expect.poll(() => page.locator(".side-folder").count()).toBe(1);
    await expect.poll(() => page.locator(".side-domain .tag").allInnerTexts()).toEqual(["a"]);
  });

  it("has logged no error", () => expect(app.problems).toEqual([]));
});
