/** The desktop shell against a double of the Electron functions it uses. */
import { EventEmitter } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { BrowserWindow, BrowserWindowConstructorOptions } from "electron";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { HostService } from "../../core/api/host-service.ts";
import type { ServerMessage } from "../../core/api/schema.ts";
import { APP_ORIGIN, FROM_HOST, OPENED, OPENS, TAKEN, TO_HOST, type OpenedFile } from "../../electron/channels.ts";
import type { ElectronParts } from "../../electron/parts.ts";
import { startShell } from "../../electron/shell.ts";
import { readBounds } from "../../electron/window.ts";

class FakeContents extends EventEmitter {
  readonly id = 1;
  readonly mainFrame = { url: `${APP_ORIGIN}/index.html` };
  readonly sent: [string, unknown][] = [];
  openHandler: (details: { url: string }) => { action: string } = () => ({ action: "allow" });
  send(channel: string, message: unknown): void {
    this.sent.push([channel, message]);
  }
  isDestroyed(): boolean {
    return false;
  }
  setWindowOpenHandler(handler: typeof this.openHandler): void {
    this.openHandler = handler;
  }
}
class FakeWindow extends EventEmitter {
  readonly webContents = new FakeContents();
  url = "";
  focused = 0;
  isMinimized = (): boolean => false;
  isDestroyed = (): boolean => false;
  focus = (): void => void this.focused++;
  show(): void {}
  restore(): void {}
  setProgressBar(): void {}
  getNormalBounds = () => ({ x: 5, y: 6, width: 1000, height: 700 });
  loadURL(url: string): Promise<void> {
    this.url = url;
    return Promise.resolve();
  }
}

const dist = pathToFileURL(`${path.resolve(import.meta.dirname, "../../dist")}/`);
const renderer = path.resolve(import.meta.dirname, "../../dist/renderer");

function double(lock = true, files: string[] = []) {
  const app = Object.assign(new EventEmitter(), {
    name: "Xenarium",
    isPackaged: true,
    requestSingleInstanceLock: () => lock,
    quit: vi.fn(),
    exit: vi.fn(),
    whenReady: () => Promise.resolve(),
    getPath: () => mkdtempSync(path.join(tmpdir(), "xenarium-electron-")),
  });
  const ipcMain = new EventEmitter();
  const window = new FakeWindow();
  let options: BrowserWindowConstructorOptions = {};
  let permission: (contents: unknown, permission: string, answer: (granted: boolean) => void) => void = () => {};
  let handler: (request: Request) => Promise<Response> = () => Promise.reject(new Error("no handler"));
  const opened: string[] = [];
  const parts = {
    app,
    ipcMain,
    protocol: { handle: (_scheme: string, handle: typeof handler) => void (handler = handle) },
    defaultSession: () => ({
      setPermissionRequestHandler: (next: typeof permission) => void (permission = next),
      setPermissionCheckHandler: () => {},
    }),
    createWindow: (given: BrowserWindowConstructorOptions) => {
      options = given;
      return window as unknown as BrowserWindow;
    },
    setMenu: () => {},
    openExternal: (url: string) => {
      opened.push(url);
      return Promise.resolve();
    },
    platform: "linux",
    argv: ["/opt/xenarium", "--no-sandbox", ...files],
    folder: "/nowhere",
  } as unknown as ElectronParts;
  return {
    parts,
    app,
    ipcMain,
    window,
    opened,
    options: () => options,
    ask: (what: string) => {
      let granted = true;
      permission(null, what, (answer) => (granted = answer));
      return granted;
    },
    fetch: (url: string) => handler(new Request(url)),
  };
}

const paths = { renderer, preload: "/preload.cjs" };
let host: HostService;
beforeEach(() => {
  host = new HostService({ imageFolder: dist, bundledGuest: new URL("assets/guests/mini.elf", dist) });
  vi.spyOn(host, "powerOn").mockResolvedValue(host.state);
});

