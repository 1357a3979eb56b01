import { Tag } from "lucide-react";
import { Suspense } from "react";
import { useShallow } from "zustand/react/shallow";
import { ConsoleTab } from "../console/ConsoleTab.tsx";
import { DevicesTab, EndedDevices } from "../devices/lazy.ts";
import { DisplayTab } from "../display/lazy.ts";
import { useCrashReport } from "../inspect/crash-report.ts";
import { CrashCard, InspectTab } from "../inspect/lazy.ts";
import { SnapshotsTab } from "../snapshots/lazy.ts";
import { act } from "../state/session.ts";
import { organize } from "../organize/groups.ts";
import { Tags } from "../organize/Tags.tsx";
import { DOM0_TABS, DOMAIN_TABS, endedDomains, show, useApp, type DomainTab } from "../state/store.ts";
import { Tabs } from "../ui/Tabs.tsx";
import { StoreTab } from "../xenstore/StoreTab.tsx";
import { EndedOverview, Overview } from "./Overview.tsx";
import { EndedButtons } from "./EndedButtons.tsx";
import { IgnoredNotice } from "./IgnoredNotice.tsx";
import { KeptFacts } from "./KeptFacts.tsx";
import { PowerButtons } from "./PowerButtons.tsx";
import { DomainName } from "./DomainName.tsx";
import { endOf, stateOf, STATE_WORDS } from "./state-words.ts";
import { Term } from "../glossary/Term.tsx";

const ENDINGS: Record<string, string> = {
  poweroff: "It powered off.",
  reboot: "It rebooted, as another domain.",
  crash: "It crashed.",
  watchdog: "Its watchdog was not fed.",
  suspend: "It was saved, and is not any more.",
  destroyed: "It was destroyed.",
  host: "It ended with the host, which crashed.",
};

/** A line that a kernel printed may end with any character. */
function asSentence(line: string): string {
  return /[.!?]$/.test(line) ? line : `${line}.`;
}

export function DomainPage({ domid, tab }: { domid: number; tab: DomainTab }) {
  const domain = useApp((state) => state.domains.find((each) => each.domid === domid));
  const departed = useApp((state) => state.departed.get(domid));
  const ended = useApp(useShallow((all) => (domain ? null : endedDomains(all).find((each) => each.domid === domid))));
  const kept = ended?.kept ?? null;
  const name = domain?.name ?? kept?.name ?? departed?.name;
  // Xen prints these lines when it ends a domain. A guest that reports its own crash leaves no more than its console.
  const logTells = useApp(
    ({ xenLog }) =>
      departed?.reason === "crash" &&
      xenLog.lines.some(({ origin, text }) => origin === "xen" && text.includes(`Domain ${domid} (vcpu#`)),
  );
  const crash = useCrashReport(domid, !domain && departed?.reason === "crash");
  const state = domain ? stateOf(domain) : kept ? endOf(ended!) : null;
  if (domid < 0 && !kept) return <p className="page-empty">This domain is kept no more.</p>;
  return (
    <div className="page page-domain">
      <header className="page-header">
        {domain && domid !== 0 ? (
          <DomainName key={domid} name={domain.name} rename={(to) => act("rename", { domid, name: to })} />
        ) : kept ? (
          <DomainName
            key={kept.uuid}
            name={kept.name}
            rename={(to) => act("keptRename", { uuid: kept.uuid, name: to })}
          />
        ) : (
          <h1>
            <span className="page-name" title={name}>
              {name ?? `Domain ${domid}`}
            </span>
          </h1>
        )}
        {state && (
          <span className={`badge state-${state}`}>
            <Term of={state}>{STATE_WORDS[state]}</Term>
          </span>
        )}
        {domid >= 0 && (
          <span className="page-sub">
            {!domain && "last "}
            <Term of="domid">domid</Term> {domid}
          </span>
        )}
        {name !== undefined && domid !== 0 && (
          <>
            <Tags name={name} most={4} />
            <button
              type="button"
              className="icon-button"
              title="Folder and tags"
              aria-label="Folder and tags"
              onClick={() => organize([name])}
            >
              <Tag size={14} aria-hidden />
            </button>
          </>
        )}
        <span className="spacer" />
        {domain && domid !== 0 && <PowerButtons domain={domain} />}
        {ended && <EndedButtons ended={ended} />}
      </header>
      {domain && <IgnoredNotice domain={domain} />}
      {!domain && (
        <div className="banner banner-quiet" role="status">
          {kept?.saved
            ? "This domain is saved: it goes on where it was when it is restored."
            : kept?.template
              ? "This is a template: it is not started, other domains are made as copies of it."
              : kept
                ? "This domain does not run."
                : "This domain is gone."}{" "}
          {!kept?.saved && (crash?.line ? `It crashed: ${asSentence(crash.line)}` : ENDINGS[departed?.reason ?? ""])}
          {logTells && " The Xen log shows its registers and stack."} {departed && "Its console is kept."}
        </div>
      )}
      {domid < 0 ? (
        <div className="tab-panel">
          <div className="columns-flow">{kept && <KeptFacts kept={kept} />}</div>
          {kept && !kept.template && (
            <Suspense>
              <SnapshotsTab key={kept.uuid} uuid={kept.uuid} name={kept.name} isRunning={false} />
            </Suspense>
          )}
        </div>
      ) : (
        <>
          <Tabs
            label="Views of the domain"
            tabs={domid === 0 ? DOM0_TABS : DOMAIN_TABS}
            selected={tab}
            onSelect={(next) => show({ page: "domain", domid, tab: next })}
          />
          <div className="tab-panel" id="tab-panel" role="tabpanel" aria-labelledby={`tab-${tab}`}>
            {tab === "console" ? (
              <ConsoleTab domid={domid} name={name ?? String(domid)} />
            ) : tab === "display" ? (
              <Suspense>
                <DisplayTab key={domid} domid={domid} />
              </Suspense>
            ) : tab === "devices" && domain ? (
              <Suspense>
                <DevicesTab key={domid} domid={domid} />
              </Suspense>
            ) : tab === "devices" ? (
              <Suspense>
                <EndedDevices key={domid} domid={domid} />
              </Suspense>
            ) : tab === "snapshots" ? (
              <Suspense>
                {domain || kept ? (
                  <SnapshotsTab
                    key={(domain ?? kept)!.uuid}
                    uuid={(domain ?? kept)!.uuid}
                    name={(domain ?? kept)!.name}
                    isRunning={domain !== undefined}
                  />
                ) : (
                  <p className="page-empty">This domain is kept no more, and its snapshots went with it.</p>
                )}
              </Suspense>
            ) : tab === "inspect" && domain ? (
              <Suspense>
                <InspectTab domid={domid} />
              </Suspense>
            ) : tab === "inspect" ? (
              <Suspense>
                <CrashCard domid={domid} crashed={departed?.reason === "crash"} />
              </Suspense>
            ) : tab === "xenstore" ? (
              <StoreTab root={`/local/domain/${domid}`} domid={domid} />
            ) : domain ? (
              <Overview domain={domain} />
            ) : (
              <EndedOverview domid={domid} />
            )}
          </div>
        </>
      )}
    </div>
  );
}
