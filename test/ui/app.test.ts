/** The application in a real Chromium, with a real host behind it. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Browser, CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { debianKernel, guestsMissing, initramfs } from "../guests/images.ts";
import { shootBoth, transferOf } from "./application.ts";
import { chromiumMissing, launch } from "./browser.ts";
import { startServe, type Served } from "./serve.ts";
import { temporaryFolder } from "../temporary.ts";

const missing = chromiumMissing();
const guests = missing ? missing : guestsMissing();

let served: Served;
let browser: Browser;
let page: Page;
let devtools: CDPSession;
const problems: string[] = [];
const folder = temporaryFolder("app");
/** Makes a file, and returns its path. */
function file(name: string, content: string | Buffer): string {
  writeFileSync(path.join(folder, name), content);
  return path.join(folder, name);
}

const shoot = (name: string): Promise<void> => shootBoth(page, devtools, name);

/** Returns the text of the terminal that is shown, as the guest wrote it. */
function terminalText(): Promise<string> {
  return page.locator(".xterm-rows").innerText();
}
async function waitForTerminal(pattern: RegExp, seconds: number): Promise<void> {
  await expect.poll(terminalText, { timeout: seconds * 1000, interval: 200 }).toMatch(pattern);
}
async function type(text: string): Promise<void> {
  await page.locator(".xterm-helper-textarea").focus();
  await page.keyboard.type(text);
  await page.keyboard.press("Enter");
}

/** Drops files on the window as the desktop does. */
async function drop(...files: string[]): Promise<void> {
  const transfer = await transferOf(page, files);
  await page.dispatchEvent("body", "dragenter", { dataTransfer: transfer });
  await page.dispatchEvent("body", "drop", { dataTransfer: transfer });
}

beforeAll(async () => {
  if (missing === null) browser = await launch();
});
afterAll(() => browser?.close());

