/**
 * A PVH guest is saved in the middle of its work, with two vCPUs, and continues in another host; and in its own host when its image is only a copy.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { debianKernel, guestsMissing, initramfs } from "./images.ts";
import { onConsole } from "./on-console.ts";

const missing = guestsMissing();
const folder = temporaryFolder("pvh-save");
const file = path.join(folder, "pvh.saved");
let host: HostService;

const { ask, shown, says } = onConsole(() => host, 120_000);

async function powerOn(pcpus: number): Promise<void> {
  host = builtHost({ memoryMiB: 512, pcpus });
  await host.powerOn();
}

/** On each vCPU, a loop makes checksums of the same random data again and again, compares them, and says how often. */
const SCRIPT = [
  "dd if=/dev/urandom of=/data bs=64k count=64 2>/dev/null",
  "sum=$(sha256sum /data | cut -d' ' -f1); echo SUM $sum",
  "work() { n=0; while test $(sha256sum /data | cut -d' ' -f1) = $sum; do n=$((n+1)); echo $n > /count$1; done; echo WRONG $1; }",
  "work 0 & taskset -p 1 $! >/dev/null; work 1 & taskset -p 2 $! >/dev/null",
  "echo WORKING",
  'while read line; do echo "SAYS $line cpus=$(nproc) a=$(cat /count0)- b=$(cat /count1)-"; test "$line" = end && poweroff -f; done',
].join("\n");

let asked = 0;
async function counts(domid: number): Promise<[number, number]> {
  const word = `q${++asked}`;
  await ask("consoleInput", { domid, bytes: Buffer.from(`${word}\n`) });
  const answer = new RegExp(`SAYS ${word} cpus=2 a=(\\d*)- b=(\\d*)-`);
  await says(domid, answer);
  const [, a, b] = answer.exec(await shown(domid))!;
  return [Number(a), Number(b)];
}
/** Both vCPUs have done more since. */
async function worksOn(domid: number, [a, b]: readonly [number, number]): Promise<void> {
  const isFurther = async (): Promise<boolean> => {
    const now = await counts(domid);
    return now[0] > a && now[1] > b;
  };
  await expect.poll(isFurther, { timeout: 60_000, interval: 200 }).toBe(true);
  expect(await shown(domid)).not.toMatch(/WRONG|WARNING:|BUG:|Call Trace/);
}

describe.skipIf(missing !== null)(`a saved PVH domain${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(() => powerOn(2));
  afterAll(() => host.powerOff(1000));

  it("goes on with its work on both vCPUs after a copy of it was saved, and in a fresh host", async () => {
    const { domid } = await ask("create", {
      config:
        'name = "pvh"\ntype = "pvh"\nkernel = "k"\nramdisk = "r"\ncmdline = "console=hvc0 no_console_suspend"\nmemory = 192\nvcpus = 2\n',
      files: { k: readFileSync(debianKernel()), r: readFileSync(initramfs("ready", SCRIPT)) },
    });
    await says(domid, /WORKING/);
    await worksOn(domid, [0, 0]);
    await ask("save", { domid, file, resume: true });
    const before = await counts(domid);
    await worksOn(domid, before);
    await ask("save", { domid, file });
    expect((await ask("list")).map(({ name }) => name)).toEqual(["Domain-0"]);
    expect(await ask("checkInvariants")).toBe(0);
    await host.powerOff(1000);

    await powerOn(1);
    const restored = await ask("restore", { file });
    await worksOn(restored.domid, before);
    expect(await ask("checkInvariants")).toBe(0);
    await ask("consoleInput", { domid: restored.domid, bytes: Buffer.from("end\n") });
    const names = async (): Promise<string[]> => (await ask("list")).map(({ name }) => name);
    await expect.poll(names, { timeout: 60_000 }).toEqual(["Domain-0"]);
  }, 300_000);
});
