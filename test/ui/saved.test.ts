/** A domain is saved and restored as a user does it, with the real guest; also when the host was off in between. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { violationsOf } from "./violations.ts";

const SLOW = { timeout: 60_000 };
const missing = chromiumMissing();
let app: Application;

const side = (name: string) => app.page.locator(".side-domain", { hasText: name });
const state = (name: string) => side(name).getAttribute("data-state");
const button = (name: string) => app.page.locator(".page-header").getByRole("button", { name, exact: true });
const badge = () => app.page.locator(".page-header .badge").first();

describe.skipIf(missing !== null)(`saved domains${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
  });
  afterAll(() => app?.stop());

  it("are gone from the host and stay in the window, with a state of their own", async () => {
    const { page } = app;
    await app.type("load 1");
    await app.waitForTerminal(/load 1/, 20);
    // Collects every badge that the domain has until it is saved. They are observed, because none of them may last.
    await page.evaluate(() => {
      const seen = new Set<string>();
      const header = document.querySelector(".page-header")!;
      const look = (): void => void seen.add(header.querySelector(".badge")?.textContent ?? "");
      new MutationObserver(look).observe(header, { subtree: true, childList: true, characterData: true });
      Object.assign(window, { seenBadges: seen });
    });
    await button("Save").click();
    await expect.poll(() => badge().innerText(), SLOW).toBe("Saved");
    expect(await page.evaluate(() => [...(window as unknown as { seenBadges: Set<string> }).seenBadges])).not.toContain(
      "Shut down",
    );
    await expect.poll(() => state("mini-1"), SLOW).toBe("saved");
    await expect
      .poll(() => page.getByText("goes on where it was when it is restored").filter({ visible: true }).count())
      .toBe(1);
    await button("Restore").waitFor();
    expect(await button("Start").count()).toBe(0);
    await app.shoot("saved-domain");
    const client = await app.client();
    expect((await client.request("list", {})).map(({ domid }) => domid)).toEqual([0]);
    client.close();
    await page.locator(".tasks-toggle").click();
    await expect.poll(() => page.locator(".task", { hasText: "Save mini-1" }).count(), SLOW).toBe(1);
    await page.locator(".task", { hasText: "mini-1 was saved" }).waitFor();
    await page.locator(".tasks-toggle").click();
    await app.inOtherWindow(async (other) => {
      await expect
        .poll(() => other.locator(".side-domain", { hasText: "mini-1" }).getAttribute("data-state"), SLOW)
        .toBe("saved");
    });
  });

  it("are in the list of domains, where several can be restored", async () => {
    const { page } = app;
    await page.getByRole("button", { name: /^Host/ }).first().click();
    await app.tab("Domains");
    const row = page.locator(".domains-table tr", { hasText: "mini-1" });
    await expect.poll(() => row.innerText()).toContain("Saved");
    await row.getByRole("checkbox").check();
    const tools = page.getByRole("toolbar", { name: "Selected domains" });
    await expect.poll(() => tools.getByRole("button", { name: "Restore", exact: true }).isEnabled()).toBe(true);
    await app.shoot("saved-list");
    expect(await violationsOf(page)).toEqual([]);
  });

  it("outlive the host's power-off, and go on where they were", async () => {
    const { page } = app;
    const client = await app.client();
    await client.request("hostReboot", {});
    client.close();
    await expect.poll(() => state("mini-1"), SLOW).toBe("saved");
    await side("mini-1").click();
    await page.getByRole("heading", { name: "In the library" }).waitFor();
    await page.getByText("MiB on disk").waitFor();
    await app.shoot("saved-before");
    expect(await violationsOf(page)).toEqual([]);
    await button("Restore").click();
    await expect.poll(() => state("mini-1"), SLOW).toMatch(/running|idle/);
    await app.tab("Console");
    await app.waitForTerminal(/resumed/, 30);
    // What was on its console before it was saved and the host was off.
    expect(await app.terminalText()).toMatch(/mini> load 1[^]*resumed/);
    await app.type("cpu");
    // The load that the guest was given before.
    await app.waitForTerminal(/\d+ +\d+ +\d+ +load/, 30);
    await app.type("load 0");
    const client2 = await app.client();
    expect(await client2.request("keptDomains", {})).toMatchObject([{ name: "mini-1", state: "running", saved: null }]);
    expect(await client2.request("checkInvariants", {})).toBe(0);
    client2.close();
  });

  it("are discarded when the user says so twice", async () => {
    const { page } = app;
    await app.command("Save mini-1");
    await expect.poll(() => badge().innerText(), SLOW).toBe("Saved");
    await button("Discard what is saved").click();
    const question = page.getByRole("dialog", { name: "Discard what is saved of mini-1" });
    await question.getByRole("button", { name: "Cancel" }).click();
    await expect.poll(() => badge().innerText()).toBe("Saved");
    await button("Discard what is saved").click();
    await question.getByRole("button", { name: "Discard", exact: true }).click();
    await expect.poll(() => state("mini-1"), SLOW).toBe("halted");
    await button("Start").waitFor();
    const client = await app.client();
    expect(await client.request("keptDomains", {})).toMatchObject([{ name: "mini-1", state: "halted", saved: null }]);
    client.close();
    expect(app.problems).toEqual([]);
  });
});
