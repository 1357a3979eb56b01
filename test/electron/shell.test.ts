/** The desktop shell with a double of the Electron functions that it uses: windows, files, quitting. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import type { ServerMessage } from "../../core/api/schema.ts";
import {
  CHOSEN,
  FROM_HOST,
  HOST_CLOSED,
  OPENED,
  OPENS,
  OPEN_CONSOLE,
  TAKEN,
  TO_HOST,
} from "../../electron/channels.ts";
import { readState } from "../../electron/window.ts";
import { temporaryFolder } from "../temporary.ts";
import { Double, service } from "./double.ts";

let host: HostService;
beforeEach(() => {
  host = service();
  vi.spyOn(host, "powerOn").mockResolvedValue(host.state);
});

describe("the desktop shell", () => {
  it("opens its window and powers the host on", async () => {
    const shell = new Double();
    expect(await shell.start(host)).not.toBeNull();
    expect(shell.windows).toHaveLength(1);
    expect(host.powerOn).toHaveBeenCalledOnce();
    shell.main.emit("ready-to-show");
    expect(shell.main.visible).toBe(true);
  });

  it("says why there can be no host, and ends", async () => {
    const shell = new Double();
    const reason = "/home/user is in use by xenarium serve (process 7).";
    const none = (): never => {
      throw new Error(reason);
    };
    expect(await shell.start(none)).toBeNull();
    expect(shell.refusals).toEqual([reason]);
    expect(shell.windows).toEqual([]);
    expect(shell.app.exit).toHaveBeenCalledExactlyOnceWith(1);
    // A second instance asks for no host, because the first one has it.
    const second = new Double({ lock: false });
    expect(await second.start(none)).toBeNull();
    expect(second.refusals).toEqual([]);
  });

  it("leaves to the first instance, which comes to the front", async () => {
    const second = new Double({ lock: false });
    expect(await second.start(host)).toBeNull();
    expect(second.app.quit).toHaveBeenCalled();
    expect(second.windows).toEqual([]);
    const first = new Double();
    await first.start(host);
    first.main.hide();
    first.app.emit("second-instance", {}, ["/opt/xenarium"], "/");
    expect(first.main).toMatchObject({ visible: true, focused: true });
  });

  it("lets a window name the files that its user has chosen in it, and no others", async () => {
    const shell = new Double();
    await shell.start(host);
    const image = path.join(temporaryFolder("chosen"), "disk.img");
    writeFileSync(image, Buffer.alloc(1 << 20));
    const asked = async (id: number): Promise<unknown> => {
      shell.send(TO_HOST, { id, request: "inspectDisk", args: { path: image } });
      const answer = () =>
        shell.main.webContents
          .got(FROM_HOST)
          .find((message): message is Extract<ServerMessage, { id: number }> => "id" in message && message.id === id);
      await expect.poll(answer).toBeTruthy();
      const found = answer()!;
      return "error" in found ? found.error.code : null;
    };
    expect(await asked(1)).toBe("EACCES");
    for (const nonsense of [null, 7, {}, "relative.img"]) shell.send(CHOSEN, nonsense as string);
    expect(await asked(2)).toBe("EACCES");
    shell.send(CHOSEN, image);
    // It is allowed; the host is off here.
    expect(await asked(3)).toBe("EOFF");
  });

  it("gives a window its kept size and place, unless no screen has that place or they make no sense", async () => {
    const file = path.join(temporaryFolder("bounds"), "window.json");
    const screens = [{ x: 0, y: 25, width: 1920, height: 1055 }];
    const read = (state: string): unknown => {
      writeFileSync(file, state);
      return readState(file, screens);
    };
    for (const text of ["", "null", "[]", '{"width":"x"}', "{]"])
      expect(read(text)).toEqual({ width: 1280, height: 820, maximized: false });
    expect(read('{"width":1,"height":1e9}')).toEqual({ width: 820, height: 10_000, maximized: false });
    const kept = { x: 300, y: 100, width: 1000, height: 700, maximized: true };
    expect(read(JSON.stringify(kept))).toEqual(kept);
    expect(read(JSON.stringify({ ...kept, x: 2500 }))).not.toHaveProperty("x");
    expect(read(JSON.stringify({ ...kept, y: -40 }))).not.toHaveProperty("y");

    const shell = new Double();
    writeFileSync(path.join(shell.app.getPath(), "window.json"), JSON.stringify(kept));
    await shell.start(host);
    expect(shell.main.options).toMatchObject({ x: 300, y: 100, width: 1000, height: 700 });
    shell.main.emit("ready-to-show");
    expect(shell.main.maximize).toHaveBeenCalledOnce();
  });

  it("offers to load a page again whose process has ended, and the host goes on", async () => {
    const shell = new Double();
    await shell.start(host);
    shell.main.webContents.emit("render-process-gone", {}, { reason: "clean-exit" });
    shell.main.webContents.emit("render-process-gone", {}, { reason: "oom" });
    await expect.poll(() => shell.main.webContents.reload.mock.calls.length).toBe(1);
    expect(shell.questions).toHaveLength(1);
    expect(shell.app.exit).not.toHaveBeenCalled();
  });
});

describe("files that the desktop opens", () => {
  let folder: string;
  const at = (name: string): string => path.join(folder, name);
  beforeEach(() => {
    folder = temporaryFolder("opened");
    for (const name of ["vmlinuz", "init rd"]) writeFileSync(at(name), name.toUpperCase());
  });
  /** What was opened, by message: names with the contents or the reason. */
  const given = ({ main }: Double): string[][] =>
    main.webContents
      .got(OPENED)
      .map((files) => files.map((file) => ("bytes" in file ? `${file.name}=${Buffer.from(file.bytes)}` : file.reason)));

  /** Waits until another application, which was given the file last, has passed it to its page. */
  const takenElsewhere = async (): Promise<void> => {
    const other = new Double({ files: [at("vmlinuz")] });
    const idle = service();
    vi.spyOn(idle, "powerOn").mockResolvedValue(idle.state);
    await other.start(idle);
    other.send(OPENS, null);
    await expect.poll(() => given(other)).toHaveLength(1);
  };

  it("are given to the page once it says that it takes them, and again to none", async () => {
    const shell = new Double({ files: [at("vmlinuz"), pathToFileURL(at("init rd")).href] });
    await shell.start(host);
    await takenElsewhere();
    expect(given(shell)).toEqual([]);
    shell.send(OPENS, null);
    await expect.poll(() => given(shell)).toEqual([["vmlinuz=VMLINUZ", "init rd=INIT RD"]]);
    shell.send(OPENS, null);
    await takenElsewhere();
    expect(given(shell)).toHaveLength(1);
  });

  it("come from a second start, relative to its folder", async () => {
    const shell = new Double();
    await shell.start(host);
    shell.send(OPENS, null);
    shell.app.emit("second-instance", {}, ["/opt/xenarium", "--flag", "vmlinuz", "missing"], folder);
    await expect
      .poll(() => given(shell))
      .toEqual([["vmlinuz=VMLINUZ", expect.stringMatching(/missing can't be .*ENOENT/)]]);
    expect(shell.main.focused).toBe(true);
    shell.app.emit("second-instance", {}, ["/opt/xenarium", ".", "file://elsewhere/x"], folder);
    await expect
      .poll(() => given(shell)[1])
      .toEqual([`${folder} can't be opened: it is no file.`, expect.stringMatching(/^file:\/\/elsewhere\/x can't be/)]);
  });

  it("that macOS names one by one are one opening, and wait for a page that is loaded again", async () => {
    const shell = new Double();
    const event = { preventDefault: vi.fn() };
    const starting = shell.start(host);
    shell.app.emit("open-file", event, at("vmlinuz"));
    await starting;
    shell.send(OPENS, null);
    shell.app.emit("open-file", event, at("init rd"));
    await expect.poll(() => given(shell)).toEqual([["vmlinuz=VMLINUZ", "init rd=INIT RD"]]);
    expect(event.preventDefault).toHaveBeenCalledTimes(2);
    shell.main.webContents.emit("did-start-navigation", { isMainFrame: true, isSameDocument: false });
    shell.app.emit("open-file", event, at("init rd"));
    await takenElsewhere();
    expect(given(shell)).toHaveLength(1);
    shell.send(OPENS, null);
    await expect.poll(() => given(shell)[1]).toEqual(["init rd=INIT RD"]);
  });

  it("go to the main window, whatever another one says", async () => {
    const shell = new Double({ files: [at("vmlinuz")] });
    await shell.start(host);
    shell.send(OPEN_CONSOLE, 1);
    shell.send(OPENS, null, shell.windows[1]!);
    await takenElsewhere();
    expect(shell.windows[1]!.webContents.got(OPENED)).toEqual([]);
  });
});

describe("a console in a window of its own", () => {
  it("has its own session with the host, its own checks, and one window for each domain", async () => {
    const shell = new Double();
    await shell.start(host);
    shell.send(OPEN_CONSOLE, 3);
    shell.send(OPEN_CONSOLE, 3);
    const popup = shell.windows[1]!;
    expect(shell.windows).toHaveLength(2);
    expect(popup.url).toBe("xenarium://app/index.html#console=3");
    expect(popup.options.webPreferences).toEqual(shell.main.options.webPreferences);
    expect(popup.focused).toBe(true);
    const message = { id: 7, request: "hostState", args: {} };
    shell.send(TO_HOST, message, popup);
    await expect.poll(() => popup.webContents.got(FROM_HOST)).toContainEqual(expect.objectContaining({ id: 7 }));
    expect(shell.main.webContents.got(FROM_HOST)).toEqual([]);
    popup.webContents.mainFrame.url = "https://evil.example/";
    const before = popup.webContents.sent.length;
    shell.send(TO_HOST, message, popup);
    await shell.answered();
    expect(popup.webContents.sent).toHaveLength(before);
  });

  it("opens for a domid only, and only so many", async () => {
    const shell = new Double();
    await shell.start(host);
    for (const nonsense of [0, -1, 0x7ff0, 1.5, NaN, "1", null, {}]) shell.send(OPEN_CONSOLE, nonsense as number);
    expect(shell.windows).toHaveLength(1);
    for (let domid = 1; domid < 100; domid++) shell.send(OPEN_CONSOLE, domid);
    expect(shell.windows).toHaveLength(1 + 64);
  });

  it("is closed when the host starts anew, and when the application goes to the tray", async () => {
    const shell = new Double();
    await shell.start(host);
    const listeners = host.listenerCount("host");
    shell.send(OPEN_CONSOLE, 1);
    shell.send(TO_HOST, { id: 1, request: "hostState", args: {} }, shell.windows[1]);
    expect(host.listenerCount("host")).toBeGreaterThan(listeners);
    host.emit("host", { ...host.state, power: "starting" });
    expect(shell.windows[1]!.isDestroyed()).toBe(true);
    expect(host.listenerCount("host")).toBe(listeners);
    shell.send(OPEN_CONSOLE, 1);
    expect(shell.windows).toHaveLength(3);
  });
});

describe("quitting", () => {
  let running: HostService;
  afterEach(() => running.powerOff(0));
  /** The shell with a real host and its guest. */
  async function withGuest(): Promise<Double> {
    running = service({ firstGuest: true, libraryFolder: temporaryFolder("shell-library") });
    const shell = new Double();
    await shell.start(running);
    shell.main.emit("ready-to-show");
    await expect.poll(() => running.state.power, { timeout: 20_000 }).toBe("running");
    return shell;
  }

  it("asks once what becomes of running domains, and can be given up", async () => {
    const shell = await withGuest();
    let answer: (button: number) => void = () => {};
    shell.answer = new Promise((resolve) => (answer = resolve));
    const close = { preventDefault: vi.fn() };
    shell.main.emit("close", close);
    await expect.poll(() => shell.questions.length).toBe(1);
    shell.app.quit();
    shell.app.quit();
    answer(3);
    await shell.answered();
    expect(close.preventDefault).toHaveBeenCalledOnce();
    expect(shell.refused).toHaveBeenCalledTimes(3);
    expect(shell.questions).toHaveLength(1);
    expect(shell.questions[0]).toMatchObject({
      message: "mini-1 is running.",
      buttons: ["Shut Down and Quit", "Save and Quit", "Keep Running", "Cancel"],
      cancelId: 3,
    });
    expect(shell.app.exit).not.toHaveBeenCalled();
    expect(running.state.power).toBe("running");
    expect(shell.main.visible).toBe(true);
  });

  it("keeps them running out of sight, from where the tray brings the window back", async () => {
    const shell = await withGuest();
    shell.send(OPEN_CONSOLE, 1);
    shell.answer = 2;
    shell.app.quit();
    await expect.poll(() => shell.main.visible).toBe(false);
    expect(shell.windows[1]!.isDestroyed()).toBe(true);
    expect(running.state.power).toBe("running");
    expect(shell.app.exit).not.toHaveBeenCalled();
    shell.trays[0]!.emit("click");
    expect(shell.main).toMatchObject({ visible: true, focused: true });
  });

  it("saves them, and ends; what can't be saved is asked about", async () => {
    const shell = await withGuest();
    // A paused guest cannot suspend.
    await running.toolstack.request("pause", { domid: 1 });
    shell.answer = 1;
    shell.app.quit();
    await expect.poll(() => shell.questions.length).toBe(2);
    expect(shell.questions[1]).toMatchObject({
      message: "A domain could not be saved.",
      detail: expect.stringContaining("mini-1 is paused") as string,
      buttons: ["Shut Down and Quit", "Cancel"],
    });
    await shell.answered();
    expect(shell.app.exit).not.toHaveBeenCalled();
    await running.toolstack.request("unpause", { domid: 1 });
    const console = async (): Promise<string> =>
      Buffer.from((await running.toolstack.request("consoleAttach", { domid: 1 })).log).toString();
    await expect.poll(console, { timeout: 20_000 }).toContain("mini> ");
    shell.app.quit();
    await expect.poll(() => shell.app.exit.mock.calls.length, { timeout: 30_000 }).toBe(1);
    expect(shell.questions).toHaveLength(3);
    expect(running.kept.all.map(({ name, state }) => [name, state])).toEqual([["mini-1", "saved"]]);
    expect(running.state.power).toBe("off");
  });

  it("shuts them down, lets go of the command line's socket, keeps the window's place, and ends once", async () => {
    const shell = await withGuest();
    const off = vi.spyOn(running, "powerOff");
    shell.app.quit();
    await expect.poll(() => off.mock.calls.length).toBe(1);
    shell.app.quit();
    await expect.poll(() => shell.app.exit.mock.calls.length, { timeout: 20_000 }).toBe(1);
    expect(off).toHaveBeenCalledOnce();
    expect(running.state.power).toBe("off");
    expect(shell.questions).toHaveLength(1);
    expect(shell.main.setProgressBar).toHaveBeenCalledWith(2);
    expect(shell.closed).toHaveBeenCalledOnce();
    expect(shell.trays[0]!.destroyed).toBe(true);
    const screen = [{ x: 0, y: 0, width: 1920, height: 1080 }];
    expect(readState(path.join(shell.app.getPath(), "window.json"), screen)).toMatchObject({ x: 5, width: 1000 });
  });

  for (const [what, end] of [
    ["Windows asks whether the session may end", (shell) => shell.main.emit("query-session-end", shell.sessionEnd)],
    ["the computer goes down", (shell) => shell.powerMonitor.emit("shutdown", shell.sessionEnd)],
  ] as [string, (shell: Double) => void][])
    it(`holds the system up and shuts guests down in order, unasked, when ${what}`, async () => {
      const shell = await withGuest();
      const stopped = vi.fn();
      running.on("stopped", ({ name, reason }) => stopped(name, reason));
      end(shell);
      expect(shell.held).toHaveBeenCalledOnce();
      // The desktop does the same, without asking and without preventing it.
      shell.app.quit();
      await expect.poll(() => shell.app.exit.mock.calls.length, { timeout: 30_000 }).toBe(1);
      expect(stopped).toHaveBeenCalledExactlyOnceWith("mini-1", "poweroff");
      expect(shell.questions).toEqual([]);
      expect(running.state.power).toBe("off");
      expect(shell.closed).toHaveBeenCalledOnce();
    });

  it("pulls the plug of what does not obey before the system's patience ends, even where quitting gives it longer", async () => {
    const shell = await withGuest();
    // A paused guest cannot shut down.
    await running.toolstack.request("pause", { domid: 1 });
    const off = vi.spyOn(running, "powerOff");
    shell.app.quit();
    await expect.poll(() => off.mock.calls).toEqual([[10_000]]);
    shell.main.emit("session-end", shell.sessionEnd);
    await expect.poll(() => shell.app.exit.mock.calls.length, { timeout: 30_000 }).toBe(1);
    expect(off.mock.calls).toEqual([[10_000], [0]]);
    expect(running.state.power).toBe("off");
  });

  it("goes on from a question that is open when the session ends", async () => {
    const shell = await withGuest();
    shell.answer = new Promise(() => {});
    shell.app.quit();
    await expect.poll(() => shell.questions.length).toBe(1);
    shell.main.emit("query-session-end", shell.sessionEnd);
    await expect.poll(() => shell.app.exit.mock.calls.length, { timeout: 30_000 }).toBe(1);
    expect(running.state.power).toBe("off");
  });

  it("shuts down what was kept running out of sight, too, and lets the system go on where nothing runs", async () => {
    const shell = await withGuest();
    shell.answer = 2;
    shell.app.quit();
    await expect.poll(() => shell.main.visible).toBe(false);
    shell.powerMonitor.emit("shutdown", shell.sessionEnd);
    await expect.poll(() => shell.app.exit.mock.calls.length, { timeout: 30_000 }).toBe(1);
    const idle = new Double();
    await idle.start(host);
    idle.main.emit("query-session-end", idle.sessionEnd);
    idle.powerMonitor.emit("shutdown", idle.sessionEnd);
    await idle.answered();
    expect(idle.held).not.toHaveBeenCalled();
    expect(idle.app.exit).not.toHaveBeenCalled();
  });

  it("by a signal asks nobody", async () => {
    running = service({ firstGuest: true });
    const shell = new Double();
    const started = await shell.start(running);
    await expect.poll(() => running.state.power, { timeout: 20_000 }).toBe("running");
    await started!.end();
    expect(shell.questions).toEqual([]);
    expect(shell.app.exit).toHaveBeenCalledOnce();
    expect(running.state.power).toBe("off");
  });
});

describe("a window's session", () => {
  it("ends with a page that takes nothing, and not with one that does", async () => {
    const shell = new Double();
    await shell.start(host);
    const { webContents } = shell.main;
    const line = { text: "x".repeat(1024 * 1024), level: null, origin: "domain", time: 0 } as const;
    const event = { lines: [line], lost: 0 };
    shell.send(TO_HOST, { id: 1, request: "xenLogAttach", args: {} });
    for (let i = 0; i < 60; i++) {
      host.emit("xenLog", event);
      shell.send(TAKEN, 2);
    }
    expect(webContents.got(HOST_CLOSED)).toEqual([]);
    for (const nonsense of [-1, NaN, "9", null, { valueOf: 9 }]) shell.send(TAKEN, nonsense as number);
    for (let i = 0; i < 40; i++) host.emit("xenLog", event);
    expect(webContents.got(HOST_CLOSED)).toHaveLength(1);
    const count = webContents.sent.length;
    host.emit("xenLog", event);
    expect(webContents.sent.length).toBe(count);
  });
});
