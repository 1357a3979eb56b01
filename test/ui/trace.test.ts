/** The hypercall trace in the application: what the bundled guest does, call by call, as the hypervisor recorded it. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing();
/** The machine may be busy. */
const SOON = { timeout: 15_000 };
let app: Application;

const rows = () => app.page.locator(".trace-row:not(.gap)");
const gaps = () => app.page.locator(".trace-row.gap");
const figures = () => app.page.locator(".trace-figures").innerText();
const recorded = async (): Promise<number> => Number(/^([\d,]+) recorded/.exec(await figures())![1]!.replace(/,/g, ""));
const timeline = () => app.page.getByRole("application", { name: /^Timeline/ });
const span = async (): Promise<number> => Number(await timeline().getAttribute("data-span"));
/** The number of calls of a hypercall, as the hypervisor counts them. */
const calls = async (name: string): Promise<number> => {
  const cell = app.page.locator(`.trace-counts tr[data-hypercall="${name}"] td`).first();
  return (await cell.count()) === 0 ? 0 : Number((await cell.innerText()).replace(/,/g, ""));
};

async function typed(text: string): Promise<void> {
  await app.tab("Console");
  await app.type(text);
  await app.tab("Inspect");
  await app.tab("Hypercalls");
}

describe.skipIf(missing !== null)(`hypercall trace${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
  });
  afterAll(() => app?.stop());

  it("shows hypercalls as they are made, with sub-operation, arguments, result and time", async () => {
    expect(app.received("trace")).toBe(0);
    // An idle guest makes no hypercalls. One that computes returns from ten timer ticks a second.
    await app.type("load 1");
    await app.tab("Inspect");
    await app.tab("Hypercalls");
    await expect.poll(() => rows().filter({ hasText: "iret" }).count(), SOON).toBeGreaterThan(2);
    const cells = await rows().filter({ hasText: "iret" }).first().getByRole("gridcell").allInnerTexts();
    expect(cells[0]).toMatch(/^\d+\.\d{6}$/);
    expect([cells[1], cells[2], cells[4]]).toEqual(["0", "iret", "–"]);
    expect(cells[5]).toMatch(/^[\d.]+ (ns|µs|ms)$/);
    expect(await calls("set_trap_table")).toBe(1);
    await expect.poll(() => calls("iret"), SOON).toBeGreaterThan(10);
  });

  it("names arguments, and filters", async () => {
    await app.page.getByLabel("Filter the trace").fill("EVTCHNOP_send");
    // This is done in another window, so that somebody looks at the trace meanwhile.
    await app.inOtherWindow(async (page) => {
      await page.locator(".side-domain").click();
      await page.getByRole("tab", { name: "Console", exact: true }).click();
      await page.locator(".xterm-helper-textarea").focus();
      await page.keyboard.type("help\r");
      await page.locator(".xterm-rows", { hasText: "xenstore-ls" }).waitFor();
    });
    await expect
      .poll(
        () =>
          rows()
            .filter({ hasText: "event_channel_op EVTCHNOP_send" })
            .filter({ hasText: /port=\d/ })
            .count(),
        SOON,
      )
      .toBeGreaterThan(2);
    await expect.poll(() => rows().filter({ hasNotText: "EVTCHNOP_send" }).count()).toBe(0);
    const send = rows().filter({ hasText: "EVTCHNOP_send" }).last().getByRole("gridcell");
    expect((await send.allInnerTexts())[4]).toBe("0");
    await app.page.getByLabel("Filter the trace").fill("");
    await app.page.getByLabel("Hypercall", { exact: true }).selectOption("iret");
    await expect.poll(() => rows().filter({ hasNotText: "iret" }).count(), SOON).toBe(0);
    await app.page.getByLabel("Hypercall", { exact: true }).selectOption("");
    await app.shoot("trace");
    // No call of this guest fails.
    await app.page.getByLabel("Result").selectOption("failed");
    await expect.poll(() => rows().count(), SOON).toBe(0);
    await app.page.getByLabel("Result").selectOption("all");
  });

  it("stops recording, when nothing is recorded, and goes on; and clears", async () => {
    await app.page.getByRole("button", { name: "Stop recording" }).click();
    await expect.poll(() => gaps().filter({ hasText: "The recording was stopped here" }).count(), SOON).toBe(1);
    await app.settled();
    const events = app.received("trace");
    const before = await recorded();
    await app.measured(2);
    expect(app.received("trace")).toBe(events);
    expect(await recorded()).toBe(before);
    await app.page.getByRole("button", { name: "Record again" }).click();
    await expect.poll(recorded, SOON).toBeGreaterThan(before);
    await app.page.getByRole("button", { name: "Clear" }).click();
    await expect.poll(recorded, SOON).toBeLessThan(before);
  });

  it("counts what came too fast and shows where it is missing; the hypervisor's counts are exact", async () => {
    const before = await calls("xen_version");
    await app.inOtherWindow(async (page) => {
      await page.locator(".side-domain").click();
      await page.getByRole("tab", { name: "Console", exact: true }).click();
      await page.locator(".xterm-helper-textarea").focus();
      await page.keyboard.type("hypercalls 2000000\r");
      await page.locator(".xterm-rows", { hasText: /2000000 hypercalls, [\d.]+ ns each/ }).waitFor({ timeout: 30_000 });
    });
    await expect.poll(() => calls("xen_version"), SOON).toBe(before + 2_000_000);
    expect(await figures()).toMatch(/, [\d,]+ not/);
    await app.page.getByLabel("Filter the trace").fill("XENVER");
    await app.page.locator(".trace-rows").press("End");
    await app.page.locator(".trace-rows").press("PageUp");
    await expect
      .poll(
        () =>
          gaps()
            .filter({ hasText: /[\d,]+ hypercalls.*not recorded/ })
            .count(),
        SOON,
      )
      .toBeGreaterThan(0);
    await expect.poll(() => rows().first().innerText()).toContain("XENVER_version");
    await app.shoot("trace-gap");
    await app.page.getByLabel("Filter the trace").fill("");
  });

  it("zooms and moves its timeline, and joins it to the table", async () => {
    const wide = await span();
    await timeline().focus();
    await app.page.keyboard.press("+");
    await app.page.keyboard.press("+");
    await expect.poll(span, SOON).toBe(wide / 4);
    await timeline().hover({ position: { x: 400, y: 30 } });
    await app.page.mouse.wheel(0, 300);
    await expect.poll(span, SOON).toBeGreaterThan(wide / 4);
    await app.page.getByRole("button", { name: "Follow" }).click();
    await app.page.locator(".trace-rows").focus();
    await app.page.keyboard.press("End");
    await app.page.keyboard.press("ArrowUp");
    const chosen = app.page.locator('.trace-row[aria-selected="true"]');
    await chosen.waitFor();
    // After zooming in on the place of the pointer, the chosen call is in the middle of what is visible.
    await app.page.keyboard.press("Home");
    await app.page.locator('.trace-row[aria-rowindex="2"][aria-selected="true"]').waitFor();
    await app.page.getByRole("button", { name: "Follow" }).waitFor();
    await app.shoot("trace-chosen");
  });

  it("exports what chrome://tracing and Perfetto open", async () => {
    await app.page.getByLabel("Filter the trace").fill("EVTCHNOP_send");
    const [file] = await Promise.all([
      app.page.waitForEvent("download"),
      app.page.getByRole("button", { name: "Export" }).click(),
    ]);
    expect(file.suggestedFilename()).toBe("mini-1-hypercalls.json");
    const events = JSON.parse(readFileSync(await file.path(), "utf8")) as Record<string, unknown>[];
    expect(events[0]).toMatchObject({ ph: "M", name: "process_name", pid: 1, args: { name: "mini-1 (d1)" } });
    const complete = events.filter(({ ph }) => ph === "X");
    expect(complete.length).toBeGreaterThan(2);
    for (const event of complete) {
      expect(event).toMatchObject({ pid: 1, tid: 0, name: "EVTCHNOP_send", cat: "event_channel_op" });
      expect(event.ts).toBeGreaterThan(0);
      expect(event.dur).toBeGreaterThan(0);
    }
    await app.page.getByLabel("Filter the trace").fill("");
  });

  it("records nothing while it is not looked at, and breaks no rule of the page", async () => {
    await app.tab("Overview");
    await app.settled();
    const events = app.received("trace");
    await app.measured(2);
    expect(app.received("trace")).toBe(events);
    await typed("help");
    await expect.poll(recorded, SOON).toBeGreaterThan(0);
    expect(app.problems).toEqual([]);
  });
});
