/** Electron's security checklist, all twenty points by their numbers (electron/README.md says how each is met). */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import {
  CHOOSE_FOLDER,
  CHOSEN,
  FOLDER_CHOSEN,
  APP_ORIGIN,
  COMMANDS,
  FROM_HOST,
  OPENS,
  OPEN_CONSOLE,
  RUN_COMMAND,
  TAKEN,
  TO_HOST,
} from "../../electron/channels.ts";
import { Double, service } from "./double.ts";

const root = path.resolve(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(path.join(root, file), "utf8");
const manifest = JSON.parse(read("package.json")) as {
  devDependencies: Record<string, string>;
  build: { electronFuses: Record<string, boolean>; electronVersion?: string };
};
/** The text of what the desktop and its page are made of. */
const sources = ["electron", "renderer"]
  .flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" }).map((file) => `${folder}/${file}`),
  )
  .filter((file) => /\.(tsx?|html|css)$/.test(file))
  .map((file) => ({ file, text: read(file) }));
const using = (pattern: RegExp): string[] => sources.filter(({ text }) => pattern.test(text)).map(({ file }) => file);

let host: HostService;
let shell: Double;
beforeEach(async () => {
  host = service();
  vi.spyOn(host, "powerOn").mockResolvedValue(host.state);
  shell = new Double();
  await shell.start(host);
  shell.send(OPEN_CONSOLE, 1);
});