describe("the desktop shell", () => {
  it("opens one isolated, sandboxed window on its own origin", async () => {
    const shell = double();
    expect(await startShell(shell.parts, host, paths)).toBe(true);
    expect(shell.options().webPreferences).toMatchObject({
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webSecurity: true,
      webviewTag: false,
    });
    expect(shell.window.url).toBe(`${APP_ORIGIN}/index.html`);
    expect(host.powerOn).toHaveBeenCalledOnce();
  });

  it("leaves to the first instance, which comes to the front", async () => {
    const second = double(false);
    expect(await startShell(second.parts, host, paths)).toBe(false);
    expect(second.app.quit).toHaveBeenCalled();
    const first = double();
    await startShell(first.parts, host, paths);
    first.app.emit("second-instance", {}, ["/opt/xenarium"], "/");
    expect(first.window.focused).toBe(1);
  });

  describe("files that the desktop opens", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "xenarium-opened-"));
    for (const name of ["vmlinuz", "initrd"]) writeFileSync(path.join(folder, name), name.toUpperCase());
    const at = (name: string): string => path.join(folder, name);
    const gone = { isMainFrame: true, isSameDocument: false };
    type Shell = ReturnType<typeof double>;
    const ready = ({ ipcMain, window: { webContents } }: Shell): void =>
      void ipcMain.emit(OPENS, { sender: webContents, senderFrame: webContents.mainFrame });
    /** What was opened, by message: names with the contents or the reason. */
    const given = ({ window }: Shell): string[][] =>
      window.webContents.sent
        .filter(([channel]) => channel === OPENED)
        .map(([, files]) =>
          (files as OpenedFile[]).map((file) =>
            "bytes" in file ? `${file.name}=${Buffer.from(file.bytes)}` : file.reason,
          ),
        );

    it("are given to the page once it says that it takes them, and again to none", async () => {
      const shell = double(true, [at("vmlinuz"), at("initrd")]);
      await startShell(shell.parts, host, paths);
      const { webContents } = shell.window;
      shell.ipcMain.emit(OPENS, { sender: webContents, senderFrame: { url: `${APP_ORIGIN}/index.html` } });
      await new Promise((resolve) => setTimeout(resolve, 250));
      expect(given(shell)).toEqual([]);
      ready(shell);
      await expect.poll(() => given(shell)).toEqual([["vmlinuz=VMLINUZ", "initrd=INITRD"]]);
      ready(shell);
      await new Promise((resolve) => setTimeout(resolve, 250));
      expect(given(shell)).toHaveLength(1);
    });

    it("come from a second start, relative to its folder", async () => {
      const shell = double();
      await startShell(shell.parts, host, paths);
      ready(shell);
      shell.app.emit("second-instance", {}, ["/opt/xenarium", "--flag", "vmlinuz", "missing"], folder);
      await expect
        .poll(() => given(shell))
        .toEqual([["vmlinuz=VMLINUZ", expect.stringMatching(/missing can't be .*ENOENT/)]]);
      expect(shell.window.focused).toBe(1);
      shell.app.emit("second-instance", {}, ["/opt/xenarium", "."], folder);
      await expect.poll(() => given(shell)[1]).toEqual([`${folder} can't be opened: it is no file.`]);
    });

    it("that macOS names one by one are one opening, and wait for a page that is loaded again", async () => {
      const shell = double();
      const event = { preventDefault: vi.fn() };
      const starting = startShell(shell.parts, host, paths);
      shell.app.emit("open-file", event, at("vmlinuz"));
      await starting;
      ready(shell);
      shell.app.emit("open-file", event, at("initrd"));
      await expect.poll(() => given(shell)).toEqual([["vmlinuz=VMLINUZ", "initrd=INITRD"]]);
      expect(event.preventDefault).toHaveBeenCalledTimes(2);
      shell.window.webContents.emit("did-start-navigation", gone);
      shell.app.emit("open-file", event, at("initrd"));
      await new Promise((resolve) => setTimeout(resolve, 250));
      expect(given(shell)).toHaveLength(1);
      ready(shell);
      await expect.poll(() => given(shell)[1]).toEqual(["initrd=INITRD"]);
    });
  });

  it("lets the page go nowhere, open nothing and ask for nothing", async () => {
    const shell = double();
    await startShell(shell.parts, host, paths);
    const event = { preventDefault: vi.fn() };
    shell.window.webContents.emit("will-navigate", event);
    shell.window.webContents.emit("will-attach-webview", event);
    expect(event.preventDefault).toHaveBeenCalledTimes(2);
    expect(shell.window.webContents.openHandler({ url: "https://example.org/" })).toEqual({ action: "deny" });
    expect(shell.window.webContents.openHandler({ url: "file:///etc/passwd" })).toEqual({ action: "deny" });
    expect(shell.opened).toEqual(["https://example.org/"]);
    for (const what of ["media", "geolocation", "notifications", "clipboard-read"]) expect(shell.ask(what)).toBe(false);
  });

  it("serves its own files with the policy, and nothing outside their folder", async () => {
    const shell = double();
    await startShell(shell.parts, host, paths);
    const page = await shell.fetch(`${APP_ORIGIN}/index.html`);
    expect(page.status).toBe(200);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(page.headers.get("content-security-policy")).not.toContain("unsafe");
    for (const url of ["/../cli.js", "/%2e%2e/cli.js", "/..%2fcli.js", "/nothing.js"])
      expect((await shell.fetch(APP_ORIGIN + url)).status).toBe(404);
    expect((await shell.fetch("xenarium://other/index.html")).status).toBe(404);
  });

  it("answers its own page and no other sender", async () => {
    const shell = double();
    await startShell(shell.parts, host, paths);
    const { webContents } = shell.window;
    const replies = (): ServerMessage[] =>
      webContents.sent.filter(([channel]) => channel === FROM_HOST).map(([, message]) => message as ServerMessage);
    const message = { id: 7, request: "hostState", args: {} };
    shell.ipcMain.emit(TO_HOST, { sender: webContents, senderFrame: { url: `${APP_ORIGIN}/index.html` } }, message);
    shell.ipcMain.emit(TO_HOST, { sender: webContents, senderFrame: null }, message);
    webContents.mainFrame.url = "https://evil.example/";
    shell.ipcMain.emit(TO_HOST, { sender: webContents, senderFrame: webContents.mainFrame }, message);
    expect(replies()).toEqual([]);
    webContents.mainFrame.url = `${APP_ORIGIN}/index.html`;
    shell.ipcMain.emit(TO_HOST, { sender: webContents, senderFrame: webContents.mainFrame }, message);
    await expect.poll(() => replies().some((reply) => "id" in reply && reply.id === 7)).toBe(true);
  });

  it("shuts the guests down before it ends, once", async () => {
    const shell = double();
    const off = vi.spyOn(host, "powerOff").mockResolvedValue();
    await startShell(shell.parts, host, paths);
    const event = { preventDefault: vi.fn() };
    shell.app.emit("before-quit", event);
    shell.app.emit("before-quit", event);
    await expect.poll(() => shell.app.exit.mock.calls.length).toBe(1);
    expect(off).toHaveBeenCalledOnce();
    expect(event.preventDefault).toHaveBeenCalledTimes(2);
  });

  it("keeps the window open while guests shut down", async () => {
    const shell = double();
    await startShell(shell.parts, host, paths);
    const event = { preventDefault: vi.fn() };
    shell.window.emit("close", event);
    expect(event.preventDefault).toHaveBeenCalledOnce();
    expect(shell.app.quit).toHaveBeenCalledOnce();
  });

  it("ends the session of a page that takes nothing, and not of one that does", async () => {
    const shell = double();
    await startShell(shell.parts, host, paths);
    const { webContents } = shell.window;
    const event = { sender: webContents, senderFrame: webContents.mainFrame };
    const text = "x".repeat(1024 * 1024);
    const closed = (): unknown[] => webContents.sent.filter(([channel]) => channel === "xenarium:closed");
    shell.ipcMain.emit(TO_HOST, event, { id: 1, request: "xenLogAttach", args: {} });
    for (let i = 0; i < 60; i++) {
      host.emit("xenLog", { text });
      shell.ipcMain.emit(TAKEN, event, 2);
    }
    expect(closed()).toEqual([]);
    for (const nonsense of [-1, NaN, "9", null, { valueOf: 9 }]) shell.ipcMain.emit(TAKEN, event, nonsense);
    for (let i = 0; i < 40; i++) host.emit("xenLog", { text });
    expect(closed()).toHaveLength(1);
    const count = webContents.sent.length;
    host.emit("xenLog", { text });
    expect(webContents.sent.length).toBe(count);
  });

  it("does not believe a window's kept size blindly", () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), "xenarium-bounds-")), "window.json");
    for (const text of ["", "null", "[]", '{"width":"x"}', "{]"]) {
      writeFileSync(file, text);
      expect(readBounds(file)).toEqual({ width: 1280, height: 820 });
    }
    writeFileSync(file, '{"width":1,"height":1e9}');
    expect(readBounds(file)).toEqual({ width: 820, height: 10_000 });
  });
});
