/** The browser's end of the WebSocket transport. */
import { Heard, type Transport } from "../client.ts";
import type { ServerMessage } from "../schema.ts";
import { fromBytes, toBytes } from "./frame.ts";

/** The subprotocol. The token is sent as a second one, so that it is in no URL that is logged. */
export const WEBSOCKET_PROTOCOL = "xenarium.1";

/** Why there is no connection. "away": nothing answers; "token": the server wants another token; "full": it has enough clients. */
export type Refusal = "away" | "token" | "full";

/** A browser does not tell why a WebSocket was refused, so the server says it in answer to a plain request. */
export class ConnectionRefused extends Error {
  override readonly name = "ConnectionRefused";
  readonly why: Refusal;
  constructor(why: Refusal) {
    super(SENTENCES[why]);
    this.why = why;
  }
}
const SENTENCES: Record<Refusal, string> = {
  away: "Xenarium does not answer at this address.",
  token: "Xenarium answers, but this page’s token is not the one that it was started with.",
  full: "Xenarium has as many windows and clients as it takes.",
};

/** Resolves when the connection is made. Rejects with ConnectionRefused. */
export function connectWebSocket(url: string, token: string): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, [WEBSOCKET_PROTOCOL, `token.${token}`]);
    socket.binaryType = "arraybuffer";
    const heard = new Heard();
    let opened = false;
    socket.onopen = () => {
      opened = true;
      resolve({
        send: (message) => socket.send(toBytes(message)),
        listen: (listener) => heard.listen(listener),
        close: () => socket.close(),
      });
    };
    socket.onmessage = ({ data }) => heard.message(fromBytes(new Uint8Array(data as ArrayBuffer)) as ServerMessage);
    socket.onclose = ({ reason }) => {
      if (opened) heard.closed(reason || "Xenarium has ended, or the connection to it was lost.");
      else void refusal(url, token).then((why) => reject(new ConnectionRefused(why)));
    };
  });
}

/** `url` is that of the WebSocket, at which the server also answers plain requests. */
async function refusal(url: string, token: string): Promise<Refusal> {
  try {
    const answer = await fetch(url.replace(/^ws/, "http"), { headers: { Authorization: `Bearer ${token}` } });
    const said = await answer.text();
    return said === "token" || said === "full" ? said : "away";
  } catch {
    return "away";
  }
}