describe("Electron's security checklist", () => {
  it("1, 18: pages come from the application's own secure scheme, not from the net and not from file://", async () => {
    for (const { url } of shell.windows) expect(url).toMatch(/^xenarium:\/\/app\/index\.html/);
    expect(read("electron/main.ts")).toMatch(
      /registerSchemesAsPrivileged\(\[\{ scheme: APP_SCHEME, privileges: \{ standard: true, secure: true \} \}\]\)/,
    );
    expect(using(/loadFile\(|["'`]file:\/\//)).toEqual([]);
    expect(using(/["'`](http|ws):\/\/(?!www\.w3\.org)/)).toEqual([]);
    for (const url of ["/../cli.js", "/%2e%2e/cli.js", "/..%2fcli.js", "/..%5ccli.js", "/nothing.js", "/%00"])
      expect((await shell.fetch(new Request(APP_ORIGIN + url))).status).toBe(404);
    expect((await shell.fetch(new Request("xenarium://other/index.html"))).status).toBe(404);
  });

  it("2, 3, 4, 6, 8, 9, 10: every window is isolated and sandboxed, with nothing switched off or on", () => {
    expect(shell.windows).toHaveLength(2);
    for (const { options } of shell.windows) {
      expect(options.webPreferences).toEqual({
        preload: "/preload.cjs",
        nodeIntegration: false,
        nodeIntegrationInWorker: false,
        nodeIntegrationInSubFrames: false,
        contextIsolation: true,
        sandbox: true,
        webSecurity: true,
        allowRunningInsecureContent: false,
        experimentalFeatures: false,
        webviewTag: false,
        navigateOnDragDrop: false,
        spellcheck: false,
      });
    }
    expect(read("electron/main.ts")).toContain("app.enableSandbox()");
    expect(using(/enableBlinkFeatures|commandLine\.appendSwitch|@electron\/remote/)).toEqual([]);
  });

  it("5: the page is granted the writing of text to the clipboard, no other page anything", () => {
    const asks = (permission: string, requestingUrl = `${APP_ORIGIN}/index.html`): boolean => {
      let granted = true;
      shell.request(null, permission, (answer) => (granted = answer), { requestingUrl });
      return granted;
    };
    expect(asks("clipboard-sanitized-write")).toBe(true);
    expect(shell.check(null, "clipboard-sanitized-write", `${APP_ORIGIN}/`)).toBe(true);
    for (const foreign of ["https://evil.example/", "xenarium://other/", "file:///etc/passwd", "", "nonsense"]) {
      expect(asks("clipboard-sanitized-write", foreign)).toBe(false);
      expect(shell.check(null, "clipboard-sanitized-write", foreign)).toBe(false);
    }
    for (const what of [
      "media",
      "geolocation",
      "notifications",
      "clipboard-read",
      "openExternal",
      "usb",
      "fileSystem",
    ]) {
      expect(asks(what)).toBe(false);
      expect(shell.check(null, what, `${APP_ORIGIN}/`)).toBe(false);
    }
    expect(shell.device()).toBe(false);
  });

  it("7: everything is served with a policy that allows nothing inline and nothing from elsewhere", async () => {
    const page = await shell.fetch(new Request(`${APP_ORIGIN}/index.html`));
    expect(page.status).toBe(200);
    expect(page.headers.get("X-Content-Type-Options")).toBe("nosniff");
    const policy = page.headers.get("content-security-policy")!;
    expect(policy).toContain("default-src 'none'; script-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
  });

  it("11, 12, 13, 14, 15: no window embeds, leaves its page, opens another, or hands an address to the desktop", () => {
    for (const { webContents } of shell.windows) {
      const event = { preventDefault: vi.fn() };
      const refusals = ["will-attach-webview", "will-navigate", "will-frame-navigate", "will-redirect"];
      for (const name of refusals) webContents.emit(name, event);
      expect(event.preventDefault).toHaveBeenCalledTimes(refusals.length);
      for (const url of ["https://example.org/", "file:///etc/passwd", `${APP_ORIGIN}/index.html`])
        expect(webContents.openHandler({ url })).toEqual({ action: "deny" });
    }
    expect(using(/<webview|allowpopups/)).toEqual([]);
    expect(using(/openExternal|openPath/)).toEqual([]);
  });

  it("16: Electron is pinned, and what is installed, typed against and packaged is one version", () => {
    const { electron } = manifest.devDependencies;
    expect(electron).toMatch(/^\d+\.\d+\.\d+$/);
    expect(JSON.parse(read("node_modules/electron/package.json"))).toMatchObject({ version: electron });
    expect(manifest.build.electronVersion).toBeUndefined();
  });

  it("17: messages are heard from the application's page in the top frame of a window of its own only", async () => {
    const { webContents } = shell.main;
    const channels = [TO_HOST, TAKEN, OPENS, COMMANDS, OPEN_CONSOLE, CHOOSE_FOLDER, CHOSEN];
    expect(shell.ipcMain.eventNames().sort()).toEqual([...channels].sort());
    const message = { id: 7, request: "hostState", args: {} };
    const strangers = [
      { sender: webContents, senderFrame: { url: `${APP_ORIGIN}/index.html` } },
      { sender: webContents, senderFrame: null },
      ...["https://evil.example/", "xenarium://other/index.html", "file:///x", "about:blank", ""].map((url) => {
        const mainFrame = { url };
        return { sender: Object.assign(Object.create(webContents) as object, { mainFrame }), senderFrame: mainFrame };
      }),
      // The right address in a window that the shell did not open.
      { sender: { mainFrame: webContents.mainFrame }, senderFrame: webContents.mainFrame },
    ];
    for (const event of strangers) {
      shell.ipcMain.emit(TO_HOST, event, message);
      shell.ipcMain.emit(OPEN_CONSOLE, event, 2);
      shell.ipcMain.emit(COMMANDS, event, ["new-domain"]);
      shell.ipcMain.emit(CHOSEN, event, "/etc/passwd");
      shell.ipcMain.emit(CHOOSE_FOLDER, event, null);
    }
    // The host answers a window's messages in turn, so an answer to a stranger would come before the answer to this one.
    const answers = () => webContents.got(FROM_HOST).flatMap((reply) => ("id" in reply ? [reply.id] : []));
    shell.send(TO_HOST, { id: 6, request: "hostState", args: {} });
    await expect.poll(answers).toEqual([6]);
    expect(shell.windows).toHaveLength(2);
    expect(shell.item("new-domain").enabled).toBe(false);
    // A page that was loaded instead of our window's page.
    webContents.mainFrame.url = "https://evil.example/";
    shell.send(TO_HOST, message);
    webContents.mainFrame.url = `${APP_ORIGIN}/index.html`;
    shell.send(TO_HOST, { ...message, id: 9 });
    await expect.poll(answers).toEqual([6, 9]);
    expect(webContents.got(RUN_COMMAND)).toEqual([]);
    expect(shell.foldersAsked).toBe(0);
    // A choice that a stranger reports was not made.
    shell.send(TO_HOST, { id: 8, request: "inspectDisk", args: { path: "/etc/passwd" } });
    const refused = () => webContents.got(FROM_HOST).find((reply) => "id" in reply && reply.id === 8);
    await expect.poll(refused).toMatchObject({ error: { code: "EACCES" } });
  });

  it("17: a folder can be shared when the user has chosen it, in a dialog that the page can't answer", async () => {
    const { webContents } = shell.main;
    const share = { domid: 0, key: "p9", spec: "tag=t,security_model=none,path=/home/user/share", folder: "/" };
    const answer = (id: number) => webContents.got(FROM_HOST).find((reply) => "id" in reply && reply.id === id);
    shell.send(CHOSEN, "/home/user/other");
    shell.send(TO_HOST, { id: 21, request: "deviceAttach", args: share });
    await expect.poll(() => answer(21)).toMatchObject({ error: { code: "EACCES" } });
    shell.folder = null;
    shell.send(CHOOSE_FOLDER, null);
    await expect.poll(() => webContents.got(FOLDER_CHOSEN)).toEqual([null]);
    shell.folder = "/home/user/share";
    shell.send(CHOOSE_FOLDER, null);
    await expect.poll(() => webContents.got(FOLDER_CHOSEN)).toEqual([null, "/home/user/share"]);
    expect(shell.foldersAsked).toBe(2);
    shell.send(TO_HOST, { id: 22, request: "deviceAttach", args: share });
    // It may be named now; this host is switched off.
    await expect
      .poll(() => answer(22))
      .toMatchObject({ error: { code: expect.not.stringMatching("EACCES") as string } });
  });

  it("19: all fuses are said, and those that would let others in are off", () => {
    expect(manifest.build.electronFuses).toEqual({
      runAsNode: false,
      enableCookieEncryption: false,
      enableNodeOptionsEnvironmentVariable: false,
      enableNodeCliInspectArguments: false,
      enableEmbeddedAsarIntegrityValidation: true,
      onlyLoadAppFromAsar: true,
      loadBrowserProcessSpecificV8Snapshot: false,
      grantFileProtocolExtraPrivileges: false,
    });
  });

  it("20: the page gets nine functions, and none of Electron's own", () => {
    const preload = read("electron/preload.ts");
    expect(preload.match(/exposeInMainWorld/g)).toHaveLength(1);
    // The event that each listener would receive carries the sender.
    expect(preload).toMatch(/\(_event, argument[^)]*\) => listener\(argument\)/);
    expect(using(/from "electron"/).filter((file) => file.startsWith("renderer"))).toEqual([]);
  });
});
