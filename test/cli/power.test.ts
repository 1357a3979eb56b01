/** `xenarium host` as a user types it: the host is switched off and on, and what ran is saved or shut down. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { startServe, type Served } from "../ui/serve.ts";

const dist = path.resolve(import.meta.dirname, "../../dist");
const folder = temporaryFolder("power-cli");
let served: Served;

function xenarium(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  return new Promise((resolve) =>
    execFile(
      process.execPath,
      [path.join(dist, "cli.js"), ...args],
      { env: served.env, cwd: folder },
      (error, out, err) => resolve({ status: error ? Number(error.code) : 0, out, err }),
    ),
  );
}
const host = (...args: string[]) => xenarium("host", ...args);
const ON = "The host is running: 256 MiB, 1 pCPU";

beforeAll(async () => {
  served = await startServe("--host-memory", "256", "--pcpus", "1");
  const kernel = path.join(dist, "assets/guests/mini.elf");
  writeFileSync(path.join(folder, "web.cfg"), `name = "web"\nkernel = "${kernel}"\nmemory = 16\n`);
});
afterAll(() => served.stop());

it("is switched off with what runs saved, which goes on when it is started again", async () => {
  expect(await xenarium("xl", "create", "web.cfg")).toMatchObject({ status: 0 });
  expect(await host()).toMatchObject({ status: 0, out: `${ON}, one domain runs\n` });
  expect(await host("off", "--save")).toMatchObject({ status: 0, out: "The host is off\n", err: "" });
  expect((await xenarium("domains")).out).toMatch(/\nweb +saved /);
  expect(await host("on")).toMatchObject({ status: 0, out: `${ON}, no domains run\n` });
  expect(await xenarium("domains", "start", "web")).toMatchObject({ status: 0 });
  expect((await host("status")).out).toBe(`${ON}, one domain runs\n`);
});

it("is switched off with what runs shut down, and rebooted; other words are refused with a sentence", async () => {
  expect(await host("reboot", "--grace", "20")).toMatchObject({ status: 0, out: `${ON}, no domains run\n` });
  expect((await xenarium("domains")).out).toMatch(/\nweb +halted /);
  for (const grace of ["-1", "121", "x", "1.5"])
    expect(await host("off", "--grace", grace)).toMatchObject({
      status: 1,
      err: expect.stringContaining(`--grace is ${grace}; allowed: a number of seconds from 0 to 120`) as string,
    });
  expect((await host("off", "--save", "--grace", "5")).status).toBe(2);
  expect((await host()).out).toContain("is running");
  expect(await host("off")).toMatchObject({ status: 0, out: "The host is off\n" });
  expect((await host("off")).status).not.toBe(2);
});
