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
    await page.locator(".banner", { hasText: /It crashed: vCPU 0: trap 14 error 2 at \w+, address dead000/ }).waitFor();
    await app.tab("Inspect");
    await page.getByRole("region", { name: "Crash", exact: true }).waitFor();
    expect(await page.getByRole("region", { name: "Console at the crash" }).innerText()).toMatch(
      /trap 14[^]*rax [0-9a-f]{16}/,
    );
    const registers = page.getByRole("region", { name: "Registers at the crash" });
    await registers.waitFor();
    // What the bundled guest was doing is named: its kernel's symbols were read while it was held.
    expect(await registers.innerText()).toMatch(/RIP/);
    expect(await registers.getByRole("group", { name: "Return addresses on the stack" }).innerText()).toMatch(
      /[a-z]\w+\+0x/,
    );
    expect(await registers.getByRole("button").count()).toBe(0);
    expect(await violationsOf(page)).toEqual([]);
    await app.shoot("crash-card");
    await app.inOtherWindow(async (other) => {
      await other.locator(".side-domain", { hasText: "mini-1" }).click();
      await other.getByRole("tab", { name: "Inspect" }).click();
      await other.getByRole("region", { name: "Registers at the crash" }).waitFor();
      await other.getByRole("region", { name: "Console at the crash" }).waitFor();
    });
  });
});
