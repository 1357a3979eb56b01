/** Saving real guests to a file and restoring them, in the real host. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import type { DomainStopped } from "../../core/toolstack/messages.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { debianKernel, grubForXen, guestsMissing, initramfs } from "./images.ts";
import { onConsole } from "./on-console.ts";

const missing = guestsMissing();
const folder = temporaryFolder("save");
const file = path.join(folder, "linux.saved");
const SLOW = { timeout: 120_000, interval: 200 };
let host: HostService;
const stops: DomainStopped[] = [];

const { ask, shown } = onConsole(() => host);
const freeFrames = async (): Promise<number> =>
  (await ask("frameMap", {})).palette
    .filter(({ kind }) => kind === "free")
    .reduce((sum, { frames }) => sum + frames, 0);
const framesOf = async (domid: number): Promise<number> =>
  (await ask("frameMap", {})).palette
    .filter((each) => each.domid === domid)
    .reduce((sum, { frames }) => sum + frames, 0);
const shows = (domid: number, what: RegExp) => expect.poll(() => shown(domid), SLOW).toMatch(what);
const type = (domid: number, text: string) => ask("consoleInput", { domid, bytes: Buffer.from(text) });
const read = async (at: string): Promise<string> => (await ask("xenstoreRead", { path: at })).value;

/** A shell with the variable X, and a job that counts in /tick. */
async function startShell(): Promise<number> {
  const { domid } = await ask("create", {
    config:
      'name = "linux"\nkernel = "k"\nramdisk = "r"\ncmdline = "console=hvc0 no_console_suspend"\nmemory = 256\nvcpus = 2\n',
    files: { k: readFileSync(debianKernel()), r: readFileSync(initramfs("shell")) },
  });
  await shows(domid, /GUEST-READY[\s\S]*# /);
  await type(domid, "X=keep-$((40+2)); (i=0; while true; do i=$((i+1)); echo $i > /tick; sleep 0.1; done) &\n");
  await type(domid, "echo made-$X\n");
  await shows(domid, /made-keep-42/);
  return domid;
}

let counts = 0;
/** The shell has its variable, its job continues to count, and both vCPUs are there. */
async function isAsItWas(domid: number): Promise<void> {
  const mark = `n${++counts}`;
  const tick = async (name: string): Promise<number> => {
    await type(domid, `echo ${name}-$X-$(nproc)-$(cat /tick)-\n`);
    // The file is empty while the job writes it again, which counts as 0.
    const line = new RegExp(`${name}-keep-42-2-(\\d*)-`);
    await shows(domid, line);
    return Number(line.exec(await shown(domid))![1]);
  };
  const first = await tick(`${mark}first`);
  let n = 0;
  await expect.poll(() => tick(`${mark}again${++n}`), SLOW).toBeGreaterThan(first);
  expect((await ask("list", {})).find((domain) => domain.domid === domid)!.onlineVcpus).toBe(2);
}

describe.skipIf(missing !== null)(`a saved domain${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    host = builtHost({ memoryMiB: 640 });
    await host.powerOn();
    host.on("stopped", (stop) => stops.push(stop));
  });
  afterEach(async () => {
    for (const { domid } of await ask("list", {})) if (domid) await ask("destroy", { domid });
  });
  afterAll(async () => {
    expect(await ask("checkInvariants", {})).toBe(0);
    await host.powerOff(1000);
  });

  it("goes on where it was, as often as it is saved", async () => {
    const before = await freeFrames();
    const domid = await startShell();
    const { uuid } = (await ask("list", {})).find((domain) => domain.domid === domid)!;

    const { bytes } = await ask("save", { domid, file });
    expect(readFileSync(file)).toHaveLength(bytes);
    expect(readdirSync(folder)).toEqual(["linux.saved"]);
    expect((await ask("list", {})).map(({ name }) => name)).toEqual(["Domain-0"]);
    await expect
      .poll(() => stops)
      .toContainEqual({ domid, name: "linux", uuid, reason: "suspend", code: 2, action: "destroy" });
    await expect.poll(() => framesOf(domid)).toBe(0);
    // The hypervisor's heap grows once, for its first guest of that size (21 frames). The end of this test shows that it does not grow further.
    const settled = await freeFrames();
    expect(before - settled).toBeLessThan(32);
    expect(await ask("checkInvariants", {})).toBe(0);

    // Two attempts at once, of which one succeeds.
    const attempts = await Promise.allSettled([ask("restore", { file }), ask("restore", { file })]);
    const made = attempts.filter((attempt) => attempt.status === "fulfilled");
    expect(made, attempts.map((attempt) => String("reason" in attempt && attempt.reason)).join("; ")).toHaveLength(1);
    expect(attempts.find((attempt) => attempt.status === "rejected")!.reason).toMatchObject({ code: "EEXIST" });
    const second = made[0]!.value;
    expect(second).toMatchObject({ name: "linux", uuid });
    expect(second.domid).not.toBe(domid);
    await isAsItWas(second.domid);
    expect(await read(`/local/domain/${second.domid}/name`)).toBe("linux");
    await expect(ask("restore", { file })).rejects.toMatchObject({ code: "EEXIST", message: /linux, runs already/ });
    expect(await ask("checkInvariants", {})).toBe(0);

    // It hears the request through its xenstore, which therefore works again.
    await ask("save", { domid: second.domid, file });
    const third = await ask("restore", { file, paused: true });
    expect((await ask("list", {})).find((domain) => domain.domid === third.domid)!.state.paused).toBe(true);
    await ask("unpause", { domid: third.domid });
    await isAsItWas(third.domid);

    await ask("save", { domid: third.domid, file, resume: true });
    await isAsItWas(third.domid);
    await expect(ask("restore", { file })).rejects.toMatchObject({ code: "EEXIST" });
    await ask("destroy", { domid: third.domid });
    await expect.poll(freeFrames).toBe(settled);
  }, 600_000);

  it("is what ran on when it can't be written, and gone when it is destroyed meanwhile", async () => {
    const before = await freeFrames();
    const domid = await startShell();
    const nowhere = path.join(folder, "nowhere/linux.saved");
    await expect(ask("save", { domid, file: nowhere })).rejects.toMatchObject({
      code: "ENOENT",
      message: `${nowhere} can't be written: there is no such folder.`,
    });
    await isAsItWas(domid);
    const inPlace = path.join(folder, "folder");
    mkdirSync(inPlace);
    await expect(ask("save", { domid, file: inPlace })).rejects.toMatchObject({ code: "EISDIR" });
    await isAsItWas(domid);

    await ask("pause", { domid });
    await expect(ask("save", { domid, file })).rejects.toMatchObject({ code: "EINVAL", message: /linux is paused/ });
    await ask("unpause", { domid });
    await isAsItWas(domid);

    const other = path.join(folder, "other.saved");
    const wrote = new Promise<void>((resolve) => host.toolstack.on("saving", () => resolve()));
    const twice = Promise.allSettled([ask("save", { domid, file: other }), ask("save", { domid, file: other })]);
    await wrote;
    await ask("destroy", { domid });
    const [first, second] = await twice;
    expect(first).toMatchObject({
      status: "rejected",
      reason: { code: "ESRCH", message: "linux ended before it was saved." },
    });
    expect(second).toMatchObject({ status: "rejected", reason: { code: "EBUSY" } });
    expect(readdirSync(folder).filter((name) => name.includes("other"))).toEqual([]);
    await expect.poll(freeFrames).toBe(before);
    expect(await ask("checkInvariants", {})).toBe(0);
  }, 600_000);

  it("is not made of a guest that does not answer, which goes on", async () => {
    const { domid } = await ask("create", {
      config: 'name = "grub"\nkernel = "g"\nmemory = 128\n',
      files: { g: readFileSync(grubForXen()) },
    });
    await shows(domid, /grub> /);
    const grub = path.join(folder, "grub.saved");
    await expect(ask("save", { domid, file: grub })).rejects.toMatchObject({
      code: "ETIMEDOUT",
      message: /grub did not answer .* within 10 s, and goes on running/,
    });
    expect(existsSync(grub)).toBe(false);
    expect(await read(`/local/domain/${domid}/control/shutdown`)).toBe("");
    await type(domid, "ls\r");
    await shows(domid, /\(proc\)/);
    await ask("destroy", { domid });
  }, 120_000);

  it("is neither dom0 nor a domain that is not there", async () => {
    await expect(ask("save", { domid: 0, file })).rejects.toMatchObject({ code: "EPERM" });
    await expect(ask("save", { domid: 999, file })).rejects.toMatchObject({ code: "ESRCH" });
    const none = path.join(folder, "none.saved");
    await expect(ask("restore", { file: none })).rejects.toMatchObject({
      code: "ENOENT",
      message: `${none} can't be read: there is no such file.`,
    });
  });
});
