/** Disks in the window: dropped on it, described before anything is made of them, booted, attached, inserted, ejected, detached. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { guestsMissing } from "../guests/images.ts";
import { makeTinyDisk, TINY_NAME } from "../guests/tiny-disk.ts";
import { temporaryFolder } from "../temporary.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const tools = ["mke2fs", "qemu-img", "xorriso"].filter((tool) => spawnSync(tool, ["--version"]).error);
const missing =
  chromiumMissing() ?? guestsMissing() ?? (tools.includes("mke2fs") ? "e2fsprogs is not installed" : null);
const folder = temporaryFolder("ui-disks");
const disk = path.join(folder, "tiny.img");
let app: Application;

const dialog = (name: string | RegExp = "New domain") => app.page.getByRole("dialog", { name });
const text = () => dialog().getByLabel("xl.cfg", { exact: true });
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const kept = (): string[] => readdirSync(path.join(app.served.env.XENARIUM_STATE!, "images"));

/** Drops a file on the window, as a file manager does; on a zone if there is one of that name. */
async function drop(file: string, zone: RegExp | null = null): Promise<void> {
  const { page } = app;
  await page.evaluate(() => {
    const input = document.createElement("input");
    input.type = "file";
    input.id = "test-drop";
    document.body.append(input);
  });
  await page.locator("#test-drop").setInputFiles(file);
  const transfer = await page.evaluateHandle(() => {
    const input = document.querySelector<HTMLInputElement>("#test-drop")!;
    const data = new DataTransfer();
    for (const each of input.files!) data.items.add(each);
    input.remove();
    return data;
  });
  await page.dispatchEvent("body", "dragenter", { dataTransfer: transfer });
  const target = zone ? page.locator("[data-drop]").filter({ hasText: zone }) : page.locator("body");
  if (zone) await app.shoot("drop-zones");
  await target.dispatchEvent("drop", { dataTransfer: transfer });
}

describe.skipIf(missing !== null)(`disks in the window${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    makeTinyDisk(folder, disk);
    app = await Application.start();
  }, 60_000);
  afterAll(() => app?.stop());

  it("boots what is installed on a dropped image, which is given in pieces and described before", async () => {
    await drop(disk);
    const facts = dialog().getByRole("group", { name: "What is on the disk" });
    await facts.getByText(TINY_NAME).first().waitFor({ timeout: 60_000 });
    await expect
      .poll(() => facts.innerText())
      .toMatch(/raw disk image with an ext2, ext3 or ext4 file system, 48 MiB, of which/);
    expect(await facts.innerText()).toMatch(/whole disk\s+48 MiB\s+ext4, “tiny”/);
    expect(await facts.innerText()).toContain("boots “Tiny Linux”");
    expect(kept()).toEqual(["tiny.img"]);
    const given = path.join(app.served.env.XENARIUM_STATE!, "images/tiny.img");
    expect(sha256(readFileSync(given))).toBe(sha256(readFileSync(disk)));
    expect(await text().inputValue()).toContain(
      `bootloader = "pygrub"\nmemory = 256\nvcpus = 1\ndisk = [ "${given},raw,xvda,rw" ]\nvif = [ "bridge=xenbr0" ]\n`,
    );
    await app.shoot("create-disk");
    await dialog().getByLabel("Disposable").check();
    expect(await text().inputValue()).toContain(`disk = [ "${given},raw,xvda,rw,disposable" ]`);
    await text().fill((await text().inputValue()).replace(",disposable", ""));
    await expect.poll(() => dialog().getByLabel("Disposable").isChecked()).toBe(false);
    await dialog().getByRole("button", { name: "Create", exact: true }).click();
    await app.waitForTerminal(/BOUND 10\.0\.2\.\d+[^]*TINY READY/, 60);
  }, 150_000);
});
