import { lazy } from "react";

/** Loaded, together with its sections, when it is first shown. */
export const InspectTab = lazy(async () => ({ default: (await import("./InspectTab.tsx")).InspectTab }));
export const CrashCard = lazy(async () => ({ default: (await import("./CrashCard.tsx")).CrashCard }));
