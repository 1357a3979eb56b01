/** The tabs of the host and of a domain, in order. The desktop's menus list them too, so this file must use nothing of the browser's. */
export const HOST_TABS = [
  ["overview", "Overview"],
  ["domains", "Domains"],
  ["boot", "Boot"],
  ["memory", "Memory"],
  ["devices", "Devices"],
  ["networks", "Networks"],
  ["images", "Images"],
  ["both-ways", "Both ways"],
  ["xenstore", "Xenstore"],
] as const;
export type HostTab = (typeof HOST_TABS)[number][0];
export const DOMAIN_TABS = [
  ["overview", "Overview"],
  ["console", "Console"],
  ["display", "Display"],
  ["devices", "Devices"],
  ["snapshots", "Snapshots"],
  ["xenstore", "Xenstore"],
  ["inspect", "Inspect"],
] as const;
/** Domain-0 is a thread of the host's. It has no PV console and no screen, and it is not kept. */
export const DOM0_TABS = DOMAIN_TABS.filter(([id]) => id !== "console" && id !== "display" && id !== "snapshots");
export type DomainTab = (typeof DOMAIN_TABS)[number][0];
