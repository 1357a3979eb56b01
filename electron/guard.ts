/** What no page may do in any window: leave, open, embed, or get any permission other than to write text to the clipboard. */
import { isOurs } from "./inbox.ts";
import type { ElectronParts } from "./parts.ts";

const GRANTED = "clipboard-sanitized-write";

/** Called once the application is ready, before there is a window. */
export function guard(parts: Pick<ElectronParts, "app" | "defaultSession">): void {
  parts.app.on("web-contents-created", (_event, contents) => {
    const refuse = (event: { preventDefault(): void }): void => event.preventDefault();
    contents.on("will-navigate", refuse);
    contents.on("will-frame-navigate", refuse);
    contents.on("will-redirect", refuse);
    contents.on("will-attach-webview", refuse);
    contents.setWindowOpenHandler(() => ({ action: "deny" }));
  });
  const session = parts.defaultSession();
  session.setPermissionRequestHandler((_contents, permission, answer, { requestingUrl }) =>
    answer(permission === GRANTED && isOurs(requestingUrl)),
  );
  session.setPermissionCheckHandler((_contents, permission, origin) => permission === GRANTED && isOurs(origin));
  session.setDevicePermissionHandler(() => false);
}
