/** A snapshot of a running PVH guest that was told of more memory than it has. It is taken live and reverted to, together with its disk. */
import { truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ApiClient } from "../../../core/api/client.ts";
import type { HostService } from "../../../core/api/host-service.ts";
import { builtHost } from "../../built-host.ts";
import { connectInMemory } from "../../api/in-memory.ts";
import { debianKernel, guestsMissing, initramfs, kernelModules } from "../../guests/images.ts";
import { onConsole } from "../../guests/on-console.ts";
import { temporaryFolder } from "../../temporary.ts";

const missing = guestsMissing();
const folder = temporaryFolder("pvh-snapshot");
/** The guest answers each line with what both of its CPUs say, with a word that it keeps in memory, and with one that it has on its disk. */
const SCRIPT = [
  "word=none; echo WAITS",
  "while read what value; do",
  "case $what in",
  "keep) word=$value;;",
  "write) printf %-4096s $value | dd of=/dev/xvda bs=4096 seek=5 conv=notrunc,fsync 2>/dev/null;;",
  "esac",
  "echo 3 > /proc/sys/vm/drop_caches",
  'cpus=""; for c in 0 1; do cpus="$cpus$(taskset $((1 << c)) cut -d" " -f39 /proc/self/stat)"; done',
  'echo "ANSWER $what $value: $word $(dd if=/dev/xvda bs=4096 skip=5 count=1 2>/dev/null | tr -d " \\000") $cpus;"',
  "done",
].join("\n");

describe.skipIf(missing !== null)(`a snapshot of a PVH guest${missing ? ` (${missing})` : ""}`, () => {
  let host: HostService;
  let client: ApiClient;
  let domid: number;
  let uuid: string;
  const consoles = onConsole(() => host);
  const shown = (): Promise<string> => consoles.shown(domid);
  const says = (what: RegExp) => expect.poll(shown, { timeout: 200_000, interval: 100 }).toMatch(what);
  let asked = 0;
  const answer = async (what: string): Promise<string> => {
    const line = `${what}${what.includes(" ") ? "" : ` q${++asked}`}`;
    await host.toolstack.request("consoleInput", { domid, bytes: Buffer.from(`${line}\n`) });
    const pattern = new RegExp(`ANSWER ${line}: ([^;]*);`);
    await says(pattern);
    return pattern.exec(await shown())![1]!;
  };

  beforeAll(async () => {
    const image = path.join(folder, "data.img");
    writeFileSync(image, "");
    truncateSync(image, 16 << 20);
    host = builtHost({ memoryMiB: 640, libraryFolder: path.join(folder, "library") });
    await host.powerOn();
    client = connectInMemory(host, true).client;
    const config = [
      'name = "pvh"\ntype = "pvh"\nvcpus = 2\nmemory = 144\nmaxmem = 192',
      `kernel = "${debianKernel()}"`,
      `ramdisk = "${initramfs("ready", SCRIPT, {}, kernelModules("xen-blkfront"))}"`,
      'cmdline = "console=hvc0 no_console_suspend quiet"',
      'disk = ["data.img,raw,xvda,rw"]',
    ].join("\n");
    ({ domid, uuid } = await client.request("create", { config, configName: path.join(folder, "pvh.cfg") }));
  }, 120_000);
  afterAll(() => host.powerOff(0));

  it("is taken while it goes on, and when it is reverted to, the guest goes on where it was, on both vCPUs", async () => {
    await says(/WAITS/);
    await answer("keep then");
    expect(await answer("write one")).toBe("then one 01");
    await client.request("snapshotTake", { uuid, name: "one", memory: true });
    expect(await answer("write two")).toBe("then two 01");
    expect(await answer("keep later")).toBe("later two 01");
    const { snapshots } = (await client.request("snapshots", { uuid }))!;
    expect(snapshots).toEqual([expect.objectContaining({ name: "one", hasMemory: true })]);
    const reverted = await client.request("snapshotRevert", { uuid, snapshot: snapshots[0]!.id });
    domid = reverted.domid!;
    expect(await answer("look")).toBe("then one 01");
    expect(await host.toolstack.request("checkInvariants")).toBe(0);
    expect(await shown()).not.toMatch(/WARNING:|BUG:|Call Trace/);
  }, 300_000);
});
