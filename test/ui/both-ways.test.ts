/**
 * One kernel is started as a PV and as a PVH domain from New domain. What each of the two asked of the hypervisor until it was ready is shown side by
 * side.
 */
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { debianKernel, guestsMissing, initramfs } from "../guests/images.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { startServe } from "./serve.ts";
import { violationsOf } from "./violations.ts";

const missing = chromiumMissing() ?? guestsMissing();
const mini = path.resolve(import.meta.dirname, "../../dist/assets/guests/mini.elf");
const BOOTED = { timeout: 240_000 };
let app: Application;

const dialog = () => app.page.getByRole("dialog", { name: "New domain" });
const both = () => dialog().getByRole("button", { name: "Start both ways" });
const pick = (n: number) => dialog().locator(".file-pick input").nth(n);
/** Returns the figures of a row and the remark on them. A part of a group is named by its group too where two parts have the same name. */
async function figure(label: string, of = 0): Promise<[pv: number, pvh: number, words: string]> {
  const cells = app.page.locator(`.both-ways tr[data-figure="${label}"]`).nth(of).locator("td");
  const [pv, pvh, words] = await cells.allInnerTexts();
  const value = (text: string): number => Number(text.replace(/,/g, "").replace(/ (ms|s)$/, ""));
  return [value(pv!), value(pvh!), words!];
}

describe.skipIf(missing !== null)(`the same kernel, both ways${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.of(await startServe("--host-memory", "640", "--pcpus", "2"));
    await app.page.getByText("The host is up. Give it a guest.").waitFor();
  });
  afterAll(() => app?.stop());

  it("has nothing to compare at first, and says where one is started", async () => {
    expect(await app.page.getByRole("tab", { name: "Both ways" }).count()).toBe(0);
    await app.command("both ways");
    await app.page.getByText("No kernel was started both ways").waitFor();
    expect(await violationsOf(app.page)).toEqual([]);
    await app.page.getByRole("button", { name: "New domain…" }).click();
    await dialog().waitFor();
  });

  it("is offered for a kernel that has both entries", async () => {
    await pick(0).setInputFiles(mini);
    await dialog()
      .getByText(/Xen notes/)
      .waitFor();
    expect(await both().count()).toBe(0);
    await pick(0).setInputFiles(debianKernel());
    await both().waitFor();
    await pick(1).setInputFiles(initramfs("ready", "while :; do sleep 1; done"));
    await expect.poll(() => dialog().locator(".file-button").nth(1).innerText()).toMatch(/initramfs/);
    await dialog().getByLabel("Name", { exact: true }).fill("debian");
    await dialog().getByLabel("Command line", { exact: true }).fill("console=hvc0");
    const memory = dialog().getByLabel("Memory, MiB", { exact: true });
    // The memory is enough for one of the two. Nothing is left of the one that could be built.
    await memory.fill("400");
    await both().click();
    await dialog().locator('.field-error[role="alert"]').waitFor();
    expect(
      await app.page
        .locator(".sidebar")
        .getByText(/debian-pv/)
        .count(),
    ).toBe(0);
    await memory.fill("192");
    await app.shoot("both-ways-new");
    await both().click();
    await dialog().waitFor({ state: "detached" });
    await app.page.getByRole("heading", { level: 2, name: /both ways$/ }).waitFor();
  });

  it("compares what the hypervisor counted until both were ready", async () => {
    for (const name of ["debian-pv", "debian-pvh"])
      await app.page.locator(`section[aria-label="The boot of ${name}"][data-ready="true"]`).waitFor(BOOTED);
    const [pvReady, pvhReady] = await figure("Ready");
    expect(Math.min(pvReady, pvhReady)).toBeGreaterThan(0);
    // Calls that a kernel makes whose page tables Xen checks, and that a kernel with page tables of its own does not make.
    expect(await figure("mmu_update")).toEqual([expect.any(Number), 0, "PV only"]);
    expect((await figure("mmu_update"))[0]).toBeGreaterThan(1000);
    expect(await figure("VMCALL")).toEqual([0, expect.any(Number), "PVH only"]);
    expect(await figure("SYSCALL")).toEqual([expect.any(Number), 0, "PV only"]);
    const [pvCalls, pvhCalls, words] = await figure("All", 1);
    expect(pvCalls).toBeGreaterThan(pvhCalls);
    expect(words).toMatch(/^PV [\d.,]+ times as many$/);
    // Each hypercall of a PVH guest is a VMCALL, and therefore an exit.
    expect((await figure("VMCALL"))[1]).toBeGreaterThanOrEqual(pvhCalls);
    for (const count of await Promise.all(["Page faults", "Instructions", "Events"].map((label) => figure(label)))) {
      expect(count[0]).toBeGreaterThan(100);
      expect(count[1]).toBeGreaterThan(100);
    }
    expect((await figure("port read"))[1]).toBeGreaterThan(0);
    expect(await violationsOf(app.page)).toEqual([]);
    await app.shoot("both-ways");
    await app.page.setViewportSize({ width: 900, height: 600 });
    await app.shoot("both-ways-small");
    await app.page.setViewportSize({ width: 1280, height: 800 });
    expect(app.problems).toEqual([]);
  }, 300_000);

  it("leaves two domains like any, whose consoles are one click away", async () => {
    const story = app.page.locator('section[aria-label="The boot of debian-pvh"]');
    await story.getByRole("button", { name: "Console" }).click();
    await app.page.getByRole("heading", { level: 1, name: /debian-pvh/ }).waitFor();
    await app.waitForTerminal(/type=PVH/, 30);
  });
});
