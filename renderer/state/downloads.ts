/** What the host fetches from the web, as it tells every window. */
import { create } from "zustand";
import type { DownloadReport } from "../../core/api/schema.ts";

export const useDownloads = create<{ downloads: readonly DownloadReport[] }>()(() => ({ downloads: [] }));

/** Returns the download of an address, however the address is written; undefined if there is none. */
export function downloadOf(downloads: readonly DownloadReport[], address: string): DownloadReport | undefined {
  const url = URL.canParse(address) ? new URL(address.replace(/#.*/, "")).href : address;
  return downloads.find((each) => each.url === url);
}