describe.skipIf(missing !== null)(`the first start${missing ? ` (${missing})` : ""}`, () => {
  it("runs the bundled guest, with a console that answers, and nothing downloaded", async () => {
    const first = await startServe("--host-memory", "256", "--pcpus", "1", "--browser");
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    try {
      await page.goto(first.url);
      await waitForTerminal(/mini> /, 15);
      await page.keyboard.type("uptime\n");
      await waitForTerminal(/up [\d.]+ s, host up/, 5);
    } finally {
      await page.close();
      expect(await first.stop()).toBe(0);
    }
  });

  it("boots the entry that is chosen while the host is off", async () => {
    const menu = file(
      "grub.cfg",
      'menuentry "Plain" {\nxen console=com1\n}\nmenuentry "Small" {\nxen dom0_mem=32M\n}\n',
    );
    const first = await startServe("--host-memory", "256", "--pcpus", "1", "--boot-config", menu);
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    try {
      await page.goto(first.url);
      await page.getByText("booted “Plain”").waitFor();
      await page.getByRole("button", { name: "Power off" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Power off", exact: true }).click();
      await page.getByLabel("Boot entry").selectOption("Small");
      await page.getByRole("button", { name: "Power on" }).click();
      await page.getByText("booted “Small”").waitFor();
      await page.locator(".facts", { hasText: "dom0_mem=32M" }).waitFor();
    } finally {
      await page.close();
      expect(await first.stop()).toBe(0);
    }
  });
});

describe.skipIf(missing !== null)(`the application${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    served = await startServe("--host-memory", "1024", "--pcpus", "1");
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text());
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    devtools = await page.context().newCDPSession(page);
    await page.goto(served.url);
  });
  afterAll(async () => {
    await page?.close();
    expect(await served?.stop()).toBe(0);
  });

  it("shows the host's power-on with measured stages, and its log", async () => {
    await page.getByText("The host is up. Give it a guest.").waitFor();
    const stages = await page.locator(".stages .stage-name").allInnerTexts();
    expect(stages).toEqual(expect.arrayContaining(["firmware", "hypervisor", "dom0", "xenstored"]));
    await page.getByRole("log", { name: "Xen log" }).press("Home");
    await expect.poll(() => page.locator(".log").textContent()).toContain("(XEN) Xen version 4.17");
    await page.locator(".page").evaluate((element) => element.scrollTo(0, 0));
    await page.locator(".graph[data-points]").first().waitFor();
    await expect
      .poll(async () => Number(await page.locator(".graph").first().getAttribute("data-points")), { timeout: 10_000 })
      .toBeGreaterThan(2);
    await shoot("host");
  });

  it("starts the bundled guest, whose console answers what is typed", async () => {
    await page.getByRole("button", { name: "Start the bundled guest" }).click();
    await waitForTerminal(/mini> /, 15);
    await type("help");
    await waitForTerminal(/xenstore-ls/, 5);
    await type("load 1");
    await waitForTerminal(/load 1/, 5);
    await shoot("console");
  });

  it("shows graphs that move with the guest's load", async () => {
    await page.getByRole("tab", { name: "Overview" }).click();
    const vcpus = page.locator(".graph", { hasText: "vCPUs" });
    await expect
      .poll(async () => /vCPU [01]\s*(\d+)/.exec(await vcpus.locator("figcaption").innerText())?.[1], {
        timeout: 15_000,
      })
      .toMatch(/^\d+$/);
    const busiest = async (): Promise<number> =>
      Math.max(
        ...[...(await vcpus.locator("figcaption").innerText()).matchAll(/([\d.]+)%/g)].map(([, value]) =>
          Number(value),
        ),
      );
    await expect.poll(busiest, { timeout: 15_000 }).toBeGreaterThan(50);
    await shoot("overview");
    await page.getByRole("tab", { name: "Console" }).click();
    await type("load 0");
    await page.getByRole("tab", { name: "Overview" }).click();
    await expect.poll(busiest, { timeout: 15_000 }).toBeLessThan(20);
  });

  it("pauses and unpauses, and keeps the console when the guest is gone", async () => {
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator(".badge", { hasText: "Paused" }).waitFor();
    await page.getByRole("button", { name: "Unpause" }).click();
    await page.locator(".badge", { hasText: "Idle" }).waitFor();
    await page.getByRole("tab", { name: "Console" }).click();
    await page.getByRole("button", { name: "Shut down" }).click();
    await page.getByText("This domain does not run. It powered off.").waitFor();
    expect(await terminalText()).toContain("mini>");
    await shoot("gone");
  });

  it("says why a wrong file is of no use", async () => {
    await drop(file("holiday.jpg", Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46])));
    await page.locator(".field-error", { hasText: "holiday.jpg: This is" }).waitFor();
    await shoot("wrong-file");
    await page.getByRole("button", { name: "Cancel" }).click();
  });

  it("names the field that is wrong in a dropped xl.cfg", async () => {
    await drop(file("broken.cfg", 'name = "broken"\nkernel = "vmlinuz"\nmemory = "much"\nvcpus = 200\n'));
    await page.locator(".field-error", { hasText: "vcpus" }).waitFor();
    // xl does the same: it ignores what is no number.
    await page.locator(".field-warning", { hasText: "memory" }).waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
  });

  it.skipIf(guests !== null)(
    `boots a Debian kernel and initrd that are dropped, to a shell${guests ? ` (${guests})` : ""}`,
    async () => {
      await drop(debianKernel(), file("initrd.cpio.gz", readFileSync(initramfs("shell"))));
      await page.locator(".file-facts", { hasText: "bzImage" }).waitFor();
      await page.locator(".file-facts", { hasText: "6.1" }).waitFor();
      await page.locator("summary", { hasText: "Xen notes" }).click();
      await shoot("new-domain");
      await page.getByRole("button", { name: "Create", exact: true }).click();
      await waitForTerminal(/GUEST-READY/, 60);
      await type("echo answer=$((6*7)) $(uname -r)");
      await waitForTerminal(/answer=42 6\.1\./, 20);
      await shoot("linux");
      await page.setViewportSize({ width: 900, height: 600 });
      await page.getByRole("tab", { name: "Overview" }).click();
      await page.locator(".graph .u-over").first().waitFor({ state: "attached" });
      await shoot("overview-small");
      await page.setViewportSize({ width: 1280, height: 800 });
      await page.getByRole("button", { name: "Destroy" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Destroy" }).click();
      await page.getByText("This domain does not run. It was destroyed.").waitFor();
    },
    120_000,
  );

  it("has broken no rule of its content security policy and logged no error", () => {
    expect(problems).toEqual([]);
  });
});
