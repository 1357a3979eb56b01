/** The Inspect tab must show of a running guest what the guest really is. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";

const missing = chromiumMissing();
const SOON = { timeout: 15_000 };
let app: Application;

const section = (name: string) => app.page.getByRole("tab", { name, exact: true }).click();
const table = (name: string) => app.page.getByRole("group", { name });
const field = (name: string) => app.page.getByRole("textbox", { name, exact: true });

/** Returns the address of the first byte of the bundled guest that is loaded, and its first bytes. */
function loaded(): { address: bigint; bytes: Buffer } {
  const file = readFileSync(path.resolve(import.meta.dirname, "../../assets/guests/mini.elf"));
  const header = Number(file.readBigUInt64LE(32));
  const offset = Number(file.readBigUInt64LE(header + 8));
  return { address: file.readBigUInt64LE(header + 16), bytes: file.subarray(offset, offset + 32) };
}

describe.skipIf(missing !== null)(`inspect${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
  });
  afterAll(() => app?.stop());

  it("shows a vCPU's registers, the code around RIP and its callers", async () => {
    await app.tab("Inspect");
    await table("Code around RIP").waitFor();
    const current = app.page.locator('tr[aria-current="true"]');
    // The guest waits in a hypercall: RIP is after its SYSCALL instruction.
    await expect.poll(() => current.count(), SOON).toBe(1);
    await expect.poll(() => table("Code around RIP").innerText()).toContain("syscall");
    await expect.poll(() => table("Return addresses on the stack").locator("tbody tr").count()).toBeGreaterThan(2);
    // The guest's ELF file gives the names of its functions.
    const names = table("Return addresses on the stack").locator("td.symbol");
    await expect
      .poll(() => names.allInnerTexts(), SOON)
      .toEqual(expect.arrayContaining([expect.stringMatching(/^main\+0x/)]));
    await expect
      .poll(() => app.page.locator(".inspect-registers").innerText())
      .toMatch(/RFLAGS\s+[0-9a-f]{16}\s+.*IF/s);
    await app.shoot("inspect-registers");
  });

  it("goes from a register to the memory there, and on to its page tables", async () => {
    const rip = app.page.locator(".registers div", { hasText: "RIP" }).getByRole("button");
    const at = await rip.innerText();
    await rip.click();
    await expect.poll(() => field("Address").inputValue()).toBe(`0x${at}`);
    await app.page.locator(".memory-hex").first().waitFor();
    await app.page.getByRole("button", { name: "Page tables of it" }).click();
    await table("Entries of the page tables").waitFor();
    await expect.poll(() => field("Virtual address").inputValue()).toBe(`0x${at}`);
    const text = await table("Entries of the page tables").innerText();
    for (const word of ["CR3", "PGT_l4_page_table", "PGT_l3_page_table", "PGT_l2_page_table", "PGT_l1_page_table"])
      expect(text).toContain(word);
    expect(text.match(/domain 1/g)!.length).toBe(5);
    await expect
      .poll(() => app.page.locator(".walk-end").innerText())
      .toMatch(/Mapped by L1 entry \d+: a page of 4 KiB/);
    await app.shoot("inspect-walk");
  });

  it("says where a walk ends and why, and refuses what is no address", async () => {
    const go = async (address: string): Promise<void> => {
      await field("Virtual address").fill(address);
      await app.page.keyboard.press("Enter");
    };
    const end = app.page.locator(".walk-end");
    await go("0x0000123456789000");
    await expect.poll(() => end.innerText(), SOON).toMatch(/not present/);
    await go("0x8000000000000000");
    await expect.poll(() => end.innerText(), SOON).toMatch(/not canonical/);
    await app.shoot("inspect-walk-ends");
    await go("zebra");
    await app.page.getByText("Its kernel has no function zebra.").waitFor();
    await go("main");
    await expect.poll(() => end.innerText(), SOON).toMatch(/Mapped by/);
    await expect.poll(() => app.page.locator(".inspect-walk .card-header").first().innerText()).toContain(", main");
    await go("ffff800000000000");
    await expect.poll(() => table("Entries of the page tables").innerText(), SOON).toContain("Xen");
  });

  it("shows what its memory holds, and pages through it by keys", async () => {
    const { address, bytes } = loaded();
    await section("Memory");
    await field("Address").fill(address.toString(16));
    await app.page.keyboard.press("Enter");
    const wanted = [...bytes.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const first = app.page.locator(".memory-row").first();
    await expect
      .poll(async () => (await first.locator(".memory-hex").innerText()).replace(/\s/g, ""), SOON)
      .toBe(wanted);
    await app.shoot("inspect-memory");
    const box = table("Memory: arrow and page keys go through it");
    await box.press("ArrowDown");
    const addressOf = async () => BigInt(`0x${await first.locator(".memory-address").innerText()}`);
    expect(await addressOf()).toBe(address + 16n);
    await box.press("PageDown");
    const rows = BigInt(await app.page.locator(".memory-row").count());
    expect(await addressOf()).toBe(address + 16n + (rows - 1n) * 16n);
    await box.press("PageUp");
    await box.press("ArrowUp");
    expect(await addressOf()).toBe(address);
    await app.page.getByLabel("Address space").selectOption("pseudo-physical");
    await app.page.locator(".memory-hex").first().waitFor();
    expect(await addressOf()).toBe(0n);
  });

  it("counts the events of each port while they happen, and holds still when told to", async () => {
    // An idle guest has no timer.
    await app.tab("Console");
    await app.type("load 1");
    await app.tab("Inspect");
    await section("Event channels");
    const timer = table("Ports of the domain").locator("tr", { hasText: "VIRQ_TIMER" }).first();
    await expect.poll(async () => /(\d+)\/s/.exec(await timer.innerText())?.[1] ?? "0", SOON).not.toBe("0");
    await app.shoot("inspect-events");
    await app.page.getByRole("button", { name: "Hold" }).click();
    // What was on its way has been drawn.
    await app.settled();
    const held = await timer.innerText();
    await app.measured(3);
    expect(await timer.innerText()).toBe(held);
    await app.page.getByRole("button", { name: "Hold" }).click();
    await expect.poll(() => timer.innerText(), SOON).not.toBe(held);
    await app.typeElsewhere(1, "load 0");
    await app.page.getByRole("searchbox", { name: "Filter the ports" }).fill("interdomain");
    await expect.poll(() => timer.count()).toBe(0);
    await expect.poll(() => table("Ports of the domain").innerText()).toContain("domain 0, port");
  });

  it("shows grants with who holds them, and what the granted frame is", async () => {
    await section("Grant table");
    const grants = table("Entries of the grant table");
    await grants.waitFor();
    await expect.poll(() => grants.innerText()).toMatch(/console[^]*GTF_permit_access[^]*domain 0[^]*1 host write/);
    await app.shoot("inspect-grants");
    const mfn = await grants.getByRole("button").first().innerText();
    await grants.getByRole("button").first().click();
    const facts = app.page.locator(".frame-facts");
    await expect.poll(() => facts.innerText(), SOON).toContain(mfn);
    await expect.poll(() => facts.innerText()).toMatch(/domain 1[^]*PGT_writable_page/);
  });

  it("of Domain-0 has what a native domain has", async () => {
    await app.command("Go to Domain-0");
    await app.tab("Inspect");
    await table("Ports of the domain").or(table("Entries of the grant table")).first().waitFor();
    await expect.poll(() => app.page.getByRole("tab", { name: "vCPU registers" }).count()).toBe(0);
  });

  it("asks for nothing when nobody looks", async () => {
    await app.tab("Xenstore");
    await app.settled();
    const asked = app.sent("inspect");
    await app.measured(3);
    expect(app.sent("inspect")).toBe(asked);
    expect(asked).toBeGreaterThan(10);
  });

  it("has logged no error", () => expect(app.problems).toEqual([]));
});
