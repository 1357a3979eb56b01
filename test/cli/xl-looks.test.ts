/** xl top, xl info -n and xl config-update against a running host. */
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { startServe, type Served } from "../ui/serve.ts";

const dist = path.resolve(import.meta.dirname, "../../dist");
const cli = path.join(dist, "cli.js");
const folder = temporaryFolder("looks");
let served: Served;

function config(name: string, memory: number, more = ""): string {
  const file = path.join(folder, `${name}-${memory}.cfg`);
  const kernel = path.join(dist, "assets/guests/mini.elf");
  writeFileSync(file, `name = "${name}"\nkernel = "${kernel}"\nmemory = ${memory}\n${more}`);
  return file;
}
const xl = (...args: string[]) =>
  spawnSync(process.execPath, [cli, "xl", ...args], { env: served.env, encoding: "utf8" });
const memoryOf = (name: string): string | undefined =>
  new RegExp(`^${name} +\\d+ +(\\d+) `, "m").exec(xl("list").stdout)?.[1];

describe("xl", () => {
  beforeAll(async () => {
    served = await startServe("--host-memory", "256", "--pcpus", "2");
    for (const name of ["busy", "idle"]) expect(xl("create", config(name, 32))).toMatchObject({ status: 0 });
  });
  afterAll(async () => {
    await served.stop();
  });

  it("top shows as often as asked what domains use between two looks", async () => {
    const console = spawn(process.execPath, [cli, "xl", "console", "busy"], {
      env: served.env,
      stdio: ["pipe", "pipe", "ignore"],
    });
    let shown = "";
    console.stdout.setEncoding("utf8").on("data", (text: string) => (shown += text));
    await expect.poll(() => shown).toContain("mini> ");
    console.stdin.write("load 1\n");
    await expect.poll(() => shown).toMatch(/load 1[\s\S]*mini> $/);
    const { status, stdout } = xl("top", "-b", "-i", "2", "-d", "1");
    console.kill();
    expect(status).toBe(0);
    const looks = stdout.split(/^ +NAME.*\n/m).slice(1);
    expect(looks).toHaveLength(2);
    const row = (look: string, name: string): string[] =>
      look
        .split("\n")
        .map((line) => line.trim().split(/ +/))
        .find(([first]) => first === name)!;
    // The first look has nothing to compare with.
    expect(looks[0]!.trim().split("\n")).toHaveLength(3);
    expect(row(looks[0]!, "busy")[3]).toBe("0.0");
    const [busy, idle] = [row(looks[1]!, "busy"), row(looks[1]!, "idle")];
    // libxl gives a domain 1 MiB more than its maxmem.
    expect(busy.slice(4)).toEqual(["32768", "12.5", "33792", "12.9", "1"]);
    expect(Number(busy[3])).toBeGreaterThan(10);
    expect(Number(busy[3])).toBeLessThan(150);
    expect(Number(idle[3])).toBeLessThan(Number(busy[3]) / 2);
    expect(Number(row(looks[1]!, "busy")[2])).toBeGreaterThanOrEqual(Number(row(looks[0]!, "busy")[2]));
    expect(stdout).toMatch(/^ +Domain-0 .* no limit +n\/a +1$/m);
  });

  it("top refuses what is no number", () => {
    expect(xl("top", "-d", "0")).toMatchObject({ status: 1, stdout: "" });
    expect(xl("top", "-i", "x").stderr).toContain('the number of iterations is "x"; allowed: a number from 1 on');
  });

  it("info -n adds the topology and the one NUMA node", () => {
    const [plain, numa] = [xl("info").stdout, xl("info", "-n").stdout];
    const added = numa.slice(plain.length).split("\n");
    expect(numa).toMatch(/^nr_cpus +: 2$/m);
    expect(added[0]).toMatch(/^cpu_topology +:$/);
    expect(added[1]).toMatch(/^cpu: +core +socket +node$/);
    expect(added.slice(2, 4).map((line) => line.trim().split(/[: ]+/))).toEqual([
      ["0", "0", "0", "0"],
      ["1", "1", "0", "0"],
    ]);
    expect(added.slice(-4, -2)).toEqual([
      expect.stringMatching(/^numa_info +:$/) as string,
      expect.stringMatching(/^node: +memsize +memfree +distances$/) as string,
    ]);
    expect(added.at(-2)).toMatch(/^ +0: +256 +\d+ +10$/);
  });

  it("config-update changes what a domain is restarted from, and nothing of it now", async () => {
    const updated = xl("config-update", "idle", config("idle", 48));
    expect(updated.status).toBe(0);
    expect(updated.stderr).toMatch(
      /^WARNING: xl now has better[^\n]*\nParsing config from .*idle-48\.cfg\nsetting dom2 configuration\n$/,
    );
    expect(memoryOf("idle")).toBe("32");
    // The bundled guest does what it is asked to do.
    expect(xl("reboot", "-w", "idle").status).toBe(0);
    await expect.poll(() => memoryOf("idle")).toBe("48");
  });

  it("config-update refuses a config that is wrong, and a domain that is not there", () => {
    const wrong = xl("config-update", "idle", config("idle", 64, "vcpus = \n"));
    expect(wrong.status).not.toBe(0);
    expect(wrong.stderr).toContain("vcpus");
    expect(xl("config-update", "nobody", config("idle", 48)).stderr).toContain(
      "nobody is an invalid domain identifier",
    );
    expect(memoryOf("idle")).toBe("48");
  });
});
