/** Menus of domains and folders, several domains at once, messages that go away, and small windows. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { THEME } from "../../renderer/console/theme.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { violationsOf } from "./violations.ts";

const missing = chromiumMissing();
let app: Application;

const side = (name: string) => app.page.locator(".side-domain", { has: app.page.getByText(name, { exact: true }) });
const menu = (name: string) => app.page.getByRole("menu", { name });
const item = (name: string) => app.page.getByRole("menuitem", { name, exact: true });
const marked = () => app.page.locator(".side-domain.marked").count();

describe.skipIf(missing !== null)(`menus${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
    const client = await app.client();
    await client.request("createBundled", { vcpus: 1 });
    await client.request("createBundled", { vcpus: 1 });
    client.close();
    await side("mini-3").waitFor();
  });
  afterAll(() => app?.stop());

  it("of a domain do what its buttons do, by pointer and by keys", async () => {
    const { page } = app;
    await side("mini-2").click({ button: "right" });
    await menu("mini-2").waitFor();
    expect(await page.getByRole("menuitem").allInnerTexts()).toEqual([
      "Open its overview",
      "Open its console",
      "Pause",
      "Save",
      "Shut down",
      "Reboot",
      "Destroy",
      "Take a snapshot…",
      "Fork…",
      "Folder and tags…",
    ]);
    await app.shoot("menu-domain");
    expect(await violationsOf(page)).toEqual([]);
    await item("Pause").click();
    await expect.poll(() => side("mini-2").getAttribute("data-state")).toBe("paused");
    // The focus returns to where the menu was opened, and the menu key opens the menu there.
    await side("mini-2").focus();
    await page.keyboard.press("Shift+F10");
    await menu("mini-2").waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await expect.poll(() => side("mini-2").getAttribute("data-state")).not.toBe("paused");
    await page.keyboard.press("Shift+F10");
    await page.keyboard.press("Escape");
    await menu("mini-2").waitFor({ state: "detached" });
    expect(await page.evaluate(() => (document.activeElement as HTMLElement).dataset.name)).toBe("mini-2");
  });

  it("of one domain ask how a snapshot is taken and how it is forked, in the sidebar and in the list, and the palette does", async () => {
    const { page } = app;
    const dialog = (name: string) => page.getByRole("dialog", { name });
    const client = await app.client();
    const { uuid } = (await client.request("list")).find(({ name }) => name === "mini-2")!;
    const taken = async (): Promise<string[]> =>
      ((await client.request("snapshots", { uuid }))?.snapshots ?? []).map(({ name }) => name);
    await side("mini-2").click({ button: "right" });
    await item("Take a snapshot…").click();
    await dialog("Take a snapshot of mini-2").waitFor();
    await app.shoot("menu-take-snapshot");
    await page.getByRole("button", { name: "Take it" }).click();
    await expect.poll(taken, { timeout: 20_000 }).toEqual(["Snapshot 1"]);
    // A name that is free is offered, also where nobody sees the other domains.
    await page.keyboard.press("Control+Shift+L");
    await page.locator('.domains-table tr[data-domid="2"]').click({ button: "right" });
    await item("Take a snapshot…").click();
    await dialog("Take a snapshot of mini-2").waitFor();
    expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("Snapshot 2");
    await page.keyboard.press("Escape");
    await dialog("Take a snapshot of mini-2").waitFor({ state: "detached" });
    await page.locator('.domains-table tr[data-domid="2"]').click({ button: "right" });
    await item("Fork…").click();
    await dialog("Fork mini-2").waitFor();
    await page.keyboard.press("Escape");
    await side("mini-2").click();
    // What begins with the typed text comes first, and what belongs to the domain that is looked at, before any other group's.
    await page.keyboard.press("Control+Shift+P");
    await dialog("Commands").getByRole("combobox").fill("snap");
    await expect
      .poll(async () => (await dialog("Commands").locator("[cmdk-item]").allInnerTexts()).slice(0, 2))
      .toEqual(["Snapshots\nThis domain", "Take a snapshot of mini-2…\nThis domain"]);
    await app.shoot("palette-snap");
    await page.keyboard.press("Escape");
    await app.command("Take a snapshot of mini-2");
    await dialog("Take a snapshot of mini-2").waitFor();
    await page.keyboard.press("Escape");
    // A paused domain can't suspend itself, which a fork asks of it. Its disks can be kept all the same.
    await client.request("pause", { domid: 2 });
    await expect.poll(() => side("mini-2").getAttribute("data-state")).toBe("paused");
    await side("mini-2").click({ button: "right" });
    await item("Take a snapshot…").waitFor();
    expect(await item("Fork…").count()).toBe(0);
    await page.keyboard.press("Escape");
    await client.request("unpause", { domid: 2 });
    await expect.poll(() => side("mini-2").getAttribute("data-state")).not.toBe("paused");
    client.close();
  });

  it("of several, chosen by Ctrl, Shift and Ctrl+A, do it with all of them", async () => {
    const { page } = app;
    await side("mini-1").click();
    await side("mini-3").click({ modifiers: ["Shift"] });
    expect(await marked()).toBe(3);
    await side("mini-2").click({ modifiers: ["Control"] });
    expect(await marked()).toBe(2);
    await page.keyboard.press("Control+a");
    expect(await marked()).toBe(3);
    expect(await page.evaluate(() => String(getSelection()))).toBe("");
    await side("mini-3").click({ button: "right" });
    await menu("3 domains").waitFor();
    await app.shoot("menu-several");
    await item("Pause all 3").click();
    for (const name of ["mini-1", "mini-2", "mini-3"])
      await expect.poll(() => side(name).getAttribute("data-state")).toBe("paused");
    await side("mini-1").click({ button: "right" });
    await item("Unpause all 3").click();
    await expect.poll(() => side("mini-3").getAttribute("data-state")).not.toBe("paused");
    await side("mini-1").focus();
    await page.keyboard.press("Escape");
    expect(await marked()).toBe(0);
  });

  it("of a row in the list of domains, or of all rows that are selected, by pointer and by keys", async () => {
    const { page } = app;
    await page.keyboard.press("Control+Shift+L");
    const row = (name: string) => page.locator(".domains-table tr", { has: page.getByText(name, { exact: true }) });
    await row("mini-2").click({ button: "right" });
    await menu("mini-2").waitFor();
    await item("Pause").click();
    await expect.poll(() => side("mini-2").getAttribute("data-state")).toBe("paused");
    // By keys: the focus returns to what had it.
    await row("mini-2").getByRole("button", { name: "mini-2" }).focus();
    await page.keyboard.press("Shift+F10");
    await menu("mini-2").waitFor();
    await page.keyboard.press("Escape");
    await menu("mini-2").waitFor({ state: "detached" });
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("mini-2");
    await page.getByRole("checkbox", { name: "Select mini-1" }).click();
    await page.getByRole("checkbox", { name: "Select mini-2" }).click();
    await row("mini-1").click({ button: "right" });
    await menu("2 domains").waitFor();
    await app.shoot("menu-rows");
    await item("Unpause 1 of 2").click();
    await expect.poll(() => side("mini-2").getAttribute("data-state")).not.toBe("paused");
    // Domain-0 can be looked at, and nothing else can be done with it.
    await row("Domain-0").click({ button: "right" });
    await menu("Domain-0").waitFor();
    expect(await page.getByRole("menuitem").allInnerTexts()).toEqual([
      "Open its overview",
      "Open its devices",
      "Open its part of xenstore",
    ]);
    await page.keyboard.press("Escape");
  });

  it("Ctrl+A takes all rows of the list of domains, and elsewhere the text of the view alone; what is typed is left to its field", async () => {
    const { page } = app;
    await page.keyboard.press("Control+Shift+L");
    const chosen = page.getByRole("toolbar", { name: "Selected domains" }).locator("[aria-live]");
    await page.getByRole("checkbox", { name: "Select all domains" }).uncheck();
    await page.getByRole("group", { name: "All domains" }).focus();
    await page.keyboard.press("Control+a");
    await expect.poll(() => chosen.innerText()).toBe("3 of 3 selected");
    const marked = (): Promise<string> => page.evaluate(() => String(getSelection()));
    expect(await marked()).toBe("");
    await page.getByRole("checkbox", { name: "Select all domains" }).uncheck();
    await app.tab("Boot");
    await page.getByRole("heading", { name: "Boot menu", exact: true }).waitFor();
    await page.getByRole("tab", { name: "Boot", exact: true }).focus();
    await page.keyboard.press("Control+a");
    expect(await marked()).toContain("Boot menu");
    for (const around of ["mini-1", "Tasks and events", "Overview"]) expect(await marked()).not.toContain(around);
    const search = page.getByRole("searchbox", { name: "Search the domains" });
    await page.evaluate(() => getSelection()!.removeAllRanges());
    await search.fill("mini");
    await page.keyboard.press("Control+a");
    expect(await search.evaluate((field: HTMLInputElement) => [field.selectionStart, field.selectionEnd])).toEqual([
      0, 4,
    ]);
    await search.fill("");
  });

  it("of a device lead to its ends and to what they wrote", async () => {
    const { page } = app;
    await side("mini-1").click();
    await app.tab("Devices");
    const frontend = page.locator('.react-flow__node[data-id="1/console/0:frontend"]');
    await frontend.click({ button: "right" });
    await menu("Console").waitFor();
    await app.shoot("menu-device");
    expect(await violationsOf(page)).toEqual([]);
    await item("Show the backend in xenstore").click();
    await page.locator(".store-path", { hasText: "/local/domain/0/backend/console/1/0" }).waitFor();
    await side("mini-1").click();
    await app.tab("Devices");
    await frontend.focus();
    await page.keyboard.press("Shift+F10");
    await item("Open Domain-0, its backend’s domain").click();
    await page.getByRole("heading", { level: 1, name: "Domain-0" }).waitFor();
  });

  it("messages are kept in the list when they have gone, those of this window's too", async () => {
    const { page } = app;
    await side("mini-1").click();
    await app.tab("Xenstore");
    await page.locator(".store-row").first().waitFor();
    await page.evaluate(() => {
      navigator.clipboard.writeText = () => Promise.reject(new Error("no"));
    });
    await page.getByRole("button", { name: "Copy the path" }).click();
    const said = "The clipboard may not be written here.";
    await page.locator(".toast", { hasText: said }).getByRole("button", { name: "Dismiss" }).click();
    await page.locator(".toast").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Tasks and events" }).click();
    await page.getByRole("button", { name: "Messages", exact: true }).click();
    await page.locator(".task[data-state=error]", { hasText: said }).getByText("This window").waitFor();
    expect(await page.locator(".task").count()).toBe(1);
    await page.getByRole("button", { name: "Trouble", exact: true }).click();
    await page.locator(".task", { hasText: said }).waitFor();
    await page.getByRole("button", { name: "All", exact: true }).click();
    await app.shoot("tasks-messages");
    await page.getByRole("button", { name: "Tasks and events" }).click();
  });

  it("messages go by themselves, not while they are read", async () => {
    const { page } = app;
    await side("mini-1").click();
    await app.tab("Console");
    await page.clock.install();
    const told = page.locator(".toast");
    await page.getByRole("button", { name: "Tell the guest" }).click();
    await told.waitFor();
    await told.hover();
    await page.clock.runFor(60_000);
    expect(await told.count()).toBe(1);
    await page.mouse.move(10, 10);
    await page.clock.runFor(20_000);
    await expect.poll(() => told.count()).toBe(0);
  });

  it("Create is reached in a window of 900 by 600", async () => {
    const { page } = app;
    await page.setViewportSize({ width: 900, height: 600 });
    await page.keyboard.press("Control+Shift+N");
    const create = page.getByRole("button", { name: "Create", exact: true });
    await create.waitFor();
    const box = (await create.boundingBox())!;
    expect(box.y + box.height).toBeLessThanOrEqual(600);
    const hit = await page.evaluate(
      ([x, y]) => document.elementFromPoint(x!, y!)?.textContent,
      [box.x + box.width / 2, box.y + box.height / 2],
    );
    expect(hit).toBe("Create");
    await app.shoot("create-900");
    await page.keyboard.press("Escape");
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  it("what is dropped is told where, readably", async () => {
    const { page } = app;
    await page.evaluate(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(["x"], "x"));
      window.dispatchEvent(new DragEvent("dragenter", { dataTransfer, bubbles: true, cancelable: true }));
    });
    await page.locator(".drop-zone").waitFor();
    await app.shoot("drop-zone");
    expect(await violationsOf(page)).toEqual([]);
  });
});

it("a console's colours have a contrast of 4.5 on its ground", () => {
  const luminance = (color: string): number => {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const share = parseInt(color.slice(at, at + 2), 16) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const { background, selectionBackground: _, ...colors } = THEME;
  for (const [name, color] of Object.entries(colors))
    expect((luminance(color) + 0.05) / (luminance(background) + 0.05), name).toBeGreaterThanOrEqual(4.5);
});
