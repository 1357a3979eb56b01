/** Networks in the window outlive the host's power: they are made, ports are forwarded to them, and they are there again. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing();
let app: Application;

describe.skipIf(missing !== null)(`networks in the window${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
  }, 60_000);
  afterAll(() => app?.stop());

  it("are there again with their ports after the host was off, until somebody removes them", async () => {
    const { page } = app;
    const network = page.getByRole("region", { name: "Network lab0" });
    const forward = network.locator(".network-lines li", { hasText: "10.0.3.15:22" });
    const answer = (title: string, button: string): Promise<void> =>
      page.getByRole("dialog", { name: title }).getByRole("button", { name: button, exact: true }).click();
    await app.tab("Networks");
    await page.getByRole("button", { name: "New network…" }).click();
    await page.getByRole("dialog", { name: "New network" }).getByLabel("Name of its bridge").fill("lab0");
    await answer("New network", "Create");
    await network.getByLabel("The guest’s address").fill("10.0.3.15");
    await network.getByRole("button", { name: "Forward", exact: true }).click();
    await forward.waitFor();

    await app.tab("Overview");
    await page.getByRole("button", { name: "Power off", exact: true }).click();
    await answer("Power off the host", "Power off");
    await app.tab("Networks");
    await page.getByText("Those that were made come back with it").waitFor({ timeout: 30_000 });
    await app.tab("Overview");
    await page.getByRole("button", { name: "Power on", exact: true }).click({ timeout: 30_000 });
    await page.locator(".side-item", { hasText: "running" }).waitFor({ timeout: 30_000 });
    await app.tab("Networks");
    await forward.waitFor({ timeout: 30_000 });

    await forward.getByRole("button", { name: /^Forward tcp port/ }).click();
    await forward.waitFor({ state: "detached" });
    await network.getByRole("button", { name: "Remove lab0" }).click();
    await answer("Remove the network lab0?", "Remove");
    await network.waitFor({ state: "detached" });
    const state = path.join(app.served.env.XENARIUM_STATE!, "networks.json");
    expect((JSON.parse(readFileSync(state, "utf8")) as { name: string }[]).map(({ name }) => name)).toEqual(["xenbr0"]);
    expect(app.problems).toEqual([]);
  }, 120_000);
});
