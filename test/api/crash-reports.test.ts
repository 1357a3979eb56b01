/** What is taken down of a crash: the kernel's last words, its registers and call trace, what Xen printed of the domain. */
import { describe, expect, it } from "vitest";
import { crashReportOf } from "../../core/api/crash-reports.ts";
import type { XenLogLine } from "../../core/api/schema.ts";

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
