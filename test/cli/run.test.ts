/** `xenarium run` for scripts: exit statuses, --json, --disk, and mistakes in arguments. */
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { startGuest, type RunResult } from "../guests/run.ts";
import { temporaryFolder } from "../temporary.ts";

const dist = path.resolve(import.meta.dirname, "../../dist");
const cli = path.join(dist, "cli.js");
const image = path.join(dist, "assets/guests/mini.elf");
const folder = temporaryFolder("run");
const PROMPT = /mini> $/;
const SIZE = ["--memory", "32", "--host-memory", "256", "--pcpus", "1"];

function xenarium(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [cli, ...args], { encoding: "utf8" });
}

/** Types the line at the guest's prompt. */
async function typed(line: string, ...more: string[]): Promise<RunResult> {
  const guest = startGuest(["--kernel", image, ...SIZE, "--timeout", "60", ...more]);
  await guest.waitFor(PROMPT, 20_000);
  guest.type(`${line}\n`);
  return guest.done;
}

describe("the exit status of run", () => {
  it.each([
    ["poweroff", 0, "powered itself off"],
    ["crash", 3, "crashed"],
  ])("after %s is %d", async (line, status, said) => {
    const result = await typed(line);
    expect(result.status).toBe(status);
    expect(result.stderr).toContain(`guest ${said} after `);
  });

  it("is 4 after a reboot that ends it, while one that does not goes on", async () => {
    const config = path.join(folder, "reboot.cfg");
    writeFileSync(config, `name = "again"\nkernel = "${image}"\nmemory = 32\non_reboot = "destroy"\n`);
    const guest = startGuest([config, "--host-memory", "256", "--timeout", "60"]);
    await guest.waitFor(PROMPT, 20_000);
    guest.type("reboot\n");
    expect((await guest.done).status).toBe(4);
  });

  it("is 124 when the time is over", async () => {
    const guest = startGuest(["--kernel", image, ...SIZE, "--timeout", "1.5"]);
    const { status, stderr } = await guest.done;
    expect(status).toBe(124);
    expect(stderr).toContain("the domain was still running after 1.5 s");
  });

  it.skipIf(process.platform === "win32").each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("is that of the signal after %s", async (signal, status) => {
    const guest = startGuest(["--kernel", image, ...SIZE, "--timeout", "60"]);
    await guest.waitFor(PROMPT, 20_000);
    process.kill(guest.pid, signal);
    expect((await guest.done).status).toBe(status);
  });

  it.skipIf(process.platform === "win32")("is SIGPIPE's when nobody reads the console any more", async () => {
    const child = spawn(process.execPath, [cli, "run", "--kernel", image, ...SIZE, "--timeout", "60"], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    const ended = new Promise((resolve) => child.once("close", resolve));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.stdout.destroy();
    // What it prints next has no reader.
    child.stdin.write("help\n");
    expect(await ended).toBe(141);
  });

  it.each([
    [["--kernel", path.join(folder, "nothing")], "there is no such file"],
    [["--kernel", path.resolve("README.md"), ...SIZE], "not a kernel"],
    [["--kernel", image, "--disk", "a.img"], '--disk "a.img": vdev is missing'],
    [["--kernel", image, ...SIZE, "--disk", "/nowhere/a.img,raw,xvda"], "/nowhere/a.img"],
    [["--kernel", image, "--vcpus", "33"], '--vcpus is "33"; allowed: a whole number from 1 to 32'],
    [["--kernell", image], "unknown option '--kernell'; Did you mean --kernel?"],
    [[], "run needs a config or --kernel FILE"],
  ])("is 2 with %j", (args, said) => {
    const { status, stdout, stderr } = xenarium("run", ...args);
    expect(stderr).toContain(said);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  });
});

describe("run --json", () => {
  it("says how the guest ended on standard output, and has its console on standard error", async () => {
    const child = spawn(
      process.execPath,
      [cli, "run", "--kernel", image, ...SIZE, "--json", "--name", "web", "--timeout", "60"],
      { stdio: ["pipe", "pipe", "pipe"] },
    );
    let [out, err] = ["", ""];
    const commands = ["reboot\n", "crash\n"];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text;
      const asks = commands.length === 2 ? /mini> / : /asked for a reboot[\s\S]*mini> /;
      if (asks.test(err)) child.stdin.write(commands.shift() ?? "");
    });
    const status = await new Promise((resolve) => child.once("close", resolve));
    expect(status).toBe(3);
    const told = JSON.parse(out) as Record<string, unknown>;
    expect(told).toEqual({
      outcome: "stopped",
      status: 3,
      reason: "crash",
      signal: null,
      name: "web",
      domid: 2,
      restarts: 1,
      seconds: expect.any(Number) as number,
      consoleBytes: expect.any(Number) as number,
      messages: [
        expect.stringMatching(/^web asked for a reboot after/) as string,
        expect.stringMatching(/^web crashed after \d+\.\d s\.$/) as string,
      ],
    });
    expect(err).toContain("Xenarium mini guest");
    expect(told.consoleBytes).toBeGreaterThan(100);
    expect(told.seconds).toBeGreaterThan(0);
  });

  it("says so too when time is over, or no guest ran", () => {
    const late = xenarium("run", "--kernel", image, ...SIZE, "--json", "--timeout", "1.5");
    expect(late.status).toBe(124);
    expect(JSON.parse(late.stdout)).toMatchObject({ outcome: "timeout", status: 124, reason: null, name: "guest" });
    const none = xenarium("run", "--kernel", path.join(folder, "nothing"), "--json");
    expect(none.status).toBe(2);
    expect(JSON.parse(none.stdout)).toMatchObject({
      outcome: "refused",
      status: 2,
      domid: null,
      seconds: null,
      messages: [expect.stringContaining("no such file") as string],
    });
  });
});

