/**
 * Domains in one file, in the window: exported from a menu, dropped and imported elsewhere, with the file's contents shown first; and what the places
 * for a drop do.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStore } from "../../core/dom0/storage/open.ts";
import { createQcow2 } from "../../core/dom0/storage/qcow2/create.ts";
import { exportDomain } from "../../core/library/transfer/export.ts";
import { temporaryFolder } from "../temporary.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { startServeIn } from "./serve.ts";
import { violationsOf } from "./violations.ts";

const SLOW = { timeout: 60_000 };
const MIB = 2 ** 20;
const missing = chromiumMissing();
const folder = temporaryFolder("ui-transfer");
const exported = path.join(folder, "web.xenarium.tar");
let app: Application;

const side = (name: string) => app.page.locator(`.side-domain[data-name="${name}"]`);
const state = (name: string) => side(name).getAttribute("data-state");
const dialog = (name: string | RegExp) => app.page.getByRole("dialog", { name });

const drop = (file: string, zone?: RegExp): Promise<void> => app.drop(file, zone && { zone, shot: "transfer-zones" });

async function tar(file: string, members: Record<string, string>): Promise<string> {
  const archive = pack();
  for (const [name, text] of Object.entries(members)) archive.entry({ name }, text);
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const part of archive as unknown as AsyncIterable<Buffer>) parts.push(part);
  writeFileSync(path.join(folder, file), Buffer.concat(parts));
  return path.join(folder, file);
}

/** Makes a domain whose disk takes a while. */
async function bigDomain(name: string): Promise<string> {
  const image = path.join(folder, "big.qcow2");
  await createQcow2({ path: image, size: 64 * MIB });
  const store = await openStore(image, "qcow2", "read-write");
  const bytes = randomBytes(48 * MIB);
  bytes.writeUInt16LE(0xaa55, 510);
  await store.write(0, [bytes]);
  await store.close();
  const [config, file] = [
    'name = "big"\nbootloader = "pygrub"\nmemory = 64\ndisk = [ "big.qcow2,qcow2,xvda,rw" ]\n',
    path.join(folder, name),
  ];
  const progress = (): void => {};
  await exportDomain({ name: "big", config, folder, files: {} }, file, progress, new AbortController().signal);
  rmSync(image);
  return file;
}
const filesIn = (at: string): string[] =>
  (existsSync(at) ? readdirSync(at, { recursive: true, withFileTypes: true }) : [])
    .filter((each) => each.isFile())
    .map(({ name }) => name)
    .sort();

/**
 * Clicks the button of that name as soon as it appears. With `holdsFile`, everything after the first piece of a dropped file is read only after that.
 */
async function clickOnce(label: string, { holdsFile }: { holdsFile: boolean }): Promise<void> {
  await app.page.evaluate(
    ([name, holds]) => {
      const clicked = new Promise<void>((resolve) => {
        const watch = new MutationObserver(() => {
          const button = document.querySelector<HTMLElement>(`button[aria-label="${name}"]`);
          if (!button) return;
          watch.disconnect();
          button.click();
          resolve();
        });
        watch.observe(document.body, { subtree: true, childList: true, attributes: true });
      });
      if (!holds) return;
      File.prototype.slice = function (start = 0, ...rest) {
        const piece = Blob.prototype.slice.call(this, start, ...rest);
        if (start > 0) piece.arrayBuffer = () => clicked.then(() => Blob.prototype.arrayBuffer.call(piece));
        return piece;
      };
    },
    [label, holdsFile] as const,
  );
}

const OVF = `<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
  <References><File ovf:id="f1" ovf:href="disk.vmdk"/></References>
  <DiskSection><Disk ovf:diskId="d1" ovf:fileRef="f1" ovf:capacity="8" ovf:capacityAllocationUnits="byte * 2^30"/></DiskSection>
  <VirtualSystem ovf:id="shop"><Name>Shop of 2019</Name><VirtualHardwareSection>
    <Item><ResourceType>3</ResourceType><VirtualQuantity>2</VirtualQuantity></Item>
    <Item><ResourceType>4</ResourceType><AllocationUnits>byte * 2^20</AllocationUnits><VirtualQuantity>1024</VirtualQuantity></Item>
    <Item><ResourceType>17</ResourceType><HostResource>ovf:/disk/d1</HostResource></Item>
    <Item><ResourceType>10</ResourceType></Item>
  </VirtualHardwareSection></VirtualSystem>
</Envelope>`;

