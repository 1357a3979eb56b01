/**
 * Disks and networks in the window, with a Linux that is installed on a disk. The image is dropped, is described before anything is made of it, and
 * is booted. CDs and disks come and go while it runs. Networks, forwarded ports and captures outlive the host's power.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { debianPackage, guestsMissing, packageMissing } from "../guests/images.ts";
import { makeTinyDisk, TINY_NAME } from "../guests/tiny-disk.ts";
import { temporaryFolder } from "../temporary.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing =
  chromiumMissing() ??
  guestsMissing() ??
  packageMissing("genisoimage") ??
  (spawnSync("mke2fs", ["-V"]).error ? "e2fsprogs is not installed" : null);
const folder = temporaryFolder("ui-disks");
const disk = path.join(folder, "tiny.img");
let app: Application;

const dialog = (name: string | RegExp = "New domain") => app.page.getByRole("dialog", { name });
const text = () => dialog().getByLabel("xl.cfg", { exact: true });
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const kept = (): string[] => readdirSync(path.join(app.served.env.XENARIUM_STATE!, "images"));
/** The line of a device in its domain's list. */
const line = (name: string) =>
  app.page.locator(".device-list tbody tr").filter({ has: app.page.getByRole("rowheader", { name }) });
const confirm = (title: RegExp, button: string) =>
  dialog(title).getByRole("button", { name: button, exact: true }).click();

function iso(name: string, content: string): string {
  const [image, root] = [path.join(folder, name), path.join(folder, `${name}.d`)];
  mkdirSync(root);
  writeFileSync(path.join(root, "medium"), content);
  const genisoimage = path.join(debianPackage("genisoimage"), "usr/bin/genisoimage");
  execFileSync(genisoimage, ["-quiet", "-R", "-V", "MEDIUM", "-o", image, root], { stdio: "pipe" });
  return image;
}

