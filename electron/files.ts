/** Serves the built renderer under the application's own scheme, with its content security policy. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { CONTENT_SECURITY_POLICY, CONTENT_TYPES, fileOf } from "../core/api/transport/web-files.ts";
import { APP_ORIGIN, APP_SCHEME } from "./channels.ts";
import type { ElectronParts } from "./parts.ts";

export function serveFiles(parts: Pick<ElectronParts, "protocol">, root: string): void {
  parts.protocol.handle(APP_SCHEME, async (request) => {
    const url = new URL(request.url);
    const file = `${url.protocol}//${url.host}` === APP_ORIGIN ? fileOf(root, url.pathname) : null;
    const contents = file === null ? null : await readFile(file).catch(() => null);
    if (file === null || contents === null) return new Response("not found", { status: 404 });
    return new Response(new Uint8Array(contents), {
      headers: {
        "Content-Type": CONTENT_TYPES[path.extname(file)] ?? "application/octet-stream",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
      },
    });
  });
}
