/** Puts the desktop shell together: one instance, one host, its windows, menu, tray and notifications. */
import type { HostService } from "../core/api/host-service.ts";
import { ApiBridge } from "./bridge.ts";
import { Commands } from "./commands.ts";
import { serveFiles } from "./files.ts";
import { guard } from "./guard.ts";
import { Inbox } from "./inbox.ts";
import { setMenu } from "./menu.ts";
import { CrashNotices } from "./notices.ts";
import { OpenedFiles, pathsIn } from "./opened.ts";
import type { ElectronParts } from "./parts.ts";
import { Quitting } from "./quit.ts";
import { DomainTray } from "./tray.ts";
import type { Page } from "./window.ts";
import { Windows } from "./windows.ts";

export interface ShellPaths extends Page {
  /** Folder of the built renderer. */
  renderer: string;
}

export interface Shell {
  /** Ends it without a question; guests are shut down first. */
  end(): Promise<void>;
}

/**
 * Resolves when the window is open; with null if another instance has been told to show itself, or `openHost` has thrown why there can be no host,
 * and the user was told. `listen` opens the socket for the command line. If another host of the user listens already, it rejects, and that one stays.
 */
export async function startShell(
  parts: ElectronParts,
  openHost: () => HostService,
  paths: ShellPaths,
  listen: (host: HostService) => Promise<{ close(): Promise<void> }>,
): Promise<Shell | null> {
  const { app } = parts;
  if (!app.requestSingleInstanceLock()) {
    app.quit();
    return null;
  }
  const inbox = new Inbox(parts);
  const opened = new OpenedFiles(inbox);
  // The first argument is the program; unless it is packaged, the second is the application's folder.
  const skip = app.isPackaged ? 1 : 2;
  opened.open(pathsIn(parts.argv, parts.folder, skip));
  let windows: Windows | null = null;
  app.on("second-instance", (_event, argv, folder) => {
    opened.open(pathsIn(argv, folder, skip));
    windows?.show();
  });
  // macOS, which may send this before the application is ready.
  app.on("open-file", (event, file) => {
    event.preventDefault();
    opened.open([file]);
    windows?.show();
  });
  app.on("activate", () => windows?.show());

  await app.whenReady();
  let host: HostService;
  try {
    host = openHost();
  } catch (error) {
    parts.refuse(error instanceof Error ? error.message : String(error));
    app.exit(1);
    return null;
  }
  guard(parts);
  serveFiles(parts, paths.renderer);
  const bridge = new ApiBridge(inbox, host, () => parts.chooseFolder());
  const commands = new Commands(inbox);
  const shown = (windows = new Windows(parts, host, inbox, paths, (contents) => bridge.attach(contents)));
  const { main } = shown;
  opened.attach(main.webContents);
  commands.attach(main.webContents);
  const show = (): void => shown.show();
  const go = (id: string): void => {
    show();
    commands.run(id);
  };
  setMenu(parts, commands, show);
  const tray = new DomainTray(parts, host, {
    show,
    openConsole: (domid) => go(`go-${domid}-console`),
    quit: () => app.quit(),
  });
  new CrashNotices(parts, host, {
    isFocused: () => shown.isFocused,
    go: (domid) => go(domid === null ? "host-overview" : `go-${domid}`),
  });

  const socket = listen(host).catch(() => null);
  const quitting = new Quitting(parts, host, shown, async () => {
    tray.close();
    await (await socket)?.close();
  });
  app.on("before-quit", (event) => {
    // Once the guests are down, app.exit ends the application.
    event.preventDefault();
    void quitting.wanted();
  });
  main.on("close", (event) => {
    event.preventDefault();
    app.quit();
  });
  const sessionEnds = (event?: { preventDefault(): void }): void => {
    if (quitting.sessionEnds()) event?.preventDefault();
  };
  // On Windows: the session is about to end and may wait; it ends in any case. On macOS and Linux: the computer goes down.
  main.on("query-session-end", sessionEnds);
  main.on("session-end", sessionEnds);
  parts.powerMonitor.on("shutdown", sessionEnds);
  app.on("window-all-closed", () => app.quit());
  // The window shows how it goes, or why it does not.
  void host.powerOn().catch(() => {});
  return { end: () => quitting.end() };
}
