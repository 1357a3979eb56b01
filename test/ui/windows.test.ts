/** Every window, also after a reload, shows the same state of the host at once: its last ten minutes, its tasks and its events. */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing();
const mini = path.resolve(import.meta.dirname, "../../dist/assets/guests/mini.elf");
let app: Application;

const openTasks = async (page: Page): Promise<void> => {
  await page.getByRole("button", { name: "Tasks and events" }).click();
  await page.locator(".tasks-box").waitFor();
};
const entry = (page: Page, title: string) => page.locator(".task", { hasText: title }).first();
const noticeIn = (page: Page) => page.locator(".banner", { hasText: "deaf has not reacted yet" });
const titles = (page: Page): Promise<string[]> => page.locator(".task .task-title").allInnerTexts();
const drop = (page: Page, files: { name: string; bytes: number[] }[]): Promise<boolean> =>
  page.evaluate((given) => {
    const dataTransfer = new DataTransfer();
    for (const { name, bytes } of given) dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
    return document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  }, files);

describe.skipIf(missing !== null)(`windows of one host${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
  });
  afterAll(() => app?.stop());

  it("a guest that was just asked to shut down is not told of as one that ignores it", async () => {
    const { page } = app;
    // A paused domain ignores everything. The host waits for 20 s before it reports that, and the other tests come meanwhile.
    const client = await app.client();
    const config = `name = "deaf"\nkernel = "${mini}"\nmemory = 16\n`;
    const { domid } = await client.request("create", { config, paused: true });
    await client.request("shutdown", { domid, reason: "poweroff" });
    client.close();
    await page.locator(".side-domain", { hasText: "deaf" }).click();
    await page.getByRole("heading", { level: 1, name: /deaf/ }).waitFor();
    expect(await noticeIn(page).count()).toBe(0);
    await page.locator(".side-domain", { hasText: "mini-1" }).click();
  });

  it("a second window has the last minutes and all tasks and events as soon as it is there", async () => {
    const { page } = app;
    await app.tab("Overview");
    const points = (of: Page): Promise<number> =>
      of.locator(".graph[data-points]").first().getAttribute("data-points").then(Number);
    /** Returns what a graph has when it first has anything. Before a second has passed that must be as many seconds as the host has been up. */
    const firstPoints = async (of: Page): Promise<number> => {
      let first = 0;
      await of.locator(".graph[data-points]").first().waitFor();
      await expect.poll(async () => (first = await points(of))).toBeGreaterThan(0);
      return first;
    };
    await expect.poll(() => points(page)).toBeGreaterThan(5);
    await app.inOtherWindow(async (other) => {
      await other.locator(".side-domain", { hasText: "mini-1" }).click();
      await other.getByRole("tab", { name: "Overview" }).click();
      expect(await firstPoints(other)).toBeGreaterThan(4);
      await openTasks(other);
      for (const title of ["Start the bundled guest", "mini-1 was created"])
        expect(await entry(other, title).innerText()).toContain("Another window");
      expect(await entry(other, "The host is running").innerText()).toContain("The application’s start");
      await app.shootPage(other, "second-window");
    });
    await page.reload();
    expect(await firstPoints(page)).toBeGreaterThan(5);
    await openTasks(page);
    expect(await entry(page, "Start the bundled guest").innerText()).toContain("You, in this window");
  });

  it("windows hear of each other's tasks as they happen, and of the command line's", async () => {
    const client = await app.client();
    await app.inOtherWindow(async (other) => {
      await openTasks(other);
      await client.request("pause", { domid: 1 });
      for (const page of [app.page, other])
        await expect.poll(() => entry(page, "mini-1 is paused").innerText()).toContain("The command line");
      await client.request("unpause", { domid: 1 });
      await entry(other, "mini-1 is unpaused").waitFor();
    });
    client.close();
  });

  it("a domain that is created in the dialog was created by this window, and had its name from the start", async () => {
    const { page } = app;
    await drop(page, [{ name: "deb.elf", bytes: [...readFileSync(mini)] }]);
    const dialog = page.getByRole("dialog", { name: "New domain" });
    await dialog.getByLabel("Name", { exact: true }).fill("deb");
    await dialog.getByRole("button", { name: "Create" }).click();
    await dialog.waitFor({ state: "detached" });
    await expect.poll(() => entry(page, "deb was created").innerText()).toContain("You, in this window");
    await expect.poll(() => entry(page, "Create deb").getAttribute("data-state")).toBe("done");
    expect(await titles(page)).not.toContainEqual(expect.stringMatching(/is called/));
  });

  it("a file that is refused was not read with success, and says why", async () => {
    const { page } = app;
    await drop(page, [{ name: "photo.png", bytes: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] }]);
    await expect.poll(() => entry(page, "Read photo.png").getAttribute("data-state")).toBe("failed");
    await page.getByRole("dialog").getByRole("alert").filter({ hasText: "photo.png" }).waitFor();
    // A disk image is accepted, and what is wrong with it is shown beside it.
    await drop(page, [{ name: "disk.qcow2", bytes: [0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3] }]);
    await page.getByRole("dialog").getByText("disk.qcow2: this is not a qcow2 image").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });

  it("a guest that ignores what it is asked for gets no tick", async () => {
    const client = await app.client();
    // The Escape that closed the dialog may have closed the list of tasks too.
    if (!(await app.page.locator(".tasks-box").isVisible())) await openTasks(app.page);
    // The bundled guest has no balloon driver.
    await client.request("setMemory", { domid: 1, memoryMiB: 24 });
    const asked = entry(app.page, "Set the memory target of mini-1 to 24 MiB");
    await expect.poll(() => asked.innerText()).toContain("Waiting for the guest");
    expect(await asked.getAttribute("data-state")).toBe("running");
    client.close();
    await app.shoot("tasks-truth");
  });

  it("a guest that ignores a request to shut down is told of where it is looked at, in every window, with Destroy beside it", async () => {
    const { page } = app;
    await page.locator(".side-domain", { hasText: "deaf" }).click();
    await noticeIn(page).waitFor({ timeout: 40_000 });
    const destroy = noticeIn(page).getByRole("button", { name: "Destroy deaf" });
    if (!(await page.locator(".tasks-box").isVisible())) await openTasks(page);
    await entry(page, "Ask deaf to power off").getByRole("button", { name: "Destroy deaf" }).waitFor();
    await app.shoot("shutdown-ignored");
    await app.inOtherWindow(async (other) => {
      await other.locator(".side-domain", { hasText: "deaf" }).click();
      await noticeIn(other).getByRole("button", { name: "Destroy deaf" }).waitFor();
    });
    await destroy.click();
    const question = page.getByRole("dialog", { name: "Destroy deaf" });
    await question.getByRole("button", { name: "Destroy" }).click();
    await expect.poll(() => titles(page)).toContainEqual("deaf is gone");
    await noticeIn(page).waitFor({ state: "detached" });
  });
});