const drop = (file: string, zone?: RegExp): Promise<void> => app.drop(file, zone && { zone, shot: "drop-zones" });

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
    await app.waitForTerminal(/BOUND 10\.0\.2\.\d+[^]*TINY READY/, 150);
  }, 240_000);

  it("takes a dropped ISO as a CD for the domain that is looked at, and another medium into the drive; ejects and detaches", async () => {
    const { page } = app;
    await drop(iso("one.iso", "first medium"), /Attach to tiny/);
    const attach = dialog("Attach to tiny");
    await attach.getByText("ISO 9660 image").first().waitFor({ timeout: 30_000 });
    expect(await attach.getByLabel("As", { exact: true }).inputValue()).toBe("drive");
    await app.shoot("attach-cd");
    await attach.getByRole("button", { name: "Attach", exact: true }).click();
    await attach.waitFor({ state: "detached" });
    await app.type("mount -t iso9660 /dev/xvdb /mnt && cat /mnt/medium && umount /mnt");
    await app.waitForTerminal(/first medium/, 30);

    await app.tab("Devices");
    await line("xvda").waitFor();
    await expect.poll(() => line("xvdb").innerText()).toMatch(/one\.iso\s+Connected\s+Connected Domain-0/);
    await line("xvdb").getByRole("button", { name: "Eject xvdb" }).click();
    await expect.poll(() => line("xvdb").innerText()).toContain("no medium");
    await line("xvdb").getByRole("button", { name: "Insert a medium into xvdb…" }).click();
    await attach.getByLabel("Disk image", { exact: true }).setInputFiles(iso("two.iso", "second medium"));
    await attach.getByText("ISO 9660 image").first().waitFor({ timeout: 30_000 });
    await attach.getByRole("button", { name: "Insert", exact: true }).click();
    await attach.waitFor({ state: "detached" });
    await expect.poll(() => line("xvdb").innerText()).toContain("two.iso");
    await app.tab("Console");
    await app.type("mount -t iso9660 /dev/xvdb /mnt && cat /mnt/medium && umount /mnt");
    await app.waitForTerminal(/second medium/, 30);

    await app.tab("Devices");
    await line("xvdb").getByRole("button", { name: "Detach xvdb…" }).click();
    await confirm(/Detach xvdb from tiny/, "Detach");
    await line("xvdb").waitFor({ state: "detached", timeout: 15_000 });
    await expect.poll(() => page.locator(".device-list tbody tr").count()).toBe(2);
  }, 120_000);

  it("refuses what is no disk, and an image that somebody writes to; a disk that the guest does not let go of is taken away by force alone", async () => {
    const note = path.join(folder, "note.txt");
    writeFileSync(note, "no disk at all\n");
    await drop(note, /Attach to tiny/);
    const attach = dialog("Attach to tiny");
    await attach.getByText("note.txt is no disk image").waitFor();
    await attach.getByRole("button", { name: "Cancel" }).click();

    writeFileSync(path.join(folder, "extra.img"), Buffer.alloc(4 << 20, "x"));
    await app.tab("Devices");
    await app.page.getByRole("button", { name: "Attach a disk or CD…" }).click();
    await attach.getByLabel("Disk image", { exact: true }).setInputFiles(path.join(folder, "extra.img"));
    await attach.getByText("raw image without a partition table").waitFor({ timeout: 30_000 });
    await attach.getByLabel("Disposable: the image stays as it is").check();
    await attach.getByRole("button", { name: "Attach", exact: true }).click();
    await line("xvdb").waitFor({ timeout: 15_000 });
    await app.tab("Console");
    await app.type(
      "echo changed | dd of=/dev/xvdb conv=notrunc 2>/dev/null; sync; head -c 8 /dev/xvdb; echo HELD-$((40+2))",
    );
    await app.waitForTerminal(/changed\s+HELD-42/, 30);
    const given = path.join(app.served.env.XENARIUM_STATE!, "images/extra.img");
    expect(readFileSync(given).equals(readFileSync(path.join(folder, "extra.img")))).toBe(true);

    // A guest that does not run does not give its device up.
    await app.page.getByRole("button", { name: "Pause" }).click();
    await app.tab("Devices");
    await line("xvdb").getByRole("button", { name: "Detach xvdb…" }).click();
    await app.page.getByText("It is disposable: what was written to it is thrown away.").waitFor();
    await confirm(/Detach xvdb from tiny/, "Detach");
    await dialog(/Take xvdb away from tiny/).waitFor({ timeout: 30_000 });
    await confirm(/Take xvdb away from tiny/, "Take it away");
    await line("xvdb").waitFor({ state: "detached", timeout: 15_000 });
    expect(readFileSync(given).equals(readFileSync(path.join(folder, "extra.img")))).toBe(true);
    await app.page.getByRole("button", { name: "Unpause" }).click();
    await app.tab("Console");
    await app.type("echo STILL-$((40+2))");
    await app.waitForTerminal(/STILL-42/, 20);
  }, 120_000);

  it("shows each device live, and its traffic in the graphs and the list of domains", async () => {
    const { page } = app;
    const served = createServer((_, response) => response.end(Buffer.alloc(20 << 20, "payload")));
    await new Promise<void>((resolve) => served.listen(0, "127.0.0.1", resolve));
    const { port } = served.address() as AddressInfo;
    const client = await app.client();
    await client.request("networkService", { network: "xenbr0", port, hostPort: port });
    await app.type(
      `(while test ! -e /stop; do dd if=/dev/xvda of=/dev/null bs=256k 2>/dev/null; echo 3 > /proc/sys/vm/drop_caches; wget -qO /dev/null http://10.0.2.2:${port}/; done) & echo LOOPS-$((40+2))`,
    );
    await app.tab("Devices");
    const cells = (name: string): Promise<string[]> => line(name).locator("td").allInnerTexts();
    await expect.poll(async () => (await cells("xvda"))[8], { timeout: 30_000 }).toMatch(/[kM]B\/s/);
    await expect.poll(async () => (await cells("xvda"))[10], { timeout: 30_000 }).toMatch(/µs|ms/);
    expect((await cells("xvda"))[1]).toBe("tiny.img");
    expect(Number((await cells("xvda"))[6])).toBeGreaterThan(1);
    await expect.poll(async () => (await cells("interface 0"))[8], { timeout: 30_000 }).toMatch(/[kM]B\/s/);
    expect((await cells("interface 0"))[1]).toBe("xenbr0");
    await app.shoot("devices-disks");
    await page.setViewportSize({ width: 900, height: 600 });
    await app.shoot("devices-disks-small");
    await page.setViewportSize({ width: 1280, height: 800 });
    await line("xvda").getByRole("button", { name: "xvda", exact: true }).click();
    await page.locator(".part-facts").getByText("ring-ref").first().waitFor();

    await app.tab("Overview");
    for (const title of ["Disks", "Network"])
      await page.locator(".graph", { hasText: title }).first().waitFor({ timeout: 30_000 });
    await expect
      .poll(() => page.locator(".graph", { hasText: "Network" }).first().innerText(), { timeout: 30_000 })
      .toMatch(/received/);
    await app.shoot("overview-traffic");
    await page.locator(".side-entry", { hasText: "Host" }).click();
    await app.tab("Domains");
    await expect
      .poll(() => page.locator("tr[data-domid]", { hasText: "tiny" }).innerText(), { timeout: 30_000 })
      .toMatch(/B\/s/);
    await app.shoot("domains-traffic");
    await page.locator(".side-domain", { hasText: "tiny" }).click();
    await app.tab("Console");
    await app.type("touch /stop");
    served.close();
    served.closeAllConnections();
  }, 120_000);

  it("shows who is on which network; ports are forwarded, the way out closed and opened, traffic captured, networks made", async () => {
    const { page } = app;
    await page.locator(".side-entry", { hasText: "Host" }).click();
    await app.tab("Networks");
    const network = page.getByRole("region", { name: "Network xenbr0" });
    await expect
      .poll(() => network.innerText())
      .toMatch(/vif\d+\.0\s+tiny\s+00:16:3e:[0-9a-f:]+\s+10\.0\.2\.15\s+tiny/);
    await network.getByRole("button", { name: /^Capture vif/ }).click();
    await page
      .getByRole("region", { name: "Captures" })
      .getByRole("button", { name: /^Stop vif/ })
      .waitFor();

    await page.locator(".side-domain", { hasText: "tiny" }).click();
    await app.tab("Console");
    await app.type("(while true; do echo from-the-guest | nc -l -p 7000; done) & echo LISTENS");
    await app.waitForTerminal(/LISTENS/, 20);
    await page.locator(".side-entry", { hasText: "Host" }).click();
    await app.tab("Networks");
    const form = network.getByRole("form", { name: "Forward a port to xenbr0" });
    await form.getByLabel("The guest’s port").fill("7000");
    await form.getByRole("button", { name: "Forward" }).click();
    const forward = network.locator(".network-lines li", { hasText: "10.0.2.15:7000" });
    await forward.waitFor();
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(await forward.innerText())![1]);
    const heard = await new Promise<string>((resolve, reject) => {
      let got = "";
      const socket = connect(port, "127.0.0.1");
      socket.on("data", (bytes) => {
        got += bytes.toString();
        if (got.includes("\n")) {
          socket.destroy();
          resolve(got);
        }
      });
      socket.on("error", reject);
    });
    expect(heard).toBe("from-the-guest\n");

    await page.getByRole("button", { name: "New network…" }).click();
    await dialog("New network").getByLabel("Name of its bridge").fill("lab0");
    await app.shoot("network-new");
    await dialog("New network").getByRole("button", { name: "Create" }).click();
    const lab = page.getByRole("region", { name: "Network lab0" });
    await lab.waitFor();
    expect(await lab.innerText()).toContain("isolated");
    await expect.poll(() => network.getByRole("switch", { name: "Way out" }).isChecked()).toBe(true);
    await lab.getByRole("switch", { name: "Way out" }).click();
    await lab.getByText("with a way out").waitFor();
    await app.shoot("networks");
    await page.setViewportSize({ width: 900, height: 600 });
    await app.shoot("networks-small");
    await page.setViewportSize({ width: 1280, height: 800 });

    const captures = page.getByRole("region", { name: "Captures" });
    await captures.getByRole("button", { name: /^Stop vif/ }).click();
    const download = page.waitForEvent("download");
    await captures.getByRole("button", { name: /^Download vif/ }).click();
    const file = await (await download).path();
    const bytes = readFileSync(file);
    // The times in the file have nanoseconds.
    expect(bytes.readUInt32LE(0)).toBe(0xa1b23c4d);
    expect(bytes.toString("latin1")).toContain("from-the-guest");
    await captures.getByRole("button", { name: /^Delete vif/ }).click();
    await confirm(/Delete vif/, "Delete");
    await captures.waitFor({ state: "detached" });
    expect(app.problems).toEqual([]);
  }, 120_000);
});
