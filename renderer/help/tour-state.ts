/** Whether the tour runs, at which step, and whether it was offered before. */
import { create } from "zustand";

const KEY = "xenarium.tour";

interface TourState {
  /** The number of the step, or null while the tour does not run. */
  step: number | null;
  /** Whether the hint at the first start was answered, or the tour begun without it. */
  offered: boolean;
}

export const useTour = create<TourState>()(() => ({ step: null, offered: localStorage.getItem(KEY) !== null }));

/** The hint is never shown again, at any start. */
export function dismissHint(): void {
  localStorage.setItem(KEY, "offered");
  useTour.setState({ offered: true });
}
export function startTour(): void {
  dismissHint();
  useTour.setState({ step: 0 });
}
export function endTour(): void {
  useTour.setState({ step: null });
}
