/**
 * A domain's Overview: graphs of the present and of the day, also for each vCPU, with marks of what happened; and what is left of a domain that is
 * gone.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { unfold } from "./folded.ts";
import { chromiumMissing } from "./browser.ts";
import { violationsOf } from "./violations.ts";

const missing = chromiumMissing();
const mini = path.resolve(import.meta.dirname, "../../dist/assets/guests/mini.elf");
const SLOW = { timeout: 60_000 };
let app: Application;

const graph = (title: string, page: Page = app.page): Locator =>
  page.locator(".graph", { has: page.locator(".graph-title", { hasText: new RegExp(`^${title}$`) }) });
const values = (title: string, page: Page = app.page): Promise<string> =>
  graph(title, page).locator(".graph-values").innerText();
const eachVcpu = (name: string): Locator => app.page.getByRole("group", { name: `Time of each vCPU of ${name}` });
const range = (name: string, page: Page = app.page): Promise<void> =>
  page.getByRole("button", { name, exact: true }).click();
const saved = async (title: string, form: "CSV" | "PNG"): Promise<Buffer> => {
  // A graph is drawn, and has something to save, only when it is in sight.
  await graph(title).scrollIntoViewIfNeeded();
  await graph(title).locator(".uplot").waitFor(SLOW);
  const coming = app.page.waitForEvent("download", SLOW);
  await app.page.getByRole("button", { name: `${title} as ${form}`, exact: true }).click();
  return readFileSync(await (await coming).path());
};
/** An event is told at no more than 6 pixels from it, to either side. */
const STEP_PIXELS = 10;
/**
 * Moves the pointer over a graph, from now back in time, until the graph shows `text`, and returns all that was shown. The graph moves on meanwhile, so
 * a busy machine may need several attempts.
 */
async function sweep(over: Locator, page: Page, text: string): Promise<string> {
  // The graph is drawn when it is in sight. In the middle of the window nothing covers it.
  await over.evaluate((element) => element.scrollIntoView({ block: "center" }));
  const plot = over.locator(".u-over");
  await plot.waitFor(SLOW);
  let told = "";
  let box = (await plot.boundingBox())!;
  for (let back = 1; back < box.width && !told.includes(text); back += STEP_PIXELS) {
    await page.mouse.move(box.x + box.width - back, box.y + box.height / 2);
    // The graph moves when something above it appears or goes.
    const seen = await over.evaluate((graph) => ({
      said: Array.from(graph.querySelectorAll<HTMLElement>(".graph-tip span"), (span) => span.innerText).join(" "),
      box: graph.querySelector(".u-over")!.getBoundingClientRect().toJSON() as DOMRect,
    }));
    told += `${seen.said}\n`;
    box = seen.box;
  }
  return told;
}
const open = async (name: string): Promise<void> => {
  await app.page.locator(".side-domain", { has: app.page.getByText(name, { exact: true }) }).click();
  await app.page.getByRole("heading", { level: 1, name: new RegExp(`^${name}(\\s|$)`) }).waitFor();
};