it("run --disk adds disks to the config's own; relative paths are taken from the folder that it is called in, also those in the config", async () => {
  const [place, configs] = [path.join(folder, "a, b"), path.join(folder, "configs")];
  for (const each of [place, configs]) mkdirSync(each);
  copyFileSync(image, path.join(place, "guest.elf"));
  for (const file of [path.join(place, "second disk.img"), path.join(place, "first.img")]) {
    writeFileSync(file, "");
    truncateSync(file, 1 << 20);
  }
  const config = path.join(configs, "disks.cfg");
  writeFileSync(config, `name = "disks"\nkernel = "guest.elf"\nmemory = 32\ndisk = [ "first.img,raw,xvda,w" ]\n`);
  const args = ["run", config, "--host-memory", "256", "--timeout", "60"];
  const child = spawn(process.execPath, [cli, ...args, "--disk", "vdev=xvdb,access=ro,target=second disk.img"], {
    cwd: place,
    stdio: ["pipe", "pipe", "ignore"],
  });
  let out = "";
  let asked = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    if (out.endsWith("mini> ") && asked) child.stdin.write("poweroff\n");
    else if (out.endsWith("mini> ")) {
      asked = true;
      const disks = [51712, 51728].map((id) => `xenstore-ls /local/domain/0/backend/vbd/1/${id}\n`);
      child.stdin.write(disks.join(""));
    }
  });
  expect(await new Promise((resolve) => child.once("close", resolve))).toBe(0);
  expect(out).toContain(`params = "raw:${path.join(place, "first.img")}"`);
  expect(out).toContain(`params = "raw:${path.join(place, "second disk.img")}"`);
  expect(out).toMatch(/51728[\s\S]*mode = "r"/);
});

describe("help", () => {
  it("is complete: every command, and every option of run and serve", () => {
    const { status, stdout } = xenarium("--help");
    expect(status).toBe(0);
    const commands = "run serve xl xenstore-ls xenstore-list xenstore-read xenstore-write xenstore-exists xenstore-rm";
    for (const name of `${commands} xenstore-chmod xenstore-watch domains disk fetch snapshot export import network completion version help`.split(
      " ",
    ))
      expect(stdout).toMatch(new RegExp(`^ {2}${name} `, "m"));
    const options = "kernel ramdisk cmdline memory vcpus name disk timeout json profile symbols trace log host-memory";
    for (const name of `${options} pcpus boot-config boot-entry port browser token-file kernels`.split(" "))
      expect(stdout).toMatch(new RegExp(`^ {2}--${name}[ <]`, "m"));
    for (const same of [["help"], ["-h"]]) expect(xenarium(...same).stdout).toBe(stdout);
  });

  it("explains one command, with its exit statuses, and says what is wrong", () => {
    const { stdout } = xenarium("help", "run");
    expect(stdout).toBe(xenarium("run", "--help").stdout);
    for (const status of [0, 1, 2, 3, 4, 124, 130, 141])
      expect(stdout).toMatch(new RegExp(`^ {2}.*\\b${status}\\b`, "m"));
    expect(xenarium("help", "xenstore-read").stdout).toContain("[-h] [-p] [-s] [-R] key [...]");
    expect(xenarium("help", "xl").stdout).toContain("vcpu-list");
    const { status, stderr } = xenarium("help", "WRONG");
    expect(status).toBe(2);
    expect(stderr).toMatch(/^xenarium: unknown command 'WRONG'/);
    expect(xenarium("rnu")).toMatchObject({
      status: 2,
      stderr: "xenarium: unknown command 'rnu'; Did you mean run?\n",
    });
    expect(xenarium()).toMatchObject({ status: 2, stdout: "" });
    expect(xenarium("-V").stdout).toMatch(/^xenarium \d+\.\d+\.\d+\n$/);
  });
});
