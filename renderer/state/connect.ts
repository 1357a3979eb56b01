/** The way to the host: Electron's bridge where there is one, else a WebSocket to the server that the page came from. */
import { ApiClient, type Transport } from "../../core/api/client.ts";
import { connectWebSocket } from "../../core/api/transport/websocket-browser.ts";
import type { DesktopBridge } from "../../electron/channels.ts";

declare global {
  interface Window {
    xenariumDesktop?: DesktopBridge;
  }
}

function bridgeTransport(bridge: DesktopBridge): Transport {
  const transport: Transport = {
    send: (message) => bridge.send(message),
    onMessage: () => {},
    onClose: () => {},
    close: () => {},
  };
  bridge.onMessage((message) => transport.onMessage(message));
  bridge.onClose((reason) => transport.onClose(reason));
  return transport;
}

const TOKEN = "xenarium.token";

/** The token from the page's address, kept for reloads of this tab only. */
function token(): string {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(TOKEN, given);
    history.replaceState(null, "", location.pathname);
  }
  return given ?? sessionStorage.getItem(TOKEN) ?? "";
}

/** Rejects with a sentence. */
export async function connect(): Promise<ApiClient> {
  if (window.xenariumDesktop) return new ApiClient(bridgeTransport(window.xenariumDesktop));
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api`;
  return new ApiClient(await connectWebSocket(url, token()));
}
