/** Menus, tray and notifications, with a real host behind them. */
import type { Worker } from "node:worker_threads";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { COMMANDS, RUN_COMMAND } from "../../electron/channels.ts";
import { acceleratorOf } from "../../renderer/app/keys.ts";
import { MENU_IDS } from "../../renderer/app/menu-table.ts";
import { Double, click, itemsOf, service } from "./double.ts";

let host: HostService;
let shell: Double;
beforeAll(async () => {
  host = service({ firstGuest: true });
  shell = new Double();
  await shell.start(host);
  await vi.waitUntil(() => host.state.power === "running", { timeout: 20_000 });
});
afterAll(() => host.powerOff(0));
beforeEach(() => void (shell.main.focused = false));

const ran = (): string[] => shell.main.webContents.got(RUN_COMMAND);
const labels = (): (string | undefined)[] => shell.trays[0]!.menu.map(({ label }) => label);

describe("the menu", () => {
  it("enables what the page offers, and has it run in front", () => {
    expect(shell.item("new-domain").enabled).toBe(false);
    shell.send(COMMANDS, ["new-domain", "this-pause"]);
    expect(shell.item("new-domain").enabled).toBe(true);
    expect(shell.item("this-pause").enabled).toBe(true);
    expect(shell.item("this-unpause").enabled).toBe(false);
    click(shell.item("new-domain"));
    expect(ran()).toEqual(["new-domain"]);
    expect(shell.main.focused).toBe(true);
    shell.send(COMMANDS, ["this-unpause"]);
    expect(shell.item("this-pause").enabled).toBe(false);
    expect(shell.item("this-unpause").enabled).toBe(true);
  });

  it("believes no nonsense, and nothing of a page that is gone", () => {
    shell.send(COMMANDS, ["power-off"]);
    for (const nonsense of [null, "power-on", { length: 1 }, new Array<string>(513).fill("power-on")])
      shell.send(COMMANDS, nonsense as string[]);
    shell.send(COMMANDS, [7, "power-off", "x".repeat(65)] as string[]);
    expect(shell.item("power-off").enabled).toBe(true);
    expect(shell.item("power-on").enabled).toBe(false);
    shell.main.webContents.emit("did-start-navigation", { isMainFrame: true, isSameDocument: false });
    expect(shell.item("power-off").enabled).toBe(false);
    const before = ran().length;
    click(shell.item("host-overview"));
    expect(ran()).toHaveLength(before);
    shell.send(COMMANDS, ["host-overview"]);
    expect(ran().slice(before)).toEqual(["host-overview"]);
  });

  it("has each command once, and the platform's roles", async () => {
    for (const platform of ["linux", "win32", "darwin"] as const) {
      const other = new Double({ platform });
      const idle = service();
      idle.powerOn = () => Promise.resolve(idle.state);
      await other.start(idle);
      const items = itemsOf(other.menu);
      const ids = items.flatMap(({ id }) => id ?? []);
      expect(ids.toSorted()).toEqual([...MENU_IDS].toSorted());
      for (const item of items) if (item.id) expect(item.accelerator ?? null, item.id).toBe(acceleratorOf(item.id));
      const roles = items.map(({ role }) => role);
      expect(roles).toEqual(expect.arrayContaining(["copy", "paste", "windowMenu", "help", "togglefullscreen"]));
      expect(roles.includes("appMenu")).toBe(platform === "darwin");
      expect(roles.includes("quit")).toBe(platform !== "darwin");
      // Keys are left to the page, which knows when they are the guest's.
      for (const item of items) if (item.accelerator) expect(item.registerAccelerator).toBe(false);
    }
  });
});

