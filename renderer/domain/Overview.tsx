import type { DomainInfo, KeptDomain } from "../../core/api/schema.ts";
import { useLayout } from "../state/layout.ts";
import { history } from "../state/session.ts";
import { useStops } from "../state/stops.ts";
import { useApp } from "../state/store.ts";
import { RangeChoice } from "../ui/RangeChoice.tsx";
import { Config, EndFacts, StateFacts } from "./DomainFacts.tsx";
import { EndGlance, Glance } from "./Glance.tsx";
import { DomainLongGraphs, LiveGraphs } from "./DomainGraphs.tsx";
import { EditLive } from "./EditLive.tsx";
import { KeptFacts } from "./KeptFacts.tsx";
import { VcpuTable } from "./VcpuTable.tsx";

/** Shows the state, figures and configuration of a domain. */
export function Overview({ domain }: { domain: DomainInfo }) {
  const kept = useKept(domain.uuid);
  return (
    <div className="overview">
      <Glance domain={domain} />
      <Graphs {...domain} />
      <div className="columns-flow">
        <StateFacts domain={domain} />
        <VcpuTable key={domain.domid} domid={domain.domid} name={domain.name} />
        {kept && <KeptFacts kept={kept} />}
        {domain.config && <EditLive key={`settings ${domain.domid}`} domain={domain} />}
        {domain.config && <Config config={domain.config} />}
      </div>
    </div>
  );
}

/** The same for a domain that is gone: why it stopped, what it was, and its figures up to then. */
export function EndedOverview({ domid }: { domid: number }) {
  const departed = useApp((state) => state.departed.get(domid));
  const stop = useStops(({ stops }) => stops.findLast((each) => each.domid === domid) ?? null);
  const last = departed?.last ?? stop?.last ?? null;
  const uuid = stop?.uuid ?? last?.uuid;
  const kept = useKept(uuid);
  if (uuid === undefined && !stop) return <p className="page-empty">Nothing is known of this domain any more.</p>;
  return (
    <div className="overview">
      <EndGlance domid={domid} last={last} stop={stop} kept={kept} />
      {uuid !== undefined && <Graphs domid={domid} uuid={uuid} name={departed?.name ?? stop?.name ?? String(domid)} />}
      <div className="columns-flow">
        {kept && <KeptFacts kept={kept} />}
        <EndFacts domid={domid} last={last} />
        {last?.config && <Config config={last.config} />}
      </div>
    </div>
  );
}

function useKept(uuid: string | undefined): KeptDomain | null {
  return useApp(({ kept }) => kept.find((each) => each.uuid === uuid) ?? null);
}

function Graphs({ domid, uuid, name }: Pick<DomainInfo, "domid" | "uuid" | "name">) {
  const range = useLayout((state) => state.graphRange);
  const isThere = useApp((state) => state.domains.some((domain) => domain.domid === domid));
  const isMeasured = isThere || history.domains.get(domid)?.uuid === uuid;
  return (
    <>
      <div className="graphs-tools">
        <RangeChoice />
      </div>
      {range !== "10min" ? (
        <DomainLongGraphs uuid={uuid} name={name} range={range} />
      ) : isMeasured ? (
        <LiveGraphs domid={domid} uuid={uuid} name={name} />
      ) : (
        <p className="page-empty">Nothing was measured in the last ten minutes; the last hour or day may have more.</p>
      )}
    </>
  );
}
