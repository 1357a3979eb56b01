/** Files that the desktop opens, as the application takes them from its bridge: Electron's part is played by the test. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HostService } from "../../core/api/host-service.ts";
import { Session } from "../../core/api/session.ts";
import { serveWeb, type WebServer } from "../../core/api/transport/websocket-server.ts";
import { chromiumMissing, launch } from "./browser.ts";

const missing = chromiumMissing();
const dist = path.resolve(import.meta.dirname, "../../dist");
const image = path.join(dist, "assets/guests/mini.elf");

/** What electron/preload.ts puts on the window; bytes go over the test's own wire as base64. */
const BRIDGE = `
  const fromBase64 = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const toBase64 = (bytes) => btoa(Array.from(bytes, (each) => String.fromCharCode(each)).join(""));
  const pack = (_key, value) => (value instanceof Uint8Array ? { base64: toBase64(value) } : value);
  const unpack = (_key, value) => (value?.base64 === undefined ? value : fromBase64(value.base64));
  window.xenariumDesktop = {
    send: (message) => window.toHost(JSON.stringify(message, pack)),
    onMessage: (listener) => (window.fromHost = (text) => listener(JSON.parse(text, unpack))),
    onClose: () => {},
    onOpened: (listener) => (window.opened = (text) => listener(JSON.parse(text, unpack))),
  };
`;
const pack = (message: unknown): string =>
  JSON.stringify(message, (_key, value: unknown) =>
    value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : value,
  );
const unpack = (text: string): unknown =>
  JSON.parse(text, (_key, value: unknown) => {
    const base64 = (value as { base64?: string } | null)?.base64;
    return base64 === undefined ? value : Uint8Array.from(Buffer.from(base64, "base64"));
  });

describe.skipIf(missing !== null)(`files that the desktop opens${missing ? ` (${missing})` : ""}`, () => {
  let host: HostService;
  let web: WebServer;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const imageFolder = pathToFileURL(`${dist}/`);
    host = new HostService({ imageFolder, bundledGuest: pathToFileURL(image), memoryMiB: 512, pcpus: 1 });
    web = await serveWeb(host, path.join(dist, "renderer"));
    browser = await launch();
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    let session: Session | null = null;
    await page.exposeFunction("toHost", (text: string) => {
      session ??= new Session(host, {
        // The page may be closed already.
        send: (message) => void page.evaluate(`window.fromHost(${JSON.stringify(pack(message))})`).catch(() => {}),
        backlog: 0,
        end: () => {},
        mayNameFiles: false,
      });
      void session.receive(unpack(text));
    });
    await page.addInitScript(BRIDGE);
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
    await page.evaluate(`window.opened(${JSON.stringify(pack(files))})`);
    await page.getByText("/tmp/gone can't be opened").waitFor();
    expect(await page.getByRole("dialog").count()).toBe(0);
    await page.getByRole("button", { name: "Power on" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.locator(".file-facts").waitFor();
    await dialog.getByRole("button", { name: "Create", exact: true }).click();
    await expect.poll(() => page.locator(".xterm-rows").innerText(), { timeout: 15_000 }).toMatch(/mini> /);
  });
});