describe.skipIf(missing !== null)(`overview${missing ? ` (${missing})` : ""}`, { timeout: 300_000 }, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
    await app.tab("Overview");
    await graph("Memory").waitFor(SLOW);
  });
  afterAll(() => app?.stop());

  it("has state, uptime, kernel and last stop first, then large graphs, and the rest folded", async () => {
    const glance = app.page.locator(".glance");
    expect(await glance.innerText()).toMatch(
      /State\s+(Running|Idle \(blocked\))\s+Up\s+\d[^]*Kernel\s+mini\.elf\s+Last stop\s+None since the host’s power-on/,
    );
    const [above, large, more] = await Promise.all(
      [glance, graph("vCPUs"), app.page.locator(".more-graphs")].map(async (each) => (await each.boundingBox())!),
    );
    expect(above!.y + above!.height).toBeLessThanOrEqual(large!.y);
    expect(large!.height).toBeGreaterThan(250);
    expect(large!.y + large!.height).toBeLessThanOrEqual(more!.y);
    expect(await graph("Exits").isVisible()).toBe(false);
    await app.shoot("overview-folded");
    // On a wide screen the graphs are as wide as the screen.
    await app.page.setViewportSize({ width: 2560, height: 1300 });
    const panel = (await app.page.locator(".tab-panel").boundingBox())!;
    await expect
      .poll(async () => {
        const memory = (await graph("Memory").locator(".u-wrap").boundingBox())!;
        return memory.x + memory.width;
      }, SLOW)
      .toBeGreaterThan(panel.x + panel.width - 60);
    expect((await graph("vCPUs").boundingBox())!.width).toBeGreaterThan(1000);
    await app.shoot("overview-wide");
    await app.page.setViewportSize({ width: 1280, height: 800 });
    await unfold(app.page);
    await graph("Exits").waitFor();
  });

  it("draws memory against its target and maximum, and follows a balloon", async () => {
    await expect.poll(() => values("Memory"), SLOW).toMatch(/has\s*32 MiB\s*target\s*32 MiB\s*maximum\s*32 MiB/);
    await app.page.getByLabel("Memory target", { exact: true }).fill("24");
    await app.page.getByRole("button", { name: "Apply" }).click();
    await expect.poll(() => values("Memory"), SLOW).toMatch(/has\s*32 MiB\s*target\s*24 MiB\s*maximum\s*32 MiB/);
    await app.tab("Console");
    await app.type("free 8");
    await app.tab("Overview");
    await expect.poll(() => values("Memory"), SLOW).toMatch(/has\s*24 MiB\s*target\s*24 MiB\s*maximum\s*32 MiB/);
    const table = (await saved("Memory", "CSV")).toString().split("\r\n");
    expect(table[0]).toBe('time (UTC),"has (MiB)","target (MiB)","maximum (MiB)"');
    expect(table.some((row) => /^20\d\d-\S+Z,32,32,32$/.test(row))).toBe(true);
    expect(table.some((row) => /^20\d\d-\S+Z,24,24,32$/.test(row))).toBe(true);
    // A graph of a few seconds moves faster than the pointer.
    await expect
      .poll(() => sweep(graph("Memory"), app.page, "target of"), SLOW)
      .toContain("The memory target of mini-1 is 24 MiB");
    await graph("Memory").scrollIntoViewIfNeeded();
    await app.shoot("overview-memory");
  });

  it("counts exits by cause, all of them together", async () => {
    await app.tab("Console");
    await app.type("load 1");
    await app.tab("Overview");
    await expect.poll(() => values("Exits"), SLOW).toMatch(/all\s*[\d.]+[^]*interrupted\s*[\d.]+[^]*SYSCALL\s*[\d.]+/);
    const rows = (await saved("Exits", "CSV")).toString().trim().split("\r\n");
    expect(rows[0]).toMatch(/^time \(UTC\),"all \(\/s\)",.*"SYSCALL \(\/s\)"/);
    const sums = rows.slice(1).map((row) => row.split(",").slice(1).map(Number));
    expect(sums.some(([all]) => all! > 0)).toBe(true);
    for (const [all, ...causes] of sums)
      expect(all).toBeCloseTo(
        causes.reduce((sum, each) => sum + each, 0),
        1,
      );
  });

  it("has a graph for each vCPU, of which those out of sight draw nothing", async () => {
    const [first, second] = [0, 1].map((n) => eachVcpu("mini-1").locator(".graph").nth(n));
    await second!.scrollIntoViewIfNeeded();
    await expect
      .poll(() => first!.locator(".graph-values").innerText(), SLOW)
      .toMatch(/running\s*[\d.]+%\s*runnable\s*[\d.]+%\s*blocked\s*[\d.]+%/);
    const drawn = async (of: Locator): Promise<number> =>
      Number(await of.locator(".graph-plot").getAttribute("data-drawn"));
    const once = await drawn(second!);
    await expect.poll(() => drawn(second!), SLOW).toBeGreaterThan(once);
    expect((await saved("vCPU 1", "CSV")).toString()).toMatch(
      /^time \(UTC\),"running \(%\)","runnable \(%\)","blocked \(%\)"\r\n20\d\d-/,
    );
    // This scrolls below the last card, so that the first graphs are far above.
    await app.page.locator(".columns-flow .card").last().scrollIntoViewIfNeeded();
    const above = graph("vCPUs");
    await app.page.setViewportSize({ width: 1280, height: 400 });
    await app.page.locator(".columns-flow .card").last().scrollIntoViewIfNeeded();
    const rest = async (): Promise<[number, number]> => {
      const before = await drawn(above);
      const ticks = app.received("statistics");
      await expect.poll(() => app.received("statistics"), SLOW).toBeGreaterThan(ticks + 2);
      return [before, await drawn(above)];
    };
    await expect.poll(async () => (([a, b]) => b - a)(await rest()), SLOW).toBe(0);
    await app.page.setViewportSize({ width: 1280, height: 800 });
    const before = await drawn(above);
    await above.scrollIntoViewIfNeeded();
    await expect.poll(() => drawn(above), SLOW).toBeGreaterThan(before);
  });

  it("takes its figures from one message a tick", async () => {
    const [statistics, wiring, asked] = [app.received("statistics"), app.received("wiring"), app.sent("statistics")];
    await expect.poll(() => app.received("statistics"), SLOW).toBeGreaterThan(statistics + 2);
    expect([app.received("wiring"), app.sent("statistics"), app.sent("history")]).toEqual([wiring, asked, 0]);
  });

  it("marks what happened, also in a window that is opened later", async () => {
    await app.page.getByRole("button", { name: "Pause" }).click();
    await app.page.locator(".badge", { hasText: "Paused" }).waitFor();
    await app.page.getByRole("button", { name: "Unpause" }).click();
    await app.page.locator(".badge", { hasText: "Paused" }).waitFor({ state: "detached" });
    await app.inOtherWindow(async (page) => {
      await page.locator(".side-domain", { hasText: "mini-1" }).click();
      await page.getByRole("tab", { name: "Overview", exact: true }).click();
      // The figures begin when the window was opened. The marks of the host are in the hour.
      await range("1 h", page);
      await graph("Memory", page).waitFor(SLOW);
      await unfold(page);
      await expect.poll(() => graph("Memory", page).getAttribute("data-points").then(Number), SLOW).toBeGreaterThan(0);
      await expect
        .poll(() => sweep(graph("Hypercalls", page), page, "mini-1 is paused"), SLOW)
        .toMatch(/mini-1 is unpaused[^]*mini-1 is paused|mini-1 is paused[^]*mini-1 is unpaused/);
    });
    await expect
      .poll(() => sweep(graph("Hypercalls"), app.page, "mini-1 is unpaused"), SLOW)
      .toContain("mini-1 is unpaused");
  });

  it("keeps memory, exits and each vCPU for the hour and the day, and saves them with their units", async () => {
    for (const [button, words] of [
      ["1 h", "hour"],
      ["24 h", "24 hours"],
    ] as const) {
      await range(button);
      await app.page.getByRole("img", { name: `vCPU 1, last ${words}`, exact: true }).waitFor(SLOW);
      await expect
        .poll(() => values("Memory"), SLOW)
        .toMatch(/has\s*[\d.]+ MiB\s*target\s*[\d.]+ MiB\s*maximum\s*32 MiB/);
      await expect.poll(() => values("Exits"), SLOW).toMatch(/all[^]*SYSCALL\s*[\d.]+/);
      await expect.poll(() => values("vCPUs"), SLOW).toMatch(/vCPU 0\s*[\d.]+%\s*vCPU 1\s*[\d.]+%/);
      await expect.poll(() => values("vCPU 1"), SLOW).toMatch(/running\s*[\d.]+%\s*runnable[^]*blocked\s*[\d.]+%/);
      const lines: [graph: string, header: string][] = [
        ["Memory", '"has (MiB)","target (MiB)","maximum (MiB)"'],
        ["vCPU 1", '"running (%)","runnable (%)","blocked (%)"'],
        ["Hypercalls", '"mean (/s)","least (/s)","largest (/s)"'],
      ];
      for (const [title, header] of lines) {
        const table = (await saved(title, "CSV")).toString().split("\r\n");
        expect(table[0]).toBe(`time (UTC),${header}`);
        expect(table[1]).toMatch(/^20\d\d-\S+Z,[\d.]+,[\d.]+,[\d.]+$/);
        const picture = await saved(title, "PNG");
        expect(picture.subarray(1, 4).toString()).toBe("PNG");
        expect(picture.readUInt32BE(20)).toBeGreaterThan(100);
      }
      await app.page.getByRole("button", { name: "10 min", exact: true }).scrollIntoViewIfNeeded();
      expect(await violationsOf(app.page)).toEqual([]);
      await app.shoot(`overview-${button.replace(" ", "")}`);
    }
    await app.typeElsewhere(1, "load 0");
  });

  it("says that a time is empty in which nothing was measured", async () => {
    await app.inOtherWindow(async (page) => {
      await page.clock.setFixedTime(Date.now() + 3 * 3_600_000);
      await page.locator(".side-domain", { hasText: "mini-1" }).click();
      await page.getByRole("tab", { name: "Overview", exact: true }).click();
      await range("1 h", page);
      await page.getByText(/Nothing was measured in the last hour\. The last figures are of \d/).waitFor(SLOW);
      await app.shootPage(page, "overview-empty");
    });
    await range("10 min");
  });

  for (const vcpus of [1, 16])
    it(`is legible with ${vcpus} vCPUs`, async () => {
      const client = await app.client();
      const config = `name = "many-${vcpus}"\nkernel = "${mini}"\nmemory = 32\nvcpus = ${vcpus}\n`;
      await client.request("create", { config });
      client.close();
      await open(`many-${vcpus}`);
      await app.tab("Console");
      await app.waitForTerminal(/mini> /, 60);
      await app.type(`load ${Math.ceil(vcpus / 4)}`);
      await app.tab("Overview");
      const all = eachVcpu(`many-${vcpus}`).locator(".graph");
      await expect.poll(() => all.count(), SLOW).toBe(vcpus);
      await expect
        .poll(
          () =>
            graph(vcpus > 8 ? `CPU, all ${vcpus} vCPUs` : "vCPUs")
              .getAttribute("data-points")
              .then(Number),
          SLOW,
        )
        .toBeGreaterThan(5);
      expect(await violationsOf(app.page)).toEqual([]);
      await app.shoot(`overview-${vcpus}-vcpus`);
      await all.last().scrollIntoViewIfNeeded();
      await expect.poll(() => all.last().locator(".uplot").count(), SLOW).toBe(1);
      await app.shoot(`overview-${vcpus}-vcpus-each`);
      await app.tab("Console");
      await app.type("load 0");
    });

  it("tells of an ended domain why it stopped, what it was made of, and its figures", async () => {
    await open("many-1");
    await app.tab("Console");
    await app.type("crash");
    await app.page.locator(".banner", { hasText: "It crashed" }).waitFor(SLOW);
    await app.tab("Overview");
    const ended = async (page: Page): Promise<void> => {
      await page.getByText(/It crashed at .+; on_crash is destroy/).waitFor(SLOW);
      await page.locator(".glance").getByText("mini.elf").waitFor();
      await page.getByText("32 MiB at first, at most 32").waitFor();
      await range("1 h", page);
      await unfold(page);
      await page.getByRole("img", { name: "vCPU 0, last hour", exact: true }).waitFor(SLOW);
      await expect
        .poll(() => sweep(graph("Hypercalls", page), page, "many-1 crashed"), SLOW)
        .toContain("many-1 crashed");
      await range("10 min", page);
    };
    await expect.poll(() => graph("Memory").getAttribute("data-points").then(Number), SLOW).toBeGreaterThan(5);
    await expect.poll(() => sweep(graph("Hypercalls"), app.page, "many-1 crashed"), SLOW).toContain("many-1 crashed");
    expect(await violationsOf(app.page)).toEqual([]);
    await app.shoot("overview-ended");
    await ended(app.page);
    await app.inOtherWindow(async (page) => {
      await page.locator(".side-domain", { has: page.getByText("many-1", { exact: true }) }).click();
      await page.getByRole("tab", { name: "Overview", exact: true }).click();
      // These are the minutes of the host, not those of this window.
      await expect.poll(() => graph("Memory", page).getAttribute("data-points").then(Number), SLOW).toBeGreaterThan(5);
      await ended(page);
    });
  });

  it("tells of a domain that rebooted why it did", async () => {
    await open("mini-1");
    await app.tab("Overview");
    await app.page.getByText("None since the host’s power-on").waitFor();
    await app.tab("Console");
    await app.type("reboot");
    await expect.poll(() => app.page.locator(".page-sub").first().innerText(), SLOW).not.toBe("domid 1");
    await app.tab("Overview");
    await app.page.getByText(/It rebooted at .+, as domain 1; on_reboot is restart/).waitFor(SLOW);
  });

  it("has logged no error", () => expect(app.problems).toEqual([]));
});
