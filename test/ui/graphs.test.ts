/**
 * Graphs of ten minutes and of thirty domains: axes that say what is drawn and when it was, a legend that can be read, and nothing that covers a
 * plot.
 */
import path from "node:path";
import type { Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing();
const mini = path.resolve(import.meta.dirname, "../../dist/assets/guests/mini.elf");
const DOMAINS = 30;
let app: Application;

/** Returns the texts along the axes. uPlot draws them on a canvas, so the test listens to what the page draws. */
const axisTexts = (of: Locator): Promise<string[]> =>
  of.evaluate((graph) => (graph as unknown as { drawnTexts?: string[] }).drawnTexts ?? []);

describe.skipIf(missing !== null)(`graphs${missing ? ` (${missing})` : ""}`, { timeout: 240_000 }, () => {
  beforeAll(async () => {
    app = await Application.start();
    // The texts of a canvas are kept beside its graph. Minutes before the host was started are shown by the clock's time.
    await app.page.addInitScript(() => {
      const draw = CanvasRenderingContext2D.prototype.fillText;
      CanvasRenderingContext2D.prototype.fillText = function (text: string, ...at: [number, number, number?]) {
        const graph = this.canvas.closest(".graph") as (Element & { drawnTexts?: string[] }) | null;
        if (graph) graph.drawnTexts = [...(graph.drawnTexts ?? []), text].slice(-40);
        return draw.call(this, text, ...at);
      };
    });
    await app.page.reload();
    await app.startGuest();
    await app.tab("Overview");
    await app.page.locator(".more-graphs > summary").click();
  });
  afterAll(() => app?.stop());
  const graph = (title: string): Locator =>
    app.page.locator(".graph").filter({ has: app.page.locator(".graph-title", { hasText: new RegExp(`^${title}$`) }) });

  it("have clock times below and units at the left", async () => {
    for (const [title, unit] of [
      ["vCPUs", /^\d+%$/],
      ["Memory", /^\d+ MiB$/],
      ["Hypercalls", /^[\d.]+( k)?\/s$/],
      ["Instructions", /^[\d.]+ [MG]\/s$/],
    ] as const) {
      await graph(title).scrollIntoViewIfNeeded();
      await expect.poll(() => axisTexts(graph(title))).toContainEqual(expect.stringMatching(unit));
      await expect.poll(() => axisTexts(graph(title))).toContainEqual(expect.stringMatching(/^\d\d:\d\d(:\d\d)?$/));
    }
  });

  it("nothing covers or leaves a plot: neither what the pointer is told, nor the buttons", async () => {
    const { page } = app;
    await graph("Memory").scrollIntoViewIfNeeded();
    const plot = (await graph("Memory").locator(".u-over").boundingBox())!;
    const whole = (await graph("Memory").boundingBox())!;
    for (const share of [0.1, 0.5, 0.98]) {
      await page.mouse.move(plot.x + plot.width * share, plot.y + plot.height / 2);
      for (const part of [".graph-tip", ".graph-export"]) {
        const box = (await graph("Memory").locator(part).boundingBox())!;
        expect(box.y + box.height <= plot.y || box.y >= plot.y + plot.height).toBe(true);
        expect(box.x).toBeGreaterThanOrEqual(whole.x - 1);
        expect(box.x + box.width).toBeLessThanOrEqual(whole.x + whole.width + 1);
      }
    }
    expect(await graph("Memory").locator(".graph-tip").innerText()).toMatch(/\d\d:\d\d:\d\d/);
    await app.shoot("graphs-axes");
  });

  it("the sidebar has the graphs' scale: 100% is all that the vCPUs can have", async () => {
    const { page } = app;
    await app.tab("Console");
    await app.type("load 2");
    await app.tab("Overview");
    const figure = page.locator(".side-domain .side-figures > span").first();
    const shown: number[] = [];
    const busiest = async (): Promise<number> => {
      shown.push(parseFloat(await figure.innerText()));
      return Math.max(...shown.filter((each) => !Number.isNaN(each)));
    };
    await expect.poll(busiest, { timeout: 30_000 }).toBeGreaterThan(20);
    await app.measured(3);
    await busiest();
    expect(Math.max(...shown)).toBeLessThanOrEqual(101);
    expect(await figure.locator("[title]").getAttribute("title")).toContain("Of what its vCPUs can have");
    await app.tab("Console");
    await app.type("load 0");
  });

  it("thirty domains have a legend that can be read", async () => {
    const client = await app.client();
    for (let n = 1; n <= DOMAINS; n++) {
      const config = `name = "guest-${n}"\nkernel = "${mini}"\nmemory = ${n === 7 ? 24 : 8}\n`;
      await client.request("create", { config, paused: true });
    }
    client.close();
    const { page } = app;
    await page.locator(".side-entry", { hasText: "Host" }).click();
    await app.tab("Overview");
    const legend = page.locator(".memory-legend li");
    await expect.poll(() => legend.allInnerTexts()).toContainEqual(expect.stringMatching(/\d+ others/));
    const texts = await legend.allInnerTexts();
    expect(texts.length).toBeLessThanOrEqual(10);
    expect(texts).toContainEqual(expect.stringMatching(/guest-7\s+24 MiB/));
    await app.shoot("thirty-domains");
  });
});
