/** What is recorded of a crash: the kernel's last words, its registers and call trace, and what Xen printed about the domain. */
import { describe, expect, it, vi } from "vitest";
import { crashReportOf } from "../../core/api/crash-reports.ts";
import type { XenLogLine } from "../../core/api/schema.ts";
import { Crashes } from "../../core/toolstack/inspect/crashes.ts";
import type { RegistersReport } from "../../core/toolstack/inspect/report.ts";

const PANIC = [
  "[    1.0] booting",
  "\x1b[31m[    2.0] BUG: kernel NULL pointer dereference, address: 0000000000000000\x1b[0m",
  "[    2.1] RIP: e030:sysrq_handle_crash+0x12/0x20",
  "[    2.2] Call Trace:",
  "[    2.3]  __handle_sysrq.cold+0x7f/0x11e",
  "[    2.4] Kernel panic - not syncing: Fatal exception",
  "",
].join("\r\n");
const xen = (text: string, time = 1e9, origin: XenLogLine["origin"] = "xen"): XenLogLine => ({
  text,
  time,
  origin,
  level: null,
});

describe("a crash report", () => {
  it("has the panic line, registers and call trace of the console, without colours", () => {
    const { line, console } = crashReportOf(3, PANIC, [], 0);
    expect(line).toBe("Kernel panic - not syncing: Fatal exception");
    expect(console[0]).toBe("[    2.0] BUG: kernel NULL pointer dereference, address: 0000000000000000");
    expect(console).toContain("[    2.1] RIP: e030:sysrq_handle_crash+0x12/0x20");
    expect(console).not.toContain("[    1.0] booting");
  });

  it("has what Xen printed of that domain and of no other, and not what a domain forged", () => {
    const log = [
      xen("(XEN) Domain 13 (vcpu#0) crashed on cpu#0:"),
      xen("(XEN) Domain 3 (vcpu#1) crashed on cpu#0:", 5e9, "domain"),
      xen("(XEN) Domain 3 (vcpu#0) crashed on cpu#1:", 9e9),
      xen("(XEN) RIP:    e033:[<ffffffff81000000>]", 9e9),
      xen("(XEN) Guest stack trace from rsp=ffffffff82003f00:", 9e9),
    ];
    const report = crashReportOf(3, "", log, 0);
    expect(report.xen).toEqual(log.slice(2).map(({ text }) => text));
    expect(report.line).toBe("Domain 3 (vcpu#0) crashed on cpu#1:");
    expect(crashReportOf(4, "", log, 0)).toMatchObject({ line: null, xen: [] });
  });

  it("is bounded, whatever a guest prints", () => {
    const flood = `${"x".repeat(100_000)}\n`.repeat(20) + "BUG: \n" + "y\n".repeat(100_000);
    const { console } = crashReportOf(1, flood, [], 0);
    expect(console.length).toBeLessThanOrEqual(60);
    expect(Math.max(...console.map(({ length }) => length))).toBeLessThanOrEqual(300);
  });
});

describe("what its vCPUs were doing", () => {
  const registers = (args: { domid: number; vcpu: number }): Promise<RegistersReport> =>
    Promise.resolve(args as unknown as RegistersReport);

  it("is read when the names are known, of eight vCPUs at most, and kept", async () => {
    const order: string[] = [];
    const crashes = new Crashes({
      inspection: { registers: (args) => (order.push(`vCPU ${args.vcpu}`), registers(args)) },
      symbols: { whenRead: () => Promise.resolve(void order.push("names")) },
      lastVcpu: () => 31,
    });
    expect(await crashes.of(3)).toEqual([]);
    await crashes.take(3);
    expect(order.slice(0, 2)).toEqual(["names", "vCPU 0"]);
    expect((await crashes.of(3)).map(({ vcpu }) => vcpu)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("holds the domain for a while where the names never come, and is read without them before it goes", async () => {
    vi.useFakeTimers();
    try {
      const crashes = new Crashes({
        inspection: { registers: (args) => (expect(held).toBe(true), registers(args)) },
        symbols: { whenRead: () => new Promise(() => {}) },
        lastVcpu: () => 0,
      });
      let held = true;
      const taken = crashes.take(3).then(() => (held = false));
      await vi.advanceTimersByTimeAsync(1999);
      expect(held).toBe(true);
      await vi.advanceTimersByTimeAsync(1);
      await taken;
      expect(await crashes.of(3)).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it("holds it for three seconds at most, whatever reading it takes", async () => {
    vi.useFakeTimers();
    try {
      const crashes = new Crashes({
        inspection: { registers: () => new Promise(() => {}) },
        symbols: { whenRead: () => Promise.resolve() },
        lastVcpu: () => 0,
      });
      let held = true;
      const taken = crashes.take(3).then(() => (held = false));
      await vi.advanceTimersByTimeAsync(2999);
      expect(held).toBe(true);
      await vi.advanceTimersByTimeAsync(1);
      await taken;
    } finally {
      vi.useRealTimers();
    }
  });

  it("leaves out a vCPU that has no registers, and is of the latest 64 domains", async () => {
    const crashes = new Crashes({
      inspection: {
        registers: (args) => (args.vcpu === 1 ? Promise.reject(new Error("never brought up")) : registers(args)),
      },
      symbols: { whenRead: () => Promise.resolve() },
      lastVcpu: (domid) => (domid === 7 ? null : 2),
    });
    for (let domid = 1; domid <= 66; domid++) await crashes.take(domid);
    expect((await crashes.of(66)).map(({ vcpu }) => vcpu)).toEqual([0, 2]);
    expect(await crashes.of(7)).toEqual([]);
    expect(await crashes.of(2)).toEqual([]);
  });
});
