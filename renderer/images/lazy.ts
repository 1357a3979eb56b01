import { lazy } from "react";

/** When it is first looked at. */
export const ImagesTab = lazy(async () => ({ default: (await import("./ImagesTab.tsx")).ImagesTab }));
