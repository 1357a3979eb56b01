/** The bin in the window: what was deleted of every kind, with its size, put back and removed for good, in both appearances. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { downloadsIn } from "../../core/api/fetching.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { startServeIn } from "./serve.ts";
import { violationsOf } from "./violations.ts";

const SLOW = { timeout: 60_000 };
const MIB = 2 ** 20;
const missing = chromiumMissing();
const folder = temporaryFolder("ui-bin");
const UUID = "11111111-1111-4111-8111-111111111111";
let app: Application;

/** A library with something of each kind, of which some lies in the bin. */
async function prepared(): Promise<void> {
  const at = (name: string): string => path.join(folder, name);
  for (const [where, name] of [
    ["images", "disk.img"],
    ["kernels", "vmlinuz-6.1.0-57-amd64"],
    ["kernels", "initrd.img-6.1.0-57-amd64"],
    ["captures", "lab-2026-11-29.pcap"],
  ] as const) {
    mkdirSync(at(where), { recursive: true });
    writeFileSync(path.join(at(where), name), Buffer.alloc(3 * MIB, "x"));
  }
  mkdirSync(at("own"));
  writeFileSync(at("own/web.img"), Buffer.alloc(2 * MIB, "w"));
  const host = builtHost({
    libraryFolder: at("library"),
    imagesFolder: at("images"),
    capturesFolder: at("captures"),
    downloads: downloadsIn(folder),
  });
  await host.library.open();
  const config = (name: string, disk: string): string =>
    `name = "${name}"\nkernel = "k"\nmemory = 32\ndisk = [ ${disk} ]\n`;
  const given = { configName: null, files: { k: new Uint8Array([1]) } };
  await host.library.define({ uuid: UUID, config: config("web", `"${at("own/web.img")},raw,xvda,rw"`), ...given });
  const ids: string[] = [];
  for (const name of ["Clean", "Before the upgrade, a name that is longer than most", "After the upgrade"])
    ids.push((await host.snapshots.take(UUID, { name, memory: false })).snapshot.id);
  await host.snapshots.remove(UUID, ids[1]!);
  const other = "22222222-2222-4222-8222-222222222222";
  writeFileSync(at("own/old.img"), Buffer.alloc(2 * MIB, "o"));
  await host.library.define({ uuid: other, config: config("old", `"${at("own/old.img")},raw,xvda,rw"`), ...given });
  for (const name of ["First", "Second"]) await host.snapshots.take(other, { name, memory: false });
  await host.library.remove(other);
  const base = "33333333-3333-4333-8333-333333333333";
  writeFileSync(at("own/base.img"), Buffer.alloc(2 * MIB, "b"));
  await host.library.define({ uuid: base, config: config("base", `"${at("own/base.img")},raw,xvda,rw"`), ...given });
  const { snapshot } = await host.snapshots.take(base, { name: "Golden", memory: false });
  await host.snapshots.clone(base, snapshot.id, "base-copy");
  for (const [i, name] of ["spare-1", "spare-2"].entries())
    await host.library.define({ uuid: `4444444${i}-4444-4444-8444-444444444444`, config: config(name, ""), ...given });
  await host.images.remove("disk.img");
  await host.fetching.kernels.remove("vmlinuz-6.1.0-57-amd64");
  await host.captures.remove("lab-2026-11-29.pcap");
}

