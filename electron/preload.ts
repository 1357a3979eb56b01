/** The window's bridge: messages of the API, files that the desktop opens, and nothing else. Runs sandboxed, in a world of its own. */
import { contextBridge, ipcRenderer } from "electron";
import { FROM_HOST, HOST_CLOSED, OPENED, OPENS, TAKEN, TO_HOST, type OpenedFile } from "./channels.ts";

contextBridge.exposeInMainWorld("xenariumDesktop", {
  send: (message: unknown) => ipcRenderer.send(TO_HOST, message),
  onMessage: (listener: (message: unknown) => void) => {
    ipcRenderer.removeAllListeners(FROM_HOST);
    ipcRenderer.on(FROM_HOST, (_event, message: unknown) => {
      ipcRenderer.send(TAKEN, 1);
      listener(message);
    });
  },
  onClose: (listener: (reason: string) => void) => {
    ipcRenderer.removeAllListeners(HOST_CLOSED);
    ipcRenderer.on(HOST_CLOSED, (_event, reason: string) => listener(reason));
  },
  onOpened: (listener: (files: OpenedFile[]) => void) => {
    ipcRenderer.removeAllListeners(OPENED);
    ipcRenderer.on(OPENED, (_event, files: OpenedFile[]) => listener(files));
    ipcRenderer.send(OPENS);
  },
});
