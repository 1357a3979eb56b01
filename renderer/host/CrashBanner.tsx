import { Download, Power } from "lucide-react";
import { act } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { saveLog } from "./log/commands.ts";

/** Shown in every view while the host is crashed: what happened, what is kept, and how to go on. */
export function CrashBanner() {
  const power = useApp(({ host }) => host?.power);
  const reason = useApp(({ host }) => host?.reason);
  if (power !== "crashed") return null;
  return (
    <div className="banner crash" role="alert">
      <p>
        <strong>The host has crashed.</strong> The Xen log and the consoles of its domains are kept until it starts
        again.
      </p>
      {reason && <p className="crash-reason">{reason}</p>}
      <div className="button-row">
        <button type="button" className="primary" onClick={() => void act("hostPowerOn", {})}>
          <Power size={15} aria-hidden /> Restart the host
        </button>
        <button type="button" onClick={saveLog}>
          <Download size={15} aria-hidden /> Save the Xen log
        </button>
      </div>
    </div>
  );
}
