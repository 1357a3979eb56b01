/** Every IPC channel between window and main process and what goes over it, for both sides; and what the page sees of it. */
import type { ServerMessage } from "../core/api/schema.ts";

/** The application's own scheme and origin: no file:// page, no page from elsewhere. */
export const APP_SCHEME = "xenarium";
export const APP_ORIGIN = `${APP_SCHEME}://app`;

export const TO_HOST = "xenarium:to-host";
export const TAKEN = "xenarium:taken";
export const OPENS = "xenarium:opens";
export const COMMANDS = "xenarium:commands";
export const OPEN_CONSOLE = "xenarium:open-console";
export const CHOSEN = "xenarium:chosen";
export const CHOOSE_FOLDER = "xenarium:choose-folder";

/** Window to main, each with its one argument. The main process checks it: anything may come. */
export interface ToMain {
  /** One message of the API (core/api/schema.ts, ClientMessage). */
  [TO_HOST]: unknown;
  /** How many messages of FROM_HOST it has taken since it said so last. */
  [TAKEN]: number;
  /** Its page takes files that the desktop opens. */
  [OPENS]: null;
  /** Ids of the commands (renderer/app/commands.ts) that can be run now; those of single domains need not be told. */
  [COMMANDS]: string[];
  /** Domid of the domain whose console is to have a window of its own. */
  [OPEN_CONSOLE]: number;
  /** Path of a file that its user has dropped on it or chosen in it: its session may name that file from now on. */
  [CHOSEN]: string;
  /** Asks its user for a folder, which its session may share from then on; FOLDER_CHOSEN answers. */
  [CHOOSE_FOLDER]: null;
}

export const FROM_HOST = "xenarium:from-host";
export const HOST_CLOSED = "xenarium:closed";
export const OPENED = "xenarium:opened";
export const RUN_COMMAND = "xenarium:run-command";
export const FOLDER_CHOSEN = "xenarium:folder-chosen";

/** Main to window, each with its one argument. */
export interface ToWindow {
  /** One message of the API. */
  [FROM_HOST]: ServerMessage;
  /** The session has ended: a sentence why. */
  [HOST_CLOSED]: string;
  /** Files opened together. */
  [OPENED]: OpenedFile[];
  /** Id of a command that a menu, the tray or a notification asks for. */
  [RUN_COMMAND]: string;
  /** Where the folder lies that the user has chosen; null for none. */
  [FOLDER_CHOSEN]: string | null;
}

/** A file's contents, or a sentence why they can't be had. */
export type OpenedFile = { name: string; bytes: Uint8Array<ArrayBuffer> } | { name: string; reason: string };

/** What preload.ts puts on the window, as `xenariumDesktop`. A listener takes the place of the one before. */
export interface DesktopBridge {
  send(message: unknown): void;
  onMessage(listener: (message: ServerMessage) => void): void;
  onClose(listener: (reason: string) => void): void;
  /** Files that the desktop opens with the application, from now on. */
  onOpened(listener: (files: OpenedFile[]) => void): void;
  onCommand(listener: (id: string) => void): void;
  /** The commands that menus may offer now. */
  offer(ids: string[]): void;
  openConsole(domid: number): void;
  /** Where a file lies that the user has dropped on the page or chosen in it, for the host to use it there; null for one of the page's making. */
  place(file: File): string | null;
  /** Asks the user for a folder of this computer that a domain is to share; null when they choose none. One question at a time. */
  chooseFolder(): Promise<string | null>;
}