describe("the tray", () => {
  it("lists running domains with their states, and acts on them", async () => {
    await expect.poll(labels).toContain("mini-1: running");
    const entry = (label: string): Electron.MenuItemConstructorOptions => {
      const guest = shell.trays[0]!.menu.find((item) => item.label?.startsWith("mini-1"))!;
      return itemsOf([guest]).find((item) => item.label === label)!;
    };
    expect(shell.trays[0]!.tip).toBe("Xenarium: 1 domain");
    shell.send(COMMANDS, []);
    click(entry("Open Console"));
    expect(ran().at(-1)).toMatch(/^go-\d+-console$/);
    click(entry("Pause"));
    await expect.poll(labels).toContain("mini-1: paused");
    expect(entry("Shut Down").enabled).toBe(false);
    click(entry("Unpause"));
    await expect.poll(labels).toContain("mini-1: running");
    click(entry("Shut Down"));
    await expect.poll(labels, { timeout: 15_000 }).toContain("No domain runs");
    expect(shell.trays[0]!.tip).toBe("Xenarium: no domains");
  });

  it("is there as long as the host runs", async () => {
    const other = service();
    const desktop = new Double();
    await desktop.start(other);
    await expect.poll(() => other.state.power, { timeout: 20_000 }).toBe("running");
    expect(desktop.trays).toHaveLength(1);
    await other.powerOff(0);
    expect(desktop.trays[0]!.destroyed).toBe(true);
  });

  it("may be missing: the application runs without", async () => {
    const other = service({ firstGuest: true });
    const desktop = new Double({ tray: false });
    await desktop.start(other);
    await expect.poll(() => other.state.power, { timeout: 20_000 }).toBe("running");
    desktop.app.quit();
    await expect.poll(() => desktop.app.exit.mock.calls.length, { timeout: 20_000 }).toBe(1);
  });
});

describe("notifications", () => {
  const shown = (): (string | undefined)[] =>
    shell.notifications.filter((each) => each.shown).map(({ options }) => options.title);

  it("tell of a domain that crashes while nobody looks, once for each, and lead to it", async () => {
    const crash = async (): Promise<number> => {
      const stopped = new Promise<number>((resolve) => host.once("stopped", ({ domid }) => resolve(domid)));
      const { domid } = await host.createBundled(1);
      await host.toolstack.request("rename", { domid, name: "doomed" });
      await host.toolstack.request("consoleAttach", { domid });
      await expect
        .poll(async () => Buffer.from((await host.toolstack.request("consoleAttach", { domid })).log).toString())
        .toContain("mini> ");
      await host.toolstack.request("consoleInput", { domid, bytes: new TextEncoder().encode("crash\r") });
      await stopped;
      // It is held while its registers are recorded, and keeps its name for as long.
      const isThere = async (): Promise<boolean> =>
        (await host.toolstack.request("list")).some((each) => each.domid === domid);
      await expect.poll(isThere).toBe(false);
      return domid;
    };
    const domid = await crash();
    await expect.poll(shown).toEqual(["doomed has crashed"]);
    shell.notifications[0]!.emit("click");
    expect(shell.main.focused).toBe(true);
    expect(ran().at(-1)).toBe(`go-${domid}`);
    await crash();
    await shell.answered();
    expect(shown()).toEqual(["doomed has crashed"]);
    expect(shell.notifications).toHaveLength(1);
    shell.main.focused = false;
    await crash();
    await expect.poll(() => shell.notifications.length).toBe(2);
    expect(shown()).toEqual(["doomed has crashed"]);
  });

  it("tell of the host's crash, whose window stays", async () => {
    const workers: Worker[] = [];
    const note = (worker: Worker): void => void workers.push(worker);
    process.on("worker", note);
    const other = service();
    const desktop = new Double();
    await desktop.start(other);
    await expect.poll(() => other.state.power, { timeout: 20_000 }).toBe("running");
    process.off("worker", note);
    // dom0's thread is the last that is started.
    await workers.at(-1)!.terminate();
    await expect.poll(() => other.state.power, { timeout: 20_000 }).toBe("crashed");
    await expect
      .poll(() => desktop.notifications.map(({ options }) => options.title))
      .toEqual(["The host has crashed"]);
    expect(desktop.notifications[0]!.options.body).toBe(other.state.reason);
    expect(desktop.main.isDestroyed()).toBe(false);
    expect(desktop.app.exit).not.toHaveBeenCalled();
  });
});
