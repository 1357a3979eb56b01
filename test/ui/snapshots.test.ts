/** A domain's snapshots in the window: taken, looked at, reverted to, cloned and deleted, by mouse and by keys, in both appearances. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { violationsOf } from "./violations.ts";

const missing = chromiumMissing();
const SLOW = { timeout: 60_000 };
let app: Application;

describe.skipIf(missing !== null)(
  `snapshots in the window${missing ? ` (${missing})` : ""}`,
  { timeout: 180_000 },
  () => {
    beforeAll(async () => {
      app = await Application.start();
    }, 60_000);
    afterAll(() => app?.stop());

    const rows = () => app.page.locator(".snapshot-list [role=treeitem]");
    const names = () => app.page.locator(".snapshot-name").allTextContents();
    const dialog = (title: string) => app.page.getByRole("dialog", { name: title });
    const take = async (name: string): Promise<void> => {
      const before = await rows().count();
      await app.page.getByRole("button", { name: "Take a snapshot…" }).click();
      await dialog("Take a snapshot of mini-1").getByLabel("Name").fill(name);
      await app.page.keyboard.press("Enter");
      await expect.poll(() => rows().count(), SLOW).toBe(before + 1);
    };
    const idle = () => app.page.locator(".snapshots-work").waitFor({ state: "detached", ...SLOW });

    it("says what they are while there are none", async () => {
      await app.startGuest();
      await app.tab("Snapshots");
      await app.page.getByText("No snapshots.").waitFor();
      await app.shoot("snapshots-none");
      expect(await violationsOf(app.page)).toEqual([]);
    });

    it("are taken under a name, with what the console showed, and chosen by keys", async () => {
      const { page } = app;
      await take("Clean");
      await idle();
      await take("Before the upgrade <b>, a name that is much longer than the place that there is for it on the left");
      await idle();
      await page.locator("pre.snapshot-picture", { hasText: "mini>" }).waitFor();
      await rows().last().focus();
      await page.keyboard.press("ArrowUp");
      expect(
        await page.locator('.snapshot-list [role="treeitem"][aria-selected="true"] .snapshot-name').textContent(),
      ).toBe("Clean");
      await page.getByRole("heading", { name: "Clean" }).waitFor();
    });

    it("go back with a snapshot of now first; the domain runs on from there under another domid", async () => {
      const { page } = app;
      await page.getByRole("button", { name: "Go back…" }).click();
      const asks = dialog("Go back to Clean");
      await asks.getByLabel("Name of the snapshot of now").fill("After the upgrade");
      await asks.getByRole("button", { name: "Go back", exact: true }).click();
      await page.locator(".page-sub", { hasText: "domid 2" }).waitFor(SLOW);
      await idle();
      await expect.poll(names, SLOW).toContain("After the upgrade");
      await take("Another way");
      await idle();
      expect(
        await page.locator('.snapshot-list [role="treeitem"][aria-current="true"] .snapshot-name').textContent(),
      ).toBe("Another way");
      await app.shoot("snapshots");
      expect(await violationsOf(page)).toEqual([]);
      await page.setViewportSize({ width: 640, height: 800 });
      await app.shoot("snapshots-narrow");
      await page.setViewportSize({ width: 1280, height: 800 });
    });

    it("a domain that runs is forked: its copies run beside it, and without disks no snapshot stays", async () => {
      const { page } = app;
      const before = await rows().count();
      await page.getByRole("button", { name: "Fork…" }).click();
      const copies = dialog("Fork mini-1").getByLabel("Copies");
      await copies.fill("17");
      await page.getByText("A number from 1 to 16.").waitFor();
      expect(await dialog("Fork mini-1").getByRole("button", { name: "Fork" }).isDisabled()).toBe(true);
      await copies.fill("2");
      await app.shoot("snapshots-fork");
      expect(await violationsOf(page)).toEqual([]);
      await page.keyboard.press("Enter");
      for (const name of ["mini-1-fork-1", "mini-1-fork-2"])
        await page.locator(".sidebar [role=treeitem]", { hasText: name }).waitFor(SLOW);
      await idle();
      expect(await rows().count()).toBe(before);
    });

    it("make other domains; what those need can't be deleted, what nobody needs can", async () => {
      const { page } = app;
      await rows().filter({ hasText: "Clean" }).first().click();
      await page.getByRole("button", { name: "New domain…" }).click();
      await app.shoot("snapshots-clone");
      const asked = dialog("New domain from Clean");
      await asked.getByLabel("Name of the domain").fill("mini-1");
      await asked.getByText("There is a domain named mini-1 already.").waitFor();
      expect(await asked.getByRole("button", { name: "Clone" }).isDisabled()).toBe(true);
      await asked.getByLabel("Name of the domain").fill("mini-copy");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "mini-copy" }).waitFor(SLOW);
      await page.locator(".sidebar [role=treeitem]", { hasText: "mini-1" }).first().click();
      await app.tab("Snapshots");
      await rows().filter({ hasText: "After the upgrade" }).click();
      const before = await rows().count();
      await page.getByRole("button", { name: "Delete…" }).click();
      const question = dialog("Delete After the upgrade");
      await question
        .getByText(
          /^It goes to the bin with its place .*, its disks and its memory of then, .* for a day\. .* takes [\d.]+ KiB/,
        )
        .waitFor();
      await app.shoot("snapshots-delete");
      expect(await violationsOf(page)).toEqual([]);
      await question.getByRole("button", { name: "Delete", exact: true }).click();
      await expect.poll(() => rows().count(), SLOW).toBe(before - 1);
      await idle();
    });

    it("that were deleted are put back from the bin, to their place, and the domain goes back to them", async () => {
      const { page } = app;
      const before = await names();
      const bin = page.getByRole("dialog", { name: "Bin", exact: true });
      const line = bin.getByRole("row", { name: /^After the upgrade Snapshot of mini-1/ });
      await page.getByRole("button", { name: "Bin…" }).click();
      await line.getByRole("button", { name: "Put back After the upgrade" }).click();
      await bin.getByText("The bin is empty.").waitFor(SLOW);
      await page.keyboard.press("Escape");
      await expect.poll(names, SLOW).toEqual([...before.slice(0, 2), "After the upgrade", ...before.slice(2)]);
      await rows().filter({ hasText: "After the upgrade" }).click();
      await page.locator("pre.snapshot-picture", { hasText: "mini>" }).waitFor();
      await page.getByRole("button", { name: "Go back…" }).click();
      const asks = dialog("Go back to After the upgrade");
      await asks.getByRole("checkbox").uncheck();
      await asks.getByRole("button", { name: "Go back", exact: true }).click();
      await expect
        .poll(() => page.locator('.snapshot-list [aria-current="true"] .snapshot-name').textContent(), SLOW)
        .toBe("After the upgrade");
      await idle();
      expect(app.problems).toEqual([]);
    });
  },
);
