/** The views of the host: the memory map, the timeline of vCPUs, the history, and how the host came up. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { unfold } from "./folded.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing();
let app: Application;

const toHost = async (tab: string): Promise<void> => {
  await app.page.locator(".side-entry", { hasText: "Host" }).click();
  await app.tab(tab);
};

describe.skipIf(missing !== null)(`host${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
  });
  afterAll(() => app?.stop());

  describe("memory map", () => {
    const map = () => app.page.getByRole("application", { name: "Map of the machine’s frames" });
    const facts = () => app.page.getByRole("region", { name: "The frame" });
    const zoom = async (): Promise<number> => Number(await map().locator("canvas").getAttribute("data-zoom"));
    const count = async (domid: number, kind: string): Promise<number> =>
      Number(
        await app.page.locator(`.legend-kind[data-domid="${domid}"][data-kind="${kind}"]`).getAttribute("data-frames"),
      );
    /** Returns how many bytes of the drawn picture's pixels have each colour. */
    const colours = (): Promise<Record<string, number>> =>
      app.page.evaluate(() => {
        const canvas = document.querySelector<HTMLCanvasElement>(".frame-map canvas")!;
        const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
        const found: Record<string, number> = {};
        for (let at = 0; at < data.length; at += 4) {
          const key = `rgb(${data[at]!}, ${data[at + 1]!}, ${data[at + 2]!})`;
          if (data[at + 3] === 255) found[key] = (found[key] ?? 0) + 1;
        }
        return found;
      });

    it("colours every frame by owner and type, with measured totals", async () => {
      await toHost("Memory");
      await map().waitFor();
      for (const kind of ["l1", "l2", "l3", "l4", "writable", "shared", "granted"])
        expect(await count(1, kind), kind).toBeGreaterThan(0);
      const kinds = await app.page
        .locator(".legend-kind")
        .evaluateAll((rows) => rows.map((row) => Number((row as HTMLElement).dataset.frames)));
      expect(kinds.reduce((sum, each) => sum + each)).toBe(512 * 256);
      await expect.poll(() => app.page.locator(".memory-map-tools").innerText()).toContain("131,072 frames");
      await app.shoot("memory-map");
      await app.page.getByRole("button", { name: "Type", exact: true }).click();
      await app.shoot("memory-map-types");
    });

    it("draws what the legend says: an owner's frames alone when one is asked for", async () => {
      const row = app.page.locator('.legend-kind[data-domid="1"][data-kind="writable"]');
      const swatch = await row.locator(".swatch").evaluate((element) => getComputedStyle(element).backgroundColor);
      const before = await colours();
      expect(before[swatch]).toBeGreaterThan(0);
      await app.page.locator('.legend-kind[data-domid="0"][data-kind="none"]').click();
      await expect.poll(async () => (await colours())[swatch] ?? 0).toBeLessThan(before[swatch]! / 10);
      await app.page.locator('.legend-kind[data-domid="0"][data-kind="none"]').click();
      await expect.poll(async () => (await colours())[swatch] ?? 0).toBeGreaterThan(before[swatch]! / 2);
    });

    it("says what a frame is, by number, pointer and keys", async () => {
      await app.page.getByLabel("Go to machine frame number").fill("0x1001");
      await app.page.keyboard.press("Enter");
      await facts().getByText("0x1001", { exact: true }).waitFor();
      await facts().getByText("0x1001000").waitFor();
      await facts().getByText("Hypervisor’s root").waitFor();
      await map().focus();
      await app.page.keyboard.press("ArrowRight");
      await facts().getByText("0x1002", { exact: true }).waitFor();
      await app.page.keyboard.press("Home");
      await facts().getByText("The machine’s own").waitFor();
      await app.page.keyboard.press("End");
      await facts().getByText("0x1ffff", { exact: true }).waitFor();
      await app.page.getByLabel("Go to machine frame number").fill("0x20000");
      await expect
        .poll(() => app.page.getByLabel("Go to machine frame number").getAttribute("aria-invalid"))
        .toBe("true");
      await app.page.getByLabel("Go to machine frame number").fill("");
      const box = (await map().boundingBox())!;
      await app.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
      await expect.poll(() => facts().locator("h2 .mono").innerText()).not.toBe("0x1ffff");
    });

    it("zooms with wheel, keys and buttons, and moves", async () => {
      expect(await zoom()).toBe(1);
      const box = (await map().boundingBox())!;
      const [x, y] = [box.x + box.width / 2, box.y + 18];
      await app.page.mouse.move(x, y);
      const under = await facts().locator("h2 .mono").innerText();
      for (let i = 0; i < 8; i++) await app.page.mouse.wheel(0, -100);
      await expect.poll(zoom).toBeGreaterThan(5);
      await app.page.mouse.move(x + 1, y);
      await app.page.mouse.move(x, y);
      await app.shoot("memory-map-zoomed");
      await app.page.mouse.down();
      await app.page.mouse.move(x + 120, y + 60, { steps: 4 });
      await app.page.mouse.up();
      await app.page.mouse.move(x, y);
      await expect.poll(() => facts().locator("h2 .mono").innerText()).not.toBe(under);
      await app.page.getByRole("button", { name: "Zoom out" }).click();
      await map().focus();
      await app.page.keyboard.press("0");
      await expect.poll(zoom).toBe(1);
      await app.page.keyboard.press("+");
      await expect.poll(zoom).toBeGreaterThan(1);
      await app.page.getByRole("button", { name: "Show all frames" }).click();
      await expect.poll(zoom).toBe(1);
    });

    it("follows a domain that comes and goes", async () => {
      await app.inOtherWindow(async (page) => {
        await page.locator(".side-domain", { hasText: "mini-1" }).waitFor();
        await page.keyboard.press("Control+Shift+P");
        await page.getByRole("dialog", { name: "Commands" }).getByRole("combobox").fill("bundled");
        await page.keyboard.press("Enter");
        await page.locator(".side-domain", { hasText: "mini-2" }).waitFor();
      });
      await expect
        .poll(() => app.page.locator('.legend-kind[data-domid="2"]').count(), { timeout: 10_000 })
        .toBeGreaterThan(0);
      await app.command("destroy mini-2");
      await app.page.getByRole("dialog").getByRole("button", { name: "Destroy" }).click();
      await expect.poll(() => app.page.locator('.legend-kind[data-domid="2"]').count(), { timeout: 10_000 }).toBe(0);
    });
  });

  describe("timeline", () => {
    const lanes = () => app.page.getByRole("application", { name: "Timeline of the pCPUs" });
    const told = () => app.page.locator("#timeline-at");
    const row = () => app.page.getByRole("group", { name: "What each pCPU did" }).getByRole("row").nth(1);

    it("shows which vCPU ran on the pCPU, from the scheduler's records", async () => {
      await app.page.locator(".side-domain", { hasText: "mini-1" }).click();
      await app.tab("Console");
      await app.type("load 2");
      await toHost("Overview");
      await lanes().waitFor();
      await expect.poll(() => row().innerText(), { timeout: 10_000 }).toMatch(/mini-1 vCPU 0: \d+\.\d%/);
      await expect.poll(() => row().innerText(), { timeout: 10_000 }).toMatch(/mini-1 vCPU 1: \d+\.\d%/);
      const busy = async (): Promise<number> => Number(/(\d+\.\d)%/.exec(await row().innerText())?.[1]);
      await expect.poll(busy, { timeout: 20_000 }).toBeGreaterThan(90);
      await lanes().scrollIntoViewIfNeeded();
      await app.shoot("timeline");
    });

    it("tells a turn under the pointer and by keys, and holds still", async () => {
      const box = (await lanes().boundingBox())!;
      await app.page.mouse.move(box.x + box.width - 60, box.y + 15);
      await expect
        .poll(() => told().innerText())
        .toMatch(/pCPU 0: mini-1 vCPU [01], .* ms (long|so far), begun .* ago/);
      await lanes().focus();
      await app.page.keyboard.press("ArrowLeft");
      const first = await told().innerText();
      await app.page.keyboard.press("ArrowLeft");
      await expect.poll(() => told().innerText()).not.toBe(first);
      await app.page.locator(".timeline").getByRole("button", { name: "Follow" }).click();
      await app.page.getByRole("button", { name: "Hold" }).waitFor();
    });

    it("goes quiet with the guest", async () => {
      await app.page.locator(".side-domain", { hasText: "mini-1" }).click();
      await app.tab("Console");
      await app.type("load 0");
      await app.tab("Overview");
      await unfold(app.page);
      const vcpu = app.page.getByRole("group", { name: "Time of each vCPU of mini-1" }).locator(".graph").nth(1);
      await vcpu.scrollIntoViewIfNeeded();
      const states = vcpu.locator(".graph-values");
      // Two busy vCPUs shared one pCPU before. Now nobody wants it.
      await expect.poll(() => states.innerText(), { timeout: 30_000 }).toMatch(/blocked\s*(100|9\d(\.\d)?)%/);
      await app.shoot("runstates");
    });
  });

  describe("history", () => {
    const graph = (title: string) =>
      app.page.locator(".graph", { has: app.page.locator(".graph-title", { hasText: new RegExp(`^${title}$`) }) });
    const saved = async (button: string): Promise<Buffer> => {
      const coming = app.page.waitForEvent("download");
      await app.page.getByRole("button", { name: button }).click({ force: true });
      return readFileSync(await (await coming).path());
    };

    it("shows an hour and a day of a domain, with what happened", async () => {
      await app.page.locator(".side-domain", { hasText: "mini-1" }).click();
      await app.tab("Overview");
      await app.page.getByRole("button", { name: "1 h", exact: true }).click();
      await unfold(app.page);
      const cpu = graph("CPU, all vCPUs");
      await cpu.waitFor({ timeout: 40_000 });
      await expect
        .poll(async () => Number(await cpu.getAttribute("data-points")), { timeout: 40_000 })
        .toBeGreaterThan(0);
      for (const title of [
        "Waiting for a pCPU, all vCPUs",
        "Memory",
        "Hypercalls",
        "Events received",
        "Page faults",
        "Instructions",
      ])
        await expect.poll(() => graph(title).count(), { message: title }).toBe(1);
      await expect
        .poll(() => graph("Memory").locator(".graph-values").innerText())
        .toMatch(/has\s*32 MiB\s*target\s*32 MiB\s*maximum\s*32 MiB/);
      await app.shoot("history-hour");
      await app.page.getByRole("button", { name: "24 h", exact: true }).click();
      await app.page.getByRole("img", { name: "Memory, last 24 hours" }).waitFor();
      await toHost("Overview");
      await graph("Free memory").waitFor();
      await graph("pCPU load, all pCPUs").scrollIntoViewIfNeeded();
      await app.shoot("history-day");
    });

    it("saves a graph as a table and as a picture", async () => {
      await graph("Free memory").locator(".uplot").waitFor();
      const table = (await saved("Free memory as CSV")).toString();
      expect(table).toMatch(/^time \(UTC\),"mean \(MiB\)","least \(MiB\)","largest \(MiB\)"\r\n20\d\d-\S+Z,\d/);
      const picture = await saved("Free memory as PNG");
      expect(picture.subarray(1, 4).toString()).toBe("PNG");
      expect(picture.readUInt32BE(16)).toBeGreaterThan(200);
      await app.page.getByRole("button", { name: "10 min", exact: true }).click();
      await graph("pCPU load").locator(".uplot").waitFor();
      const live = (await saved("pCPU load as CSV")).toString();
      expect(live).toMatch(/^time \(UTC\),"pCPU 0 \(%\)"\r\n20\d\d-\S+Z,\d/);
      expect(live.split("\r\n").length).toBeGreaterThan(5);
    });
  });

  describe("boot", () => {
    const stage = (name: string) =>
      app.page.locator(".story-stage", { has: app.page.locator(`h2:text-is("${name}")`) });
    const entry = (name: string) => app.page.getByRole("form", { name });

    it("tells each stage with its time, its part of the Xen log and what it built", async () => {
      await toHost("Boot");
      await stage("autostart").waitFor();
      const names = await app.page.locator(".story-stage h2").allInnerTexts();
      expect(names).toEqual(["firmware", "boot menu", "hypervisor", "dom0", "xenstored", "toolstack", "autostart"]);
      for (const name of names) expect(await stage(name).locator(".story-time").innerText()).toMatch(/^\d+\.\d ms/);
      await expect.poll(() => stage("firmware").innerText()).toMatch(/e820 usable\s*0x1000000 to 0x1fffffff, 496 MiB/);
      await expect.poll(() => stage("boot menu").innerText()).toMatch(/Xen’s command line\s*dom0_mem=64M/);
      await expect.poll(() => stage("boot menu").innerText()).toMatch(/core\.wasm, [\d.]+ [KM]iB/);
      const hypervisor = await stage("hypervisor").innerText();
      expect(hypervisor).toMatch(/131072 entries at 0x1010000, 4 MiB/);
      expect(hypervisor).toContain("(XEN) Xen version 4.17");
      expect(hypervisor).toContain("*** Building a native Dom0 ***");
      await expect.poll(() => stage("dom0").innerText()).toMatch(/“xen-3\.0-x86_64”, 16384 pages/);
      await expect.poll(() => stage("dom0").innerText()).toContain("SIF_PRIVILEGED, SIF_INITDOMAIN");
      await expect.poll(() => stage("xenstored").innerText()).toMatch(/Nodes now\s*\d+/);
      await app.shoot("boot");
    });

    it("refuses what a boot menu cannot have, keeps what it can, and other windows see it", async () => {
      const first = entry("Boot entry 0");
      await first.getByLabel("Title").fill(" ");
      await first.getByRole("button", { name: "Save" }).click();
      await first.getByText("The entry's title has 0 characters; allowed: 1 to 128.").waitFor();
      await first.getByRole("button", { name: "Undo" }).click();
      await app.page.getByRole("button", { name: "Add an entry" }).click();
      const added = entry("Boot the new entry");
      await added.getByLabel("Title").fill("Loud");
      await added.getByLabel("Xen’s command line").fill(`dom0_mem=32M ${"x".repeat(2100)}`);
      await added.getByRole("button", { name: "Add" }).click();
      await added.getByText(/Xen's command line is \d+ bytes long; allowed: at most 2047\./).waitFor();
      await added.getByLabel("Xen’s command line").fill("dom0_mem=32M loglvl=all console=com1");
      await added.getByRole("button", { name: "Add" }).click();
      await entry("Boot entry 1").waitFor();
      await app.inOtherWindow(async (page) => {
        await page.locator(".side-domain").first().waitFor();
        await page.getByRole("tab", { name: "Boot", exact: true }).click();
        await expect
          .poll(() => page.getByRole("form", { name: "Boot entry 1" }).getByLabel("Title").inputValue())
          .toBe("Loud");
      });
      await app.shoot("boot-menu");
    });

    it("boots the new entry, and forgets one that is removed", async () => {
      await app.command("power the host off");
      await app.page.getByRole("dialog").getByRole("button", { name: "Power off", exact: true }).click();
      await app.page.locator(".side-item", { hasText: /off$/ }).waitFor({ timeout: 20_000 });
      await app.tab("Memory");
      await app.page.getByText("The host does not run: it has no frames.").waitFor();
      await app.tab("Boot");
      await entry("Boot entry 1").getByRole("button", { name: "Boot it" }).click();
      await app.page.locator(".side-item", { hasText: /running$/ }).waitFor({ timeout: 20_000 });
      await app.tab("Boot");
      await expect.poll(() => stage("dom0").innerText()).toMatch(/8192 pages/);
      await expect.poll(() => stage("boot menu").innerText()).toMatch(/Entry\s*Loud/);
      await app.page.getByRole("button", { name: "Remove entry 0" }).click();
      await expect.poll(() => app.page.getByRole("form").count()).toBe(1);
      await expect.poll(() => entry("Boot entry 0").getByLabel("Title").inputValue()).toBe("Loud");
      expect(app.problems).toEqual([]);
    });
  });
});
