/**
 * The application as the desktop's window: its first start, the commands of its menus, and a crash of its host. The host is real and really crashes.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Worker } from "node:worker_threads";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { serveWeb, type WebServer } from "../../core/api/transport/websocket-server.ts";
import { menuTemplate } from "../../electron/menu.ts";
import { HELD_KEYS } from "../../renderer/app/keys.ts";
import { MENU_IDS } from "../../renderer/app/menu-table.ts";
import { HOST_TABS } from "../../renderer/state/tabs.ts";
import { builtHost } from "../built-host.ts";
import { itemsOf } from "../electron/double.ts";
import { temporaryFolder } from "../temporary.ts";
import { shootBoth } from "./application.ts";
import { chromiumMissing, launch } from "./browser.ts";
import { Desktop } from "./desktop.ts";
import { violationsOf } from "./violations.ts";

const missing = chromiumMissing();
const dist = path.resolve(import.meta.dirname, "../../dist");

describe.skipIf(missing !== null)(`the desktop's window${missing ? ` (${missing})` : ""}`, () => {
  let host: HostService;
  let web: WebServer;
  let browser: Browser;
  let page: Page;
  let desktop: Desktop;
  /** The threads that were started since the last power-on. */
  let threads: Worker[] = [];
  /** The thread that a power-on starts last. */
  let dom0: Worker;
  const note = (worker: Worker): void => void threads.push(worker);
  const problems: string[] = [];

  beforeAll(async () => {
    process.on("worker", note);
    host = builtHost({ firstGuest: true, libraryFolder: temporaryFolder("desktop-library") });
    web = await serveWeb(host, path.join(dist, "renderer"));
    browser = await launch();
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text());
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    desktop = await Desktop.bridge(page, host);
    await page.goto(web.url);
    await page.getByRole("button", { name: "Power on" }).waitFor();
  });
  afterAll(async () => {
    process.off("worker", note);
    await browser?.close();
    await host?.powerOff(0);
    await web?.close();
  });

  const shoot = async (name: string): Promise<void> => shootBoth(page, await page.context().newCDPSession(page), name);
  const terminal = (): Promise<string> => page.locator(".xterm-rows").innerText();
  const focused = (): Promise<string | undefined> => page.evaluate(() => document.activeElement?.id);
  const offers = (): string[] => desktop.offers.at(-1) ?? [];
  /** Everything that was offered at some time. */
  const everOffered = (): Set<string> => new Set(desktop.offers.flat());

  it("starts for the first time with the bundled guest's console under the user's fingers, and one hint", async () => {
    await expect.poll(offers).toContain("power-on");
    threads = [];
    await host.powerOn();
    dom0 = threads.at(-1)!;
    const hint = page.getByRole("note").filter({ hasText: "drop a kernel" });
    await hint.waitFor();
    await expect.poll(terminal, { timeout: 15_000 }).toMatch(/mini> /);
    await expect.poll(() => page.evaluate(() => document.activeElement?.className)).toContain("xterm-helper-textarea");
    await page.keyboard.type("uptime\n");
    await expect.poll(terminal, { timeout: 15_000 }).toMatch(/up [\d.]+ s, host up/);
    await shoot("first-start");
    expect(await violationsOf(page)).toEqual([]);
    await page.getByRole("button", { name: "Dismiss the hint" }).click();
    await hint.waitFor({ state: "detached" });
  });

  it("offers the menu's commands as things stand, and runs them", async () => {
    await expect.poll(offers).toEqual(expect.arrayContaining(["this-pause", "console-search", "pop-out", "palette"]));
    expect(offers()).not.toContain("power-on");
    expect(offers().filter((id) => !MENU_IDS.has(id))).toEqual([]);
    await desktop.say("command", "this-pause");
    await expect.poll(offers).toContain("this-unpause");
    expect(offers()).not.toContain("this-pause");
    await desktop.say("command", "this-unpause");
    await expect.poll(offers).toContain("this-pause");
    await desktop.say("command", "pop-out");
    await expect.poll(() => desktop.consoles).toEqual([1]);
    await desktop.say("command", "palette");
    await page.getByRole("dialog", { name: "Commands" }).waitFor();
    await expect.poll(offers).toEqual([]);
    await page.keyboard.press("Escape");
    await desktop.say("command", "host-xenstore");
    await page.getByRole("tab", { name: "Xenstore", selected: true }).waitFor();
    expect(offers()).not.toContain("this-pause");
    // These come from the tray and from notifications.
    await desktop.say("command", "go-1-console");
    await expect.poll(terminal).toMatch(/mini> /);
    await desktop.say("command", "no-such-command");
  });

  it("shows beside the menu's commands the keys that it handles", async () => {
    const keys = itemsOf(menuTemplate("linux", "Xenarium", () => {})).flatMap(({ accelerator }) => accelerator ?? []);
    // Those that need no other key held. Only the tour's is one.
    expect(keys.length).toBe(HELD_KEYS.length + 1);
    await desktop.say("command", "shortcuts");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    const listed = await dialog.innerText();
    for (const accelerator of keys) {
      const key = accelerator.replace("CommandOrControl", "Ctrl").replace("Up", "↑").replace("Down", "↓");
      expect(listed).toMatch(new RegExp(`^${key.replaceAll("+", "\\+")}(\\s|$)`, "m"));
    }
    await page.keyboard.press("Escape");
  });

  it("leads to each view and part from the menu", async () => {
    const selected = (name: string) => page.getByRole("tab", { name, selected: true });
    await desktop.say("command", "edit-live");
    await expect.poll(focused).toBe("settings");
    await desktop.say("command", "inspect-hypercalls");
    await selected("Inspect").waitFor();
    await selected("Hypercalls").waitFor();
    await desktop.say("command", "find");
    await expect.poll(focused).toBe("sidebar-search");
    for (const [id, name] of HOST_TABS) {
      await desktop.say("command", `host-${id}`);
      await selected(name).waitFor();
    }
    await desktop.say("command", "xen-log");
    await selected("Overview").waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.closest(".log-card") !== null)).toBe(true);
    expect(offers()).not.toContain("edit-live");
    await desktop.say("command", "tour");
    await page.getByRole("dialog", { name: "The hypervisor" }).waitFor();
    await page.keyboard.press("Escape");
    await desktop.say("command", "go-1-console");
    await expect.poll(offers).toContain("organize");
    await desktop.say("command", "find");
    await page.locator(".console-search input").waitFor();
    await page.keyboard.press("Escape");
  });

  it("enables what fits the domain and its folder, and nothing while a dialog asks", async () => {
    await desktop.say("command", "organize");
    const dialog = page.getByRole("dialog", { name: "Folder and tags of mini-1" });
    await dialog.getByLabel("Folder").fill("web");
    await expect.poll(offers).toEqual([]);
    await page.keyboard.press("Enter");
    await expect.poll(offers).toContain("move-out");
    await desktop.say("command", "move-out");
    await expect.poll(offers).not.toContain("move-out");
    await desktop.say("command", "bundled");
    await page.getByRole("heading", { level: 1, name: "mini-2" }).waitFor();
    await expect.poll(offers).toEqual(expect.arrayContaining(["all-pause", "all-destroy"]));
    expect(offers()).not.toContain("all-unpause");
    await desktop.say("command", "all-pause");
    await expect.poll(offers).toEqual(expect.arrayContaining(["this-unpause", "all-unpause"]));
    expect(offers()).not.toContain("this-shutdown");
    await desktop.say("command", "all-unpause");
    await expect.poll(offers).toContain("all-pause");
  });

  it("asks the user which folders a new domain shares", async () => {
    await page.keyboard.press("Control+Shift+N");
    const dialog = page.getByRole("dialog", { name: "New domain" });
    const text = dialog.getByLabel("xl.cfg", { exact: true });
    await text.fill('name = "shares"\nmemory = 32\n');
    const wanted = async (...folders: string[]): Promise<void> => {
      desktop.folders.push(...folders);
      await dialog.getByRole("button", { name: "Folder…" }).click();
    };
    await wanted();
    await wanted("/srv/my web");
    await expect
      .poll(() => text.inputValue())
      .toBe('name = "shares"\nmemory = 32\np9 = [ "tag=my-web,security_model=none,path=/srv/my web" ]\n');
    await wanted("/home/my web");
    await dialog.getByRole("group", { name: "Shared folder my-web-2", exact: true }).waitFor();
    await expect.poll(() => text.inputValue()).toContain('"tag=my-web-2,security_model=none,path=/home/my web"');
    await wanted("/srv/a,b");
    await page.getByText("/srv/a,b can’t be shared: in xl.cfg a path can’t have a comma.").first().waitFor();
    expect(await text.inputValue()).not.toContain("a,b");
    // Another folder for the same tag.
    desktop.folders.push("/srv/new");
    await dialog.getByRole("button", { name: "/srv/my web" }).click();
    await expect.poll(() => text.inputValue()).toContain('"tag=my-web,security_model=none,path=/srv/new"');
    await shoot("create-folders");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await dialog.waitFor({ state: "detached" });
  });

  it("shares a folder with a running domain, into which files are put, and takes it away", async () => {
    const shared = temporaryFolder("desktop-share");
    await page.getByRole("tab", { name: "Devices", exact: true }).click();
    await page.getByRole("button", { name: "Share a folder…" }).click();
    const dialog = page.getByRole("dialog", { name: /^Share a folder with / });
    const share = dialog.getByRole("button", { name: "Share", exact: true });
    expect(await share.isEnabled()).toBe(false);
    desktop.folders.push(shared);
    await dialog.getByRole("button", { name: "Choose a folder…" }).click();
    await expect.poll(() => dialog.getByLabel("Tag").inputValue()).toMatch(/^xenarium-desktop-share/);
    await dialog.getByLabel("Tag").fill("in/side");
    await share.click();
    await dialog.getByText('tag is "in/side"; allowed: up to 255 bytes without / and control characters').waitFor();
    await dialog.getByLabel("Tag").fill("inside");
    await dialog.getByLabel("Read-only").check();
    expect(await violationsOf(page)).toEqual([]);
    await shoot("attach-folder");
    await share.click();
    await dialog.waitFor({ state: "detached" });
    const row = page.getByRole("row").filter({ hasText: "folder inside" });
    await row.getByText(`${shared}, read-only`).waitFor();
    await page
      .getByLabel("Files for the folder inside")
      .setInputFiles({ name: "..\\note:1.txt ", mimeType: "text/plain", buffer: Buffer.from("a note") });
    await expect.poll(() => readdirSync(shared)).toEqual(["..note-1.txt"]);
    expect(readFileSync(path.join(shared, "..note-1.txt"), "utf8")).toBe("a note");
    await shoot("devices-others");
    await row.getByRole("button", { name: "Detach folder inside…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Detach" }).click();
    // This guest knows no shared folders, so it does not let go of one.
    const force = page.getByRole("dialog", { name: /^Take folder inside away from / });
    await force.getByText(/it fails for the guest at once/).waitFor();
    await force.getByRole("button", { name: "Take it away" }).click();
    await row.waitFor({ state: "detached" });
  });

  it("has nothing in the palette that the menu lacks, but what is of one domain or folder", async () => {
    const listed = async (): Promise<string[]> => {
      await desktop.say("command", "palette");
      await page.getByRole("dialog", { name: "Commands" }).waitFor();
      const ids = await page
        .locator("[cmdk-item]")
        .evaluateAll((items) => items.map((item) => item.getAttribute("data-value")!));
      await page.keyboard.press("Escape");
      await page.getByRole("dialog", { name: "Commands" }).waitFor({ state: "detached" });
      return ids;
    };
    const ofOne =
      /^(go|pause|unpause|save|shutdown|reboot|destroy|restore|discard|start|edit|clone|delete|forget)--?\d+(-\w+)?$|^(move-to|new-in|toggle|rename|remove|organize):/;
    for (const view of ["go-1-console", "go-0-overview", "host-overview"]) {
      await desktop.say("command", view);
      const ids = await listed();
      expect(ids.length).toBeGreaterThan(40);
      expect(ids.filter((id) => !MENU_IDS.has(id) && !ofOne.test(id))).toEqual([]);
    }
    await desktop.say("command", "go-2");
    await expect.poll(offers).toContain("this-destroy");
    await desktop.say("command", "this-destroy");
    await page.getByRole("dialog").getByRole("button", { name: "Destroy" }).click();
    await expect.poll(offers).toContain("this-start");
    await desktop.say("command", "go-1-console");
    await expect.poll(terminal).toMatch(/host up/);
  });

  it("stays when the host crashes, says what happened, keeps every log, and starts it again", async () => {
    // Without dom0's thread the host is of no use.
    await dom0.terminate();
    const alert = page.getByRole("alert").filter({ hasText: "The host has crashed." });
    await alert.waitFor();
    await expect.poll(() => alert.innerText()).toContain(host.state.reason!);
    expect(host.state).toMatchObject({ power: "crashed", reason: expect.stringMatching(/dom0/) as string });
    // The console that was shown is still there and can be saved.
    expect(await terminal()).toMatch(/host up/);
    await page.getByText("It ended with the host, which crashed.").waitFor();
    await shoot("crash-console");
    const [saved] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Save the log to a file" }).click(),
    ]);
    expect(readFileSync(await saved.path(), "utf8")).toMatch(/host up/);
    await page.getByRole("tab", { name: "Overview", exact: true }).click();
    await page.getByText(/^Its host ended at /).waitFor();
    await page.getByText("32 MiB at first, at most 32").waitFor();
    const [log] = await Promise.all([
      page.waitForEvent("download"),
      alert.getByRole("button", { name: "Save the Xen log" }).click(),
    ]);
    expect(readFileSync(await log.path(), "utf8")).toContain("(XEN) Xen version 4.17");
    await desktop.say("command", "host-overview");
    await page.getByRole("log", { name: "Xen log" }).press("Home");
    await expect.poll(() => page.locator(".log").textContent()).toContain("(XEN) Xen version 4.17");
    await page.locator(".page").evaluate((element) => element.scrollTo(0, 0));
    await shoot("crash-host");
    expect(await violationsOf(page)).toEqual([]);
    await expect.poll(offers).toContain("power-on");
    threads = [];
    await alert.getByRole("button", { name: "Restart the host" }).click();
    await page.getByText("The host is up. Give it a guest.").waitFor();
    await alert.waitFor({ state: "detached" });
    expect(host.state.power).toBe("running");
  });

  it("tells of a processor's thread that ends, too", async () => {
    // The first thread is the translator's, and the next is the pCPU's.
    await threads[1]!.terminate();
    await page.getByRole("alert").filter({ hasText: "pCPU 0 has ended" }).waitFor();
    await page.getByRole("button", { name: "Restart the host" }).click();
    await page.getByText("The host is up. Give it a guest.").waitFor();
    await page.getByRole("button", { name: "Start the bundled guest" }).click();
    await expect.poll(terminal, { timeout: 15_000 }).toMatch(/mini> /);
  });

  it("has offered every command of the menu at its time, once some domains have come and gone", async () => {
    const slow = { timeout: 50_000 };
    await expect.poll(offers).toContain("this-save");
    await desktop.say("command", "this-save");
    await expect.poll(offers, slow).toEqual(expect.arrayContaining(["this-restore", "this-discard"]));
    await desktop.say("command", "this-restore");
    await expect.poll(offers, slow).toContain("this-shutdown");
    await desktop.say("command", "this-shutdown");
    await expect.poll(offers, slow).toContain("this-start");
    // This one is not kept: a domain that crashed and is looked at while another has taken its place.
    const { config, files } = await host.bundled(1);
    const { domid } = await host.kept.create({ config: `${config}on_crash = "rename-restart"\n`, files });
    await desktop.say("command", `go-${domid}-console`);
    await expect.poll(terminal, slow).toMatch(/mini> /);
    await page.locator(".xterm-helper-textarea").focus();
    await page.keyboard.type("crash\n");
    await expect.poll(async () => (await host.toolstack.request("list")).length, slow).toBe(3);
    await host.toolstack.request("destroy", { domid });
    await expect.poll(offers, slow).toEqual(expect.arrayContaining(["forget-ended", "this-forget"]));
    expect([...MENU_IDS].filter((id) => !everOffered().has(id))).toEqual([]);
    expect(problems).toEqual([]);
  });
});
