/** Tasks: how far they are, how they are cancelled, and what they report then; and the host's reboot. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing();
const PATIENT = { timeout: 60_000, interval: 100 };
/** The size of the file that is read: dozens of chunks. */
const LARGE = 24 * 2 ** 20;
let app: Application;

describe.skipIf(missing !== null)(`tasks${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.page.getByText("The host is up. Give it a guest.").waitFor();
    await app.command("Tasks and events");
    await app.page.locator(".tasks-box, .tasks-empty").waitFor();
  });
  afterAll(() => app?.stop());

  const task = (title: string) => app.page.locator(".task", { hasText: title }).first();
  /** Presses a button as soon as it appears, from inside the page, because what it cancels may be over soon. */
  const pressWhenThere = (selector: string): Promise<void> =>
    app.page.evaluate((wanted) => {
      const changes = new MutationObserver(() => {
        const button = document.querySelector<HTMLButtonElement>(wanted);
        if (!button) return;
        changes.disconnect();
        button.click();
      });
      changes.observe(document.body, { childList: true, subtree: true });
    }, selector);
  const give = (): Promise<boolean> =>
    app.page.evaluate((size) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([new Uint8Array(size)], "numbers.bin"));
      return document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    }, LARGE);
  const leave = async (): Promise<void> => {
    await app.page.keyboard.press("Escape");
    await app.page.getByRole("dialog", { name: "New domain" }).waitFor({ state: "detached" });
  };

  it("reading a file shows how much of it is read, in the dialog and among the tasks", async () => {
    await app.page.evaluate(() => {
      const seen: number[] = [];
      Object.assign(window, { seen });
      new MutationObserver(() => {
        const bar = document.querySelector<HTMLProgressElement>(".task-under-way progress");
        if (bar && bar.position >= 0 && seen.at(-1) !== bar.value) seen.push(bar.value);
      }).observe(document.body, { subtree: true, childList: true, attributes: true });
    });
    await give();
    await app.page.getByRole("alert").filter({ hasText: "numbers.bin: This is a file of a kind" }).waitFor(PATIENT);
    await leave();
    const seen = await app.page.evaluate(() => (window as unknown as { seen: number[] }).seen);
    expect(seen.length).toBeGreaterThan(3);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBeGreaterThan(0.9);
    // The file was read, but it is of no use, so this is no success.
    await expect.poll(() => task("Read numbers.bin").getAttribute("data-state"), PATIENT).toBe("failed");
  });

  it("reading a file is ended by Stop, and by the task’s own Cancel; the host keeps nothing of it", async () => {
    for (const button of [".create .progress button", '[aria-label="Cancel: Read numbers.bin"]']) {
      await pressWhenThere(button);
      const released = app.sent("fileRelease");
      await give();
      await expect.poll(() => task("Read numbers.bin").getAttribute("data-state"), PATIENT).toBe("cancelled");
      await expect.poll(() => task("Read numbers.bin").innerText()).toContain("It was cancelled.");
      await expect.poll(() => app.sent("fileRelease"), PATIENT).toBe(released + 1);
      await app.page.locator(".create .progress").waitFor({ state: "detached" });
      // Nothing is wrong: the dialog can be used as before.
      expect(await app.page.locator(".create [role=alert]").count()).toBe(0);
      await leave();
    }
  });

  it("the host reboots: its guests are asked to end, and it comes up with the same entry", async () => {
    const { page } = app;
    await app.startGuest();
    await page.locator(".side-entry", { hasText: "Host" }).click();
    await app.tab("Overview");
    await page.getByRole("button", { name: "Reboot" }).click();
    await page.getByText("One domain runs. It is asked").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Reboot" }).click();
    await expect.poll(() => task("Reboot the host").getAttribute("data-state"), PATIENT).toBe("done");
    await page.getByText("The host is up. Give it a guest.").waitFor();
    await page.getByText("booted “Xenarium”").waitFor();
    await task("mini-1 powered off").waitFor();
  });

  it("powering on can be cancelled before the host is up", async () => {
    const { page } = app;
    await app.command("Power the host off");
    await page.getByRole("dialog").getByRole("button", { name: "Power off", exact: true }).click();
    await page.getByRole("button", { name: "Power on" }).waitFor(PATIENT);
    await pressWhenThere('[aria-label="Cancel: Power the host on"]');
    await page.getByRole("button", { name: "Power on" }).click();
    await expect.poll(() => task("Power the host on").getAttribute("data-state"), PATIENT).toBe("cancelled");
    expect(await task("Power the host on").innerText()).toContain("powered off before it was up");
    await page.getByRole("button", { name: "Power on" }).waitFor(PATIENT);
    expect(await page.locator(".toast-error").count()).toBe(0);
    await app.shoot("tasks");
  }, 240_000);
});
