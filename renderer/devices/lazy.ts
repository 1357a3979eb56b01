import { lazy } from "react";

/** Loaded, together with its graph library, when it is first shown. */
export const DevicesTab = lazy(async () => ({ default: (await import("./DevicesTab.tsx")).DevicesTab }));
export const EndedDevices = lazy(async () => ({ default: (await import("./EndedDevices.tsx")).EndedDevices }));
