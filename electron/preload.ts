/** Provides the window's bridge (DesktopBridge) and nothing else. It runs sandboxed, in a world of its own. */
import { contextBridge, ipcRenderer, webUtils } from "electron";
import * as channels from "./channels.ts";
import type { DesktopBridge, ToMain, ToWindow } from "./channels.ts";

function tell<C extends keyof ToMain>(channel: C, argument: ToMain[C]): void {
  ipcRenderer.send(channel, argument);
}
function hear<C extends keyof ToWindow>(channel: C, listener: (argument: ToWindow[C]) => void): void {
  ipcRenderer.removeAllListeners(channel);
  // The event itself is not passed on, because it has the sender's functions on it.
  ipcRenderer.on(channel, (_event, argument: ToWindow[C]) => listener(argument));
}

const bridge: DesktopBridge = {
  send: (message) => tell(channels.TO_HOST, message),
  onMessage: (listener) =>
    hear(channels.FROM_HOST, (message) => {
      tell(channels.TAKEN, 1);
      listener(message);
    }),
  onClose: (listener) => hear(channels.HOST_CLOSED, (reason) => listener(reason)),
  onOpened: (listener) => {
    hear(channels.OPENED, (files) => listener(files));
    tell(channels.OPENS, null);
  },
  onCommand: (listener) => hear(channels.RUN_COMMAND, (id) => listener(id)),
  offer: (ids) => tell(channels.COMMANDS, ids),
  place: (file) => {
    // Only a file that the user gave has a path; the page can't make one that has.
    const place = webUtils.getPathForFile(file);
    if (place === "") return null;
    tell(channels.CHOSEN, place);
    return place;
  },
  chooseFolder: () =>
    new Promise((resolve) => {
      hear(channels.FOLDER_CHOSEN, (folder) => resolve(folder));
      tell(channels.CHOOSE_FOLDER, null);
    }),
  openConsole: (domid) => tell(channels.OPEN_CONSOLE, domid),
};
contextBridge.exposeInMainWorld("xenariumDesktop", bridge);
