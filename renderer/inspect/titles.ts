/** What there is to inspect, in order. The desktop's menus list it too, so this file must use nothing of the browser's. */
export const INSPECT_TITLES = [
  ["registers", "vCPU registers"],
  ["page-tables", "Page tables"],
  ["memory", "Memory"],
  ["events", "Event channels"],
  ["grants", "Grant table"],
  ["hypercalls", "Hypercalls"],
] as const;
export type InspectId = (typeof INSPECT_TITLES)[number][0];
