/** What a guest writes to Xen's log is recognised as its own, whatever it looks like, and no more of it appears than the thresholds allow. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { XenLogLine } from "../../../core/api/schema.ts";
import { DEFAULT_CMDLINE } from "../../../core/toolstack/boot-config.ts";
import { builtHost } from "../../built-host.ts";
import { buildForger, forgerMissing } from "./forger.ts";

const missing = forgerMissing();

/** Returns the log of a host on which the forger ran to its end, and what `xl dmesg` says of it. */
async function logWith(cmdline: string): Promise<{ lines: readonly XenLogLine[]; dmesg: string; domid: number }> {
  const image = readFileSync(buildForger());
  const host = builtHost({
    boot: { entries: [{ title: "Test", cmdline }], defaultEntry: 0, autostart: [] },
  });
  try {
    await host.powerOn();
    const stopped = new Promise<void>((resolve) => host.once("stopped", () => resolve()));
    const { domid } = await host.toolstack.request("create", {
      config: 'name = "forger"\nkernel = "forger.elf"\nmemory = 16\non_poweroff = "destroy"\n',
      files: { "forger.elf": image },
    });
    await stopped;
    const dmesg = await host.toolstack.request("dmesg", {});
    // When this has arrived, so has everything that was printed before.
    await expect.poll(() => host.log.lines.length, { timeout: 30_000 }).toBe(dmesg.trimEnd().split("\n").length);
    return { lines: host.log.lines, dmesg, domid };
  } finally {
    await host.powerOff(0);
  }
}

describe.skipIf(missing !== null)(`a guest's words in the log${missing ? ` (${missing})` : ""}`, () => {
  it("are told from Xen's, whatever they look like", async () => {
    const { lines, dmesg, domid } = await logWith("dom0_mem=64M loglvl=all guest_loglvl=all conring_size=1M");
    // The same text as before, without a trace of levels.
    expect(lines.map(({ text }) => `${text}\n`).join("")).toBe(dmesg);
    const prefix = `(d${domid}) `;
    const said = lines.filter(({ text }) => text.startsWith(prefix));
    expect(said.slice(0, 8).map(({ text }) => text.slice(prefix.length))).toEqual([
      "(XEN) Panic on CPU 0:",
      "<0>I am an error",
      "<G><0>(XEN) and so am I",
      "[2K(XEN) over the line",
      "one",
      "(XEN) two",
      "(d0) three",
      "",
    ]);
    expect(said.filter(({ text }) => text === `${prefix}flood`)).toHaveLength(300);
    expect(said.at(-1)!.text).toBe(`${prefix}the end`);
    const long = said.filter(({ text }) => /l{20}$/.test(text)).map(({ text }) => text.length - prefix.length);
    expect(long.reduce((sum, length) => sum + length, 0)).toBe(1000);
    // All of its output is marked as its own, and nothing else is.
    expect(said.every(({ level, origin }) => level === "debug" && origin === "domain")).toBe(true);
    expect(lines.filter(({ origin }) => origin === "domain")).toHaveLength(said.length);
    expect(lines.filter(({ origin }) => origin === "guest")).toEqual([
      {
        text: `(XEN) d${domid} domain-initiated shutdown`,
        level: "info",
        origin: "guest",
        time: expect.any(Number) as number,
      },
    ]);
    // Xen prints the rest of this without a level.
    expect(lines.filter(({ origin }) => origin === "xen").every(({ level }) => level === null)).toBe(true);
    const times = lines.map(({ time }) => time);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  }, 60_000);

  it("do not flood it, as Xenarium boots Xen unless told otherwise", async () => {
    const { lines } = await logWith(DEFAULT_CMDLINE);
    const its = lines.filter(({ origin }) => origin !== "xen");
    expect(its.length).toBeGreaterThanOrEqual(10);
    // Ten at once, and one more in five seconds.
    const seconds = (its.at(-1)!.time - its[0]!.time) / 1e9;
    expect(its.length).toBeLessThanOrEqual(11 + seconds / 5);
  }, 60_000);

  it("are not printed with Xen's own thresholds", async () => {
    const { lines } = await logWith("dom0_mem=64M");
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.every(({ origin }) => origin === "xen")).toBe(true);
    expect(lines.some(({ text }) => text === "(XEN) Std. Loglevel: Errors and warnings")).toBe(true);
    expect(lines.some(({ text }) => text === "(XEN) Guest Loglevel: Nothing (Rate-limited: Errors and warnings)")).toBe(
      true,
    );
  }, 60_000);
});
