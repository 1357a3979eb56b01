/**
 * The README's moving picture: a kernel and a RAM disk are dropped on the window, and the guest that is made of them comes to its shell. With
 * XENARIUM_PICTURES=1 it is written into assets/screenshots by img2webp (Debian's package webp). Otherwise only its frames are taken.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { debianKernel, guestsMissing, initramfs } from "../guests/images.ts";
import { temporaryFolder } from "../temporary.ts";
import { Application } from "../ui/application.ts";
import { chromiumMissing } from "../ui/browser.ts";

const missing = chromiumMissing() ?? guestsMissing();
const kept = path.resolve(import.meta.dirname, "../../assets/screenshots/drop-to-shell.webp");
const MOST_BYTES = 1_500_000;
const EVERY_MS = 250;
/** A frame is shown no longer than this, however long the computer was busy. The last one is shown for the full time, so that it can be read. */
const MOST_MS = 350;
const LAST_MS = 4000;
let app: Application;

/** Takes a picture every quarter of a second until it is told to stop. A picture that looks like the one before only makes that one last longer. */
class Film {
  readonly frames: { png: string; milliseconds: number }[] = [];
  #runs = true;
  readonly #done: Promise<void>;

  constructor(private readonly take: () => Promise<string>) {
    this.#done = this.#run();
  }
  async #run(): Promise<void> {
    let since = performance.now();
    while (this.#runs) {
      const png = await this.take();
      const last = this.frames.at(-1);
      const now = performance.now();
      if (last) last.milliseconds = Math.min(MOST_MS, last.milliseconds + now - since);
      if (png !== last?.png) this.frames.push({ png, milliseconds: 0 });
      since = now;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }
  async end(): Promise<void> {
    this.#runs = false;
    await this.#done;
    this.frames.at(-1)!.milliseconds = LAST_MS;
  }
  /** Writes an animated WebP that repeats without end. */
  write(file: string): void {
    const folder = temporaryFolder("film");
    const parts = this.frames.flatMap(({ png, milliseconds }, i) => {
      const frame = path.join(folder, `${i}.png`);
      writeFileSync(frame, Buffer.from(png, "base64"));
      return ["-d", String(Math.max(100, Math.round(milliseconds))), frame];
    });
    mkdirSync(path.dirname(file), { recursive: true });
    execFileSync("img2webp", ["-loop", "0", "-mixed", "-q", "60", "-m", "4", ...parts, "-o", file]);
  }
}

describe.skipIf(missing !== null)(`the moving picture${missing ? ` (${missing})` : ""}`, { timeout: 300_000 }, () => {
  beforeAll(async () => {
    app = await Application.start("--host-memory", "768");
    await app.page.setViewportSize({ width: 960, height: 600 });
  });
  afterAll(() => app?.stop());

  it("goes from drop to shell", async () => {
    const { page } = app;
    const devtools = await page.context().newCDPSession(page);
    await page.getByText("The host is up. Give it a guest.").waitFor();
    const film = new Film(async () => (await devtools.send("Page.captureScreenshot", { format: "png" })).data);
    const files = [
      { name: "vmlinuz", base64: readFileSync(debianKernel()).toString("base64") },
      { name: "initrd.cpio.gz", base64: readFileSync(initramfs("shell")).toString("base64") },
    ];
    await page.evaluate((given) => {
      const dataTransfer = new DataTransfer();
      for (const { name, base64 } of given)
        dataTransfer.items.add(new File([Uint8Array.from(atob(base64), (each) => each.charCodeAt(0))], name));
      const drag = (type: string, on: EventTarget): void =>
        void on.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
      drag("dragenter", window);
      setTimeout(() => drag("drop", document.body), 1000);
    }, files);
    const dialog = page.getByRole("dialog", { name: "New domain" });
    await dialog.waitFor();
    await dialog
      .getByText(/Linux 6\.1|6\.1\.0/)
      .first()
      .waitFor({ timeout: 60_000 });
    await dialog.getByLabel("Name", { exact: true }).fill("debian");
    await dialog.getByLabel("Command line").fill("console=hvc0");
    await dialog.getByRole("button", { name: "Create", exact: true }).click();
    await dialog.waitFor({ state: "detached", timeout: 60_000 });
    await page.locator(".side-domain", { hasText: "debian" }).click();
    await app.tab("Console");
    await app.waitForTerminal(/GUEST-INFO/, 120);
    await app.type("uname -sr; nproc; cat /sys/hypervisor/type");
    await app.waitForTerminal(/Linux 6\.1[\s\S]*\n1\s[\s\S]*xen/, 60);
    await page.waitForTimeout(500);
    await film.end();
    expect(film.frames.length).toBeGreaterThan(8);
    if (process.env.XENARIUM_PICTURES === "1") film.write(kept);
    expect(app.problems).toEqual([]);
  });

  it("is in the README, moves, and is small", () => {
    expect(readFileSync(path.resolve(import.meta.dirname, "../../README.md"), "utf8")).toContain(
      "assets/screenshots/drop-to-shell.webp",
    );
    expect(statSync(kept).size).toBeLessThan(MOST_BYTES);
    const bytes = readFileSync(kept);
    expect(bytes.toString("latin1", 8, 12)).toBe("WEBP");
    // Its frames are chunks of an animation (RIFF container of WebP).
    expect(bytes.toString("latin1").split("ANMF").length - 1).toBeGreaterThan(8);
  });
});
