/**
 * The Display tab of a domain with Debian's kernel: its text console is shown and takes keys and the pointer, and the tab explains what is missing.
 */
import { execFileSync, spawnSync } from "node:child_process";
import path from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ApiClient } from "../../core/api/client.ts";
import { temporaryFolder } from "../temporary.ts";
import { debianKernel, guestsMissing, initramfs, kernelModules } from "../guests/images.ts";
import { compilerMissing, program } from "../guests/programs.ts";
import { toolMissing } from "../tools.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { violationsOf } from "./violations.ts";

const missing =
  chromiumMissing() ??
  guestsMissing() ??
  compilerMissing() ??
  toolMissing("gvnccapture", "gvncviewer") ??
  toolMissing("convert", "imagemagick");
const folder = temporaryFolder("display-tab");
let app: Application;
let client: ApiClient;
let domid: number;

const SCRIPT = [
  "dmesg -n 1",
  "export PS1='# '",
  "echo SCREEN-UP",
  "(screen events 4000 > /dev/hvc0 &)",
  "setsid sh -c 'exec sh -i </dev/tty1 >/dev/tty1 2>&1'",
];
const shown = async (): Promise<string> =>
  Buffer.from((await client.request("consoleAttach", { domid })).log).toString("latin1");
const stage = () => app.page.getByRole("application", { name: /^Screen of/ });
const canvas = () => app.page.locator("canvas.display-screen");
const tool = (name: string) => app.page.getByRole("button", { name, exact: true });
/** What is on the page's canvas: red, green and blue, and how many pixels are not black. */
async function drawn(page: Page = app.page): Promise<{ width: number; height: number; rgb: Buffer; lit: number }> {
  const { width, height, base64 } = await page
    .locator("canvas.display-screen")
    .evaluate((element: HTMLCanvasElement) => {
      const { width, height } = element;
      const { data } = element.getContext("2d")!.getImageData(0, 0, width, height);
      let text = "";
      for (let i = 0; i < data.length; i += 4) text += String.fromCharCode(data[i]!, data[i + 1]!, data[i + 2]!);
      return { width, height, base64: btoa(text) };
    });
  const rgb = Buffer.from(base64, "base64");
  let lit = 0;
  for (let i = 0; i < rgb.length; i += 3) if (rgb[i] || rgb[i + 1] || rgb[i + 2]) lit++;
  return { width, height, rgb, lit };
}
const rgbOf = (file: string): Buffer =>
  spawnSync("convert", [file, "-depth", "8", "rgb:-"], { maxBuffer: 64 << 20 }).stdout;

