/** The server dies while the window is open. The built page notices it, says what to do, and connects again. */
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiClient } from "../../core/api/client.ts";
import { connectLocal } from "../../core/api/transport/local-client.ts";
import { temporaryFolder } from "../temporary.ts";
import { shootBoth } from "./application.ts";
import { chromiumMissing, launch } from "./browser.ts";
import { startServeIn, type Served } from "./serve.ts";

const missing = chromiumMissing();
/** The sockets that the page has opened. */
interface Sockets {
  sockets: WebSocket[];
}

describe.skipIf(missing !== null)(`a server that dies${missing ? ` (${missing})` : ""}`, () => {
  const folder = temporaryFolder("connection");
  const tokenFile = path.join(folder, "token");
  let served: Served;
  let browser: Browser;
  let page: Page;
  const serve = async (...more: string[]): Promise<Served> =>
    startServeIn(folder, "--host-memory", "256", "--pcpus", "1", "--port", port, ...more);
  let port = "0";
  const banner = () => page.getByRole("alert").filter({ hasText: "Xenarium" });
  const hostEntry = () => page.locator(".sidebar .side-entry").first();
  const running = (): Promise<void> => expect.poll(() => hostEntry().innerText()).toContain("running");
  const shoot = async (name: string): Promise<void> => shootBoth(page, await page.context().newCDPSession(page), name);

  beforeAll(async () => {
    served = await serve("--token-file", tokenFile);
    port = new URL(served.url).port;
    browser = await launch();
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await page.addInitScript(() => {
      const opened: WebSocket[] = [];
      Object.assign(window, { sockets: opened });
      window.WebSocket = class extends WebSocket {
        constructor(...given: ConstructorParameters<typeof WebSocket>) {
          super(...given);
          opened.push(this);
        }
      };
    });
    await page.goto(served.url);
  });
  afterAll(async () => {
    await browser?.close();
    await served?.stop();
  });

  it("is told at once when it is killed, with what to do; nothing goes on as if it ran", async () => {
    await running();
    await page.getByRole("button", { name: "Start the bundled guest" }).click();
    await expect.poll(() => page.locator(".xterm-rows").innerText()).toContain("mini> ");
    await served.kill();
    await banner().filter({ hasText: "start it again" }).waitFor();
    expect(await hostEntry().innerText()).toContain("no connection");
    // A button says that there is no connection, and does not spin for ever.
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator(".toast", { hasText: "There is no connection to the host." }).waitFor();
    await shoot("connection-lost");
  });

  it("comes back by itself to a server of the same token, which is another host: nothing of the old one stays", async () => {
    served = await serve("--token-file", tokenFile);
    await running();
    await banner().waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Start the bundled guest" }).click();
    await expect.poll(() => page.locator(".xterm-rows").innerText()).toContain("mini> ");
    expect(await page.locator(".sidebar").innerText()).not.toMatch(/Ended/i);
  });

  it("goes on with the same host after the connection alone was cut, and its console misses nothing", async () => {
    const client = new ApiClient(await connectLocal(served.env.XENARIUM_SOCKET));
    const { domid } = (await client.request("list")).find(({ name }) => name.startsWith("mini-"))!;
    const before = (await page.locator(".xterm-rows").innerText()).match(/mini> /g)!.length;
    await page.evaluate(() => (window as unknown as Sockets).sockets.forEach((socket) => socket.close()));
    await banner().waitFor();
    await client.request("consoleInput", { domid, bytes: new TextEncoder().encode("help\r") });
    await expect
      .poll(async () => (await page.locator(".xterm-rows").innerText()).match(/mini> /g)!.length)
      .toBeGreaterThan(before);
    client.close();
  });

  it("is told when it is ended as with Ctrl+C, and that the one after it has another token: the new address is taken", async () => {
    await served.stop();
    await banner().filter({ hasText: "start it again" }).waitFor();
    served = await serve();
    await banner().filter({ hasText: "another token" }).waitFor();
    await shoot("connection-token");
    const field = page.getByLabel("Address or token");
    await field.fill("nonsense");
    await page.keyboard.press("Enter");
    await page.getByText("There is no token in it").waitFor();
    await field.fill(served.url);
    await page.keyboard.press("Enter");
    await running();
    await banner().waitFor({ state: "detached" });
  });

  it("is not managed by a page without a token, which says where the address is", async () => {
    const other = await browser.newPage();
    await other.goto(`http://127.0.0.1:${port}/`);
    await other.getByRole("alert").filter({ hasText: "no token" }).waitFor();
    await other.close();
  });
});
