/** The browser's end of the WebSocket transport. */
import type { Transport } from "../client.ts";
import type { ServerMessage } from "../schema.ts";
import { fromBytes, toBytes } from "./frame.ts";

/** Subprotocol; the token goes as a second one, so that it stands in no URL that is logged. */
export const WEBSOCKET_PROTOCOL = "xenarium.1";

/** Resolves when the connection stands. Rejects with a sentence. */
export function connectWebSocket(url: string, token: string): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, [WEBSOCKET_PROTOCOL, `token.${token}`]);
    socket.binaryType = "arraybuffer";
    // What arrives before the client has set its listeners is kept for it.
    const early: ServerMessage[] = [];
    let listener: ((message: ServerMessage) => void) | null = null;
    let opened = false;
    const transport: Transport = {
      send: (message) => socket.send(toBytes(message)),
      get onMessage() {
        return listener ?? (() => {});
      },
      set onMessage(next) {
        listener = next;
        for (const message of early.splice(0)) next(message);
      },
      onClose: () => {},
      close: () => socket.close(),
    };
    socket.onopen = () => {
      opened = true;
      resolve(transport);
    };
    socket.onmessage = ({ data }) => {
      const message = fromBytes(new Uint8Array(data as ArrayBuffer)) as ServerMessage;
      if (listener) listener(message);
      else early.push(message);
    };
    socket.onclose = ({ reason }) => {
      if (opened) transport.onClose(reason || "Xenarium has ended, or its connection was lost.");
      else reject(new Error("Xenarium does not answer at this address, or the token is not the right one."));
    };
  });
}