describe.skipIf(missing !== null)(
  `the bin in the window${missing ? ` (${missing})` : ""}`,
  { timeout: 240_000 },
  () => {
    beforeAll(async () => {
      await prepared();
      app = await Application.of(await startServeIn(folder, "--host-memory", "256", "--pcpus", "1"));
    }, 240_000);
    afterAll(() => app?.stop());
    const bin = () => app.page.getByRole("dialog", { name: "Bin", exact: true });
    const dialog = (name: string) => app.page.getByRole("dialog", { name });
    /** Removes it for good, which is asked about first. */
    const removes = async (title: string, action: string, says: RegExp, shot: string): Promise<void> => {
      const question = dialog(title);
      await question.getByText(says).waitFor();
      await app.shoot(shot);
      expect(await violationsOf(app.page)).toEqual([]);
      await question.getByRole("button", { name: action, exact: true }).click();
    };
    const line = (name: RegExp) => bin().getByRole("row", { name });

    it("a domain's deletion says that its snapshots go with it, and their images, which don't stay; both are back when it is put back", async () => {
      const { page } = app;
      await page.locator('.side-domain[data-name="web"]').click();
      await page.locator(".page-header").getByRole("button", { name: "Delete", exact: true }).click();
      const question = dialog("Delete web");
      await question.getByText(/Its configuration, its 2 snapshots and the files .* go to the bin/).waitFor(SLOW);
      const text = await question.innerText();
      expect(text).toMatch(
        /images that were made for its snapshots are gone then too\. .*: web\.xvda-[\da-f]{8}\.qcow2(, | and )/,
      );
      // They are not among the files that stay.
      expect(/What lies in files of this computer stays: (.*)/.exec(text)?.[1] ?? "").not.toContain("qcow2");
      await app.shoot("bin-delete-domain");
      expect(await violationsOf(page)).toEqual([]);
      await question.getByRole("button", { name: "Delete", exact: true }).click();
      await page.locator('.side-domain[data-name="web"]').waitFor({ state: "detached", ...SLOW });
      await app.command("Bin of deleted");
      const row = line(/^web Domain with 2 snapshots/);
      await row.getByRole("button", { name: "Put back web" }).click();
      await row.waitFor({ state: "detached", ...SLOW });
      await page.keyboard.press("Escape");
      await page.locator('.side-domain[data-name="web"]').click();
      await expect
        .poll(() => page.locator(".snapshot-name").allTextContents(), SLOW)
        .toEqual(["Clean", "After the upgrade"]);
      await page.getByRole("button", { name: /^Host/ }).first().click();
    });

    it("kernels and RAM disks that are kept are listed with their sizes, and one is deleted after a question", async () => {
      const { page } = app;
      await app.tab("Images");
      const list = page.getByRole("region", { name: "Kernels and RAM disks" });
      await list.getByText("initrd.img-6.1.0-57-amd64").waitFor(SLOW);
      expect(await list.getByText("vmlinuz-6.1.0-57-amd64").count()).toBe(0);
      await list.scrollIntoViewIfNeeded();
      await app.shoot("bin-kernels");
      await page.setViewportSize({ width: 640, height: 800 });
      await app.shoot("bin-images-narrow");
      await list.scrollIntoViewIfNeeded();
      await app.shoot("bin-kernels-narrow");
      await page.setViewportSize({ width: 1280, height: 800 });
      await list.getByRole("button", { name: /^Delete initrd/ }).click();
      const question = dialog("Delete initrd.img-6.1.0-57-amd64");
      await question.getByText(/goes to the bin, and can be put back for a day/).waitFor();
      await app.shoot("bin-kernel-delete");
      expect(await violationsOf(page)).toEqual([]);
      await question.getByRole("button", { name: "Cancel" }).click();
    });

    it("several are deleted at once: the question says what goes with those that can be, and why another can't be", async () => {
      const { page } = app;
      await app.tab("Domains");
      for (const name of ["base", "spare-1", "spare-2"])
        await page.getByLabel(`Select ${name}`, { exact: true }).click();
      const deletes = page.getByRole("toolbar", { name: "Selected domains" }).getByRole("button", { name: /^Delete/ });
      await deletes.click();
      const question = dialog("Delete 2 domains");
      await question.getByText(/^The configurations of spare-1 and spare-2, and the files/).waitFor(SLOW);
      await question
        .getByText(/base can’t be deleted. base-copy was made from the snapshot Golden and needs its disks/)
        .waitFor();
      await app.shoot("bin-delete-several");
      expect(await violationsOf(page)).toEqual([]);
      await question.getByRole("button", { name: "Delete", exact: true }).click();
      for (const name of ["spare-1", "spare-2"])
        await page.locator(`.side-domain[data-name="${name}"]`).waitFor({ state: "detached", ...SLOW });
      expect(await page.locator('.side-domain[data-name="base"]').count()).toBe(1);
      // Where none can be deleted there is nothing to ask.
      await deletes.click();
      await page
        .getByText(/base-copy was made from the snapshot Golden/)
        .first()
        .waitFor(SLOW);
      expect(await page.getByRole("dialog").count()).toBe(0);
      const client = await app.client();
      for (const { name, id } of await client.request("binList"))
        if (name.startsWith("spare")) await client.request("binPurge", { id });
      client.close();
    });

    it("a domain that was made from a snapshot is deleted with its disk: before, and in the bin, that is said", async () => {
      const { page } = app;
      await page.locator('.side-domain[data-name="base-copy"]').click();
      await page.locator(".page-header").getByRole("button", { name: "Delete", exact: true }).click();
      const question = dialog("Delete base-copy");
      const says =
        /The disk images that were made for it from a snapshot of another domain are gone then too\. That is .*: base\.xvda-[\da-f]{8}\.qcow2\. What was written to them is gone with them\./;
      await question.getByText(says).waitFor(SLOW);
      expect(await question.innerText()).not.toMatch(/stays?\b/);
      await app.shoot("bin-delete-linked");
      await question.getByRole("button", { name: "Delete", exact: true }).click();
      await app.command("Bin of deleted");
      const row = line(/^base-copy Domain/);
      await row.getByRole("button", { name: "Remove for good: base-copy" }).click();
      const last =
        /removed with the disk images that were made for it from a snapshot of another domain\. What was written to them is gone with them\. It can’t be put back/;
      await removes("Remove base-copy for good", "Remove for good", last, "bin-purge-linked");
      await row.waitFor({ state: "detached", ...SLOW });
      await page.keyboard.press("Escape");
      expect(readdirSync(path.join(folder, "own")).filter((name) => name.startsWith("base."))).toHaveLength(2);
      await page.getByRole("button", { name: /^Host/ }).first().click();
    });

    it("has what was deleted of every kind, with its size, and puts it back", async () => {
      const { page } = app;
      await app.command("Bin of deleted");
      for (const name of [
        /^old Domain with 2 snapshots/,
        /^Before the upgrade.* Snapshot of web/,
        /^disk\.img Disk image/,
        /^vmlinuz-6\.1\.0-57-amd64 Kernel or RAM disk/,
        /^lab-2026-11-29\.pcap Captured traffic/,
      ])
        await line(name).waitFor(SLOW);
      await bin()
        .getByText(/Total: (9|10)\.\d MiB\./)
        .waitFor();
      await app.shoot("bin");
      expect(await violationsOf(page)).toEqual([]);
      await page.setViewportSize({ width: 640, height: 800 });
      await app.shoot("bin-narrow");
      await page.setViewportSize({ width: 1280, height: 800 });
      for (const name of ["Before the upgrade", "vmlinuz-6.1.0-57-amd64"]) {
        const row = line(new RegExp(`^${name}`));
        await row.getByRole("button", { name: new RegExp(`^Put back ${name}`) }).click();
        await row.waitFor({ state: "detached", ...SLOW });
      }
      const row = line(/^disk\.img/);
      await row.getByRole("button", { name: "Remove for good: disk.img" }).click();
      await removes(
        "Remove disk.img for good",
        "Remove for good",
        /can’t be put back any more. Then 3 MiB/,
        "bin-purge",
      );
      await row.waitFor({ state: "detached", ...SLOW });
      const old = line(/^old/);
      await old.getByRole("button", { name: "Remove for good: old" }).click();
      const says =
        /with its 2 snapshots and the disk images that were made for its snapshots\. What was written to them is merged into old\.img before/;
      await removes("Remove old for good", "Remove for good", says, "bin-purge-domain");
      await old.waitFor({ state: "detached", ...SLOW });
      expect(readdirSync(path.join(folder, "own")).filter((name) => name.startsWith("old"))).toEqual(["old.img"]);
      // Somebody else puts something there.
      const client = await app.client();
      await client.request("keptKernelRemove", { name: "initrd.img-6.1.0-57-amd64" });
      client.close();
      await line(/^initrd/).waitFor(SLOW);
      const empty = bin().getByRole("button", { name: "Empty the bin…" });
      await empty.click();
      // Whoever thinks better of it has everything yet.
      await dialog("Empty the bin").getByRole("button", { name: "Cancel" }).click();
      await line(/^initrd/).waitFor();
      await empty.click();
      await removes("Empty the bin", "Empty the bin", /All 2 things that lie there are removed for good/, "bin-empty");
      await bin().getByText("The bin is empty.").waitFor(SLOW);
      await page.keyboard.press("Escape");
    });
  },
);
