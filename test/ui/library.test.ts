/** Domains that are kept, as a user has them: there after power-off and after another start, edited, cloned, deleted and put back. */
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
    // Nothing starts while the host is off.
    expect(await button("Start").count()).toBe(0);
    await app.stop();
    await start();
    await expect.poll(() => state("mini-1"), SLOW).toBe("halted");
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
  });
});
