/** A domain that crashed: why, in its banner, and what console and Xen said, in the place of Inspect. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { violationsOf } from "./violations.ts";

const missing = chromiumMissing();
let app: Application;

describe.skipIf(missing !== null)(`a crash${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
  });
  afterAll(() => app?.stop());

  it("is told of with its reason, in every window, and Inspect has what was said", async () => {
    const { page } = app;
    await app.type("crash");
    await page.locator(".banner", { hasText: /It crashed: \S+/ }).waitFor();
    await app.tab("Inspect");
    await page.getByRole("region", { name: "Crash", exact: true }).waitFor();
    expect(await page.getByRole("region", { name: "Xen log at the crash" }).innerText()).toMatch(/RIP:/);
    expect(await violationsOf(page)).toEqual([]);
    await app.shoot("crash-card");
    await app.inOtherWindow(async (other) => {
      await other.locator(".side-domain", { hasText: "mini-1" }).click();
      await other.getByRole("tab", { name: "Inspect" }).click();
      await other.getByRole("region", { name: "Xen log at the crash" }).waitFor();
    });
  });
});
