import { lazy } from "react";

/** Loaded when it is first shown. */
export const ImagesTab = lazy(async () => ({ default: (await import("./ImagesTab.tsx")).ImagesTab }));
