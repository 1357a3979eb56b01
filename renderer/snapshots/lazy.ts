import { lazy } from "react";

/** Loaded when it is first shown. */
export const SnapshotsTab = lazy(async () => ({ default: (await import("./SnapshotsTab.tsx")).SnapshotsTab }));
