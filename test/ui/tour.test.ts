/** The guided tour: each step is beside the live thing that it describes, with the host's own figures, and it blocks nothing. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing();
let app: Application;

const card = () => app.page.locator(".tour-card");
const step = (title: string) => app.page.getByRole("dialog", { name: title, exact: true });
const spot = () => app.page.locator(".tour-spot");
/** Returns a figure by its name. */
const figure = (name: string) =>
  card()
    .locator(".fact-row", { has: app.page.getByText(name, { exact: true }) })
    .locator("dd")
    .innerText();

/** The spot lies on that element, as far as it is in the window and not scrolled out of sight, and the card lies inside the window. */
async function expectSpotOn(selector: string): Promise<void> {
  const boxOf = (each: string) =>
    app.page
      .locator(each)
      .first()
      .evaluate((element) => {
        let { left, top, right, bottom } = element.getBoundingClientRect();
        const clip = (edge: DOMRect): void => {
          [left, top] = [Math.max(edge.left, left), Math.max(edge.top, top)];
          [right, bottom] = [Math.min(edge.right, right), Math.min(edge.bottom, bottom)];
        };
        for (let each = element.parentElement; each; each = each.parentElement)
          if (getComputedStyle(each).overflowY !== "visible") clip(each.getBoundingClientRect());
        clip(new DOMRect(0, 0, innerWidth, innerHeight));
        return [left, top, right, bottom].map(Math.round);
      });
  await spot().waitFor();
  // The layout of the page may still change, so both are measured again each time.
  await expect
    .poll(async () => [String(await boxOf(".tour-spot")), String(await boxOf(selector))])
    .toSatisfy(([lies, shall]: string[]) => lies === shall);
  const window = await app.page.evaluate(() => [innerWidth, innerHeight]);
  const [left, top, right, bottom] = (await boxOf(".tour-card")) as [number, number, number, number];
  expect(left).toBeGreaterThanOrEqual(0);
  expect(top).toBeGreaterThanOrEqual(0);
  expect(right).toBeLessThanOrEqual(window[0]!);
  expect(bottom).toBeLessThanOrEqual(window[1]!);
}

