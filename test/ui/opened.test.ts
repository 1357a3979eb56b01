/** Files that the desktop opens, as the application gets them from its bridge. */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { serveWeb, type WebServer } from "../../core/api/transport/websocket-server.ts";
import { builtHost } from "../built-host.ts";
import { chromiumMissing, launch } from "./browser.ts";
import { Desktop } from "./desktop.ts";

const missing = chromiumMissing();
const dist = path.resolve(import.meta.dirname, "../../dist");
const image = path.join(dist, "assets/guests/mini.elf");

describe.skipIf(missing !== null)(`files that the desktop opens${missing ? ` (${missing})` : ""}`, () => {
  let host: HostService;
  let web: WebServer;
  let browser: Browser;
  let page: Page;
  let desktop: Desktop;

  beforeAll(async () => {
    host = builtHost({ memoryMiB: 512 });
    web = await serveWeb(host, path.join(dist, "renderer"));
    browser = await launch();
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    desktop = await Desktop.bridge(page, host);
    await page.goto(web.url);
  });
  afterAll(async () => {
    await browser?.close();
    await host?.powerOff(0);
    await web?.close();
  });

  it("wait for the host, then fill the New-domain dialog; a reason is shown", async () => {
    await page.getByRole("button", { name: "Power on" }).waitFor();
    const files = [
      { name: "mini.elf", bytes: new Uint8Array(readFileSync(image)) },
      { name: "gone", reason: "/tmp/gone can't be opened: there is no such file." },
    ];
    await desktop.say("opened", files);
    await page.locator(".toast", { hasText: "/tmp/gone can't be opened" }).waitFor();
    expect(await page.getByRole("dialog").count()).toBe(0);
    await page.getByRole("button", { name: "Power on" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.locator(".file-facts").waitFor();
    await dialog.getByRole("button", { name: "Create", exact: true }).click();
    await expect.poll(() => page.locator(".xterm-rows").innerText(), { timeout: 15_000 }).toMatch(/mini> /);
  });
});
