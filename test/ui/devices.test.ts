/** The wiring diagram: it must show what the rings, ports and grant tables of the running host say. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { violationsOf } from "./violations.ts";

const missing = chromiumMissing();
let app: Application;

const part = (id: string) => app.page.locator(`.react-flow__node[data-id="${id}"]`);
const edge = (id: string) => app.page.locator(`.react-flow__edge[data-id="${id}"]`);
const facts = () => app.page.locator(".part-facts");

describe.skipIf(missing !== null)(`devices${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
  });
  afterAll(() => app?.stop());

  it("shows both ends of console and xenstore, with ring, event channel and grant between", async () => {
    await app.tab("Devices");
    for (const device of ["1/console/0", "1/xenstore/0"])
      for (const each of ["frontend", "ring", "channel", "grant", "backend", "behind"])
        await part(`${device}:${each}`).waitFor();
    expect(await part("1/console/0:channel").innerText()).toMatch(/\d+ ⇄ \d+, interdomain/);
    expect(await part("1/console/0:grant").innerText()).toMatch(/mfn \d+, mapped/);
    expect(await part("1/console/0:ring").innerText()).toContain("0 of 2048 B");
    await expect.poll(() => app.page.locator(".react-flow__edge.flows").count()).toBe(0);
    await app.shoot("devices");
  });

  it("tells a part's numbers, its nodes in xenstore among them", async () => {
    await part("1/console/0:ring").click();
    await facts().getByText("struct xencons_interface").waitFor();
    await part("1/console/0:backend").click();
    await facts().getByText("/local/domain/0/backend/console/1/0").waitFor();
    await facts().getByText("4, Connected").waitFor();
    await part("1/console/0:frontend").focus();
    await app.page.keyboard.press("Enter");
    await expect.poll(() => facts().innerText()).toMatch(/ring-ref\s+\d+/);
    await app.shoot("devices-frontend");
  });

  it("moves when something goes through, and only then", async () => {
    const flows = async (): Promise<boolean> =>
      (await edge("1/xenstore/0:frontend>ring").getAttribute("class"))!.includes("flows");
    expect(await flows()).toBe(false);
    await app.tab("Console");
    await app.type("xenstore-ls");
    await app.tab("Devices");
    await part("1/xenstore/0:channel").click();
    const sent = async (): Promise<number> =>
      Number(/Domain-0[^]*?(\d+) received/.exec(await facts().innerText())?.[1] ?? 0);
    await expect.poll(sent).toBeGreaterThan(10);
    // Another window edits a value that the guest watches: its watch fires, and it reads.
    const before = await sent();
    const seen = app.page.waitForSelector('.react-flow__edge.flows[data-id="1/xenstore/0:frontend>ring"]', {
      state: "attached",
    });
    await app.inOtherWindow(async (page) => {
      await page.getByRole("button", { name: "Host" }).click();
      await page.getByRole("tab", { name: "Xenstore", exact: true }).click();
      await page.locator('.store-row[data-path="/local/domain/1"]').click();
      await page.getByRole("treegrid").press("ArrowRight");
      await page.locator('.store-row[data-path="/local/domain/1/control"]').click();
      await page.getByRole("treegrid").press("ArrowRight");
      await page.locator('.store-row[data-path="/local/domain/1/control/shutdown"]').click();
      await page.getByRole("textbox", { name: "Value" }).fill("nonsense");
      await page.getByRole("button", { name: "Write" }).click();
    });
    await seen;
    await expect.poll(sent).toBeGreaterThan(before);
    await expect.poll(flows).toBe(false);
  });

  it("draws console output while the guest writes", async () => {
    let isDrawn = false;
    const writing = app.inOtherWindow(async (page) => {
      await page.locator(".side-domain").click();
      await page.getByRole("tab", { name: "Console", exact: true }).click();
      await page.locator(".xterm-helper-textarea").focus();
      for (let i = 0; i < 40 && !isDrawn; i++) {
        await page.keyboard.type("help\r");
        await page.waitForTimeout(100);
      }
    });
    await edge("1/console/0:frontend>ring").and(app.page.locator(".flows")).waitFor({ state: "attached" });
    isDrawn = true;
    await app.shoot("devices-traffic");
    await writing;
  });

  it("shows what waits for a paused guest", async () => {
    await app.page.getByRole("button", { name: "Pause" }).click();
    await app.tab("Console");
    await app.page.locator(".xterm-helper-textarea").focus();
    await app.page.keyboard.type("waiting");
    await app.tab("Devices");
    await expect.poll(() => part("1/console/0:ring").innerText()).toContain("7 of 1024 B");
    await expect.poll(() => part("1/console/0:frontend").innerText()).toContain("pending");
    await app.page.getByRole("button", { name: "Unpause" }).click();
    await expect.poll(() => part("1/console/0:ring").innerText()).toContain("0 of 1024 B");
  });

  it("lists ports and grants, and shows all that Domain-0 is the backend of", async () => {
    const ports = app.page.getByRole("group", { name: "Event channels of mini-1" });
    expect(await ports.innerText()).toContain("VIRQ_TIMER");
    await app.page.getByRole("button", { name: "Host" }).click();
    await app.tab("Devices");
    await part("1/xenstore/0:behind").waitFor();
    await app.shoot("devices-host");
  });

  it("attaches a keyboard, says what is attached only at a start, and leads to the configuration where that is added", async () => {
    const { page } = app;
    await page.locator(".side-domain").first().click();
    await app.tab("Devices");
    await page.getByText("It has none.", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Attach a keyboard…" }).click();
    const dialog = page.getByRole("dialog", { name: "Attach a keyboard to mini-1" });
    await dialog.getByText("It has no screen").waitFor();
    await dialog.getByLabel("What").selectOption("a keyboard only");
    expect(await dialog.getByLabel("The pointer moves").isDisabled()).toBe(true);
    expect(await violationsOf(page)).toEqual([]);
    await app.shoot("attach-keyboard");
    await page.keyboard.press("Tab");
    await dialog.getByRole("button", { name: "Attach" }).press("Enter");
    await dialog.waitFor({ state: "detached" });
    const row = page.getByRole("row").filter({ hasText: "keyboard 0" });
    await row.getByText("InitWait").waitFor();
    const client = await app.client();
    const uuid = (await client.request("list", {})).find(({ domid }) => domid === 1)!.uuid;
    const { config } = await client.request("keptConfig", { uuid });
    client.close();
    expect(config).toContain('vkb = [ "backend-type=qemu,feature-disable-pointer=1" ]');
    await app.shoot("devices-keyboard");
    await page.getByText("Neither xl nor this window attaches channels (channel) and screens (vfb)").waitFor();
    await page.getByRole("button", { name: "Edit the configuration…" }).click();
    const editor = page.getByRole("dialog", { name: "Configuration of mini-1" });
    await editor.getByRole("button", { name: "Channel" }).click();
    await editor.getByRole("button", { name: "Channel" }).click();
    await editor.getByRole("button", { name: "Screen" }).click();
    await expect
      .poll(() => editor.getByLabel("xl.cfg", { exact: true }).inputValue())
      .toMatch(
        /channel = \[ "name=org\.example\.1,connection=pty", "name=org\.example\.2,connection=pty" \][^]*vfb = \[ "vnc=1" \]/,
      );
    expect(await violationsOf(page)).toEqual([]);
    await app.shoot("edit-at-start");
    await editor.getByRole("button", { name: "Cancel" }).click();
    await row.getByRole("button", { name: "Detach keyboard 0…" }).click();
    await page
      .getByRole("dialog", { name: /Detach keyboard 0/ })
      .getByRole("button", { name: "Detach" })
      .click();
    // This guest knows no keyboards, so it does not let go of one.
    const force = page.getByRole("dialog", { name: /^Take keyboard 0 away from / });
    await force.getByRole("button", { name: "Take it away" }).click();
    await force.waitFor({ state: "detached" });
    await row.waitFor({ state: "detached" });
  }, 180_000);

  it("asks for nothing when nobody looks", async () => {
    await app.tab("Overview");
    await app.settled();
    const before = app.received("wiring");
    await app.measured(3);
    expect(app.received("wiring")).toBe(before);
    expect(before).toBeGreaterThan(0);
  });

  it("has logged no error", () => expect(app.problems).toEqual([]));
});
