/** The application in a real Chromium with a real host behind it, for the tests of its views. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Browser, CDPSession, JSHandle, Page } from "playwright-core";
import { expect } from "vitest";
import { ApiClient } from "../../core/api/client.ts";
import { connectLocal } from "../../core/api/transport/local-client.ts";
import type { ClientMessage, EventName, ServerMessage } from "../../core/api/schema.ts";
import { fromBytes } from "../../core/api/transport/frame.ts";
import { launch } from "./browser.ts";
import { startServe, type Served } from "./serve.ts";
import { still } from "./still.ts";

/** Screenshots are for whoever works on a view, and check nothing. A run that nobody looks at only draws both appearances. */
const shots = process.env.XENARIUM_SCREENSHOTS ? path.join(import.meta.dirname, "screenshots") : null;
if (shots) mkdirSync(shots, { recursive: true });

/**
 * Draws what is on the screen in both appearances. With XENARIUM_SCREENSHOTS=1 it is kept, as screenshots/NAME-light.png and -dark.png.
 */
export async function shootBoth(page: Page, devtools: CDPSession, name: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await still(page);
    if (!shots) continue;
    // Playwright's own screenshots add a style element, which the page's policy refuses.
    const { data } = await devtools.send("Page.captureScreenshot", { format: "png" });
    writeFileSync(path.join(shots, `${name}-${colorScheme}.png`), Buffer.from(data, "base64"));
  }
}

export class Application {
  readonly page: Page;
  readonly served: Served;
  /** The errors that the page logged. Violations of its policy are among them. */
  readonly problems: string[] = [];
  readonly #received = new Map<string, number>();
  readonly #sent = new Map<string, number>();
  readonly #browser: Browser;
  readonly #devtools: CDPSession;

  private constructor(served: Served, browser: Browser, page: Page, devtools: CDPSession) {
    this.served = served;
    this.#browser = browser;
    this.page = page;
    this.#devtools = devtools;
    page.on("console", (message) => {
      if (message.type() === "error") this.problems.push(message.text());
    });
    page.on("pageerror", (error) => this.problems.push(String(error)));
  }

  static async start(...options: string[]): Promise<Application> {
    return Application.of(await startServe("--host-memory", "512", "--pcpus", "1", ...options));
  }

  /** Opens the application of a server that is running already. The server ends with the application. */
  static async of(served: Served): Promise<Application> {
    const browser = await launch();
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const application = new Application(served, browser, page, await page.context().newCDPSession(page));
    page.on("websocket", (socket) => {
      socket.on("framesent", ({ payload }) => {
        const { request } = fromBytes(payload as Buffer) as ClientMessage;
        application.#sent.set(request, (application.#sent.get(request) ?? 0) + 1);
      });
      socket.on("framereceived", ({ payload }) => {
        const message = fromBytes(payload as Buffer) as ServerMessage;
        const event = "event" in message ? message.event : "answer";
        application.#received.set(event, (application.#received.get(event) ?? 0) + 1);
      });
    });
    await page.goto(served.url);
    return application;
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    expect(await this.served.stop()).toBe(0);
  }

