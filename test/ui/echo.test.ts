/** The application's views show a kind of device of which it has never heard, and which is one row in the table of its dom0. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { startServeOf } from "./serve.ts";

const missing = chromiumMissing();
const dist = path.resolve(import.meta.dirname, "../../dist");
const folder = mkdtempSync(path.join(tmpdir(), "xenarium-echo-"));
let app: Application;
let domid: number;

const part = (id: string) => app.page.locator(`.react-flow__node[data-id="${domid}/echo/${id}"]`);

describe.skipIf(missing !== null)(`a new kind of device${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    cpSync(dist, folder, { recursive: true, filter: (file) => !file.endsWith(".map") });
    await build({
      entryPoints: [path.join(import.meta.dirname, "echo-dom0.ts")],
      outfile: path.join(folder, "dom0.js"),
      bundle: true,
      platform: "node",
      format: "esm",
      logLevel: "warning",
      banner: { js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);" },
    });
    const served = await startServeOf(path.join(folder, "cli.js"), "--host-memory", "512", "--pcpus", "1");
    app = await Application.of(served);
    const client = await app.client();
    const kernel = path.join(dist, "assets/guests/mini.elf");
    const config = `name = "two"\nkernel = "${kernel}"\nmemory = 16\necho = ["hello", "again"]\n`;
    ({ domid } = await client.request("create", { config }));
    client.close();
  });
  afterAll(async () => {
    await app?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is drawn with both ends and their states, two of a kind apart", async () => {
    await app.page.locator(".side-domain").click();
    await app.tab("Devices");
    for (const id of ["0", "1"])
      for (const each of ["frontend", "backend", "behind"]) await part(`${id}:${each}`).waitFor();
    expect(await part("0:frontend").innerText()).toMatch(/Echo frontend\s+not connected\s+1, Initialising/);
    expect(await part("1:backend").innerText()).toMatch(/Echo backend\s+not connected\s+2, InitWait/);
    await part("1:backend").click();
    await app.page.getByText(`/local/domain/0/backend/echo/${domid}/1`).first().waitFor();
    await expect.poll(() => app.page.locator(".part-facts").innerText()).toMatch(/greeting\s+again/);
    await part("0:behind").click();
    await expect.poll(() => app.page.locator(".part-facts").innerText()).toMatch(/Echo chamber\s+Answered\s+0/);
    await app.shoot("devices-echo");
  });

  it("has its handshake told by its name", async () => {
    await part("1:frontend").click();
    const card = app.page.locator(".handshake");
    await expect.poll(() => card.getByLabel("Device").inputValue()).toBe(`${domid}/echo/1`);
    await expect.poll(() => card.innerText()).toContain("backend 2 InitWait");
    expect(await card.getByLabel("Device").innerText()).toContain("Echo 1");
  });

  it("has logged no error", () => expect(app.problems).toEqual([]));
});