describe.skipIf(missing !== null)(`domains in one file, in the window${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.of(await startServeIn(folder, "--host-memory", "512", "--pcpus", "1"));
    await app.page.getByText("The host is up. Give it a guest.").waitFor(SLOW);
    const client = await app.client();
    const { path: image } = await client.request("imageCreate", { name: "web", format: "qcow2", bytes: 64 * MIB });
    const { config, files } = await client.request("takeBundled");
    await client.request("create", {
      config: config
        .replace(/^name = .*$/m, 'name = "web"')
        .concat(`\ndisk = [ "format=qcow2, vdev=xvda, access=rw, target=${image}" ]\n`),
      files: Object.fromEntries(files.map(({ name, file }) => [name, file])),
    });
    client.close();
    await side("web").waitFor(SLOW);
  });
  afterAll(() => app?.stop());

  it("exports a domain from its menu once it does not run", async () => {
    const { page } = app;
    await side("web").click({ button: "right" });
    await page.getByRole("menu").waitFor();
    expect(await page.getByRole("menuitem", { name: "Export" }).count()).toBe(0);
    await page.keyboard.press("Escape");
    await app.command("Shut down web");
    await expect.poll(() => state("web"), SLOW).toBe("halted");
    await side("web").click({ button: "right" });
    const download = page.waitForEvent("download", SLOW);
    await page.getByRole("menuitem", { name: "Export" }).click();
    const file = await download;
    expect(file.suggestedFilename()).toBe("web.xenarium.tar");
    await file.saveAs(exported);
    expect(readFileSync(exported).toString("latin1", 0, 11)).toBe("domain.json");
    await page.getByText("Export web").first().waitFor();
  });

  it("shows what is in a dropped file, imports it under another name, and it starts", async () => {
    const { page } = app;
    await drop(exported);
    const asked = dialog("Import a domain");
    const facts = asked.getByRole("group", { name: "What is in the file" });
    await facts.getByText("A domain that Xenarium has exported").waitFor();
    expect(await facts.innerText()).toMatch(/Called\s+web\s+Memory\s+32 MiB\s+vCPUs\s+1\s+Disks\s+1/);
    const name = asked.getByLabel("Name here");
    // Not the button for another file: Enter imports.
    await expect.poll(() => name.evaluate((field) => field === document.activeElement)).toBe(true);
    expect(await name.inputValue()).toBe("web-2");
    await app.shoot("transfer-import");
    expect(await violationsOf(page)).toEqual([]);
    await name.fill("web");
    await asked.getByText("There is a domain named web already.").waitFor();
    expect(await asked.getByRole("button", { name: "Import", exact: true }).isEnabled()).toBe(false);
    await name.fill("copy of web");
    await page.keyboard.press("Enter");
    await expect.poll(() => state("copy of web"), SLOW).toBe("halted");
    await page.getByText("copy of web is in the library, halted.").first().waitFor();
    await side("copy of web").click();
    await page.locator(".page-header").getByRole("button", { name: "Start", exact: true }).click();
    await app.waitForTerminal(/mini> /, 30);
  });

  it("says of a machine of another hypervisor what it is, and of other archives why they are none", async () => {
    const { page } = app;
    await drop(await tar("shop.ova", { "shop.ovf": OVF, "disk.vmdk": "no disk" }));
    const asked = dialog("Import a domain");
    const facts = asked.getByRole("group", { name: "What is in the file" });
    await facts.getByText("An OVA: a virtual machine of another hypervisor").waitFor();
    expect(await facts.innerText()).toMatch(
      /Called\s+Shop of 2019\s+Memory\s+1024 MiB\s+vCPUs\s+2\s+Disks\s+1: 8 GiB\s+Network interfaces\s+1/,
    );
    await app.shoot("transfer-ova");
    expect(await violationsOf(page)).toEqual([]);
    // The file does not contain what it describes.
    await asked.getByLabel("Name here").fill("shop");
    await asked.getByRole("button", { name: "Import", exact: true }).click();
    await page
      .getByText(/The disk disk.vmdk of its machine is no disk image that is known here/)
      .first()
      .waitFor(SLOW);
    expect(await side("shop").count()).toBe(0);

    await drop(await tar("other.tar", { "readme.txt": "hello" }));
    await asked.getByText("other.tar is no domain that can be imported: it begins with readme.txt.").waitFor();
    expect(await asked.getByRole("button", { name: "Import", exact: true }).isEnabled()).toBe(false);
    await page.keyboard.press("Escape");
    await drop(await tar("evil.tar", { "../../etc/passwd": "root" }));
    await asked.getByText("evil.tar is refused: its member").waitFor();
    await app.shoot("transfer-refused");
    expect(await violationsOf(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await app.command("Import a domain");
    await asked.getByText("An archive that Xenarium has exported, an OVA or an XVA.").waitFor();
    await page.keyboard.press("Escape");
  });

  it("leaves nothing of an import that is cancelled while the file comes, and has a button that cancels it while it is taken in", async () => {
    const { page } = app;
    const big = await bigDomain("big.xenarium.tar");
    const there = (): string[][] =>
      ["images", "transfer", "library/domains"].map((name) => filesIn(path.join(folder, name)));
    const before = there();
    const asked = dialog("Import a domain");
    const take = async (): Promise<void> => {
      await drop(big);
      await asked.getByText("A domain that Xenarium has exported").waitFor(SLOW);
      await asked.getByLabel("Name here").fill("big");
      await page.keyboard.press("Enter");
    };
    const cancels = app.sent("taskCancel");
    // Until the task is cancelled, the window reads no more of the file than its first piece. So the task is not over before, however fast a computer
    // is.
    await clickOnce("Cancel: Take the file big.xenarium.tar", { holdsFile: true });
    await take();
    await page.getByText("It was cancelled.", { exact: true }).first().waitFor({ timeout: 240_000 });
    await expect.poll(there, SLOW).toEqual(before);
    expect(await side("big").count()).toBe(0);

    // The host can't be held back in this way, and it may have read the whole file when the click comes. That nothing is left of what was cancelled
    // is tested beside the API.
    await clickOnce("Cancel: Import big.xenarium.tar", { holdsFile: false });
    await take();
    const cancelled = page.getByText("It was cancelled, and nothing of it is left.", { exact: true });
    await expect
      .poll(async () => (await cancelled.count()) + (await side("big").count()), { timeout: 240_000 })
      .toBeGreaterThan(0);
    await expect.poll(() => app.sent("taskCancel") - cancels, SLOW).toBe(2);
    await page.getByRole("button", { name: "Tasks and events" }).click();
    await page.locator(".tasks").getByText("Import big.xenarium.tar").first().waitFor();
    await app.shoot("transfer-cancelled");
    await page.getByRole("button", { name: "Tasks and events" }).click();
    if ((await side("big").count()) === 0) {
      await expect.poll(there, SLOW).toEqual(before);
      // If nobody cancels it, it arrives.
      await take();
    }
    await expect.poll(() => state("big"), { timeout: 240_000 }).toBe("halted");
  }, 600_000);

  it("labels the places of a drop: one of them adds to the library", async () => {
    const { page } = app;
    const bytes = Buffer.alloc(MIB);
    bytes.write("\x55\xaa", 510, "latin1");
    writeFileSync(path.join(folder, "old.img"), bytes);
    await drop(path.join(folder, "old.img"), /Add to the library/);
    await page.getByText("old.img is among the host’s disk images now.").first().waitFor(SLOW);
    await page.locator(".images-table tbody tr", { hasText: "old.img" }).waitFor();
    expect(app.problems).toEqual([]);
  });
});
