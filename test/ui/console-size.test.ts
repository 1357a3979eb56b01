/**
 * The size of a console: it fits the window, or is the 80 by 24 that a guest assumes. The guest is told when the user asks for that, and each domain
 * keeps its own size.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { violationsOf } from "./violations.ts";

const missing = chromiumMissing();
let app: Application;

describe.skipIf(missing !== null)(`the size of a console${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
  });
  afterAll(() => app?.stop());

  it("is said, can be told the guest, can be 80 by 24, and is remembered", async () => {
    const { page } = app;
    const shown = page.locator(".console-size [role=status]");
    await expect.poll(() => shown.innerText()).toMatch(/^\d+ × \d+; the guest assumes 80 × 24$/);
    const [cols, rows] = (await shown.innerText()).match(/\d+/g)!;
    await page.getByRole("button", { name: "Tell the guest" }).click();
    await app.waitForTerminal(new RegExp(`stty rows ${rows} cols ${cols}`), 10);
    await page.getByLabel("Size").selectOption("80 × 24, scaled");
    await expect.poll(() => shown.innerText()).toBe("80 × 24");
    expect(await page.locator(".xterm-rows > div").count()).toBe(24);
    // It is scaled to its place and stays inside.
    const screen = (await page.locator(".xterm-screen").boundingBox())!;
    const room = (await page.locator(".console-screen").boundingBox())!;
    expect(screen.width).toBeLessThanOrEqual(room.width + 1);
    expect(screen.height).toBeLessThanOrEqual(room.height + 1);
    expect(Math.max(screen.width / room.width, screen.height / room.height)).toBeGreaterThan(0.8);
    expect(await page.getByRole("button", { name: "Tell the guest" }).count()).toBe(0);
    await app.shoot("console-size");
    expect(await violationsOf(page)).toEqual([]);
    // The console of another domain keeps its own size.
    const client = await app.client();
    await client.request("createBundled", { vcpus: 1 });
    client.close();
    const side = (name: string) => page.locator(".side-domain", { hasText: name });
    await side("mini-2").click();
    await expect.poll(() => shown.innerText()).toContain("the guest assumes");
    await page.reload();
    await expect.poll(() => shown.innerText()).toContain("the guest assumes");
    await side("mini-1").click();
    await expect.poll(() => shown.innerText()).toBe("80 × 24");
    await page.reload();
    await expect.poll(() => shown.innerText()).toBe("80 × 24");
    await page.getByLabel("Size").selectOption("Fit the window");
    await expect.poll(() => shown.innerText()).toContain("the guest assumes");
  });
});