describe.skipIf(missing !== null)(`the Display tab${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    client = await app.client();
    const ramdisk = initramfs(
      "ready",
      SCRIPT.join("\n"),
      { screen: program("test/guests/screen.c") },
      kernelModules("evdev"),
    );
    const config = [
      `name = "screen"`,
      `kernel = "${debianKernel()}"`,
      `ramdisk = "${ramdisk}"`,
      // The cursor of fbcon does not blink, because pictures are compared.
      `cmdline = "console=tty0 console=hvc0 quiet fbcon=nodefer vt.global_cursor_default=0"`,
      `memory = 192`,
      `vfb = ["vncdisplay=320"]`,
    ].join("\n");
    ({ domid } = await client.request("create", { config }));
    await app.page.locator(".side-domain", { hasText: "screen" }).click();
    await app.tab("Display");
  });
  afterAll(async () => {
    client?.close();
    await app?.stop();
  });

  it("says so until the guest's driver draws, then shows its console", async () => {
    await stage().waitFor();
    await expect.poll(shown, { timeout: 90_000, interval: 200 }).toMatch(/LISTENING/);
    await app.page.getByText("800 × 600").waitFor();
    await expect.poll(async () => (await drawn()).lit).toBeGreaterThan(50);
    expect(await violationsOf(app.page)).toEqual([]);
    await app.shoot("display");
  });

  it("takes typed keys by their place on the keyboard, and pointer, buttons and wheel", async () => {
    const { page } = app;
    await stage().focus();
    await page.keyboard.type("ls /; echo typed in the tab ");
    await page.keyboard.press("Shift+Period");
    await page.keyboard.type(" /dev/hvc0");
    await page.keyboard.press("Enter");
    await expect.poll(shown).toMatch(/^typed in the tab\r?$/m);
    expect(await shown()).toContain("EVENT Xen Virtual Keyboard 1 38 1");
    const box = (await canvas().boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 4);
    await page.mouse.down({ button: "right" });
    await page.mouse.up({ button: "right" });
    await page.mouse.wheel(0, 130);
    await expect.poll(shown).toMatch(/EVENT Xen Virtual Pointer 2 8 -2/);
    const log = await shown();
    expect(log).toMatch(/EVENT Xen Virtual Pointer 3 0 (399|400|401)\r?\n/);
    expect(log).toMatch(/EVENT Xen Virtual Pointer 3 1 (149|150|151)\r?\n/);
    expect(log).toMatch(/EVENT Xen Virtual Pointer 1 273 1\r?\n/);
    await app.shoot("display-typed");
  });

  it("has the pixels that a VNC viewer has at the address that it says, and saves them", async () => {
    const text = await app.page.locator(".display-vnc code").innerText();
    await tool("Copy the VNC address").click();
    expect(await app.page.evaluate(() => navigator.clipboard.readText())).toBe(text);
    const [address, port] = text.split(":");
    const file = path.join(folder, "vnc.png");
    // Nothing is drawn any more.
    await expect
      .poll(async () => {
        execFileSync("gvnccapture", ["-q", `${address}:${Number(port) - 5900}`, file]);
        return rgbOf(file).equals((await drawn()).rgb);
      })
      .toBe(true);
    const [download] = await Promise.all([app.page.waitForEvent("download"), tool("Save a picture").click()]);
    expect(download.suggestedFilename()).toBe("screen-screen.png");
    const saved = path.join(folder, "saved.png");
    await download.saveAs(saved);
    expect(rgbOf(saved).equals((await drawn()).rgb)).toBe(true);
  });

  it("scales to the room there is, or is as large as it is", async () => {
    const { page } = app;
    const size = async () => {
      const { width, height } = (await canvas().boundingBox())!;
      return [Math.round(width), Math.round(height)];
    };
    await tool("Actual size").click();
    await expect.poll(size).toEqual([800, 600]);
    await app.shoot("display-actual");
    await tool("Scale to fit").click();
    const room = (await stage().boundingBox())!;
    const [width, height] = await size();
    expect(Math.abs(width! / height! - 800 / 600)).toBeLessThan(0.02);
    expect(height!).toBeLessThanOrEqual(Math.ceil(room.height));
    await page.setViewportSize({ width: 900, height: 500 });
    await expect.poll(async () => (await size())[1]!).toBeLessThan(height!);
    await page.setViewportSize({ width: 1280, height: 800 });
    await tool("Full screen").click();
    await expect.poll(() => page.evaluate(() => document.fullscreenElement?.getAttribute("role"))).toBe("application");
    await page.evaluate(() => document.exitFullscreen());
  });

  it("gives the keys back by Ctrl+], and lets go of all when the focus goes", async () => {
    const { page } = app;
    const events = async (pattern: RegExp): Promise<number> => [...(await shown()).matchAll(pattern)].length;
    await stage().focus();
    await page.keyboard.down("Shift");
    await expect.poll(() => events(/Keyboard 1 42 1\r?\n/g)).toBeGreaterThan(0);
    const before = await events(/Keyboard 1 42 0\r?\n/g);
    await app.page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await expect.poll(() => events(/Keyboard 1 42 0\r?\n/g)).toBe(before + 1);
    await page.keyboard.up("Shift");
    await stage().focus();
    await page.keyboard.press("Control+BracketRight");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Display");
  });

  it("is followed only while it is seen, in two windows alike", async () => {
    const asked = (): number => app.sent("displayPart");
    await app.inOtherWindow(async (page) => {
      await page.locator(".side-domain", { hasText: "screen" }).click();
      await page.getByRole("tab", { name: "Display", exact: true }).click();
      await page.getByText("800 × 600").waitFor();
      await expect.poll(async () => (await drawn(page)).rgb.equals((await drawn()).rgb)).toBe(true);
    });
    await app.tab("Overview");
    await expect.poll(() => app.sent("displayClose")).toBeGreaterThan(0);
    await app.settled();
    const before = asked();
    await app.measured(2);
    expect(asked()).toBe(before);
    const { devices } = await client.request("wiring", { domid });
    const figure = (name: string) =>
      devices.find(({ kind }) => kind === "vfb")!.behind!.figures.find((each) => each.name === name)!.value;
    await expect
      .poll(
        async () =>
          (await client.request("wiring", { domid })).devices
            .find(({ kind }) => kind === "vfb")!
            .behind!.figures.find(({ name }) => name === "viewers")!.value,
      )
      .toBe(0);
    expect(figure("size")).toBe("800x600, 32 bits");
    await app.tab("Devices");
    await app.page.locator(`.react-flow__node[data-id="${domid}/vfb/0:ring"]`).waitFor();
    await app.page.locator(`.react-flow__node[data-id="${domid}/vkbd/0:ring"]`).waitFor();
    await app.page.locator(`.react-flow__node[data-id="${domid}/vfb/0:grant"]`).click();
    await app.page.getByText("The page is not granted").waitFor();
    await app.shoot("devices-screen");
  });

  it("says of a domain without one how it gets one", async () => {
    const { page } = app;
    await app.command("bundled");
    await page.getByRole("heading", { level: 1, name: "mini-1" }).waitFor();
    await app.tab("Display");
    await page.getByRole("heading", { name: "mini-1 has no screen" }).waitFor();
    await page.getByRole("button", { name: "Copy", exact: true }).click();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('vfb = ["vnc=1"]');
    expect(await violationsOf(page)).toEqual([]);
    await app.shoot("display-none");
    await page.getByRole("button", { name: /^Domain-0/ }).click();
    expect(await page.getByRole("tab", { name: "Display" }).count()).toBe(0);
  });

  it("says so when the domain is gone", async () => {
    await app.page.locator(".side-domain", { hasText: "screen" }).click();
    await app.tab("Display");
    await app.page.getByText("800 × 600").waitFor();
    await client.request("destroy", { domid });
    await app.page.getByText("The screen has gone with the domain.").waitFor();
  });

  it("has logged no error", () => expect(app.problems).toEqual([]));
});