  /** Draws what is on the screen in both appearances, and keeps it where screenshots are wanted. */
  shoot(name: string): Promise<void> {
    return shootBoth(this.page, this.#devtools, name);
  }
  /** Does the same for another window. */
  async shootPage(page: Page, name: string): Promise<void> {
    await shootBoth(page, await page.context().newCDPSession(page), name);
  }

  /** The number of messages of that event that the page has received. */
  received(event: EventName): number {
    return this.#received.get(event) ?? 0;
  }

  /** The number of requests that the page has sent whose names begin like this. */
  sent(prefix: string): number {
    return [...this.#sent].reduce((sum, [name, count]) => sum + (name.startsWith(prefix) ? count : 0), 0);
  }

  /** Waits until every request that the page has sent is answered and drawn. */
  async settled(): Promise<void> {
    await still(this.page);
    await expect.poll(() => this.sent("") - (this.#received.get("answer") ?? 0)).toBe(0);
    await still(this.page);
  }

  /**
   * Waits until the page has received that many more measurements. One comes each second while the page is visible, so everything else that it
   * receives regularly has come too.
   */
  async measured(times: number): Promise<void> {
    const before = this.received("statistics");
    await expect.poll(() => this.received("statistics") - before, { timeout: 30_000 }).toBeGreaterThanOrEqual(times);
  }

  /** Makes another client of the same host, beside the page, as the command line is one. */
  async client(): Promise<ApiClient> {
    return new ApiClient(await connectLocal(this.served.env.XENARIUM_SOCKET));
  }

  /** Opens the same host in a second window. */
  async inOtherWindow(body: (page: Page) => Promise<void>): Promise<void> {
    const page = await this.#browser.newPage({ viewport: { width: 1280, height: 800 } });
    try {
      await page.goto(this.served.url);
      await body(page);
    } finally {
      await page.close();
    }
  }

  /** Starts the bundled guest from the host's page and waits for its prompt. */
  async startGuest(): Promise<void> {
    await this.page.getByRole("button", { name: "Start the bundled guest" }).click();
    await this.waitForTerminal(/mini> /, 15);
  }
  tab(name: string): Promise<void> {
    return this.page.getByRole("tab", { name, exact: true }).click();
  }

  /** Drops a file on the window, as a file manager does, or on the zone of that name. Of the zone screenshots are taken before. */
  async drop(file: string, on?: { zone: RegExp; shot: string }): Promise<void> {
    const { page } = this;
    const transfer = await transferOf(page, [file]);
    await page.dispatchEvent("body", "dragenter", { dataTransfer: transfer });
    if (on) await this.shoot(on.shot);
    const target = on ? page.locator("[data-drop]").filter({ hasText: on.zone }) : page.locator("body");
    await target.dispatchEvent("drop", { dataTransfer: transfer });
  }

  /** Drops what is at these paths on the window, as the browser gets it from the desktop: folders too, and files that change afterwards. */
  async dropPaths(paths: string[], zone?: RegExp): Promise<void> {
    const data = { items: [], files: paths, dragOperationsMask: 1 };
    const drag = (type: "dragEnter" | "dragOver" | "drop", x: number, y: number) =>
      this.#devtools.send("Input.dispatchDragEvent", { type, x, y, data });
    await drag("dragEnter", 640, 4);
    let [x, y] = [640, 4];
    if (zone) {
      const box = (await this.page.locator("[data-drop]").filter({ hasText: zone }).boundingBox())!;
      [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    }
    await drag("dragOver", x, y);
    await drag("drop", x, y);
  }

  /** Runs a command by its name in the palette. */
  async command(name: string): Promise<void> {
    const palette = this.page.getByRole("dialog", { name: "Commands" });
    await this.page.keyboard.press("Control+Shift+P");
    await palette.getByRole("combobox").fill(name);
    await this.page.keyboard.press("Enter");
    await palette.waitFor({ state: "detached" });
  }

  /** Returns the text of the terminal that is shown, as the guest wrote it. */
  terminalText(): Promise<string> {
    return this.page.locator(".xterm-rows").innerText();
  }
  async waitForTerminal(pattern: RegExp, seconds: number): Promise<void> {
    const end = Date.now() + seconds * 1000;
    while (!pattern.test(await this.terminalText())) {
      if (Date.now() > end) expect(await this.terminalText()).toMatch(pattern);
      await this.page.waitForTimeout(100);
    }
  }
  /** Types a line at a domain's console from elsewhere. The page goes on with what it shows. */
  async typeElsewhere(domid: number, text: string): Promise<void> {
    const client = await this.client();
    await client.request("consoleInput", { domid, bytes: new TextEncoder().encode(`${text}\r`) });
    client.close();
  }
  async type(text: string): Promise<void> {
    await this.page.locator(".xterm-helper-textarea").focus();
    await this.page.keyboard.type(text);
    await this.page.keyboard.press("Enter");
  }
}

/** What is dropped when these files are: the browser opens them itself. */
export async function transferOf(page: Page, files: readonly string[]): Promise<JSHandle<DataTransfer>> {
  await page.evaluate(() => {
    const input = document.createElement("input");
    Object.assign(input, { type: "file", id: "test-drop", multiple: true });
    document.body.append(input);
  });
  await page.locator("#test-drop").setInputFiles([...files]);
  return page.evaluateHandle(() => {
    const input = document.querySelector<HTMLInputElement>("#test-drop")!;
    const data = new DataTransfer();
    for (const each of input.files!) data.items.add(each);
    input.remove();
    return data;
  });
}
