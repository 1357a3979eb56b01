/**
 * Domains that are kept, as a user sees them: they are there after power-off and after another start, and are edited, cloned, deleted and put back.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { startServeIn } from "./serve.ts";
import { violationsOf } from "./violations.ts";

const SLOW = { timeout: 60_000 };
const missing = chromiumMissing();
const folder = temporaryFolder("ui-library");
let app: Application;

const side = (name: string) => app.page.locator(`.side-domain[data-name="${name}"]`);
const state = (name: string) => side(name).getAttribute("data-state");
const button = (name: string) => app.page.locator(".page-header").getByRole("button", { name, exact: true });
const dialog = (name: string) => app.page.getByRole("dialog", { name });

async function start(): Promise<void> {
  app = await Application.of(await startServeIn(folder, "--host-memory", "512", "--pcpus", "1"));
}

describe.skipIf(missing !== null)(`the library of domains${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(start);
  afterAll(() => app?.stop());

  it("has what was created when the host is off, and after another start of the application, where it is started", async () => {
    await app.startGuest();
    await app.page.getByRole("button", { name: /^Host/ }).first().click();
    await app.tab("Overview");
    await app.page.getByRole("button", { name: "Power off" }).click();
    const question = dialog("Power off the host");
    await question.getByRole("button", { name: "Save and power off" }).waitFor();
    await app.shoot("library-power-off");
    await question.getByRole("button", { name: "Power off", exact: true }).click();
    await app.page.getByRole("button", { name: "Power on" }).waitFor(SLOW);
    await expect.poll(() => state("mini-1"), SLOW).toBe("halted");
    await side("mini-1").click();
    await app.tab("Overview");
    await app.page.getByRole("heading", { name: "In the library" }).waitFor();
    // Nothing can be started while the host is off.
    expect(await button("Start").count()).toBe(0);
    await app.stop();
    await start();
    await expect.poll(() => state("mini-1"), SLOW).toBe("halted");
    // The page of the host is shown.
    expect(await side("mini-1").getAttribute("aria-current")).toBeNull();
    await side("mini-1").click();
    await app.page.getByText("This domain does not run.").waitFor();
    await app.shoot("library-halted");
    expect(await violationsOf(app.page)).toEqual([]);
    await button("Start").click();
    await app.waitForTerminal(/mini> /, 30);
    expect(await state("mini-1")).toMatch(/idle|running/);
  });

  it("saves what runs before power-off when it is asked to, and goes on there", async () => {
    const { page } = app;
    await app.type("load 1");
    await app.waitForTerminal(/load 1/, 20);
    await page.getByRole("button", { name: /^Host/ }).first().click();
    await app.tab("Overview");
    await page.getByRole("button", { name: "Power off" }).click();
    await dialog("Power off the host").getByRole("button", { name: "Save and power off" }).click();
    await page.getByRole("button", { name: "Power on" }).click(SLOW);
    await expect.poll(() => state("mini-1"), SLOW).toBe("saved");
    await side("mini-1").click();
    await expect.poll(() => button("Restore").isEnabled(), SLOW).toBe(true);
    await button("Restore").click();
    await app.waitForTerminal(/resumed/, 30);
    expect(await app.terminalText()).toMatch(/load 1/);
    await app.type("load 0");
  });

  it("changes a configuration for the next start, in the editor that new domains have", async () => {
    const { page } = app;
    await app.tab("Overview");
    await page.getByRole("button", { name: "Edit configuration…" }).click();
    const edit = dialog("Configuration of mini-1");
    const text = edit.getByLabel("xl.cfg");
    await expect.poll(() => text.inputValue()).toContain("memory = 32");
    // The kernel came with the domain, so there is nothing to say about it. The parser's answer to a change comes later than what is seen at once.
    const errors = edit.locator('.config-findings [data-severity="error"]');
    expect(await edit.getByText("Fields and text change each other.").count()).toBe(0);
    await text.fill(`${await text.inputValue()}ramdisk = "other"\n`);
    await errors.filter({ hasText: "other has not been given" }).waitFor();
    expect(await errors.count()).toBe(1);
    await text.fill((await text.inputValue()).replace('ramdisk = "other"\n', ""));
    await errors.first().waitFor({ state: "detached" });
    await text.fill((await text.inputValue()).replace("memory = 32", "memory = -5"));
    await edit.locator('.config-findings [data-severity="error"]').first().waitFor();
    await text.fill((await text.inputValue()).replace("memory = -5", "memory = 48"));
    await app.shoot("library-edit");
    expect(await violationsOf(page)).toEqual([]);
    await edit.getByRole("button", { name: "Save", exact: true }).last().click();
    await edit.waitFor({ state: "detached" });
    await page.getByText("48 MiB").first().waitFor();
    await app.command("Shut down mini-1");
    await expect.poll(() => state("mini-1"), SLOW).toBe("halted");
    await app.tab("Overview");
    await page.getByRole("button", { name: "Rename" }).click();
    await page.getByLabel("Name of the domain").fill("base");
    await page.keyboard.press("Enter");
    await expect.poll(() => state("base"), SLOW).toBe("halted");
    await page.getByLabel("Start it with the host").click();
    await expect.poll(() => page.getByLabel("Start it with the host").isChecked()).toBe(true);
  });

  it("clones, from templates too, which do not start", async () => {
    const { page } = app;
    await page.getByLabel("It is a template").click();
    await expect.poll(() => state("base")).toBe("template");
    expect(await button("Start").count()).toBe(0);
    await page.getByRole("button", { name: "Clone…" }).click();
    const clone = dialog("Clone base");
    expect(await clone.getByLabel("Name").inputValue()).toBe("base-2");
    await clone.getByLabel("Name").fill("base");
    await clone.getByText("There is a domain named base already.").waitFor();
    await clone.getByLabel("Name").fill("web");
    await app.shoot("library-clone");
    expect(await violationsOf(page)).toEqual([]);
    await page.keyboard.press("Enter");
    await expect.poll(() => state("web"), SLOW).toBe("halted");
    // A domain that has never run has no domid. It is not among what is shown with the host, and is last in the order of domids.
    await page.getByRole("button", { name: /^Host/ }).first().click();
    await app.tab("Domains");
    await page.locator(".domains-table tbody tr", { hasText: "web" }).waitFor();
    expect(await page.locator(".side-domain.selected").count()).toBe(0);
    expect(await page.locator(".domains-table tbody tr:not([aria-hidden])").first().innerText()).toContain("Domain-0");
    await side("web").click();
    await button("Start").click();
    await app.waitForTerminal(/mini> /, 30);
    await app.command("destroy web");
    await dialog("Destroy web").getByRole("button", { name: "Destroy" }).click();
    await expect.poll(() => state("web"), SLOW).toBe("halted");
  });

  it("deletes into a bin, which says what it takes and gives back", async () => {
    const { page } = app;
    await button("Delete").click();
    await dialog("Delete web").getByText("go to the bin").waitFor();
    await app.shoot("library-delete");
    await dialog("Delete web").getByRole("button", { name: "Delete" }).click();
    await expect.poll(() => side("web").count()).toBe(0);
    await app.command("Bin of deleted domains");
    await dialog("Bin")
      .getByText(/Total: [\d.]+ (bytes|KiB|MiB)\./)
      .waitFor();
    await app.shoot("library-bin");
    expect(await violationsOf(page)).toEqual([]);
    await dialog("Bin").getByRole("button", { name: "Put back web" }).click();
    await expect.poll(() => state("web")).toBe("halted");
    await dialog("Bin").getByText("The bin is empty").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: /^Host/ }).first().click();
    await app.tab("Domains");
    await app.shoot("library-list");
    expect(app.problems).toEqual([]);
  });
});
