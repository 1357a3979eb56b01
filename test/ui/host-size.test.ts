/** The memory and the number of pCPUs of the host, which the user chooses beside the boot menu. */
import { availableParallelism } from "node:os";
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { violationsOf } from "./violations.ts";

const missing = chromiumMissing();
let app: Application;

describe.skipIf(missing !== null)(`the size of the host${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
  });
  afterAll(() => app?.stop());

  it("is chosen, kept and told of; the next power-on has it", async () => {
    const { page } = app;
    await page.getByText("512 MiB, 1 pCPU").waitFor();
    await app.tab("Boot");
    const card = page.getByRole("region", { name: "Size of the host" });
    const save = card.getByRole("button", { name: "Save" });
    await card.getByText("It has 512 MiB and 1 pCPU now.").waitFor();
    const memory = card.getByLabel("Memory (MiB)");
    await memory.fill("100");
    await card.getByText("A whole number from 128 to 3584 MiB.").waitFor();
    expect(await save.isDisabled()).toBe(true);
    await card.getByRole("button", { name: "Undo" }).click();
    expect(await memory.inputValue()).toBe("512");
    await memory.fill("384");
    const pcpus = Math.min(32, availableParallelism() + 1);
    await card.getByLabel("pCPUs").fill(String(pcpus));
    await card.getByText("pCPUs take turns on them").waitFor();
    await app.shoot("host-size");
    expect(await violationsOf(page)).toEqual([]);
    await page.keyboard.press("Enter");
    await expect.poll(() => save.isDisabled()).toBe(true);
    const kept = path.join(app.served.env.XENARIUM_STATE!, "host-size.json");
    await expect.poll(() => JSON.parse(readFileSync(kept, "utf8")) as unknown).toEqual({ memoryMiB: 384, pcpus });
    await app.inOtherWindow(async (other) => {
      await other.getByRole("tab", { name: "Boot", exact: true }).click();
      await expect.poll(() => other.getByLabel("Memory (MiB)").inputValue()).toBe("384");
    });
    await app.command("Power the host off");
    await page.getByRole("dialog").getByRole("button", { name: "Power off", exact: true }).click();
    await app.tab("Overview");
    await page.getByRole("button", { name: "Power on" }).click();
    await page.getByText("The host is up. Give it a guest.").waitFor();
    await page.getByText(`384 MiB, ${pcpus} pCPUs`).waitFor();
    const client = await app.client();
    expect((await client.request("hostInfo")).xenCaps).toBeTruthy();
    expect((await client.request("statistics")).pcpus.length).toBe(pcpus);
    client.close();
  });
});
