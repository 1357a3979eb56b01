import { Suspense } from "react";
import { BothWaysTab } from "../both-ways/lazy.ts";
import { useBothWays } from "../both-ways/run.ts";
import { DevicesTab } from "../devices/lazy.ts";
import { HOST_TABS, show, useApp } from "../state/store.ts";
import { ImagesTab } from "../images/lazy.ts";
import { NetworksTab } from "../networks/NetworksTab.tsx";
import { StoreTab } from "../xenstore/StoreTab.tsx";
import { Tabs } from "../ui/Tabs.tsx";
import { BootTab } from "./boot/BootTab.tsx";
import { DomainsTab } from "./DomainsTab.tsx";
import { HostPage } from "./HostPage.tsx";
import { MemoryMapTab } from "./memory-map/MemoryMapTab.tsx";

/** The tabs of the host. */
export function HostTabs() {
  const tab = useApp(({ view }) => (view.page === "host" && view.tab) || "overview");
  const cycle = useApp((state) => state.host?.cycle ?? null);
  const isCompared = useBothWays(({ pair }) => pair !== null && pair.cycle === cycle);
  return (
    <div className="host-view">
      <Tabs
        label="Views of the host"
        // Two boots are seldom compared; without them the tab is there only for who comes by a menu.
        tabs={HOST_TABS.filter(([id]) => id !== "both-ways" || isCompared || tab === id)}
        selected={tab}
        onSelect={(next) => show({ page: "host", tab: next })}
      />
      <div className="tab-panel" id="tab-panel" role="tabpanel" aria-labelledby={`tab-${tab}`}>
        {tab !== "overview" && (
          <h1 className="visually-hidden">Host, {HOST_TABS.find(([id]) => id === tab)![1].toLowerCase()}</h1>
        )}
        {tab === "overview" && <HostPage />}
        {tab === "domains" && (
          <div className="page page-fill">
            <DomainsTab />
          </div>
        )}
        {tab === "boot" && (
          <div className="page">
            <BootTab />
          </div>
        )}
        {tab === "memory" && (
          <div className="page page-fill">
            <MemoryMapTab />
          </div>
        )}
        {tab === "devices" && (
          <div className="page page-fill">
            <Suspense>
              <DevicesTab domid={0} />
            </Suspense>
          </div>
        )}
        {tab === "networks" && (
          <div className="page">
            <NetworksTab />
          </div>
        )}
        {tab === "images" && (
          <div className="page">
            <Suspense>
              <ImagesTab />
            </Suspense>
          </div>
        )}
        {tab === "both-ways" && (
          <div className="page">
            <Suspense>
              <BothWaysTab />
            </Suspense>
          </div>
        )}
        {tab === "xenstore" && (
          <div className="page page-fill">
            <StoreTab root="/" domid={null} />
          </div>
        )}
      </div>
    </div>
  );
}
