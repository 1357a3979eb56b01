/** `xenarium run` says how its guest ended, even if the guest never wrote a word. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { compilerMissing } from "../guests/programs.ts";
import { runGuest, startGuest } from "../guests/run.ts";
import { smallKernel } from "../guests/small-kernel.ts";
import { temporaryFolder } from "../temporary.ts";

const run = (body: string) =>
  runGuest(["--kernel", smallKernel(body), "--memory", "32", "--name", "quiet", "--timeout", "60"]);

describe.skipIf(compilerMissing() !== null)("how a guest ended", () => {
  it("that powers itself off without a word", async () => {
    const { status, stdout, stderr } = await run("shutdown(SHUTDOWN_poweroff);");
    expect(stdout).toBe("");
    expect(stderr).toMatch(
      /^xenarium: quiet powered itself off after \d+\.\d s\. It printed nothing on its console\.$/m,
    );
    expect(status).toBe(0);
  }, 60_000);

  it("that gives a reason that Xen does not know: it did not crash, and is destroyed whatever follows a crash", async () => {
    const { status, stderr } = await run("shutdown(252);");
    expect(stderr).toMatch(
      /^xenarium: quiet shut itself down for a reason that Xen does not know \(252\) after \d+\.\d s\./m,
    );
    expect(status).toBe(1);
  }, 60_000);

  it("that crashes without a word: with what Xen's log says", async () => {
    const { status, stderr } = await run('asm volatile("ud2");');
    expect(stderr).toMatch(
      /^xenarium: quiet crashed after \d+\.\d s\. It printed nothing on its console\. Xen's log says:$/m,
    );
    expect(stderr).toMatch(/^\(XEN\) d1v0 Unhandled fault\/trap #6 \[ec=0000\]$/m);
    expect(stderr).toMatch(/^\(XEN\) Domain 1 \(vcpu#0\) crashed on cpu#\d:$/m);
    expect(stderr).toMatch(/^\(XEN\) RIP: +e033:\[<ffffffff80/m);
    expect(status).toBe(3);
  }, 60_000);
});

describe.skipIf(process.platform === "win32")("a run whose time is over", () => {
  it("has one ending, whatever its guest does while the profile is written", async () => {
    // Nobody reads the profile. Until somebody does, the run has not ended, and its guest goes on.
    const pipe = path.join(temporaryFolder("ending"), "profile");
    execFileSync("mkfifo", [pipe]);
    const mini = path.resolve(import.meta.dirname, "../../assets/guests/mini.elf");
    const guest = startGuest([
      ...["--kernel", mini, "--memory", "32", "--name", "late", "--timeout", "8", "--profile", pipe, "--json"],
    ]);
    await guest.waitForWords(/mini> /, 30_000);
    await guest.waitForWords(/the domain was still running after 8 s/, 30_000);
    guest.mark();
    guest.type("poweroff\r");
    await guest.waitForWords(/poweroff\r?\n/, 10_000);
    readFileSync(pipe);
    guest.closeInput();
    const { status, stdout, stderr } = await guest.done;
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: "timeout",
      messages: ["the domain was still running after 8 s"],
    });
    expect(stderr).not.toContain("powered itself off");
    expect(status).toBe(124);
  }, 90_000);
});
