import { lazy } from "react";

export const DisplayTab = lazy(async () => ({ default: (await import("./DisplayTab.tsx")).DisplayTab }));
