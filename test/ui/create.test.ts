/** The New domain dialog: where the files of a domain come from, its fields and the text of xl.cfg as one thing, and checks while the user types. */
import { copyFileSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing();
const mini = path.resolve(import.meta.dirname, "../../dist/assets/guests/mini.elf");
let app: Application;

const dialog = () => app.page.getByRole("dialog", { name: "New domain" });
const field = (label: string) => dialog().getByLabel(label, { exact: true });
const text = () => dialog().getByLabel("xl.cfg", { exact: true });
const create = () => dialog().getByRole("button", { name: "Create", exact: true });
const findings = () => dialog().locator(".config-findings li");

/** Returns the text beside a field, which its aria-describedby names. */
async function noteOf(label: string): Promise<string> {
  const id = await field(label).getAttribute("aria-describedby");
  return id === null ? "" : app.page.locator(`[id="${id}"]`).innerText();
}
async function open(): Promise<void> {
  await app.page.keyboard.press("Control+Shift+N");
  await dialog().waitFor();
}
async function cancel(): Promise<void> {
  await dialog().getByRole("button", { name: "Cancel" }).click();
  await dialog().waitFor({ state: "detached" });
}

describe.skipIf(missing !== null)(`New domain${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    // Names as in /boot. The kernel is the bundled guest, so that it can be started.
    const boot = temporaryFolder("boot");
    copyFileSync(mini, path.join(boot, "vmlinuz-9.1-mini"));
    app = await Application.start("--kernels", boot);
    await app.startGuest();
    await app.page.getByRole("tab", { name: "Overview" }).click();
  });
  afterAll(() => app?.stop());

  it("has nothing to blame before anything is typed, and the name's field ready for it", async () => {
    await open();
    await dialog().getByLabel("This computer’s kernel").waitFor();
    await expect.poll(() => field("Name").evaluate((element) => element === document.activeElement)).toBe(true);
    await app.settled();
    await expect.poll(() => findings().count()).toBe(0);
    await expect.poll(() => dialog().locator('[aria-invalid="true"]').count()).toBe(0);
    await expect.poll(() => create().isDisabled()).toBe(true);
    await app.shoot("create-empty");
  });

  it("changes the text with a field and keeps what the person wrote", async () => {
    await text().fill(
      '# the shop\nname = \'shop\'  # as DNS has it\nkernel = ""\nmemory = 64\nvcpus = 1\nmystery = [ "x" ]\n',
    );
    await expect.poll(() => field("Name").inputValue()).toBe("shop");
    await expect.poll(() => field("Memory, MiB").inputValue()).toBe("64");
    await field("Memory, MiB").fill("32");
    await field("Name").fill("shop-2");
    await field("Command line").fill('say "hi"');
    await dialog().getByText("Scheduling, and").click();
    await field("Cap, %").fill("50");
    await field("On crash").selectOption("preserve");
    expect(await text().inputValue()).toBe(
      '# the shop\nname = \'shop-2\'  # as DNS has it\nkernel = ""\ncmdline = "say \\"hi\\""\nmemory = 32\nvcpus = 1\n' +
        'cap = 50\non_crash = "preserve"\nmystery = [ "x" ]\n',
    );
    await findings().filter({ hasText: "mystery is not a key that is known here" }).waitFor();
    await field("Cap, %").fill("");
    await expect.poll(() => text().inputValue()).not.toContain("cap");
  });

  it("says beside the field, and with the line, what is wrong and what is allowed", async () => {
    await field("vCPUs").fill("64");
    await expect.poll(() => noteOf("vCPUs")).toMatch(/vcpus is "64"; allowed: a whole number from 0 to 32/);
    await expect.poll(() => field("vCPUs").getAttribute("aria-invalid")).toBe("true");
    const line = findings().filter({ hasText: "vcpus is" });
    await line.getByRole("button").click();
    expect(
      await text().evaluate((area: HTMLTextAreaElement) => area.value.slice(area.selectionStart, area.selectionEnd)),
    ).toBe("vcpus = 64");
    await field("vCPUs").fill("2");
    await expect.poll(() => noteOf("vCPUs")).toMatch(/The host has 1 pCPU: 2 vCPUs take turns on it/);
    await expect.poll(() => field("vCPUs").getAttribute("aria-invalid")).toBe("false");
    await text().fill('name = "a"\nmemory = 32 MiB\nvcpus = 1\n');
    await findings().filter({ hasText: "line 2" }).filter({ hasText: "expected the end of the line" }).waitFor();
    await expect.poll(() => dialog().locator('.config-gutter [data-mark="error"]').innerText()).toBe("2");
    await expect.poll(() => field("vCPUs").inputValue()).toBe("1");
    await field("Memory, MiB").fill("32");
    await expect.poll(() => text().inputValue()).toBe('name = "a"\nmemory = 32\nvcpus = 1\n');
  });

  it("checks against what the host has", async () => {
    await field("Name").fill("mini-1");
    await expect.poll(() => noteOf("Name")).toMatch(/A domain named mini-1 is there already; allowed/);
    await field("Memory, MiB").fill("3000");
    await expect.poll(() => noteOf("Memory, MiB")).toMatch(/The host has \d+ MiB free; allowed: 1 to \d+/);
    await field("pCPUs").fill("4-7");
    await expect.poll(() => noteOf("pCPUs")).toMatch(/4-7 names pCPU 4; the host has pCPU 0 alone/);
    await field("Cap, %").fill("300");
    await expect.poll(() => noteOf("Cap, %")).toMatch(/cap is "300"; allowed: a whole number from 0 to 100/);
    await text().fill(`${await text().inputValue()}kernel = "vmlinuz"\n`);
    await expect.poll(() => noteOf("Kernel")).toMatch(/vmlinuz has not been given/);
    await app.shoot("create-wrong");
    await create().click();
    await dialog().locator(':focus[aria-invalid="true"]').waitFor();
    await field("Name").fill("free-name");
    await expect.poll(() => noteOf("Name")).toBe("");
    await cancel();
  });

  it("shows the shared folders of a config both ways, and asks a browser's user for none", async () => {
    await open();
    const before = 'name = "shares"\nmemory = 32\n';
    await text().fill(before);
    await expect.poll(() => field("Memory, MiB").inputValue()).toBe("32");
    expect(await dialog().getByText("Shared folders").count()).toBe(0);
    await text().fill(`${before}p9 = [ "tag=share,security_model=none,path=/srv/web", "tag" ]\n`);
    const folder = (tag: string) => dialog().getByRole("group", { name: `Shared folder ${tag}`, exact: true });
    const path = folder("share").getByRole("button", { name: "/srv/web" });
    await path.waitFor();
    expect(await path.isDisabled()).toBe(true);
    expect(await dialog().getByRole("button", { name: "Folder…" }).count()).toBe(0);
    await folder("share").getByLabel("Tag of the shared folder share").fill("w");
    await expect.poll(() => text().inputValue()).toContain('"tag=w,security_model=none,path=/srv/web", "tag"');
    await folder("w").getByLabel("Read-only").check();
    await expect
      .poll(() => text().inputValue())
      .toContain('"tag=w,security_model=none,path=/srv/web,access=ro", "tag"');
    await text().fill((await text().inputValue()).replace(",access=ro", "").replace("/srv/web", "/srv/other"));
    await folder("w").getByRole("button", { name: "/srv/other" }).waitFor();
    await expect.poll(() => folder("w").getByLabel("Read-only").isChecked()).toBe(false);
    // What is no folder is shown with the reason, and can be removed.
    const wrong = dialog()
      .locator(".device-rows")
      .filter({ hasText: "Shared folders" })
      .locator("p.field-error")
      .first();
    await wrong.getByRole("button", { name: "Remove" }).click();
    await expect.poll(() => text().inputValue()).toContain('p9 = [ "tag=w,security_model=none,path=/srv/other" ]');
    await dialog().getByRole("button", { name: "Remove the shared folder w" }).click();
    await expect.poll(() => text().inputValue()).not.toContain("path=");
    await expect.poll(() => dialog().getByText("Shared folders").count()).toBe(0);
    await cancel();
  });

  it("starts the bundled guest, by keys alone", async () => {
    await open();
    await dialog().getByRole("button", { name: "The bundled guest" }).focus();
    await app.page.keyboard.press("Enter");
    await expect.poll(() => text().inputValue()).toContain('kernel = "mini.elf"');
    await dialog().locator(".file-facts").waitFor();
    await expect.poll(() => field("Name").inputValue()).toBe("mini-2");
    await text().focus();
    await app.page.keyboard.press("Control+End");
    await app.page.keyboard.type('# by hand\ncpus = "0"\n');
    await dialog().getByText("Scheduling, and").click();
    await expect.poll(() => field("pCPUs").inputValue()).toBe("0");
    await app.shoot("create-bundled");
    await app.page.keyboard.press("Control+Enter");
    await dialog().waitFor({ state: "detached" });
    await app.waitForTerminal(/mini> /, 20);
    await app.page.getByRole("heading", { level: 1, name: /mini-2/ }).waitFor();
  });

  it("starts a kernel of this computer’s that the user let windows have", async () => {
    await open();
    await dialog().getByLabel("This computer’s kernel").selectOption("9.1-mini");
    await expect.poll(() => field("Kernel").innerText()).toBe("vmlinuz-9.1-mini");
    await expect.poll(() => field("Name").inputValue()).toBe("linux-9.1-mini");
    await field("Memory, MiB").fill("32");
    await create().click();
    await app.waitForTerminal(/mini> /, 20);
    await app.page.getByRole("heading", { level: 1, name: /linux-9.1-mini/ }).waitFor();
  });

  it("names a kernel that can't be one, and saves the text as it is", async () => {
    await open();
    await dialog()
      .locator(".file-pick input")
      .first()
      .setInputFiles({ name: "notes.elf", mimeType: "", buffer: Buffer.from("\x7fELF no more of it") });
    await dialog().locator(".field-error", { hasText: "notes.elf: " }).waitFor();
    const [download] = await Promise.all([
      app.page.waitForEvent("download"),
      dialog().getByRole("button", { name: "Save" }).click(),
    ]);
    expect(readFileSync(await download.path(), "utf8")).toBe(await text().inputValue());
    await app.page.setViewportSize({ width: 640, height: 560 });
    await app.shoot("create-small");
    expect((await dialog().boundingBox())!.width).toBeLessThan(640);
    await app.page.setViewportSize({ width: 1280, height: 800 });
    await app.page.keyboard.press("Escape");
    await dialog().waitFor({ state: "detached" });
  });

  it("has logged no error", () => expect(app.problems).toEqual([]));
});
