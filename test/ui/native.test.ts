/** A native driver domain in the window: made with the New domain dialog, shown as what it is, with the network that is its own. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { violationsOf } from "./violations.ts";

const missing = chromiumMissing();
/** Among the host's images, because a browser's window may name no others. */
let image: string;
let app: Application;

const dialog = () => app.page.getByRole("dialog", { name: "New domain" });
const field = (label: string) => dialog().getByLabel(label, { exact: true });
const text = () => dialog().getByLabel("xl.cfg", { exact: true });
const create = () => dialog().getByRole("button", { name: "Create", exact: true });
const findings = () => dialog().locator(".config-findings li");
const network = () => app.page.getByRole("region", { name: "Network xenbr0 of driver" });

const GUEST = `# a guest of mine
name = "driver"
kernel = "mini"  # the bundled one
memory = 64
vcpus = 2
vif = [ "bridge=xenbr0" ]
`;

describe.skipIf(missing !== null)(`a native driver domain in the window${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    image = path.join(app.served.env.XENARIUM_STATE!, "images/store.img");
    mkdirSync(path.dirname(image), { recursive: true });
    writeFileSync(image, Buffer.alloc(1 << 20));
    await app.page.getByText("The host is up. Give it a guest.").waitFor();
  }, 60_000);
  afterAll(() => app?.stop());

  it("has the fields that it can have, and the guest's text is there again when another type is chosen", async () => {
    await app.page.keyboard.press("Control+Shift+N");
    await dialog().waitFor();
    await text().fill(GUEST);
    await expect.poll(() => field("vCPUs").inputValue()).toBe("2");
    await field("Type").selectOption("native");
    for (const label of ["vCPUs", "Command line", "Screen", "Boots"]) expect(await field(label).count()).toBe(0);
    expect(await dialog().getByRole("button", { name: "Network interface" }).count()).toBe(0);
    expect(await text().inputValue()).toBe(
      '# a guest of mine\nname = "driver"\ntype = "native"\n# the bundled one\nmemory = 64\n',
    );
    await dialog()
      .getByText("Others get these images by the name of the disk: target=/dev/xvda, backend=driver.")
      .waitFor();
    await field("Type").selectOption("pv");
    await expect.poll(() => text().inputValue()).toBe(GUEST.replace("kernel", 'type = "pv"\nkernel'));
    await field("Type").selectOption("native");
  });

  it("offers the disks that it can have: no drives, and nothing disposable", async () => {
    const own = await text().inputValue();
    const button = (name: string) => dialog().getByRole("button", { name });
    await button("Disk image…").waitFor();
    expect(await button("Empty CD drive").count()).toBe(0);
    const disk = dialog().getByRole("group", { name: "The disk xvda" });
    await text().fill(`${own}disk = [ "${image},raw,xvda,rw" ]\n`);
    await disk.waitFor();
    for (const label of ["CD-ROM", "Disposable"]) expect(await disk.getByLabel(label).count()).toBe(0);
    await disk.getByLabel("Read-only").check();
    expect(await text().inputValue()).toContain(`disk = [ "${image},raw,xvda,ro" ]`);
    // What can only be read stays so.
    await text().fill(`${own}disk = [ "${image},qcow2,xvda,ro" ]\n`);
    await expect.poll(() => disk.getByLabel("Read-only").isDisabled()).toBe(true);
    await text().fill(own);
  });

  it("says what such a domain can't have", async () => {
    const own = await text().inputValue();
    for (const [line, said] of [
      ['kernel = "mini"', /kernel can't be had by a native domain: it boots nothing/],
      ["vcpus = 2", /it has one vCPU, its thread/],
      ["vif = ['']", /it has no frontends/],
      [`disk = ['${image},raw,xvda,rw,disposable']`, /leave disposable out/],
      [`disk = ['${image},qcow2,xvda,rw']`, /it can be raw, or read only/],
    ] as const) {
      await text().fill(`${own}${line}\n`);
      await expect.poll(() => findings().allInnerTexts()).toContainEqual(expect.stringMatching(said));
    }
    await text().fill(`${own.replace("64", "4")}disk = [ "${image},raw,xvda,rw" ]\non_crash = "restart"\n`);
    await expect.poll(() => findings().count()).toBe(0);
    await expect.poll(() => field("On crash").inputValue()).toBe("restart");
    await app.settled();
    expect(await violationsOf(app.page)).toEqual([]);
    await app.shoot("create-native");
  });

  it("is created, listed, and says on its console what it serves", async () => {
    await create().click();
    await dialog().waitFor({ state: "detached" });
    await app.waitForTerminal(/Native driver domain: backends of disks and interfaces\. Disks: \/dev\/xvda/, 30);
    await app.shoot("native-console");
  });

  it("holds disks of guests, which have what such a disk can have: no other medium, and no file of this computer", async () => {
    const { page } = app;
    await page.keyboard.press("Control+Shift+N");
    await dialog().waitFor();
    const disks = ["vdev=xvdb,backend=driver,target=/dev/xvda", "vdev=xvdc,cdrom,backend=driver,target=/dev/xvda"];
    await text().fill(`name = "user"\ndisk = [ ${disks.map((disk) => `"${disk}"`).join(", ")} ]\n`);
    const disk = dialog().getByRole("group", { name: "The disk xvdb" });
    const device = disk.getByLabel("Block device of driver for the disk xvdb");
    await expect.poll(() => device.inputValue()).toBe("/dev/xvda");
    expect(await disk.getByLabel("CD-ROM").count()).toBe(0);
    expect(await disk.locator(".file-button").count()).toBe(0);
    await device.fill("/dev/xvdb");
    expect(await text().inputValue()).toContain('"/dev/xvdb,,xvdb,,backend=driver"');
    await page.keyboard.press("Escape");
    await dialog().waitFor({ state: "detached" });
    const client = await app.client();
    const { config, files } = await client.request("takeBundled");
    // Both read it.
    const list = disks.map((each) => `'${each.replace(",target", ",access=ro,target")}'`).join(", ");
    await client.request("create", {
      config: config.replace(/^name = .*$/m, 'name = "user"').concat(`\ndisk = [${list}]\n`),
      files: Object.fromEntries(files.map(({ name, file }) => [name, file])),
    });
    client.close();
    await page.locator('[role="tree"] [role="treeitem"]').filter({ hasText: "user" }).last().click();
    await app.tab("Devices");
    const line = (name: string) =>
      page.locator(".device-list tbody tr").filter({ has: page.getByRole("rowheader", { name }) });
    await expect.poll(() => line("xvdc").innerText()).toContain("/dev/xvda");
    await line("xvdc").getByRole("button", { name: "Detach xvdc…" }).waitFor();
    expect(
      await line("xvdc")
        .getByRole("button", { name: /Insert|Eject/ })
        .count(),
    ).toBe(0);
  });

  it("has a network of its own among the host's, which is captured and not set up from here", async () => {
    const { page } = app;
    await page.locator(".side-item", { hasText: "Host" }).first().click();
    await app.tab("Networks");
    await network().waitFor();
    await network().getByText("Nobody is on it.").waitFor();
    expect(await network().getByRole("switch").count()).toBe(0);
    for (const part of ["Forwarded ports", "This computer’s own services"]) {
      expect(await page.getByRole("region", { name: "Network xenbr0", exact: true }).getByText(part).count()).toBe(1);
      expect(await network().getByText(part).count()).toBe(0);
    }
    await page.getByText("One network. They stay when the host goes off.").waitFor();
    await network().getByRole("button", { name: "Capture", exact: true }).click();
    const line = page.locator(".network-lines li", { hasText: "all of xenbr0 of driver" });
    await line.waitFor();
    await app.settled();
    expect(await violationsOf(page)).toEqual([]);
    await app.shoot("networks-native");
    await line.getByRole("button", { name: /^Stop/ }).click();
    await line.waitFor({ state: "detached" });
    await page.getByRole("button", { name: /^Delete xenbr0-.*pcap$/ }).waitFor();
    await network().getByRole("button", { name: "of driver" }).click();
    await page.getByRole("heading", { name: "driver" }).first().waitFor();
    expect(app.problems).toEqual([]);
  });
});
