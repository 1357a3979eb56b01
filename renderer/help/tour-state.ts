/** Whether the tour runs, at which step, and whether it has been offered. */
import { create } from "zustand";

const KEY = "xenarium.tour";

interface TourState {
  /** Number of the step; null: it does not run. */
  step: number | null;
  /** The hint at the first start was answered, or the tour begun without it. */
  offered: boolean;
}

export const useTour = create<TourState>()(() => ({ step: null, offered: localStorage.getItem(KEY) !== null }));

/** The hint is not shown again, at no start. */
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
