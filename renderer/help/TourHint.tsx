import { X } from "lucide-react";
import { useHostRuns } from "../state/live.ts";
import { dismissHint, startTour, useTour } from "./tour-state.ts";

/** At the first start: there is a tour. Gone for good when it is answered. */
export function TourHint() {
  const { offered, step } = useTour();
  const runs = useHostRuns();
  if (offered || step !== null || !runs) return null;
  return (
    <div className="tour-hint" role="group" aria-label="Hint">
      <span>New to Xen?</span>
      <button type="button" onClick={startTour}>
        Take a tour
      </button>
      <button type="button" className="icon-button" aria-label="Dismiss the hint" onClick={dismissHint}>
        <X size={13} aria-hidden />
      </button>
    </div>
  );
}
