/**
 * The README's pictures, light and dark, of the real application with a Debian kernel in it. With XENARIUM_PICTURES=1 they are written into
 * assets/screenshots, otherwise beside the other screenshots, because a test changes no file of the project.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { debianKernel, guestsMissing, initramfs } from "../guests/images.ts";
import { Application } from "../ui/application.ts";
import { chromiumMissing } from "../ui/browser.ts";

const missing = chromiumMissing() ?? guestsMissing();
const root = path.resolve(import.meta.dirname, "../..");
const shots = path.join(root, "test/ui/screenshots");
const into = process.env.XENARIUM_PICTURES === "1" ? path.join(root, "assets/screenshots") : shots;
const SLOW = { timeout: 120_000 };
let app: Application;

/** Takes a picture as `shoot` does, under the name that the README uses. */
async function picture(name: string): Promise<void> {
  await app.shoot(`readme-${name}`);
  mkdirSync(into, { recursive: true });
  for (const looks of ["light", "dark"]) {
    const taken = readFileSync(path.join(shots, `readme-${name}-${looks}.png`));
    // A picture that shows nothing is small.
    expect(taken.length).toBeGreaterThan(20_000);
    if (into !== shots) writeFileSync(path.join(into, `${name}-${looks}.png`), taken);
  }
}

describe.skipIf(missing !== null)(
  `the README's pictures${missing ? ` (${missing})` : ""}`,
  { timeout: 300_000 },
  () => {
    beforeAll(async () => {
      app = await Application.start("--host-memory", "768");
      await app.page.setViewportSize({ width: 1280, height: 800 });
    });
    afterAll(() => app?.stop());

    it("console, overview, wiring, inspect and host", async () => {
      const { page } = app;
      const client = await app.client();
      const config = `name = "debian"\nkernel = "vmlinuz"\nramdisk = "initrd"\ncmdline = "console=hvc0"\nmemory = 256\nvcpus = 2\n`;
      const give = async (name: string, file: string): Promise<string> => {
        const bytes = readFileSync(file);
        const { file: id } = await client.request("fileBegin", { name, size: bytes.length });
        for (let at = 0; at < bytes.length; at += 1 << 20)
          await client.request("fileChunk", { file: id, offset: at, bytes: bytes.subarray(at, at + (1 << 20)) });
        return id;
      };
      const files = {
        vmlinuz: await give("vmlinuz", debianKernel()),
        initrd: await give("initrd", initramfs("shell")),
      };
      await client.request("create", { config, configName: "debian.cfg", files });
      client.close();
      await page.locator(".side-domain", { hasText: "debian" }).click();
      await app.tab("Console");
      await app.waitForTerminal(/GUEST-INFO/, 120);
      await picture("console");
      await app.tab("Overview");
      await expect
        .poll(() => page.locator(".graph").first().getAttribute("data-points").then(Number), SLOW)
        .toBeGreaterThan(15);
      await picture("overview");
      await app.tab("Devices");
      await page.locator(".wiring-diagram .react-flow__node").first().waitFor(SLOW);
      await picture("wiring");
      await app.tab("Inspect");
      await page.getByRole("group", { name: "Return addresses on the stack" }).waitFor(SLOW);
      await picture("inspect");
      await page.locator(".side-entry", { hasText: "Host" }).first().click();
      await app.tab("Overview");
      await page.locator(".graph .uplot").first().waitFor(SLOW);
      await picture("host");
      expect(app.problems).toEqual([]);
    });

    it("the README names those, in both appearances", () => {
      const readme = readFileSync(path.join(root, "README.md"), "utf8");
      for (const name of ["overview", "wiring", "inspect", "host", "console"])
        for (const looks of ["light", "dark"]) {
          expect(readme).toContain(`assets/screenshots/${name}-${looks}.png`);
          readFileSync(path.join(root, `assets/screenshots/${name}-${looks}.png`));
        }
    });
  },
);
