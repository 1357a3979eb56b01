/** Settings of a running domain are changed while it runs, and graphs mark what happened. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing();
let app: Application;

const field = (label: string) => app.page.getByLabel(label, { exact: true });
const apply = () => app.page.getByRole("button", { name: "Apply" });

describe.skipIf(missing !== null)(`settings${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
    await app.tab("Overview");
    await field("Weight").waitFor();
  });
  afterAll(() => app?.stop());

  it("shows what is, and changes weight, cap, vCPUs and memory target at once", async () => {
    expect(await field("Weight").inputValue()).toBe("256");
    expect(await field("vCPUs online").inputValue()).toBe("2");
    await field("Weight").fill("512");
    await field("Cap").fill("50");
    await field("vCPUs online").fill("1");
    await field("Memory target").fill("24");
    await apply().click();
    await expect.poll(() => apply().isDisabled()).toBe(true);
    expect([await field("Weight").inputValue(), await field("Cap").inputValue()]).toEqual(["512", "50"]);
    await app.tab("Xenstore");
    const value = (name: string) => app.page.locator(`.store-row[data-path="/local/domain/1/${name}"] .store-value`);
    for (const name of ["cpu", "memory"]) {
      await app.page.locator(`.store-row[data-path="/local/domain/1/${name}"]`).dblclick();
    }
    await app.page.locator('.store-row[data-path="/local/domain/1/cpu/1"]').dblclick();
    await expect.poll(() => value("memory/target").innerText()).toBe(String(24 * 1024));
    await expect.poll(() => value("cpu/1/availability").innerText()).toBe("offline");
    await app.tab("Overview");
  });

  it("follows what another client sets", async () => {
    await app.inOtherWindow(async (page) => {
      await page.locator(".side-domain").click();
      await page.getByLabel("Weight", { exact: true }).waitFor();
      expect(await page.getByLabel("Weight", { exact: true }).inputValue()).toBe("512");
      await page.getByLabel("Weight", { exact: true }).fill("300");
      await page.getByRole("button", { name: "Apply" }).click();
      await expect.poll(() => page.getByRole("button", { name: "Apply" }).isDisabled()).toBe(true);
    });
    await expect.poll(() => field("Weight").inputValue(), { timeout: 5000 }).toBe("300");
  });

  it("says what cannot be, and what needs a new start", async () => {
    await field("Weight").fill("0");
    await field("vCPUs online").fill("3");
    await apply().click();
    await app.page.getByText("Weight is a whole number from 1 to 65535.").waitFor();
    await app.page.getByText("vCPUs online is a whole number from 1 to 2.").waitFor();
    await app.page.getByRole("button", { name: "Undo" }).click();
    await app.page.getByText("More than 2 (maxvcpus) needs a new start.").waitFor();
    await app.page.getByText("another configuration holds from its next start on.").waitFor();
  });

  it("pins a vCPU to pCPUs that there are", async () => {
    const pin = app.page.getByLabel("pCPUs that vCPU 1 may run on");
    await pin.fill("5");
    await pin.press("Enter");
    await app.page.locator(".affinity-error", { hasText: "The host has pCPUs 0 to 0; 5 is not among them." }).waitFor();
    await app.shoot("settings");
    await pin.fill("0");
    await pin.press("Enter");
    await expect.poll(() => app.page.locator(".affinity-error").count()).toBe(0);
  });

  it("marks events on the graphs, and tells figures and events under the pointer", async () => {
    const { page } = app;
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator(".badge", { hasText: "Paused" }).waitFor();
    await app.measured(2);
    await page.getByRole("button", { name: "Unpause" }).click();
    await app.measured(3);
    const plot = page.locator(".graph", { hasText: "vCPUs" }).locator(".u-over");
    await plot.scrollIntoViewIfNeeded();
    const box = (await plot.boundingBox())!;
    const seen = new Set<string>();
    for (let x = 2; x < box.width; x += 4) {
      await page.mouse.move(box.x + x, box.y + box.height / 2);
      // A busy computer shows it a frame later.
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
      seen.add((await page.locator(".graph-tip").first().locator("span").allInnerTexts()).join(" "));
      if ([...seen].some((text) => text.includes("mini-1 is paused"))) break;
    }
    expect([...seen].join("\n")).toMatch(/\d\d:\d\d:\d\d\s+vCPU 0 [\d.]+%/);
    expect([...seen].join("\n")).toContain("mini-1 is paused");
    await app.shoot("graph-markers");
  });

  it("has logged no error", () => expect(app.problems).toEqual([]));
});