describe.skipIf(missing !== null)(`the tour${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
  });
  afterAll(() => app?.stop());

  it("is offered at the first start, and then no more", async () => {
    const { page } = app;
    await page.getByText("New to Xen?").waitFor();
    await app.shoot("tour-hint");
    await page.getByRole("button", { name: "Take a tour" }).click();
    await step("The hypervisor").waitFor();
    await expect.poll(() => page.getByText("New to Xen?").count()).toBe(0);
    await page.keyboard.press("Escape");
    await card().waitFor({ state: "detached" });
    await page.reload();
    await page.getByText("The host is up.").waitFor();
    await expect.poll(() => page.getByText("New to Xen?").count()).toBe(0);
  });

  it("begins with Xen and Domain-0, and starts the guest that it needs", async () => {
    const { page } = app;
    await page.locator("body").click({ position: { x: 700, y: 4 } });
    await page.keyboard.press("F1");
    await step("The hypervisor").waitFor();
    await expectSpotOn(".log-card");
    await expect.poll(() => figure("Processors")).toBe("1 pCPU");
    await expect.poll(() => figure("Memory")).toMatch(/^\d+ MiB, \d+ MiB free$/);
    await app.shoot("tour-hypervisor");
    await page.keyboard.press("ArrowRight");
    await step("Domain-0").waitFor();
    await expectSpotOn('.sidebar [data-domid="0"]');
    await expect.poll(() => figure("Guests it looks after")).toBe("0");
    await page.keyboard.press("ArrowRight");
    await card().getByText("No guest runs now.").waitFor();
    await spot().waitFor({ state: "detached" });
    await card().getByRole("button", { name: "Start the bundled guest" }).click();
    await expectSpotOn('.sidebar [data-domid="1"]');
    await expect.poll(() => figure("Name")).toBe("mini-1, domid 1");
    await expect.poll(() => figure("vCPUs")).toBe("2 of 2 online");
    await page.getByRole("heading", { level: 1, name: /mini-1/ }).waitFor();
  });

  it("points at hypercalls, wiring, event channel, grant and xenstore, with what the host says of them", async () => {
    const { page } = app;
    await page.keyboard.press("ArrowRight");
    await step("PV: a kernel that knows").waitFor();
    await expectSpotOn('.card:has(> .graph .graph-plot[aria-label^="Hypercalls"])');
    await expect.poll(() => figure("Hypercalls")).toMatch(/\/s$/);
    await app.shoot("tour-pv");
    // In a window that has become smaller it is brought in sight again, and the list of tasks below is no part of it.
    await page.setViewportSize({ width: 900, height: 600 });
    await expectSpotOn('.card:has(> .graph .graph-plot[aria-label^="Hypercalls"])');
    await app.shoot("tour-pv-900");
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.keyboard.press("ArrowRight");
    await step("Split drivers").waitFor();
    await expectSpotOn(".wiring-diagram");
    const [spotEnd, tasks] = await Promise.all(
      [spot(), page.locator(".tasks-head")].map((each) => each.evaluate((element) => element.getBoundingClientRect())),
    );
    expect(spotEnd!.bottom).toBeLessThanOrEqual(tasks!.top + 1);
    await expect.poll(() => figure("Console")).toContain("xencons_interface");
    await app.shoot("tour-split-drivers");
    await page.keyboard.press("ArrowRight");
    await step("Event channels").waitFor();
    await expectSpotOn('.react-flow__node[data-id="1/console/0:channel"]');
    const channel = await page.locator('.react-flow__node[data-id="1/console/0:channel"]').innerText();
    await expect.poll(() => figure("The guest’s port")).toMatch(/^\d+$/);
    expect(channel).toContain(`${await figure("The guest’s port")} ⇄ `);
    await app.shoot("tour-event-channels");
    await page.keyboard.press("ArrowRight");
    await step("Grants").waitFor();
    await expectSpotOn('.react-flow__node[data-id="1/console/0:grant"]');
    expect(await page.locator('.react-flow__node[data-id="1/console/0:grant"]').innerText()).toContain(
      `Grant ${await figure("Grant reference")}`,
    );
    await expect.poll(() => figure("Now")).toBe("mapped by Domain-0");
    await page.keyboard.press("ArrowRight");
    await step("xenstore").waitFor();
    await expectSpotOn(".store-main");
    await expect.poll(() => figure("They stand in")).toContain("/local/domain/1");
    await app.shoot("tour-xenstore");
    await page.keyboard.press("ArrowLeft");
    await step("Grants").waitFor();
    await page.getByRole("tab", { name: "Devices", selected: true }).waitFor();
  });

  it("blocks nothing, says the way back, and keeps its keys from the console", async () => {
    const { page } = app;
    await page.locator(".sidebar .side-item", { hasText: "Host" }).click();
    await page.getByRole("heading", { level: 1, name: "Host" }).waitFor();
    await expect.poll(() => spot().count()).toBe(0);
    await card().getByRole("button", { name: "Show it" }).click();
    await expectSpotOn('.react-flow__node[data-id="1/console/0:grant"]');
    for (let i = 0; i < 2; i++) await card().getByRole("button", { name: "Next" }).click();
    await step("Now you").waitFor();
    await expectSpotOn(".console");
    await expect.poll(() => card().evaluate((element) => element === document.activeElement)).toBe(true);
    // Escape in the console belongs to the guest.
    await app.type("help");
    await app.waitForTerminal(/xenstore-ls/, 15);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+Shift+P");
    await page.getByRole("dialog", { name: "Commands" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog", { name: "Commands" }).waitFor({ state: "detached" });
    await expect.poll(() => card().count()).toBe(1);
    await app.shoot("tour-end");
    await card().getByRole("button", { name: "Finish" }).click();
    await card().waitFor({ state: "detached" });
  });

  it("fits a small window, and is found by its name and by ?", async () => {
    const { page } = app;
    await page.setViewportSize({ width: 560, height: 480 });
    await app.command("guided tour");
    for (const title of ["The hypervisor", "Domain-0", "A guest: domU", "PV: a kernel that knows", "Split drivers"]) {
      await step(title).waitFor();
      await spot().waitFor();
      // Figures that arrive later make the card taller, and it moves in the next frame.
      await expect
        .poll(async () => {
          const { x, y, width, height } = (await card().boundingBox())!;
          return x >= 0 && y >= 0 && x + width <= 560 && y + height <= 480;
        })
        .toBe(true);
      if (title === "PV: a kernel that knows") await app.shoot("tour-small");
      await page.keyboard.press("PageDown");
    }
    await page.keyboard.press("Escape");
    await card().waitFor({ state: "detached" });
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.getByRole("tab", { name: "Devices" }).focus();
    await page.keyboard.press("?");
    await page.getByRole("button", { name: /Guided tour/ }).click();
    await step("The hypervisor").waitFor();
    await page.keyboard.press("Escape");
  });

  it("tells of a host that is off", async () => {
    const { page } = app;
    await app.command("power the host off");
    await page.getByRole("dialog").getByRole("button", { name: "Power off", exact: true }).click();
    await page.locator(".side-item", { hasText: /off$/ }).waitFor({ timeout: 20_000 });
    await app.command("guided tour");
    await card().getByText("The host does not run now.").waitFor();
    await card().getByRole("button", { name: "Power the host on" }).click();
    await expectSpotOn(".log-card");
  });

  it("has logged no error", () => expect(app.problems).toEqual([]));
});
