/**
 * Disk images in the window: made, copied, grown, checked, deleted and added from files, with the domains that need each. A damaged one is among
 * them.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createQcow2 } from "../../core/dom0/storage/qcow2/create.ts";
import { temporaryFolder } from "../temporary.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { startServeIn } from "./serve.ts";
import { violationsOf } from "./violations.ts";

const SLOW = { timeout: 60_000 };
const MIB = 2 ** 20;
const missing = chromiumMissing();
const folder = temporaryFolder("ui-images");
let app: Application;

const row = (name: string) => app.page.locator(".images-table tbody tr", { has: app.page.locator(`text="${name}"`) });
const cell = (name: string, column: number) => row(name).locator("th, td").nth(column).innerText();
const dialog = (name: string | RegExp) => app.page.getByRole("dialog", { name });
async function choose(name: string, item: string): Promise<void> {
  await app.page.getByRole("button", { name: `What can be done with ${name}` }).click();
  await app.page.getByRole("menuitem", { name: item }).click();
}

describe.skipIf(missing !== null)(`disk images in the window${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.of(await startServeIn(folder, "--host-memory", "512", "--pcpus", "1"));
    await app.page.getByText("The host is up. Give it a guest.").waitFor(SLOW);
    await app.tab("Images");
    await app.page.getByText("There are no disk images yet.").waitFor();
  });
  afterAll(() => app?.stop());

  it("creates one, whose size is asked for in words that people use", async () => {
    const { page } = app;
    await page.getByRole("button", { name: "New image…" }).click();
    const asked = dialog("New disk image");
    await asked.getByLabel("Name").fill("data");
    await asked.getByLabel("Size of the disk").fill("none");
    await asked.getByText("A number above 0").waitFor();
    expect(await asked.getByRole("button", { name: "Create" }).isEnabled()).toBe(false);
    await asked.getByLabel("Size of the disk").fill("64");
    await asked.getByLabel("Unit of the size").selectOption("MiB");
    await app.shoot("images-new");
    expect(await violationsOf(page)).toEqual([]);
    await page.keyboard.press("Enter");
    await asked.waitFor({ state: "detached" });
    await row("data.qcow2").waitFor();
    expect(await cell("data.qcow2", 1)).toBe("qcow2");
    expect(await cell("data.qcow2", 2)).toBe("64 MiB");
    expect(await cell("data.qcow2", 4)).toBe("nobody");
  });

  it("makes it larger, and says why not smaller", async () => {
    await choose("data.qcow2", "Make larger…");
    const asked = dialog("Make data.qcow2 larger");
    await asked.getByLabel("Size of the disk").fill("32");
    await asked.getByText("What lies behind the new end would be lost").waitFor();
    expect(await asked.getByRole("button", { name: "Make larger" }).isEnabled()).toBe(false);
    await app.shoot("images-shrink");
    await asked.getByLabel("Size of the disk").fill("128");
    await asked.getByRole("button", { name: "Make larger" }).click();
    await asked.waitFor({ state: "detached" });
    await expect.poll(() => cell("data.qcow2", 2)).toBe("128 MiB");
  });

  it("adds a file, converts it, and deletes it after a clear question", async () => {
    const { page } = app;
    const bytes = Buffer.alloc(2 * MIB);
    bytes.write("\x55\xaa", 510, "latin1");
    await page.locator('.images-tools input[type="file"]').setInputFiles([
      { name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("no disk") },
      { name: "My disk.img", mimeType: "application/octet-stream", buffer: bytes },
    ]);
    await page.getByText("note.txt is no disk image").first().waitFor();
    await row("My-disk.img").waitFor();
    await choose("My-disk.img", "Copy or convert…");
    const asked = dialog("Copy or convert My-disk.img");
    expect(await asked.getByLabel("Name").inputValue()).toBe("My-disk-copy");
    await asked.getByLabel(/^qcow2/).check();
    await app.shoot("images-copy");
    expect(await violationsOf(page)).toEqual([]);
    await asked.getByRole("button", { name: "Convert to qcow2" }).click();
    await row("My-disk-copy.qcow2").waitFor(SLOW);
    expect(await cell("My-disk-copy.qcow2", 2)).toBe("2 MiB");
    await choose("My-disk.img", "Copy or convert…");
    await asked.getByLabel(/^vhd/).check();
    await asked.getByRole("button", { name: "Convert to vhd" }).click();
    await row("My-disk-copy.vhd").waitFor(SLOW);
    expect(await cell("My-disk-copy.vhd", 2)).toBe("2 MiB");
    await choose("My-disk.img", "Delete…");
    const question = dialog("Delete My-disk.img");
    await question.getByText("goes to the bin, and can be put back for a day").waitFor();
    await question.getByRole("button", { name: "Delete", exact: true }).click();
    await row("My-disk.img").waitFor({ state: "detached" });
    await app.command("Bin of deleted");
    const bin = dialog("Bin");
    const line = bin.getByRole("row", { name: /^My-disk\.img Disk image/ });
    await line.waitFor(SLOW);
    await app.shoot("images-bin");
    await line.getByRole("button", { name: "Put back My-disk.img" }).click();
    await bin.getByText("The bin is empty.").waitFor(SLOW);
    // Somebody else deletes the image and puts it back.
    const client = await app.client();
    await client.request("diskRemove", { name: "My-disk.img" });
    await line.waitFor(SLOW);
    const [binned] = await client.request("imageBin");
    await client.request("imageRestore", { id: binned!.id });
    await bin.getByText("The bin is empty.").waitFor(SLOW);
    client.close();
    await app.page.keyboard.press("Escape");
    await row("My-disk.img").waitFor(SLOW);
  });

  it("says which domains have it, and the host keeps what they need", async () => {
    const client = await app.client();
    const images = (await client.request("imageList")).folder!;
    const { config, files } = await client.request("takeBundled");
    const text = config
      .replace(/^name = .*$/m, 'name = "web"')
      .concat(`\ndisk = [ "format=qcow2, vdev=xvda, access=rw, target=${path.join(images, "data.qcow2")}" ]\n`);
    await client.request("create", {
      config: text,
      files: Object.fromEntries(files.map(({ name, file }) => [name, file])),
    });
    client.close();
    await expect.poll(() => cell("data.qcow2", 4), SLOW).toBe("web, running");
    await choose("data.qcow2", "Delete…");
    await dialog("Delete data.qcow2").getByText("It is needed (web, running)").waitFor();
    await dialog("Delete data.qcow2").getByRole("button", { name: "Delete", exact: true }).click();
    await app.page.getByText("web has data.qcow2 as a disk: detach it there first.").first().waitFor();
    await choose("data.qcow2", "Make larger…");
    await dialog("Make data.qcow2 larger").getByRole("button", { name: "Make larger" }).click();
    await dialog("Make data.qcow2 larger").getByText("web runs: make its disk larger there").waitFor();
    await app.page.keyboard.press("Escape");
    await choose("data.qcow2", "Check");
    await app.page
      .getByText("web runs and writes data.qcow2: it is checked when that has shut down.")
      .first()
      .waitFor();
  });

  it("shows images of chains, and what is wrong with one that means harm", async () => {
    const { page } = app;
    const client = await app.client();
    const images = (await client.request("imageList")).folder!;
    client.close();
    mkdirSync(images, { recursive: true });
    await createQcow2({
      path: path.join(images, "top.qcow2"),
      size: 2 * MIB,
      backing: { file: "My-disk-copy.qcow2", format: "qcow2" },
    });
    await createQcow2({
      path: path.join(images, "nosy.qcow2"),
      size: 2 * MIB,
      backing: { file: "../../../etc/passwd", format: "raw" },
    });
    writeFileSync(path.join(images, "cut.qcow2"), Buffer.from("QFI\xfb\0\0\0\x03", "latin1"));
    // The list is opened again.
    await app.tab("Networks");
    await app.tab("Images");
    await row("top.qcow2").getByText("based on My-disk-copy.qcow2").waitFor();
    expect(await cell("My-disk-copy.qcow2", 4)).toBe("top.qcow2 is based on it");
    await row("nosy.qcow2").getByText("which does not lie in its own folder").waitFor();
    await row("cut.qcow2").getByText("It can't be read").waitFor();
    await app.shoot("images");
    expect(await violationsOf(page)).toEqual([]);
    await choose("top.qcow2", "Check");
    await dialog("Check of top.qcow2").getByText("Nothing is wrong with this image.").waitFor(SLOW);
    await page.keyboard.press("Escape");
    await choose("nosy.qcow2", "Check");
    await dialog("Check of nosy.qcow2").getByText("Something is wrong with this image.").waitFor(SLOW);
    await app.shoot("images-check");
    expect(await violationsOf(page)).toEqual([]);
    await page.keyboard.press("Escape");
  });

  it("is worked from the keyboard: menu, item, dialog and back", async () => {
    const { page } = app;
    const button = page.getByRole("button", { name: "What can be done with cut.qcow2" });
    await button.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("menu").waitFor();
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    await dialog("Delete cut.qcow2").waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await row("cut.qcow2").waitFor({ state: "detached" });
    // The host refused each of these, and the page said so in its own words.
    expect(app.problems).toEqual([]);
  });
});
