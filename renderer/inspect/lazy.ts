import { lazy } from "react";

/** With its sections only when it is first looked at. */
export const InspectTab = lazy(async () => ({ default: (await import("./InspectTab.tsx")).InspectTab }));
export const CrashCard = lazy(async () => ({ default: (await import("./CrashCard.tsx")).CrashCard }));
