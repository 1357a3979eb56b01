import { useApp, show } from "../state/store.ts";
import { ConsoleTab } from "./ConsoleTab.tsx";
import { Overview } from "./Overview.tsx";
import { PowerButtons } from "./PowerButtons.tsx";
import { DomainName } from "./DomainName.tsx";
import { stateOf, STATE_WORDS } from "./state-words.ts";

const ENDINGS: Record<string, string> = {
  poweroff: "It powered off.",
  reboot: "It rebooted, as another domain.",
  crash: "It crashed; the Xen log shows its registers and stack.",
  watchdog: "Its watchdog was not fed.",
  suspend: "It suspended.",
  destroyed: "It was destroyed.",
};

export function DomainPage({ domid, tab }: { domid: number; tab: "overview" | "console" }) {
  const domain = useApp((state) => state.domains.find((each) => each.domid === domid));
  const departed = useApp((state) => state.departed.get(domid));
  const state = domain ? stateOf(domain) : null;
  const select = (next: "overview" | "console"): void => show({ page: "domain", domid, tab: next });
  return (
    <div className="page page-domain">
      <header className="page-header">
        {domain ? <DomainName domain={domain} /> : <h1>{departed?.name ?? `Domain ${domid}`}</h1>}
        {state && <span className={`badge state-${state}`}>{STATE_WORDS[state]}</span>}
        <span className="page-sub">domid {domid}</span>
        <span className="spacer" />
        {domain && <PowerButtons domain={domain} />}
      </header>
      {!domain && (
        <div className="banner banner-quiet" role="status">
          This domain is gone. {ENDINGS[departed?.reason ?? ""] ?? ""} Its console is kept.
        </div>
      )}
      <div className="tabs" role="tablist" aria-label="Views of the domain">
        {(["overview", "console"] as const).map((each) => (
          <button
            key={each}
            type="button"
            role="tab"
            id={`tab-${each}`}
            aria-selected={tab === each}
            aria-controls="tab-panel"
            tabIndex={tab === each ? 0 : -1}
            onClick={() => select(each)}
            onKeyDown={({ key }) => {
              if (key === "ArrowLeft" || key === "ArrowRight") {
                const other = each === "overview" ? "console" : "overview";
                select(other);
                document.getElementById(`tab-${other}`)?.focus();
              }
            }}
          >
            {each === "overview" ? "Overview" : "Console"}
          </button>
        ))}
      </div>
      <div className="tab-panel" id="tab-panel" role="tabpanel" aria-labelledby={`tab-${tab}`}>
        {tab === "console" ? (
          <ConsoleTab domid={domid} name={domain?.name ?? departed?.name ?? String(domid)} />
        ) : domain ? (
          <Overview domain={domain} />
        ) : (
          <p className="page-empty">There is nothing to measure any more.</p>
        )}
      </div>
    </div>
  );
}
