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

/** Runs the program in a guest of that type; returns what it printed, and what the profile counts of translation. */
async function inGuest(type: string, folder: string, binary: string) {
  const [profile, config] = [path.join(folder, `${type}.profile`), path.join(folder, `${type}.cfg`)];
  const ramdisk = initramfs("ready", "/bin/clusters\npoweroff -f", { clusters: binary });
  writeFileSync(
    config,
    `name = "clusters"\ntype = "${type}"\nkernel = "${debianKernel()}"\nramdisk = "${ramdisk}"\n` +
      'memory = 256\nvcpus = 2\nextra = "console=hvc0 quiet"\n',
  );
  const { stdout, status } = await runGuest([config, "--timeout", "170", "--pcpus", "2", "--profile", profile]);
  expect(stdout).toMatch(/CLUSTERS-DONE/);
  expect(status).toBe(0);
  const text = readFileSync(profile, "utf8");
  const counted = (what: string): number => Number(new RegExp(`^ +(\\d+) +${what}$`, "m").exec(text)![1]);
  return {
    printed: results(stdout),
    clusters: counted("clusters made"),
    known: counted("regions taken from the cache of earlier runs"),
  };
}

describe.skipIf(missing !== null)(
  `code that goes on through registers, in Debian${missing ? ` (${missing})` : ""}`,
  () => {
    it("becomes clusters and computes the same, in two threads of a PV and of a PVH guest, which begins with what the first has left in the cache", async () => {
      const binary = program("test/guests/clusters.c", ["-O2", "-pthread"]);
      const native = results(execFileSync(binary, { encoding: "utf8" }));
      expect(native).toHaveLength(8);
      const folder = temporaryFolder("clusters");
      process.env.XENARIUM_CACHE = path.join(folder, "cache");
      const pv = await inGuest("pv", folder, binary);
      expect(pv.printed).toEqual(native);
      expect(pv.clusters).toBeGreaterThan(3);
      const pvh = await inGuest("pvh", folder, binary);
      expect(pvh.printed).toEqual(native);
      expect(pvh.clusters).toBeGreaterThan(3);
      expect(pvh.known).toBeGreaterThan(50);
    }, 400_000);
  },
);
