/** All IPC channels between window and main process and what they carry, for both sides; and what the page sees of them. */
import type { ServerMessage } from "../core/api/schema.ts";

/** The application's own scheme and origin, so that there is no file:// page and no page from elsewhere. */
export const APP_SCHEME = "xenarium";
export const APP_ORIGIN = `${APP_SCHEME}://app`;

export const TO_HOST = "xenarium:to-host";
export const TAKEN = "xenarium:taken";
export const OPENS = "xenarium:opens";
export const COMMANDS = "xenarium:commands";
export const OPEN_CONSOLE = "xenarium:open-console";
export const CHOSEN = "xenarium:chosen";
export const CHOOSE_FOLDER = "xenarium:choose-folder";

/** From window to main process, each with a single argument, which the main process checks because it may be anything. */
export interface ToMain {
  /** One message of the API (core/api/schema.ts, ClientMessage). */
  [TO_HOST]: unknown;
  /** How many messages of FROM_HOST the window has taken since it last said so. */
  [TAKEN]: number;
  /** Says that the window's page takes files that the desktop opens. */
  [OPENS]: null;
  /** Ids of the commands (renderer/app/commands.ts) that can be run now; those for single domains need not be listed. */
  [COMMANDS]: string[];
  /** Domid of the domain whose console is to get a window of its own. */
  [OPEN_CONSOLE]: number;
  /** Path of a file that the user has dropped on the window or chosen in it; the window's session may name that file from now on. */
  [CHOSEN]: string;
  /** Asks the user for a folder, which the window's session may share from then on; FOLDER_CHOSEN answers. */
  [CHOOSE_FOLDER]: null;
}

export const FROM_HOST = "xenarium:from-host";
export const HOST_CLOSED = "xenarium:closed";
export const OPENED = "xenarium:opened";
export const RUN_COMMAND = "xenarium:run-command";
export const FOLDER_CHOSEN = "xenarium:folder-chosen";

/** From main process to window, each with a single argument. */
export interface ToWindow {
  /** One message of the API. */
  [FROM_HOST]: ServerMessage;
  /** The session has ended; a sentence says why. */
  [HOST_CLOSED]: string;
  /** Files that were opened together. */
  [OPENED]: OpenedFile[];
  /** Id of a command that was chosen in a menu, the tray or a notification. */
  [RUN_COMMAND]: string;
  /** Path of the folder that the user has chosen; null for none. */
  [FOLDER_CHOSEN]: string | null;
}

/** A file's contents, or a sentence that says why they can't be read. */
export type OpenedFile = { name: string; bytes: Uint8Array<ArrayBuffer> } | { name: string; reason: string };

/** What preload.ts puts on the window as `xenariumDesktop`. A new listener replaces the one before. */
export interface DesktopBridge {
  send(message: unknown): void;
  onMessage(listener: (message: ServerMessage) => void): void;
  onClose(listener: (reason: string) => void): void;
  /** From now on the listener gets files that the desktop opens with the application. */
  onOpened(listener: (files: OpenedFile[]) => void): void;
  onCommand(listener: (id: string) => void): void;
  /** Says which commands menus may offer now. */
  offer(ids: string[]): void;
  openConsole(domid: number): void;
  /**
   * Returns the path of a file that the user has dropped on the page or chosen in it, for the host to use it there; null for a file that the page has
   * made itself.
   */
  place(file: File): string | null;
  /** Asks the user for a folder of this computer that a domain is to share; null when none is chosen. One question at a time. */
  chooseFolder(): Promise<string | null>;
}
