import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { debianKernel, guestsMissing, initramfs } from "./images.ts";
import { program } from "./programs.ts";
import { runGuest } from "./run.ts";

const missing = guestsMissing();

/** The cases and how often they went wrong. Places for which this system has no page are left out. */
const results = (text: string) =>
  Object.fromEntries(
    [...text.matchAll(/^(.+): (\d+) of \d+ wrong\r?$/gm)].map(([, name, wrong]) => [name!, Number(wrong)]),
  );

// The translator then looks at pages as soon as they are warm, while they are written and executed.
process.env.XENARIUM_CACHE = temporaryFolder("self-modifying");

describe.skipIf(missing !== null)(`code that changes itself, in Debian${missing ? ` (${missing})` : ""}`, () => {
  it.each([
    ["two vCPUs on two pCPUs", ["--vcpus", "2", "--pcpus", "2"]],
    ["one vCPU, with what these have left in the cache of translated code", ["--vcpus", "1", "--pcpus", "1"]],
  ])(
    "executes what was written last: %s",
    async (_, more) => {
      const binary = program("test/guests/self-modifying.c", ["-O2", "-pthread"]);
      const native = results(execFileSync(binary, { encoding: "utf8" }));
      expect(Object.values(native).every((wrong) => wrong === 0)).toBe(true);
      const ramdisk = initramfs("ready", "/bin/self-modifying\npoweroff -f", { "self-modifying": binary });
      const result = await runGuest([
        ...["--kernel", debianKernel(), "--ramdisk", ramdisk, "--cmdline", "console=hvc0 quiet", "--timeout", "170"],
        ...more,
      ]);
      expect(result.stdout).toMatch(/SMC-DONE/);
      const guest = results(result.stdout);
      expect(Object.keys(guest).length).toBeGreaterThan(40);
      expect(Object.entries(guest).filter(([, wrong]) => wrong)).toEqual([]);
      expect(result.status).toBe(0);
    },
    200_000,
  );
});
