/** A domain that crashed: its banner says why, and the last lines of the console and of Xen take the place of Inspect. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compilerMissing } from "../guests/programs.ts";
import { smallKernel } from "../guests/small-kernel.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { violationsOf } from "./violations.ts";

const missing = chromiumMissing();
let app: Application;

describe.skipIf(missing !== null)(`a crash${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    app = await Application.start();
    await app.startGuest();
  });
  afterAll(() => app?.stop());

  it("is told of with its reason, in every window, and Inspect has what was said", async () => {
    const { page } = app;
    await app.type("crash");
    await page.locator(".banner", { hasText: /It crashed: vCPU 0: trap 14 error 2 at \w+, address dead000/ }).waitFor();
    await app.tab("Inspect");
    await page.getByRole("region", { name: "Crash", exact: true }).waitFor();
    expect(await page.getByRole("region", { name: "Console at the crash" }).innerText()).toMatch(
      /trap 14[^]*rax [0-9a-f]{16}/,
    );
    const registers = page.getByRole("region", { name: "Registers at the crash" });
    await registers.waitFor();
    // The functions in which the bundled guest was are named, because its kernel's symbols were read while it was held.
    expect(await registers.innerText()).toMatch(/RIP/);
    expect(await registers.getByRole("group", { name: "Return addresses on the stack" }).innerText()).toMatch(
      /[a-z]\w+\+0x/,
    );
    expect(await registers.getByRole("button").count()).toBe(0);
    // The instruction at which it stopped can be seen in its list, as in a domain that runs.
    const isSeen = (line: Element): boolean => {
      const [at, box] = [line, line.closest(".table-box")!].map((each) => each.getBoundingClientRect());
      return at!.height > 0 && at!.bottom <= box!.bottom;
    };
    expect(await registers.locator('tr[aria-current="true"]').evaluate(isSeen)).toBe(true);
    expect(await violationsOf(page)).toEqual([]);
    await app.shoot("crash-card");
    await app.inOtherWindow(async (other) => {
      await other.locator(".side-domain", { hasText: "mini-1" }).click();
      await other.getByRole("tab", { name: "Inspect" }).click();
      await other.getByRole("region", { name: "Registers at the crash" }).waitFor();
      await other.getByRole("region", { name: "Console at the crash" }).waitFor();
    });
  });

  /** Opens the page of a domain that stops as soon as it runs. */
  async function ended(name: string, body: string): Promise<void> {
    const api = await app.client();
    const config = `name = "${name}"\nkernel = "${smallKernel(body)}"\nmemory = 32\non_crash = "destroy"\n`;
    await api.request("create", { config });
    api.close();
    await app.page.locator(".side-domain", { hasText: name }).click();
    await app.page.getByText("This domain does not run.").first().waitFor();
    await app.tab("Inspect");
  }

  it.skipIf(compilerMissing() !== null)("is not told of a domain that ended well", async () => {
    const { page } = app;
    await ended("well", "shutdown(SHUTDOWN_poweroff);");
    await page.getByText("It did not crash.").waitFor();
    expect(await page.getByRole("region", { name: "Crash", exact: true }).count()).toBe(0);
  });

  it.skipIf(compilerMissing() !== null)("that Xen sees has Xen's own lines about it", async () => {
    const { page } = app;
    await ended("silent", 'asm volatile("ud2");');
    const said = page.getByRole("region", { name: "Xen log at the crash" });
    await said.waitFor();
    expect(await said.innerText()).toMatch(/Domain \d+ \(vcpu#0\) crashed on cpu#\d[^]*RIP/);
    expect(await page.getByRole("region", { name: "Console at the crash" }).count()).toBe(0);
    await app.shoot("crash-xen");
  });
});
