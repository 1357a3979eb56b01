/** Carries out requests about the host itself. */
import type { PowerOnOptions } from "../host-options.ts";
import type { HOST_REQUESTS } from "../requests/host.ts";
import type { HandlersOf } from "../requests/request.ts";
import type { Checked } from "../requests/table.ts";
import { passTo, type SessionContext } from "./context.ts";

export function hostHandlers(session: SessionContext): HandlersOf<typeof HOST_REQUESTS> {
  const { host } = session;
  const pass = passTo(host);
  let log = false;
  session.listen("xenLog", (data) => {
    if (log) session.send("xenLog", data);
  });
  return {
    hostState: () => host.state,
    hostPowerOn: (options) => host.powerOn(given(options)),
    hostPowerOff: async ({ graceMilliseconds }) => {
      await host.powerOff(graceMilliseconds);
      return null;
    },
    hostReboot: ({ graceMilliseconds }) => host.reboot(graceMilliseconds),
    hostInfo: pass("hostInfo"),
    dmesg: pass("dmesg"),
    checkInvariants: pass("checkInvariants"),
    debugKeys: pass("debugKeys"),
    schedulerParameters: pass("schedulerParameters"),
    setBootEntry: ({ entry, title, cmdline }) => host.setBootEntry(entry, title, cmdline),
    removeBootEntry: ({ entry }) => host.removeBootEntry(entry),
    setHostSize: (size) => host.setSize(size),
    bootReport: () => host.bootReport(),
    frameMap: pass("frameMap"),
    switches: pass("switches"),
    xenLogAttach: () => {
      const begun = host.attachLog();
      log = true;
      return begun;
    },
    xenLogDetach: () => {
      log = false;
      return null;
    },
  };
}

/** Leaves out keys whose value is undefined. */
function given({ memoryMiB, pcpus, bootEntry }: Checked<"hostPowerOn">): PowerOnOptions {
  return {
    ...(memoryMiB !== undefined && { memoryMiB }),
    ...(pcpus !== undefined && { pcpus }),
    ...(bootEntry !== undefined && { bootEntry }),
  };
}
