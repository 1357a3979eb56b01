/** What can be done with the Xen log, by name. */
import type { Command } from "../../app/command.ts";
import { useLayout } from "../../state/layout.ts";
import { show, useApp } from "../../state/store.ts";
import { logText } from "../../state/xen-log.ts";
import { download } from "../../ui/download.ts";

export const SEARCH_FIELD = "xen-log-search";

export function logCommands(): Command[] {
  const { lines } = useApp.getState().xenLog;
  const group = "Host";
  const times = useLayout.getState().logTimes;
  const found: Command[] = [
    { group, id: "search-log", title: "Search the Xen log", run: focusSearch, keywords: ["find", "dmesg"] },
    {
      group,
      id: "log-times",
      title: times ? "Xen log without times" : "Xen log with times",
      run: () => useLayout.setState({ logTimes: !times }),
      keywords: ["dmesg", "console_timestamps"],
    },
  ];
  if (lines.length)
    found.push({
      group,
      id: "save-log",
      title: "Save the Xen log to a file",
      run: saveLog,
      keywords: ["dmesg", "export"],
    });
  return found;
}

/** Saves the whole log, whatever is shown. */
export function saveLog(): void {
  download("xen.log", "text/plain", logText(useApp.getState().xenLog.lines));
}

function focusSearch(): void {
  show({ page: "host", tab: "overview" });
  // The field exists once the view is shown.
  requestAnimationFrame(() => document.getElementById(SEARCH_FIELD)?.focus());
}
