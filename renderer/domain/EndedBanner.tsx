import type { KeptDomain } from "../../core/api/schema.ts";
import { useCrashReport } from "../inspect/crash-report.ts";
import { useApp, type Departed } from "../state/store.ts";

const ENDINGS: Record<string, string> = {
  poweroff: "It powered off.",
  reboot: "It rebooted, as another domain.",
  crash: "It crashed.",
  watchdog: "Its watchdog was not fed.",
  suspend: "It was saved, and is not any more.",
  destroyed: "It was destroyed.",
  host: "It ended with the host, which crashed.",
};

/** A line that a kernel printed may end with any character. */
function asSentence(line: string): string {
  return /[.!?]$/.test(line) ? line : `${line}.`;
}

function stateSentence(kept: KeptDomain | null): string {
  if (kept?.saved) return "This domain is saved: it goes on where it was when it is restored.";
  if (kept?.template) return "This is a template: it is not started, other domains are made as copies of it.";
  return kept ? "This domain does not run." : "This domain is gone.";
}

/** How a domain is that does not run, and how it ended. */
export function EndedBanner({
  domid,
  departed,
  kept,
}: {
  domid: number;
  departed: Departed | undefined;
  kept: KeptDomain | null;
}) {
  const hasCrashed = departed?.reason === "crash";
  // Xen prints these lines when it ends a domain. A guest that reports its own crash leaves no more than its console.
  const logTells = useApp(
    ({ xenLog }) =>
      hasCrashed &&
      xenLog.lines.some(({ origin, text }) => origin === "xen" && text.includes(`Domain ${domid} (vcpu#`)),
  );
  const crash = useCrashReport(domid, hasCrashed);
  return (
    <div className="banner banner-quiet" role="status">
      {stateSentence(kept)}{" "}
      {!kept?.saved && (crash?.line ? `It crashed: ${asSentence(crash.line)}` : ENDINGS[departed?.reason ?? ""])}
      {logTells && " The Xen log shows its registers and stack."} {departed && "Its console is kept."}
    </div>
  );
}
