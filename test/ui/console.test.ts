/** The tools of the console: search, copy and paste, typed text, size, log, a window of its own, and what is kept when the guest ends. */
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ClientMessage } from "../../core/api/schema.ts";
import { fromBytes } from "../../core/api/transport/frame.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing();
let app: Application;
/** The pieces of input as the page sent them. */
const sent: string[] = [];

const tool = (name: string) => app.page.getByRole("button", { name, exact: true });
const status = () => app.page.locator(".console-found");

async function paste(text: string): Promise<void> {
  await app.page.locator(".xterm-helper-textarea").evaluate((element, contents) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", contents);
    element.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  }, text);
}
function record(page: Page): void {
  page.on("websocket", (socket) =>
    socket.on("framesent", ({ payload }) => {
      const { request, args } = fromBytes(payload as Buffer) as ClientMessage;
      if (request === "consoleInput") sent.push(Buffer.from((args as { bytes: Uint8Array }).bytes).toString("latin1"));
    }),
  );
}

describe.skipIf(missing !== null)(`the console${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    app.page.setDefaultTimeout(8000);
    record(app.page);
    await app.page.reload();
    await app.startGuest();
    await app.type("help");
    await app.waitForTerminal(/switch off/, 5);
  });
  afterAll(() => app?.stop());

  it("searches what was shown, forwards and back, by case and expression", async () => {
    const { page } = app;
    await page.keyboard.press("Control+Shift+F");
    const input = page.getByLabel("Search the console", { exact: true }).and(page.locator("input"));
    await input.fill("xenstore");
    await expect.poll(() => status().innerText()).toBe("2 of 2");
    await page.keyboard.press("Enter");
    await expect.poll(() => status().innerText()).toBe("1 of 2");
    await tool("Next match").click();
    await expect.poll(() => status().innerText()).toBe("2 of 2");
    const marked = page.locator(".xterm-rows span[style*='background']");
    expect(await marked.count()).toBeGreaterThan(0);
    await app.shoot("console-search");
    await input.fill("HELP");
    await expect.poll(() => status().innerText()).toMatch(/of [1-9]/);
    await tool("Match case").click();
    await expect.poll(() => status().innerText()).toBe("none");
    await tool("Regular expression").click();
    await input.fill("load +N:");
    await expect.poll(() => status().innerText()).toBe("1 of 1");
    await input.fill("l[o]ad N");
    await expect.poll(() => status().innerText()).toMatch(/of 1/);
    // Half of an expression is not valid yet.
    await input.fill("l[o");
    await expect.poll(() => status().innerText()).toBe("none");
    await page.keyboard.press("Escape");
    expect(await page.locator(".console-search").count()).toBe(0);
  });

  it("copies the selection by its key", async () => {
    const { page } = app;
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const row = page.locator(".xterm-rows > div", { hasText: "switch off" });
    const box = (await row.boundingBox())!;
    await page.mouse.click(box.x + 60, box.y + box.height / 2, { clickCount: 3 });
    await page.keyboard.press("Control+Shift+C");
    await page.locator(".toast", { hasText: "Copied." }).waitFor();
    expect((await page.evaluate(() => navigator.clipboard.readText())).trim()).toMatch(/^poweroff +switch off$/);
    await page.mouse.click(box.x + 300, box.y + box.height / 2);
  });

  it("asks before lines are pasted that a shell would run, and sends them in pieces", async () => {
    const { page } = app;
    const lines = Array.from({ length: 200 }, () => "uptime").join("\n");
    await paste(lines);
    const question = page.getByRole("dialog", { name: "Paste 200 lines" });
    await question.waitFor();
    await app.shoot("console-paste");
    await question.getByRole("button", { name: "Cancel" }).click();
    sent.length = 0;
    await paste(lines);
    await question.getByRole("button", { name: "Paste" }).click();
    await expect.poll(() => sent.join("").length).toBe(lines.length);
    expect(sent.join("")).toBe(lines.replaceAll("\n", "\r"));
    expect(Math.max(...sent.map(({ length }) => length))).toBe(256);
    await page.keyboard.press("Enter");
    await app.waitForTerminal(/up [\d.]+ s, host up/, 5);
  });

  it("puts brackets around what is pasted once the guest asks for them", async () => {
    const { page } = app;
    // A value that the guest prints unchanged: the sequence by which a program asks for brackets around pasted text.
    await app.tab("Xenstore");
    await page.locator('.store-row[data-path="/local/domain/1/data"]').click();
    await page.getByRole("button", { name: "New node below" }).click();
    await page.locator("#store-new-name").fill("brackets");
    await page.locator("#store-new-value").fill("\\x1b[?2004h");
    await page.getByRole("button", { name: "Create" }).click();
    await page.locator('.store-row[data-path="/local/domain/1/data/brackets"]').waitFor();
    await app.tab("Console");
    await page.keyboard.press("Control+C");
    await app.type("xenstore-ls /local/domain/1/data");
    await app.waitForTerminal(/brackets/, 5);
    sent.length = 0;
    await paste("one\ntwo");
    await expect.poll(() => sent.join("")).toBe("\x1b[200~one\rtwo\x1b[201~");
    await page.keyboard.press("Control+C");
  });

  it("types text as keystrokes, and stops when told", async () => {
    const { page } = app;
    await page.keyboard.press("Enter");
    sent.length = 0;
    await tool("Type text…").click();
    await page.getByLabel("Text to type").fill("info\nmem");
    await app.shoot("console-type");
    await page.getByRole("button", { name: "Type", exact: true }).click();
    await expect.poll(() => sent.join("")).toMatch(/info\rmem\r$/);
    await tool("Type text…").click();
    await page.getByLabel("Text to type").fill("x".repeat(60_000));
    await page.getByRole("button", { name: "Type", exact: true }).click();
    await page.getByText(/Typing, [\d.]+ KiB to go/).waitFor();
    await app.shoot("console-typing");
    await page.getByRole("button", { name: "Stop" }).click();
    await expect.poll(() => page.getByText(/KiB to go/).count()).toBe(0);
    // Keys are sent in the same way. What comes before the first of them was typed before the stop, and nothing comes between them.
    await page.locator(".xterm-helper-textarea").focus();
    await page.keyboard.press("Control+C");
    await app.measured(1);
    await page.keyboard.press("Control+C");
    await expect.poll(() => sent.join("")).toMatch(/x\x03\x03$/);
    expect(sent.join("").length).toBeLessThan(60_000);
  });

  it("is as large as one likes, also after a reload", async () => {
    const { page } = app;
    const size = () => page.locator(".xterm-rows").evaluate((element) => getComputedStyle(element).fontSize);
    expect(await size()).toBe("13px");
    for (let i = 0; i < 5; i++) await page.keyboard.press("Control+Shift+Equal");
    await expect.poll(size).toBe("18px");
    await app.shoot("console-large");
    await page.reload();
    await page.locator(".xterm-rows").waitFor();
    await expect.poll(size).toBe("18px");
    for (let i = 0; i < 5; i++) await tool("Smaller text").click();
    await expect.poll(size).toBe("13px");
  });

  it("leaves the console by Ctrl+], as xl console does", async () => {
    const { page } = app;
    await page.locator(".xterm-helper-textarea").focus();
    await page.keyboard.press("Control+BracketRight");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Console");
  });

  it("saves the log as the guest wrote it", async () => {
    const [download] = await Promise.all([app.page.waitForEvent("download"), tool("Save the log to a file").click()]);
    expect(download.suggestedFilename()).toBe("mini-1-console.log");
    const text = readFileSync(await download.path(), "latin1");
    expect(text).toContain("Xenarium mini guest");
    expect(text).toContain("\x1b[?2004h");
  });

  it("opens in a window of its own, which shows and types the same", async () => {
    const [popup] = await Promise.all([app.page.waitForEvent("popup"), tool("Open in a window of its own").click()]);
    await popup.locator(".xterm-rows").waitFor();
    await popup.waitForFunction(() => /mini>/.test(document.querySelector(".xterm-rows")?.textContent ?? ""));
    expect(await popup.title()).toBe("mini-1 – console");
    await popup.locator(".xterm-helper-textarea").focus();
    await popup.keyboard.press("Control+C");
    await popup.keyboard.type("cpu");
    await popup.keyboard.press("Enter");
    await app.waitForTerminal(/mini> cpu/, 5);
    await app.shootPage(popup, "console-window");
    await popup.close();
  });

  it("keeps what was shown when the domain ends, with its tools", async () => {
    const { page } = app;
    await app.type("poweroff");
    await page.getByText("Its console is kept.").filter({ visible: true }).waitFor({ timeout: 40_000 });
    expect(await app.terminalText()).toContain("poweroff");
    await tool("Search the console").click();
    await page.locator(".console-search input").fill("mini>");
    await expect.poll(() => status().innerText()).toMatch(/of \d+/);
    const [download] = await Promise.all([page.waitForEvent("download"), tool("Save the log to a file").click()]);
    expect(readFileSync(await download.path(), "latin1")).toContain("Xenarium mini guest");
  });

  it("has logged no error", () => expect(app.problems).toEqual([]));

  it("draws by WebGL where there is a graphics processor", async () => {
    // The graphics processor is a program here, which the page would not use. So its name is hidden from the page.
    await app.inOtherWindow(async (page) => {
      const problems: string[] = [];
      page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
      await page.addInitScript(() => {
        const original = WebGL2RenderingContext.prototype.getExtension as (name: string) => unknown;
        WebGL2RenderingContext.prototype.getExtension = function (this: WebGL2RenderingContext, name: string) {
          return name === "WEBGL_debug_renderer_info" ? null : original.call(this, name);
        } as never;
      });
      await page.reload();
      await page.getByRole("button", { name: "Start the bundled guest" }).click();
      await page.locator(".xterm-screen canvas").first().waitFor({ state: "attached" });
      expect(await page.locator(".xterm-rows").count()).toBe(0);
      await app.shootPage(page, "console-webgl");
      // A lost context costs speed, but not the console.
      await page.getByRole("tab", { name: "Overview" }).click();
      await page.getByRole("tab", { name: "Console" }).click();
      await page
        .locator(".xterm-screen canvas")
        .first()
        .evaluate((canvas: HTMLCanvasElement) => {
          for (const each of document.querySelectorAll<HTMLCanvasElement>(".xterm-screen canvas"))
            each.getContext("webgl2")?.getExtension("WEBGL_lose_context")?.loseContext();
          return canvas.width;
        });
      await expect.poll(() => page.locator(".xterm-rows").innerText(), { timeout: 10_000 }).toMatch(/mini>/);
      expect(problems.filter((text) => !/WebGL|webgl|GL Driver/.test(text))).toEqual([]);
    });
  });
});
