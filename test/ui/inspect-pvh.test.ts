/** The Inspect tab of a PVH domain: registers that only such a vCPU has, its local APIC, and the second stage behind its page tables. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { debianKernel, guestsMissing, initramfs } from "../guests/images.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing() ?? guestsMissing();
const SOON = { timeout: 15_000 };
let app: Application;

const section = (name: string) => app.page.getByRole("tab", { name, exact: true }).click();
const table = (name: string) => app.page.getByRole("group", { name });

describe.skipIf(missing !== null)(`inspect, of a PVH domain${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    // The guest reads the port of the real-time clock, where nothing is, again and again.
    const asks = "dd if=/dev/port of=/dev/null bs=1 skip=113 count=1 2>/dev/null";
    const ramdisk = initramfs("ready", `while :; do ${asks}; sleep 1; done`);
    const files = `kernel = "${debianKernel()}"\nramdisk = "${ramdisk}"\nextra = "console=hvc0 quiet"\n`;
    const api = await app.client();
    await api.request("create", { config: `name = "pvh"\ntype = "pvh"\nmemory = 192\n${files}` });
    api.close();
    await app.page.locator(".side-domain", { has: app.page.getByText("pvh", { exact: true }) }).click();
    await app.tab("Console");
    await app.waitForTerminal(/GUEST-READY/, 120);
    await app.tab("Inspect");
  }, 180_000);
  afterAll(() => app?.stop());

  it("shows its control registers, its segments with their hidden parts, MSRs, and its local APIC", async () => {
    await table("Segments").waitFor(SOON);
    const rows = await table("Segments").locator("tbody tr").allInnerTexts();
    expect(rows.find((row) => row.startsWith("CS"))).toMatch(/CS\s+0010\s/);
    const text = await app.page.locator(".inspect-registers").innerText();
    for (const word of ["CR0", "CR4", "EFER", "Local APIC", "x2APIC, enabled", "Requested (IRR)"])
      expect(text).toContain(word);
    await app.shoot("inspect-pvh-registers");
    await app.page.getByRole("heading", { name: "Local APIC" }).scrollIntoViewIfNeeded();
    await app.shoot("inspect-pvh-apic");
    const vectors = app.page.getByRole("region", { name: "Vector registers" });
    expect(await vectors.innerText()).toMatch(/XCR0[^]*MXCSR[^]*YMM0(\s+[0-9a-f]{16}){4}\s+YMM1[^]*YMM15/);
    await vectors.scrollIntoViewIfNeeded();
    await app.shoot("inspect-pvh-vectors");
  });

  it("records its accesses to ports, each with width, value and instruction, and counts them by port", async () => {
    const rows = app.page.locator(".trace-row:not(.gap)", { hasText: "port read 0x71" });
    const count = (row: string) => app.page.locator(`.trace-counts tr${row} td`).first();
    await section("Hypercalls and I/O");
    // The choice appears when there is such a record. Without the filter hypercalls push the rows out of sight, and rows out of sight are not in the
    // document.
    await app.page.getByLabel("Hypercall", { exact: true }).selectOption("port read");
    await expect.poll(() => rows.count(), SOON).toBeGreaterThan(1);
    const cells = await rows.first().getByRole("gridcell").allInnerTexts();
    expect(cells[3]!.trim()).toMatch(/^bytes=1 value=0xff rip=0xffffffff[0-9a-f]{8}$/);
    expect([cells[2], cells.length]).toEqual(["port read 0x71", 4]);
    // The counts by the port that was recorded are of all accesses since the domain was created.
    expect(Number(await count('[data-place="port 0x71"]').innerText())).toBeGreaterThan(1);
    const all = async (): Promise<number> =>
      Number((await count('[data-hypercall="port read"]').innerText()).replace(/,/g, ""));
    const before = await all();
    expect(before).toBeGreaterThan(1);
    await expect.poll(all, SOON).toBeGreaterThan(before);
    await expect
      .poll(() => app.page.locator(".trace-row:not(.gap)", { hasNotText: "port read" }).count(), SOON)
      .toBe(0);
    await app.shoot("inspect-pvh-accesses");
    await app.page.getByLabel("Hypercall", { exact: true }).selectOption("");
  });

  it("walks its own tables and, behind each entry, the second stage", async () => {
    await section("Page tables");
    await table("Entries of the page tables").waitFor(SOON);
    const guest = table("Entries of the page tables");
    const second = table("Entries of the second stage");
    expect(await guest.innerText()).toContain("At guest-physical address");
    // Until an entry is chosen, the one that the address leads to is marked.
    expect(await guest.locator("tbody tr").last().getAttribute("aria-current")).toBe("true");
    await expect.poll(() => second.locator("tbody tr").count(), SOON).toBeGreaterThan(1);
    await app.shoot("inspect-pvh-walk");
    const of = app.page.locator(".card-header", { has: app.page.getByRole("heading", { name: "Second stage" }) });
    const before = await of.innerText();
    await guest.getByRole("button", { name: /^L4 / }).click();
    await expect.poll(() => of.innerText(), SOON).not.toBe(before);
    expect(await of.innerText()).toMatch(/of L4 \[/);
    await expect.poll(() => app.page.locator(".walk-end").last().innerText()).toMatch(/Machine address [0-9a-fx]+/);
  });
});
