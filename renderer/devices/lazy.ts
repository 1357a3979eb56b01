import { lazy } from "react";

/** With its graph library only when it is first looked at. */
export const DevicesTab = lazy(async () => ({ default: (await import("./DevicesTab.tsx")).DevicesTab }));
export const EndedDevices = lazy(async () => ({ default: (await import("./EndedDevices.tsx")).EndedDevices }));
