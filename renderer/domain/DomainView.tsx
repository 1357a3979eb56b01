import { Suspense, type ReactNode } from "react";
import type { DomainInfo, KeptDomain } from "../../core/api/schema.ts";
import { ConsoleTab } from "../console/ConsoleTab.tsx";
import { DevicesTab, EndedDevices } from "../devices/lazy.ts";
import { DisplayTab } from "../display/lazy.ts";
import { CrashCard, InspectTab } from "../inspect/lazy.ts";
import { SnapshotsTab } from "../snapshots/lazy.ts";
import type { DomainTab } from "../state/store.ts";
import { StoreTab } from "../xenstore/StoreTab.tsx";
import { EndedOverview, Overview } from "./Overview.tsx";

/** What is shown of a domain: of one that has ended, what is left of it. */
interface Shown {
  domid: number;
  name: string | undefined;
  domain: DomainInfo | undefined;
  kept: KeptDomain | null;
  hasCrashed: boolean;
}

/** One of a domain's views. Those that are loaded when they are first looked at are empty until then. */
export function DomainView({ tab, ...shown }: Shown & { tab: DomainTab }) {
  return <Suspense>{VIEWS[tab](shown)}</Suspense>;
}

const VIEWS: Record<DomainTab, (shown: Shown) => ReactNode> = {
  overview: ({ domid, domain }) => (domain ? <Overview domain={domain} /> : <EndedOverview domid={domid} />),
  console: ({ domid, name }) => <ConsoleTab domid={domid} name={name ?? String(domid)} />,
  display: ({ domid }) => <DisplayTab key={domid} domid={domid} />,
  devices: ({ domid, domain }) =>
    domain ? <DevicesTab key={domid} domid={domid} /> : <EndedDevices key={domid} domid={domid} />,
  snapshots: ({ domain, kept }) => {
    const of = domain ?? kept;
    if (!of) return <p className="page-empty">This domain is kept no more, and its snapshots went with it.</p>;
    return <SnapshotsTab key={of.uuid} uuid={of.uuid} name={of.name} isRunning={domain !== undefined} />;
  },
  inspect: ({ domid, domain, hasCrashed }) =>
    domain ? <InspectTab domid={domid} /> : <CrashCard domid={domid} crashed={hasCrashed} />,
  xenstore: ({ domid }) => <StoreTab root={`/local/domain/${domid}`} domid={domid} />,
};
