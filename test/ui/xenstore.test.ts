/** The view of xenstore: the tree of the real xenstored, its watches, search, edits and quotas. */
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing();
const cli = path.resolve(import.meta.dirname, "../../dist/cli.js");
let app: Application;

const row = (name: string) => app.page.locator(`.store-row[data-path="${name}"]`);
const value = (name: string): Promise<string> => row(name).locator(".store-value").innerText();
const dialog = () => app.page.getByRole("dialog");

describe.skipIf(missing !== null)(`xenstore${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
  });
  afterAll(() => app?.stop());

  it("shows the tree with values, owners and permissions, by keyboard too", async () => {
    const { page } = app;
    await page.getByRole("button", { name: "Host" }).click();
    await app.tab("Xenstore");
    await row("/local/domain/1").waitFor();
    await row("/local/domain/1").click();
    const grid = page.getByRole("treegrid");
    await grid.press("ArrowRight");
    await row("/local/domain/1/name").waitFor();
    await expect.poll(() => value("/local/domain/1/name")).toBe("mini-1");
    expect(await row("/local/domain/1/name").locator(".store-owner").innerText()).toBe("dom0");
    expect(await row("/local/domain/1/name").locator(".store-others").innerText()).toBe("r1");
    expect(await row("/local/domain/1/data").locator(".store-owner").innerText()).toBe("dom1");
    await row("/local/domain/1/control").click();
    await grid.press("ArrowRight");
    await grid.press("ArrowDown");
    expect(await page.locator(".store-row.selected").getAttribute("data-path")).toMatch(
      /^\/local\/domain\/1\/control\//,
    );
    await grid.press("ArrowLeft");
    await grid.press("ArrowLeft");
    await row("/local/domain/1/control/shutdown").waitFor({ state: "detached" });
    await app.shoot("xenstore");
  });

  it("hears of a change that somebody else made, and flashes it", async () => {
    const before = Number(await row("/local/domain/1/name").getAttribute("data-changes"));
    const { stdout } = await promisify(execFile)(process.execPath, [cli, "xl", "rename", "1", "renamed"], {
      env: app.served.env,
    });
    expect(stdout).toBe("");
    await row("/local/domain/1/name").locator(".store-flash").waitFor();
    await expect.poll(() => value("/local/domain/1/name")).toBe("renamed");
    expect(Number(await row("/local/domain/1/name").getAttribute("data-changes"))).toBeGreaterThan(before);
    await app.page.locator(".store-changes", { hasText: "/local/domain/1/name" }).waitFor();
    await app.shoot("xenstore-changed");
  });

  it("edits: a new node, its value, its permissions, its end", async () => {
    const { page } = app;
    await row("/local/domain/1/data").click();
    await page.getByRole("button", { name: "New node below" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("not a name");
    await page.getByRole("button", { name: "Create" }).click();
    await page.locator("#store-new-error", { hasText: "is no path of xenstore" }).waitFor();
    await page.getByRole("textbox", { name: "Name" }).fill("colour");
    await page.getByRole("textbox", { name: "Value" }).last().fill("blue\\x00\\n");
    await page.getByRole("button", { name: "Create" }).click();
    await expect.poll(() => value("/local/domain/1/data/colour")).toBe("blue\\x00\\n");
    await page.getByRole("textbox", { name: "Value" }).fill("grün");
    await page.getByRole("button", { name: "Write" }).click();
    await expect.poll(() => value("/local/domain/1/data/colour")).toBe("grün");
    await page.getByLabel("What all others may do").selectOption("r");
    await page.getByRole("button", { name: "Set", exact: true }).click();
    await expect.poll(() => row("/local/domain/1/data/colour").locator(".store-others").innerText()).toBe("*r");
    await app.shoot("xenstore-edit");
    await page.getByRole("button", { name: "Domain", exact: true }).click();
    await page.getByLabel("What Domain-0 may do").selectOption("b");
    await page.getByRole("button", { name: "Set", exact: true }).click();
    await expect.poll(() => row("/local/domain/1/data/colour").locator(".store-others").innerText()).toBe("b0 *r");
    await page.getByRole("button", { name: "Name Domain-0 no more" }).click();
    await page.getByLabel("Owner").selectOption("0");
    await page.getByRole("button", { name: "Set", exact: true }).click();
    await expect.poll(() => row("/local/domain/1/data/colour").locator(".store-owner").innerText()).toBe("dom0");
    await page.getByLabel("Search xenstore").fill("GR\u00fcn");
    await page.getByRole("option").filter({ hasText: "colour" }).dblclick();
    await row("/local/domain/1/data/colour").waitFor();
    await page.getByRole("button", { name: "Remove" }).click();
    await dialog().getByText("/local/domain/1/data/colour is removed").waitFor();
    await dialog().getByRole("button", { name: "Remove" }).click();
    await row("/local/domain/1/data/colour").waitFor({ state: "detached" });
  });

  it("keeps what was typed while nobody sees the window, and listens to nothing then", async () => {
    const { page } = app;
    await row("/local/domain/1/data").click();
    await page.getByRole("textbox", { name: "Value" }).fill("half");
    const see = (visible: boolean): Promise<void> =>
      page.evaluate(
        (to) => {
          Object.defineProperty(document, "visibilityState", { value: to, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        },
        visible ? "visible" : "hidden",
      );
    const unwatched = app.sent("xenstoreUnwatch");
    await see(false);
    await expect.poll(() => app.sent("xenstoreUnwatch")).toBeGreaterThan(unwatched);
    await app.settled();
    const before = app.received("xenstoreChanged");
    const client = await app.client();
    await app.inOtherWindow(async (other) => {
      await client.request("rename", { domid: 1, name: "unseen" });
      // Somebody who sees the window is told.
      await other.locator(".side-domain", { hasText: "unseen" }).waitFor();
    });
    await app.settled();
    expect(app.received("xenstoreChanged")).toBe(before);
    expect(await value("/local/domain/1/name")).toBe("renamed");
    await see(true);
    await expect.poll(() => value("/local/domain/1/name")).toBe("unseen");
    expect(await page.getByRole("textbox", { name: "Value" }).inputValue()).toBe("half");
    await page.getByRole("button", { name: "Undo" }).click();
    await client.request("rename", { domid: 1, name: "renamed" });
    client.close();
  });

  it("finds nodes by name and value, and shows one in the tree", async () => {
    const { page } = app;
    await page.getByLabel("Search xenstore").fill("ring-ref");
    const found = page.getByRole("listbox", { name: "Nodes found" }).getByRole("option");
    await expect.poll(() => found.count()).toBe(2);
    await app.shoot("xenstore-search");
    await found.filter({ hasText: "/local/domain/1/store/ring-ref" }).dblclick();
    await row("/local/domain/1/store/ring-ref").waitFor();
    await page.getByLabel("Search xenstore").fill("no such thing");
    await page.getByText("No node has").waitFor();
    await page.getByLabel("Search xenstore").fill("");
  });

  it("finds by a part of a path, and names as hostile as xenstore allows stay text", async () => {
    const { page } = app;
    const client = await app.client();
    const hostile = `/local/domain/1/data/-_@${"x".repeat(600)}`;
    await client.request("xenstoreWrite", {
      path: hostile,
      value: '<img src=x onerror="alert(1)">\xe2\x80\xae\x1b[31m\0',
    });
    await page.getByLabel("Search xenstore").fill("domain/1/name");
    const found = page.getByRole("listbox", { name: "Nodes found" }).getByRole("option");
    await expect.poll(() => found.count()).toBe(1);
    expect(await found.innerText()).toContain("/local/domain/1/name");
    await page.getByLabel("Search xenstore").fill("onerror");
    await found.filter({ hasText: "onerror" }).dblclick();
    await row(hostile).waitFor();
    // Escape, and the mark that turns the direction of text around, are shown as bytes. The value is not treated as markup.
    await expect.poll(() => value(hostile)).toContain("\\x1b[31m\\x00");
    expect(await value(hostile)).toContain('<img src=x onerror="alert(1)">\\xe2\\x80\\xae');
    await app.shoot("xenstore-hostile");
    await client.request("xenstoreRemove", { path: hostile });
    await row(hostile).waitFor({ state: "detached" });
    client.close();
  });

  it("shows quotas with what is used of them", async () => {
    const { page } = app;
    const account = page.locator(".store-accounts");
    await account.getByText("less than 2048 bytes and up to 5 permissions").waitFor();
    await expect
      .poll(() => account.locator("tbody tr").nth(1).innerText())
      .toMatch(/of 1000[^]*of 128[^]*of 10[^]*of 20[^]*of 1048576/);
  });

  it("keeps only what is in sight in the document, of 10,000 nodes too", async () => {
    const { page } = app;
    const client = await app.client();
    for (let i = 0; i < 10_000; i += 100)
      await Promise.all(
        Array.from({ length: 100 }, (_, j) =>
          client.request("xenstoreWrite", { path: `/tool/many/${i + j}`, value: `value ${i + j}` }),
        ),
      );
    await page.getByLabel("Search xenstore").fill("tool/many");
    await page.getByText("The first 200 nodes with “tool/many”").waitFor();
    await page.getByRole("option").first().dblclick();
    await row("/tool/many").waitFor();
    await row("/tool/many").click();
    const grid = page.getByRole("treegrid");
    await grid.press("ArrowRight");
    await row("/tool/many/0").waitFor();
    await expect.poll(async () => Number(await grid.getAttribute("aria-rowcount"))).toBeGreaterThan(10_000);
    expect(await page.locator(".store-row").count()).toBeLessThan(100);
    await grid.press("End");
    await row("/tool/many").waitFor({ state: "detached" });
    await grid.press("Home");
    await row("/tool/many").waitFor();
    await page.getByLabel("Search xenstore").fill("value 9999");
    await page.getByRole("option").filter({ hasText: "value 9999" }).dblclick();
    await expect.poll(() => value("/tool/many/9999")).toBe("value 9999");
    await client.request("xenstoreWrite", { path: "/tool/many/9999", value: "changed" });
    await row("/tool/many/9999").locator(".store-flash").waitFor();
    await expect.poll(() => value("/tool/many/9999")).toBe("changed");
    expect(await page.locator(".store-row").count()).toBeLessThan(100);
    await app.shoot("xenstore-many");
    await client.request("xenstoreRemove", { path: "/tool/many" });
    await row("/tool/many/9999").waitFor({ state: "detached" });
    client.close();
  });

  it("shows a domain's own part, what it holds against its quota, and lets go when it is gone", async () => {
    const { page } = app;
    await page.locator(".side-domain", { hasText: "renamed" }).click();
    await app.tab("Xenstore");
    await row("/local/domain/1/console").waitFor();
    const account = page.locator(".store-accounts tbody tr");
    await expect.poll(() => account.innerText()).toMatch(/\d+ of 1000/);
    await app.tab("Console");
    await app.type("xenstore-ls");
    await app.waitForTerminal(/domid = "1"/, 5);
    const before = Number(await requests());
    await app.tab("Console");
    await app.type("xenstore-ls");
    await expect.poll(requests).toBeGreaterThan(before);
    await app.shoot("xenstore-domain");
    await page.getByRole("button", { name: "Destroy" }).click();
    await dialog().getByRole("button", { name: "Destroy" }).click();
    await page.getByText("it went with its domain").waitFor();
  });

  it("has logged no error", () => expect(app.problems).toEqual([]));
});

/** Returns how many requests the guest has made to xenstored, as the view counts them. */
async function requests(): Promise<number> {
  await app.tab("Xenstore");
  const cells = app.page.locator(".store-accounts tbody tr td");
  await cells.first().waitFor();
  return Number(await cells.nth(6).innerText());
}
