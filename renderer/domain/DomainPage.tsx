import { Suspense } from "react";
import { useShallow } from "zustand/react/shallow";
import type { KeptDomain } from "../../core/api/schema.ts";
import { SnapshotsTab } from "../snapshots/lazy.ts";
import { DOM0_TABS, DOMAIN_TABS, endedDomains, show, useApp, type DomainTab } from "../state/store.ts";
import { Tabs } from "../ui/Tabs.tsx";
import { DomainHead } from "./DomainHead.tsx";
import { DomainView } from "./DomainView.tsx";
import { EndedBanner } from "./EndedBanner.tsx";
import { IgnoredNotice } from "./IgnoredNotice.tsx";
import { KeptFacts } from "./KeptFacts.tsx";

/** A domain, whether it runs, has ended, or is only kept: then its domid is below 0. */
export function DomainPage({ domid, tab }: { domid: number; tab: DomainTab }) {
  const domain = useApp((state) => state.domains.find((each) => each.domid === domid));
  const departed = useApp((state) => state.departed.get(domid));
  const ended = useApp(useShallow((all) => (domain ? null : endedDomains(all).find((each) => each.domid === domid))));
  const kept = ended?.kept ?? null;
  const name = domain?.name ?? kept?.name ?? departed?.name;
  if (domid < 0 && !kept) return <p className="page-empty">This domain is kept no more.</p>;
  return (
    <div className="page page-domain">
      <DomainHead domid={domid} name={name} domain={domain} ended={ended} />
      {domain ? <IgnoredNotice domain={domain} /> : <EndedBanner domid={domid} departed={departed} kept={kept} />}
      {domid < 0 ? (
        kept && <KeptView kept={kept} />
      ) : (
        <>
          <Tabs
            label="Views of the domain"
            tabs={domid === 0 ? DOM0_TABS : DOMAIN_TABS}
            selected={tab}
            onSelect={(next) => show({ page: "domain", domid, tab: next })}
          />
          <div className="tab-panel" id="tab-panel" role="tabpanel" aria-labelledby={`tab-${tab}`}>
            <DomainView
              tab={tab}
              domid={domid}
              name={name}
              domain={domain}
              kept={kept}
              hasCrashed={departed?.reason === "crash"}
            />
          </div>
        </>
      )}
    </div>
  );
}

/** Of a domain that has no domid: it was not started since the host came up. */
function KeptView({ kept }: { kept: KeptDomain }) {
  return (
    <div className="tab-panel">
      <div className="columns-flow">
        <KeptFacts kept={kept} />
      </div>
      {!kept.template && (
        <Suspense>
          <SnapshotsTab key={kept.uuid} uuid={kept.uuid} name={kept.name} isRunning={false} />
        </Suspense>
      )}
    </div>
  );
}
