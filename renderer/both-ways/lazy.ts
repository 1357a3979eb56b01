import { lazy } from "react";

export const BothWaysTab = lazy(async () => ({ default: (await import("./BothWaysTab.tsx")).BothWaysTab }));
