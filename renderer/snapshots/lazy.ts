import { lazy } from "react";

/** When it is first looked at. */
export const SnapshotsTab = lazy(async () => ({ default: (await import("./SnapshotsTab.tsx")).SnapshotsTab }));
