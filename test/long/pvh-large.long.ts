/** A PVH guest with more than 2 GiB on the largest host uses its memory, is saved with what is in it, and goes on in another host. */
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { temporaryFolder } from "../temporary.ts";
import { debianKernel, guestsMissing, initramfs } from "../guests/images.ts";
import { onConsole } from "../guests/on-console.ts";
import { compilerMissing, program } from "../guests/programs.ts";
import { builtHost } from "../built-host.ts";

const missing = guestsMissing() ?? compilerMissing();
const file = path.join(temporaryFolder("pvh-large"), "large.saved");
const [MEMORY_MIB, WRITTEN_MIB] = [2600, 2300];
let host: HostService;

const { ask, ended, says, shown } = onConsole(() => host, 300_000);

async function powerOn(): Promise<void> {
  host = builtHost({ memoryMiB: 3584, pcpus: 2 });
  await host.powerOn();
}
async function looks(domid: number, word: string): Promise<void> {
  await ask("consoleInput", { domid, bytes: Buffer.from(`${word}\n`) });
  await says(domid, new RegExp(`LOOKED ${word}: 0 of ${WRITTEN_MIB * 256} wrong`));
}

describe.skipIf(missing !== null)(`a PVH guest above 2 GiB${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(powerOn);
  afterAll(() => host.powerOff(1000));

  it("has all of its memory, also after it was saved and restored", async () => {
    const ramdisk = initramfs("ready", `memory-words ${WRITTEN_MIB}\npoweroff -f`, {
      "memory-words": program("test/guests/memory-words.c"),
    });
    const { domid } = await ask("create", {
      config:
        `name = "large"\ntype = "pvh"\nkernel = "k"\nramdisk = "r"\ncmdline = "console=hvc0 no_console_suspend"\n` +
        `memory = ${MEMORY_MIB}\nvcpus = 2\n`,
      files: { k: readFileSync(debianKernel()), r: readFileSync(ramdisk) },
    });
    await says(domid, new RegExp(`WRITTEN ${WRITTEN_MIB * 256} pages`));
    await looks(domid, "first");
    // The guest goes on where it is after a copy of it was written, and then that copy is written over.
    await ask("save", { domid, file, resume: true });
    await looks(domid, "resumed");
    await ask("save", { domid, file });
    expect(statSync(file).size).toBeGreaterThan(2 ** 20);
    expect((await ask("list")).map(({ name }) => name)).toEqual(["Domain-0"]);
    expect(await ask("checkInvariants")).toBe(0);
    await host.powerOff(1000);

    await powerOn();
    const restored = await ask("restore", { file });
    await looks(restored.domid, "restored");
    // Other complaints of a kernel may come from the computer's load.
    expect(await shown(restored.domid)).not.toMatch(/WARNING:|BUG:|Call Trace/);
    expect(await ask("checkInvariants")).toBe(0);
    await ask("consoleInput", { domid: restored.domid, bytes: Buffer.from("end\n") });
    await ended(restored.domid);
    expect((await ask("list")).map(({ name }) => name)).toEqual(["Domain-0"]);
  }, 1_500_000);
});
