/** Clusters (core/machine/translator/cluster.ts) come about in a running host, and their programs compute what they should. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { debianKernel, guestsMissing, initramfs } from "./images.ts";
import { program } from "./programs.ts";
import { runGuest } from "./run.ts";

const missing = guestsMissing();
const results = (text: string): string[] => text.match(/^(interpret|pointers|tree|changing) \d [\da-f]{16}/gm) ?? [];

describe.skipIf(missing !== null)(
  `code that goes on through registers, in Debian${missing ? ` (${missing})` : ""}`,
  () => {
    it.each(["pv", "pvh"])(
      "becomes clusters and computes the same, in two threads of a %s guest",
      async (type) => {
        const binary = program("test/guests/clusters.c", ["-O2", "-pthread"]);
        const native = results(execFileSync(binary, { encoding: "utf8" }));
        expect(native).toHaveLength(8);
        const folder = temporaryFolder("clusters");
        const [profile, config] = [path.join(folder, "profile"), path.join(folder, "guest.cfg")];
        const ramdisk = initramfs("ready", "/bin/clusters\npoweroff -f", { clusters: binary });
        writeFileSync(
          config,
          `name = "clusters"\ntype = "${type}"\nkernel = "${debianKernel()}"\nramdisk = "${ramdisk}"\n` +
            'memory = 256\nvcpus = 2\nextra = "console=hvc0 quiet"\n',
        );
        const { stdout, status } = await runGuest([config, "--timeout", "170", "--pcpus", "2", "--profile", profile]);
        expect(stdout).toMatch(/CLUSTERS-DONE/);
        expect(results(stdout)).toEqual(native);
        expect(status).toBe(0);
        const [, clusters] = /^ +(\d+) +clusters made$/m.exec(readFileSync(profile, "utf8"))!;
        expect(Number(clusters)).toBeGreaterThan(3);
      },
      200_000,
    );
  },
);
