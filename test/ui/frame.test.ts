/** What is around the views: the palette, keys, the list of domains, tasks and events, and what is kept between starts. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { still } from "./still.ts";
import { violationsOf } from "./violations.ts";

const missing = chromiumMissing();
let app: Application;

const side = (name: string) => app.page.locator(".side-domain", { hasText: name });
const palette = () => app.page.getByRole("dialog", { name: "Commands" });
const tableRow = (domid: number) => app.page.locator(`.domains-table tr[data-domid="${domid}"]`);
const entry = (text: string | RegExp) => app.page.locator(".task", { hasText: text });

describe.skipIf(missing !== null)(`the frame${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
  });
  afterAll(() => app?.stop());

  it("does everything by name from the palette", async () => {
    const { page } = app;
    await page.getByRole("tab", { name: "Console" }).focus();
    await page.keyboard.press("Control+K");
    await palette().waitFor();
    await app.shoot("palette");
    await palette().getByRole("combobox").fill("nothing of the kind");
    await palette().getByText("Nothing is called").waitFor();
    await page.keyboard.press("Escape");
    await palette().waitFor({ state: "detached" });
    for (let i = 2; i <= 4; i++) {
      await app.command("start the bundled guest");
      await side(`mini-${i}`).waitFor();
    }
    await app.command("mini-3: Xenstore");
    await page.locator('.store-row[data-path="/local/domain/3"]').waitFor();
    await app.command("pause mini-3");
    await page.locator(".badge", { hasText: "Paused" }).waitFor();
    expect(await side("mini-3").getAttribute("data-state")).toBe("paused");
  });

  it("opens the palette again however soon after it was closed", async () => {
    const { page } = app;
    await page.getByRole("tab", { name: "Console" }).focus();
    await page.keyboard.press("Control+Shift+P");
    for (let i = 0; i < 10; i++) {
      await palette().getByRole("combobox").fill(`turn ${i}`);
      await page.keyboard.press("Escape");
      await page.keyboard.press("Control+Shift+P");
      await expect.poll(() => palette().getByRole("combobox").inputValue()).toBe("");
    }
    await page.keyboard.press("Escape");
    await palette().waitFor({ state: "detached" });
  });

  it("hears a key that is pressed before the page is drawn, and lists what the host offers as soon as it is known", async () => {
    await app.inOtherWindow(async (page) => {
      // On a busy machine the browser draws long after the page was loaded, and the host answers later still. React draws when its port is told to.
      await page.addInitScript(() => {
        const port = MessagePort.prototype;
        const { postMessage } = port;
        const held: (() => void)[] = [];
        port.postMessage = function (...given: unknown[]) {
          held.push(() => void Reflect.apply(postMessage, this, given));
        };
        Object.assign(window, {
          draw: () => {
            port.postMessage = postMessage;
            for (const each of held) each();
          },
        });
      });
      let answer = (): void => {};
      const isAsked = new Promise<void>((resolve) => (answer = resolve));
      await page.routeWebSocket(/./, async (socket) => {
        await isAsked;
        socket.connectToServer();
      });
      await page.reload();
      expect(await page.locator("#root > *").count()).toBe(0);
      await page.keyboard.press("Control+Shift+P");
      await page.evaluate("draw()");
      const dialog = page.getByRole("dialog", { name: "Commands" });
      const selected = dialog.locator("[cmdk-item][aria-selected=true]");
      await dialog.getByRole("combobox").fill("pause mini-2");
      await dialog.getByText("Nothing is called").waitFor();
      answer();
      await expect.poll(() => selected.allInnerTexts()).toEqual([expect.stringContaining("Pause mini-2")]);
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
    });
  });

  it("leaves Ctrl+K to the guest's shell", async () => {
    await side("mini-1").click();
    await app.tab("Console");
    await app.page.locator(".xterm-helper-textarea").focus();
    const before = app.sent("consoleInput");
    await app.page.keyboard.press("Control+K");
    await expect.poll(() => app.sent("consoleInput")).toBeGreaterThan(before);
    await still(app.page);
    expect(await palette().count()).toBe(0);
  });

  it("lists its keys at ?, and follows them", async () => {
    const { page } = app;
    await page.keyboard.press("Control+Shift+L");
    await page.getByRole("tab", { name: "Domains", exact: true }).waitFor();
    await page.locator(".domains-box").focus();
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await app.shoot("shortcuts");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+Shift+F");
    await page.keyboard.type("mini-2");
    await expect.poll(() => page.locator(".side-domain").count()).toBe(1);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: /mini-2/ }).waitFor();
    await page.locator("#sidebar-search").fill("");
    await side("mini-2").focus();
    await page.keyboard.press("ArrowDown");
    expect(await side("mini-3").evaluate((element) => element === document.activeElement)).toBe(true);
  });

  it("lists all domains, sorted as one likes, and acts on several", async () => {
    const { page } = app;
    await page.keyboard.press("Control+Shift+L");
    await tableRow(4).waitFor();
    const order = async (): Promise<string[]> => page.locator(".domains-table tbody tr[data-domid] th").allInnerTexts();
    expect(await order()).toEqual(["Domain-0", "mini-1", "mini-2", "mini-3", "mini-4"]);
    await page.getByRole("button", { name: "Name", exact: true }).click();
    await page.getByRole("button", { name: "Name", exact: true }).click();
    expect(await order()).toEqual(["mini-4", "mini-3", "mini-2", "mini-1", "Domain-0"]);
    expect(await page.getByRole("columnheader", { name: "Name" }).getAttribute("aria-sort")).toBe("descending");
    expect(await page.getByLabel("Select Domain-0").count()).toBe(0);
    await page.getByLabel("Select mini-4").click();
    await page.getByLabel("Select mini-2").click({ modifiers: ["Shift"] });
    await page.getByText("3 of 4 selected").waitFor();
    await app.shoot("domains");
    await page.getByRole("toolbar").getByRole("button", { name: "Pause 2 of 3", exact: true }).click();
    await expect.poll(() => tableRow(2).innerText()).toContain("Paused");
    await expect.poll(() => tableRow(4).innerText()).toContain("Paused");
    expect(await tableRow(1).innerText()).not.toContain("Paused");
    await page.getByRole("toolbar").getByRole("button", { name: "Unpause" }).click();
    await expect.poll(() => tableRow(4).innerText()).toContain("Idle");
  });

  it("saves the list as CSV and JSON", async () => {
    const saved = async (name: string): Promise<string> => {
      const [download] = await Promise.all([
        app.page.waitForEvent("download"),
        app.page.getByRole("button", { name, exact: true }).click(),
      ]);
      return readFileSync(await download.path(), "utf8");
    };
    const csv = (await saved("CSV")).split("\r\n");
    expect(csv[0]).toMatch(/^"name","domid","uuid"/);
    expect(csv.slice(1, -1).map((line) => line.split(",")[0])).toEqual(['"mini-2"', '"mini-3"', '"mini-4"']);
    await app.page.getByLabel("Select all domains").click();
    await app.page.getByLabel("Select all domains").click();
    const json = JSON.parse(await saved("JSON")) as { name: string; memoryMiB: number; cpuPercent: number | null }[];
    expect(json).toHaveLength(5);
    expect(json.find(({ name }) => name === "mini-1")).toMatchObject({ memoryMiB: 32, cpuPercent: expect.any(Number) });
  });

  it("tells what was done and what happened, each with its cause", async () => {
    const { page } = app;
    await page.getByLabel("Select mini-4").click();
    await page.getByRole("toolbar").getByRole("button", { name: "Destroy" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Destroy" }).click();
    await expect.poll(() => tableRow(4).innerText()).toContain("Halted");
    expect(await side("mini-4").getAttribute("data-state")).toBe("halted");
    await side("mini-2").click();
    await app.tab("Console");
    await app.type("crash");
    await expect.poll(() => side("mini-2").getAttribute("data-state")).toBe("crashed");
    await app.inOtherWindow(async (other) => {
      await other.locator(".side-domain", { hasText: "mini-3" }).click();
      await other.getByRole("button", { name: "Pause" }).click();
      await other.locator(".badge", { hasText: "Paused" }).waitFor();
      // The domain ended before that window was opened, and the window shows it all the same.
      await other.locator('.side-domain[data-state="halted"]', { hasText: "mini-4" }).waitFor();
    });
    await page.getByRole("button", { name: "Tasks and events" }).click();
    await entry("Destroy mini-4").waitFor();
    expect(await entry("Destroy mini-4").innerText()).toMatch(/You, in this window\s+\d+ ms/);
    expect(await entry("mini-4 is gone").innerText()).toContain("You, in this window");
    expect(await entry("mini-2 crashed").innerText()).toMatch(/The guest itself\s+on_crash is destroy/);
    expect(await entry("mini-3 is paused").first().innerText()).toContain("Another window");
    await app.shoot("tasks");
    await page.getByRole("button", { name: "Trouble" }).click();
    await entry("mini-2 crashed").waitFor();
    expect(await entry("Destroy mini-4").count()).toBe(0);
    await page.getByRole("button", { name: "All", exact: true }).click();
  });

  it("selects halted domains too, starts them and deletes them, each where it fits", async () => {
    const { page } = app;
    await page.keyboard.press("Control+Shift+L");
    const tools = page.getByRole("toolbar", { name: "Selected domains" });
    const button = (name: string) => tools.getByRole("button", { name, exact: true });
    const all = page.getByLabel("Select all domains");
    await all.check();
    await page.getByText("4 of 4 selected").waitFor();
    // mini-1 runs, mini-3 is paused, mini-2 and mini-4 have ended.
    for (const name of ["Pause 1 of 4", "Unpause 1 of 4", "Destroy 2 of 4", "Start 2 of 4", "Delete 2 of 4"])
      await expect.poll(() => button(name).isEnabled()).toBe(true);
    await app.shoot("domains-ended");
    expect(await violationsOf(page)).toEqual([]);
    await all.uncheck();
    await page.getByLabel("Select mini-4").click();
    await expect.poll(() => button("Pause").isDisabled()).toBe(true);
    await expect.poll(() => button("CSV").isDisabled()).toBe(true);
    await page.getByLabel("Select mini-2").click();
    await button("Start").click();
    for (const name of ["mini-2", "mini-4"])
      await expect.poll(() => side(name).getAttribute("data-state"), { timeout: 30_000 }).toMatch(/idle|running/);
    // There is no ended domain left that could be selected.
    await expect.poll(() => page.locator(".domains-table tr.gone").count()).toBe(0);
    await page.getByText("5 domains").waitFor();
    await entry("Start mini-4").first().waitFor();
    expect(await entry("mini-4 was created").first().innerText()).toContain("You, in this window");
    // A space selects what has the focus, as in lists.
    await tableRow(3).getByRole("checkbox").focus();
    await page.keyboard.press("Space");
    await button("Destroy").click();
    await page.getByRole("dialog").getByRole("button", { name: "Destroy" }).click();
    await expect.poll(() => tableRow(3).innerText()).toContain("Halted");
    await button("Delete").click();
    const question = page.getByRole("dialog", { name: "Delete mini-3" });
    await question.getByText("go to the bin").waitFor();
    await question.getByRole("button", { name: "Delete" }).click();
    await expect.poll(() => tableRow(3).count()).toBe(0);
    await page.getByText("4 domains").waitFor();
  });

  it("starts a halted domain from its page, under the name and in the place that it had", async () => {
    const { page } = app;
    await side("mini-4").click();
    await app.tab("Overview");
    await app.command("destroy mini-4");
    await page.getByRole("dialog").getByRole("button", { name: "Destroy" }).click();
    await page.getByText("This domain does not run.").waitFor();
    await app.shoot("domain-ended");
    await page.locator(".page-header").getByRole("button", { name: "Start", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: /mini-4/ }).waitFor();
    await page.getByRole("button", { name: "Pause" }).waitFor();
    await app.command("destroy mini-4");
    await page.getByRole("dialog").getByRole("button", { name: "Destroy" }).click();
    await expect.poll(() => side("mini-4").getAttribute("data-state")).toBe("halted");
  });

  it("forgets what was deleted, its console too", async () => {
    await app.command("Delete: mini-4");
    await app.page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await expect.poll(() => app.page.locator(".side-domain").count()).toBe(2);
    expect(await app.page.getByRole("button", { name: "Clear stopped domains" }).count()).toBe(0);
  });

  it("shows Domain-0 like the others, without what would end the host", async () => {
    await app.page.getByRole("button", { name: /^Domain-0/ }).click();
    await app.page.getByRole("heading", { level: 1, name: "Domain-0" }).waitFor();
    expect(await app.page.getByRole("button", { name: "Destroy" }).count()).toBe(0);
    expect(await app.page.getByRole("tab", { name: "Console" }).count()).toBe(0);
  });

  it("keeps layout, view and appearance between starts, and takes nothing for granted there", async () => {
    const { page } = app;
    await side("mini-1").click();
    await app.tab("Devices");
    await page.getByRole("separator", { name: "Width of the sidebar" }).focus();
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowRight");
    await page.getByRole("button", { name: /^Appearance/ }).click();
    await page.reload();
    await page.getByRole("heading", { level: 1, name: /mini-1/ }).waitFor();
    expect(await page.getByRole("tab", { name: "Devices" }).getAttribute("aria-selected")).toBe("true");
    expect((await page.locator(".sidebar").boundingBox())!.width).toBe(280);
    expect(await page.locator("html").getAttribute("data-theme")).toBe("dark");
    await page.getByRole("group", { name: "Which are shown" }).waitFor();
    await page.evaluate(() => {
      localStorage.setItem("xenarium.layout", '{"sidebarWidth":1e9,"domainTab":"evil","sortBy":7,"domain":{}}');
      localStorage.setItem("xenarium.theme", "system");
    });
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "Host" }).waitFor();
    expect((await page.locator(".sidebar").boundingBox())!.width).toBe(232);
  });

  it("has logged no error", () => expect(app.problems).toEqual([]));
});
