/** How everything looks: contrast, the system's own colours, long and hostile names, columns that the user chooses, small windows. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing();
const PATIENT = { timeout: 60_000, interval: 100 };
const LONG = "W".repeat(80);
const TEXT = ["text", "text-muted", "text-faint", "accent", "danger", "warn", "good"];
const GRAPHS = [1, 2, 3, 4, 5, 6].map((n) => `graph-${n}`);
const GROUNDS = ["bg", "bg-side", "surface", "surface-2"];
let app: Application;

/** The present colours of custom properties: red, green and blue, from 0 to 255. */
function colors(names: readonly string[]): Promise<Record<string, number[]>> {
  return app.page.evaluate((wanted) => {
    const probe = document.createElement("span");
    document.body.append(probe);
    const found = wanted.map((name) => {
      probe.style.color = `var(--${name})`;
      return [
        name,
        getComputedStyle(probe)
          .color.match(/[\d.]+/g)!
          .map(Number),
      ] as const;
    });
    probe.remove();
    return Object.fromEntries(found);
  }, names);
}
/** The contrast ratio of WCAG 2. */
function contrast(a: readonly number[], b: readonly number[]): number {
  const luminance = (color: readonly number[]): number => {
    const [red = 0, green = 0, blue = 0] = color.map((part) =>
      part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

describe.skipIf(missing !== null)(`appearance${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.page.getByText("The host is up. Give it a guest.").waitFor();
  });
  afterAll(async () => {
    expect(app?.problems).toEqual([]);
    await app?.stop();
  });

  for (const colorScheme of ["light", "dark"] as const)
    it(`${colorScheme}: text has a contrast of 4.5 on every ground, graphs, fields and wires of 3`, async () => {
      await app.page.emulateMedia({ colorScheme });
      const of = await colors([
        ...TEXT,
        ...GRAPHS,
        "line-control",
        "on-accent",
        "accent-fill",
        "danger-fill",
        ...GROUNDS,
      ]);
      const poor: string[] = [];
      const check = (name: string, ground: string, least: number): void => {
        const ratio = contrast(of[name]!, of[ground]!);
        if (ratio < least) poor.push(`${name} on ${ground}: ${ratio.toFixed(2)}`);
      };
      for (const ground of GROUNDS) {
        for (const name of TEXT) check(name, ground, 4.5);
        check("line-control", ground, 3);
      }
      // The colours of graphs are used for their figures too, and those of bars together with the card's colour as text.
      for (const name of GRAPHS) check(name, "surface", 4.5);
      for (const ground of ["accent-fill", "danger-fill"]) check("on-accent", ground, 4.5);
      expect(poor).toEqual([]);
    });

  it("a name of 80 letters leaves room for everything else", async () => {
    const { page } = app;
    await app.startGuest();
    await page.getByRole("button", { name: "Rename" }).click();
    await page.getByLabel("Name of the domain").fill(LONG);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: LONG }).waitFor();
    for (const [width, height] of [
      [1024, 640],
      [720, 450],
    ] as const) {
      await page.setViewportSize({ width, height });
      for (const tab of ["Overview", "Console", "Devices", "Xenstore", "Inspect"]) {
        await app.tab(tab);
        await expect
          .poll(() => page.locator(".main").evaluate((main) => main.scrollWidth - main.clientWidth), PATIENT)
          .toBe(0);
        expect(await page.getByRole("button", { name: "Folder and tags" }).isVisible()).toBe(true);
        expect((await page.getByRole("button", { name: "Destroy" }).boundingBox())!.x).toBeLessThan(width);
      }
    }
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.locator(".side-entry", { hasText: "Host" }).click();
    await app.tab("Domains");
    await page.locator(".domains-table tbody tr").nth(1).waitFor();
    const name = page.locator(".domains-table th button", { hasText: LONG });
    expect((await name.boundingBox())!.width).toBeLessThan(220);
    expect(await name.getAttribute("title")).toBe(LONG);
    await app.shoot("long-name");
  });

  it("columns of the list are chosen by keyboard, and kept", async () => {
    const { page } = app;
    const headings = (): Promise<string[]> => page.locator(".domains-table thead th").allInnerTexts();
    await expect.poll(headings).toContain("Events");
    await page.getByRole("button", { name: "Columns" }).focus();
    await page.keyboard.press("Enter");
    await page.getByLabel("Events", { exact: true }).focus();
    await page.keyboard.press("Space");
    await app.shoot("columns");
    await page.keyboard.press("Escape");
    await page.getByLabel("Events", { exact: true }).waitFor({ state: "hidden" });
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent?.trim())).toBe("Columns");
    expect(await headings()).not.toContain("Events");
    await page.reload();
    await page.locator(".domains-table tbody tr").nth(1).waitFor();
    await expect.poll(headings).not.toContain("Events");
    expect((await headings()).length).toBe(
      await page.locator(".domains-table tbody tr").first().locator("td, th").count(),
    );
  });

  it("the sidebar draws CPU and memory of each domain", async () => {
    const drawn = (label: string): Promise<boolean> =>
      app.page.locator(`canvas[aria-label^="${label}"]`).evaluate((canvas: HTMLCanvasElement) => {
        const { width, height } = canvas;
        return canvas
          .getContext("2d")!
          .getImageData(0, 0, width, height)
          .data.some((value) => value > 0);
      });
    for (const label of ["CPU of", "Memory of"]) await expect.poll(() => drawn(label), PATIENT).toBe(true);
  });

  it("a file’s name that turns the direction of text or would end a string is made plain", async () => {
    const { page } = app;
    await page.keyboard.press("Control+Shift+N");
    const pick = page.locator(".create input[type=file]").first();
    const text = { mimeType: "text/plain", buffer: Buffer.from("hello") };
    await pick.setInputFiles({ name: 'evil\u202egpj".exe', ...text });
    await page.locator(".create [role=alert]", { hasText: "evilgpj.exe: This is a text file" }).waitFor(PATIENT);
    await pick.setInputFiles({
      name: "<img src=x onerror=alert(1)>.png",
      mimeType: "",
      buffer: Buffer.from("\x89PNG\r\n\0\0", "latin1"),
    });
    const plain = "<img src=x onerror=alert(1)>.png: This is a picture (PNG), not a kernel.";
    await page.locator(".create [role=alert]", { hasText: plain }).waitFor(PATIENT);
    expect(await page.locator(".create img").count()).toBe(0);
    await page.keyboard.press("Escape");
  });

  it("with forced colours, what only a colour says keeps it, and what is chosen has a frame", async () => {
    const { page } = app;
    await page.emulateMedia({ forcedColors: "active" });
    await page.locator(".side-entry", { hasText: "Host" }).click();
    await app.tab("Memory");
    const shown = (): Promise<number> =>
      page.locator(".memory-map-body canvas").evaluate((canvas: HTMLCanvasElement) => {
        const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size;
      });
    await expect.poll(shown, PATIENT).toBeGreaterThan(4);
    const outline = (selector: string): Promise<string> =>
      page
        .locator(selector)
        .first()
        .evaluate((element) => getComputedStyle(element).outlineStyle);
    expect(await outline(".side-item.selected")).toBe("solid");
    expect(await outline('button[aria-pressed="true"]')).toBe("solid");
    await app.shoot("forced-colors");
    await page.emulateMedia({ forcedColors: "none" });
  });
});
