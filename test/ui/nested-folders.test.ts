/**
 * Folders in folders: by mouse, by keys, in the dialog and in the palette. Their depth is limited, they are kept between starts, and what older
 * versions kept is read.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { violationsOf } from "./violations.ts";

const missing = chromiumMissing();
let app: Application;

const side = (name: string) => app.page.locator(".side-domain[data-domid]", { hasText: name });
const head = (path: string) => app.page.locator(`.side-folder-head[data-folder="${path}"]`);
const dialog = (name: string) => app.page.getByRole("dialog", { name });
const focused = () => app.page.evaluate(() => (document.activeElement as HTMLElement).dataset.key);
/** Returns what is visible of the tree, in order: the level, and the path of a folder or the name of a domain. */
const tree = () =>
  app.page
    .locator('[role="tree"] [role="treeitem"]')
    .evaluateAll((items) =>
      items.map((item) => `${item.ariaLevel} ${item.getAttribute("data-folder") ?? item.getAttribute("data-name")}`),
    );
const keep = async (groups: object): Promise<void> => {
  await app.page.evaluate((text) => localStorage.setItem("xenarium.groups", text), JSON.stringify(groups));
  await app.page.reload();
  await app.page.locator('[role="tree"]').waitFor();
};

describe.skipIf(missing !== null)(`folders in folders${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
    for (let i = 2; i <= 3; i++) {
      await app.command("start the bundled guest");
      await side(`mini-${i}`).waitFor();
    }
  });
  afterAll(() => app?.stop());

  it("come from the dialogs and the palette, with those that they lie in", async () => {
    const { page } = app;
    await side("mini-1").click();
    await page.keyboard.press("Control+Shift+G");
    const folder = dialog("Folder and tags of mini-1").getByLabel("Folder", { exact: true });
    for (const wrong of ["a/b/c/d/e/f", "web//prod", "/web", "web/ prod"]) {
      await folder.fill(wrong);
      await dialog("Folder and tags of mini-1").getByText("is no folder; allowed: names of up to 48").waitFor();
    }
    await folder.fill("web/prod");
    await page.keyboard.press("Enter");
    await expect.poll(tree).toEqual(["1 web", "2 web/prod", "3 mini-1", "1 mini-2", "1 mini-3"]);
    await app.command("new folder in web/prod");
    await expect.poll(() => dialog("New folder").getByLabel("In the folder").inputValue()).toBe("web/prod");
    await dialog("New folder").getByLabel("Name").fill("eu/west");
    await page.keyboard.press("Enter");
    await dialog("New folder").getByText("“eu/west” is no name of a folder").waitFor();
    await dialog("New folder").getByLabel("Name").fill("eu");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "New folder" }).click();
    await dialog("New folder").getByLabel("Name").fill("databases");
    await page.keyboard.press("Enter");
    await side("mini-2").dragTo(head("databases"));
    await side("mini-3").dragTo(head("web/prod/eu"));
    const nested = ["1 web", "2 web/prod", "3 web/prod/eu", "4 mini-3", "3 mini-1"];
    await expect.poll(tree).toEqual(["1 databases", "2 mini-2", ...nested]);
  });

  it("are dragged into each other, never into themselves, and out again", async () => {
    const { page } = app;
    await head("databases").dragTo(head("web/prod"));
    const inProd = ["2 web/prod", "3 web/prod/databases", "4 mini-2", "3 web/prod/eu", "4 mini-3", "3 mini-1"];
    await expect.poll(tree).toEqual(["1 web", ...inProd]);
    await app.shoot("folders-nested");
    expect(await violationsOf(page)).toEqual([]);
    await head("web").dragTo(head("web/prod/eu"));
    await head("web/prod").dragTo(head("web/prod/databases"));
    await head("web/prod/eu").dragTo(page.locator(".side-list"), { targetPosition: { x: 80, y: 420 } });
    await expect.poll(tree).toEqual(["1 eu", "2 mini-3", "1 web", ...inProd.filter((line) => !/eu|mini-3/.test(line))]);
  });

  it("are gone through as a tree by arrow keys, with one stop for Tab", async () => {
    const { page } = app;
    await side("mini-2").focus();
    await page.keyboard.press("ArrowLeft");
    await expect.poll(focused).toBe("folder web/prod/databases");
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => head("web/prod/databases").getAttribute("aria-expanded")).toBe("false");
    await page.keyboard.press("ArrowLeft");
    await expect.poll(focused).toBe("folder web/prod");
    await page.keyboard.press("ArrowRight");
    await expect.poll(focused).toBe("folder web/prod/databases");
    await page.keyboard.press("ArrowRight");
    await side("mini-2").waitFor();
    await page.keyboard.press("ArrowRight");
    await expect.poll(focused).toBe("domain 2");
    await page.keyboard.press("Home");
    await expect.poll(focused).toBe("folder eu");
    await page.keyboard.press("End");
    await expect.poll(focused).toBe("domain 1");
    await page.keyboard.press("ArrowUp");
    await expect.poll(focused).toBe("domain 2");
    expect(await page.locator('[role="tree"] [tabindex="0"]').count()).toBe(1);
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.closest('[role="tree"]'))).toBeNull();
    await page.keyboard.press("Shift+Tab");
    await expect.poll(focused).toBe("domain 2");
    // On a domain, F2 opens its folder and tags.
    await page.keyboard.press("F2");
    await dialog("Folder and tags of mini-2").waitFor();
    await page.keyboard.press("Escape");
  });

  it("tell the totals of all that lies in them when they are closed, and open for what is searched", async () => {
    const { page } = app;
    await head("web").click();
    await expect.poll(() => head("web").innerText()).toMatch(/2\s+[\d.]+ ?%\s+2 running\s+64 MiB/);
    await page.locator("#sidebar-search").fill("databases");
    await expect.poll(tree).toEqual(["1 web", "2 web/prod", "3 web/prod/databases", "4 mini-2"]);
    await page.locator("#sidebar-search").fill("");
    await expect.poll(tree).toEqual(["1 eu", "2 mini-3", "1 web"]);
    await page.reload();
    await expect.poll(tree).toEqual(["1 eu", "2 mini-3", "1 web"]);
    await head("web").click();
    await head("web/prod").waitFor();
  });

  it("are renamed and moved by the keyboard alone, and one of the same path takes the other in", async () => {
    const { page } = app;
    await head("eu").focus();
    await page.keyboard.press("F2");
    const place = dialog("Folder eu").getByLabel("In the folder");
    expect(await place.locator("option").allInnerTexts()).toEqual(["None", "web", "web/prod", "web/prod/databases"]);
    await place.selectOption("web");
    await dialog("Folder eu").getByLabel("Name").fill("prod");
    await app.shoot("folder-move");
    expect(await violationsOf(page)).toEqual([]);
    await page.keyboard.press("Enter");
    const merged = ["1 web", "2 web/prod", "3 web/prod/databases", "4 mini-2", "3 mini-1", "3 mini-3"];
    await expect.poll(tree).toEqual(merged);
    await head("web").focus();
    await page.keyboard.press("F2");
    await dialog("Folder web").getByLabel("Name").fill("shop");
    await page.keyboard.press("Enter");
    await expect.poll(tree).toEqual(merged.map((line) => line.replace("web", "shop")));
  });

  it("give what is in them to the folder they lie in when they are removed", async () => {
    const { page } = app;
    await head("shop/prod").focus();
    await page.keyboard.press("Delete");
    await expect.poll(tree).toEqual(["1 shop", "2 shop/databases", "3 mini-2", "2 mini-1", "2 mini-3"]);
    await expect.poll(focused).toBe("folder shop");
    await app.command("remove the folder shop");
    await expect.poll(() => head("shop").count()).toBe(0);
    await expect.poll(tree).toEqual(["1 databases", "2 mini-2", "1 mini-1", "1 mini-3"]);
  });

  it("lie five deep at most", async () => {
    const { page } = app;
    await keep({ folders: ["a/b/c/d/e", "x/y"], closed: [], places: [["mini-1", "a/b/c/d/e"]], tags: [] });
    await expect.poll(tree).toContain("6 mini-1");
    await app.shoot("folders-deep");
    await head("x").dragTo(head("a/b/c/d"));
    await head("a").focus();
    await page.keyboard.press("F2");
    expect(await dialog("Folder a").getByLabel("In the folder").count()).toBe(0);
    await page.keyboard.press("Escape");
    await head("x").focus();
    await page.keyboard.press("F2");
    const places = dialog("Folder x").getByLabel("In the folder").locator("option");
    expect(await places.allInnerTexts()).toEqual(["None", "a", "a/b", "a/b/c"]);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "New folder" }).click();
    expect(await dialog("New folder").locator("option").allInnerTexts()).not.toContain("a/b/c/d/e");
    await page.keyboard.press("Escape");
    expect((await tree()).filter((line) => line.includes("x"))).toEqual(["1 x", "2 x/y"]);
  });

  it("are made of what was kept before folders could lie in each other, and of no nonsense", async () => {
    await keep({ folders: ["ops / eu", "web"], closed: ["ops / eu"], places: [["mini-1", "ops / eu"]], tags: [] });
    await expect.poll(tree).toEqual(["1 ops", "2 ops/eu", "1 web", "1 mini-2", "1 mini-3"]);
    await head("ops/eu").click();
    await expect.poll(tree).toContain("3 mini-1");
    const many = Array.from({ length: 1000 }, (_, i) => `top/f${i}`);
    await keep({
      folders: ["//", "a//b", "1/2/3/4/5/6/7", " x", "\u0007", "y".repeat(49), null, ...many],
      closed: "all",
      places: [
        ["mini-1", "a//b"],
        ["mini-2", "gone/away"],
        ["mini-3", ["a"]],
      ],
      tags: [],
    });
    await expect.poll(() => app.page.locator(".side-folder").count()).toBe(64);
    const seen = await tree();
    expect(seen.slice(0, 8)).toEqual([
      "1 1",
      "2 1/2",
      "3 1/2/3",
      "4 1/2/3/4",
      "5 1/2/3/4/5",
      "1 a",
      "2 a/b",
      "3 mini-1",
    ]);
    expect(seen).toEqual(expect.arrayContaining(["1 mini-2", "1 mini-3"]));
    expect(app.problems).toEqual([]);
  });
});
