/** What the host fetches from the web, as it tells every window. */
import { create } from "zustand";
import type { DownloadReport } from "../../core/api/schema.ts";

export const useDownloads = create<{ downloads: readonly DownloadReport[] }>()(() => ({ downloads: [] }));

/** That of an address, however that is written; undefined where nothing of it is on its way. */
export function downloadOf(downloads: readonly DownloadReport[], address: string): DownloadReport | undefined {
  const url = URL.canParse(address) ? new URL(address.replace(/#.*/, "")).href : address;
  return downloads.find((each) => each.url === url);
}
