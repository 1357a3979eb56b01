/** The way to the host: Electron's bridge if there is one, else a WebSocket to the server that the page came from. */
import { ApiClient, type Transport } from "../../core/api/client.ts";
import { ConnectionRefused, connectWebSocket, type Refusal } from "../../core/api/transport/websocket-browser.ts";
import type { DesktopBridge } from "../../electron/channels.ts";

declare global {
  interface Window {
    xenariumDesktop?: DesktopBridge;
  }
}

function bridgeTransport(bridge: DesktopBridge): Transport {
  return {
    send: (message) => bridge.send(message),
    listen: (listener) => {
      bridge.onMessage((message) => listener.message(message));
      bridge.onClose((reason) => listener.closed(reason));
    },
    close: () => {},
  };
}

const TOKEN = "xenarium.token";

/** Returns the token from the page's address, stored only for reloads of this tab; "" if there is none. */
function token(): string {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    keepToken(given);
    history.replaceState(null, "", location.pathname);
  }
  return given ?? sessionStorage.getItem(TOKEN) ?? "";
}
function keepToken(given: string): void {
  sessionStorage.setItem(TOKEN, given);
}

/** Why there is no connection, so that the user can be told what to do. "lost" means that there was one. */
export type Trouble = Refusal | "lost" | "no-token";

export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof ConnectionRefused)) return "away";
  return error.why === "token" && token() === "" ? "no-token" : error.why;
}

/**
 * Takes the address that the server printed, or its token alone. Returns false if there is no token in it. The address of another server is opened
 * instead.
 */
export function takeAddress(text: string): boolean {
  const given = /(?:^|#token=)([\w-]{16,256})$/.exec(text.trim())?.[1];
  if (given === undefined) return false;
  const address = URL.parse(text.trim());
  if (address && /^https?:$/.test(address.protocol) && address.origin !== location.origin) location.href = address.href;
  else keepToken(given);
  return true;
}

/** Rejects with a ConnectionRefused. */
export async function connect(): Promise<ApiClient> {
  if (window.xenariumDesktop) return new ApiClient(bridgeTransport(window.xenariumDesktop));
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api`;
  return new ApiClient(await connectWebSocket(url, token()));
}
