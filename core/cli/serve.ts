/** `xenarium serve`: a host that is managed from a browser and by `xenarium xl`. */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { codeCacheFolder } from "../api/cache-folder.ts";
import { downloadsIn } from "../api/fetching.ts";
import { HostService } from "../api/host-service.ts";
import { stateFolder } from "../api/state-folder.ts";
import { lockState } from "../api/state-lock.ts";
import { serveLocal } from "../api/transport/local-socket.ts";
import { newToken, serveWeb } from "../api/transport/websocket-server.ts";
import type { ServeArguments } from "./arguments.ts";
import { bootMenu } from "./boot-menu.ts";
import { openInBrowser } from "./browser.ts";
import { tokenOf } from "./token-file.ts";

const GRACE_MS = 10_000;
/** The same port at each start if it is free, so that a browser finds what it has kept of the user's layout. */
const USUAL_PORT = 8217;

/** Resolves when a signal has ended it; by then guests are shut down. `dist` is the folder of the build's files. */
export async function serve(options: ServeArguments, dist: URL): Promise<number> {
  // Must come before anything in it is read, because reading puts damaged files aside.
  const lock = lockState(stateFolder(), "xenarium serve", "give this one a folder of its own with XENARIUM_STATE");
  try {
    return await serveHost(options, dist);
  } finally {
    lock.release();
  }
}

async function serveHost(options: ServeArguments, dist: URL): Promise<number> {
  const codeCache = codeCacheFolder();
  const host = new HostService({
    imageFolder: dist,
    ...(codeCache !== null && { codeCacheFolder: codeCache }),
    // If the user names no menu, the one that was changed in the application before is used.
    ...(options.bootConfig === null && options.bootEntry === null
      ? { bootFile: path.join(stateFolder(), "boot.cfg") }
      : await bootMenu(options)),
    bundledGuest: new URL("assets/guests/mini.elf", dist),
    firstGuest: options.browser,
    ...(options.kernels !== null && { kernelFolder: path.resolve(options.kernels) }),
    sizeFile: path.join(stateFolder(), "host-size.json"),
    libraryFolder: path.join(stateFolder(), "library"),
    savedFolder: path.join(stateFolder(), "saved"),
    imagesFolder: path.join(stateFolder(), "images"),
    capturesFolder: path.join(stateFolder(), "captures"),
    consoleFolder: path.join(stateFolder(), "consoles"),
    scratchFolder: path.join(stateFolder(), "scratch"),
    downloads: downloadsIn(stateFolder()),
    transferFolder: path.join(stateFolder(), "transfer"),
    networksFile: path.join(stateFolder(), "networks.json"),
    history: { folder: path.join(stateFolder(), "history") },
    ...(options.hostMemory !== null && { memoryMiB: options.hostMemory }),
    ...(options.pcpus !== null && { pcpus: options.pcpus }),
  });
  if (options.log)
    host.on("xenLog", ({ lines }) => process.stderr.write(lines.map(({ text }) => `${text}\n`).join("")));
  const ended = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
  });
  const opened: { close(): Promise<void> }[] = [];
  try {
    // Must come before the host is on: if the place is taken, nothing has to be undone.
    opened.push(await serveLocal(host));
    const root = fileURLToPath(new URL("renderer/", dist));
    const token = options.tokenFile === null ? newToken() : tokenOf(options.tokenFile);
    const web =
      options.port === null
        ? await serveWeb(host, root, USUAL_PORT, token).catch(() => serveWeb(host, root, 0, token))
        : await serveWeb(host, root, options.port, token);
    opened.push(web);
    process.stdout.write(`Xenarium: ${web.url}\n`);
    await host.powerOn();
    const closePage = options.browser ? openInBrowser(web.url, web.firstClient) : () => {};
    // The last line that is printed: whatever was printed above it, the reader sees where to go.
    process.stderr.write(`The host is on. Open this address; Ctrl+C ends the host: ${web.url}\n`);
    await ended;
    closePage();
    process.stderr.write("Shutting guests down...\n");
    return 0;
  } finally {
    await host.powerOff(GRACE_MS);
    await Promise.all(opened.map((each) => each.close()));
  }
}
