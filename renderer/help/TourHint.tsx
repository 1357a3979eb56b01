import { X } from "lucide-react";
import { useHostRuns } from "../state/live.ts";
import { useApp } from "../state/store.ts";
import { dismissHint, startTour, useTour } from "./tour-state.ts";

/** Says that there is a tour, where the hint of the first start does not. It never comes back once it has been answered. */
export function TourHint() {
  const { offered, step } = useTour();
  const runs = useHostRuns();
  const first = useApp((state) => state.firstHint);
  if (offered || first || step !== null || !runs) return null;
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
