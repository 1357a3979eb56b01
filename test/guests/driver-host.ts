/** What the tests of driver domains begin with: a host, what it tells its user meanwhile, and what its guests say on their consoles. */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll } from "vitest";
import type { HostServiceOptions } from "../../core/api/host-options.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { onConsole, type OnConsole } from "./on-console.ts";

export interface DriverHost extends OnConsole {
  folder: string;
  notices: string[];
  /** Names of the domains that were made, in order. */
  made: string[];
  /** Names of the nodes below a path in xenstore. */
  nodes(path: string): Promise<string[]>;
  /** Makes a file in the folder with these bytes; 8 MiB of zeros if there are none. Returns its path. */
  image(name: string, bytes?: Uint8Array): string;
  /**
   * Creates a native driver domain with these images as /dev/xvda and so on, and more lines of its configuration. Resolves with its domid when it is
   * ready.
   */
  nativeDriver(name: string, images: readonly string[], ...more: string[]): Promise<number>;
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** To be called once in a file: the host is on while its tests run. `patience` is how many milliseconds a word on a console may take. */
export function driverHost(name: string, patience: number, options: Partial<HostServiceOptions> = {}): DriverHost {
  const folder = temporaryFolder(name);
  const notices: string[] = [];
  const made: string[] = [];
  let host: HostService;
  const consoles = onConsole(() => host, patience);
  const { ask, says } = consoles;
  beforeAll(async () => {
    host = builtHost({ memoryMiB: 1024, ...options });
    await host.powerOn();
    host.toolstack.on("notice", ({ message }) => notices.push(message));
    host.toolstack.on("created", (created) => made.push(created.name));
  });
  afterAll(() => host.powerOff(1000));
  return {
    ...consoles,
    folder,
    notices,
    made,
    nodes: async (path) => ask("xenstoreList", { path }),
    image(file, bytes = Buffer.alloc(8 << 20)) {
      writeFileSync(path.join(folder, file), bytes);
      return path.join(folder, file);
    },
    async nativeDriver(driver, images, ...more) {
      const disks = images.map((file, i) => `'${file},raw,xvd${"abcd"[i]}'`);
      const lines = [`name = "${driver}"`, 'type = "native"', "memory = 4", `disk = [${disks.join(", ")}]`, ...more];
      const { domid } = await ask("create", { config: lines.join("\n") });
      await says(domid, /READY/);
      return domid;
    },
  };
}
