import { Pin } from "lucide-react";
import { Suspense, useEffect } from "react";
import "../styles/inspect.css";
import { useHostRuns } from "../state/live.ts";
import { useApp } from "../state/store.ts";
import { Tabs } from "../ui/Tabs.tsx";
import { SECTIONS } from "./sections.ts";
import { lookInto, useInspect } from "./state.ts";
import { useIsPvh } from "./useIsPvh.ts";

/** Shows the inside of a domain, live. It is asked for while it is shown. */
export function InspectTab({ domid }: { domid: number }) {
  const runs = useHostRuns();
  const vcpus = useApp((state) => state.domains.find((each) => each.domid === domid)?.vcpus ?? 1);
  const isPvh = useIsPvh(domid);
  const { section, vcpu, held } = useInspect();
  useEffect(() => lookInto(domid), [domid]);
  if (!runs) return <p className="page-empty">There is nothing to inspect while the host does not run.</p>;
  const sections = SECTIONS.filter(({ ofVcpus }) => domid !== 0 || !ofVcpus);
  const { id, View, ofVcpus, isState } = sections.find((each) => each.id === section) ?? sections[0]!;
  return (
    <div className="inspect">
      <div className="inspect-tools">
        <Tabs
          label="What is inspected"
          tabs={sections.map((each) => [each.id, isPvh ? each.pvhTitle : each.title] as const)}
          selected={id}
          onSelect={(next) => useInspect.setState({ section: next })}
          panel="inspect-panel"
        />
        <span className="spacer" />
        {ofVcpus && (
          <label className="inspect-vcpu">
            vCPU
            <select value={vcpu} onChange={({ target }) => useInspect.setState({ vcpu: Number(target.value) })}>
              {Array.from({ length: vcpus }, (_, n) => (
                <option key={n} value={n}>
                  {n}
                </option>
              ))}
            </select>
          </label>
        )}
        {isState && (
          <button
            type="button"
            aria-pressed={held}
            title="Keeps what is shown as it is; the domain runs on"
            onClick={() => useInspect.setState({ held: !held })}
          >
            <Pin size={14} aria-hidden /> Hold
          </button>
        )}
      </div>
      <div className="inspect-panel" id="inspect-panel" role="tabpanel" aria-labelledby={`tab-${id}`}>
        <Suspense>
          <View key={domid} domid={domid} />
        </Suspense>
      </div>
    </div>
  );
}
