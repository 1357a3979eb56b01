/** Dialogs: the focus is where the user types, Enter answers, and files that are too large or too many are reported. */
import { copyFileSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { violationsOf } from "./violations.ts";

const missing = chromiumMissing();
const mini = path.resolve(import.meta.dirname, "../../dist/assets/guests/mini.elf");
let app: Application;

const dialog = (name?: string | RegExp) => app.page.getByRole("dialog", { ...(name && { name }) });
const focused = (): Promise<string> =>
  app.page.evaluate(() => {
    const { activeElement: at } = document;
    return at?.id || at?.getAttribute("aria-label") || at?.textContent || "";
  });

describe.skipIf(missing !== null)(`dialogs${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
  });
  afterAll(() => app?.stop());

  it("give the focus to the first field, and Enter submits: a folder's name is typed at once", async () => {
    const { page } = app;
    await page.getByRole("button", { name: "New folder" }).click();
    await dialog("New folder").waitFor();
    await page.keyboard.type("web");
    await page.keyboard.press("Enter");
    await dialog().waitFor({ state: "detached" });
    await page.locator(".sidebar").getByText("web", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Folder and tags" }).click();
    await dialog().waitFor();
    expect(await focused()).toBe("organize-folder");
    await page.keyboard.type("web");
    await page.keyboard.press("Enter");
    await dialog().waitFor({ state: "detached" });
    await page.keyboard.press("Control+Shift+N");
    await dialog("New domain").waitFor();
    expect(await page.evaluate(() => (document.activeElement as HTMLInputElement).labels?.[0]?.textContent)).toContain(
      "Name",
    );
    await page.keyboard.press("Escape");
    await dialog().waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Type text…" }).click();
    await page.keyboard.type("info");
    await page.keyboard.press("Control+Enter");
    await dialog().waitFor({ state: "detached" });
  });

  it("in a confirmation it is the safe button that Enter presses", async () => {
    const { page } = app;
    await page.getByRole("button", { name: "Destroy" }).click();
    await dialog().waitFor();
    expect(await focused()).toBe("Cancel");
    await page.keyboard.press("Enter");
    await dialog().waitFor({ state: "detached" });
    expect(await page.locator(".side-domain", { hasText: "mini-1" }).getAttribute("data-state")).not.toBe("ended");
    // A dialog that only says something does not give the focus to × either, if there is anything else.
    await page.keyboard.press("Control+Shift+P");
    await dialog("Commands").waitFor();
    expect(await page.evaluate(() => document.activeElement?.getAttribute("role"))).toBe("combobox");
    await page.keyboard.press("Escape");
  });

  /** A file of 1 GiB, of which nearly everything is a hole. Its first bytes are those of a kernel. */
  const largeKernel = (): string => {
    const file = path.join(temporaryFolder("large-kernel"), "vmlinux");
    writeFileSync(file, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]));
    truncateSync(file, 2 ** 30);
    return file;
  };

  it("a file that is too large is said to be what it is, and is not sent", async () => {
    const { page } = app;
    const chunks = app.sent("fileChunk");
    await app.dropPaths([largeKernel()]);
    const told = page.getByRole("alert").filter({ hasText: "vmlinux" });
    await told.waitFor();
    expect(await told.innerText()).toMatch(/has 1\.0 GiB; up to 512 MiB can be given\. It is an ELF file/);
    expect(app.sent("fileChunk")).toBe(chunks);
    await page.keyboard.press("Escape");
    await dialog().waitFor({ state: "detached" });
  });

  it("of two kernels it says that there are two, and the chosen one is in the config", async () => {
    const { page } = app;
    const folder = temporaryFolder("two-kernels");
    const kernels = ["first.elf", "second.elf"].map((name) => path.join(folder, name));
    for (const kernel of kernels) copyFileSync(mini, kernel);
    await app.dropPaths(kernels);
    const choice = page.getByRole("group", { name: /2 files could be its kernel/ });
    await choice.waitFor();
    const config = dialog().getByLabel("xl.cfg", { exact: true });
    expect(await config.inputValue()).toContain('kernel = "first.elf"');
    await choice.getByLabel(/second\.elf/).check();
    expect(await config.inputValue()).toContain('kernel = "second.elf"');
    await app.shoot("two-kernels");
    expect(await violationsOf(page)).toEqual([]);
    await page.keyboard.press("Escape");
  });
});
