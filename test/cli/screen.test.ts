/** xl vncviewer and xl vkb-attach, -list, -detach against a running host. */
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { startServe, type Served } from "../ui/serve.ts";

const dist = path.resolve(import.meta.dirname, "../../dist");
const cli = path.join(dist, "cli.js");
const folder = temporaryFolder("screen");
let served: Served;

const xlIn = (env: NodeJS.ProcessEnv, ...args: string[]) =>
  spawnSync(process.execPath, [cli, "xl", ...args], { env: { ...served.env, ...env }, encoding: "utf8" });
const xl = (...args: string[]) => xlIn({}, ...args);
function config(name: string, more: string): string {
  const file = path.join(folder, `${name}.cfg`);
  const kernel = path.join(dist, "assets/guests/mini.elf");
  writeFileSync(file, `name = "${name}"\nkernel = "${kernel}"\nmemory = 16\n${more}\n`);
  return file;
}

describe("xl and screens", () => {
  beforeAll(async () => {
    served = await startServe("--host-memory", "256", "--pcpus", "1");
    expect(xl("create", config("seen", 'vfb = ["vncdisplay=340,vncpasswd=secret"]'))).toMatchObject({ status: 0 });
    expect(xl("create", config("blind", ""))).toMatchObject({ status: 0 });
  });
  afterAll(() => served.stop());

  it("vncviewer starts a viewer, or says the address where none can open a window", () => {
    const { status, stdout, stderr } = xl("vncviewer", "seen");
    expect([status, stderr]).toEqual([0, "No VNC viewer was found that could open a window here.\n"]);
    expect(stdout).toMatch(/^127\.0\.0\.1:62[4-9]\d\n$/);
    expect(xl("vncviewer", "blind")).toMatchObject({ status: 1 });
    expect(xl("vncviewer", "blind").stderr).toMatch(/has no VNC server: give it one with vfb/);
    const viewer = path.join(folder, "vncviewer");
    const said = path.join(folder, "said");
    writeFileSync(viewer, `#!/bin/sh\necho "$@" > ${said}\ncat >> ${said}\nexit 7\n`);
    chmodSync(viewer, 0o755);
    const env = { PATH: `${folder}${path.delimiter}${process.env.PATH}`, DISPLAY: ":nowhere" };
    expect(xlIn(env, "vncviewer", "--autopass", "seen").status).toBe(7);
    expect(readFileSync(said, "utf8")).toBe(`-autopass ${stdout.trim().replace(":", "::")}\nsecret\n`);
  });

  it("vkb-attach, -list and -detach give a keyboard and take it", async () => {
    const header = "Idx BE handle state evt-ch    ref ID         BE-type    BE-path";
    const rows = (): string[] => xl("vkb-list", "seen", "blind").stdout.trimEnd().split("\n");
    const first = rows();
    expect(first[0]!.trimEnd()).toBe(header);
    expect(first.slice(1).map((line) => line.split(/\s+/).filter(Boolean).slice(0, 3).join(" "))).toEqual(["0 0 0"]);
    expect(xl("vkb-attach", "blind", "unique-id=k1").stderr).toMatch(/backend-type is missing/);
    expect(xl("vkb-attach", "blind", "backend-type=qemu", "unique-id=k1")).toMatchObject({ status: 0 });
    expect(rows()[2]).toMatch(/^0 +0 +0 +\d +-1 +-1 k1 +qemu +\/local\/domain\/0\/backend\/vkbd\/\d+\/0$/);
    expect(xl("vkb-detach", "--force", "blind", "0")).toMatchObject({ status: 0 });
    expect(rows()).toHaveLength(2);
    expect(xl("vkb-detach", "blind", "3").stderr).toMatch(/no Keyboard 3/);
  });
});
